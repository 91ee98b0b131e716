//go:build torch

package bert

import (
	"context"

	"kakoi/core"
)

// Bench measures.
func Bench(context.Context, BenchOptions, func(BenchResult) error) error { return core.ErrNoDevice }
