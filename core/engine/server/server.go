package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

// Loaders make models. What they return is used by several goroutines at once and closed once. A nil function answers
// core.ErrUnsupported.
type Loaders struct {
	Generator func(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error)
	Embedder  func(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Embedder, error)
	Reranker  func(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Reranker, error)
	Trainer   func(g core.Generator) (core.Trainer, error) // on the weights of what Generator made; held no longer than a call
	Device    func() engine.DeviceInfo
	Selftest  func(ctx context.Context, device string, emit func(engine.Check) error) error
	Bench     func(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error
}

// Server is the engine's service. Version and Proof are shown by Status; set them before Serve.
type Server struct {
	Version string
	Proof   closed.Proof

	pb.UnimplementedEngineServer
	load Loaders

	mu     sync.Mutex
	models map[uint64]*entry
	calls  map[*call]struct{}
}

// New makes a server without models.
func New(l Loaders) *Server {
	return &Server{load: l, models: map[uint64]*entry{}, calls: map[*call]struct{}{}}
}

// Serve answers the client on conn until the connection ends, which is how the client says goodbye, also when it is
// killed. Calls that are running then are cancelled but not waited for: they may sit in native code, and the process
// is about to end.
func (s *Server) Serve(conn net.Conn) error {
	lis := newOneConn(conn)
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(wire.MaxMessage),
		grpc.MaxSendMsgSize(wire.MaxMessage),
		grpc.InitialWindowSize(wire.Window),
		grpc.InitialConnWindowSize(wire.Window),
		// No pings: a laptop that slept is no reason to end, and a dead client is seen by the end of file.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 1 << 62}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	pb.RegisterEngineServer(g, s)
	served := make(chan error, 1)
	go func() { served <- g.Serve(lis) }()
	select {
	case <-lis.ended:
		g.Stop()
		<-served
		return nil
	case err := <-served:
		return fmt.Errorf("serve engine: %w", err)
	}
}

// Close frees all models, waiting for their running calls.
func (s *Server) Close() error {
	s.mu.Lock()
	var all []*entry
	for h, e := range s.models {
		delete(s.models, h)
		all = append(all, e)
	}
	s.mu.Unlock()
	var errs []error
	for _, e := range all {
		e.leave()
		<-e.freed
		errs = append(errs, e.closeErr)
	}
	return errors.Join(errs...)
}

// oneConn is a listener with exactly one connection to accept.
type oneConn struct {
	conns chan net.Conn
	ended chan struct{} // closed when the connection is
	once  sync.Once
}

func newOneConn(c net.Conn) *oneConn {
	l := &oneConn{conns: make(chan net.Conn, 1), ended: make(chan struct{})}
	l.conns <- &watched{c, l}
	return l
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, io.EOF
	}
}

func (l *oneConn) Close() error   { l.end(); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "kakoi", Net: "unix"} }
func (l *oneConn) end()           { l.once.Do(func() { close(l.ended) }) }

// watched reports the first failing read or write and the closing.
type watched struct {
	net.Conn
	l *oneConn
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.l.end()
	}
	return n, err
}

func (w *watched) Close() error {
	w.l.end()
	return w.Conn.Close()
}

// call is a call under way, kept so that the client can see whether one it cancelled still runs.
type call struct {
	id, method string
	ctx        context.Context
	began      time.Time
}

func (s *Server) begin(ctx context.Context, method string) (end func()) {
	c := &call{method: method, ctx: ctx, began: time.Now()}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		c.id = strings.Join(md.Get(wire.CallID), "")
	}
	s.mu.Lock()
	s.calls[c] = struct{}{}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.calls, c)
		s.mu.Unlock()
	}
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	defer s.begin(ctx, info.FullMethod)()
	r, err := handle(ctx, req)
	return r, wire.Encode(err)
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	defer s.begin(ss.Context(), info.FullMethod)()
	return wire.Encode(handle(srv, ss))
}

// Status describes the process; it touches no model and no device job, so that it answers while those hang.
func (s *Server) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusReply, error) {
	var dev engine.DeviceInfo
	if s.load.Device != nil {
		dev = s.load.Device()
	}
	r := &pb.StatusReply{Protocol: wire.Protocol, Version: s.Version, Pid: int64(os.Getpid()), ResidentBytes: resident()}
	var err error
	if r.DeviceJson, err = json.Marshal(dev); err != nil {
		return nil, fmt.Errorf("describe device: %w", err)
	}
	proof := s.Proof
	if md, ok := metadata.FromIncomingContext(ctx); ok && len(md.Get(wire.Inspect)) > 0 {
		if proof, err = inspect(proof); err != nil {
			return nil, err
		}
	}
	if r.ProofJson, err = json.Marshal(proof); err != nil {
		return nil, fmt.Errorf("describe proof: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, e := range s.models {
		if e.info != nil {
			r.Models = append(r.Models, &pb.Model{Handle: h, Kind: e.kind, Dir: valid(e.dir), InfoJson: e.info})
		}
	}
	sort.Slice(r.Models, func(i, j int) bool { return r.Models[i].Handle < r.Models[j].Handle })
	for c := range s.calls {
		if c.ctx == ctx {
			continue
		}
		r.Calls = append(r.Calls, &pb.Call{Id: c.id, Method: c.method, Seconds: time.Since(c.began).Seconds(), Cancelled: c.ctx.Err() != nil})
	}
	return r, nil
}

// inspect tries again what the proof says, and adds what the kernel tells of the process. Something that is open now is no error here:
// the attempts tell it.
func inspect(p closed.Proof) (closed.Proof, error) {
	p, err := p.Again()
	if err != nil && len(p.Attempts) == p.Refusals() {
		return p, err
	}
	if p.Files != nil {
		files, err := p.Files.Again()
		if err != nil && !errors.Is(err, landlock.ErrOpen) {
			return p, err
		}
		p.Files = &files
	}
	now, err := closed.Inspect()
	p.Process = &now
	return p, err
}

// resident is the process's resident memory in bytes; 0 where /proc does not tell.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
