//go:build !torch

package bert

import (
	"context"

	"kakoi/core"
)

// Embedder is core.Embedder over one model; this build has no libtorch, so there is none.
type Embedder struct{}

// Load returns core.ErrNoDevice: this build has no libtorch.
func Load(context.Context, string, LoadOptions, core.Progress) (*Embedder, error) {
	return nil, core.ErrNoDevice
}

// Info is empty.
func (*Embedder) Info() core.EmbedderInfo { return core.EmbedderInfo{} }

// Embed returns core.ErrNoDevice.
func (*Embedder) Embed(context.Context, core.EmbedKind, []string) ([]core.Vector, error) {
	return nil, core.ErrNoDevice
}

// Close does nothing.
func (*Embedder) Close() error { return nil }

// Bench returns core.ErrNoDevice.
func Bench(context.Context, BenchOptions, func(BenchResult) error) error { return core.ErrNoDevice }

// Selftest returns core.ErrNoDevice.
func Selftest(context.Context, string, func(name string, ok bool, detail string)) error {
	return core.ErrNoDevice
}

// Reranker is core.Reranker over one model; this build has no libtorch, so there is none.
type Reranker struct{}

// LoadReranker returns core.ErrNoDevice: this build has no libtorch.
func LoadReranker(context.Context, string, LoadOptions, core.Progress) (*Reranker, error) {
	return nil, core.ErrNoDevice
}

// Info is empty.
func (*Reranker) Info() core.RerankerInfo { return core.RerankerInfo{} }

// Rerank returns core.ErrNoDevice.
func (*Reranker) Rerank(context.Context, string, []string) ([]float32, error) {
	return nil, core.ErrNoDevice
}

// Close does nothing.
func (*Reranker) Close() error { return nil }
