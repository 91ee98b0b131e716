//go:build torch

package main

import (
	"context"
	"encoding/json"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
	"kakoi/core/neox"
)

// loaders of the full engine. Nothing is done before it is asked for: CUDA alone takes a second to load.
func loaders() server.Loaders {
	l := server.Loaders{Generator: loadGenerator, Device: seen.info}
	l.Bench = func(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
		return server.Bench(ctx, l, kind, options, emit)
	}
	return l
}

func loadGenerator(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error) {
	g, err := neox.Load(ctx, dir, neox.LoadOptions{Device: opt.Device, DType: opt.DType, Threads: threads(opt.Threads)}, p)
	if err != nil {
		return nil, err // not g: a nil *Generator in an interface is not nil
	}
	seen.use(g.Info().Device)
	return g, nil
}
