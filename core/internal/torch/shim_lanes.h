// Attention of single tokens on the CPU, each over the keys and values of its own row: what decoding several rows, or
// checking several guessed tokens of one, needs. Every token is computed alike whatever others there are, and all of
// them in one parallel loop (libtorch's attention is one loop a token, and rounds several tokens otherwise than one).
#pragma once
#include "shim_linear.h"

#include <cmath>
#include <vector>

namespace kk {

#pragma GCC push_options
#pragma GCC optimize("O3")

// out[d] = softmax(q k^T * scale) v over n keys; score is room for n.
template <class S>
KK_AVX2 static void attend8(const float *q, const typename S::type *k, const typename S::type *v, int64_t n, int64_t d,
                            float scale, float *score, float *out) {
  float top = -INFINITY;
  for (int64_t j = 0; j < n; j++) {
    const typename S::type *kj = k + j * d;
    __m256 s = _mm256_setzero_ps();
    for (int64_t e = 0; e < d; e += 8) s = _mm256_fmadd_ps(_mm256_loadu_ps(q + e), S::load(kj + e), s);
    score[j] = sum8(s) * scale;
    top = std::max(top, score[j]);
  }
  float sum = 0;
  for (int64_t j = 0; j < n; j++) {
    score[j] = std::exp(score[j] - top);
    sum += score[j];
  }
  for (int64_t e = 0; e < d; e++) out[e] = 0;
  for (int64_t j = 0; j < n; j++) {
    __m256 p = _mm256_set1_ps(score[j]);
    for (int64_t e = 0; e < d; e += 8)
      _mm256_storeu_ps(out + e, _mm256_fmadd_ps(p, S::load(v + j * d + e), _mm256_loadu_ps(out + e)));
  }
  for (int64_t e = 0; e < d; e++) out[e] /= sum;
}
#pragma GCC pop_options

// The same without vectors, for odd widths and old processors.
template <class T>
static void attend1(const float *q, const T *k, const T *v, int64_t n, int64_t d, float scale, float *score, float *out) {
  float top = -INFINITY;
  for (int64_t j = 0; j < n; j++) {
    float s = 0;
    for (int64_t e = 0; e < d; e++) s += q[e] * (float)k[j * d + e];
    score[j] = s * scale;
    top = std::max(top, score[j]);
  }
  float sum = 0;
  for (int64_t j = 0; j < n; j++) {
    score[j] = std::exp(score[j] - top);
    sum += score[j];
  }
  for (int64_t e = 0; e < d; e++) out[e] = 0;
  for (int64_t j = 0; j < n; j++)
    for (int64_t e = 0; e < d; e++) out[e] += score[j] * (float)v[j * d + e];
  for (int64_t e = 0; e < d; e++) out[e] /= sum;
}

// qkv [M, H, 3, D] contiguous, keys and values [B, H, C, D] contiguous; rows and slots [M]. out [M, H, D], fp32.
template <class T, class S>
static void lanes(const T *qkv, T *keys, T *values, const int64_t *rows, const int64_t *slots, int64_t m, int64_t h,
                  int64_t d, int64_t c, float *out) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < h; j++) {
      const T *from = qkv + (i * h + j) * 3 * d;
      int64_t to = ((rows[i] * h + j) * c + slots[i]) * d;
      memcpy(keys + to, from + d, d * sizeof(T));
      memcpy(values + to, from + 2 * d, d * sizeof(T));
    }
  bool vectors = d % 8 == 0 && cpu_has_avx2();
  float scale = 1 / std::sqrt((float)d);
  at::parallel_for(0, m * h, 1, [&](int64_t lo, int64_t hi) {
    std::vector<float> q(d), score;
    for (int64_t x = lo; x < hi; x++) {
      int64_t i = x / h, j = x % h, n = slots[i] + 1;
      const T *from = qkv + x * 3 * d;
      for (int64_t e = 0; e < d; e++) q[e] = (float)from[e];
      if ((int64_t)score.size() < n) score.resize(n);
      const T *k = keys + (rows[i] * h + j) * c * d, *v = values + (rows[i] * h + j) * c * d;
      typedef typename S::type raw;
      if (vectors)
        attend8<S>(q.data(), (const raw *)k, (const raw *)v, n, d, scale, score.data(), out + x * d);
      else
        attend1<T>(q.data(), k, v, n, d, scale, score.data(), out + x * d);
    }
  });
}

static at::Tensor lanes_attention(const at::Tensor &qkv, at::Tensor &keys, at::Tensor &values, const int64_t *rows,
                                  const int64_t *slots) {
  int64_t m = qkv.size(0), h = keys.size(1), c = keys.size(2), d = keys.size(3);
  TORCH_CHECK(qkv.is_cpu() && qkv.is_contiguous() && keys.is_contiguous() && values.is_contiguous() &&
                  qkv.numel() == m * h * 3 * d && qkv.scalar_type() == keys.scalar_type() &&
                  keys.scalar_type() == values.scalar_type() && keys.sizes() == values.sizes(),
              "lanes: qkv ", qkv.sizes(), " for keys ", keys.sizes());
  for (int64_t i = 0; i < m; i++)
    TORCH_CHECK(rows[i] >= 0 && rows[i] < keys.size(0) && slots[i] >= 0 && slots[i] < c, "lane ", i, " at ", rows[i], ", ",
                slots[i], " of ", keys.sizes());
  at::Tensor out = at::empty({m, 1, h * d}, qkv.options().dtype(at::kFloat));
  float *o = out.mutable_data_ptr<float>();
  switch (keys.scalar_type()) {
  case at::kFloat:
    lanes<float, F32>(qkv.const_data_ptr<float>(), keys.mutable_data_ptr<float>(), values.mutable_data_ptr<float>(), rows, slots,
                      m, h, d, c, o);
    break;
  case at::kBFloat16:
    lanes<at::BFloat16, BF16>(qkv.const_data_ptr<at::BFloat16>(), keys.mutable_data_ptr<at::BFloat16>(),
                              values.mutable_data_ptr<at::BFloat16>(), rows, slots, m, h, d, c, o);
    break;
  default:
    lanes<at::Half, F16>(qkv.const_data_ptr<at::Half>(), keys.mutable_data_ptr<at::Half>(), values.mutable_data_ptr<at::Half>(),
                         rows, slots, m, h, d, c, o);
  }
  return out.to(qkv.scalar_type());
}

} // namespace kk
