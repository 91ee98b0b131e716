// The part of the shim that a CUDA runner needs: tensors over memory that is not libtorch's, results written where
// they are wanted, the attention kernels by name, and the stream that everything of a thread runs on.
#pragma once
#include "shim.h"
#ifdef __cplusplus
extern "C" {
#endif

// Makes libtorch's CUDA half ready: its allocator above all, which a tensor over other memory would not wake.
int kk_init_cuda(void);

// A tensor over device memory at ptr, which outlives it. strides (in elements) may be NULL: row-major.
kk_tensor kk_over(uint64_t ptr, int64_t *dims, int64_t *strides, int n, int dtype, int device);

// y = x W^T + b, all row-major of two dimensions, b [O] or NULL. Nothing is allocated for y.
int kk_linear_out(kk_tensor y, kk_tensor x, kk_tensor w, kk_tensor b);
// y = beta y + alpha x W^T.
int kk_linear_add(kk_tensor y, kk_tensor x, kk_tensor w, double alpha, double beta);
// x W^T in fp32 where x and W are bf16 or fp16; on CUDA.
kk_tensor kk_linear_float(kk_tensor x, kk_tensor w);
// FlashAttention 2 on CUDA: q [1, H, T, D], k and v [1, H, S, D] in any strides with whole rows; query i sees the keys
// up to i + S - T. The result is [1, T, H, D], row-major.
kk_tensor kk_flash(kk_tensor q, kk_tensor k, kk_tensor v);

// Makes a stream of its own the current one of this thread on device n; its handle (CUstream) by kk_stream.
int kk_own_stream(int device);
int kk_stream(int device, uint64_t *handle);

// Sum of n bytes of the CPU's memory read once, on all threads: what bounds reading.
int64_t kk_read_all(const void *data, int64_t n);
#ifdef __cplusplus
}
#endif
