// y = x W^T + b on the CPU for a few rows of x: one pass over W, as fast as memory delivers it, and every row's
// sums in the same order whatever the number of rows.
// libtorch takes the general matrix product there (fp32), or a very slow path (bf16, fp16 on a CPU
// without those instructions). Sums are fp32 whatever the storage of W is.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <immintrin.h>

namespace kk {

static const int64_t max_rows = 4; // that libtorch is always slower for

static inline bool cpu_has_avx512() {
  static const bool has = __builtin_cpu_supports("avx512f");
  return has;
}

// How many rows a pass over W takes; more go so many by so many over a piece of W that the cache holds.
static inline int64_t rows_at_once() { return cpu_has_avx512() ? 8 : 4; }

static inline bool cpu_has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("f16c");
  return has;
}

static inline bool can_small_linear(const at::Tensor &x, const at::Tensor &w, int64_t most) {
  if (!w.is_cpu() || !x.is_cpu() || w.dim() != 2 || x.dim() < 1) return false;
  int64_t in = w.size(1);
  if (in == 0 || in % 16 != 0 || x.size(-1) != in) return false;
  int64_t rows = x.numel() / in;
  if (rows < 1 || rows > most || x.scalar_type() != w.scalar_type()) return false;
  auto t = w.scalar_type();
  if (t != at::kFloat && t != at::kBFloat16 && t != at::kHalf) return false;
  return w.is_contiguous() && cpu_has_avx2();
}

// The set-up builds C++ with -O1 (gotch's big file gains nothing from more); these loops do.
#pragma GCC push_options
#pragma GCC optimize("O3")
#define KK_AVX2 __attribute__((target("avx2,fma,f16c")))
#define KK_AVX512 __attribute__((target("avx512f")))

struct F32 {
  typedef float type;
  KK_AVX2 static inline __m256 load(const float *p) { return _mm256_loadu_ps(p); }
  KK_AVX512 static inline __m512 load16(const float *p) { return _mm512_loadu_ps(p); }
};
struct BF16 {
  typedef uint16_t type;
  KK_AVX2 static inline __m256 load(const uint16_t *p) {
    __m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
  }
  KK_AVX512 static inline __m512 load16(const uint16_t *p) {
    __m512i v = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
  }
};
struct F16 {
  typedef uint16_t type;
  KK_AVX2 static inline __m256 load(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
  }
  KK_AVX512 static inline __m512 load16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
  }
};

KK_AVX2 static inline float sum8(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// Rows lo..hi of W; x is [M, in] and y is [M, out], fp32. Two outputs at a time and two sums each:
// eight independent chains at M = 2 hide the latency of the multiply-add.
template <class S, int M>
KK_AVX2 static void rows_of(const float *x, const typename S::type *w, const float *b, float *y,
                            int64_t in, int64_t out, int64_t lo, int64_t hi) {
  for (int64_t o = lo; o < hi; o += 2) {
    const typename S::type *w0 = w + o * in;
    const typename S::type *w1 = o + 1 < hi ? w0 + in : w0;
    __m256 a0[M], a1[M], c0[M], c1[M];
    for (int m = 0; m < M; m++) a0[m] = a1[m] = c0[m] = c1[m] = _mm256_setzero_ps();
    for (int64_t i = 0; i < in; i += 16) {
      __m256 u0 = S::load(w0 + i), u1 = S::load(w0 + i + 8);
      __m256 v0 = S::load(w1 + i), v1 = S::load(w1 + i + 8);
      for (int m = 0; m < M; m++) {
        __m256 x0 = _mm256_loadu_ps(x + m * in + i), x1 = _mm256_loadu_ps(x + m * in + i + 8);
        a0[m] = _mm256_fmadd_ps(u0, x0, a0[m]);
        a1[m] = _mm256_fmadd_ps(u1, x1, a1[m]);
        c0[m] = _mm256_fmadd_ps(v0, x0, c0[m]);
        c1[m] = _mm256_fmadd_ps(v1, x1, c1[m]);
      }
    }
    for (int m = 0; m < M; m++) {
      y[m * out + o] = sum8(_mm256_add_ps(a0[m], a1[m])) + (b ? b[o] : 0.f);
      if (o + 1 < hi) y[m * out + o + 1] = sum8(_mm256_add_ps(c0[m], c1[m])) + (b ? b[o + 1] : 0.f);
    }
  }
}

// The same with vectors of sixteen and up to eight rows: twice the work per instruction, which is what several tokens of
// a guess need. One sum per row and output is enough, there are two outputs and memory is slower than the latency.
template <class S, int M>
KK_AVX512 static void rows_of16(const float *x, const typename S::type *w, const float *b, float *y,
                                int64_t in, int64_t out, int64_t lo, int64_t hi) {
  for (int64_t o = lo; o < hi; o += 2) {
    const typename S::type *w0 = w + o * in;
    const typename S::type *w1 = o + 1 < hi ? w0 + in : w0;
    __m512 a[M], c[M];
    for (int m = 0; m < M; m++) a[m] = c[m] = _mm512_setzero_ps();
    for (int64_t i = 0; i < in; i += 16) {
      __m512 u = S::load16(w0 + i), v = S::load16(w1 + i);
      for (int m = 0; m < M; m++) {
        __m512 xv = _mm512_loadu_ps(x + m * in + i);
        a[m] = _mm512_fmadd_ps(u, xv, a[m]);
        c[m] = _mm512_fmadd_ps(v, xv, c[m]);
      }
    }
    for (int m = 0; m < M; m++) {
      y[m * out + o] = _mm512_reduce_add_ps(a[m]) + (b ? b[o] : 0.f);
      if (o + 1 < hi) y[m * out + o + 1] = _mm512_reduce_add_ps(c[m]) + (b ? b[o + 1] : 0.f);
    }
  }
}

// n rows of x, at most as many as rows_at_once().
template <class S>
static void some_rows(int64_t n, const float *x, const typename S::type *w, const float *b, float *y,
                      int64_t in, int64_t out, int64_t lo, int64_t hi) {
  if (cpu_has_avx512()) {
    switch (n) {
    case 1: return rows_of16<S, 1>(x, w, b, y, in, out, lo, hi);
    case 2: return rows_of16<S, 2>(x, w, b, y, in, out, lo, hi);
    case 3: return rows_of16<S, 3>(x, w, b, y, in, out, lo, hi);
    case 4: return rows_of16<S, 4>(x, w, b, y, in, out, lo, hi);
    case 5: return rows_of16<S, 5>(x, w, b, y, in, out, lo, hi);
    case 6: return rows_of16<S, 6>(x, w, b, y, in, out, lo, hi);
    case 7: return rows_of16<S, 7>(x, w, b, y, in, out, lo, hi);
    default: return rows_of16<S, 8>(x, w, b, y, in, out, lo, hi);
    }
  }
  switch (n) {
  case 1: return rows_of<S, 1>(x, w, b, y, in, out, lo, hi);
  case 2: return rows_of<S, 2>(x, w, b, y, in, out, lo, hi);
  case 3: return rows_of<S, 3>(x, w, b, y, in, out, lo, hi);
  default: return rows_of<S, 4>(x, w, b, y, in, out, lo, hi);
  }
}
#pragma GCC pop_options

template <class S>
static void all_rows(const float *x, const void *w, const float *b, float *y, int64_t rows,
                     int64_t in, int64_t out) {
  const typename S::type *p = (const typename S::type *)w;
  int64_t grain = std::max<int64_t>(16, 32768 / in);
  int64_t most = rows_at_once();
  int64_t piece = rows <= most ? out : std::max<int64_t>(2, 65536 / (in * (int64_t)sizeof(typename S::type)) / 2 * 2);
  at::parallel_for(0, out, grain, [&](int64_t begin, int64_t end) {
    for (int64_t lo = begin; lo < end; lo += piece) {
      int64_t hi = std::min(end, lo + piece);
      for (int64_t r = 0; r < rows; r += most)
        some_rows<S>(std::min(most, rows - r), x + r * in, p, b, y + r * out, in, out, lo, hi);
    }
  });
}

static at::Tensor small_linear(const at::Tensor &x, const at::Tensor &w, const at::Tensor *bias) {
  int64_t in = w.size(1), out = w.size(0), rows = x.numel() / in;
  at::Tensor xf = x.to(at::kFloat).contiguous();
  at::Tensor bf;
  if (bias) bf = bias->to(at::kFloat).contiguous();
  auto shape = x.sizes().vec();
  shape.back() = out;
  at::Tensor y = at::empty(shape, xf.options());
  const float *b = bias ? bf.const_data_ptr<float>() : nullptr;
  const float *xp = xf.const_data_ptr<float>();
  float *yp = y.mutable_data_ptr<float>();
  switch (w.scalar_type()) {
  case at::kFloat: all_rows<F32>(xp, w.const_data_ptr(), b, yp, rows, in, out); break;
  case at::kBFloat16: all_rows<BF16>(xp, w.const_data_ptr(), b, yp, rows, in, out); break;
  default: all_rows<F16>(xp, w.const_data_ptr(), b, yp, rows, in, out);
  }
  return y.to(x.scalar_type());
}

} // namespace kk
