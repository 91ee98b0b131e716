package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
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
// engine. An instance is one thread with memory of its own; a document gets a fresh one, so that a hostile file
// leaves nothing behind for the next. Readers take turns on pdfReaders of them; whoever looks at pages has one more.
const (
	pdfReaders = 2
	maxMemory  = 1280 << 20 // bytes of an instance
)

type pdfEngine struct {
	pool    pdfium.Pool
	cache   wazero.CompilationCache
	readers chan struct{}
}

type pdfKey struct{ prepared, cacheDir, fontsDir string }

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
	err := e.pool.Close()
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(context.Background()))
	}
	return err
}

func engine(opt Options) (*pdfEngine, error) {
	engines.Lock()
	defer engines.Unlock()
	key := pdfKey{opt.Prepared, opt.CacheDir, opt.FontsDir}
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
		WithMemoryLimitPages(maxMemory >> 16)
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
		WASM:          module,
		MaxTotal:      -1, // no limit but ours
		RuntimeConfig: config,
		FSConfig:      wazero.NewFSConfig().WithFSMount(newFontsOnly(opt.FontsDir), "/"),
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
	return e, nil
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
	instance, err := e.instance(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			// go-pdfium recovers its own calls; a trap while it unwinds must not end the process either.
			if p := recover(); p != nil {
				done <- fmt.Errorf("pdfium: %v: %w", p, core.ErrCorrupt)
			}
		}()
		done <- fn(instance)
	}()
	select {
	case err := <-done:
		_ = instance.Close() // fails after a trap; the instance is thrown away as a whole all the same
		return err
	case <-ctx.Done():
		instance.stop()
		<-done
		_ = instance.Kill() // throws the instance away; its error says no more than ctx does
		return ctx.Err()
	}
}

// instance starts an instance; its stop has to be called in the end.
func (e *pdfEngine) instance(ctx context.Context) (*pdfLib, error) {
	instance, err := e.pool.GetInstanceWithContext(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, core.Explain(fmt.Errorf("start a pdf instance: %w", err), "error.file.pdf_engine")
	}
	l, err := newPDFLib(instance)
	if err != nil {
		return nil, core.Explain(errors.Join(err, instance.Close()), "error.file.pdf_engine")
	}
	return l, nil
}
