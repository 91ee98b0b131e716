//go:build torch

package neox

import (
	"encoding/binary"
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
)

// passing is the chunk of a prompt on its way: views of the arena for t tokens.
type passing struct {
	t, past int
	row     int
	adapter *adapter4
	normed  torch.Tensor // [t, D]
	wide    torch.Tensor // [t, 3D]
	inner   torch.Tensor // [t, F], the same memory
	narrow  torch.Tensor // [t, D]
	query   torch.Tensor // [1, H, t, D/H], the same memory
}

func (st *state4) prefill(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	x, err := st.pass(s, row, ids, adapter)
	if err != nil {
		return err
	}
	if logits != nil {
		if err := st.head(s, x.t-1, 1, logits); err != nil {
			return err
		}
	}
	r := &st.rows[row]
	r.ids = append(r.ids, ids...)
	return s.Err()
}

// pass runs a chunk through all layers: keys and values go into the cache, the state after the last layer stays in the
// arena.
func (st *state4) pass(s *torch.Scope, row int, ids []int32, adapter int) (*passing, error) {
	r := st.model
	x := &passing{t: len(ids), past: st.length(row), row: row}
	if x.t == 0 || x.t > r.chunk {
		return nil, fmt.Errorf("chunk of %d tokens, at most %d: %w", x.t, r.chunk, core.ErrUsage)
	}
	if x.past+x.t > st.cache.Capacity {
		return nil, fmt.Errorf("row %d: %d tokens after %d do not fit %d: %w", row, x.t, x.past, st.cache.Capacity, core.ErrTooLarge)
	}
	if adapter != 0 {
		if x.adapter = r.adapters[adapter]; x.adapter == nil {
			return nil, fmt.Errorf("adapter %d is not attached: %w", adapter, core.ErrUsage)
		}
	}
	raw := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		if id < 0 || int(id) >= r.VocabSize {
			return nil, fmt.Errorf("token %d for %d embeddings: %w", id, r.VocabSize, core.ErrUsage)
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
	}
	// The chunk before may still wait for its turn to read its ids, which lie in the same place.
	if err := upload.Await(r.dev.Index(), r.stream); err != nil {
		return nil, err
	}
	if err := upload.Write(r.dev.Index(), r.at(r.ids), raw); err != nil {
		return nil, err
	}
	t, d, e := int64(x.t), int64(r.HiddenSize), int64(r.HeadDim())
	x.normed = s.Over(r.at(r.normed), torch.BFloat16, []int64{t, d}, nil)
	x.wide = s.Over(r.at(r.wide), torch.BFloat16, []int64{t, 3 * d}, nil)
	x.inner = s.Over(r.at(r.wide), torch.BFloat16, []int64{t, int64(r.IntermediateSize)}, nil)
	x.narrow = s.Over(r.at(r.narrow), torch.BFloat16, []int64{t, d}, nil)
	x.query = s.Over(r.at(r.narrow), torch.BFloat16, []int64{1, int64(r.Heads), t, e}, []int64{t * d, e, d, 1})

	if err := r.gpu.Embed(r.stream, r.at(r.embed), r.at(r.ids), r.at(r.x), x.t, r.HiddenSize); err != nil {
		return nil, err
	}
	if err := st.norm(0, 0, x.t); err != nil {
		return nil, err
	}
	for layer := range r.Layers {
		if err := st.layer(s, layer, x); err != nil {
			return nil, fmt.Errorf("layer %d: %w", layer, err)
		}
	}
	return x, nil
}

// norm normalises the residual stream of t tokens for a layer's attention (which 0) or feed-forward part (1).
func (st *state4) norm(layer, which, t int) error {
	r := st.model
	return r.gpu.LayerNorm(r.stream, r.at(r.x), r.at(r.layout.Norm(layer, which)), r.at(r.normed), t, r.HiddenSize, float32(r.LayerNormEps))
}

// add adds what a product gave, with its bias, to the residual stream, and normalises that for what comes next: the
// feed-forward part of the layer (next 1), the attention of the layer behind it (2), or nothing (0).
func (st *state4) add(layer int, m cuda.Matrix, next, t int) error {
	r := st.model
	bias, norm := r.at(r.layout.Bias(layer, m)), int64(0)
	switch {
	case next == 1:
		norm = r.layout.Norm(layer, 1)
	case next == 2 && layer+1 < r.Layers:
		norm = r.layout.Norm(layer+1, 0)
	default:
		return r.gpu.BiasResidual(r.stream, r.at(r.x), r.at(r.narrow), bias, t, r.HiddenSize)
	}
	return r.gpu.AddNorm(r.stream, r.at(r.x), r.at(r.narrow), bias, r.at(norm), r.at(r.normed), t, r.HiddenSize, float32(r.LayerNormEps))
}

// layer is one block; the stream is normalised for it already.
func (st *state4) layer(s *torch.Scope, layer int, x *passing) error {
	r := st.model
	bias := func(m cuda.Matrix) uintptr { return r.at(r.layout.Bias(layer, m)) }
	return inTurn(
		func() error { return st.product(s, layer, cuda.QKV, x.wide, x.normed, x) },
		func() error {
			return r.gpu.RotaryKV(r.stream, r.at(r.wide), bias(cuda.QKV), r.at(r.cos), r.at(r.sin), r.at(r.narrow), r.layout.Shape, st.cache, layer, x.row, x.past, x.t)
		},
		func() error {
			o := st.attention(s, layer, x)
			defer s.Drop(o)
			return st.product(s, layer, cuda.Dense, x.narrow, o, x)
		},
		func() error {
			if !r.UseParallelResidual {
				return st.add(layer, cuda.Dense, 1, x.t)
			}
			if err := st.norm(layer, 1, x.t); err != nil { // both parts read the stream as it was
				return err
			}
			return st.add(layer, cuda.Dense, 0, x.t)
		},
		func() error { return st.product(s, layer, cuda.Up, x.inner, x.normed, x) },
		func() error {
			return r.gpu.BiasAct(r.stream, r.at(r.wide), bias(cuda.Up), x.t, r.IntermediateSize, r.layout.Shape.Act)
		},
		func() error { return st.product(s, layer, cuda.Down, x.narrow, x.inner, x) },
		func() error { return st.add(layer, cuda.Down, 2, x.t) },
		s.Err,
	)
}

// inTurn runs steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// attention is that of the chunk's queries over all keys of the row, [t, D].
func (st *state4) attention(s *torch.Scope, layer int, x *passing) torch.Tensor {
	r := st.model
	h, e, c := int64(r.Heads), int64(r.HeadDim()), int64(st.cache.Capacity)
	at := uintptr(2 * (int64(layer)*int64(st.cache.Rows) + int64(x.row)) * h * c * e)
	over := func(p uintptr) torch.Tensor {
		return s.Over(p+at, torch.BFloat16, []int64{1, h, int64(x.past + x.t), e}, []int64{h * c * e, c * e, e, 1})
	}
	k, v := over(st.cache.K), over(st.cache.V)
	o := s.FlashAttention(x.query, k, v)
	flat := s.View(o, int64(x.t), h*e)
	for _, t := range []torch.Tensor{k, v, o} {
		s.Drop(t)
	}
	return flat
}

// product is y = in W^T for a matrix of a layer, with the adapter's part. The bias is added by what follows.
func (st *state4) product(s *torch.Scope, layer int, m cuda.Matrix, y, in torch.Tensor, x *passing) error {
	r := st.model
	rows, cols := r.layout.Shape.Size(m)
	w := r.at(r.matrix)
	if r.full != 0 {
		w = r.copied(layer, m)
	} else if err := r.gpu.Dequantize(r.stream, r.placed(layer, m), w); err != nil {
		return err
	}
	weight := s.Over(w, torch.BFloat16, []int64{int64(rows), int64(cols)}, nil)
	s.LinearTo(y, in, weight, torch.Tensor{})
	s.Drop(weight)
	return st.low(s, layer, m, y, in, x)
}

// low adds the adapter's part of a product.
func (st *state4) low(s *torch.Scope, layer int, m cuda.Matrix, y, in torch.Tensor, x *passing) error {
	if x.adapter == nil {
		return nil
	}
	r := st.model
	rows, cols := r.layout.Shape.Size(m)
	a := x.adapter.parts[layer][m]
	if a.Rank == 0 {
		return nil
	}
	low := s.Over(r.at(r.low), torch.BFloat16, []int64{int64(x.t), int64(a.Rank)}, nil)
	down := s.Over(a.A, torch.BFloat16, []int64{int64(a.Rank), int64(cols)}, nil)
	up := s.Over(a.B, torch.BFloat16, []int64{int64(rows), int64(a.Rank)}, nil)
	s.LinearTo(low, in, down, torch.Tensor{})
	s.LinearAdd(y, low, up, float64(a.Scale), 1)
	for _, t := range []torch.Tensor{low, down, up} {
		s.Drop(t)
	}
	return nil
}

// head gives the logits [n, V] of the chunk's tokens first.. after the last layer.
func (st *state4) head(s *torch.Scope, first, n int, logits []float32) error {
	r := st.model
	d, v := int64(r.HiddenSize), int64(r.VocabSize)
	from := r.at(r.x) + uintptr(4*int64(first)*d)
	if err := r.gpu.LayerNorm(r.stream, from, r.at(r.layout.FinalNorm()), r.at(r.normed), n, r.HiddenSize, float32(r.LayerNormEps)); err != nil {
		return err
	}
	x := s.Over(r.at(r.normed), torch.BFloat16, []int64{int64(n), d}, nil)
	w := s.Over(r.at(r.head), torch.BFloat16, []int64{v, d}, nil)
	s.Read(s.LinearFloat(x, w), logits)
	return s.Err()
}

// all is prefill with the logits [t, V] of every token of the chunk, for comparisons.
func (st *state4) all(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	x, err := st.pass(s, row, ids, adapter)
	if err != nil {
		return err
	}
	if err := st.head(s, 0, x.t, logits); err != nil {
		return err
	}
	st.rows[row].ids = append(st.rows[row].ids, ids...)
	return nil
}
