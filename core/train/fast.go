//go:build torch

package train

import (
	"slices"

	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// fast is our own kernels on a GPU, in bf16: the same arithmetic as block.go and block_back.go in fewer passes over memory. Sums are fp32
// where libtorch's operations round in between.
type fast struct {
	kernels
	stream     uintptr
	attendBack func(s *torch.Scope, do, qkv, o, lse torch.Tensor, x torch.Stretches) (dq, dk, dv torch.Tensor)
	clock      *cuda.Clock // where the time goes; nil: nobody asks
}

// kernels is cuda.Training. Tests have another one, which needs no GPU.
type kernels interface {
	Norm(stream uintptr, p cuda.TrainNorm) error
	NormBack(stream uintptr, p cuda.TrainNormBack, rank int) error
	Down(stream uintptr, p cuda.TrainDown, rank int, turned bool) error
	Up(stream uintptr, p cuda.TrainUp, rank int) error
	Gather(stream uintptr, p cuda.TrainGather) error
	OuterBytes(width, rank int, n int64) int64
	Outer(stream uintptr, p cuda.TrainOuter, to uintptr, rank int, scale float32, turned bool) error
	Masked(stream uintptr, p cuda.TrainMasked, rank int) error
	Entropy(stream uintptr, p cuda.TrainEntropy, n int64) error
}

// mark calls what was queued since the last mark name.
func (n *net) mark(s *torch.Scope, name string) {
	if n.fast != nil && n.fast.clock != nil {
		did(s, n.fast.clock.Mark(name))
	}
}

// taken says whether the kernels take the widths of a model and the ranks of an adapter.
func taken(c neox.Config, places []place) bool {
	var k *cuda.Training
	return c.IntermediateSize%16 == 0 && c.VocabSize%4 == 0 && !slices.ContainsFunc(places, func(p place) bool { return !k.Rank(p.rank) })
}

// newFast is the kernels for an adapter of g, nil where there are none for all of it; on the device's thread.
func newFast(s *torch.Scope, g *neox.Generator, dtype torch.DType, places []place) *fast {
	c := g.Config()
	if !taken(c, places) {
		return nil
	}
	k, stream := g.TrainKernels(dtype)
	if k == nil || !s.AttendsFlash(s.Empty(dtype, 1, int64(c.Heads), 3, int64(c.HeadDim()))) {
		return nil
	}
	return &fast{kernels: k, stream: stream, attendBack: (*torch.Scope).AttendBackParts}
}

// did takes an error of a kernel into the scope.
func did(s *torch.Scope, err error) {
	if err != nil {
		s.Fail(err)
	}
}

// at is a tensor's memory, 0 of none.
func at(t torch.Tensor) uintptr {
	if t.None() {
		return 0
	}
	return t.Pointer()
}

// out is the dropout of a matrix of block i in micro-batch b.
func (n *net) out(i, which int, b *batch) cuda.TrainDropout {
	if n.dropout == 0 || !b.training {
		return cuda.TrainDropout{Scale: 1}
	}
	return cuda.NewDropout(n.dropout, n.dropoutSeed(i, which, b))
}

// normFast is net.norm of x, or of x + add, which x becomes.
func (n *net) normFast(s *torch.Scope, i, which int, x, add torch.Tensor) (y, mean, rstd torch.Tensor) {
	w, b := n.base.Norm(i, which)
	rows := x.Shape()[0]
	y, mean, rstd = s.Empty(n.base.DType, rows, int64(n.base.HiddenSize)), s.Empty(torch.Float32, rows), s.Empty(torch.Float32, rows)
	if s.Err() == nil {
		did(s, n.fast.Norm(n.fast.stream, cuda.TrainNorm{
			X: at(x), Add: at(add), W: at(w), B: at(b), Y: at(y), Mean: at(mean), RStd: at(rstd), N: rows, Eps: float32(n.base.LayerNormEps),
		}))
	}
	return y, mean, rstd
}

// linearFast is net.linear; q and k of the first matrix are turned, too. The numbers between A and B go to low, unless it has them.
func (n *net) linearFast(s *torch.Scope, i, which int, x torch.Tensor, b *batch, k *saved, hold func(*torch.Tensor, torch.Tensor) torch.Tensor) torch.Tensor {
	w := n.base.Matrix(s, i, which)
	y := s.Linear(x, w, n.base.Bias(i, which))
	s.Drop(w)
	n.mark(s, "products")
	defer n.mark(s, "adapter, rotary")
	l := n.lora[i][which]
	turns := which == queryKeyValue && !b.cos.None()
	if l == nil && !turns || s.Err() != nil {
		return y
	}
	width := y.Shape()[1]
	up := cuda.TrainUp{Y: at(y), N: b.n, Width: int32(width)}
	if turns {
		up.Cos, up.Sin = at(b.cos), at(b.sin)
	}
	if l == nil {
		did(s, n.fast.Up(n.fast.stream, up, 0))
		return y
	}
	low := k.low[which]
	if low.None() {
		low = hold(&k.low[which], s.Empty(torch.Float32, b.n, int64(l.rank())))
		if s.Err() != nil {
			return y
		}
		did(s, n.fast.Down(n.fast.stream, n.downOf(i, which, x, low, b), l.rank(), false))
	}
	up.Low, up.W, up.Scale = at(low), at(l.b), float32(l.scale)
	did(s, n.fast.Up(n.fast.stream, up, l.rank()))
	s.Drop(low) // nothing happens to what is held
	return y
}

// downOf is the adapter's first half of x, with its dropout.
func (n *net) downOf(i, which int, x, low torch.Tensor, b *batch) cuda.TrainDown {
	return cuda.TrainDown{X: at(x), W: at(n.lora[i][which].a), Low: at(low), Drop: n.out(i, which, b), N: b.n, Scale: 1, Width: int32(x.Shape()[1])}
}

// computeFast is net.compute.
func (n *net) computeFast(s *torch.Scope, i int, x torch.Tensor, b *batch, k *saved, hold func(*torch.Tensor, torch.Tensor) torch.Tensor, inner, again bool) torch.Tensor {
	n1, mean, rstd := n.normFast(s, i, 0, x, torch.Tensor{})
	n.mark(s, "norms")
	hold(&k.mean1, mean)
	hold(&k.rstd1, rstd)
	flat := n.linearFast(s, i, queryKeyValue, n1, b, k, hold)
	s.Drop(n1)
	qkv := hold(&k.qkv, s.View(flat, b.n, int64(n.base.Heads), 3, int64(n.base.HeadDim())))
	s.Drop(flat)
	o, lse := s.Attend(qkv, b.stretches)
	n.mark(s, "attention")
	hold(&k.attended, o)
	hold(&k.lse, lse)
	s.Drop(qkv)
	a := n.linearFast(s, i, dense, o, b, k, hold)
	s.Drop(o)
	middle, add := x, torch.Tensor{}
	if !n.base.UseParallelResidual {
		middle, add = a, x // a becomes the sum
	}
	n2, mean, rstd := n.normFast(s, i, 1, middle, add)
	n.mark(s, "norms")
	if !n.base.UseParallelResidual {
		hold(&k.middle, middle)
	}
	hold(&k.mean2, mean)
	hold(&k.rstd2, rstd)
	u := n.linearFast(s, i, up, n2, b, k, hold)
	s.Drop(n2)
	if inner {
		hold(&k.inner, u)
	}
	if again {
		return torch.Tensor{}
	}
	g := s.Act(u, n.act)
	n.mark(s, "activation")
	s.Drop(u)
	f := n.linearFast(s, i, down, g, b, k, hold)
	s.Drop(g)
	if n.base.UseParallelResidual {
		s.AddTo(f, a)
		s.Drop(a)
	}
	s.AddTo(f, middle)
	n.mark(s, "residual")
	return f
}

// source is what a matrix read in the forward pass: x, or the norm of x.
type source struct {
	x, mean, rstd torch.Tensor
	norm          int // of the block, where mean is there
}

// linearBackFast is net.linearBack. The part of the gradient that goes through an adapter of rank is left to whoever takes low, where rest is
// set; otherwise it is in dx.
func (n *net) linearBackFast(s *torch.Scope, i, which int, dy torch.Tensor, x source, b *batch, k *saved, want, rest bool) (dx, low torch.Tensor) {
	if want {
		w := n.base.Matrix(s, i, which)
		dx = s.MatMul(dy, w)
		s.Drop(w)
		n.mark(s, "products, backward")
	}
	defer n.mark(s, "adapter, backward")
	l := n.lora[i][which]
	if l == nil || s.Err() != nil {
		return dx, low
	}
	rank, out, in := l.rank(), dy.Shape()[1], x.x.Shape()[1]
	below := k.low[which]
	if below.None() { // a layer that is computed again leaves out its last matrix
		below = s.Empty(torch.Float32, b.n, int64(rank))
		if s.Err() == nil {
			did(s, n.fast.Down(n.fast.stream, n.downOf(i, which, x.x, below, b), rank, false))
		}
	}
	low = s.Empty(torch.Float32, b.n, int64(rank))
	part := s.Empty(torch.Float32, max(n.fast.OuterBytes(int(out), rank, b.n), n.fast.OuterBytes(int(in), rank, b.n))/4)
	if s.Err() != nil {
		return dx, low
	}
	did(s, n.fast.Down(n.fast.stream, cuda.TrainDown{X: at(dy), W: at(l.b), Low: at(low), N: b.n, Scale: float32(l.scale), Width: int32(out)}, rank, true))
	did(s, n.fast.Outer(n.fast.stream, cuda.TrainOuter{X: at(dy), Low: at(below), Part: at(part), N: b.n, Width: int32(out)}, at(l.gb), rank, float32(l.scale), false))
	o := cuda.TrainOuter{X: at(x.x), Low: at(low), Part: at(part), Drop: n.out(i, which, b), N: b.n, Width: int32(in)}
	if !x.mean.None() {
		w, bias := n.base.Norm(i, x.norm)
		o.Mean, o.RStd, o.W, o.B = at(x.mean), at(x.rstd), at(w), at(bias)
	}
	did(s, n.fast.Outer(n.fast.stream, o, at(l.ga), rank, 1, true))
	s.Drop(part)
	s.Drop(below) // where it is not held
	if rest || !want {
		return dx, low
	}
	did(s, n.fast.Masked(n.fast.stream, cuda.TrainMasked{Y: at(dx), Low: at(low), A: at(l.a), Drop: n.out(i, which, b), N: b.n, Width: int32(in)}, rank))
	s.Drop(low)
	return dx, torch.Tensor{}
}

// normBackFast makes of the gradient dy of a norm of block i, which matrix which read, that of its input plus add, in place. low is what
// linearBackFast left.
func (n *net) normBackFast(s *torch.Scope, i, norm, which int, dy, low, x, mean, rstd, add torch.Tensor, b *batch) torch.Tensor {
	if s.Err() != nil {
		return dy
	}
	w, _ := n.base.Norm(i, norm)
	p := cuda.TrainNormBack{DY: at(dy), X: at(x), W: at(w), Mean: at(mean), RStd: at(rstd), Add: at(add), N: b.n}
	rank := 0
	if !low.None() {
		l := n.lora[i][which]
		p.Low, p.A, p.Drop, rank = at(low), at(l.a), n.out(i, which, b), l.rank()
	}
	did(s, n.fast.NormBack(n.fast.stream, p, rank))
	n.mark(s, "norms, backward")
	s.Drop(low)
	return dy
}

// backwardFast is net.backward.
func (n *net) backwardFast(s *torch.Scope, i int, k *saved, dy torch.Tensor, b *batch, want bool) torch.Tensor {
	l, parallel := n.lora[i], n.base.UseParallelResidual
	hold := func(to *torch.Tensor, t torch.Tensor) torch.Tensor {
		*to = s.Keep(&k.owner, t)
		return t
	}
	if n.keep == "layer" {
		n.computeFast(s, i, k.x, b, k, hold, true, true)
	}
	if parallel {
		k.middle = k.x
	}
	d := n.needs(i, want)
	u := k.inner
	if u.None() {
		n2, _, _ := n.normFast(s, i, 1, k.middle, torch.Tensor{})
		u = n.linearFast(s, i, up, n2, b, k, hold)
		s.Drop(n2)
	}
	var g torch.Tensor
	if l[down] != nil {
		g = s.Act(u, n.act)
	}
	dg, _ := n.linearBackFast(s, i, down, dy, source{x: g}, b, k, d.inner, false)
	s.Drop(g)
	dMiddle := torch.Tensor{}
	if d.inner {
		du := s.ActBack(dg, u, n.act)
		n.mark(s, "activation, backward")
		s.Drop(dg)
		s.Drop(u)
		dn2, low := n.linearBackFast(s, i, up, du, source{k.middle, k.mean2, k.rstd2, 1}, b, k, d.middle, true)
		s.Drop(du)
		if d.middle {
			add := dy // through the residual
			if parallel {
				add = torch.Tensor{}
			}
			dMiddle = n.normBackFast(s, i, 1, up, dn2, low, k.middle, k.mean2, k.rstd2, add, b)
		}
	}
	da := dy
	if !parallel {
		if !d.middle {
			return torch.Tensor{}
		}
		da = dMiddle
	}
	do, _ := n.linearBackFast(s, i, dense, da, source{x: k.attended}, b, k, d.attended, false)
	if !d.attended {
		return torch.Tensor{}
	}
	dq, dk, dv := n.fast.attendBack(s, do, k.qkv, k.attended, k.lse, b.stretches)
	n.mark(s, "attention, backward")
	s.Drop(do)
	flat := s.Empty(n.base.DType, b.n, 3*int64(n.base.HiddenSize))
	if s.Err() != nil {
		return torch.Tensor{}
	}
	did(s, n.fast.Gather(n.fast.stream, cuda.TrainGather{DQ: at(dq), DK: at(dk), DV: at(dv), Out: at(flat), Cos: at(b.cos), Sin: at(b.sin), N: b.n}))
	n.mark(s, "rotary, backward")
	for _, t := range []torch.Tensor{dq, dk, dv} {
		s.Drop(t)
	}
	dn1, low := n.linearBackFast(s, i, queryKeyValue, flat, source{k.x, k.mean1, k.rstd1, 0}, b, k, d.x, true)
	s.Drop(flat)
	if !d.x {
		return torch.Tensor{}
	}
	dx := n.normBackFast(s, i, 0, queryKeyValue, dn1, low, k.x, k.mean1, k.rstd1, da, b)
	if parallel {
		s.AddTo(dx, dMiddle)
	}
	return dx
}

// entropyFast is Scope.CrossEntropy of logits fp32 [N, V]: the losses [N], and with grad their gradient [N, V] as computed with.
func (n *net) entropyFast(s *torch.Scope, logits, targets torch.Tensor, grad bool) (losses, dx torch.Tensor) {
	rows, v := logits.Shape()[0], logits.Shape()[1]
	losses = s.Empty(torch.Float32, rows)
	if grad {
		dx = s.Empty(n.base.DType, rows, v)
	}
	if s.Err() == nil {
		did(s, n.fast.Entropy(n.fast.stream, cuda.TrainEntropy{Logits: at(logits), Targets: at(targets), Grad: at(dx), Loss: at(losses), Vocab: int32(v)}, rows))
	}
	return losses, dx
}
