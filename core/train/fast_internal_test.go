//go:build torch

package train

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
)

// host is the kernels of a training step by their definitions, in fp32 on the CPU: what fast.go makes of them can be held against PEFT
// without a GPU. The kernels themselves are held against the same definitions by kakoi-engine selftest.
type host struct{ hidden, heads, rotary int }

// onHost gives a net of fp32 these in place of libtorch's operations.
func onHost(t *testing.T, n *net) {
	t.Helper()
	if n.base.Device().CUDA() {
		t.Fatal("these tests run on the CPU")
	}
	parts := func(s *torch.Scope, do, qkv, o, lse torch.Tensor, x torch.Stretches) (dq, dk, dv torch.Tensor) {
		all := s.AttendBack(do, qkv, o, lse, x) // [N, H, 3, D]
		part := func(i int64) torch.Tensor { return s.IndexSelect(all, 2, s.Ints([]int64{i}, 1)) }
		return part(0), part(1), part(2)
	}
	n.fast = &fast{kernels: host{n.base.HiddenSize, n.base.Heads, n.base.RotaryDims()}, attendBack: parts}
}

// memory is n numbers at p, which must be some.
func memory[T any](p uintptr, n int64) []T {
	return unsafe.Slice((*T)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), n)
}

// maybe is the same, or nil where there are none.
func maybe(p uintptr, n int64) []float32 {
	if p == 0 {
		return nil
	}
	return memory[float32](p, n)
}

// kept is what dropout makes of number i of a matrix.
func kept(d cuda.TrainDropout, i int64) float64 {
	switch {
	case d.Drop == 0:
		return 1
	case rand.New(rand.NewPCG(d.Seed, uint64(i))).Uint32()&0xffff < d.Drop:
		return 0
	}
	return float64(d.Scale)
}

func (h host) Norm(_ uintptr, p cuda.TrainNorm) error {
	d := int64(h.hidden)
	x, add, y := memory[float32](p.X, p.N*d), maybe(p.Add, p.N*d), memory[float32](p.Y, p.N*d)
	w, b, mean, rstd := memory[float32](p.W, d), memory[float32](p.B, d), memory[float32](p.Mean, p.N), memory[float32](p.RStd, p.N)
	for i := range p.N {
		var m, q float64
		row := x[i*d : (i+1)*d]
		for k := range row {
			if add != nil {
				row[k] += add[i*d+int64(k)]
			}
			m += float64(row[k]) / float64(d)
		}
		for _, v := range row {
			q += (float64(v) - m) * (float64(v) - m) / float64(d)
		}
		r := 1 / math.Sqrt(q+float64(p.Eps))
		for k, v := range row {
			y[i*d+int64(k)] = float32((float64(v)-m)*r)*w[k] + b[k]
		}
		mean[i], rstd[i] = float32(m), float32(r)
	}
	return nil
}

func (h host) NormBack(_ uintptr, p cuda.TrainNormBack, rank int) error {
	d, r := int64(h.hidden), int64(rank)
	if p.Low != 0 {
		if err := h.Masked(0, cuda.TrainMasked{Y: p.DY, Low: p.Low, A: p.A, Drop: p.Drop, N: p.N, Width: int32(d)}, int(r)); err != nil {
			return err
		}
	}
	dy, x, add := memory[float32](p.DY, p.N*d), memory[float32](p.X, p.N*d), maybe(p.Add, p.N*d)
	w, mean, rstd := memory[float32](p.W, d), memory[float32](p.Mean, p.N), memory[float32](p.RStd, p.N)
	for i := range p.N {
		var s1, s2 float64
		hat := func(k int64) float64 { return float64(x[i*d+k]-mean[i]) * float64(rstd[i]) }
		for k := range d {
			g := float64(dy[i*d+k] * w[k])
			s1, s2 = s1+g/float64(d), s2+g*hat(k)/float64(d)
		}
		for k := range d {
			v := float64(rstd[i]) * (float64(dy[i*d+k]*w[k]) - s1 - hat(k)*s2)
			if add != nil {
				v += float64(add[i*d+k])
			}
			dy[i*d+k] = float32(v)
		}
	}
	return nil
}

func (h host) Down(_ uintptr, p cuda.TrainDown, rank int, turned bool) error {
	d, r := int64(p.Width), int64(rank)
	x, w, low := memory[float32](p.X, p.N*d), memory[float32](p.W, d*r), memory[float32](p.Low, p.N*r)
	for i := range p.N {
		for q := range r {
			s := 0.0
			for k := range d {
				at := q*d + k
				if turned {
					at = k*r + q
				}
				s += float64(x[i*d+k]) * kept(p.Drop, i*d+k) * float64(w[at])
			}
			low[i*r+q] = float32(s * float64(p.Scale))
		}
	}
	return nil
}

// turn turns q and k of y [N, H, 3, D].
func (h host) turn(y []float32, n int64, cos, sin uintptr, sign float32) {
	d, half := int64(h.hidden/h.heads), int64(h.rotary/2)
	c, s := memory[float32](cos, n*half), memory[float32](sin, n*half)
	for i := range n {
		for part := range int64(3 * h.heads) {
			if part%3 == 2 {
				continue
			}
			v := y[(i*int64(3*h.heads)+part)*d:]
			for k := range half {
				a, b, c, s := v[k], v[k+half], c[i*half+k], sign*s[i*half+k]
				v[k], v[k+half] = a*c-b*s, b*c+a*s
			}
		}
	}
}

func (h host) Up(_ uintptr, p cuda.TrainUp, rank int) error {
	d, r := int64(p.Width), int64(rank)
	y := memory[float32](p.Y, p.N*d)
	if rank > 0 {
		low, w := memory[float32](p.Low, p.N*r), memory[float32](p.W, d*r)
		for i := range p.N {
			for k := range d {
				for q := range r {
					y[i*d+k] += p.Scale * low[i*r+q] * w[k*r+q]
				}
			}
		}
	}
	if p.Cos != 0 {
		h.turn(y, p.N, p.Cos, p.Sin, 1)
	}
	return nil
}

func (h host) Gather(_ uintptr, p cuda.TrainGather) error {
	d, n := int64(h.hidden/h.heads), p.N*int64(h.hidden)
	out := memory[float32](p.Out, 3*n)
	for part, from := range []uintptr{p.DQ, p.DK, p.DV} {
		v := memory[float32](from, n)
		for at := int64(0); at < n; at += d {
			copy(out[3*at+int64(part)*d:][:d], v[at:])
		}
	}
	if p.Cos != 0 {
		h.turn(out, p.N, p.Cos, p.Sin, -1)
	}
	return nil
}

func (h host) OuterBytes(int, int, int64) int64 { return 4 }

func (h host) Outer(_ uintptr, p cuda.TrainOuter, to uintptr, rank int, scale float32, turned bool) error {
	d, r := int64(p.Width), int64(rank)
	x, low, sum := memory[float32](p.X, p.N*d), memory[float32](p.Low, p.N*r), memory[float32](to, d*r)
	if p.Mean != 0 {
		mean, rstd, w, b := memory[float32](p.Mean, p.N), memory[float32](p.RStd, p.N), memory[float32](p.W, d), memory[float32](p.B, d)
		x = slices.Clone(x)
		for i := range p.N * d {
			x[i] = (x[i]-mean[i/d])*rstd[i/d]*w[i%d] + b[i%d]
		}
	}
	for k := range d {
		for q := range r {
			s := 0.0
			for i := range p.N {
				s += float64(x[i*d+k]) * kept(p.Drop, i*d+k) * float64(low[i*r+q])
			}
			at := k*r + q
			if turned {
				at = q*d + k
			}
			sum[at] += scale * float32(s)
		}
	}
	return nil
}

func (h host) Masked(_ uintptr, p cuda.TrainMasked, rank int) error {
	d, r := int64(p.Width), int64(rank)
	y, low, a := memory[float32](p.Y, p.N*d), memory[float32](p.Low, p.N*r), memory[float32](p.A, d*r)
	for i := range p.N * d {
		s := 0.0
		for q := range r {
			s += float64(low[i/d*r+q]) * float64(a[q*d+i%d])
		}
		y[i] += float32(s * kept(p.Drop, i))
	}
	return nil
}

func (h host) Entropy(_ uintptr, p cuda.TrainEntropy, n int64) error {
	v := int64(p.Vocab)
	logits, targets, losses, grad := memory[float32](p.Logits, n*v), memory[int64](p.Targets, n), memory[float32](p.Loss, n), maybe(p.Grad, n*v)
	for i := range n {
		row, sum := logits[i*v:(i+1)*v], 0.0
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		losses[i] = float32(math.Log(sum) - float64(row[targets[i]]))
		if grad != nil {
			for k, x := range row {
				grad[i*v+int64(k)] = float32(math.Exp(float64(x)) / sum)
			}
			grad[i*v+targets[i]]--
		}
	}
	return nil
}

// TestTaken: a width that leaves half a chunk over, a vocabulary of odd rows and other ranks are libtorch's.
func TestTaken(t *testing.T) {
	c := neox.RinnaShape
	for _, x := range []struct {
		ffn, vocab, rank int
		want             bool
	}{{c.IntermediateSize, c.VocabSize, 8, true}, {4112, 5004, 16, true}, {4104, 5004, 8, false}, {4096, 5002, 8, false}, {4096, 5004, 4, false}, {4096, 5004, 32, false}} {
		c.IntermediateSize, c.VocabSize = x.ffn, x.vocab
		if got := taken(c, []place{{rank: 8}, {rank: x.rank}}); got != x.want {
			t.Errorf("%+v: %t", x, got)
		}
	}
}

// TestOwnDropout: with our own kernels, too, what is left out of a micro-batch is the same forward and backward and however much is computed
// again: the loss changes along the gradient as the gradient says.
func TestOwnDropout(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	for _, number := range []int{1, 2} { // all four matrices, in a parallel and in a sequential block
		c := golden(t).Cases[number]
		s := core.TrainSettings{Rank: 4, Alpha: 10, Targets: c.Targets, Dropout: 0.3, Seed: 7}
		g := load(t, tinyFolder(t, c.Config), "fp32")
		rows := examplesOf(c.Rows)
		var first []float32
		for _, keep := range []string{"none", "gelu", "layer"} {
			n := openNet(t, g, s, torch.Float32, keep, 1000)
			onHost(t, n)
			loss := func(w []float32) float64 {
				if err := loadInto(ctx, n, w); err != nil {
					t.Fatal(err)
				}
				l, err := n.pass(ctx, rows, 3, true, 1)
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			w := hashed(n.params)
			loss(w)
			grad := make([]float32, n.params.total)
			if err := readInto(ctx, n, grad); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = grad
			}
			if d := apart(grad, first); d > 1e-5 {
				t.Errorf("case %d, keep %s: gradients differ by %g", number, keep, d)
			}
			square := 0.0
			for _, v := range grad {
				square += float64(v) * float64(v)
			}
			const step = 0.02
			along := func(sign float64) []float32 {
				x := slices.Clone(w)
				for i := range x {
					x[i] += float32(sign * step / math.Sqrt(square) * float64(grad[i]))
				}
				return x
			}
			got, want := (loss(along(1))-loss(along(-1)))/(2*step), math.Sqrt(square)
			if !(math.Abs(got-want) <= 0.01*want) {
				t.Errorf("case %d, keep %s: along the gradient the loss changes by %g, want %g", number, keep, got, want)
			}
		}
	}
}
