//go:build torch

package neox

import (
	"fmt"

	"kakoi/core/internal/torch"
)

// Model is the weights of one GPT-NeoX on one device. Close frees them on the device's thread.
type Model struct {
	Config
	DType torch.DType // of the weights and the computation

	owner torch.Owner
	embed torch.Tensor // [V, D]
	head  torch.Tensor // [V, D]; the same tensor as embed where tied
	norm  norm
	layer []layer
	cos   torch.Tensor // [P, R/2], one row per position
	sin   torch.Tensor // [P, R/2]
}

type norm struct{ w, b torch.Tensor } // [D]

type linear struct{ w, b torch.Tensor } // [O, I], [O] or none

// layer is one block. query_key_value gives, per head, q, k and v in turn: [B, T, H, 3, D/H].
type layer struct {
	inputNorm, postNorm norm
	queryKeyValue       linear // [3D, D]
	dense               linear // [D, D]
	up                  linear // dense_h_to_4h [F, D]
	down                linear // dense_4h_to_h [D, F]
}

// Close frees the weights; on the device's thread.
func (m *Model) Close() { m.owner.Close() }

// Bytes is the memory of the weights.
func (m *Model) Bytes() int64 { return m.Parameters() * int64(m.DType.Size()) }

// Forward runs the tokens ids [B, T] through the model and writes their keys and values into the cache at span,
// which says where they stand. It returns the logits [B, T, V].
func (m *Model) Forward(s *torch.Scope, ids torch.Tensor, at span, cache *KVCache) torch.Tensor {
	return m.logits(s, m.hidden(s, ids, at, cache))
}

// forward is Forward for the last token of each row only, [B, 1, V], or for none where the chunk is not a
// prompt's last.
func (m *Model) forward(s *torch.Scope, ids torch.Tensor, at span, cache *KVCache, wanted bool) torch.Tensor {
	x := m.hidden(s, ids, at, cache)
	if !wanted {
		return torch.Tensor{}
	}
	return m.logits(s, s.Narrow(x, 1, at.t-1, 1))
}

// hidden is the state after the last layer, [B, T, D].
func (m *Model) hidden(s *torch.Scope, ids torch.Tensor, at span, cache *KVCache) torch.Tensor {
	x := s.Embedding(m.embed, ids)
	for i := range m.layer {
		y := s.In(func(s *torch.Scope) torch.Tensor { return m.block(s, i, x, at, cache) })
		if s.Err() != nil {
			s.Annotate("layer %d", i)
			return torch.Tensor{}
		}
		s.Drop(x)
		x = y
	}
	return x
}

func (m *Model) logits(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.Linear(m.normed(s, m.norm, x), m.head, torch.Tensor{})
}

// block is one layer: attention and feed-forward, side by side on the same x or one after the other.
func (m *Model) block(s *torch.Scope, i int, x torch.Tensor, at span, cache *KVCache) torch.Tensor {
	l := &m.layer[i]
	a := m.attention(s, i, m.normed(s, l.inputNorm, x), at, cache)
	if m.UseParallelResidual {
		f := m.feedForward(s, l, m.normed(s, l.postNorm, x))
		return s.Add(s.Add(f, a), x)
	}
	x = s.Add(a, x)
	return s.Add(m.feedForward(s, l, m.normed(s, l.postNorm, x)), x)
}

func (m *Model) attention(s *torch.Scope, i int, x torch.Tensor, at span, cache *KVCache) torch.Tensor {
	l := &m.layer[i]
	h, d := int64(m.Heads), int64(m.HeadDim())
	qkv := s.View(s.Linear(x, l.queryKeyValue.w, l.queryKeyValue.b), at.b, at.t, h, 3, d)
	if !at.cos.None() {
		s.Rotary(s.Narrow(qkv, 3, 0, 2), at.cos, at.sin) // q and k at once
	}
	q := s.Transpose(s.Select(qkv, 3, 0), 1, 2)          // [B, H, T, D/H]
	k, v := cache.write(s, i, at, qkv)                   // [B, H, S, D/H]
	o := s.Attention(q, k, v, at.mask, at.causal)        // [B, H, T, D/H]
	o = s.Reshape(s.Transpose(o, 1, 2), at.b, at.t, h*d) // [B, T, D]
	return s.Linear(o, l.dense.w, l.dense.b)
}

func (m *Model) feedForward(s *torch.Scope, l *layer, x torch.Tensor) torch.Tensor {
	return s.Linear(m.activate(s, s.Linear(x, l.up.w, l.up.b)), l.down.w, l.down.b)
}

func (m *Model) normed(s *torch.Scope, n norm, x torch.Tensor) torch.Tensor {
	return s.LayerNorm(x, int64(m.HiddenSize), n.w, n.b, m.LayerNormEps)
}

func (m *Model) activate(s *torch.Scope, x torch.Tensor) torch.Tensor {
	switch m.HiddenAct {
	case "gelu":
		return s.Gelu(x, false)
	case "gelu_new", "gelu_fast", "gelu_pytorch_tanh":
		return s.Gelu(x, true)
	case "relu":
		return s.Relu(x)
	case "silu", "swish":
		return s.Silu(x)
	}
	s.Fail(fmt.Errorf("hidden_act %q", m.HiddenAct))
	return torch.Tensor{}
}
