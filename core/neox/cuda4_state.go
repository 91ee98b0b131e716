//go:build torch

package neox

import (
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
)

// state4 is the keys and values of some rows, and the decoder over them: nil where the kernels do not run on the
// device, and lanes go the slow way of prompts.
type state4 struct {
	model   *cuda4
	memory  uintptr // cache and workspace
	cache   cuda.Cache
	decoder *cuda.Decoder
	rows    []row4
	slots   [adapters4]int // adapter that the decoder knows by number slot+1; 0: none
}

// row4 is what the host knows of a row.
type row4 struct {
	ids    []int32 // its tokens
	marked int     // so many of them, and of next behind them, the decoder has marked as seen; -1: others too
	next   int32
}

// adapters4 is how many adapters one decoder knows at a time: as many as one call has lanes.
const adapters4 = cuda.MaxLanes

// chooser4 is a state4 with a decoder, which samples too.
type chooser4 struct{ *state4 }

var _ chooser = chooser4{}

func (r *cuda4) room(_ *torch.Scope, rows, capacity int) (state, error) {
	if capacity > r.MaxPositionEmbeddings {
		return nil, fmt.Errorf("cache of %d tokens for a model of %d: %w", capacity, r.MaxPositionEmbeddings, core.ErrTooLarge)
	}
	st := &state4{model: r, rows: make([]row4, rows)}
	st.cache = cuda.Cache{Rows: rows, Capacity: capacity}
	opt := cuda.DecoderOptions{Lanes: cuda.MaxLanes, Adapters: adapters4, Steps: maxSteps4}
	half := (st.cache.Bytes(r.layout.Shape) + 255) &^ 255
	total := 2*half + r.gpu.WorkspaceBytes(r.layout.Shape, st.cache, opt)
	var err error
	if st.memory, err = alloc4(r.dev, total); err != nil {
		return nil, fmt.Errorf("make room for %d x %d tokens: %w", rows, capacity, err)
	}
	st.cache.K, st.cache.V = st.memory, st.memory+uintptr(half)
	// A masked key has weight 0, and 0 times an uninitialised infinity is no zero.
	if err = upload.Zero(r.dev.Index(), st.memory, total); err == nil {
		w := cuda.Weights{Layout: r.layout, Block: r.base, Embed: r.at(r.embed), Head: r.at(r.head), Cos: r.at(r.cos), Sin: r.at(r.sin)}
		st.decoder, err = r.gpu.NewDecoder(w, st.cache, st.memory+uintptr(2*half), opt)
	}
	switch {
	case err == nil:
		return chooser4{st}, nil
	case errors.Is(err, core.ErrUnsupported):
		return st, nil
	}
	st.close()
	return nil, err
}

// probe finds out whether the decoder runs here, which compiles its kernels where that was not done before; on the device's thread.
func (r *cuda4) probe(s *torch.Scope, p core.Progress) error {
	_, done, err := gpu4(r.dev.Index(), p)
	if err != nil {
		return err
	}
	defer done()
	st, err := r.room(s, 1, 1)
	if err != nil {
		return err
	}
	_, r.decodes = st.(chooser4)
	st.close()
	return nil
}

func (st *state4) close() {
	torch.Synchronize(st.model.dev.Index())
	if st.decoder != nil {
		_ = st.decoder.Close()
	}
	if st.memory != 0 {
		_ = upload.Free(st.model.dev.Index(), st.memory)
	}
	st.decoder, st.memory = nil, 0
}

func (st *state4) length(row int) int { return len(st.rows[row].ids) }

func (st *state4) keep(row, n int) {
	r := &st.rows[row]
	r.ids = r.ids[:min(n, len(r.ids))]
	if r.marked > n {
		r.marked = -1
	}
}

func (st *state4) copy(s *torch.Scope, from, to, n int) error {
	src := &st.rows[from]
	if n > len(src.ids) {
		return fmt.Errorf("copy %d tokens of a row of %d: %w", n, len(src.ids), core.ErrUsage)
	}
	if from == to {
		st.keep(to, n)
		return nil
	}
	if n > 0 {
		c := st.model.Config
		shape := []int64{int64(c.Layers), int64(st.cache.Rows), int64(c.Heads), int64(st.cache.Capacity), int64(c.HeadDim())}
		for _, p := range []uintptr{st.cache.K, st.cache.V} {
			all := s.Over(p, torch.BFloat16, shape, nil)
			part := func(row int) torch.Tensor { return s.Narrow(s.Select(all, 1, int64(row)), 2, 0, int64(n)) }
			s.Write(part(to), part(from))
		}
		if err := s.Err(); err != nil {
			return err
		}
	}
	st.rows[to] = row4{ids: slices.Clone(src.ids[:n]), marked: -1}
	return nil
}

// place turns lanes into the decoder's, with positions and adapters.
func (st *state4) place(l []lane, steps int) ([]cuda.Lane, error) {
	if len(l) == 0 || len(l) > cuda.MaxLanes {
		return nil, fmt.Errorf("%d lanes: %w", len(l), core.ErrUsage)
	}
	out := make([]cuda.Lane, len(l))
	next := make(map[int]int, len(l))
	for i, x := range l {
		if x.row < 0 || x.row >= len(st.rows) || x.id < 0 || int(x.id) >= st.model.VocabSize {
			return nil, fmt.Errorf("lane %d: token %d of row %d: %w", i, x.id, x.row, core.ErrUsage)
		}
		if _, begun := next[x.row]; begun && (l[i-1].row != x.row || steps > 1) {
			return nil, fmt.Errorf("lane %d: row %d again: %w", i, x.row, core.ErrUsage)
		}
		at := st.length(x.row) + next[x.row]
		next[x.row]++
		if at+steps > st.cache.Capacity {
			return nil, fmt.Errorf("row %d: %d tokens after %d do not fit %d: %w", x.row, steps, at, st.cache.Capacity, core.ErrTooLarge)
		}
		slot, err := st.slot(x.adapter, l)
		if err != nil {
			return nil, err
		}
		out[i] = cuda.Lane{Row: x.row, Position: at, ID: x.id, Adapter: slot}
	}
	return out, nil
}

// slot is the decoder's number of an adapter, which takes the place of one that no lane of l needs.
func (st *state4) slot(n int, l []lane) (int, error) {
	if n == 0 {
		return 0, nil
	}
	a := st.model.adapters[n]
	if a == nil {
		return 0, fmt.Errorf("adapter %d is not attached: %w", n, core.ErrUsage)
	}
	free := -1
	for i, have := range st.slots {
		if have == n {
			return i + 1, nil
		}
		if free < 0 && (have == 0 || !slices.ContainsFunc(l, func(x lane) bool { return x.adapter == have })) {
			free = i
		}
	}
	if err := st.decoder.SetAdapter(free+1, a.parts); err != nil {
		return 0, err
	}
	st.slots[free] = n
	return free + 1, nil
}

// grow records that the lanes' tokens are in.
func (st *state4) grow(l []lane) {
	for _, x := range l {
		st.rows[x.row].ids = append(st.rows[x.row].ids, x.id)
	}
}

func (st *state4) lanes(s *torch.Scope, l []lane, logits [][]float32) error {
	if st.decoder == nil {
		return st.slowLanes(s, l, logits)
	}
	placed, err := st.place(l, 1)
	if err != nil {
		return err
	}
	wanted := slices.ContainsFunc(logits, func(v []float32) bool { return v != nil })
	if err := st.decoder.Step(st.model.stream, placed, wanted); err != nil {
		return err
	}
	for i, v := range logits {
		if v == nil {
			continue
		}
		if err := st.decoder.ReadLogits(st.model.stream, i, v); err != nil {
			return err
		}
	}
	st.grow(l)
	return nil
}

// slowLanes runs the lanes of each row as a chunk of a prompt.
func (st *state4) slowLanes(s *torch.Scope, l []lane, logits [][]float32) (err error) {
	before := map[int]int{}
	for at, n := 0, 0; at < len(l); at += n {
		n = 1
		for at+n < len(l) && l[at+n].row == l[at].row && l[at+n].adapter == l[at].adapter {
			n++
		}
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = l[at+i].id
		}
		if _, ok := before[l[at].row]; !ok {
			before[l[at].row] = st.length(l[at].row)
		}
		all := make([]float32, n*st.model.VocabSize)
		if err = st.all(s, l[at].row, ids, l[at].adapter, all); err != nil {
			for row, n := range before {
				st.keep(row, n)
			}
			return err
		}
		for i := range ids {
			copy(logits[at+i], all[i*st.model.VocabSize:])
		}
	}
	return nil
}

// mark sees to it that the decoder has marked the tokens of the lanes' rows, and each row's first lane, where a
// penalty asks for it. The decoder itself takes the lanes after the first as seen by those that follow.
func (st *state4) mark(l []lane, set []core.Sampling) error {
	for i, x := range l {
		if p := set[i].RepetitionPenalty; p == 0 || p == 1 || i > 0 && l[i-1].row == x.row {
			continue
		}
		r := &st.rows[x.row]
		var err error
		switch n := len(r.ids); {
		case r.marked == n+1 && r.next == x.id:
		case r.marked > 0 && r.marked <= n:
			err = st.decoder.MarkSeen(st.model.stream, x.row, append(slices.Clone(r.ids[r.marked:]), x.id))
		default:
			err = st.decoder.SetSeen(st.model.stream, x.row, append(slices.Clone(r.ids), x.id))
		}
		if err != nil {
			r.marked = -1
			return err
		}
		r.marked, r.next = len(r.ids)+1, x.id
	}
	return nil
}

func (st chooser4) choose(_ *torch.Scope, l []lane, set []core.Sampling, u []float64) ([]int32, error) {
	placed, err := st.place(l, 1)
	if err != nil {
		return nil, err
	}
	if err := st.mark(l, set); err != nil {
		return nil, err
	}
	ids, err := st.decoder.Choose(st.model.stream, placed, set, u)
	if err != nil {
		return nil, err
	}
	st.grow(l)
	for i, x := range l {
		// Between two launches the decoder marks the first one's lanes, guesses that may be wrong.
		if p := set[i].RepetitionPenalty; i > 0 && l[i-1].row == x.row && p != 0 && p != 1 {
			st.rows[x.row].marked = -1
		}
	}
	return ids, nil
}

func (st chooser4) run(_ *torch.Scope, l []lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error) {
	placed, err := st.place(l, n)
	if err != nil {
		return nil, err
	}
	if err := st.mark(l, set); err != nil {
		return nil, err
	}
	ids, err := st.decoder.Run(st.model.stream, placed, set, u, n)
	if err != nil {
		for _, x := range l {
			st.rows[x.row].marked = -1
		}
		return nil, err
	}
	st.grow(l)
	for i, x := range l {
		r := &st.rows[x.row]
		for k := range n - 1 {
			r.ids = append(r.ids, ids[k][i])
		}
		// Run marks what it chooses, also the last one, which is not among the row's tokens yet.
		if r.marked == len(r.ids)-n+1 {
			r.marked, r.next = len(r.ids)+1, ids[n-1][i]
		} else {
			r.marked = -1
		}
	}
	return ids, nil
}
