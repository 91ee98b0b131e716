//go:build torch

package neox

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// target is a matrix that adapters change, as lora.Names counts them.
type target int

const (
	queryKeyValue target = iota
	dense
	up
	down
	targets
)

// adapter is a LoRA on the device beside a Model: y = W x + B (A x), B with the scale in it. Ranks are filled up
// with zeros to what the matrix-vector kernel takes.
type adapter struct {
	owner torch.Owner
	layer [][targets]struct{ a, b torch.Tensor } // [rank, in], [out, rank]
}

// use is n lanes from the first on that an adapter changes; for a chunk it is the chunk.
type use struct {
	first, n int
	adapter  *adapter
}

// newAdapter copies a to the model's device in the model's dtype.
func (m *Model) newAdapter(s *torch.Scope, a *lora.Adapter) (_ *adapter, err error) {
	if err := a.Fits(lora.ModelOf(m.Layers, m.HiddenSize, m.IntermediateSize)); err != nil {
		return nil, err
	}
	on := &adapter{layer: make([][targets]struct{ a, b torch.Tensor }, m.Layers)}
	defer func() {
		if err != nil {
			on.owner.Close()
		}
	}()
	for i := range m.Layers {
		for n, name := range lora.Names {
			t := a.Target(i, name)
			if t == nil {
				continue
			}
			rank := (t.Rank + rankStep - 1) / rankStep * rankStep
			down, up := make([]float32, rank*t.In), make([]float32, t.Out*rank)
			copy(down, t.A)
			for o := range t.Out {
				for r := range t.Rank {
					up[o*rank+r] = t.Scale * t.B[o*t.Rank+r]
				}
			}
			on.layer[i][n].a = s.Keep(&on.owner, s.Copy(s.Floats(down, int64(rank), int64(t.In)), m.DType))
			on.layer[i][n].b = s.Keep(&on.owner, s.Copy(s.Floats(up, int64(t.Out), int64(rank)), m.DType))
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("attach adapter %q: %w", a.Name, err)
	}
	return on, nil
}

// usesOf says which lanes go through which adapter.
func usesOf(l []lane, attached map[int]*adapter) ([]use, error) {
	var out []use
	for i, x := range l {
		if x.adapter == 0 {
			continue
		}
		a := attached[x.adapter]
		if a == nil {
			return nil, fmt.Errorf("adapter %d is not attached: %w", x.adapter, core.ErrUsage)
		}
		if n := len(out); n > 0 && out[n-1].adapter == a && out[n-1].first+out[n-1].n == i {
			out[n-1].n++
		} else {
			out = append(out, use{first: i, n: 1, adapter: a})
		}
	}
	return out, nil
}
