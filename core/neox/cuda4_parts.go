//go:build torch

package neox

import (
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/torch"
)

// stage4 is one of the things that a chunk of a prompt goes through, for every layer.
type stage4 struct {
	name string
	run  func(layer int) error
}

// parts takes a prompt's chunk apart for a benchmark: what each does to the state is of no meaning. The last one runs
// once a chunk, whatever the layer.
func (st *state4) parts(s *torch.Scope, x *passing) []stage4 {
	r := st.model
	g, stream, d := r.gpu, r.stream, r.HiddenSize
	bias := func(layer int, m cuda.Matrix) uintptr { return r.at(r.layout.Bias(layer, m)) }
	product := func(layer int, m cuda.Matrix, y, in torch.Tensor) error {
		rows, cols := r.layout.Shape.Size(m)
		w := s.Over(r.at(r.matrix), torch.BFloat16, []int64{int64(rows), int64(cols)}, nil)
		s.LinearTo(y, in, w, torch.Tensor{})
		s.Drop(w)
		return s.Err()
	}
	list := []stage4{
		{"dequantise", func(layer int) error {
			for m := cuda.QKV; m <= cuda.Down; m++ {
				if err := g.Dequantize(stream, r.placed(layer, m), r.at(r.matrix)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"products", func(layer int) error {
			return inTurn(func() error { return product(layer, cuda.QKV, x.wide, x.normed) }, func() error { return product(layer, cuda.Dense, x.narrow, x.normed) },
				func() error { return product(layer, cuda.Up, x.inner, x.normed) }, func() error { return product(layer, cuda.Down, x.narrow, x.inner) })
		}},
		{"attention", func(layer int) error {
			s.Drop(st.attention(s, layer, x))
			return s.Err()
		}},
		{"residuals and norms", func(layer int) error {
			if err := st.add(layer, cuda.Dense, 1, x.t); err != nil {
				return err
			}
			return st.add(layer, cuda.Down, 2, x.t)
		}},
		{"rotary", func(layer int) error {
			return g.RotaryKV(stream, r.at(r.wide), bias(layer, cuda.QKV), r.at(r.cos), r.at(r.sin), r.at(r.narrow), r.layout.Shape, st.cache, layer, x.row, x.past, x.t)
		}},
		{"activation", func(layer int) error {
			return g.BiasAct(stream, r.at(r.wide), bias(layer, cuda.Up), x.t, r.IntermediateSize, r.layout.Shape.Act)
		}},
	}
	if x.adapter != nil {
		list = append(list, stage4{"adapter", func(layer int) error {
			return st.low(s, layer, cuda.QKV, x.wide, x.normed, x)
		}})
	}
	return append(list, stage4{"head", func(layer int) error {
		if layer > 0 {
			return nil
		}
		from := r.at(r.x)
		if err := g.LayerNorm(stream, from, r.at(r.layout.FinalNorm()), r.at(r.normed), 1, d, float32(r.LayerNormEps)); err != nil {
			return err
		}
		a := s.Over(r.at(r.normed), torch.BFloat16, []int64{1, int64(d)}, nil)
		w := s.Over(r.at(r.head), torch.BFloat16, []int64{int64(r.VocabSize), int64(d)}, nil)
		for _, t := range []torch.Tensor{s.LinearFloat(a, w), a, w} {
			s.Drop(t)
		}
		return s.Err()
	}})
}

// timeParts runs a chunk and then each of its parts alone, and gives the device's milliseconds for all layers.
func (st *state4) timeParts(s *torch.Scope, ids []int32, adapter int, emit func(name string, ms float64)) error {
	st.keep(0, 0)
	x, err := st.pass(s, 0, ids[:min(len(ids), st.model.chunk)], adapter)
	if err != nil {
		return err
	}
	for _, p := range st.parts(s, x) {
		all := func() error {
			for layer := range st.model.Layers {
				if err := p.run(layer); err != nil {
					return err
				}
			}
			return nil
		}
		if err := all(); err != nil { // warm
			return err
		}
		ms, err := st.model.gpu.Time(st.model.stream, all)
		if err != nil {
			return err
		}
		emit(p.name, ms)
	}
	return nil
}
