//go:build torch

package train

import (
	"kakoi/core/internal/torch"
)

// The matrices of a block, as lora.Names counts them.
const (
	queryKeyValue = iota
	dense
	up
	down
)

// batch is a micro-batch on the device: N tokens of some examples.
type batch struct {
	owner     torch.Owner
	n         int64
	stretches torch.Stretches
	cos, sin  torch.Tensor // [N, 1, 1, R/2]; none: nothing is turned
	back      torch.Tensor // -sin
	counted   torch.Tensor // int64 [M]: the tokens from which a counted one is predicted
	targets   torch.Tensor // int64 [M]: those counted ones
	m         int64
	number    uint64 // of all micro-batches of the run, for dropout
	training  bool
}

// newBatch brings examples to the device.
func (n *net) newBatch(s *torch.Scope, examples []example, number uint64, training bool) *batch {
	x := &batch{number: number, training: training}
	var positions, counted, targets []int64
	lengths := make([]int, len(examples))
	for i, e := range examples {
		lengths[i] = len(e.ids)
		for t := range e.ids {
			positions = append(positions, int64(t))
		}
		for t := e.from; t < len(e.ids); t++ {
			counted, targets = append(counted, x.n+int64(t)-1), append(targets, int64(e.ids[t]))
		}
		x.n += int64(len(e.ids))
	}
	x.m = int64(len(counted))
	x.stretches = s.Stretches(lengths)
	s.KeepStretches(&x.owner, x.stretches)
	if cos, sin := n.base.Angles(); !cos.None() {
		at := s.Ints(positions, x.n)
		half := cos.Shape()[1]
		x.cos = s.Keep(&x.owner, s.View(s.IndexSelect(cos, 0, at), x.n, 1, 1, half))
		x.sin = s.Keep(&x.owner, s.View(s.IndexSelect(sin, 0, at), x.n, 1, 1, half))
		x.back = s.Keep(&x.owner, s.Scale(s.Copy(x.sin, x.sin.DType()), -1))
	}
	x.counted = s.Keep(&x.owner, s.Ints(counted, x.m))
	x.targets = s.Keep(&x.owner, s.Ints(targets, x.m))
	return x
}

// saved is what the backward pass of a block needs of the forward pass. What is none is computed again.
type saved struct {
	owner         torch.Owner
	x             torch.Tensor // [N, D], the block's input
	middle        torch.Tensor // [N, D], the feed-forward part's input before its norm; x where both parts read x
	mean1, rstd1  torch.Tensor // of the norms
	mean2, rstd2  torch.Tensor
	qkv           torch.Tensor    // [N, H, 3, D/H], turned
	attended, lse torch.Tensor    // [N, D]
	inner         torch.Tensor    // [N, F], the activation's input
	low           [4]torch.Tensor // fp32 [N, R] between A and B of the matrices' adapters; with our own kernels only
}

// forward is block i of x. What the backward pass needs goes to keep, unless that is nil.
func (n *net) forward(s *torch.Scope, i int, x torch.Tensor, b *batch, keep *saved) torch.Tensor {
	hold := func(to *torch.Tensor, t torch.Tensor) torch.Tensor {
		if keep != nil && n.keep != "layer" {
			*to = s.Keep(&keep.owner, t)
		}
		return t
	}
	var k saved
	if keep == nil {
		keep = &k // nothing is held: hold asks for the net's own way first
		hold = func(_ *torch.Tensor, t torch.Tensor) torch.Tensor { return t }
	}
	return n.compute(s, i, x, b, keep, hold, n.keep == "none", false)
}

// compute is forward with the say of what is held; inner says whether the activation's input is. again: only for what is held;
// nothing is returned then.
func (n *net) compute(s *torch.Scope, i int, x torch.Tensor, b *batch, k *saved, hold func(*torch.Tensor, torch.Tensor) torch.Tensor, inner, again bool) torch.Tensor {
	if n.fast != nil {
		return n.computeFast(s, i, x, b, k, hold, inner, again)
	}
	n1, mean, rstd := n.norm(s, i, 0, x)
	hold(&k.mean1, mean)
	hold(&k.rstd1, rstd)
	qkv := hold(&k.qkv, n.attentionInput(s, i, n1, b))
	s.Drop(n1)
	o, lse := s.Attend(qkv, b.stretches)
	hold(&k.attended, o)
	hold(&k.lse, lse)
	s.Drop(qkv) // nothing happens to what is held
	a := n.linear(s, i, dense, o, b)
	s.Drop(o)
	middle := x
	if !n.base.UseParallelResidual {
		middle = hold(&k.middle, s.AddTo(a, x))
	}
	n2, mean, rstd := n.norm(s, i, 1, middle)
	hold(&k.mean2, mean)
	hold(&k.rstd2, rstd)
	u := n.linear(s, i, up, n2, b)
	s.Drop(n2)
	if inner {
		hold(&k.inner, u)
	}
	if again {
		return torch.Tensor{}
	}
	g := s.Act(u, n.act)
	s.Drop(u)
	f := n.linear(s, i, down, g, b)
	s.Drop(g)
	if n.base.UseParallelResidual {
		s.AddTo(f, a)
		s.Drop(a)
	}
	return s.AddTo(f, middle)
}

// norm normalises x [N, D] for a block's attention (0) or feed-forward part (1).
func (n *net) norm(s *torch.Scope, i, which int, x torch.Tensor) (y, mean, rstd torch.Tensor) {
	w, b := n.base.Norm(i, which)
	return s.Norm(x, w, b, n.base.LayerNormEps)
}

// attentionInput is q, k and v [N, H, 3, D/H] with q and k turned, of the normalised input.
func (n *net) attentionInput(s *torch.Scope, i int, x torch.Tensor, b *batch) torch.Tensor {
	h, d := int64(n.base.Heads), int64(n.base.HeadDim())
	qkv := n.linear(s, i, queryKeyValue, x, b)
	n.turn(s, qkv, b, b.sin)
	y := s.View(qkv, b.n, h, 3, d)
	s.Drop(qkv)
	return y
}

// turn turns q and k of qkv [N, 3D] in place; by -sin it turns back, which is also the gradient.
func (n *net) turn(s *torch.Scope, qkv torch.Tensor, b *batch, sin torch.Tensor) {
	if b.cos.None() {
		return
	}
	all := s.View(qkv, b.n, int64(n.base.Heads), 3, int64(n.base.HeadDim()))
	s.Turn(all, b.cos, sin)
	s.Drop(all)
}

// linear is x W^T + bias + scale (drop(x) A^T) B^T, of matrix which in block i.
func (n *net) linear(s *torch.Scope, i, which int, x torch.Tensor, b *batch) torch.Tensor {
	w := n.base.Matrix(s, i, which)
	y := s.Linear(x, w, n.base.Bias(i, which))
	s.Drop(w)
	if l := n.lora[i][which]; l != nil {
		in, mask := n.dropped(s, i, which, x, b)
		low := s.Linear(in, l.a, torch.Tensor{}) // [N, R]
		t := s.Transpose(l.b, 0, 1)
		s.ProductAdd(y, low, t, l.scale)
		for _, d := range []torch.Tensor{in, mask, low, t} {
			s.Drop(d) // x itself stays where nothing is left out: see dropped
		}
	}
	return y
}

// dropped is x with some numbers left out, and the mask; in training the same ones for the same micro-batch and matrix, so the
// backward pass makes them again. Without dropout it is a second handle of x and no mask.
func (n *net) dropped(s *torch.Scope, i, which int, x torch.Tensor, b *batch) (y, mask torch.Tensor) {
	if n.dropout == 0 || !b.training {
		return s.View(x, x.Shape()...), torch.Tensor{}
	}
	return s.Dropout(x, n.dropout, n.dropoutSeed(i, which, b)>>1)
}

// dropoutSeed decides which numbers are left out.
func (n *net) dropoutSeed(i, which int, b *batch) uint64 {
	return mix(n.seed, streamDropout, b.number, uint64(4*i+which))
}
