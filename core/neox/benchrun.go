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
	if x, ok := b.run.(interface {
		readWeights(way int) int64
		readWays() int
		multiply() (adds float64)
	}); ok {
		return b.ownLimits(x.readWays(), x.readWeights, x.multiply)
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

// ownLimits measures them by the threads and on the weights of our own kernels: reading what a step reads, in the quickest of
// several ways, and issuing the multiply-adds of a prompt's products on registers.
func (b *bench) ownLimits(ways int, read func(way int) int64, multiply func() float64) (gb, gflop float64, err error) {
	var best BenchResult
	for way := range ways {
		var bytes int64
		t, n, err := b.inOneGo(func(*torch.Scope) func() { return func() { bytes = read(way) } })
		if err != nil {
			return 0, 0, err
		}
		if gb := float64(bytes) / 1e9 / t.Seconds(); gb > best.GBPerSec {
			best = BenchResult{Name: "read", Runs: n, Milliseconds: millis(t), GBPerSec: gb}
		}
	}
	gb = best.GBPerSec
	b.report(best)
	var adds float64
	t, n, err := b.inOneGo(func(*torch.Scope) func() { return func() { adds = multiply() } })
	if err != nil {
		return 0, 0, err
	}
	if adds == 0 {
		return gb, math.Inf(1), nil // plain C has no such measure
	}
	gflop = 2 * adds / 1e9 / t.Seconds()
	b.report(BenchResult{Name: "matmul", Runs: n, Milliseconds: millis(t), GFLOPPerSec: gflop})
	return gb, gflop, nil
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
	if err := step(); err != nil {
		return 0, 0, err
	}
	var times []time.Duration
	for begin := time.Now(); len(times) < 3 || time.Since(begin).Seconds() < b.opt.Seconds/3; {
		if err := b.ctx.Err(); err != nil {
			return 0, 0, err
		}
		start := time.Now()
		if err := step(); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], len(times), nil
}

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }
