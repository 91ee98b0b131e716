//go:build torch

package train

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// Bench measures training steps over random weights of a shape: sequences of one length with each way of recomputing, the last one
// once more without bf16 copies of the matrices, and a natural mix of lengths, packed; in the same run the device's matrix rate. Results are
// BenchResult, and RunResult of whole runs.
func Bench(ctx context.Context, opt BenchOptions, emit func(any) error) error {
	rate := 0.0
	for _, copies := range []bool{true, false} {
		if !copies && !opt.wants("low") {
			break
		}
		g, err := openBench(ctx, &opt, copies)
		if err != nil {
			return err
		}
		if err := opt.complete(g.Device().CUDA()); err != nil {
			return errors.Join(err, g.Close())
		}
		b := benchRun{ctx: ctx, opt: opt, g: g, emit: emit, copies: copies && g.Outside() > 0, rate: rate}
		if copies {
			err = b.runs()
		}
		if err == nil && opt.steps() {
			err = b.all()
		}
		rate = b.rate
		if err = errors.Join(err, g.Close()); err != nil {
			return err
		}
		if g.Outside() == 0 {
			break // there are no copies to do without
		}
	}
	return nil
}

type benchRun struct {
	ctx    context.Context
	opt    BenchOptions
	g      *neox.Generator
	emit   func(any) error
	copies bool
	rate   float64 // matrix operations a second
}

func (b *benchRun) all() (err error) {
	dtype, compute := torch.Float32, "fp32"
	if b.g.Device().CUDA() {
		dtype, compute = torch.BFloat16, "bf16"
	}
	info := b.g.Info()
	if b.rate == 0 {
		if b.rate, err = b.g.MatrixRate(b.ctx, dtype); err != nil {
			return err
		}
		if err := b.emit(BenchResult{Name: "matmul", Device: info.Device, DType: compute, TFLOPs: b.rate / 1e12}); err != nil {
			return err
		}
	}
	full := made(repeated(b.opt.Sequence, b.opt.Batch), b.opt.Shape.VocabSize)
	fill := filling{Budget: b.opt.Sequence * b.opt.Batch, Packing: true}
	rows := made(naturalLengths(40*b.opt.Batch), b.opt.Shape.VocabSize)
	var mix [][]example
	for _, numbers := range fill.epoch(rows, 1, 0) {
		var batch []example
		for _, i := range numbers {
			batch = append(batch, rows[i])
		}
		mix = append(mix, batch)
	}
	ways := []string{"none", "gelu", "layer"}
	low := !b.copies && b.g.Outside() > 0
	if low {
		ways = []string{"gelu", "layer"}
	}
	if b.opt.Figures != nil && !low && b.opt.wants("plain") {
		if err := b.figure("train, plain", ways[0], dtype, compute, [][]example{full}); err != nil {
			return err
		}
	}
	for _, keep := range ways {
		if !low && !b.opt.wants(keep) {
			continue
		}
		if err := b.figure("train", keep, dtype, compute, [][]example{full}); err != nil {
			return err
		}
	}
	if !low && b.opt.wants("natural") {
		return b.figure("train, natural lengths", ways[0], dtype, compute, mix)
	}
	return nil
}

// figure measures steps over micro-batches in turn, with the recipe's dropout and optimiser.
func (b *benchRun) figure(name, keep string, dtype torch.DType, compute string, batches [][]example) error {
	c, dev := b.opt.Shape, b.g.Device()
	s := core.TechLab()
	s.Rank = b.opt.Rank
	places, err := targetsOf(s, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		return err
	}
	p := layOut(places)
	free := b.g.Free()
	base, err := b.g.Frozen(b.ctx, dtype)
	if err != nil {
		return err
	}
	chunk := chunkOf(c.VocabSize, headRoom(dev.CUDA(), keep))
	n, err := newNet(b.ctx, base, p, s.Alpha, s.Dropout, s.Seed, keep, chunk)
	if err != nil {
		return errors.Join(err, base.Close())
	}
	if name == "train, plain" {
		n.fast = nil
	}
	defer func() {
		n.close()
		_ = base.Close()
		if dev.CUDA() {
			_ = dev.Do(context.Background(), func(*torch.Scope) error { torch.EmptyCache(); return nil })
		}
	}()
	tokens, most := 0, 0
	for _, batch := range batches {
		k := 0
		for _, e := range batch {
			k += len(e.ids)
		}
		most = max(most, k)
	}
	weights := b.g.Info().Bytes
	if o := b.g.Outside(); o > 0 {
		weights = o
	}
	parts := demand{
		cfg: c, element: int64(dtype.Size()), places: places, optimizer: s.Optimizer, dropout: true, keep: keep, tokens: int64(most),
		counted: int64(most), chunk: int64(min(chunk, most)), weights: weights, room: b.g.Room(dtype), fast: n.fast != nil, host: !dev.CUDA(),
	}.plan()
	if need := onDevice(parts, !dev.CUDA()); free > 0 && need > free {
		return nil // no room: no figure
	}
	memory, err := newMeter(b.ctx, b.g)
	if err != nil {
		return err
	}
	defer memory.close()
	masters, grads, opt := n.masters, n.gradients, newAdamW(s, p.parts)
	copy(masters, p.first(1))
	var whole, ends []float64
	var sequences int
	var squares float64
	const warm = 2
	if err := n.load(b.ctx); err != nil {
		return err
	}
	for step := range warm + b.opt.Steps {
		batch := batches[step%len(batches)]
		start := time.Now()
		if _, err := n.pass(b.ctx, batch, uint64(step), true, 1/float64(b.opt.Sequence)); err != nil {
			return err
		}
		if err := dev.Do(b.ctx, func(*torch.Scope) error { torch.Synchronize(dev.Index()); return nil }); err != nil {
			return err
		}
		end := time.Now()
		if err := n.read(b.ctx); err != nil {
			return err
		}
		_, by, _ := norm(grads, 1, s.ClipNorm)
		opt.update(masters, grads, by, 1e-4, runtime.GOMAXPROCS(0))
		if err := n.load(b.ctx); err != nil {
			return err
		}
		if step < warm {
			continue
		}
		whole, ends = append(whole, time.Since(start).Seconds()), append(ends, time.Since(end).Seconds())
		sequences = len(batch)
		for _, e := range batch {
			tokens += len(e.ids)
			squares += float64(len(e.ids)) * float64(len(e.ids))
		}
	}
	partsTime, err := b.profile(n, batches[0])
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := n.pass(b.ctx, batches[0], 0, false, 0); err != nil {
		return err
	}
	forward := time.Since(start).Seconds()
	total := 0.0
	for _, t := range whole {
		total += t
	}
	perToken := flops(c, squares/float64(tokens))
	per := float64(tokens) / total
	out := BenchResult{
		Name: name, Device: b.g.Info().Device, DType: b.g.Info().DType, Compute: compute, Recompute: keep, Copies: b.copies, Sequences: sequences,
		Tokens: tokens / len(whole), Milli: 1e3 * median(whole), Forward: 1e3 * forward, Optimiser: 1e3 * median(ends), PerSecond: per, Peak: memory.peak(),
		Parts: partsTime, Planned: weights + onDevice(parts, !dev.CUDA()), GFLOPPerTok: perToken / 1e9, TFLOPs: per * perToken / 1e12, OfLimit: per * perToken / b.rate,
	}
	return b.emit(out)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// profile measures one more step part by part; nil where nobody asks, or where there are no kernels of our own.
func (b *benchRun) profile(n *net, batch []example) (parts map[string]float64, err error) {
	if !b.opt.Profile || n.fast == nil {
		return nil, nil
	}
	dev := b.g.Device()
	err = dev.Do(b.ctx, func(*torch.Scope) (err error) {
		n.fast.clock, err = cuda.NewClock(n.fast.stream)
		return err
	})
	if err == nil {
		_, err = n.pass(b.ctx, batch, 0, true, 1)
	}
	return parts, errors.Join(err, dev.Do(b.ctx, func(*torch.Scope) (err error) {
		if n.fast.clock != nil {
			parts, err = n.fast.clock.Stop()
			n.fast.clock = nil
		}
		return err
	}))
}
