//go:build torch

package cuda

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Reference4B is the shape of a 4B model, with a bf16 head.
var Reference4B = Shape{Layers: 36, Hidden: 2816, Heads: 22, Inner: 11264, Vocab: 65536, Rotary: 128, Eps: 1e-5}

// Starter is the shape of the starter model.
var Starter = Shape{Layers: 12, Hidden: 512, Heads: 8, Inner: 2048, Vocab: 20480, Rotary: 64, Eps: 1e-5}

// Bench measures the kernels at shape s and prints a table: the copy bandwidth, the quantising and dequantising, and the
// decode step for several numbers of lanes and lengths of context, with random weights and an adapter of rank 8 on
// QKV. variants adds kernels that leave something out, to see what it costs.
func (g *GPU) Bench(s Shape, variants bool, print func(format string, args ...any)) error {
	t := &tester{gpu: g, report: func(string, bool, string) {}}
	defer t.freeAll()
	print("device %s, sm_%d, %d multiprocessors, %d bytes of shared memory per block", g.name, g.arch, g.sms, g.shared)
	copied, err := t.copyRate()
	if err != nil {
		return err
	}
	all := [][]string{nil}
	for _, v := range benchVariants {
		if variants {
			all = append(all, v.options)
		}
	}
	if err := g.precompile([]Shape{s}, MaxLanes, all); err != nil {
		return err
	}
	print("copy: %.0f GB/s read and written", copied)
	if err := t.matrixRates(s, copied, print); err != nil {
		return err
	}
	t.freeAll()
	return t.stepRates(s, copied, variants, print)
}

// best is the smallest of n timings of f in milliseconds; the middle one too.
func (t *tester) best(n int, f func() error) (least, middle float64, err error) {
	var all []float64
	for range n {
		ms, err := t.gpu.Time(0, f)
		if err != nil {
			return 0, 0, err
		}
		all = append(all, ms)
	}
	sort.Float64s(all)
	return all[0], all[len(all)/2], nil
}

func (t *tester) copyRate() (float64, error) {
	const n = 2 << 30
	a, err := t.room(n)
	if err != nil {
		return 0, err
	}
	b, err := t.room(n)
	if err != nil {
		return 0, err
	}
	if err := t.gpu.Fill(0, a, 1, n); err != nil {
		return 0, err
	}
	own, _, err := t.best(6, func() error { return t.gpu.CopyWords(0, b, a, n) })
	if err != nil {
		return 0, err
	}
	driver, _, err := t.best(6, func() error { return t.gpu.Copy(0, b, a, n) })
	t.freeAll()
	return 2 * n / math.Min(own, driver) / 1e6, err
}

func (t *tester) matrixRates(s Shape, copied float64, print func(string, ...any)) error {
	rows, cols := s.Size(Up)
	rows *= 4 // larger than the second-level cache
	n := int64(rows) * int64(cols)
	src, err := t.room(2 * n)
	if err != nil {
		return err
	}
	part := bf16s(t.many(1<<20, 0.05))
	for at := int64(0); at < 2*n; at += 2 << 20 {
		if err := t.gpu.Upload(0, src+uintptr(at), bytesOf(part)[:min(2<<20, 2*n-at)]); err != nil {
			return err
		}
	}
	_, dst, scratch, err := t.nf4Room(int(n), true)
	if err != nil {
		return err
	}
	p := Placed{Rows: rows, Cols: cols, Chunk: chunk(Up, cols/64)}
	units := n / 1024
	base, err := t.room(units*544 + 256)
	if err != nil {
		return err
	}
	p.Scales, p.Factor = units*512, units*544
	p = p.At(base)
	quantise, _, err := t.best(5, func() error { return t.gpu.Quantize(0, src, torch.BFloat16, n, dst, scratch) })
	if err != nil {
		return err
	}
	place, _, err := t.best(5, func() error { return t.gpu.Place(0, dst, p, scratch) })
	if err != nil {
		return err
	}
	take, _, err := t.best(5, func() error { return t.gpu.Dequantize(0, p, src) })
	if err != nil {
		return err
	}
	f := float64(n)
	for _, x := range []struct {
		name      string
		ms, bytes float64
	}{{"quantise bf16, nested", quantise, f * (2 + 0.516)}, {"place", place, f * (0.516 + 0.532)}, {"dequantise to bf16", take, f * (0.532 + 2)}} {
		print("%-24s %d x %d: %.3f ms, %.0f GB/s, %.0f%% of the copy", x.name, rows, cols, x.ms, x.bytes/x.ms/1e6, 100*x.bytes/x.ms/1e6/copied)
	}
	return nil
}

// benchModel fills a model of shape s with random codes, scales that keep the numbers tame, and neutral norms.
func (t *tester) benchModel(s Shape, capacity int) (Weights, Adapter, error) {
	l := NewLayout(s)
	w := Weights{Layout: l}
	var err error
	if w.Block, err = t.room(l.Bytes()); err != nil {
		return w, nil, err
	}
	random := make([]byte, 32<<20)
	for i := range random {
		random[i] = byte(int(t.next() * 128))
	}
	fill := func(to uintptr, n int64, data []byte) error {
		for at := int64(0); at < n; at += int64(len(data)) {
			if err := t.gpu.Upload(0, to+uintptr(at), data[:min(int64(len(data)), n-at)]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := fill(w.Block, l.Bytes(), random); err != nil {
		return w, nil, err
	}
	scales := make([]uint16, 1<<20)
	for i := range scales {
		scales[i] = toF16(0.6 + 0.3*t.next())
	}
	d := s.Hidden
	norm := make([]float32, 2*d)
	for i := range d {
		norm[i] = 1
	}
	for i := range s.Layers {
		for m := QKV; m <= Down; m++ {
			rows, cols := s.Size(m)
			p := l.Place(i, m).At(w.Block)
			if err := fill(uintptr(p.Scales), int64(rows/16)*int64(cols/64)*32, bytesOf(scales)); err != nil {
				return w, nil, err
			}
			if err := t.gpu.Upload(0, uintptr(p.Factor), bytesOf([]float32{float32(1 / math.Sqrt(float64(cols)))})); err != nil {
				return w, nil, err
			}
			if err := t.gpu.Upload(0, w.Block+uintptr(l.Bias(i, m)), bytesOf(t.many(rows, 0.1))); err != nil {
				return w, nil, err
			}
		}
		for which := range 2 {
			if err := t.gpu.Upload(0, w.Block+uintptr(l.Norm(i, which)), bytesOf(norm)); err != nil {
				return w, nil, err
			}
		}
	}
	if err := t.gpu.Upload(0, w.Block+uintptr(l.FinalNorm()), bytesOf(norm)); err != nil {
		return w, nil, err
	}
	numbers := bf16s(t.many(1<<20, 0.05))
	for _, p := range []*uintptr{&w.Embed, &w.Head} {
		if *p, err = t.room(2 * int64(s.Vocab) * int64(d)); err != nil {
			return w, nil, err
		}
		if err := fill(*p, 2*int64(s.Vocab)*int64(d), bytesOf(numbers)); err != nil {
			return w, nil, err
		}
	}
	angles := make([]float32, capacity*max(1, s.Rotary/2))
	for i := range angles {
		angles[i] = 0.7
	}
	if w.Cos, err = put(t, angles); err != nil {
		return w, nil, err
	}
	w.Sin = w.Cos
	adapter := make(Adapter, s.Layers)
	for i := range adapter {
		a, err := put(t, numbers[:8*d])
		if err != nil {
			return w, nil, err
		}
		b, err := put(t, numbers[:8*3*d])
		if err != nil {
			return w, nil, err
		}
		adapter[i][QKV] = LoRA{A: a, B: b, Rank: 8, Scale: 4}
	}
	return w, adapter, nil
}

// StepBytes is what a step has to read: the weights once, the adapters' parts, and keys and values of each row.
func StepBytes(s Shape, contexts []int, loraRank int) (weights, cache float64) {
	for m := QKV; m <= Down; m++ {
		rows, cols := s.Size(m)
		weights += float64(s.Layers) * float64(rows) * float64(cols) * (0.5 + 1.0/64 + 4.0/64/256)
		weights += float64(s.Layers) * 4 * float64(rows)
	}
	weights += float64(s.Layers) * float64(loraRank) * 2 * 4 * float64(s.Hidden)
	if s.Head4 {
		weights += float64(s.Vocab) * float64(s.Hidden) * (0.5 + 1.0/64 + 4.0/64/256)
	} else {
		weights += 2 * float64(s.Vocab) * float64(s.Hidden)
	}
	for _, n := range contexts {
		cache += 4 * float64(s.Layers) * float64(s.Hidden) * float64(n)
	}
	return weights, cache
}

func (t *tester) stepRates(s Shape, copied float64, variants bool, print func(string, ...any)) error {
	const capacity, steps = 2304, 16
	w, adapter, err := t.benchModel(s, capacity)
	if err != nil {
		return err
	}
	c := Cache{Rows: 8, Capacity: capacity}
	for _, p := range []*uintptr{&c.K, &c.V} {
		if *p, err = t.room(c.Bytes(s)); err != nil {
			return err
		}
		if err := t.gpu.Fill(0, *p, 0x3c, c.Bytes(s)); err != nil {
			return err
		}
	}
	o := DecoderOptions{Lanes: MaxLanes, Adapters: 1, Steps: steps}
	work, err := t.room(t.gpu.WorkspaceBytes(s, c, o))
	if err != nil {
		return err
	}
	d, err := t.gpu.NewDecoder(w, c, work, o)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.SetAdapter(1, adapter); err != nil {
		return err
	}
	list, err := fits(s, MaxLanes, t.gpu.sms, t.gpu.shared)
	if err != nil {
		return err
	}
	for _, f := range list {
		print("kernel for %d lanes: ring of %d slots per warp, table pitch %d, %d bytes of shared memory", f.lanes, f.depth, f.stride, f.shared)
	}
	var one float64
	row := func(name string, lanes []Lane, set core.Sampling) error {
		var contexts []int
		sets, u := make([]core.Sampling, len(lanes)), make([][]float64, steps)
		for i, l := range lanes {
			sets[i] = set
			if i == len(lanes)-1 || lanes[i+1].Row != l.Row {
				contexts = append(contexts, l.Position+1)
			}
		}
		for i := range u {
			u[i] = make([]float64, len(lanes))
			for j := range u[i] {
				u[i][j] = 0.5
			}
		}
		n := steps
		if len(contexts) != len(lanes) {
			n = 1
		}
		ms, _, err := t.best(6, func() error {
			if n == 1 {
				return d.start(0, lanes, nil, sets, u[:1], 1, wantChoice)
			}
			return d.start(0, lanes, nil, sets, u, n, wantChoice|feedBack)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		ms /= float64(n)
		weights, cache := StepBytes(s, contexts, 8*lanes[0].Adapter)
		bound := (weights + cache) / copied / 1e6
		if one == 0 {
			one = ms
		}
		print("%-44s %8.4f ms/step %7.0f tok/s, bound %.4f ms, %.1f%% of it, %.3f of one lane", name, ms, float64(len(lanes))*1000/ms, bound, 100*bound/ms, ms/one)
		return nil
	}
	rows := func(n, position, adapter int) []Lane {
		var l []Lane
		for i := range n {
			l = append(l, Lane{Row: i % c.Rows, Position: position, ID: int32(i), Adapter: adapter})
		}
		return l
	}
	drafts := func(n, position int) []Lane {
		var l []Lane
		for i := range n {
			l = append(l, Lane{Row: 0, Position: position + i, ID: int32(i), Adapter: 1})
		}
		return l
	}
	for _, x := range []struct {
		name  string
		lanes []Lane
		set   core.Sampling
	}{
		{"1 lane, context 512, LoRA", rows(1, 511, 1), core.Sampling{}},
		{"1 lane, context 512, no LoRA", rows(1, 511, 0), core.Sampling{}},
		{"1 lane, context 64, LoRA", rows(1, 63, 1), core.Sampling{}},
		{"1 lane, context 1024, LoRA", rows(1, 1000, 1), core.Sampling{}},
		{"1 lane, context 2048, LoRA", rows(1, 2047, 1), core.Sampling{}},
		{"1 lane, context 512, top-k 50, top-p 0.9", rows(1, 511, 1), core.Sampling{Temperature: 1, TopK: 50, TopP: 0.9}},
		{"1 lane, context 512, temperature 1", rows(1, 511, 1), core.Sampling{Temperature: 1}},
		{"2 rows, context 512, LoRA", rows(2, 511, 1), core.Sampling{}},
		{"4 rows, context 512, LoRA", rows(4, 511, 1), core.Sampling{}},
		{"8 rows, context 64, LoRA", rows(8, 63, 1), core.Sampling{}},
		{"8 rows, context 512, LoRA", rows(8, 511, 1), core.Sampling{}},
		{"8 tokens of a row, context 512, LoRA", drafts(8, 512), core.Sampling{}},
		{"16 tokens of a row, context 512, LoRA", drafts(16, 512), core.Sampling{}},
	} {
		if err := row(x.name, x.lanes, x.set); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		name  string
		lanes []Lane
	}{{"1 lane, context 512", rows(1, 511, 1)}, {"8 rows, context 64", rows(8, 63, 1)}, {"8 rows, context 512", rows(8, 511, 1)}, {"8 tokens of a row, context 512", drafts(8, 512)}} {
		if err := t.trace(d, s, x.name, x.lanes, print); err != nil {
			return err
		}
	}
	if !variants {
		return nil
	}
	for _, v := range benchVariants {
		k, err := t.gpu.stepKernel(s, list[0], v.options)
		if err != nil {
			print("%-44s %v", v.name, err)
			continue
		}
		d.kernels[0], k = k, d.kernels[0]
		err = row("variant: "+v.name, rows(1, 511, 1), core.Sampling{})
		d.kernels[0] = k
		if err != nil {
			return err
		}
	}
	return nil
}

var benchVariants = []struct {
	name    string
	options []string
}{
	{"no waiting for other blocks", []string{"-DNO_WAIT"}},
	{"no table, no products: copies only", []string{"-DNO_PRODUCT"}},
	{"copies only, no waiting", []string{"-DNO_PRODUCT", "-DNO_WAIT"}},
	{"no attention", []string{"-DNO_ATTENTION"}},
	{"no staging", []string{"-DNO_STAGE"}},
}

// trace tells where block 0 spends a step, from its own clock: by phase the time until its input is staged, its products,
// and the meeting of all blocks; the median over the layers.
func (t *tester) trace(d *Decoder, s Shape, name string, lanes []Lane, print func(string, ...any)) error {
	sets := make([]core.Sampling, len(lanes))
	u := [][]float64{make([]float64, len(lanes))}
	d.traced = true
	defer func() { d.traced = false }()
	var rate float64
	for range 3 {
		ms, err := t.gpu.Time(0, func() error { return d.start(0, lanes, nil, sets, u, 1, wantChoice) })
		if err != nil {
			return err
		}
		rate = ms
	}
	per := 2 + 3*4
	n := 1 + per*s.Layers + 2
	stamps, err := get[uint64](t, uintptr(d.space.clock), n)
	if err != nil {
		return err
	}
	total := float64(stamps[n-1] - stamps[0])
	us := func(cycles float64) float64 { return cycles / total * rate * 1000 }
	names := []string{"wait and stage QKV", "product", "arrive", "wait and attention", "arrive", "wait and stage 2nd", "product", "arrive", "wait and stage 3rd", "product", "arrive", "wait and stage Down", "product", "arrive"}
	var line strings.Builder
	sum := 0.0
	for i, name := range names {
		var all []float64
		for l := 1; l < s.Layers; l++ {
			at := 1 + per*l + i
			all = append(all, us(float64(stamps[at]-stamps[at-1])))
		}
		sort.Float64s(all)
		v := all[len(all)/2]
		sum += v
		fmt.Fprintf(&line, "%s %.2f, ", name, v)
	}
	print("trace, %s, us per layer: %ssum %.2f; whole %.1f us (%.0f cycles, %.2f GHz)", name, line.String(), sum, rate*1000, total, total/rate/1e6)
	return nil
}
