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
	return m.logits(s, m.hidden(s, ids, at, cache), at)
}

// forward is Forward for the last token of each row only, [B, 1, V], or for none where the chunk is not a
// prompt's last.
func (m *Model) forward(s *torch.Scope, ids torch.Tensor, at span, cache *KVCache, wanted bool) torch.Tensor {
	x := m.hidden(s, ids, at, cache)
	if !wanted {
		return torch.Tensor{}
	}
	return m.logits(s, s.Narrow(x, 1, at.t-1, 1), at)
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

func (m *Model) logits(s *torch.Scope, x torch.Tensor, at span) torch.Tensor {
	return m.product(s, at, m.normed(s, m.norm, x), linear{w: m.head})
}

// block is one layer: attention and feed-forward, side by side on the same x or one after the other.
func (m *Model) block(s *torch.Scope, i int, x torch.Tensor, at span, cache *KVCache) torch.Tensor {
	l := &m.layer[i]
	a := m.attention(s, i, m.normed(s, l.inputNorm, x), at, cache)
	if m.UseParallelResidual {
		f := m.feedForward(s, i, m.normed(s, l.postNorm, x), at)
		return s.Add(s.Add(f, a), x)
	}
	x = s.Add(a, x)
	return s.Add(m.feedForward(s, i, m.normed(s, l.postNorm, x), at), x)
}

func (m *Model) attention(s *torch.Scope, i int, x torch.Tensor, at span, cache *KVCache) torch.Tensor {
	l := &m.layer[i]
	h, d := int64(m.Heads), int64(m.HeadDim())
	qkv := s.View(m.linear(s, at, i, queryKeyValue, x, l.queryKeyValue), at.b, at.t, h, 3, d)
	if !at.cos.None() {
		s.Rotary(s.Narrow(qkv, 3, 0, 2), at.cos, at.sin) // q and k at once
	}
	return m.linear(s, at, i, dense, cache.attention(s, i, at, qkv), l.dense)
}

func (m *Model) feedForward(s *torch.Scope, i int, x torch.Tensor, at span) torch.Tensor {
	l := &m.layer[i]
	return m.linear(s, at, i, down, m.activated(s, m.linear(s, at, i, up, x, l.up), at), l.down)
}

// activated is the activation of x [B, T, F]. libtorch computes what is left over at the end of a thread's share with
// other instructions, so strict lanes go one by one unless there are neither shares nor rests.
func (m *Model) activated(s *torch.Scope, x torch.Tensor, at span) torch.Tensor {
	const share, vector = 32768, 64
	width := int64(m.IntermediateSize)
	if !at.strict || at.b == 1 || (width%vector == 0 && at.b*width < share) {
		return m.activate(s, x)
	}
	out := make([]torch.Tensor, at.b)
	for i := range out {
		out[i] = m.activate(s, s.Narrow(x, 0, int64(i), 1))
	}
	return s.Cat(0, out...)
}

// linear is x W^T + b, and what the adapters of the span's rows add to it in layer i.
func (m *Model) linear(s *torch.Scope, at span, i int, name target, x torch.Tensor, l linear) torch.Tensor {
	y := m.product(s, at, x, l)
	for _, u := range at.lora {
		t := u.adapter.layer[i][name]
		if t.a.None() {
			continue
		}
		mine, to := x, y
		if at.t == 1 {
			mine, to = s.Narrow(x, 0, int64(u.first), int64(u.n)), s.Narrow(y, 0, int64(u.first), int64(u.n))
		}
		low := m.product(s, at, mine, linear{w: t.a})
		s.AddTo(to, m.product(s, at, low, linear{w: t.b}))
	}
	return y
}

// product is x W^T + b.
func (m *Model) product(s *torch.Scope, at span, x torch.Tensor, l linear) torch.Tensor {
	if at.strict {
		return s.LinearRows(x, l.w, l.b)
	}
	return s.Linear(x, l.w, l.b)
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
