// Our own C interface to libtorch, for what gotch's libtch lacks or does with an avoidable cost.
// A handle is an at::Tensor *, as in libtch. A NULL handle or a non-zero status means: see kk_error.
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef void *kk_tensor;

char *kk_error(void); // text of this thread's last error, without backtrace; the caller frees it

// Making and moving. device: -1 CPU, n >= 0 CUDA n. dtype: at::ScalarType.
kk_tensor kk_from_blob(void *data, int64_t *dims, int n, int dtype); // CPU, borrows data
kk_tensor kk_empty(int64_t *dims, int n, int dtype, int device);
kk_tensor kk_to(kk_tensor t, int dtype, int device, int copy);
int kk_copy_(kk_tensor dst, kk_tensor src, int non_blocking);
int kk_read_f32(kk_tensor t, float *dst, int64_t n); // waits for the device
int kk_device(kk_tensor t);

// Operations.
kk_tensor kk_linear(kk_tensor x, kk_tensor w, kk_tensor b); // x [.., I], w [O, I], b [O] or NULL
kk_tensor kk_linear_rows(kk_tensor x, kk_tensor w, kk_tensor b); // each row as if it were alone
kk_tensor kk_lanes(kk_tensor qkv, kk_tensor keys, kk_tensor values, const int64_t *rows, const int64_t *slots, int64_t n); // CPU
kk_tensor kk_sdpa(kk_tensor q, kk_tensor k, kk_tensor v, kk_tensor mask, int causal);
// Attention within stretches of rows, on CUDA: qkv [N, 3H] of heads heads; cu int32 [n+1] on the device, the first rows of
// the n stretches and N; none longer than longest. -> [N, H]. bags: stretch i of the rows that index (int64) names, from
// offsets[i] (int64) on, averaged -> [n, W] fp32.
kk_tensor kk_attention_rows(kk_tensor qkv, kk_tensor cu, int64_t longest, int heads);
kk_tensor kk_mean_rows(kk_tensor x, kk_tensor index, kk_tensor offsets);
kk_tensor kk_gelu(kk_tensor x, int tanh_approximation);
int kk_rotary_(kk_tensor x, kk_tensor cos, kk_tensor sin); // x [.., D] in place, cos and sin [.., R/2]
kk_tensor kk_causal_mask(int64_t t, int64_t s, int64_t past, int dtype, int device);

// The process and its threads.
void kk_seed(int64_t seed);
void kk_set_threads(int n);
void kk_first_calls(void);
int kk_threads(void);
void kk_grad_off(void);
void kk_small_linear(int on); // use our matrix-vector kernel for a few rows (default on)

// CUDA. kk_load_cuda comes before every other CUDA question: libtorch remembers the first answer.
const char *kk_version(void);        // of the headers this was built with
char *kk_library(void);               // path of libtorch_cpu.so; the caller frees it
char *kk_driver(int *count);          // NULL: the driver answers; else why not (the caller frees it)
char *kk_load_cuda(const char *path); // NULL: loaded; else why not (the caller frees it)
int kk_tf32(int on);
int kk_cuda_memory(int device, int64_t *out6); // allocated, peak, reserved, retries, free, total
int kk_cuda_reset_peak(int device);
void kk_empty_cache(void);
#ifdef __cplusplus
}
#endif
