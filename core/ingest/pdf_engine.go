package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"kakoi/core"
)

// PDFium as WebAssembly: compiling takes 3 to 6 s and 300 MB (0.2 s and 50 MB from the cache), so a process keeps one
// engine. An instance is one thread with memory of its own; a document gets one whose memory is that of an instance just started, so that a hostile
// file leaves nothing behind for the next (pdfSnapshot). Readers take turns on pdfReaders of them; whoever looks at pages has one more.
const pdfReaders = 2

type pdfEngine struct {
	pool    pdfium.Pool
	cache   wazero.CompilationCache
	readers chan struct{}

	mu     sync.Mutex
	latest *pdfMemory   // of the instance being made
	start  *pdfSnapshot // nil: instances begin as they are made
	idle   []*pdfLib    // instances of readers, each as it was at its start
}

type pdfKey struct {
	prepared, cacheDir, fontsDir string
	fresh                        bool
}

var engines = struct {
	sync.Mutex
	open map[pdfKey]*pdfEngine
}{open: map[pdfKey]*pdfEngine{}}

// Close frees the PDF engine. No Read or PageBoxes may be running and no Pictures be open; a later one opens it again.
func Close() error {
	engines.Lock()
	defer engines.Unlock()
	var errs []error
	for key, e := range engines.open {
		errs = append(errs, e.close())
		delete(engines.open, key)
	}
	return errors.Join(errs...)
}

func (e *pdfEngine) close() error {
	err := e.pool.Close() // also of those that are idle
	if e.start != nil {
		e.start.close()
	}
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(context.Background()))
	}
	return err
}

func engine(opt Options) (*pdfEngine, error) {
	engines.Lock()
	defer engines.Unlock()
	key := pdfKey{opt.Prepared, opt.CacheDir, opt.FontsDir, opt.fresh}
	if e := engines.open[key]; e != nil {
		return e, nil
	}
	e, err := openPrepared(opt)
	if err != nil {
		return nil, core.Explain(fmt.Errorf("open the pdf engine: %w", err), "error.file.pdf_engine")
	}
	engines.open[key] = e
	return e, nil
}

func openEngine(opt Options) (*pdfEngine, error) {
	e := &pdfEngine{readers: make(chan struct{}, pdfReaders)}
	module, err := withLoops(pdfiumWasm)
	if err != nil {
		return nil, err
	}
	// PDFium needs exception handling.
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(mostMemory >> 16)
	if opt.CacheDir != "" {
		if err := os.MkdirAll(opt.CacheDir, 0o700); err != nil {
			return nil, err
		}
		cache, err := wazero.NewCompilationCacheWithDir(opt.CacheDir)
		if err != nil {
			return nil, err
		}
		e.cache, config = cache, config.WithCompilationCache(cache)
	}
	pool, err := webassembly.InitWithWASM(webassembly.Config{
		Context:       e.allocating(context.Background()),
		WASM:          module,
		MaxTotal:      -1, // no limit but ours
		RuntimeConfig: config,
		FSConfig:      pdfFiles(opt.FontsDir),
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	if err != nil {
		if e.cache != nil {
			err = errors.Join(err, e.cache.Close(context.Background()))
		}
		return nil, err
	}
	debug.FreeOSMemory() // the compiler's 250 MB
	e.pool = pool
	if opt.fresh {
		return e, nil
	}
	if err := e.warm(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// warm starts the first instance, and keeps what it is: with its fonts loaded, unless they are too large for that.
func (e *pdfEngine) warm() error {
	l, err := e.instance(context.Background())
	if err != nil {
		return err
	}
	if err = l.warm(true); err != nil {
		_ = l.Kill() // out of memory, which is a trap
		if l, err = e.instance(context.Background()); err != nil {
			return err
		}
		if err = l.warm(false); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	if e.start, err = l.snapshot(); err != nil { // without one each document has an instance of its own
		slog.Info("pdf instances are not kept", "error", err)
		return l.Close()
	}
	if err = l.restore(e.start); err != nil {
		return errors.Join(err, l.Close())
	}
	e.idle = append(e.idle, l)
	return nil
}

// do runs fn with an instance of its own. At the end of ctx the instance is killed and fn comes back with an error.
func (e *pdfEngine) do(ctx context.Context, fn func(*pdfLib) error) error {
	select {
	case e.readers <- struct{}{}:
		defer func() { <-e.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return e.run(ctx, fn)
}

// try is do, unless no instance is free.
func (e *pdfEngine) try(ctx context.Context, fn func(*pdfLib) error) (free bool, err error) {
	select {
	case e.readers <- struct{}{}:
		defer func() { <-e.readers }()
	default:
		return false, nil
	}
	return true, e.run(ctx, fn)
}

func (e *pdfEngine) run(ctx context.Context, fn func(*pdfLib) error) error {
	instance, err := e.ready(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			// go-pdfium recovers its own calls; a trap while it unwinds must not end the process either.
			if p := recover(); p != nil {
				instance.trapped = true
				done <- fmt.Errorf("pdfium: %v: %w", p, core.ErrCorrupt)
			}
		}()
		done <- fn(instance)
	}()
	select {
	case err := <-done:
		if err != nil && instance.memory.full.Load() && !errors.Is(err, errMemory) {
			err = errMemory
		}
		e.release(instance)
		return err
	case <-ctx.Done():
		instance.stop()
		<-done
		_ = instance.Kill() // throws the instance away; its error says no more than ctx does
		return ctx.Err()
	}
}

// ready is an instance as it was at its start; release or Kill has to be called in the end.
func (e *pdfEngine) ready(ctx context.Context) (*pdfLib, error) {
	if err := ctx.Err(); err != nil { // before one is taken, which would be lost
		return nil, err
	}
	e.mu.Lock()
	if n := len(e.idle); n > 0 {
		l := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		return l, nil
	}
	e.mu.Unlock()
	return e.instance(ctx)
}

// release puts an instance back to its start for the next document, or throws it away: after a trap nothing is known of what the module keeps
// outside of its memory. Memory never shrinks for the module, so one that a file made larger than the next may make it is thrown away, too: that file would have
// more than its limit. Short of that a large file leaves addresses behind only.
func (e *pdfEngine) release(l *pdfLib) {
	if e.start != nil && !l.trapped && l.memory.size <= e.start.size+textMemory && l.restore(e.start) == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.idle = append(e.idle, l)
		return
	}
	_ = l.Close() // fails after a trap; the instance is thrown away as a whole all the same
}

// instance makes an instance.
func (e *pdfEngine) instance(ctx context.Context) (l *pdfLib, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if p := recover(); p != nil { // no addresses for its memory
			err = core.Explain(fmt.Errorf("start a pdf instance: %v", p), "error.file.pdf_engine")
		}
	}()
	instance, err := e.pool.GetInstanceWithContext(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, core.Explain(fmt.Errorf("start a pdf instance: %w", err), "error.file.pdf_engine")
	}
	l, err = newPDFLib(instance, e.latest)
	if err == nil && e.start != nil {
		err = l.restore(e.start)
	}
	if err != nil {
		return nil, core.Explain(errors.Join(err, instance.Close()), "error.file.pdf_engine")
	}
	return l, nil
}
