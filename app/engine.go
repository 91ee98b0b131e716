package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/core/engine"
)

// Client is what an Engine needs of the engine process.
type Client interface {
	LoadGenerator(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error)
	LoadEmbedder(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Embedder, error)
	Close() error
}

// Engine loads models when they are first needed and keeps them until Close. Callers that need the same model at
// the same time share one load. It is safe for concurrent use.
type Engine struct {
	start  func(ctx context.Context) (Client, error)
	ctx    context.Context // of the loads: a load goes on when the caller that began it gives up; ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex
	client *load[Client]
	models map[string]any  // "generator DIR" -> *load[core.Generator], "embedder DIR" -> *load[core.Embedder], "reranker DIR" -> *load[core.Reranker]
	held   map[string]int  // by folder: users that Release passes over
	stale  map[string]bool // folders that Renew passed over, while they are held
	loads  sync.WaitGroup
	closed bool
}

// load is a value on its way.
type load[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// NewEngine returns an Engine whose process is started by start, when first needed.
func NewEngine(start func(ctx context.Context) (Client, error)) *Engine {
	ctx, cancel := context.WithCancel(context.Background())
	return &Engine{start: start, ctx: ctx, cancel: cancel, models: map[string]any{}, held: map[string]int{}, stale: map[string]bool{}}
}

var errClosed = errors.New("engine is closed")

// begin runs get once for all who ask while it runs; e.mu is held. A failure is forgotten by forget, so that the next caller
// tries again.
func begin[T any](e *Engine, get func(context.Context) (T, error), forget func()) *load[T] {
	l := &load[T]{done: make(chan struct{})}
	e.loads.Add(1)
	go func() {
		defer e.loads.Done()
		defer close(l.done)
		if l.value, l.err = get(e.ctx); l.err != nil {
			e.mu.Lock()
			forget()
			e.mu.Unlock()
		}
	}()
	return l
}

func (l *load[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// Client starts the engine process where it does not run.
func (e *Engine) Client(ctx context.Context) (Client, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, errClosed
	}
	if e.client == nil {
		e.client = begin(e, e.start, func() { e.client = nil })
	}
	l := e.client
	e.mu.Unlock()
	return l.wait(ctx)
}

// Embedder returns the embedder in dir, loading it first where needed; p hears of the load if this call begins it.
func (e *Engine) Embedder(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Embedder, error) {
	return model(ctx, e, "embedder "+dir, func(ctx context.Context) (core.Embedder, error) {
		c, err := e.Client(ctx)
		if err != nil {
			return nil, err
		}
		if opt.DType == "nf4" {
			opt.DType = "auto" // 4 bits are the chat model's: an embedder has a form of its own
		}
		return c.LoadEmbedder(ctx, dir, opt, p)
	})
}

// Generator returns the chat model in dir, loading it first where needed; p hears of the load if this call begins it.
func (e *Engine) Generator(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error) {
	return model(ctx, e, "generator "+dir, func(ctx context.Context) (core.Generator, error) {
		c, err := e.Client(ctx)
		if err != nil {
			return nil, err
		}
		return c.LoadGenerator(ctx, dir, opt, p)
	})
}

// Reranker returns the reranker in dir, loading it first where needed; p hears of the load if this call begins it.
func (e *Engine) Reranker(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Reranker, error) {
	return model(ctx, e, "reranker "+dir, func(ctx context.Context) (core.Reranker, error) {
		c, err := e.Client(ctx)
		if err != nil {
			return nil, err
		}
		able, ok := c.(interface {
			LoadReranker(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Reranker, error)
		})
		if !ok {
			return nil, fmt.Errorf("load reranker %q: %w", dir, core.ErrUnsupported)
		}
		if opt.DType == "nf4" {
			opt.DType = "auto"
		}
		return able.LoadReranker(ctx, dir, opt, p)
	})
}

func model[T any](ctx context.Context, e *Engine, key string, get func(context.Context) (T, error)) (T, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		var zero T
		return zero, errClosed
	}
	l, ok := e.models[key].(*load[T])
	if !ok {
		l = begin(e, get, func() { delete(e.models, key) })
		e.models[key] = l
	}
	e.mu.Unlock()
	return l.wait(ctx)
}

// Hold keeps Release and Renew from the models of a folder until done is called, once: for who uses one in several calls.
func (e *Engine) Hold(dir string) (done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held[dir]++
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.held[dir]--; e.held[dir] > 0 {
			return
		}
		delete(e.held, dir)
		if e.stale[dir] {
			delete(e.stale, dir)
			e.drop(func(other string) bool { return other == dir })
		}
	}
}

// Held says whether somebody uses a model of a folder in several calls.
func (e *Engine) Held(dir string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held[dir] > 0
}

// Release gives back the memory of the chat models and embedders that lie in other folders than keep and that nobody holds.
// Calls that use one come to their end first; a load that is on its way is closed when it is done.
func (e *Engine) Release(keep ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop(func(dir string) bool { return !slices.Contains(keep, dir) && e.held[dir] == 0 })
}

// Renew has every model loaded anew when it is next needed; those that somebody holds, when nobody does any more.
func (e *Engine) Renew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for dir := range e.held {
		e.stale[dir] = true
	}
	e.drop(func(dir string) bool { return e.held[dir] == 0 })
}

// drop gives back the models of the folders that gone names; e.mu is held.
func (e *Engine) drop(gone func(dir string) bool) {
	if e.closed {
		return
	}
	for key, m := range e.models {
		_, dir, _ := strings.Cut(key, " ")
		if !gone(dir) {
			continue
		}
		delete(e.models, key)
		switch l := m.(type) {
		case *load[core.Generator]:
			release(e, l)
		case *load[core.Embedder]:
			release(e, l)
		case *load[core.Reranker]:
			release(e, l)
		}
	}
}

// release closes a model when it is there; e.mu is held.
func release[T io.Closer](e *Engine, l *load[T]) {
	e.loads.Add(1)
	go func() {
		defer e.loads.Done()
		if m, err := l.wait(e.ctx); err == nil {
			_ = m.Close() // the engine process ends what is left
		}
	}()
}

// warm runs work in the background; it is given up at Close.
func (e *Engine) warm(work func(context.Context)) { go work(e.ctx) }

// Close ends the engine process and with it all models. Loads that are on their way are given up.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	client := e.client
	e.mu.Unlock()
	e.cancel()
	e.loads.Wait()
	if client == nil || client.err != nil {
		return nil
	}
	return client.value.Close()
}
