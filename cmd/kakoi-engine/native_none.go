//go:build !torch

package main

import (
	"context"
	"encoding/json"
	"fmt"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
)

// loaders of a build without libtorch: the service runs, and every model is refused.
func loaders() server.Loaders {
	none := func(what string) error {
		return core.Explain(fmt.Errorf("%s: built without libtorch: %w", what, core.ErrNoDevice), "error.engine.bare")
	}
	return server.Loaders{
		Generator: func(_ context.Context, dir string, _ engine.ModelOptions, _ core.Progress) (core.Generator, error) {
			return nil, none("load generator " + dir)
		},
		Embedder: func(_ context.Context, dir string, _ engine.ModelOptions, _ core.Progress) (core.Embedder, error) {
			return nil, none("load embedder " + dir)
		},
		Reranker: func(_ context.Context, dir string, _ engine.ModelOptions, _ core.Progress) (core.Reranker, error) {
			return nil, none("load reranker " + dir)
		},
		Trainer: func(core.Generator) (core.Trainer, error) { return nil, none("train") },
		Device: func() engine.DeviceInfo {
			return engine.DeviceInfo{Device: "none", Note: "built without libtorch"}
		},
		Selftest: func(context.Context, string, func(engine.Check) error) error { return none("self-test") },
		Bench: func(_ context.Context, kind string, _ json.RawMessage, _ func(json.RawMessage) error) error {
			return none("bench " + kind)
		},
	}
}

func logits(context.Context, []string) error {
	return core.Explain(fmt.Errorf("logits: built without libtorch: %w", core.ErrNoDevice), "error.engine.bare")
}

func trainRequest(context.Context, []string) error {
	return core.Explain(fmt.Errorf("train: built without libtorch: %w", core.ErrNoDevice), "error.engine.bare")
}
