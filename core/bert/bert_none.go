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
