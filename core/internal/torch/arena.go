//go:build torch

package torch

// #include "shim_cuda.h"
import "C"

import (
	"fmt"
	"unsafe"

	lib "github.com/sugarme/gotch/libtch"
)

// Over is a tensor over memory of the Scope's GPU at ptr, which is not libtorch's and outlives it. strides, in
// elements, may be nil: row-major.
func (s *Scope) Over(ptr uintptr, dtype DType, shape, strides []int64) Tensor {
	if !s.ready("over") {
		return Tensor{}
	}
	if ptr == 0 || s.device < 0 || strides != nil && len(strides) != len(shape) {
		s.Fail(fmt.Errorf("torch over: %#x on device %d, shape %v, strides %v", ptr, s.device, shape, strides))
		return Tensor{}
	}
	d, n := dimsOf(shape)
	st, _ := dimsOf(strides)
	return s.take("over", lib.Ctensor(C.kk_over(C.uint64_t(ptr), d, st, n, C.int(dtype), C.int(s.device))))
}

// Pointer is the address of the first element, on the tensor's device.
func (t Tensor) Pointer() uintptr { return uintptr(lib.AtDataPtr(t.c)) }

// LinearTo writes x W^T + b into y: x [N, I], w [O, I], b [O] or none, y [N, O] row-major.
func (s *Scope) LinearTo(y, x, w, b Tensor) {
	if s.ready("linear to", y, x, w) && C.kk_linear_out(C.kk_tensor(y.c), C.kk_tensor(x.c), C.kk_tensor(w.c), C.kk_tensor(b.c)) != 0 {
		s.failed("linear to")
	}
}

// LinearAdd makes y = beta y + alpha x W^T: x [N, I], w [O, I], y [N, O].
func (s *Scope) LinearAdd(y, x, w Tensor, alpha, beta float64) {
	if s.ready("linear add", y, x, w) && C.kk_linear_add(C.kk_tensor(y.c), C.kk_tensor(x.c), C.kk_tensor(w.c), C.double(alpha), C.double(beta)) != 0 {
		s.failed("linear add")
	}
}

// LinearFloat is x W^T in fp32 for bf16 or fp16 operands on a GPU: x [N, I], w [O, I] -> [N, O].
func (s *Scope) LinearFloat(x, w Tensor) Tensor {
	if !s.ready("linear float", x, w) {
		return Tensor{}
	}
	return s.take("linear float", lib.Ctensor(C.kk_linear_float(C.kk_tensor(x.c), C.kk_tensor(w.c))))
}

// FlashAttention is causal attention on a GPU in bf16 or fp16 (arXiv 2307.08691): q [1, H, T, D], k and v [1, H, S, D]
// with rows of any stride; query i sees the keys up to i+S-T. The result is [1, T, H, D] in row-major order.
func (s *Scope) FlashAttention(q, k, v Tensor) Tensor {
	if !s.ready("flash attention", q, k, v) {
		return Tensor{}
	}
	return s.take("flash attention", lib.Ctensor(C.kk_flash(C.kk_tensor(q.c), C.kk_tensor(k.c), C.kk_tensor(v.c))))
}

// OwnStream gives this thread a stream of its own on CUDA device n: the default one cannot be captured into a graph
// and waits for every other.
func OwnStream(n int) error {
	if C.kk_own_stream(C.int(n)) != 0 {
		return fmt.Errorf("stream of cuda:%d: %w", n, translate(lastError()))
	}
	return nil
}

// Stream is the handle (CUstream) of this thread's current stream on CUDA device n.
func Stream(n int) (uintptr, error) {
	var h C.uint64_t
	if C.kk_stream(C.int(n), &h) != 0 {
		return 0, fmt.Errorf("stream of cuda:%d: %w", n, translate(lastError()))
	}
	return uintptr(h), nil
}

// ReadAll reads a CPU tensor's memory once, on all threads: for the bandwidth that bounds what reads weights.
func (s *Scope) ReadAll(t Tensor) {
	if !s.ready("read all", t) {
		return
	}
	bytes := elements(t.Shape()) * int64(t.DType().Size())
	C.kk_read_all(unsafe.Pointer(lib.AtDataPtr(t.c)), C.int64_t(bytes))
}
