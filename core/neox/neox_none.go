//go:build !torch

package neox

import (
	"context"
	"io"

	"kakoi/core"
)

// Generator is core.Generator over one model; this build has no libtorch, so there is none.
type Generator struct{}

// Load returns core.ErrNoDevice: this build has no libtorch.
func Load(context.Context, string, LoadOptions, core.Progress) (*Generator, error) {
	return nil, core.ErrNoDevice
}

// Info is empty.
func (*Generator) Info() core.GeneratorInfo { return core.GeneratorInfo{} }

// CountTokens returns core.ErrNoDevice.
func (*Generator) CountTokens(context.Context, []string) ([]int, error) {
	return nil, core.ErrNoDevice
}

// Generate returns core.ErrNoDevice.
func (*Generator) Generate(context.Context, []core.GenerateRequest, func(int, core.Delta) error) ([]core.Reply, error) {
	return nil, core.ErrNoDevice
}

// Close does nothing.
func (*Generator) Close() error { return nil }

// Selftest returns core.ErrNoDevice.
func Selftest(context.Context, string, func(name string, ok bool, detail string)) error {
	return core.ErrNoDevice
}

// Bench returns core.ErrNoDevice.
func Bench(context.Context, string, BenchOptions, func(BenchResult)) error {
	return core.ErrNoDevice
}

// Describe returns core.ErrNoDevice.
func Describe(string) (DeviceState, error) { return DeviceState{}, core.ErrNoDevice }

// Logits returns core.ErrNoDevice.
func Logits(context.Context, LogitsOptions, io.Writer) error { return core.ErrNoDevice }

// BenchLookup returns core.ErrNoDevice.
func BenchLookup(context.Context, string, LoadOptions, []AskedTwice) (LookupResult, ReuseResult, error) {
	return LookupResult{}, ReuseResult{}, core.ErrNoDevice
}
