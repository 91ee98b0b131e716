package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
)

const (
	kindGenerator = "generator"
	kindEmbedder  = "embedder"
	kindReranker  = "reranker"

	unloadTimeout = 30 * time.Second
)

// model is one loaded model as this side knows it. It outlives the process that holds the weights: the first call
// after a restart loads it again.
type model struct {
	c    *Client
	kind string
	dir  string
	opt  ModelOptions
	read func(infoJSON []byte) (id string, err error) // takes the info over

	turn chan struct{} // one at a time loads

	mu     sync.Mutex
	proc   *process // that holds it under handle
	handle uint64
	id     string // of the first load
	closed bool
}

func newModel(c *Client, kind, dir string, opt ModelOptions) *model {
	return &model{c: c, kind: kind, dir: dir, opt: opt, turn: make(chan struct{}, 1)}
}

// load loads the model for the first time; from then on its info, whose ID id gives, is in info after each load.
func load[T any](ctx context.Context, m *model, info *atomic.Pointer[T], id func(T) string, p core.Progress) error {
	m.read = func(b []byte) (string, error) {
		var said T
		if err := json.Unmarshal(b, &said); err != nil {
			return "", fmt.Errorf("read info of %s %q: %w: %w", m.kind, m.name(), core.ErrCorrupt, err)
		}
		info.Store(&said)
		return id(said), nil
	}
	_, _, err := m.in(ctx, p)
	return err
}

// in returns the running engine and the handle of the model in it, starting and loading what is missing.
func (m *model) in(ctx context.Context, p core.Progress) (*process, uint64, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	m.mu.Lock()
	closed, proc, handle := m.closed, m.proc, m.handle
	m.mu.Unlock()
	if closed {
		return nil, 0, fmt.Errorf("use %s %q after Close: %w", m.kind, m.name(), core.ErrNoModel)
	}
	eng, err := m.c.engine(ctx)
	if err != nil {
		return nil, 0, err
	}
	if eng == proc {
		return eng, handle, nil
	}
	handle = m.c.lastID.Add(1)
	loaded, err := m.load(ctx, eng, handle, p)
	if err != nil {
		m.c.unload(eng, handle) // the engine may have finished loading when we gave up
		return nil, 0, err
	}
	id, err := m.read(loaded.InfoJson)
	if err == nil && m.id != "" && id != m.id {
		// Other weights give other vectors: mixing them with the old ones would be silent damage.
		err = core.Explain(fmt.Errorf("load %q again: id %s, it was %s: %w", m.dir, id, m.id, core.ErrCorrupt), "error.engine.changed", m.name())
	}
	if err != nil {
		m.c.unload(eng, handle)
		return nil, 0, err
	}
	m.mu.Lock()
	m.proc, m.handle, m.id = eng, handle, id
	m.mu.Unlock()
	return eng, handle, nil
}

// load asks the engine for the model and passes its progress on.
func (m *model) load(ctx context.Context, eng *process, handle uint64, p core.Progress) (*pb.Model, error) {
	named, done := m.c.call(ctx, eng)
	defer done()
	req := &pb.LoadRequest{
		Dir: []byte(m.dir), Device: m.opt.Device, Dtype: m.opt.DType, Threads: int32(m.opt.Threads), Handle: handle,
		Lookup: m.opt.Lookup, Keep_4Bit: m.opt.Keep4Bit, Base: []byte(m.opt.Base),
	}
	if m.kind == kindGenerator {
		var err error
		if req.Key, err = m.c.params.Key.Files(); err != nil {
			return nil, fmt.Errorf("load %s %q: %w", m.kind, m.name(), err)
		}
		defer clear(req.Key)
	}
	start := eng.pb.LoadEmbedder
	switch m.kind {
	case kindGenerator:
		start = eng.pb.LoadGenerator
	case kindReranker:
		start = eng.pb.LoadReranker
	}
	stream, err := start(named, req)
	for err == nil {
		var ev *pb.LoadEvent
		if ev, err = stream.Recv(); err != nil {
			break
		}
		switch e := ev.Event.(type) {
		case *pb.LoadEvent_Progress:
			p.Report(core.Update{Stage: e.Progress.Stage, Done: e.Progress.Done, Total: e.Progress.Total, Note: e.Progress.Note})
		case *pb.LoadEvent_Model:
			return e.Model, nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("no model came: %w", core.ErrEngine)
	}
	return nil, fmt.Errorf("load %s %q: %w", m.kind, m.name(), eng.fail(ctx, err))
}

func (m *model) name() string { return filepath.Base(m.dir) }

// doing wraps the error of a call with what was being done.
func (m *model) doing(what string, eng *process, ctx context.Context, err error) error {
	return fmt.Errorf("%s with %q: %w", what, m.name(), eng.fail(ctx, err))
}

// Close frees the model in the engine once its running calls have ended. Further calls fail with core.ErrNoModel.
func (m *model) Close() error {
	m.mu.Lock()
	eng, handle, was := m.proc, m.handle, m.closed
	m.closed, m.proc = true, nil
	m.mu.Unlock()
	if was || eng == nil {
		return nil
	}
	return m.c.unload(eng, handle)
}

// unload frees handle; a process that is gone has freed it already.
func (c *Client) unload(eng *process, handle uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	if !eng.alive() {
		return nil
	}
	_, err := eng.pb.Unload(ctx, &pb.UnloadRequest{Handle: handle})
	if err == nil {
		return nil
	}
	if err = eng.fail(ctx, err); errors.Is(err, core.ErrEngine) {
		return nil
	}
	return fmt.Errorf("unload model: %w", err)
}

// receive reads a server stream to its end.
func receive[T any](stream grpc.ServerStreamingClient[T], each func(*T) error) error {
	for {
		ev, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(ev); err != nil {
			return &stopped{err}
		}
	}
}

// stopped is an error of the receiver, not of the engine.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }
