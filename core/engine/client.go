package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

const (
	maxRestarts   = 3
	restartWindow = time.Minute
)

// Client starts, supervises and calls the engine process. It is safe for concurrent use.
type Client struct {
	params Params
	lastID atomic.Uint64 // of handles and calls

	turn chan struct{} // one at a time starts the process

	mu        sync.Mutex
	proc      *process // the current one; nil before the first start
	restarts  []time.Time
	nRestarts int
	lastCrash string
	closed    bool
	watchers  sync.WaitGroup
	done      chan struct{} // closed by Close
}

// Start makes a client. The process itself starts with the first call that needs it.
func Start(ctx context.Context, p Params) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.StartTimeout == 0 {
		p.StartTimeout = 2 * time.Minute
	}
	if p.HangTimeout == 0 {
		p.HangTimeout = time.Minute
	}
	return &Client{params: p, turn: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// Close ends the engine and waits until it is gone. All models of this client end with it.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.done)
	eng := c.proc
	c.mu.Unlock()
	if eng != nil {
		eng.stop()
	}
	c.watchers.Wait()
	return nil
}

// Running says whether the engine process lives at this moment; it starts nothing.
func (c *Client) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc != nil && c.proc.alive()
}

// engine returns the running process, starting one where there is none.
func (c *Client) engine(ctx context.Context) (*process, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	eng, err := c.current()
	if err != nil {
		return nil, err
	}
	if eng.took == 0 {
		if err := c.greet(ctx, eng); err != nil {
			return nil, err
		}
	}
	return eng, nil
}

// current returns the process, ready or not; it is called by one goroutine at a time.
func (c *Client) current() (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, core.Explain(fmt.Errorf("use engine: client is closed: %w", core.ErrEngine), "error.engine.closed")
	}
	if c.proc != nil {
		if c.proc.alive() {
			return c.proc, nil
		}
		now := time.Now()
		for len(c.restarts) > 0 && now.Sub(c.restarts[0]) > restartWindow {
			c.restarts = c.restarts[1:]
		}
		crash := c.proc.crash()
		c.lastCrash = crash.Error()
		if len(c.restarts) >= maxRestarts {
			err := fmt.Errorf("start engine: restarted %d times within a minute: %w", maxRestarts, crash)
			return nil, core.Explain(err, "error.engine.restarts")
		}
		c.restarts = append(c.restarts, now)
		c.nRestarts++
	}
	eng, err := spawn(c.params)
	if err != nil {
		return nil, err
	}
	c.proc = eng
	return eng, nil
}

// greet waits for the first answer of a new process and checks that it is of our build. When ctx ends before, the
// process goes on starting and the next caller greets it.
func (c *Client) greet(ctx context.Context, eng *process) error {
	limited, cancel := context.WithTimeout(ctx, time.Until(eng.started.Add(c.params.StartTimeout)))
	defer cancel()
	r, err := eng.pb.Status(limited, &pb.StatusRequest{})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(limited.Err(), context.DeadlineExceeded) {
			eng.kill("silent")
			<-eng.exited
			return fmt.Errorf("start engine: no answer for %v: %w", c.params.StartTimeout, eng.crash())
		}
		return fmt.Errorf("start engine: %w", eng.fail(ctx, err))
	}
	if r.Protocol != wire.Protocol {
		eng.kill("silent")
		<-eng.exited
		err := fmt.Errorf("start engine: it speaks protocol %d, this program %d: %w", r.Protocol, wire.Protocol, core.ErrUnsupported)
		return core.Explain(err, "error.engine.version", c.params.Binary)
	}
	eng.took = time.Since(eng.started)
	return nil
}

// fail turns the error of a call into what the caller should see: the end of its own ctx, the engine's error, or
// the end of the process.
func (e *process) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if decoded, ok := wire.Decode(err); ok {
		return decoded
	}
	// gRPC's own error. If the process is ending, its state says more.
	switch status.Code(err) {
	case codes.DeadlineExceeded: // gRPC's clock may be ahead of ctx
		if _, has := ctx.Deadline(); has {
			return context.DeadlineExceeded
		}
	case codes.ResourceExhausted:
		return fmt.Errorf("call engine: %w: %w", core.ErrTooLarge, err)
	}
	select {
	case <-e.exited:
		return e.crash()
	case <-time.After(4 * time.Second): // longer than lost waits
		return core.Explain(fmt.Errorf("call engine: %w: %w", core.ErrEngine, err), "error.engine.lost", status.Convert(err).Message())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call names a call to the engine, so that done can tell whether the engine still works on it after ctx has ended.
func (c *Client) call(ctx context.Context, eng *process) (named context.Context, done func()) {
	id := strconv.FormatUint(c.lastID.Add(1), 10)
	named, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, wire.CallID, id))
	return named, func() {
		abandoned := ctx.Err() != nil
		cancel()
		if abandoned {
			c.watch(eng, id)
		}
	}
}

// watch ends the engine if it still works on the cancelled call id when HangTimeout is over: native code that hangs
// cannot be stopped in any other way.
func (c *Client) watch(eng *process, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.watchers.Go(func() {
		t := time.NewTimer(c.params.HangTimeout)
		defer t.Stop()
		select {
		case <-c.done:
			return
		case <-eng.exited:
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r, err := eng.pb.Status(ctx, &pb.StatusRequest{})
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				eng.kill("hung")
			}
			return
		}
		for _, call := range r.Calls {
			if call.Id == id {
				eng.kill("hung")
			}
		}
	})
}

// Status starts the engine where it does not run yet and asks it.
func (c *Client) Status(ctx context.Context) (Status, error) { return c.status(ctx) }

// Inspect is Status with a proof that the engine tries again at this moment, and what the kernel tells of its process (Proof.Process).
func (c *Client) Inspect(ctx context.Context) (Status, error) {
	return c.status(metadata.AppendToOutgoingContext(ctx, wire.Inspect, "1"))
}

func (c *Client) status(ctx context.Context) (Status, error) {
	eng, err := c.engine(ctx)
	if err != nil {
		return Status{}, err
	}
	r, err := eng.pb.Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return Status{}, fmt.Errorf("ask engine for its status: %w", eng.fail(ctx, err))
	}
	s := Status{
		PID: int(r.Pid), Version: r.Version, ResidentBytes: r.ResidentBytes,
		Libraries: c.params.LibraryPath, Reason: c.params.LibraryReason,
		Started: eng.started, StartSeconds: eng.took.Seconds(),
	}
	if err := json.Unmarshal(r.DeviceJson, &s.Device); err != nil {
		return Status{}, fmt.Errorf("read engine's device: %w: %w", core.ErrCorrupt, err)
	}
	if err := json.Unmarshal(r.ProofJson, &s.Proof); err != nil {
		return Status{}, fmt.Errorf("read engine's proof: %w: %w", core.ErrCorrupt, err)
	}
	for _, m := range r.Models {
		s.Models = append(s.Models, LoadedModel{Kind: m.Kind, Dir: m.Dir, Info: m.InfoJson})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Restarts, s.LastCrash = c.nRestarts, c.lastCrash
	return s, nil
}
