//go:build torch

package train

import (
	"kakoi/core/internal/torch"
)

// need says which matrices of a block pass a gradient on to what they read.
type need struct {
	x, attended, middle, inner bool
}

// needs of block i, where want says whether the block below needs one. In a sequential block the residual carries the
// feed-forward part's gradient down to attention; in a parallel one the parts do not meet.
func (n *net) needs(i int, want bool) need {
	l := n.lora[i]
	d := need{x: want}
	d.attended = want || l[queryKeyValue] != nil
	d.middle = want || !n.base.UseParallelResidual && (d.attended || l[dense] != nil)
	d.inner = d.middle || l[up] != nil
	return d
}

// backward is the gradient of block i's input from that of its output, dy [N, D], with the adapter's gradients added to their
// sums. want: whether anybody below needs it; none is returned otherwise. k is emptied.
func (n *net) backward(s *torch.Scope, i int, k *saved, dy torch.Tensor, b *batch, want bool) torch.Tensor {
	if n.fast != nil {
		return n.backwardFast(s, i, k, dy, b, want)
	}
	l, parallel := n.lora[i], n.base.UseParallelResidual
	if n.keep == "layer" {
		hold := func(to *torch.Tensor, t torch.Tensor) torch.Tensor {
			*to = s.Keep(&k.owner, t)
			return t
		}
		n.compute(s, i, k.x, b, k, hold, true, true)
	}
	if parallel {
		k.middle = k.x
	}
	d := n.needs(i, want)

	// Feed-forward part: dy is also the gradient of its output.
	var n2 torch.Tensor
	u := k.inner
	if u.None() || l[up] != nil {
		n2, _, _ = n.norm(s, i, 1, k.middle)
	}
	if u.None() {
		u = n.linear(s, i, up, n2, b)
	}
	var g torch.Tensor
	if l[down] != nil {
		g = s.Act(u, n.act)
	}
	dg := n.linearBack(s, i, down, dy, g, b, d.inner)
	s.Drop(g)
	dMiddle := torch.Tensor{}
	if d.inner {
		du := s.ActBack(dg, u, n.act)
		s.Drop(dg)
		s.Drop(u)
		dn2 := n.linearBack(s, i, up, du, n2, b, d.middle)
		s.Drop(du)
		if d.middle {
			w, bias := n.base.Norm(i, 1)
			dMiddle = s.NormBack(dn2, k.middle, k.mean2, k.rstd2, w, bias)
			s.Drop(dn2)
		}
	}
	s.Drop(n2)

	// What reaches attention's output: through the residual, and in a sequential block through the feed-forward part too.
	da := dy
	if !parallel {
		if !d.middle {
			return torch.Tensor{}
		}
		da = s.AddTo(dMiddle, dy)
	}
	do := n.linearBack(s, i, dense, da, k.attended, b, d.attended)
	if !d.attended {
		return torch.Tensor{}
	}
	h, e := int64(n.base.Heads), int64(n.base.HeadDim())
	dqkv := s.AttendBack(do, k.qkv, k.attended, k.lse, b.stretches)
	s.Drop(do)
	flat := s.View(dqkv, b.n, 3*h*e)
	n.turn(s, flat, b, b.back)
	var n1 torch.Tensor
	if l[queryKeyValue] != nil {
		n1, _, _ = n.norm(s, i, 0, k.x)
	}
	dn1 := n.linearBack(s, i, queryKeyValue, flat, n1, b, d.x)
	for _, t := range []torch.Tensor{n1, flat, dqkv} {
		s.Drop(t)
	}
	if !d.x {
		return torch.Tensor{}
	}
	w, bias := n.base.Norm(i, 0)
	dx := s.NormBack(dn1, k.x, k.mean1, k.rstd1, w, bias)
	s.Drop(dn1)
	s.AddTo(dx, da)
	if parallel {
		s.AddTo(dx, dMiddle)
	}
	return dx
}

// linearBack adds to the gradients of matrix which's adapter in block i (dB += scale dy^T low, dA += (scale dy B)^T in) and, with
// want, gives the gradient of its input: dy W + (scale dy B) A. x, the input, is needed where there is an adapter.
func (n *net) linearBack(s *torch.Scope, i, which int, dy, x torch.Tensor, b *batch, want bool) torch.Tensor {
	var dx torch.Tensor
	if want {
		w := n.base.Matrix(s, i, which)
		dx = s.MatMul(dy, w)
		s.Drop(w)
	}
	l := n.lora[i][which]
	if l == nil {
		return dx
	}
	in, mask := n.dropped(s, i, which, x, b)
	low := s.Linear(in, l.a, torch.Tensor{}) // [N, R]
	dyT := s.Transpose(dy, 0, 1)
	s.ProductAdd(l.gb, dyT, low, l.scale)
	dLow := s.Scale(s.MatMul(dy, l.b), l.scale) // [N, R]
	dLowT := s.Transpose(dLow, 0, 1)
	s.ProductAdd(l.ga, dLowT, in, 1)
	switch {
	case !want:
	case mask.None():
		s.ProductAdd(dx, dLow, l.a, 1)
	default:
		more := s.MatMul(dLow, l.a)
		masked := s.Masked(more, mask, 1/(1-n.dropout))
		s.AddTo(dx, masked)
		s.Drop(more)
		s.Drop(masked)
	}
	for _, t := range []torch.Tensor{in, mask, low, dyT, dLow, dLowT} {
		s.Drop(t)
	}
	return dx
}
