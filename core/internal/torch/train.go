//go:build torch

package torch

// #include "shim_train.h"
import "C"

import (
	"fmt"
	"runtime"

	lib "github.com/sugarme/gotch/libtch"
)

// results takes the handles that a call of the shim wrote to out, where status is 0.
func (s *Scope) results(op string, status C.int, out []C.kk_tensor) []Tensor {
	ts := make([]Tensor, len(out))
	if status != 0 {
		s.failed(op)
		return ts
	}
	for i, c := range out {
		ts[i] = s.take(op, lib.Ctensor(c))
	}
	return ts
}

// Norm is LayerNorm with what NormBack needs: x [.., W], w and b [W] -> y [.., W], mean and 1/deviation [.., 1].
func (s *Scope) Norm(x, w, b Tensor, eps float64) (y, mean, rstd Tensor) {
	if !s.ready("norm", x, w, b) {
		return
	}
	var out [3]C.kk_tensor
	r := s.results("norm", C.kk_norm(C.kk_tensor(x.c), C.kk_tensor(w.c), C.kk_tensor(b.c), C.double(eps), &out[0]), out[:])
	return r[0], r[1], r[2]
}

// NormBack is the gradient of LayerNorm's x.
func (s *Scope) NormBack(dy, x, mean, rstd, w, b Tensor) Tensor {
	if !s.ready("norm backward", dy, x, mean, rstd, w, b) {
		return Tensor{}
	}
	return s.take("norm backward", lib.Ctensor(C.kk_norm_back(C.kk_tensor(dy.c), C.kk_tensor(x.c), C.kk_tensor(mean.c), C.kk_tensor(rstd.c), C.kk_tensor(w.c), C.kk_tensor(b.c))))
}

// Activation is one that ActBack knows.
type Activation int

// The activations.
const (
	Gelu Activation = iota
	GeluTanh
	Relu
	Silu
)

// Act applies an activation.
func (s *Scope) Act(x Tensor, a Activation) Tensor {
	switch a {
	case Relu:
		return s.Relu(x)
	case Silu:
		return s.Silu(x)
	}
	return s.Gelu(x, a == GeluTanh)
}

// ActBack is the gradient of an activation at x.
func (s *Scope) ActBack(dy, x Tensor, a Activation) Tensor {
	if !s.ready("activation backward", dy, x) {
		return Tensor{}
	}
	return s.take("activation backward", lib.Ctensor(C.kk_act_back(C.kk_tensor(dy.c), C.kk_tensor(x.c), C.int(a))))
}

// Stretches are rows that belong together: the tokens of sequences that stand one after the other.
type Stretches struct {
	First []int64 // [n+1]: the first rows of the stretches, and the number of rows
	on    Tensor  // the same as int32 on a GPU
}

// Stretches makes them of the sequences' lengths.
func (s *Scope) Stretches(lengths []int) Stretches {
	x := Stretches{First: make([]int64, len(lengths)+1)}
	for i, n := range lengths {
		x.First[i+1] = x.First[i] + int64(n)
	}
	if s.device >= 0 {
		x.on = s.To(s.Ints(x.First, int64(len(x.First))), Int32)
	} else {
		x.on = s.Ints(x.First, int64(len(x.First)))
	}
	return x
}

// KeepStretches moves what x holds on the device to o.
func (s *Scope) KeepStretches(o *Owner, x Stretches) { s.Keep(o, x.on) }

// Attend is causal attention within stretches: qkv [N, H, 3, D] -> o [N, H*D], and what AttendBack needs.
func (s *Scope) Attend(qkv Tensor, x Stretches) (o, lse Tensor) {
	if !s.ready("attend", qkv, x.on) {
		return
	}
	var out [2]C.kk_tensor
	first, n := dimsOf(x.First)
	r := s.results("attend", C.kk_attend(C.kk_tensor(qkv.c), first, C.int64_t(n-1), C.kk_tensor(x.on.c), &out[0]), out[:])
	runtime.KeepAlive(x)
	return r[0], r[1]
}

// AttendBack is the gradient [N, H, 3, D] of Attend's qkv, from that of o [N, H*D].
func (s *Scope) AttendBack(do, qkv, o, lse Tensor, x Stretches) Tensor {
	if !s.ready("attend backward", do, qkv, o, lse, x.on) {
		return Tensor{}
	}
	first, n := dimsOf(x.First)
	t := s.take("attend backward", lib.Ctensor(C.kk_attend_back(C.kk_tensor(do.c), C.kk_tensor(qkv.c), C.kk_tensor(o.c), C.kk_tensor(lse.c), first, C.int64_t(n-1), C.kk_tensor(x.on.c))))
	runtime.KeepAlive(x)
	return t
}

// AttendBackParts is AttendBack with the gradients of q, k and v apart, each [N, H, D]. Only where AttendsFlash.
func (s *Scope) AttendBackParts(do, qkv, o, lse Tensor, x Stretches) (dq, dk, dv Tensor) {
	if !s.ready("attend backward", do, qkv, o, lse, x.on) {
		return
	}
	var out [3]C.kk_tensor
	first, n := dimsOf(x.First)
	r := s.results("attend backward", C.kk_attend_back_parts(C.kk_tensor(do.c), C.kk_tensor(qkv.c), C.kk_tensor(o.c), C.kk_tensor(lse.c), first, C.int64_t(n-1), C.kk_tensor(x.on.c), &out[0]), out[:])
	runtime.KeepAlive(x)
	return r[0], r[1], r[2]
}

// AttendsFlash says whether Attend takes flash attention for qkv [N, H, 3, D].
func (s *Scope) AttendsFlash(qkv Tensor) bool {
	return s.ready("attends flash", qkv) && C.kk_attends_flash(C.kk_tensor(qkv.c)) != 0
}

// Trim gives the host's memory that libtorch has freed back to the system.
func Trim() { C.kk_trim() }

// MapBlocks lets the host's memory of tensors of 1 MiB and more be mapped one by one while on, so that what is freed goes back to the system
// at once: with tensors of ever other sizes the C library's heap grows to several times of what is in use.
func MapBlocks(on bool) {
	if on {
		C.kk_map_blocks(1)
		return
	}
	C.kk_map_blocks(0)
}

// Pinned is n numbers of fp32 in the host's memory that copies to and from the GPU take at full speed.
func (s *Scope) Pinned(n int64) Tensor {
	if !s.ready("pinned") {
		return Tensor{}
	}
	return s.take("pinned", lib.Ctensor(C.kk_pinned(C.int64_t(n))))
}

// Turn turns q and k of qkv [N, H, 3, D] in place by the angles of cos and sin [N, 1, 1, R/2] (RoFormer, arXiv 2104.09864).
func (s *Scope) Turn(qkv, cos, sin Tensor) {
	if s.ready("turn", qkv, cos, sin) && C.kk_turn_(C.kk_tensor(qkv.c), C.kk_tensor(cos.c), C.kk_tensor(sin.c)) != 0 {
		s.failed("turn")
	}
}

// Dropout leaves out a share p of x's numbers and makes the others larger by 1/(1-p). The same seed leaves out the same ones of the same
// shape, on the same kind of device. mask goes to Masked.
func (s *Scope) Dropout(x Tensor, p float64, seed uint64) (y, mask Tensor) {
	if !s.ready("dropout", x) {
		return
	}
	if !(p > 0 && p < 1) {
		s.Fail(fmt.Errorf("torch dropout: share %v", p))
		return
	}
	var out [2]C.kk_tensor
	r := s.results("dropout", C.kk_dropout(C.kk_tensor(x.c), C.double(p), C.uint64_t(seed), &out[0]), out[:])
	return r[0], r[1]
}

// Masked is dy where mask is set, times scale.
func (s *Scope) Masked(dy, mask Tensor, scale float64) Tensor {
	if !s.ready("masked", dy, mask) {
		return Tensor{}
	}
	return s.take("masked", lib.Ctensor(C.kk_masked(C.kk_tensor(dy.c), C.kk_tensor(mask.c), C.double(scale))))
}

// ProductAdd makes y += alpha a b: y [N, M] of the operands' type or fp32, a [N, K], b [K, M], either of them a transposed view if need be.
func (s *Scope) ProductAdd(y, a, b Tensor, alpha float64) {
	if s.ready("product add", y, a, b) && C.kk_product_add(C.kk_tensor(y.c), C.kk_tensor(a.c), C.kk_tensor(b.c), C.double(alpha)) != 0 {
		s.failed("product add")
	}
}

// CrossEntropy of logits [N, V] in fp32 at targets int64 [N]: the sum of the losses [1], and the gradient of the logits [N, V], which takes
// their memory.
func (s *Scope) CrossEntropy(logits, targets Tensor) (loss, grad Tensor) {
	if !s.ready("cross entropy", logits, targets) {
		return
	}
	var out [2]C.kk_tensor
	r := s.results("cross entropy", C.kk_cross_entropy(C.kk_tensor(logits.c), C.kk_tensor(targets.c), &out[0]), out[:])
	return r[0], r[1]
}

// WideProduct is x W^T in fp32: x [N, I], w [O, I] of any float type -> [N, O].
func (s *Scope) WideProduct(x, w Tensor) Tensor {
	if !s.ready("wide product", x, w) {
		return Tensor{}
	}
	return s.take("wide product", lib.Ctensor(C.kk_wide_product(C.kk_tensor(x.c), C.kk_tensor(w.c))))
}

// PutRows writes the rows of src to those of dst that index int64 names.
func (s *Scope) PutRows(dst, index, src Tensor) {
	if s.ready("put rows", dst, index, src) && C.kk_put_rows(C.kk_tensor(dst.c), C.kk_tensor(index.c), C.kk_tensor(src.c)) != 0 {
		s.failed("put rows")
	}
}

// Scale multiplies x by f in place and returns it.
func (s *Scope) Scale(x Tensor, f float64) Tensor {
	if !s.ready("scale", x) {
		return Tensor{}
	}
	if C.kk_scale_(C.kk_tensor(x.c), C.double(f)) != 0 {
		s.failed("scale")
	}
	return x
}
