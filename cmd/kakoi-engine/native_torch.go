//go:build torch

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
	"kakoi/core/neox"
	"kakoi/core/train"
)

// loaders of the full engine. Nothing is done before it is asked for: CUDA alone takes a second to load.
func loaders() server.Loaders {
	return server.Loaders{Generator: loadGenerator, Embedder: loadEmbedder, Reranker: loadReranker, Trainer: trainer, Device: seen.info, Selftest: selftests, Bench: benches}
}

func loadGenerator(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error) {
	load := neox.LoadOptions{Device: opt.Device, DType: opt.DType, Threads: threads(opt.Threads), Lookup: opt.Lookup, Keep4Bit: opt.Keep4Bit, Key: opt.Key}
	g, err := neox.Load(ctx, dir, load, p)
	if err != nil {
		return nil, err // not g: a nil *Generator in an interface is not nil
	}
	look(g.Info().Device)
	return g, nil
}

func loadEmbedder(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Embedder, error) {
	e, err := bert.Load(ctx, dir, bert.LoadOptions{Device: opt.Device, DType: opt.DType, Threads: threads(opt.Threads)}, p)
	if err != nil {
		return nil, err
	}
	look(e.Info().Device)
	return e, nil
}

func loadReranker(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Reranker, error) {
	r, err := bert.LoadReranker(ctx, dir, bert.LoadOptions{Device: opt.Device, DType: opt.DType, Base: opt.Base, Threads: threads(opt.Threads)}, p)
	if err != nil {
		return nil, err
	}
	look(r.Info().Device)
	return r, nil
}

func trainer(g core.Generator) (core.Trainer, error) {
	n, ok := g.(*neox.Generator)
	if !ok {
		return nil, fmt.Errorf("train %T: %w", g, core.ErrUnsupported)
	}
	return train.New(n), nil
}

// look remembers for Status what there is to know of a device that has just been used.
func look(name string) {
	if d, err := neox.Describe(name); err == nil {
		seen.use(engine.DeviceInfo{Device: d.Name, Torch: d.Library, Note: d.Reason, MemoryBytes: d.Total, FreeBytes: d.Free})
	}
}

// selftests runs every package's checks, also when those of one fail.
func selftests(ctx context.Context, device string, emit func(engine.Check) error) error {
	return timed(emit, func(report func(name string, ok bool, detail string)) error {
		var all []error
		for _, run := range []func(context.Context, string, func(string, bool, string)) error{neox.Selftest, bert.Selftest} {
			if err := run(ctx, device, report); err != nil {
				all = append(all, fmt.Errorf("self-test on %q: %w", device, err))
				if !errors.Is(err, core.ErrCorrupt) {
					return errors.Join(all...)
				}
			}
		}
		look(device)
		return errors.Join(all...)
	})
}

// benches hands kind to the package that measures it.
func benches(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
	o, err := server.ParseBench(kind, options)
	if err != nil {
		return err
	}
	figure := func(result any) error {
		b, err := json.Marshal(result)
		if err != nil {
			return fmt.Errorf("bench %s: %w", kind, err)
		}
		return emit(b)
	}
	if o.Lookup {
		pairs, err := extractive(lookupPrompts)
		if err != nil {
			return err
		}
		lookup, reuse, err := neox.BenchLookup(ctx, o.Model, neox.LoadOptions{Device: o.Device, DType: o.DType, Threads: threads(o.Threads)}, pairs)
		if err != nil {
			return err
		}
		if err := figure(lookup); err != nil {
			return err
		}
		return figure(reuse)
	}
	switch kind {
	case "plan":
		p, err := plan(ctx, options)
		if err != nil {
			return err
		}
		return figure(p)
	case "memory":
		return benchMemory(ctx, o, figure)
	case "train":
		return benchTrain(ctx, o, figure)
	case "embed":
		opt := bert.BenchOptions{
			Dir: o.Model, Load: bert.LoadOptions{Device: o.Device, DType: o.DType, Threads: threads(o.Threads)},
			Texts: o.Tokens, Runs: o.Rounds, Peer: o.Peer, Batch: o.Batch,
		}
		return bert.Bench(ctx, opt, func(r bert.BenchResult) error { return figure(r) })
	case "load", "prefill", "decode":
		opt := neox.BenchOptions{
			Dir: o.Model, Load: neox.LoadOptions{Device: o.Device, DType: o.DType, Threads: threads(o.Threads)}, Seconds: float64(o.Rounds),
		}
		if o.Shape != "" {
			opt.Dir, opt.Shape = "", neox.RinnaShape
		}
		opt.Batch, opt.LoRA = o.Batch, o.LoRA
		if kind == "decode" {
			opt.New, opt.Prompt = o.Tokens, o.Context
		} else {
			opt.Prompt = o.Tokens
		}
		var failed error
		err := neox.Bench(ctx, kind, opt, func(r neox.BenchResult) {
			if failed == nil {
				failed = figure(r)
			}
		})
		if failed != nil {
			return failed
		}
		return err
	}
	return fmt.Errorf("bench %q: %w (load, prefill, decode, embed, memory, train)", kind, core.ErrUsage)
}

// logits writes the logits of given tokens, for comparisons with other programs (core/neox/testdata/agreement.py).
func logits(ctx context.Context, args []string) error {
	fs := flags("logits")
	var opt neox.LogitsOptions
	var ids, out string
	fs.StringVar(&opt.Dir, "model", "", "")
	fs.StringVar(&opt.Load.Device, "device", "auto", "")
	fs.StringVar(&opt.Load.DType, "dtype", "auto", "")
	fs.IntVar(&opt.Load.Threads, "threads", 0, "")
	fs.StringVar(&opt.Adapter, "adapter", "", "")
	fs.StringVar(&opt.Path, "path", "prefill", "")
	fs.StringVar(&ids, "ids", "", "")
	fs.StringVar(&out, "out", "", "")
	if err := parse(fs, args); err != nil {
		return err
	}
	raw, err := os.ReadFile(ids)
	if err != nil {
		return fmt.Errorf("logits: %w: %w", core.ErrUsage, err)
	}
	if err := json.Unmarshal(raw, &opt.IDs); err != nil {
		return fmt.Errorf("logits: %q is no JSON list of token ids: %w: %w", ids, core.ErrUsage, err)
	}
	opt.Load.Threads = threads(opt.Load.Threads)
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("logits: %w: %w", core.ErrUsage, err)
	}
	return errors.Join(neox.Logits(ctx, opt, f), f.Close())
}
