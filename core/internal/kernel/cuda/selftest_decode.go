//go:build torch

package cuda

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"kakoi/core"
	"kakoi/core/quant"
)

const selftestRank = 8

// randomModel makes a model of a shape on the host and on the device. Its LoRA parts change QKV only, or all matrices.
func (t *tester) randomModel(s Shape, capacity int, all bool) (*hostModel, Weights, Adapter, error) {
	m := &hostModel{shape: s}
	d := s.Hidden
	m.embed, m.head = rounded(t.many(s.Vocab*d, 1)), rounded(t.many(s.Vocab*d, 0.2))
	half := s.Rotary / 2
	m.cos, m.sin = make([]float32, capacity*half), make([]float32, capacity*half)
	for p := range capacity {
		for i := range half {
			a := float64(p) / math.Pow(10000, float64(2*i)/float64(s.Rotary))
			m.cos[p*half+i], m.sin[p*half+i] = float32(math.Cos(a)), float32(math.Sin(a))
		}
	}
	l := NewLayout(s)
	w := Weights{Layout: l}
	var err error
	if w.Block, err = t.room(l.Bytes()); err != nil {
		return nil, w, nil, err
	}
	norm := func(at int64) []float32 {
		v := t.many(2*d, 0.3)
		for i := range d {
			v[i] += 1
		}
		if err == nil {
			err = t.gpu.Upload(0, w.Block+uintptr(at), bytesOf(v))
		}
		return v
	}
	adapter := make(Adapter, s.Layers)
	for i := range s.Layers {
		var h hostLayer
		for which := QKV; which <= Down; which++ {
			rows, cols := s.Size(which)
			if h.matrix[which], err = t.randomMatrix(rows, cols, l.Place(i, which).At(w.Block)); err != nil {
				return nil, w, nil, err
			}
			h.bias[which] = t.many(rows, 0.2)
			if err = t.gpu.Upload(0, w.Block+uintptr(l.Bias(i, which)), bytesOf(h.bias[which])); err != nil {
				return nil, w, nil, err
			}
			if which == QKV || all {
				low := hostLora{a: rounded(t.many(selftestRank*cols, float32(1/math.Sqrt(float64(cols))))), b: rounded(t.many(rows*selftestRank, 0.3)), rank: selftestRank, scale: 4}
				a, e1 := put(t, bf16s(low.a))
				b, e2 := put(t, bf16s(low.b))
				if e1 != nil || e2 != nil {
					return nil, w, nil, fmt.Errorf("adapter: %w %w", e1, e2)
				}
				h.low[which] = low
				adapter[i][which] = LoRA{A: a, B: b, Rank: low.rank, Scale: low.scale}
			}
		}
		h.norm[0], h.norm[1] = norm(l.Norm(i, 0)), norm(l.Norm(i, 1))
		m.layers = append(m.layers, h)
	}
	m.final = norm(l.FinalNorm())
	if err != nil {
		return nil, w, nil, err
	}
	if s.Head4 {
		if m.head, err = t.randomMatrix(s.Vocab, d, l.Place(0, Head).At(w.Block)); err != nil {
			return nil, w, nil, err
		}
	}
	for _, x := range []struct {
		to *uintptr
		v  []byte
	}{{&w.Embed, bytesOf(bf16s(m.embed))}, {&w.Head, bytesOf(bf16s(m.head))}, {&w.Cos, bytesOf(m.cos)}, {&w.Sin, bytesOf(m.sin)}} {
		if *x.to, err = put(t, x.v); err != nil {
			return nil, w, nil, err
		}
	}
	return m, w, adapter, nil
}

// randomMatrix quantises a random matrix on the device into its place, and gives its values.
func (t *tester) randomMatrix(rows, cols int, p Placed) ([]float32, error) {
	v := t.many(rows*cols, float32(1.7/math.Sqrt(float64(cols))))
	q, err := quant.QuantizeNF4(v, "float32", []int64{int64(rows), int64(cols)}, true)
	if err != nil {
		return nil, err
	}
	if err := q.Dequantize(v); err != nil {
		return nil, err
	}
	var src NF4
	for _, x := range []struct {
		to *uintptr
		v  []byte
	}{{&src.Codes, q.Packed}, {&src.Q, q.Nested.Codes}, {&src.Absmax2, bytesOf(q.Nested.Absmax)}, {&src.Map, bytesOf(q.Nested.Map[:])}, {&src.Offset, bytesOf([]float32{q.Nested.Offset})}} {
		if *x.to, err = put(t, x.v); err != nil {
			return nil, err
		}
	}
	scratch, err := t.room(QuantizeScratch(int64(len(v))))
	if err != nil {
		return nil, err
	}
	return v, t.gpu.Place(0, src, p, scratch)
}

// decoding runs sequences through the decode step in several ways and compares logits and choices.
func (t *tester) decoding(s Shape) error {
	name := fmt.Sprintf("decode %d x %d", s.Layers, s.Hidden)
	capacity, length := 160, 140
	switch {
	case s.Hidden > 1024:
		length = 72
	case s.Hidden < 256:
		capacity, length = 1120, 1090
	}
	m, w, adapter, err := t.randomModel(s, capacity, s.Hidden <= 512)
	if err != nil {
		return err
	}
	c := Cache{Rows: 17, Capacity: capacity}
	if c.K, err = t.room(c.Bytes(s)); err != nil {
		return err
	}
	if c.V, err = t.room(c.Bytes(s)); err != nil {
		return err
	}
	// Memory that nobody wrote must not show.
	for _, p := range []uintptr{c.K, c.V} {
		if err := t.gpu.Fill(0, p, 0xff, c.Bytes(s)); err != nil {
			return err
		}
	}
	o := DecoderOptions{Lanes: MaxLanes, Adapters: 2, Steps: 16}
	work, err := t.room(t.gpu.WorkspaceBytes(s, c, o))
	if err != nil {
		return err
	}
	if err := t.gpu.Fill(0, work, 0xff, t.gpu.WorkspaceBytes(s, c, o)); err != nil {
		return err
	}
	d, err := t.gpu.NewDecoder(w, c, work, o)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.SetAdapter(2, adapter); err != nil {
		return err
	}
	ids := make([]int32, length)
	for i := range ids {
		ids[i] = int32((t.next() + 1) / 2 * float32(s.Vocab-1))
	}
	plain, tuned := m.forward(ids, false), m.forward(ids, true)

	// Row 0: one token at a time. Row 1: the same, 7 at a time. Row 2: 16 at a time. Row 3 with the adapter, beside 4
	// without in one call.
	run := func(lanes []Lane) ([][]float32, error) {
		if err := d.Step(0, lanes, true); err != nil {
			return nil, err
		}
		out := make([][]float32, len(lanes))
		for i := range out {
			out[i] = make([]float32, s.Vocab)
			if err := d.ReadLogits(0, i, out[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	together := func(row, n, adapter int) ([][]float32, error) {
		var all [][]float32
		for at := 0; at < length; at += n {
			var lanes []Lane
			for i := at; i < min(length, at+n); i++ {
				lanes = append(lanes, Lane{Row: row, Position: i, ID: ids[i], Adapter: adapter})
			}
			part, err := run(lanes)
			if err != nil {
				return nil, err
			}
			all = append(all, part...)
		}
		return all, nil
	}
	one, err := together(0, 1, 0)
	if err != nil {
		return err
	}
	t.like(name+", one lane", one, plain)
	for _, n := range []int{7, 16} {
		more, err := together(n/7, n, 0)
		if err != nil {
			return err
		}
		t.same(fmt.Sprintf("%s, %d tokens of a row at once", name, n), more, one)
	}
	var with, without [][]float32
	for i, id := range ids {
		out, err := run([]Lane{{Row: 3, Position: i, ID: id, Adapter: 2}, {Row: 4, Position: i, ID: id}})
		if err != nil {
			return err
		}
		with, without = append(with, out[0]), append(without, out[1])
	}
	t.like(name+", with an adapter", with, tuned)
	t.same(name+", beside one with an adapter", without, one)

	// A batch of 16 rows of different lengths continues what rows 0.. hold.
	var lanes []Lane
	for i := range 16 {
		lanes = append(lanes, Lane{Row: i, Position: 0, ID: ids[0], Adapter: i % 2 * 2})
	}
	for at := 0; at < 3; at++ {
		out, err := run(lanes)
		if err != nil {
			return err
		}
		ok := true
		for i := range lanes {
			ok = ok && slices.Equal(out[i], [][]float32{one[at], with[at]}[i%2])
			lanes[i].Position, lanes[i].ID = at+1, ids[at+1]
		}
		if at == 2 {
			t.report(name+", 16 rows", ok, "")
		}
	}
	if err := t.choosing(name, d, s, ids, one); err != nil {
		return err
	}
	if err := t.penalised(name, d, s, ids, one); err != nil {
		return err
	}
	return t.broken(name, d, w, ids, one)
}

// penalised chooses for many tokens of a row in one call, which the kernel may have to take in pieces: a token counts as seen for itself
// and those after it, and for no other row.
func (t *tester) penalised(name string, d *Decoder, s Shape, ids []int32, logits [][]float32) error {
	const n = 12
	row, at := 2, len(ids)-n-1
	if at > 1024 {
		at = 1024 - n/2 // the call is split
	}
	set := core.Sampling{RepetitionPenalty: 4}
	var lanes []Lane
	for i := range n {
		lanes = append(lanes, Lane{Row: row, Position: at + i, ID: ids[at+i]})
	}
	lanes = append(lanes, Lane{Row: 9, Position: 0, ID: ids[0]})
	for _, r := range []int{row, 9} {
		if err := d.SetSeen(0, r, ids[20:24]); err != nil {
			return err
		}
	}
	got, err := d.Choose(0, lanes, slices.Repeat([]core.Sampling{set}, n+1), make([]float64, n+1))
	if err != nil {
		return err
	}
	seen := map[int32]bool{}
	for _, id := range ids[20:24] {
		seen[id] = true
	}
	alone := maps.Clone(seen)
	wrong := 0
	for i := range n {
		seen[ids[at+i]] = true
		if want, _, _ := hostChoice(logits[at+i], seen, set, 0); got[i] != want {
			wrong++
		}
	}
	alone[ids[0]] = true
	if want, _, _ := hostChoice(logits[0], alone, set, 0); got[n] != want {
		wrong++
	}
	t.report(name+", penalty among tokens of a row", wrong == 0, fmt.Sprintf("%d of %d wrong", wrong, n+1))
	return nil
}

// broken sees that numbers which are none are told as an error, and that the decoder works as before afterwards.
func (t *tester) broken(name string, d *Decoder, w Weights, ids []int32, logits [][]float32) error {
	s := w.Layout.Shape
	last := s.Layers - 1
	for _, x := range []struct {
		what string
		at   int64
		with float32
	}{
		{"NaN", w.Layout.Bias(last, QKV), float32(math.NaN())}, {"infinite", w.Layout.Bias(last, Up), float32(math.Inf(1))},
		{"huge", w.Layout.Bias(last, Down), 1e9},
	} {
		at := w.Block + uintptr(x.at)
		was, err := get[float32](t, at, 1)
		if err != nil {
			return err
		}
		if err := t.gpu.Upload(0, at, bytesOf([]float32{x.with})); err != nil {
			return err
		}
		lane := []Lane{{Row: 8, Position: 0, ID: ids[0]}}
		_, chose := d.Choose(0, lane, make([]core.Sampling, 1), make([]float64, 1))
		if err := d.Step(0, lane, true); err != nil {
			return err
		}
		got := make([]float32, s.Vocab)
		read := d.ReadLogits(0, 0, got)
		t.report(name+", a bias that is "+x.what, errors.Is(chose, core.ErrCorrupt) && errors.Is(read, core.ErrCorrupt), fmt.Sprint(chose))
		if err := t.gpu.Upload(0, at, bytesOf(was)); err != nil {
			return err
		}
		if err := d.Step(0, lane, true); err != nil {
			return err
		}
		if err := d.ReadLogits(0, 0, got); err != nil {
			return err
		}
		t.report(name+", after a bias that was "+x.what, slices.Equal(got, logits[0]), "")
	}
	return nil
}

// like compares logits: the relative root mean square error, and the worst single one.
func (t *tester) like(name string, got [][]float32, want [][]float64) {
	var square, wrong float64
	for i := range want {
		for j, v := range want[i] {
			square += v * v
			wrong += math.Pow(v-float64(got[i][j]), 2)
		}
	}
	e := math.Sqrt(wrong / square)
	t.report(name, e < 0.015, fmt.Sprintf("relative error %.4f", e))
}

func (t *tester) same(name string, got, want [][]float32) {
	ok := len(got) == len(want)
	first := -1
	for i := range want {
		if ok && !slices.Equal(got[i], want[i]) {
			ok, first = false, i
		}
	}
	detail := "identical bits"
	if !ok {
		detail = fmt.Sprintf("token %d differs: %v, %v", first, got[max(0, first)][:4], want[max(0, first)][:4])
	}
	t.report(name+" as one at a time", ok, detail)
}

// choosing compares chosen tokens with the host's sampler on the same logits, and Run with Choose.
func (t *tester) choosing(name string, d *Decoder, s Shape, ids []int32, logits [][]float32) error {
	at := len(ids) - 20
	sets := []core.Sampling{
		{}, {RepetitionPenalty: 1.3}, {Temperature: 1}, {Temperature: 0.8, TopK: 20}, {Temperature: 1.5, TopP: 0.9},
		{Temperature: 2, TopK: 50, TopP: 0.5, RepetitionPenalty: 1.2}, {Temperature: 100}, {Temperature: 0.05, TopP: 0.3},
	}
	wrong, n := 0, 0
	detail := ""
	for round := range 16 {
		var lanes []Lane
		var u []float64
		for i := range sets {
			lanes = append(lanes, Lane{Row: 8 + i, Position: 0, ID: ids[0]})
			u = append(u, float64(t.next()+1)/2)
		}
		for i := range sets {
			if err := d.SetSeen(0, 8+i, ids[:8]); err != nil {
				return err
			}
		}
		got, err := d.Choose(0, lanes, sets, u)
		if err != nil {
			return err
		}
		seen := map[int32]bool{}
		for _, id := range ids[:8] {
			seen[id] = true
		}
		for i, set := range sets {
			want, order, probs := hostChoice(logits[0], seen, set, u[i])
			n++
			if got[i] != want && !borderline(got[i], order, probs, u[i]) {
				wrong++
				detail = fmt.Sprintf("round %d, %+v at %.6f: token %d, not %d", round, set, u[i], got[i], want)
			}
		}
	}
	t.report(name+", sampling", wrong == 0, fmt.Sprintf("%d of %d wrong %s", wrong, n, detail))

	// Run is Choose and MarkSeen step by step.
	const steps = 12
	var lanes []Lane
	var u [][]float64
	for i := range sets {
		lanes = append(lanes, Lane{Row: 8 + i, Position: 0, ID: ids[at], Adapter: i % 2 * 2})
		if err := d.SetSeen(0, 8+i, ids[:8]); err != nil {
			return err
		}
	}
	for range steps {
		var v []float64
		for range sets {
			v = append(v, float64(t.next()+1)/2)
		}
		u = append(u, v)
	}
	fast, err := d.Run(0, lanes, sets, u, steps)
	if err != nil {
		return err
	}
	again, err := d.rerun(lanes, sets, u, steps, ids[:8])
	if err != nil {
		return err
	}
	t.report(name+", run to run", equal(fast, again), "")
	for i := range sets {
		if err := d.SetSeen(0, 8+i, ids[:8]); err != nil {
			return err
		}
	}
	var slow [][]int32
	for step := range steps {
		got, err := d.Choose(0, lanes, sets, u[step])
		if err != nil {
			return err
		}
		slow = append(slow, got)
		for i, id := range got {
			if err := d.MarkSeen(0, lanes[i].Row, []int32{id}); err != nil {
				return err
			}
			lanes[i].Position++
			lanes[i].ID = id
		}
	}
	t.report(name+", tokens fed back on the device", equal(fast, slow), fmt.Sprint(fast[0], slow[0]))
	return nil
}

func (d *Decoder) rerun(lanes []Lane, sets []core.Sampling, u [][]float64, steps int, seen []int32) ([][]int32, error) {
	for _, l := range lanes {
		if err := d.SetSeen(0, l.Row, seen); err != nil {
			return nil, err
		}
	}
	return d.Run(0, lanes, sets, u, steps)
}

func equal(a, b [][]int32) bool { return slices.EqualFunc(a, b, slices.Equal[[]int32]) }

// borderline says whether u lies so close to the border of id's piece of the distribution that rounding decides.
func borderline(id int32, order []int32, probs []float64, u float64) bool {
	sum := 0.0
	for i, p := range probs {
		if order[i] == id {
			return u > sum-1e-5 && u < sum+p+1e-5
		}
		sum += p
	}
	return false
}
