//go:build torch

package train

import (
	"context"
	"sync"
	"time"

	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// rates are the matrix operations a second of devices, by their names and a type, once measured in this process.
var (
	ratesMu sync.Mutex
	rates   = map[string]float64{}
)

// matrixRate measures a model's device for some hundredths of a second.
func matrixRate(ctx context.Context, g *neox.Generator, dtype torch.DType) (float64, error) {
	ratesMu.Lock()
	defer ratesMu.Unlock()
	dev := g.Device()
	key := dev.Name() + dtype.String()
	if r := rates[key]; r > 0 {
		return r, nil
	}
	side, times := int64(512), 8
	if dev.CUDA() {
		side, times = 4096, 16
		if dtype == torch.Float32 {
			times = 4
		}
	}
	var took time.Duration
	err := dev.Do(ctx, func(s *torch.Scope) error {
		x, y := s.Normal(s.Empty(dtype, side, side), 0, 1), s.Normal(s.Empty(dtype, side, side), 0, 1)
		var start time.Time
		for i := range 1 + times {
			if i == 1 { // the first one makes things ready
				torch.Synchronize(dev.Index())
				start = time.Now()
			}
			s.Drop(s.MatMul(x, y))
		}
		torch.Synchronize(dev.Index())
		took = time.Since(start)
		return s.Err()
	})
	if err != nil || took <= 0 {
		return 0, err
	}
	rates[key] = 2 * float64(side*side*side) * float64(times) / took.Seconds()
	return rates[key], nil
}

// seconds is how long the run will take, from the device's matrix rate.
func (t *Trainer) seconds(ctx context.Context, p *prepared) (float64, error) {
	rate, err := matrixRate(ctx, t.g, p.dtype)
	if err != nil || rate <= 0 {
		return 0, err
	}
	share := shareCPU
	if t.g.Device().CUDA() {
		share = shareCUDA
	}
	w := work{cfg: t.g.Config(), keep: p.keep, tokens: float64(p.plan.Tokens), held: float64(p.held.tokens()), epochs: p.set.Epochs}
	counted := 0
	for _, e := range p.rows.examples {
		w.length += float64(len(e.ids)) * float64(len(e.ids)) / w.tokens
		counted += e.counted()
	}
	w.share = float64(counted) / w.tokens
	w.evals = float64(len(p.epochs))
	if p.set.EvalSteps > 0 {
		w.evals = float64(p.plan.Steps / p.set.EvalSteps)
	}
	return w.operations() / (rate * share), nil
}
