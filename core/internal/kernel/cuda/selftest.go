//go:build torch

package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"kakoi/core/internal/torch"
	"kakoi/core/quant"
)

// Report receives a check's outcome.
type Report func(name string, ok bool, detail string)

// Selftest runs every kernel of this package against its reference, at small shapes and at the width of a 4B model.
// The error tells what kept it from running; a kernel that computes something else is told to report.
func (g *GPU) Selftest(report Report) error { return g.selftest(selftestShapes, report) }

// SelftestNarrow is Selftest without the wide shape, whose reference takes long on the host.
func (g *GPU) SelftestNarrow(report Report) error {
	return g.selftest(slices.DeleteFunc(slices.Clone(selftestShapes), func(s Shape) bool { return s.Hidden > 1024 }), report)
}

// SelftestSmall is Selftest at one small shape, for running under a checker of memory accesses.
func (g *GPU) SelftestSmall(report Report) error {
	return g.selftest([]Shape{{Layers: 3, Hidden: 128, Heads: 2, Inner: 256, Vocab: 128, Rotary: 64, Eps: 1e-5}}, report)
}

func (g *GPU) selftest(shapes []Shape, report Report) error {
	t := &tester{gpu: g, report: report}
	defer t.freeAll()
	if err := g.precompile(shapes, MaxLanes, [][]string{nil}); err != nil {
		return err
	}
	for _, f := range []func() error{t.quantising, t.prefill, t.training} {
		if err := f(); err != nil {
			return err
		}
		t.freeAll()
	}
	for _, s := range shapes {
		if err := t.decoding(s); err != nil {
			return fmt.Errorf("decode %d x %d: %w", s.Layers, s.Hidden, err)
		}
		t.freeAll()
	}
	return nil
}

var selftestShapes = []Shape{
	{Layers: 2, Hidden: 512, Heads: 8, Inner: 2048, Vocab: 1024, Rotary: 64, Eps: 1e-5},
	{Layers: 2, Hidden: 256, Heads: 4, Inner: 1024, Vocab: 1008, Rotary: 16, Eps: 1e-5, Parallel: true, Act: GeluTanh},
	{Layers: 3, Hidden: 320, Heads: 4, Inner: 640, Vocab: 512, Rotary: 20, Eps: 1e-5, Head4: true},
	// A context beyond 1,024 tokens (decoding), whose parts are longer than the shortest, and past the place where calls are split.
	{Layers: 2, Hidden: 128, Heads: 2, Inner: 192, Vocab: 512, Rotary: 32, Eps: 1e-5},
	{Layers: 1, Hidden: 2816, Heads: 22, Inner: 11264, Vocab: 2048, Rotary: 128, Eps: 1e-5},
}

type tester struct {
	gpu    *GPU
	report Report
	memory []uintptr
	state  uint64
}

func (t *tester) freeAll() {
	for _, p := range t.memory {
		_ = t.gpu.Free(p)
	}
	t.memory = nil
}

func (t *tester) room(n int64) (uintptr, error) {
	p, err := t.gpu.Alloc(max(n, 256))
	if err == nil {
		t.memory = append(t.memory, p)
	}
	return p, err
}

// put is device memory with a copy of data in it.
func put[T any](t *tester, data []T) (uintptr, error) {
	b := bytesOf(data)
	p, err := t.room(int64(len(b)))
	if err != nil {
		return 0, err
	}
	return p, t.gpu.Upload(0, p, b)
}

func bytesOf[T any](v []T) []byte {
	var zero T
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(zero)))
}

func get[T any](t *tester, p uintptr, n int) ([]T, error) {
	v := make([]T, n)
	return v, t.gpu.Download(0, bytesOf(v), p)
}

// next is a number in [-1, 1) (xorshift64*).
func (t *tester) next() float32 {
	if t.state == 0 {
		t.state = 88172645463325252
	}
	t.state ^= t.state >> 12
	t.state ^= t.state << 25
	t.state ^= t.state >> 27
	return float32(int32(t.state*2685821657736338717>>32)) / (1 << 31)
}

func (t *tester) many(n int, scale float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = t.next() * scale
	}
	return v
}

func toBF16(v float32) uint16 {
	u := math.Float32bits(v)
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}
func fromBF16(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }

func bf16s(v []float32) []uint16 {
	out := make([]uint16, len(v))
	for i, x := range v {
		out[i] = toBF16(x)
	}
	return out
}

// rounded rounds to bf16 in place.
func rounded(v []float32) []float32 {
	for i, x := range v {
		v[i] = fromBF16(toBF16(x))
	}
	return v
}

// toF16 rounds to the nearest half.
func toF16(v float32) uint16 {
	u := math.Float32bits(v)
	sign, a := uint16(u>>16&0x8000), u&0x7fffffff
	switch {
	case a > 0x7f800000:
		return sign | 0x7e00
	case a >= 0x477ff000:
		return sign | 0x7c00
	case a < 0x38800000:
		n := math.RoundToEven(float64(math.Float32frombits(a)) * (1 << 24))
		return sign | uint16(n)
	}
	return sign | uint16((a-0x38000000+0xfff+a>>13&1)>>13)
}

// quantising holds Quantize against core/quant byte by byte, and Place and Dequantize against its values.
func (t *tester) quantising() error {
	for _, dtype := range []struct {
		name string
		kind torch.DType
	}{{"float32", torch.Float32}, {"float16", torch.Float16}, {"bfloat16", torch.BFloat16}} {
		for _, size := range [][2]int{{16, 64}, {48, 192}, {512, 512}, {2816, 704}} {
			rows, cols := size[0], size[1]
			w := t.many(rows*cols, 0.05)
			for i := range 64 {
				w[i] = 0 // a block of zeros
			}
			if len(w) > 1024 {
				for i := range 64 {
					w[64+i] *= 1e-39 // denormals
					w[128+i] = float32(math.Copysign(0.5, float64(w[128+i])))
					w[192+i] *= 1e5
				}
			}
			name := fmt.Sprintf("NF4 from %s, %d x %d", dtype.name, rows, cols)
			if err := t.quantiseOne(name, w, dtype.name, dtype.kind, rows, cols); err != nil {
				return err
			}
		}
	}
	w := t.many(64*64, 1)
	w[777] = float32(math.NaN())
	src, err := put(t, w)
	if err != nil {
		return err
	}
	_, dst, scratch, err := t.nf4Room(len(w), true)
	if err != nil {
		return err
	}
	if err := t.gpu.Quantize(0, src, torch.Float32, int64(len(w)), dst, scratch); err != nil {
		return err
	}
	bad, err := get[uint32](t, dst.Bad, 1)
	if err == nil {
		t.report("NaN is noticed", bad[0] == 1, fmt.Sprint(bad[0]))
	}
	return err
}

func (t *tester) nf4Room(n int, nested bool) (uintptr, NF4, uintptr, error) {
	blocks := n / 64
	sizes := []int64{int64(n / 2), int64(4 * blocks), int64(blocks), int64(4 * ((blocks + 255) / 256)), 4, 4, QuantizeScratch(int64(n))}
	var p [7]uintptr
	for i, size := range sizes {
		var err error
		if p[i], err = t.room(size); err != nil {
			return 0, NF4{}, 0, err
		}
	}
	if err := t.gpu.Fill(0, p[5], 0, 4); err != nil {
		return 0, NF4{}, 0, err
	}
	dst := NF4{Codes: p[0], Absmax: p[1], Q: p[2], Absmax2: p[3], Offset: p[4], Bad: p[5]}
	if !nested {
		dst.Q = 0
	}
	return p[0], dst, p[6], nil
}

func (t *tester) quantiseOne(name string, w []float32, dtype string, kind torch.DType, rows, cols int) error {
	want, err := quant.QuantizeNF4(w, dtype, []int64{int64(rows), int64(cols)}, true)
	if err != nil {
		return err
	}
	plain, err := quant.QuantizeNF4(w, dtype, []int64{int64(rows), int64(cols)}, false)
	if err != nil {
		return err
	}
	var raw []byte
	for _, v := range w {
		switch kind {
		case torch.Float32:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		case torch.Float16:
			raw = binary.LittleEndian.AppendUint16(raw, toF16(v))
		default:
			raw = binary.LittleEndian.AppendUint16(raw, toBF16(v))
		}
	}
	src, err := put(t, raw)
	if err != nil {
		return err
	}
	_, dst, scratch, err := t.nf4Room(len(w), true)
	if err != nil {
		return err
	}
	if err := t.gpu.Quantize(0, src, kind, int64(len(w)), dst, scratch); err != nil {
		return err
	}
	codes, err := get[byte](t, dst.Codes, len(w)/2)
	if err != nil {
		return err
	}
	absmax, _ := get[float32](t, dst.Absmax, len(w)/64)
	q, _ := get[byte](t, dst.Q, len(w)/64)
	absmax2, _ := get[float32](t, dst.Absmax2, len(want.Nested.Absmax))
	offset, err := get[float32](t, dst.Offset, 1)
	if err != nil {
		return err
	}
	diff := ""
	switch {
	case !slices.Equal(codes, want.Packed):
		diff = "codes differ"
	case !slices.Equal(absmax, plain.Absmax):
		diff = "absmax differ"
	case offset[0] != want.Nested.Offset:
		diff = fmt.Sprintf("offset %x, not %x", offset[0], want.Nested.Offset)
	case !slices.Equal(absmax2, want.Nested.Absmax):
		diff = "nested absmax differ"
	case !slices.Equal(q, want.Nested.Codes):
		diff = "nested codes differ"
	}
	t.report(name, diff == "", diff)

	place := Placed{Rows: rows, Cols: cols, Chunk: chunk(Dense, cols/64)}
	units := int64(rows / 16 * (cols / 64))
	base, err := t.room(units*544 + 256)
	if err != nil {
		return err
	}
	place.Scales, place.Factor = units*512, units*544
	place = place.At(base)
	out, err := t.room(int64(2 * len(w)))
	if err != nil {
		return err
	}
	if err := t.gpu.Place(0, dst, place, scratch); err != nil {
		return err
	}
	if err := t.gpu.Dequantize(0, place, out); err != nil {
		return err
	}
	got, err := get[uint16](t, out, len(w))
	if err != nil {
		return err
	}
	ref := make([]float32, len(w))
	if err := want.Dequantize(ref); err != nil {
		return err
	}
	top := float32(0)
	for _, v := range want.Scales() {
		top = max(top, float32(math.Abs(float64(v))))
	}
	worst := 0.0
	for i, v := range ref {
		// bf16 has 8 bits, the scale's fp16 11, counted from the largest scale 2^14 down.
		limit := math.Abs(float64(v))*(1.0/256+1.0/2048) + float64(top)*1e-7
		worst = math.Max(worst, math.Abs(float64(fromBF16(got[i]))-float64(v))/limit)
	}
	t.report(name+", placed and taken out", worst <= 1, fmt.Sprintf("error %.2f of the limit", worst))
	return nil
}

// prefill checks the small operations.
func (t *tester) prefill() error {
	s := Shape{Layers: 2, Hidden: 192, Heads: 4, Inner: 256, Vocab: 64, Rotary: 24, Eps: 1e-5}
	const n, past = 5, 3
	d, dim := s.Hidden, s.HeadDim()
	ids := []int32{5, 63, 0, 9, 9}
	table := bf16s(t.many(s.Vocab*d, 1))
	norm := t.many(2*d, 1)
	y := bf16s(t.many(n*s.Inner, 2))
	bias := t.many(max(3*d, s.Inner), 1)
	qkv := bf16s(t.many(n*3*d, 1))
	c := Cache{Rows: 2, Capacity: 16}
	angles := t.many(2*16*s.Rotary/2, 1)
	var p [12]uintptr
	var err error
	for i, f := range []func() (uintptr, error){
		func() (uintptr, error) { return put(t, table) },
		func() (uintptr, error) { return put(t, ids) },
		func() (uintptr, error) { return t.room(int64(4 * n * d)) },
		func() (uintptr, error) { return put(t, norm) },
		func() (uintptr, error) { return t.room(int64(2 * n * d)) },
		func() (uintptr, error) { return put(t, y) },
		func() (uintptr, error) { return put(t, bias) },
		func() (uintptr, error) { return put(t, qkv) },
		func() (uintptr, error) { return put(t, angles) },
		func() (uintptr, error) { return t.room(int64(2 * n * d)) },
		func() (uintptr, error) { return t.room(c.Bytes(s)) },
		func() (uintptr, error) { return t.room(c.Bytes(s)) },
	} {
		if p[i], err = f(); err != nil {
			return err
		}
	}
	g := t.gpu
	c.K, c.V = p[10], p[11]
	if err := g.Embed(0, p[0], p[1], p[2], n, d); err != nil {
		return err
	}
	x, err := get[float32](t, p[2], n*d)
	if err != nil {
		return err
	}
	ok := true
	for i, v := range x {
		ok = ok && v == fromBF16(table[int(ids[i/d])*d+i%d])
	}
	t.report("embedding", ok, "")
	if err := g.LayerNorm(0, p[2], p[3], p[4], n, d, s.Eps); err != nil {
		return err
	}
	var rows [][]float64
	for i := range n {
		rows = append(rows, wide(x[i*d:(i+1)*d]))
	}
	if err := t.compareBF16("layer norm", p[4], slices.Concat(normed(rows, norm, s.Eps)...)); err != nil {
		return err
	}
	for act := Gelu; act <= Silu; act++ {
		if err := g.Upload(0, p[5], bytesOf(y)); err != nil {
			return err
		}
		if err := g.BiasAct(0, p[5], p[6], n, s.Inner, act); err != nil {
			return err
		}
		want := make([]float64, len(y))
		for i, v := range y {
			want[i] = activated(float64(fromBF16(v)+bias[i%s.Inner]), act)
		}
		if err := t.compareBF16(fmt.Sprintf("bias and activation %d", act), p[5], want); err != nil {
			return err
		}
	}
	if err := g.BiasResidual(0, p[2], p[7], p[6], n, d); err != nil {
		return err
	}
	got, err := get[float32](t, p[2], n*d)
	if err != nil {
		return err
	}
	worst := 0.0
	for i, v := range got {
		worst = math.Max(worst, math.Abs(float64(v)-float64(x[i])-float64(fromBF16(qkv[i]))-float64(bias[i%d])))
	}
	t.report("bias and residual", worst < 1e-6, fmt.Sprint(worst))

	sin := p[8] + uintptr(4*16*s.Rotary/2)
	if err := g.RotaryKV(0, p[7], p[6], p[8], sin, p[9], s, c, 1, 1, past, n); err != nil {
		return err
	}
	m := hostModel{shape: s, cos: angles[:16*s.Rotary/2], sin: angles[16*s.Rotary/2:]}
	var want [3][]float64
	for i := range n {
		for h := range s.Heads {
			for which := range 3 {
				v := make([]float64, dim)
				for e := range v {
					at := (h*3+which)*dim + e
					v[e] = float64(fromBF16(qkv[i*3*d+at])) + float64(bias[at])
				}
				if which < 2 {
					m.turn(v, past+i)
				}
				want[which] = append(want[which], v...)
			}
		}
	}
	if err := t.compareBF16("rotary, q", p[9], want[0]); err != nil {
		return err
	}
	for which, base := range []uintptr{c.K, c.V} {
		all, err := get[uint16](t, base, int(c.Bytes(s)/2))
		if err != nil {
			return err
		}
		var cached []float32
		for i := range n {
			for h := range s.Heads {
				at := (((1*c.Rows+1)*s.Heads+h)*c.Capacity + past + i) * dim
				for e := range dim {
					cached = append(cached, fromBF16(all[at+e]))
				}
			}
		}
		t.report(fmt.Sprintf("rotary, cache %d", which), within(cached, want[1+which]) <= 1, "")
	}
	return nil
}

// within is the largest error in units of what bf16 allows.
func within(got []float32, want []float64) float64 {
	worst := 0.0
	for i, v := range want {
		worst = math.Max(worst, math.Abs(float64(got[i])-v)/(math.Abs(v)/250+1e-5))
	}
	return worst
}

func (t *tester) compareBF16(name string, p uintptr, want []float64) error {
	raw, err := get[uint16](t, p, len(want))
	if err != nil {
		return err
	}
	got := make([]float32, len(raw))
	for i, v := range raw {
		got[i] = fromBF16(v)
	}
	worst := within(got, want)
	t.report(name, worst <= 1, fmt.Sprintf("error %.2f of the limit", worst))
	return nil
}
