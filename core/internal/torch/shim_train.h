// The part of the shim that training needs: the backward halves of a GPT-NeoX block, written out; no autograd.
// A status that is not 0 and a NULL tensor mean: see kk_error. Results go to out, which holds handles.
#pragma once
#include "shim.h"
#ifdef __cplusplus
extern "C" {
#endif

// LayerNorm with what its backward needs: out = { y, mean, rstd }. Backward: the gradient of x alone.
int kk_norm(kk_tensor x, kk_tensor w, kk_tensor b, double eps, kk_tensor *out);
kk_tensor kk_norm_back(kk_tensor dy, kk_tensor x, kk_tensor mean, kk_tensor rstd, kk_tensor w, kk_tensor b);

// Gradient of an activation at x: kind 0 GELU, 1 GELU's tanh form, 2 ReLU, 3 SiLU.
kk_tensor kk_act_back(kk_tensor dy, kk_tensor x, int kind);

// Causal attention within n stretches of rows: qkv [N, H, 3, D] (q, k, v of each head in turn), first int64 [n+1] on the host: the first
// rows of the stretches and N; cu is the same as int32 on the device. out = { o [N, H*D], lse }. Backward: dqkv [N, H, 3, D].
int kk_attend(kk_tensor qkv, const int64_t *first, int64_t n, kk_tensor cu, kk_tensor *out);
kk_tensor kk_attend_back(kk_tensor d_o, kk_tensor qkv, kk_tensor o, kk_tensor lse, const int64_t *first, int64_t n, kk_tensor cu);

// The same with flash attention only, the parts apart: out = { dq, dk, dv }, each [N, H, D].
int kk_attend_back_parts(kk_tensor d_o, kk_tensor qkv, kk_tensor o, kk_tensor lse, const int64_t *first, int64_t n, kk_tensor cu, kk_tensor *out);

// Whether kk_attend takes flash attention for qkv.
int kk_attends_flash(kk_tensor qkv);

// fp32 in the host's memory that the GPU reaches by itself (page-locked).
kk_tensor kk_pinned(int64_t n);

// Gives memory that was freed back to the system.
void kk_trim(void);

// Whether blocks of a mebibyte and more are mapped one by one, so that what is freed goes back at once; else as the C library does in a long-lived process.
void kk_map_blocks(int on);

// Turns q and k of qkv [N, H, 3, D] in place by the angles of cos and sin [N, 1, 1, R/2].
int kk_turn_(kk_tensor qkv, kk_tensor cos, kk_tensor sin);

// Dropout with the numbers of a seed, the same ones for the same seed and shape: out = { x * mask / (1-p), mask }.
int kk_dropout(kk_tensor x, double p, uint64_t seed, kk_tensor *out);
kk_tensor kk_masked(kk_tensor dy, kk_tensor mask, double scale);

// y += alpha a b, where y may be of a wider type: y [N, M], a [N, K], b [K, M]. a and b may be transposed views.
int kk_product_add(kk_tensor y, kk_tensor a, kk_tensor b, double alpha);

// Cross entropy of logits [N, V] (fp32) at targets int64 [N]: out = { the sum of the losses [1], the softmax less one at the target }; the
// latter takes the logits' memory.
int kk_cross_entropy(kk_tensor logits, kk_tensor targets, kk_tensor *out);

// x W^T in fp32, on every device and for every type.
kk_tensor kk_wide_product(kk_tensor x, kk_tensor w);

int kk_scale_(kk_tensor x, double f); // x *= f

// Writes rows of src to the rows of dst that index (int64) names.
int kk_put_rows(kk_tensor dst, kk_tensor index, kk_tensor src);
#ifdef __cplusplus
}
#endif
