//go:build torch

package neox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// Bench measures what ("load", "prefill" or "decode") and, in the same run, the machine's copy bandwidth and matrix
// product rate, and emits each figure. The model is a folder's or, for speed alone, random weights of a shape, made
// on the device. Random weights decode at the same speed as real ones of their size.
func Bench(ctx context.Context, what string, opt BenchOptions, emit func(BenchResult)) error {
	if !slices.Contains([]string{"load", "prefill", "decode"}, what) {
		return fmt.Errorf("bench %q: %w (load, prefill, decode)", what, core.ErrUsage)
	}
	cfg, how, err := opt.config()
	if err != nil {
		return readable(err)
	}
	dev, as, err := place(opt.Load, cfg, how)
	if err != nil {
		return readable(err)
	}
	b := bench{ctx: ctx, cfg: cfg, dev: dev, as: as, opt: opt, emit: emit}
	if b.opt.Seconds <= 0 {
		b.opt.Seconds = 3
	}
	if what == "load" {
		return readable(b.loading())
	}
	if b.run, err = b.load(); err != nil {
		return readable(err)
	}
	defer b.close()
	copying, product, err := b.limits()
	if err != nil {
		return readable(err)
	}
	return readable(b.tokens(what, copying, product))
}

// close frees the model.
func (b *bench) close() {
	_ = b.dev.Do(context.WithoutCancel(b.ctx), func(*torch.Scope) error { b.run.close(); return nil })
}

// config is that of the folder, or the shape, and how the linears are stored.
func (o BenchOptions) config() (cfg Config, how stored, err error) {
	if o.Dir == "" {
		return o.Shape, stored{"BF16", "BF16"}, nil
	}
	folder, err := weights.Open(o.Dir)
	if err != nil {
		return cfg, how, err
	}
	return cfg, storedAs(folder), errors.Join(folder.Config(&cfg), folder.Close())
}

type bench struct {
	ctx  context.Context
	cfg  Config
	run  runner
	dev  *device.Device
	as   storage
	opt  BenchOptions
	emit func(BenchResult)

	st      state
	ids     []int32 // the prompt
	adapter int
	read    int64 // bytes that the adapter adds to a step
}

func (b *bench) report(r BenchResult) {
	r.Device = b.dev.Name()
	if b.run != nil {
		r.DType = cmp.Or(r.DType, b.run.traits().dtype)
		if x, ok := b.run.(interface{ instructions() string }); ok {
			r.Instructions = x.instructions()
		}
	}
	if b.emit != nil {
		b.emit(r)
	}
}

// load makes the model: a folder's, or random numbers of the shape made on the device itself.
func (b *bench) load() (runner, error) {
	if err := b.cfg.Validate(); err != nil {
		return nil, err
	}
	if b.opt.Dir == "" {
		return newRunner(b.ctx, b.dev, b.cfg, b.as, randomSource{shapes: tensorShapes(b.cfg)}, nil)
	}
	folder, err := weights.Open(b.opt.Dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return newRunner(b.ctx, b.dev, b.cfg, b.as, folder, nil)
}

// limits measures what bounds decoding (on a GPU bytes copied per second, read and write counted; on a CPU bytes
// read by all threads) and prefill (the product of square matrices), in the model's dtype.
func (b *bench) limits() (gb, gflop float64, err error) {
	size, side, often := int64(256<<20), int64(1024), 1
	if b.dev.CUDA() {
		size, side, often = 4<<30, 8192, 8 // one after the other without the host's pauses, as in a model
	}
	copying := func(s *torch.Scope) func() {
		src, dst := s.Zero(s.Empty(torch.Uint8, size)), s.Zero(s.Empty(torch.Uint8, size))
		return func() {
			for range often {
				s.Write(dst, src)
			}
		}
	}
	product := func(s *torch.Scope) func() {
		x, y := s.Normal(s.Empty(b.as.dtype, side, side), 0, 1), s.Normal(s.Empty(b.as.dtype, side, side), 0, 1)
		return func() {
			for range often {
				s.Drop(s.MatMul(x, y))
			}
		}
	}
	t, n, err := b.inOneGo(copying)
	if err != nil {
		return 0, 0, err
	}
	t /= time.Duration(often)
	gb = 2 * float64(size) / 1e9 / t.Seconds()
	b.report(BenchResult{Name: "copy", Runs: n, Milliseconds: millis(t), GBPerSec: gb})
	if x, ok := b.run.(ownBounds); ok {
		return b.ownLimits(x)
	}
	if !b.dev.CUDA() {
		const bytes = 1 << 30
		reading := func(s *torch.Scope) func() {
			src := s.Zero(s.Empty(torch.Uint8, bytes))
			return func() { s.ReadAll(src) }
		}
		if t, n, err = b.inOneGo(reading); err != nil {
			return 0, 0, err
		}
		gb = bytes / 1e9 / t.Seconds()
		b.report(BenchResult{Name: "read", Runs: n, Milliseconds: millis(t), GBPerSec: gb})
	}
	if t, n, err = b.inOneGo(product); err != nil {
		return 0, 0, err
	}
	t /= time.Duration(often)
	gflop = 2 * float64(side) * float64(side) * float64(side) / 1e9 / t.Seconds()
	b.report(BenchResult{Name: "matmul", Runs: n, Milliseconds: millis(t), GFLOPPerSec: gflop})
	return gb, gflop, nil
}

// ownBounds are what bounds our own kernels, measured by their threads: reading what a step reads, in one of several ways, and issuing
// the multiply-adds of a prompt's products (their number), on registers or with the loads that they cannot do without. A prompt's
// token takes multiplied of them.
type ownBounds interface {
	readWeights(way int) int64
	readWays() int
	multiply(loads bool) (adds float64)
	multiplied() float64
}

// ownLimits reports them.
func (b *bench) ownLimits(x ownBounds) (gb, gflop float64, err error) {
	var best BenchResult
	for way := range x.readWays() {
		var bytes int64
		t, n, err := b.inOneGo(func(*torch.Scope) func() { return func() { bytes = x.readWeights(way) } })
		if err != nil {
			return 0, 0, err
		}
		if gb := float64(bytes) / 1e9 / t.Seconds(); gb > best.GBPerSec {
			best = BenchResult{Name: "read", Runs: n, Milliseconds: millis(t), GBPerSec: gb}
		}
	}
	gb = best.GBPerSec
	b.report(best)
	for _, loads := range []bool{false, true} {
		var adds float64
		t, n, err := b.inOneGo(func(*torch.Scope) func() { return func() { adds = x.multiply(loads) } })
		if err != nil {
			return 0, 0, err
		}
		if adds == 0 {
			return gb, math.Inf(1), nil // plain C has no such measure
		}
		gflop = 2 * adds / 1e9 / t.Seconds()
		name := "matmul"
		if loads {
			name = "matmul with loads"
		}
		b.report(BenchResult{Name: name, Runs: n, Milliseconds: millis(t), GFLOPPerSec: gflop})
	}
	return gb, gflop, nil
}

// reads are steps that read what our kernels read, in each way; none for other runners. bound is the most that they read per second,
// in GB, given their times.
func (b *bench) reads() (steps []func() error, bound func(times []time.Duration) float64) {
	x, ok := b.run.(ownBounds)
	if !ok {
		return nil, func([]time.Duration) float64 { return 0 }
	}
	bytes := make([]int64, x.readWays())
	for way := range bytes {
		steps = append(steps, func() error { bytes[way] = x.readWeights(way); return nil })
	}
	return steps, func(times []time.Duration) (gb float64) {
		for way, t := range times {
			gb = max(gb, float64(bytes[way])/1e9/t.Seconds())
		}
		return gb
	}
}

// multiplies are such steps of multiply-adds with loads; bound is in GFLOP/s.
func (b *bench) multiplies() (steps []func() error, bound func(times []time.Duration) float64) {
	x, ok := b.run.(ownBounds)
	adds := 0.
	if ok {
		adds = x.multiply(true)
	}
	if adds == 0 {
		return nil, func([]time.Duration) float64 { return 0 }
	}
	// Long enough that threads which slept have woken: a millisecond's rate was half of what the prompt itself then reached.
	const window = 50 * time.Millisecond
	var rates []float64 // GFLOP/s
	step := func() error {
		n, begin := 0, time.Now()
		for time.Since(begin) < window {
			x.multiply(true)
			n++
		}
		rates = append(rates, 2*float64(n)*adds/1e9/time.Since(begin).Seconds())
		return nil
	}
	return []func() error{step}, func([]time.Duration) float64 {
		slices.Sort(rates)
		return rates[len(rates)/2]
	}
}

// inOneGo repeats an operation on the device's thread and gives the median time of one.
func (b *bench) inOneGo(prepare func(*torch.Scope) func()) (t time.Duration, n int, err error) {
	err = b.dev.Do(b.ctx, func(s *torch.Scope) error {
		step := prepare(s)
		t, n, err = b.median(func() error {
			step()
			torch.Synchronize(b.dev.Index())
			return s.Err()
		})
		return err
	})
	return t, n, err
}

// median runs step, once to warm up and then for a third of the time of a figure, three times at least.
func (b *bench) median(step func() error) (time.Duration, int, error) {
	t, n, err := b.medians(step)
	return t[0], n, err
}

// medians is median of several steps in turn, so that their times stand beside each other when the machine changes its pace.
func (b *bench) medians(steps ...func() error) ([]time.Duration, int, error) {
	out, times := make([]time.Duration, len(steps)), make([][]time.Duration, len(steps))
	for _, step := range steps {
		if err := step(); err != nil {
			return out, 0, err
		}
	}
	for begin := time.Now(); len(times[0]) < 3 || time.Since(begin).Seconds() < b.opt.Seconds/3; {
		for i, step := range steps {
			if err := b.ctx.Err(); err != nil {
				return out, 0, err
			}
			start := time.Now()
			if err := step(); err != nil {
				return out, 0, err
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	for i := range times {
		slices.Sort(times[i])
		out[i] = times[i][len(times[i])/2]
	}
	return out, len(times[0]), nil
}

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }
