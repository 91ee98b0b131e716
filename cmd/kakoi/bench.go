package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/resources"
)

type benchOptions struct {
	model     string
	device    string
	dtype     string
	shape     string
	peer      string
	threads   int
	tokens    int
	batch     int
	rounds    int
	context   int
	lora      int
	lookup    bool
	figures   string
	profile   bool
	chunks    int
	files     int
	ask       int
	busy      int
	retrieval retrievalOptions
	pages     int
	hashes    bool
	keep      string
}

func benchFlags(fs *flag.FlagSet, c *call) {
	o := &benchOptions{}
	fs.StringVar(&o.model, "model", "", "cli.flag.bench_model")
	fs.StringVar(&o.device, "device", "", "cli.flag.device")
	fs.StringVar(&o.dtype, "dtype", "", "cli.flag.dtype")
	fs.StringVar(&o.shape, "shape", "", "cli.flag.shape")
	fs.StringVar(&o.peer, "peer", "", "cli.flag.peer")
	fs.IntVar(&o.threads, "threads", 0, "cli.flag.threads")
	fs.IntVar(&o.tokens, "tokens", 0, "cli.flag.tokens")
	fs.IntVar(&o.batch, "batch", 0, "cli.flag.batch")
	fs.IntVar(&o.rounds, "rounds", 0, "cli.flag.rounds")
	fs.IntVar(&o.context, "context", 0, "cli.flag.bench_context")
	fs.IntVar(&o.lora, "lora", 0, "cli.flag.bench_lora")
	fs.BoolVar(&o.lookup, "lookup", false, "cli.flag.bench_lookup")
	fs.StringVar(&o.figures, "figures", "", "cli.flag.bench_figures")
	fs.BoolVar(&o.profile, "profile", false, "cli.flag.bench_profile")
	fs.IntVar(&o.chunks, "chunks", 20_000, "cli.flag.chunks")
	fs.IntVar(&o.files, "files", 500, "cli.flag.bench_files")
	fs.IntVar(&o.ask, "ask", 0, "cli.flag.bench_ask")
	fs.IntVar(&o.pages, "pages", 0, "cli.flag.bench_pages")
	fs.BoolVar(&o.hashes, "hashes", false, "cli.flag.bench_hashes")
	fs.StringVar(&o.keep, "keep", "", "cli.flag.bench_keep")
	fs.IntVar(&o.busy, "busy", 0, "cli.flag.bench_busy")
	o.retrieval.register(fs)
	c.options = o
}

var benches = []string{"ingest", "index", "embed", "load", "prefill", "decode", "train", "add", "ask", "window", "retrieval", "capsule"}

func runBench(ctx context.Context, c *call) error {
	if err := c.want(1, -1); err != nil {
		return err
	}
	o := c.options.(*benchOptions)
	for flag, n := range map[string]int{"--rounds": o.rounds, "--tokens": o.tokens, "--batch": o.batch, "--threads": o.threads, "--context": o.context, "--lora": o.lora, "--chunks": o.chunks, "--files": o.files, "--ask": o.ask, "--busy": o.busy, "--pages": o.pages} {
		if n < 0 || n > 10_000_000 {
			return core.Explain(fmt.Errorf("bench %s %d: %w", flag, n, core.ErrUsage), "error.usage.value", flag, fmt.Sprint(n), "0 - 10000000")
		}
	}
	what := c.args[0]
	if what != "ingest" && what != "add" && what != "retrieval" {
		if err := c.want(1, 1); err != nil {
			return err
		}
	}
	switch what {
	case "ingest":
		return benchIngest(ctx, c, o)
	case "index":
		return benchIndex(ctx, c, o)
	case "add":
		return benchAdd(ctx, c, o)
	case "ask":
		return benchAsk(ctx, c, o)
	case "capsule":
		return benchCapsule(ctx, c, o)
	case "retrieval":
		return benchRetrieval(ctx, c, o.retrieval)
	case "window":
		return benchWindow(ctx, c, o)
	case "embed", "load", "prefill", "decode", "train":
		return benchEngine(ctx, c, o, what)
	}
	return core.Explain(fmt.Errorf("bench %q: %w", what, core.ErrUsage), "error.usage.value", "bench", what, strings.Join(benches, ", "))
}

// measurable is an engine process that measures itself.
type measurable interface {
	Bench(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error
}

// benchEngine hands the work to the engine process and prints its figures.
func benchEngine(ctx context.Context, c *call, o *benchOptions, kind string) (err error) {
	e := app.NewEngine(c.program.starter())
	defer func() { err = errors.Join(err, e.Close()) }()
	client, err := e.Client(ctx)
	if err != nil {
		return err
	}
	bench, ok := client.(measurable)
	if !ok {
		return fmt.Errorf("engine of another kind: %w", core.ErrUnsupported)
	}
	dir := filepath.Join(c.program.home, "models", settings.StarterModel)
	if kind == "embed" {
		dir = filepath.Join(c.program.home, "models", settings.StarterEmbedder)
	}
	if o.model != "" {
		dir = c.path(o.model)
	}
	if o.shape != "" {
		dir = ""
	}
	if strings.ContainsRune(o.peer, '/') {
		o.peer = c.path(o.peer)
	}
	options, err := json.Marshal(map[string]any{
		"model": dir, "shape": o.shape, "peer": o.peer, "device": o.device, "dtype": o.dtype, "threads": o.threads, "tokens": o.tokens, "batch": o.batch, "rounds": o.rounds,
		"context": o.context, "lora": o.lora, "lookup": o.lookup, "setting": o.figures, "profile": o.profile,
	})
	if err != nil {
		return fmt.Errorf("encode options: %w", err)
	}
	return bench.Bench(ctx, kind, options, func(figures json.RawMessage) error {
		own := map[string]any{}
		if err := json.Unmarshal(figures, &own); err != nil {
			return fmt.Errorf("read figures: %w", err)
		}
		return c.figures(own)
	})
}

// starter is how this program starts an engine without a data folder.
func (p *program) starter() func(ctx context.Context) (app.Client, error) {
	start := p.engine
	if start == nil {
		start = p.startEngine("", 0, nil)
	}
	return func(ctx context.Context) (app.Client, error) { return start(ctx, nil) }
}

// figures prints one object: a line of JSON, or a table.
func (c *call) figures(f map[string]any) error {
	if c.json {
		return c.emit(f)
	}
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		value := fmt.Sprint(f[name])
		if x, ok := f[name].(float64); ok {
			value = fmt.Sprintf("%.6g", x)
		}
		fmt.Fprintf(c.Out, "%s  %s\n", pad(strings.ReplaceAll(name, "_", " "), 30), sanitize(value, false))
	}
	fmt.Fprintln(c.Out)
	return nil
}

// median of at least one value.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// timed runs work once unmeasured and then rounds times, and returns the seconds of each.
func timed(ctx context.Context, rounds int, work func() error) ([]float64, error) {
	var seconds []float64
	for i := range rounds + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := work(); err != nil {
			return nil, err
		}
		if i > 0 {
			seconds = append(seconds, time.Since(start).Seconds())
		}
	}
	return seconds, nil
}

// samples writes the sample documents into a folder.
func samples(dir string) error {
	return fs.WalkDir(resources.Samples, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(resources.Samples, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return os.WriteFile(to, raw, 0o600)
	})
}

var _ measurable = (*engine.Client)(nil)
