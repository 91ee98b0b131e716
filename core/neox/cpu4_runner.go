//go:build torch

package neox

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// cpu4 runs a model with 4-bit weights and an 8-bit head on the CPU through our own kernels (package kernel/cpu): a
// prompt's chunk, a batch's step and drafts to verify are all the same function over some tokens.
type cpu4 struct {
	Config
	pool     *cpu.Pool
	model    *cpu.Neox
	adapters map[int]*cpu.NeoxAdapter
	last     int // number given out
}

// Tokens of one prefill call, and lanes of one step: above 16 the tile unit would have to read the weights again.
const (
	chunkCPU4 = 256
	lanesCPU4 = 16
)

// shapeCPU4 is what the kernels need of the configuration.
func shapeCPU4(c Config) cpu.NeoxShape {
	return cpu.NeoxShape{
		Layers: c.Layers, Hidden: c.HiddenSize, Heads: c.Heads, FFN: c.IntermediateSize, Vocab: c.VocabSize,
		Turned: c.RotaryDims() / 2 * 2, Activation: c.HiddenAct, Parallel: c.UseParallelResidual, Eps: c.LayerNormEps,
	}
}

// fastCPU4 says whether the kernels run a model of this shape faster than libtorch's operations would: plain C does not.
func fastCPU4(c Config) bool { return cpu.Detect() >= cpu.AVX2 && shapeCPU4(c).Supports() == nil }

func (r *cpu4) traits() traits {
	return traits{dtype: "nf4", chunk: chunkCPU4, lanes: lanesCPU4, exact: true, grain: 1, read: r.model.Read()}
}

// instructions is the instruction set that runs, for figures.
func (r *cpu4) instructions() string { return r.model.Set().String() }

// readWeights, in the ways it can be done, and multiply are what bounds the kernels, for figures.
func (r *cpu4) readWeights(way int) int64 { return r.model.ReadWeights(way) }

func (r *cpu4) readWays() int { return cpu.ReadWays }

func (r *cpu4) multiply(loads bool) float64 { return r.model.Multiply(loads) }

func (r *cpu4) multiplied() float64 { return r.model.Multiplied() }

func (r *cpu4) bytes() int64 { return r.model.Bytes() }

func (r *cpu4) rowBytes(capacity int) int64 { return r.model.CacheBytes(capacity) }

func (r *cpu4) room(_ *torch.Scope, rows, capacity int) (state, error) {
	if capacity > r.MaxPositionEmbeddings {
		return nil, fmt.Errorf("cache of %d tokens for a model of %d: %w", capacity, r.MaxPositionEmbeddings, core.ErrTooLarge)
	}
	st := &stateCPU4{run: r, lengths: make([]int, rows)}
	for range rows {
		c, err := r.model.NewCache(capacity)
		if err != nil {
			st.close()
			return nil, fmt.Errorf("make room for %d x %d tokens: %w", rows, capacity, err)
		}
		st.rows = append(st.rows, c)
	}
	return st, nil
}

var linearsCPU4 = map[string]cpu.NeoxLinear{
	lora.QueryKeyValue: cpu.NeoxQKV, lora.Dense: cpu.NeoxDense, lora.Up: cpu.NeoxUp, lora.Down: cpu.NeoxDown,
}

func (r *cpu4) attach(_ *torch.Scope, a *lora.Adapter) (int, error) {
	if err := a.Fits(lora.ModelOf(r.Layers, r.HiddenSize, r.IntermediateSize)); err != nil {
		return 0, err
	}
	on, err := r.model.NewAdapter()
	if err != nil {
		return 0, err
	}
	for _, t := range a.Targets {
		if err := on.Set(t.Layer, linearsCPU4[t.Name], t.Rank, float64(t.Scale), t.A, t.B); err != nil {
			on.Close()
			return 0, fmt.Errorf("layer %d %s: %w", t.Layer, t.Name, err)
		}
	}
	r.last++
	r.adapters[r.last] = on
	return r.last, nil
}

func (r *cpu4) detach(n int) {
	if a := r.adapters[n]; a != nil {
		a.Close()
		delete(r.adapters, n)
	}
}

func (r *cpu4) close() {
	for n := range r.adapters {
		r.detach(n)
	}
	if r.model != nil {
		r.model.Close()
	}
	r.pool.Close()
}

// stateCPU4 is one cache per row.
type stateCPU4 struct {
	run     *cpu4
	rows    []*cpu.NeoxCache
	lengths []int
}

func (st *stateCPU4) prefill(_ *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	l := make([]lane, len(ids))
	for i, id := range ids {
		l[i] = lane{row: row, id: id, adapter: adapter}
	}
	out := make([][]float32, len(ids))
	if len(out) > 0 {
		out[len(out)-1] = logits
	}
	return st.step(l, out, true)
}

// all is prefill with the logits of every token, [len(ids)][V].
func (st *stateCPU4) all(_ *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	l, out := make([]lane, len(ids)), make([][]float32, len(ids))
	for i, id := range ids {
		l[i] = lane{row: row, id: id, adapter: adapter}
		out[i] = logits[i*st.run.VocabSize : (i+1)*st.run.VocabSize]
	}
	return st.step(l, out, true)
}

func (st *stateCPU4) lanes(_ *torch.Scope, l []lane, logits [][]float32) error {
	return st.step(l, logits, false)
}

func (st *stateCPU4) step(l []lane, logits [][]float32, prompt bool) error {
	tokens, more := make([]cpu.NeoxToken, len(l)), make([]int, len(st.rows))
	for i, n := range l {
		at := st.lengths[n.row] + more[n.row]
		if at >= st.rows[n.row].Capacity {
			return fmt.Errorf("row %d: %d tokens do not fit %d: %w", n.row, at+1, st.rows[n.row].Capacity, core.ErrTooLarge)
		}
		more[n.row]++
		tokens[i] = cpu.NeoxToken{ID: n.id, Position: at, Cache: st.rows[n.row], Adapter: st.run.adapters[n.adapter], Logits: logits[i]}
	}
	if err := st.run.model.Run(tokens, prompt); err != nil {
		return err
	}
	for row, n := range more {
		st.lengths[row] += n
	}
	return nil
}

func (st *stateCPU4) length(row int) int { return st.lengths[row] }

func (st *stateCPU4) keep(row, n int) { st.lengths[row] = min(n, st.lengths[row]) }

func (st *stateCPU4) copy(_ *torch.Scope, from, to, n int) error {
	if n > st.lengths[from] || n > st.rows[to].Capacity {
		return fmt.Errorf("copy %d tokens of a row of %d: %w", n, st.lengths[from], core.ErrUsage)
	}
	if from != to {
		st.rows[to].Copy(st.run.model, st.rows[from], n)
	}
	st.lengths[to] = n
	return nil
}

func (st *stateCPU4) close() {
	for _, c := range st.rows {
		c.Close()
	}
	st.rows = nil
}
