//go:build torch

// vpdpbusd multiplies unsigned by signed bytes and adds fours of them: codes become unsigned bytes (value + zero) by one
// vpshufb per 64 codes, activations are signed, and the sum starts at -zero * (sum of the block's activations). One dword
// per row, so sums are never added across. Sums of a block are exact integers.
#include "nib.h"
#include "simd.h"
#if KC_X86

#define INLINE FOR_VNNI static inline __attribute__((always_inline))

INLINE __m512i table(const uint8_t *t) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t)); }
INLINE __m512 scales(const uint16_t *s) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)s)); }
INLINE __m512i four(const int8_t *q) {
  int32_t v;
  memcpy(&v, q, 4);
  return _mm512_set1_epi32(v);
}

// few is the product of one group and n tokens, n known to the compiler.
INLINE void few(const kc_nib *m, const kc_act *x, const int n, int64_t from, int64_t group, float *out, int64_t ld) {
  const uint8_t *c = kc_codes(m, group);
  const uint16_t *s = kc_scales(m, group);
  const int8_t *q = (const int8_t *)x->q + from * m->cols;
  const __m512i low = _mm512_set1_epi8(15);
  __m512 sum[16];
  for (int t = 0; t < n; t++) sum[t] = _mm512_setzero_ps();
  for (int64_t b = 0; b < m->blocks; b++) {
    __m512i acc[16];
    for (int t = 0; t < n; t++) acc[t] = _mm512_set1_epi32(-m->lut.zero * x->sum[(from + t) * x->blocks + b]);
    for (int p = 0; p < m->planes; p++) {
      const __m512i lut = table(m->lut.byte[p]);
      _mm_prefetch((const char *)c + 4096, _MM_HINT_T0);
#pragma GCC unroll 8
      for (int l = 0; l < 8; l++) {
        __m512i w = _mm512_loadu_si512(c + 64 * l);
        __m512i w0 = _mm512_shuffle_epi8(lut, _mm512_and_si512(w, low));
        __m512i w1 = _mm512_shuffle_epi8(lut, _mm512_and_si512(_mm512_srli_epi16(w, 4), low));
#pragma GCC unroll 16
        for (int t = 0; t < n; t++) {
          acc[t] = _mm512_dpbusd_epi32(acc[t], w0, four(q + t * m->cols + 64 * b + 8 * l));
          acc[t] = _mm512_dpbusd_epi32(acc[t], w1, four(q + t * m->cols + 64 * b + 8 * l + 4));
        }
      }
      c += 512;
    }
    const __m512 f = scales(s + 16 * b);
    for (int t = 0; t < n; t++)
      sum[t] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc[t]), _mm512_set1_ps(x->scale[(from + t) * x->blocks + b])), f, sum[t]);
  }
  for (int t = 0; t < n; t++) _mm512_storeu_ps(out + t * ld, sum[t]);
}

#define FEW(n) \
  FOR_VNNI static void few##n(const kc_nib *m, const kc_act *x, int64_t from, int64_t g, float *out, int64_t ld) { few(m, x, n, from, g, out, ld); }
FEW(1) FEW(2) FEW(3) FEW(4) FEW(5) FEW(6) FEW(7) FEW(8)
typedef void few_fn(const kc_nib *, const kc_act *, int64_t, int64_t, float *, int64_t);
static few_fn *const fews[] = {0, few1, few2, few3, few4, few5, few6, few7, few8};

// tall is the product of one block of four groups, as bytes at w [16 steps][4][64], and n tokens, added to sum [n][64].
INLINE void tall(const uint8_t *w, const __m512 *f, const kc_act *x, const int n, int64_t from, int64_t b, int32_t zero, float *sum) {
  const int8_t *q = (const int8_t *)x->q + from * x->cols + 64 * b;
  __m512i acc[6][4];
#pragma GCC unroll 6
  for (int t = 0; t < n; t++)
    for (int g = 0; g < 4; g++) acc[t][g] = _mm512_set1_epi32(-zero * x->sum[(from + t) * x->blocks + b]);
  for (int k = 0; k < 16; k++) {
    __m512i w0 = _mm512_load_si512(w + 256 * k), w1 = _mm512_load_si512(w + 256 * k + 64);
    __m512i w2 = _mm512_load_si512(w + 256 * k + 128), w3 = _mm512_load_si512(w + 256 * k + 192);
#pragma GCC unroll 6
    for (int t = 0; t < n; t++) {
      __m512i v = four(q + t * x->cols + 4 * k);
      acc[t][0] = _mm512_dpbusd_epi32(acc[t][0], w0, v);
      acc[t][1] = _mm512_dpbusd_epi32(acc[t][1], w1, v);
      acc[t][2] = _mm512_dpbusd_epi32(acc[t][2], w2, v);
      acc[t][3] = _mm512_dpbusd_epi32(acc[t][3], w3, v);
    }
  }
#pragma GCC unroll 6
  for (int t = 0; t < n; t++) {
    __m512 s = _mm512_set1_ps(x->scale[(from + t) * x->blocks + b]);
    for (int g = 0; g < 4; g++) {
      float *to = sum + 64 * t + 16 * g;
      _mm512_store_ps(to, _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc[t][g]), s), f[g], _mm512_load_ps(to)));
    }
  }
}

// many is the product of a panel of one plane and any number of tokens: the panel's bytes are made once, the sums of 48
// tokens at a time stay in the first-level cache.
FOR_VNNI static void many(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, uint8_t *scratch) {
  enum { part = 48 };
  float *sum = (float *)scratch;                   // [part][64]
  uint8_t *w = scratch + part * 64 * sizeof(float); // [blocks][16][4][64]
  const __m512i low = _mm512_set1_epi8(15), lut = table(m->lut.byte[0]);
  for (int g = 0; g < 4; g++) {
    const uint8_t *c = kc_codes(m, 4 * panel + g);
    for (int64_t l = 0; l < 8 * m->blocks; l++) {
      __m512i v = _mm512_loadu_si512(c + 64 * l);
      _mm512_store_si512(w + 512 * l + 64 * g, _mm512_shuffle_epi8(lut, _mm512_and_si512(v, low)));
      _mm512_store_si512(w + 512 * l + 256 + 64 * g, _mm512_shuffle_epi8(lut, _mm512_and_si512(_mm512_srli_epi16(v, 4), low)));
    }
  }
  const uint16_t *s[4] = {kc_scales(m, 4 * panel), kc_scales(m, 4 * panel + 1), kc_scales(m, 4 * panel + 2), kc_scales(m, 4 * panel + 3)};
  for (int64_t from = 0; from < tokens; from += part) {
    const int64_t n = tokens - from < part ? tokens - from : part;
    memset(sum, 0, n * 64 * sizeof(float));
    for (int64_t b = 0; b < m->blocks; b++) {
      const uint8_t *wb = w + 4096 * b;
      const __m512 f[4] = {scales(s[0] + 16 * b), scales(s[1] + 16 * b), scales(s[2] + 16 * b), scales(s[3] + 16 * b)};
      int64_t t = 0;
      for (; t + 6 <= n; t += 6) tall(wb, f, x, 6, from + t, b, m->lut.zero, sum + 64 * t);
      for (; t < n; t++) tall(wb, f, x, 1, from + t, b, m->lut.zero, sum + 64 * t);
    }
    for (int64_t t = 0; t < n; t++) memcpy(out + (from + t) * ld, sum + 64 * t, 64 * sizeof(float));
  }
}

void kc_product_vnni(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch) {
  if (tokens > 16 && m->planes == 1) {
    many(m, x, tokens, panel, out, ld, scratch);
    return;
  }
  for (int64_t t = 0; t < tokens; t += 8) {
    const int n = tokens - t < 8 ? tokens - t : 8;
    for (int g = 0; g < 4; g++) fews[n](m, x, t, 4 * panel + g, out + t * ld + 16 * g, ld);
  }
}

#endif
