// The parts between the products, in GCC's vectors: included once per instruction set, under its target options, with
// VL (numbers in a vector), MR and NV (rows and vectors of a product of registers) and OPS (name of the table;
// a file with an attention of its own defines ATTEND and writes the table itself).
#include "encoder.h"
#include "simd.h"

typedef float vf __attribute__((vector_size(4 * VL), aligned(4)));
typedef int32_t vi __attribute__((vector_size(4 * VL), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(4 * VL), aligned(4)));

#define INLINE static inline __attribute__((always_inline))
INLINE vf all(float x) { return x - (vf){}; }
INLINE vf load(const float *p) { return *(const vf *)p; }
INLINE void store(float *p, vf v) { *(vf *)p = v; }
INLINE vf pick(vi which, vf a, vf b) { return (vf)((which & (vi)a) | (~which & (vi)b)); }
#if defined(KC_X86) && VL == 16
INLINE vf least(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vf most(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
#elif defined(KC_X86) && VL == 8
INLINE vf least(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vf most(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE vf least(vf a, vf b) { return pick(a < b, a, b); }
INLINE vf most(vf a, vf b) { return pick(a > b, a, b); }
#endif
INLINE vf magnitude(vf a) { return (vf)((vi)a & 0x7fffffff); }

#if defined(KC_X86) && VL == 16
INLINE float total(vf v) { return _mm512_reduce_add_ps((__m512)v); }
INLINE float highest(vf v) { return _mm512_reduce_max_ps((__m512)v); }
#elif defined(KC_X86) && VL == 8
INLINE float total(vf v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return s[0] + s[1];
}
INLINE float highest(vf v) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return s[0] > s[1] ? s[0] : s[1];
}
#else
INLINE float total(vf v) {
  float s = 0;
  for (int i = 0; i < VL; i++) s += v[i];
  return s;
}
INLINE float highest(vf v) {
  float s = v[0];
  for (int i = 1; i < VL; i++) s = v[i] > s ? v[i] : s;
  return s;
}
#endif

// narrow8, narrow16 store the low bytes of numbers that fit them. (GCC 12 converts such vectors number by number.)
#if defined(KC_X86) && VL == 16
INLINE void narrow8(uint8_t *p, vi v) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)v)); }
INLINE void narrow16(uint16_t *p, vi v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16((__m512i)v)); }
#elif defined(KC_X86) && VL == 8
INLINE __m128i words(vi v) { return _mm_packus_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1)); }
INLINE void narrow8(uint8_t *p, vi v) { _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words(v), _mm_setzero_si128())); }
INLINE void narrow16(uint16_t *p, vi v) { _mm_storeu_si128((__m128i *)p, words(v)); }
#else
INLINE void narrow8(uint8_t *p, vi v) {
  for (int i = 0; i < VL; i++) p[i] = (uint8_t)v[i];
}
INLINE void narrow16(uint16_t *p, vi v) {
  for (int i = 0; i < VL; i++) p[i] = (uint16_t)v[i];
}
#endif

// two_to is 2^x for x <= 0 (relative error 8e-8), 0 below -126.
INLINE vf two_to(vf x) {
  x = most(x, all(-127));
  vf shifted = x + 12582912.f; // 1.5 * 2^23: the whole number lies in the low bits
  vf f = x - (shifted - 12582912.f);
  vf p = all(0.00132669704f);
  p = p * f + 0.00967545975f;
  p = p * f + 0.0555074262f;
  p = p * f + 0.240221218f;
  p = p * f + 0.693146949f;
  p = p * f + 1.00000007f;
  vi n = (vi)shifted - 0x4b400000;
  vf y = (vf)((vi)p + (n << 23));
  return pick(n > -126, y, all(0));
}

INLINE vf sigmoid(vf x) {
  vf e = two_to(magnitude(x) * -1.44269504f), r = 1 / (1 + e);
  return pick(x < 0, 1 - r, r);
}

// gelu is x Phi(x); Phi(x) - 1/2 = x P(x^2) by a polynomial in 2 x^2/25 - 1 for |x| <= 5 (error of gelu below 4e-6).
INLINE vf gelu(vf x) {
  vf c = most(least(x, all(5)), all(-5)), u = c * c * 0.08f - 1;
  vf p = all(-0.00109634401f);
  p = p * u + 0.00319444513f;
  p = p * u - 0.00388689503f;
  p = p * u + 0.0051132937f;
  p = p * u - 0.0101654384f;
  p = p * u + 0.0169101175f;
  p = p * u - 0.0236249571f;
  p = p * u + 0.0313567296f;
  p = p * u - 0.0403919837f;
  p = p * u + 0.0515253966f;
  p = p * u - 0.0702982328f;
  p = p * u + 0.141363748f;
  return x * (c * p + 0.5f);
}

static void act(float *x, int n, int kind) {
  if (kind == KE_GELU) {
    for (int i = 0; i < n; i += VL) store(x + i, gelu(load(x + i)));
    return;
  }
  for (int i = 0; i < n; i += VL) {
    vf v = load(x + i);
    switch (kind) {
    case KE_RELU: v = most(v, all(0)); break;
    case KE_SILU: v = v * sigmoid(v); break;
    default: v = v * sigmoid(1.5957691216f * (v + 0.044715f * v * v * v)); // tanh(z) = 2 sigmoid(2z) - 1
    }
    store(x + i, v);
  }
}

static void norm(float *x, int hidden, int hp, ke_norm n, float eps) {
  vf s = {}, q = {};
  for (int i = 0; i < hp; i += VL) s += load(x + i);
  float mean = total(s) / hidden;
  for (int i = 0; i < hp; i += VL) {
    vf d = load(x + i) - mean;
    q += d * d;
  }
  float var = (total(q) - (hp - hidden) * mean * mean) / hidden; // the padding is zero
  float by = 1 / sqrtf(var + eps);
  for (int i = 0; i < hp; i += VL) store(x + i, (load(x + i) - mean) * by * load(n.w + i) + load(n.b + i));
}

static void finish(float *c, const ke_matrix *m, const ke_code *code, const float *add) {
  if (code) {
    if (code->outlier >= 0) { // what the code of one column lacks, times that column of the weights
      int k = code->outlier, shift = 24 - k % 4 * 8;
      const char *w = (const char *)m->w + k / 4 * 64;
      for (int p = 0; p < m->np / ke_panel; p++)
        for (int i = 0; i < 16; i += VL) {
          vi group = *(const vi *)(w + p * m->row * ke_panel + i * 4);
          *(vi *)(c + p * 16 + i) += (group << shift >> 24) * code->extra;
        }
    }
    float scale = code->scale;
    int32_t zero = code->zero;
    for (int i = 0; i < m->np; i += VL) {
      vi sums = *(const vi *)(c + i) - *(const vi *)(m->sum + i) * zero;
      store(c + i, __builtin_convertvector(sums, vf) * (load(m->scale + i) * scale) + load(m->bias + i));
    }
  } else {
    for (int i = 0; i < m->np; i += VL) store(c + i, load(c + i) + load(m->bias + i));
  }
  if (add)
    for (int i = 0; i < m->np; i += VL) store(c + i, load(c + i) + load(add + i));
}

// encode8: codes 0 to 255 from the row's lowest to its highest number. A number that is over one and a half times as
// large as any other would cost all the others their digits; it is cut off and its rest kept apart.
static void encode8(const float *x, int k, uint8_t *dst, int64_t row, ke_code *code) {
  vf lo = {}, hi = {}, first = {}, second = {};
  int kv = (k + VL - 1) / VL * VL; // the padding of x is zero
  for (int i = 0; i < kv; i += VL) {
    vf v = load(x + i), a = magnitude(v);
    lo = least(lo, v);
    hi = most(hi, v);
    second = most(second, least(first, a));
    first = most(first, a);
  }
  float low = -highest(-lo), high = highest(hi), top = low < -high ? -low : high;
  code->outlier = -1;
  code->extra = 0;
  // The second largest: of the lanes' second ones, and of their first ones without the largest.
  float next = highest(most(second, pick(first == all(top), all(0), first)));
  if (top > 1.5f * next && next > 0 && total(pick(first == all(top), all(1), all(0))) == 1) {
    for (int i = 0; i < k; i++)
      if (x[i] == top || x[i] == -top) code->outlier = i;
    low = low < -next ? -next : low;
    high = high > next ? next : high;
  }
  float scale = (high - low) / 255;
  if (!(scale > 1e-30f)) scale = 1e-30f;
  float by = 1 / scale, zero = rintf(-low * by);
  code->scale = scale;
  code->zero = (int32_t)zero;
  // x by + zero is in 0..255; adding 1.5 * 2^23 rounds it into the low bits
  for (int i = 0; i < kv; i += VL) {
    vf v = most(least(load(x + i) * by + zero, all(255)), all(0)) + 12582912.f;
    narrow8(dst + i, (vi)v & 255);
  }
  for (int64_t i = kv; i < row; i++) dst[i] = 0;
  if (code->outlier >= 0) {
    float whole = rintf(x[code->outlier] * by) + zero;
    whole = fminf(fmaxf(whole, -16e6f), 16e6f); // times a weight's code it has to fit 32 bits
    code->extra = (int32_t)whole - dst[code->outlier];
  }
}

static void encode16(const float *x, int k, uint16_t *dst, int64_t row) {
  int kv = (k + VL - 1) / VL * VL;
  for (int i = 0; i < kv; i += VL) {
    vu u = (vu)load(x + i);
    narrow16(dst + i, (vi)((u + 0x7fff + (u >> 16 & 1)) >> 16));
  }
  for (int64_t i = kv; i < row / 2; i++) dst[i] = 0;
}

static void sum(const float *x, int64_t ldx, int n, int hidden, float *out) {
  for (int r = 0; r < n; r++)
    for (int i = 0; i < hidden; i++) out[i] += x[r * ldx + i];
}

// product of registers: c [mr, nv vectors] = a [mr, k] b [k, nv vectors].
INLINE void block(const int mr, const int nv, const float *a, int64_t lda, const float *b, int64_t ldb, int k, float *c, int64_t ldc) {
  vf acc[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 16
    for (int v = 0; v < nv; v++) acc[r][v] = (vf){};
  for (int i = 0; i < k; i++) {
    vf w[NV];
#pragma GCC unroll 16
    for (int v = 0; v < nv; v++) w[v] = load(b + i * ldb + v * VL);
#pragma GCC unroll 16
    for (int r = 0; r < mr; r++) {
      vf x = all(a[r * lda + i]);
#pragma GCC unroll 16
      for (int v = 0; v < nv; v++) acc[r][v] += x * w[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < mr; r++)
#pragma GCC unroll 16
    for (int v = 0; v < nv; v++) store(c + r * ldc + v * VL, acc[r][v]);
}

// multiply: c [m, n] = a [m, k] b [k, n], n a multiple of VL.
static void multiply(const float *a, int64_t lda, const float *b, int64_t ldb, int m, int n, int k, float *c, int64_t ldc) {
  int j = 0;
#define STRIPS(nv)                                                                                                     \
  for (; n - j >= nv * VL; j += nv * VL) {                                                                             \
    int r = 0;                                                                                                         \
    for (; m - r >= MR; r += MR) block(MR, nv, a + r * lda, lda, b + j, ldb, k, c + r * ldc + j, ldc);                 \
    for (; r < m; r++) block(1, nv, a + r * lda, lda, b + j, ldb, k, c + r * ldc + j, ldc);                            \
  }
  STRIPS(NV)
#if NV > 2
  STRIPS(2)
#endif
  STRIPS(1)
#undef STRIPS
}

// transpose writes x [n, d], stride ldx, as y [d, n], stride ldy; columns n to ldy are zero.
static void transpose(const float *x, int64_t ldx, int n, int d, float *y, int64_t ldy) {
  int j = 0;
#ifdef KC_X86
  typedef float q4 __attribute__((vector_size(16), aligned(4)));
  for (; j + 4 <= n; j += 4) {
    int i = 0;
    for (; i + 4 <= d; i += 4) {
      const float *p = x + j * ldx + i;
      q4 a = *(const q4 *)p, b = *(const q4 *)(p + ldx), c = *(const q4 *)(p + 2 * ldx), e = *(const q4 *)(p + 3 * ldx);
      q4 ab = _mm_unpacklo_ps(a, b), AB = _mm_unpackhi_ps(a, b), ce = _mm_unpacklo_ps(c, e), CE = _mm_unpackhi_ps(c, e);
      float *o = y + i * ldy + j;
      *(q4 *)o = _mm_movelh_ps(ab, ce);
      *(q4 *)(o + ldy) = _mm_movehl_ps(ce, ab);
      *(q4 *)(o + 2 * ldy) = _mm_movelh_ps(AB, CE);
      *(q4 *)(o + 3 * ldy) = _mm_movehl_ps(CE, AB);
    }
    for (; i < d; i++)
      for (int r = 0; r < 4; r++) y[i * ldy + j + r] = x[(j + r) * ldx + i];
  }
#endif
  for (; j < n; j++)
    for (int i = 0; i < d; i++) y[i * ldy + j] = x[j * ldx + i];
  for (int i = 0; i < d; i++)
    for (int64_t r = n; r < ldy; r++) y[i * ldy + r] = 0;
}

enum { queries = 12 }; // rows of scores at a time

static void attend(const float *qkv, int64_t ldq, int hidden, int n, int d, float *out, int64_t ldo, float *room) {
  int np = (n + 15) / 16 * 16, dp = (d + 15) / 16 * 16, whole = d == dp;
  float *kt = room, *copy = kt + (int64_t)d * np, *s = copy + (int64_t)n * dp, *o = s + (int64_t)queries * np;
  const float *v = qkv + 2 * hidden;
  int64_t ldv = ldq;
  transpose(qkv + hidden, ldq, n, d, kt, np);
  if (!whole) { // values of a width that does not fill vectors are copied into ones that do
    for (int j = 0; j < n; j++)
      for (int i = 0; i < dp; i++) copy[j * dp + i] = i < d ? v[j * ldq + i] : 0;
    v = copy;
    ldv = dp;
  }
  float by = 1.44269504f / sqrtf(d); // 2^x is cheaper than e^x
  int last = n / VL * VL, full = last == n; // the last vector of a row is cut off at n
  vf cut = {};
  for (int i = 0; i < VL; i++) cut[i] = last + i < n ? 0 : -1e30f;
  for (int r = 0; r < n; r += queries) {
    int rows = n - r < queries ? n - r : queries;
    multiply(qkv + r * ldq, ldq, kt, np, rows, np, d, s, np);
    float *to = whole ? out + r * ldo : o;
    int64_t ldt = whole ? ldo : dp;
    float sums[queries];
    for (int i = 0; i < rows; i++) {
      float *p = s + i * np;
      if (!full) store(p + last, load(p + last) + cut);
      vf high = load(p);
      for (int j = VL; j < n; j += VL) high = most(high, load(p + j));
      float top = highest(high) * by;
      vf acc = {};
      for (int j = 0; j < n; j += VL) {
        vf e = two_to(load(p + j) * by - top);
        store(p + j, e);
        acc += e;
      }
      sums[i] = total(acc);
    }
    multiply(s, np, v, ldv, rows, dp, n, to, ldt);
    for (int i = 0; i < rows; i++) {
      float norm = 1 / sums[i];
      if (whole)
        for (int j = 0; j < d; j += VL) store(to + i * ldt + j, load(to + i * ldt + j) * norm);
      else
        for (int j = 0; j < d; j++) out[(r + i) * ldo + j] = o[i * dp + j] * norm;
    }
  }
}

#ifndef ATTEND
const ke_rowops OPS = {norm, finish, act, encode8, encode16, attend, sum};
#endif
