//go:build torch

package torch

// #cgo CXXFLAGS: -std=c++17 -O2 -fopenmp
// #cgo LDFLAGS: -lgomp -ldl
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	lib "github.com/sugarme/gotch/libtch"
)

// lastError is this thread's error text, of our shim or of libtch.
func lastError() string {
	p := C.kk_error()
	if p == nil {
		p = (*C.char)(unsafe.Pointer(lib.GetAndResetLastErr()))
	}
	if p == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(p))
	return C.GoString(p)
}

func dimsOf(shape []int64) (*C.int64_t, C.int) {
	if len(shape) == 0 {
		return nil, 0
	}
	return (*C.int64_t)(unsafe.Pointer(&shape[0])), C.int(len(shape))
}

func elements(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

// Borrow is a CPU tensor over memory that outlives it and is not Go's (a file mapping), without copy.
func (s *Scope) Borrow(data []byte, dtype DType, shape ...int64) Tensor {
	if !s.ready("from blob") {
		return Tensor{}
	}
	if n := elements(shape) * int64(dtype.Size()); n != int64(len(data)) || n == 0 {
		s.Fail(fmt.Errorf("torch from blob: %d bytes for a %v tensor of %v", len(data), dtype, shape))
		return Tensor{}
	}
	d, n := dimsOf(shape)
	return s.take("from blob", lib.Ctensor(C.kk_from_blob(unsafe.Pointer(&data[0]), d, n, C.int(dtype))))
}

// Empty is an uninitialised tensor on the Scope's device.
func (s *Scope) Empty(dtype DType, shape ...int64) Tensor {
	return s.emptyOn(s.device, dtype, shape)
}

// EmptyHost is an uninitialised tensor in the CPU's memory.
func (s *Scope) EmptyHost(dtype DType, shape ...int64) Tensor {
	return s.emptyOn(-1, dtype, shape)
}

func (s *Scope) emptyOn(device int, dtype DType, shape []int64) Tensor {
	if !s.ready("empty") {
		return Tensor{}
	}
	d, n := dimsOf(shape)
	return s.take("empty", lib.Ctensor(C.kk_empty(d, n, C.int(dtype), C.int(device))))
}

// Floats is a new fp32 tensor on the Scope's device holding a copy of vals.
func (s *Scope) Floats(vals []float32, shape ...int64) Tensor {
	t := s.EmptyHost(Float32, shape...)
	if s.err != nil {
		return Tensor{}
	}
	if int64(len(vals)) != elements(shape) {
		s.Fail(fmt.Errorf("torch floats: %d values for shape %v", len(vals), shape))
		return Tensor{}
	}
	copy(t.HostFloats(), vals)
	return s.toDevice(t)
}

// Ints is a new int64 tensor on the Scope's device holding a copy of vals.
func (s *Scope) Ints(vals []int64, shape ...int64) Tensor {
	t := s.EmptyHost(Int64, shape...)
	if s.err != nil {
		return Tensor{}
	}
	if int64(len(vals)) != elements(shape) {
		s.Fail(fmt.Errorf("torch ints: %d values for shape %v", len(vals), shape))
		return Tensor{}
	}
	if len(vals) > 0 {
		copy(unsafe.Slice((*int64)(lib.AtDataPtr(t.c)), len(vals)), vals)
	}
	return s.toDevice(t)
}

func (s *Scope) toDevice(t Tensor) Tensor {
	if s.device < 0 {
		return t
	}
	return s.To(t, t.DType())
}

// To is x as dtype on the Scope's device; x itself under a second handle where it already is that.
func (s *Scope) To(x Tensor, dtype DType) Tensor {
	if !s.ready("to", x) {
		return Tensor{}
	}
	return s.take("to", lib.Ctensor(C.kk_to(C.kk_tensor(x.c), C.int(dtype), C.int(s.device), 0)))
}

// Copy is a fresh copy of x as dtype on the Scope's device.
func (s *Scope) Copy(x Tensor, dtype DType) Tensor {
	if !s.ready("copy", x) {
		return Tensor{}
	}
	return s.take("copy", lib.Ctensor(C.kk_to(C.kk_tensor(x.c), C.int(dtype), C.int(s.device), 1)))
}

// Write copies src into dst (which may be a view, on another device, of another dtype).
func (s *Scope) Write(dst, src Tensor) {
	if !s.ready("write", dst, src) {
		return
	}
	if C.kk_copy_(C.kk_tensor(dst.c), C.kk_tensor(src.c), 0) != 0 {
		s.failed("write")
	}
}

// Read copies all elements of t, as fp32 in row-major order, into dst and waits for the device.
func (s *Scope) Read(t Tensor, dst []float32) {
	if !s.ready("read", t) || len(dst) == 0 {
		return
	}
	if C.kk_read_f32(C.kk_tensor(t.c), (*C.float)(unsafe.Pointer(&dst[0])), C.int64_t(len(dst))) != 0 {
		s.failed("read")
	}
}

// HostFloats is the memory of a contiguous fp32 tensor on the CPU, valid as long as the tensor; nil for
// any other. Goroutines may fill it while the device's thread waits.
func (t Tensor) HostFloats() []float32 {
	if t.c == nil || t.DType() != Float32 || C.kk_device(C.kk_tensor(t.c)) >= 0 || !lib.AtIsContiguous(t.c) {
		return nil
	}
	n := elements(t.Shape())
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(lib.AtDataPtr(t.c)), n)
}

// DType is the element type.
func (t Tensor) DType() DType { return DType(lib.AtScalarType(t.c)) }

// Shape is the list of dimensions.
func (t Tensor) Shape() []int64 {
	n := lib.AtDim(t.c)
	if n == 0 {
		return nil
	}
	shape := make([]int64, n)
	lib.AtShape(t.c, unsafe.Pointer(&shape[0]))
	return shape
}

// Linear is x W^T + b: x [.., I], w [O, I], b [O] or none -> [.., O].
func (s *Scope) Linear(x, w, b Tensor) Tensor {
	if !s.ready("linear", x, w) {
		return Tensor{}
	}
	return s.take("linear", lib.Ctensor(C.kk_linear(C.kk_tensor(x.c), C.kk_tensor(w.c), C.kk_tensor(b.c))))
}

// LinearRows is Linear on the CPU with every row of x computed alike: the same bits whatever other rows there are,
// and however many. It is fast for a few rows.
func (s *Scope) LinearRows(x, w, b Tensor) Tensor {
	if !s.ready("linear rows", x, w) {
		return Tensor{}
	}
	return s.take("linear rows", lib.Ctensor(C.kk_linear_rows(C.kk_tensor(x.c), C.kk_tensor(w.c), C.kk_tensor(b.c))))
}

// Lanes is the attention of single tokens on the CPU: qkv [M, .., 3, D] holds query, key and value of each head of M
// tokens; token i's key and value are written to slot slots[i] of row rows[i] in keys and values [B, H, C, D], and it
// sees that row up to there. The result is [M, 1, H*D]; every token is computed alike whatever others there are.
func (s *Scope) Lanes(qkv, keys, values Tensor, rows, slots []int64) Tensor {
	if !s.ready("lanes", qkv, keys, values) {
		return Tensor{}
	}
	if len(rows) == 0 || len(rows) != len(slots) {
		s.Fail(fmt.Errorf("torch lanes: %d rows, %d slots", len(rows), len(slots)))
		return Tensor{}
	}
	r, n := dimsOf(rows)
	at, _ := dimsOf(slots)
	return s.take("lanes", lib.Ctensor(C.kk_lanes(C.kk_tensor(qkv.c), C.kk_tensor(keys.c), C.kk_tensor(values.c), r, at, C.int64_t(n))))
}

// Attention is softmax(q k^T / sqrt(D) + mask) v: q [B, H, T, D], k and v [B, H, S, D] -> [B, H, T, D].
// mask (none, bool or added, broadcast to [B, H, T, S]) and causal (query i sees keys 0..i) exclude each other.
func (s *Scope) Attention(q, k, v, mask Tensor, causal bool) Tensor {
	if !s.ready("attention", q, k, v) {
		return Tensor{}
	}
	return s.take("attention", lib.Ctensor(C.kk_sdpa(C.kk_tensor(q.c), C.kk_tensor(k.c), C.kk_tensor(v.c), C.kk_tensor(mask.c), C.int(flag(causal)))))
}

// Gelu is the Gaussian error linear unit (arXiv 1606.08415), exact or with the tanh approximation.
func (s *Scope) Gelu(x Tensor, tanh bool) Tensor {
	if !s.ready("gelu", x) {
		return Tensor{}
	}
	return s.take("gelu", lib.Ctensor(C.kk_gelu(C.kk_tensor(x.c), C.int(flag(tanh)))))
}

// Rotary turns the first R elements of x [.., D] in place by the angles of cos and sin [.., R/2]
// (RoFormer, arXiv 2104.09864; element i pairs with element i + R/2).
func (s *Scope) Rotary(x, cos, sin Tensor) {
	if !s.ready("rotary", x, cos, sin) {
		return
	}
	if C.kk_rotary_(C.kk_tensor(x.c), C.kk_tensor(cos.c), C.kk_tensor(sin.c)) != 0 {
		s.failed("rotary")
	}
}

// CausalMask is [t, total] of 0 where query i, at position past+i, may look at key j, and -inf elsewhere.
func (s *Scope) CausalMask(t, total, past int64, dtype DType) Tensor {
	if !s.ready("causal mask") {
		return Tensor{}
	}
	return s.take("causal mask", lib.Ctensor(C.kk_causal_mask(C.int64_t(t), C.int64_t(total), C.int64_t(past), C.int(dtype), C.int(s.device))))
}

// Seed sets libtorch's random state.
func Seed(seed int64) { C.kk_seed(C.int64_t(seed)) }

var firstCalls sync.Once

// Prepare sets this OS thread up: grad mode off, n threads for operations on the CPU (0: as they are).
func Prepare(threads int) {
	C.kk_grad_off()
	firstCalls.Do(func() { C.kk_first_calls() })
	if threads > 0 {
		C.kk_set_threads(C.int(threads))
	}
}

// Threads is the number of threads that operations on the CPU use.
func Threads() int { return int(C.kk_threads()) }

// SmallLinear switches our matrix-vector kernel (few rows on the CPU) on or off; on is the default.
// For tests and benchmarks that compare it with libtorch's.
func SmallLinear(on bool) { C.kk_small_linear(C.int(flag(on))) }
