package server

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"kakoi/core"
	"kakoi/core/engine"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/vault"
)

// entry is one model, from the beginning of its load until it is freed. Every user of it (the load, each call, and the
// table of models) holds it once; the last one to leave frees it.
type entry struct {
	kind, dir string
	info      []byte // JSON; nil while it loads
	gen       core.Generator
	emb       core.Embedder
	rank      core.Reranker
	cancel    context.CancelFunc // of the load

	mu       sync.Mutex
	users    int
	closeErr error
	freed    chan struct{}
}

func (e *entry) enter() {
	e.mu.Lock()
	e.users++
	e.mu.Unlock()
}

func (e *entry) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	e.cancel()
	switch {
	case e.gen != nil:
		e.closeErr = e.gen.Close()
	case e.emb != nil:
		e.closeErr = e.emb.Close()
	case e.rank != nil:
		e.closeErr = e.rank.Close()
	}
	close(e.freed)
}

func (s *Server) LoadGenerator(r *pb.LoadRequest, out grpc.ServerStreamingServer[pb.LoadEvent]) error {
	return s.loadModel("generator", r, out, func(ctx context.Context, e *entry, p core.Progress) (info any, err error) {
		if s.load.Generator == nil {
			return nil, core.ErrUnsupported
		}
		opt := options(r)
		opt.Key, err = vault.FromFiles(r.Key)
		clear(r.Key)
		if err != nil {
			return nil, err
		}
		if e.gen, err = s.load.Generator(ctx, string(r.Dir), opt, p); err != nil {
			e.gen = nil // an interface around a nil pointer is not nil
			return nil, err
		}
		return e.gen.Info(), nil
	})
}

func (s *Server) LoadEmbedder(r *pb.LoadRequest, out grpc.ServerStreamingServer[pb.LoadEvent]) error {
	return s.loadModel("embedder", r, out, func(ctx context.Context, e *entry, p core.Progress) (info any, err error) {
		if s.load.Embedder == nil {
			return nil, core.ErrUnsupported
		}
		if e.emb, err = s.load.Embedder(ctx, string(r.Dir), options(r), p); err != nil {
			e.emb = nil
			return nil, err
		}
		return e.emb.Info(), nil
	})
}

func (s *Server) LoadReranker(r *pb.LoadRequest, out grpc.ServerStreamingServer[pb.LoadEvent]) error {
	return s.loadModel("reranker", r, out, func(ctx context.Context, e *entry, p core.Progress) (info any, err error) {
		if s.load.Reranker == nil {
			return nil, core.ErrUnsupported
		}
		if e.rank, err = s.load.Reranker(ctx, string(r.Dir), options(r), p); err != nil {
			e.rank = nil
			return nil, err
		}
		return e.rank.Info(), nil
	})
}

func options(r *pb.LoadRequest) engine.ModelOptions {
	return engine.ModelOptions{Device: r.Device, DType: r.Dtype, Threads: int(r.Threads), Base: string(r.Base), Lookup: r.Lookup, Keep4Bit: r.Keep_4Bit}
}

func (s *Server) loadModel(kind string, r *pb.LoadRequest, out grpc.ServerStreamingServer[pb.LoadEvent],
	load func(context.Context, *entry, core.Progress) (any, error),
) error {
	ctx, cancel := context.WithCancel(out.Context())
	e := &entry{kind: kind, dir: string(r.Dir), cancel: cancel, users: 2, freed: make(chan struct{})} // the table and this load
	defer e.leave()
	s.mu.Lock()
	_, taken := s.models[r.Handle]
	if !taken {
		s.models[r.Handle] = e
	}
	s.mu.Unlock()
	if taken {
		e.leave()
		return fmt.Errorf("load %s as %d: the handle is taken: %w", kind, r.Handle, core.ErrUsage)
	}
	fail := func(err error) error {
		s.drop(r.Handle)
		return err
	}
	progress := &reporter{out: out}
	info, err := load(ctx, e, progress.report)
	progress.flush()
	if err != nil {
		return fail(fmt.Errorf("load %s %q: %w", kind, e.dir, err))
	}
	if err := ctx.Err(); err != nil { // cancelled or unloaded meanwhile
		return fail(err)
	}
	b, err := json.Marshal(info)
	if err != nil {
		return fail(fmt.Errorf("describe %s %q: %w", kind, e.dir, err))
	}
	s.mu.Lock()
	e.info = b
	s.mu.Unlock()
	err = out.Send(&pb.LoadEvent{Event: &pb.LoadEvent_Model{Model: &pb.Model{Handle: r.Handle, Kind: kind, Dir: valid(e.dir), InfoJson: b}}})
	if err != nil {
		return fail(err)
	}
	go debug.FreeOSMemory() // loading leaves large garbage behind (dequantised matrices)
	return nil
}

// drop takes a model out of the table. It is freed when its last call has ended.
func (s *Server) drop(handle uint64) *entry {
	s.mu.Lock()
	e := s.models[handle]
	delete(s.models, handle)
	s.mu.Unlock()
	if e != nil {
		e.cancel()
		e.leave()
	}
	return e
}

func (s *Server) Unload(ctx context.Context, r *pb.UnloadRequest) (*pb.UnloadReply, error) {
	e := s.drop(r.Handle)
	if e == nil {
		return &pb.UnloadReply{}, nil // gone already
	}
	select {
	case <-e.freed:
	case <-ctx.Done():
		return nil, fmt.Errorf("unload %s %q: %w", e.kind, e.dir, ctx.Err())
	}
	if e.closeErr != nil {
		return nil, fmt.Errorf("unload %s %q: %w", e.kind, e.dir, e.closeErr)
	}
	go debug.FreeOSMemory()
	return &pb.UnloadReply{}, nil
}

// use finds a loaded model for one call; leave it afterwards.
func (s *Server) use(handle uint64, kind string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.models[handle]
	if e == nil || e.info == nil || e.kind != kind {
		return nil, fmt.Errorf("use %s %d: %w", kind, handle, core.ErrNoModel)
	}
	e.enter()
	return e, nil
}

// reporter sends progress at a bounded rate, from whichever goroutine reports. The last update is always sent.
type reporter struct {
	out grpc.ServerStreamingServer[pb.LoadEvent]

	mu    sync.Mutex
	last  time.Time
	stage string
	held  *core.Update
}

const reportEvery = 50 * time.Millisecond

func (r *reporter) report(u core.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Stage == r.stage && time.Since(r.last) < reportEvery {
		r.held = &u
		return
	}
	r.send(u)
}

func (r *reporter) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil {
		r.send(*r.held)
	}
}

func (r *reporter) send(u core.Update) {
	if u.Stage != r.stage && r.held != nil && r.held.Stage == r.stage {
		r.put(*r.held)
	}
	r.held, r.stage, r.last = nil, u.Stage, time.Now()
	r.put(u)
}

func (r *reporter) put(u core.Update) {
	// A stream that is gone has cancelled the load's ctx; nothing more to do about it here.
	_ = r.out.Send(&pb.LoadEvent{Event: &pb.LoadEvent_Progress{
		Progress: &pb.Progress{Stage: u.Stage, Done: u.Done, Total: u.Total, Note: valid(u.Note)},
	}})
}

// valid makes a text for people fit for a proto string: file names may hold any bytes.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
