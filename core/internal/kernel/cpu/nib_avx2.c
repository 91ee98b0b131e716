//go:build torch

// Codes become 16-bit numbers by two byte look-ups (low and high bytes) put together by vpunpck, activations have 12 bits:
// vpmaddwd is then exact, and 32-bit sums of a block of 64 cannot overflow (64 * 8192 * 2047 < 2^31). vpmaddubsw would
// need half the instructions, but saturates unless weights have seven bits.
#include "nib.h"
#include "simd.h"
#if KC_X86

#define INLINE FOR_AVX2 static inline __attribute__((always_inline))

typedef struct {
  __m256i low, high; // bytes of the 16 values
} table;

INLINE table split(const int16_t *values) {
  uint8_t b[2][16];
  for (int i = 0; i < 16; i++) {
    b[0][i] = (uint8_t)values[i];
    b[1][i] = (uint8_t)((uint16_t)values[i] >> 8);
  }
  return (table){_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)b[0])), _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)b[1]))};
}

// decode turns codes (one per byte) of 8 rows x 4 columns into words: w[0] rows 0 1 4 5, w[1] rows 2 3 6 7, four words a row.
INLINE void decode(__m256i codes, const table *t, __m256i w[2]) {
  __m256i lo = _mm256_shuffle_epi8(t->low, codes), hi = _mm256_shuffle_epi8(t->high, codes);
  w[0] = _mm256_unpacklo_epi8(lo, hi);
  w[1] = _mm256_unpackhi_epi8(lo, hi);
}

INLINE __m256i four(const int16_t *q) { return _mm256_set1_epi64x(*(const int64_t *)q); }
INLINE __m256 scales(const uint16_t *s) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)s)); }

// onto adds a block's sums of 8 rows, scaled, to sum.
INLINE __m256 onto(__m256 sum, const __m256i acc[2], float x, __m256 f) {
  __m256 v = _mm256_cvtepi32_ps(_mm256_hadd_epi32(acc[0], acc[1]));
  return _mm256_fmadd_ps(_mm256_mul_ps(v, _mm256_set1_ps(x)), f, sum);
}

// few is the product of one group and n tokens, n known to the compiler.
INLINE void few(const kc_nib *m, const kc_act *x, const int n, int64_t from, int64_t group, float *out, int64_t ld) {
  const uint8_t *c = kc_codes(m, group);
  const uint16_t *s = kc_scales(m, group);
  const int16_t *q = (const int16_t *)x->q + from * m->cols;
  const __m256i low = _mm256_set1_epi8(15);
  table t0 = split(m->lut.word[0]), t1 = split(m->lut.word[1]);
  __m256 sum[4][2];
  for (int t = 0; t < n; t++) sum[t][0] = sum[t][1] = _mm256_setzero_ps();
  for (int64_t b = 0; b < m->blocks; b++) {
    for (int h = 0; h < 2; h++) {
      __m256i acc[4][2];
      for (int t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_si256();
      for (int p = 0; p < m->planes; p++) {
        const table *lut = p ? &t1 : &t0;
        const uint8_t *at = c + 512 * p + 32 * h;
        if (h == 0) _mm_prefetch((const char *)at + 4096, _MM_HINT_T0);
#pragma GCC unroll 8
        for (int l = 0; l < 8; l++) {
          __m256i v = _mm256_loadu_si256((const __m256i *)(at + 64 * l)), w[2][2];
          if (h == 0 && p == 0) _mm_prefetch((const char *)at + 64 * l + 2048, _MM_HINT_T0);
          decode(_mm256_and_si256(v, low), lut, w[0]);
          decode(_mm256_and_si256(_mm256_srli_epi16(v, 4), low), lut, w[1]);
          for (int i = 0; i < 2; i++)
#pragma GCC unroll 4
            for (int t = 0; t < n; t++) {
              __m256i a = four(q + t * m->cols + 64 * b + 8 * l + 4 * i);
              acc[t][0] = _mm256_add_epi32(acc[t][0], _mm256_madd_epi16(w[i][0], a));
              acc[t][1] = _mm256_add_epi32(acc[t][1], _mm256_madd_epi16(w[i][1], a));
            }
        }
      }
      const __m256 f = scales(s + 16 * b + 8 * h);
      for (int t = 0; t < n; t++) sum[t][h] = onto(sum[t][h], acc[t], x->scale[(from + t) * x->blocks + b], f);
    }
    c += 512 * m->planes;
  }
  for (int t = 0; t < n; t++)
    for (int h = 0; h < 2; h++) _mm256_storeu_ps(out + t * ld + 8 * h, sum[t][h]);
}

#define FEW(n) \
  FOR_AVX2 static void few##n(const kc_nib *m, const kc_act *x, int64_t from, int64_t g, float *out, int64_t ld) { few(m, x, n, from, g, out, ld); }
FEW(1) FEW(2) FEW(3) FEW(4)
typedef void few_fn(const kc_nib *, const kc_act *, int64_t, int64_t, float *, int64_t);
static few_fn *const fews[] = {0, few1, few2, few3, few4};

// tall is the product of one block of 8 rows, words at w [16][2], and n tokens, added to sum [n][16].
INLINE void tall(const __m256i *w, __m256 f, const kc_act *x, const int n, int64_t from, int64_t b, float *sum) {
  const int16_t *q = (const int16_t *)x->q + from * x->cols + 64 * b;
  __m256i acc[4][2];
  for (int t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_si256();
  for (int k = 0; k < 16; k++) {
    __m256i w0 = _mm256_load_si256(w + 2 * k), w1 = _mm256_load_si256(w + 2 * k + 1);
#pragma GCC unroll 4
    for (int t = 0; t < n; t++) {
      __m256i a = four(q + t * x->cols + 4 * k);
      acc[t][0] = _mm256_add_epi32(acc[t][0], _mm256_madd_epi16(w0, a));
      acc[t][1] = _mm256_add_epi32(acc[t][1], _mm256_madd_epi16(w1, a));
    }
  }
  for (int t = 0; t < n; t++) _mm256_store_ps(sum + 16 * t, onto(_mm256_load_ps(sum + 16 * t), acc[t], x->scale[(from + t) * x->blocks + b], f));
}

// many is the product of one group of one plane and any number of tokens, 256 at a time.
FOR_AVX2 static void many(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t group, float *out, int64_t ld, uint8_t *scratch) {
  enum { part = 256 };
  float *sum = (float *)scratch;                                  // [part][16]
  __m256i *w = (__m256i *)(scratch + part * 16 * sizeof(float));  // [2 halves][16][2]
  const uint16_t *s = kc_scales(m, group);
  const __m256i low = _mm256_set1_epi8(15);
  const table lut = split(m->lut.word[0]);
  for (int64_t from = 0; from < tokens; from += part) {
    const int64_t n = tokens - from < part ? tokens - from : part;
    memset(sum, 0, n * 16 * sizeof(float));
    for (int64_t b = 0; b < m->blocks; b++) {
      const uint8_t *c = kc_codes(m, group) + 512 * b;
      for (int l = 0; l < 8; l++)
        for (int h = 0; h < 2; h++) {
          __m256i v = _mm256_loadu_si256((const __m256i *)(c + 64 * l + 32 * h));
          decode(_mm256_and_si256(v, low), &lut, w + 32 * h + 4 * l);
          decode(_mm256_and_si256(_mm256_srli_epi16(v, 4), low), &lut, w + 32 * h + 4 * l + 2);
        }
      for (int h = 0; h < 2; h++) {
        const __m256 f = scales(s + 16 * b + 8 * h);
        int64_t t = 0;
        for (; t + 4 <= n; t += 4) tall(w + 32 * h, f, x, 4, from + t, b, sum + 16 * t + 8 * h);
        for (; t < n; t++) tall(w + 32 * h, f, x, 1, from + t, b, sum + 16 * t + 8 * h);
      }
    }
    for (int64_t t = 0; t < n; t++) memcpy(out + (from + t) * ld, sum + 16 * t, 16 * sizeof(float));
  }
}

void kc_product_avx2(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch) {
  if (tokens > 8 && m->planes == 1) {
    for (int g = 0; g < 4; g++) many(m, x, tokens, 4 * panel + g, out + 16 * g, ld, scratch);
    return;
  }
  for (int64_t t = 0; t < tokens; t += 4) {
    const int n = tokens - t < 4 ? tokens - t : 4;
    for (int g = 0; g < 4; g++) fews[n](m, x, t, 4 * panel + g, out + t * ld + 16 * g, ld);
  }
}

#endif
