//go:build torch

package torch

import (
	lib "github.com/sugarme/gotch/libtch"
)

// Add is a + b, shapes broadcast.
func (s *Scope) Add(a, b Tensor) Tensor {
	if !s.ready("add", a, b) {
		return Tensor{}
	}
	lib.AtgAdd(&s.out[0], a.c, b.c)
	return s.done("add")
}

// AddTo adds b to a in place and returns a.
func (s *Scope) AddTo(a, b Tensor) Tensor {
	if !s.ready("add_", a, b) {
		return Tensor{}
	}
	lib.AtgAdd_(&s.out[0], a.c, b.c)
	return s.inPlace("add_", a)
}

// inPlace drops the second handle that libtch hands out for a, the tensor changed in place.
func (s *Scope) inPlace(op string, a Tensor) Tensor {
	if s.out[0] == nil {
		s.failed(op)
		return Tensor{}
	}
	lib.AtFree(s.out[0])
	return a
}

// Sub is a - b, shapes broadcast.
func (s *Scope) Sub(a, b Tensor) Tensor {
	if !s.ready("sub", a, b) {
		return Tensor{}
	}
	lib.AtgSub(&s.out[0], a.c, b.c)
	return s.done("sub")
}

// Mul is a * b element by element, shapes broadcast.
func (s *Scope) Mul(a, b Tensor) Tensor {
	if !s.ready("mul", a, b) {
		return Tensor{}
	}
	lib.AtgMul(&s.out[0], a.c, b.c)
	return s.done("mul")
}

// Div is a / b element by element, shapes broadcast.
func (s *Scope) Div(a, b Tensor) Tensor {
	if !s.ready("div", a, b) {
		return Tensor{}
	}
	lib.AtgDiv(&s.out[0], a.c, b.c)
	return s.done("div")
}

// MatMul is the matrix product [.., N, K] x [.., K, M] -> [.., N, M].
func (s *Scope) MatMul(a, b Tensor) Tensor {
	if !s.ready("matmul", a, b) {
		return Tensor{}
	}
	lib.AtgMatmul(&s.out[0], a.c, b.c)
	return s.done("matmul")
}

// LayerNorm normalises the last dimension, of width elements; w and b may be none.
func (s *Scope) LayerNorm(x Tensor, width int64, w, b Tensor, eps float64) Tensor {
	if !s.ready("layer norm", x) {
		return Tensor{}
	}
	lib.AtgLayerNorm(&s.out[0], x.c, []int64{width}, 1, w.c, b.c, eps, 1)
	return s.done("layer norm")
}

// Embedding picks rows: weight [V, D], ids int64 [..] -> [.., D].
func (s *Scope) Embedding(weight, ids Tensor) Tensor {
	if !s.ready("embedding", weight, ids) {
		return Tensor{}
	}
	lib.AtgEmbedding(&s.out[0], weight.c, ids.c, -1, 0, 0)
	return s.done("embedding")
}

// IndexSelect picks along dim: index int64 [N].
func (s *Scope) IndexSelect(x Tensor, dim int64, index Tensor) Tensor {
	if !s.ready("index select", x, index) {
		return Tensor{}
	}
	lib.AtgIndexSelect(&s.out[0], x.c, dim, index.c)
	return s.done("index select")
}

// IndexPut writes values into x at index: one int64 tensor per leading dimension, none meaning "all".
func (s *Scope) IndexPut(x Tensor, index []Tensor, values Tensor) {
	if !s.ready("index put", x, values) {
		return
	}
	list := make([]lib.Ctensor, len(index))
	for i, t := range index {
		list[i] = t.c
	}
	lib.AtgIndexPut_(&s.out[0], x.c, list, len(list), values.c, 0)
	s.inPlace("index put", x)
}

// Narrow is the view of length elements from start along dim.
func (s *Scope) Narrow(x Tensor, dim, start, length int64) Tensor {
	if !s.ready("narrow", x) {
		return Tensor{}
	}
	lib.AtgNarrow(&s.out[0], x.c, dim, start, length)
	return s.done("narrow")
}

// Select is the view at index along dim, which disappears.
func (s *Scope) Select(x Tensor, dim, index int64) Tensor {
	if !s.ready("select", x) {
		return Tensor{}
	}
	lib.AtgSelect(&s.out[0], x.c, dim, index)
	return s.done("select")
}

// View is x in another shape, without copy.
func (s *Scope) View(x Tensor, shape ...int64) Tensor {
	if !s.ready("view", x) {
		return Tensor{}
	}
	lib.AtgView(&s.out[0], x.c, shape, len(shape))
	return s.done("view")
}

// Reshape is x in another shape, copied where a view is impossible.
func (s *Scope) Reshape(x Tensor, shape ...int64) Tensor {
	if !s.ready("reshape", x) {
		return Tensor{}
	}
	lib.AtgReshape(&s.out[0], x.c, shape, len(shape))
	return s.done("reshape")
}

// Unsqueeze puts a dimension of one at dim.
func (s *Scope) Unsqueeze(x Tensor, dim int64) Tensor {
	if !s.ready("unsqueeze", x) {
		return Tensor{}
	}
	lib.AtgUnsqueeze(&s.out[0], x.c, dim)
	return s.done("unsqueeze")
}

// Expand is the view of x repeated to shape; -1 keeps a dimension.
func (s *Scope) Expand(x Tensor, shape ...int64) Tensor {
	if !s.ready("expand", x) {
		return Tensor{}
	}
	lib.AtgExpand(&s.out[0], x.c, shape, len(shape), 0)
	return s.done("expand")
}

// Transpose swaps two dimensions, as a view.
func (s *Scope) Transpose(x Tensor, a, b int64) Tensor {
	if !s.ready("transpose", x) {
		return Tensor{}
	}
	lib.AtgTranspose(&s.out[0], x.c, a, b)
	return s.done("transpose")
}

// Permute reorders the dimensions, as a view.
func (s *Scope) Permute(x Tensor, dims ...int64) Tensor {
	if !s.ready("permute", x) {
		return Tensor{}
	}
	lib.AtgPermute(&s.out[0], x.c, dims, len(dims))
	return s.done("permute")
}

// Contiguous is x in row-major order, copied only where it is not.
func (s *Scope) Contiguous(x Tensor) Tensor {
	if !s.ready("contiguous", x) {
		return Tensor{}
	}
	lib.AtgContiguous(&s.out[0], x.c)
	return s.done("contiguous")
}

// Cat joins tensors along dim.
func (s *Scope) Cat(dim int64, ts ...Tensor) Tensor {
	if len(ts) == 0 || !s.ready("cat", ts...) {
		return Tensor{}
	}
	list := make([]lib.Ctensor, len(ts))
	for i, t := range ts {
		list[i] = t.c
	}
	lib.AtgCat(&s.out[0], list, len(list), dim)
	return s.done("cat")
}

// Softmax over dim, computed in the dtype of x.
func (s *Scope) Softmax(x Tensor, dim int64) Tensor {
	if !s.ready("softmax", x) {
		return Tensor{}
	}
	lib.AtgSoftmax(&s.out[0], x.c, dim, int32(x.DType()))
	return s.done("softmax")
}

// Sum over dims, which disappear unless keep.
func (s *Scope) Sum(x Tensor, keep bool, dims ...int64) Tensor {
	if !s.ready("sum", x) {
		return Tensor{}
	}
	lib.AtgSumDimIntlist(&s.out[0], x.c, dims, len(dims), flag(keep), int32(x.DType()))
	return s.done("sum")
}

// Sqrt is the square root of each element.
func (s *Scope) Sqrt(x Tensor) Tensor {
	if !s.ready("sqrt", x) {
		return Tensor{}
	}
	lib.AtgSqrt(&s.out[0], x.c)
	return s.done("sqrt")
}

// Tanh of each element.
func (s *Scope) Tanh(x Tensor) Tensor {
	if !s.ready("tanh", x) {
		return Tensor{}
	}
	lib.AtgTanh(&s.out[0], x.c)
	return s.done("tanh")
}

// Relu is max(x, 0) of each element.
func (s *Scope) Relu(x Tensor) Tensor {
	if !s.ready("relu", x) {
		return Tensor{}
	}
	lib.AtgRelu(&s.out[0], x.c)
	return s.done("relu")
}

// Silu is x * sigmoid(x) of each element.
func (s *Scope) Silu(x Tensor) Tensor {
	if !s.ready("silu", x) {
		return Tensor{}
	}
	lib.AtgSilu(&s.out[0], x.c)
	return s.done("silu")
}

// Normal fills x in place with numbers of the normal distribution (seed with Seed).
func (s *Scope) Normal(x Tensor, mean, std float64) Tensor {
	if !s.ready("normal_", x) {
		return Tensor{}
	}
	lib.AtgNormal_(&s.out[0], x.c, mean, std)
	return s.inPlace("normal_", x)
}

// Zero fills x with zeros in place and returns it.
func (s *Scope) Zero(x Tensor) Tensor {
	if !s.ready("zero_", x) {
		return Tensor{}
	}
	lib.AtgZero_(&s.out[0], x.c)
	return s.inPlace("zero_", x)
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
