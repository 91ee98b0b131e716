//go:build torch

// vpdpbusd multiplies unsigned by signed bytes and adds fours of them: codes become unsigned bytes (value + zero) by one
// vpshufb per 64 codes, activations are signed, and zero * (sum of the block's activations) is taken off the sum. One dword
// per row, so sums are never added across. Sums of a block are whole numbers, so tiles (nib_amx.c) and vectors agree.
//
// Accumulators are variables of their own, written out by macros, and added to by assembly: GCC 12 keeps arrays of them, and
// what its own intrinsic returns, in memory.
#include "nib.h"
#include "simd.h"
#if KC_X86

#define INLINE FOR_VNNI static inline __attribute__((always_inline))
#define EACH1(X) X(0)
#define EACH2(X) EACH1(X) X(1)
#define EACH3(X) EACH2(X) X(2)
#define EACH4(X) EACH3(X) X(3)
#define EACH5(X) EACH4(X) X(4)
#define EACH6(X) EACH5(X) X(5)
#define EACH7(X) EACH6(X) X(6)
#define EACH8(X) EACH7(X) X(7)

#define dot(acc, w, v) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(v))

// dot4 multiplies by the four bytes at p + offset in every dword. The address is spelled out, or GCC keeps one pointer per
// offset; what it reads is written by other functions only.
#define dot4(acc, w, p, offset) __asm__("vpdpbusd %c3(%2)%{1to16%}, %1, %0" : "+v"(acc) : "v"(w), "r"(p), "i"(offset))

INLINE __m512i table(const uint8_t *t) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t)); }
INLINE __m512 scales(const uint16_t *s) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)s)); }
INLINE __m512i four(const int8_t *q) {
  int32_t v;
  memcpy(&v, q, 4);
  return _mm512_set1_epi32(v);
}

// fewN is the product of one group and N tokens from token from on, activations of two bytes. Up to four tokens have two
// pairs of accumulators each, so that the chains of additions (5 cycles) keep up with the codes.
#define BEGIN(t)                                                                \
  __m512 sum##t = _mm512_setzero_ps();                                           \
  const int8_t *q##t = (const int8_t *)x->q + 128 * (from + t);                   \
  const float *scale##t = x->scale + (from + t) * m->blocks;                     \
  const int32_t *total##t = x->sum + (from + t) * m->blocks;
#define CLEAR(t) __m512i hi##t = _mm512_setzero_si512(), lo##t = _mm512_set1_epi32(-zero * total##t[b]);
#define CLEAR2(t) CLEAR(t) __m512i hj##t = _mm512_setzero_si512(), lj##t = hj##t;
#define LINE(t)                       \
  dot4(hi##t, w0, q##t, AT);          \
  dot4(lo##t, w0, q##t, AT + 64);     \
  dot4(hi##t, w1, q##t, AT + 4);      \
  dot4(lo##t, w1, q##t, AT + 68);
#define LINE2(t)                      \
  dot4(hi##t, w0, q##t, AT);          \
  dot4(lo##t, w0, q##t, AT + 64);     \
  dot4(hj##t, w1, q##t, AT + 4);      \
  dot4(lj##t, w1, q##t, AT + 68);
#define ONTO(t)                                                                                                    \
  sum##t = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(hi##t, 7), lo##t)), \
                                         _mm512_set1_ps(scale##t[b])), f, sum##t);                                 \
  q##t += stride;
#define ONTO2(t)                           \
  hi##t = _mm512_add_epi32(hi##t, hj##t);  \
  lo##t = _mm512_add_epi32(lo##t, lj##t);  \
  ONTO(t)
#define END(t) _mm512_storeu_ps(out + t * ld, sum##t);
// CODES is one line of codes, number l of a block: w0, w1 are its values.
#define CODES(l, EACH)                                                                              \
  {                                                                                                 \
    enum { AT = 8 * l };                                                                            \
    _mm_prefetch((const char *)c + 64 * l + 2048, _MM_HINT_T0);                                     \
    const __m512i v = _mm512_loadu_si512(c + 64 * l);                                               \
    const __m512i w0 = _mm512_shuffle_epi8(lut, _mm512_and_si512(v, low));                          \
    const __m512i w1 = _mm512_shuffle_epi8(lut, _mm512_and_si512(_mm512_srli_epi16(v, 4), low));    \
    EACH                                                                                            \
  }
#define FEW(n, CLEAR, LINE, ONTO)                                                                                       \
  FOR_VNNI static void few##n(const kc_nib *m, const kc_act *x, int64_t from, int64_t group, float *out, int64_t ld) {  \
    const uint8_t *c = kc_codes(m, group);                                                                              \
    const uint16_t *s = kc_scales(m, group);                                                                            \
    const int64_t stride = 16 * 128 * x->tiles;                                                                         \
    const int32_t zero = m->lut.zero;                                                                                   \
    const __m512i low = _mm512_set1_epi8(15);                                                                           \
    EACH##n(BEGIN) for (int64_t b = 0; b < m->blocks; b++) {                                                            \
      EACH##n(CLEAR) for (int p = 0; p < m->planes; p++, c += 512) {                                                    \
        const __m512i lut = table(m->lut.byte[p]);                                                                      \
        CODES(0, EACH##n(LINE)) CODES(1, EACH##n(LINE)) CODES(2, EACH##n(LINE)) CODES(3, EACH##n(LINE))                 \
        CODES(4, EACH##n(LINE)) CODES(5, EACH##n(LINE)) CODES(6, EACH##n(LINE)) CODES(7, EACH##n(LINE))                 \
      }                                                                                                                 \
      const __m512 f = scales(s + 16 * b);                                                                              \
      EACH##n(ONTO)                                                                                                     \
    }                                                                                                                   \
    EACH##n(END)                                                                                                        \
  }
FEW(1, CLEAR2, LINE2, ONTO2) FEW(2, CLEAR2, LINE2, ONTO2) FEW(3, CLEAR2, LINE2, ONTO2) FEW(4, CLEAR2, LINE2, ONTO2)
FEW(5, CLEAR, LINE, ONTO) FEW(6, CLEAR, LINE, ONTO) FEW(7, CLEAR, LINE, ONTO) FEW(8, CLEAR, LINE, ONTO)
typedef void few_fn(const kc_nib *, const kc_act *, int64_t, int64_t, float *, int64_t);
static few_fn *const fews[] = {0, few1, few2, few3, few4, few5, few6, few7, few8};

// tallN adds to sum [N][64] the product of one block of four groups, bytes at w [16 steps][4][64], and N tokens of one byte.
#define ZERO(t) \
  __m512i a##t = _mm512_set1_epi32(-zero * x->sum[(from + t) * x->blocks + b]), b##t = a##t, c##t = a##t, d##t = a##t;
#define STEP(t)               \
  v = four(q + t * x->cols);  \
  dot(a##t, w0, v);           \
  dot(b##t, w1, v);           \
  dot(c##t, w2, v);           \
  dot(d##t, w3, v);
#define PUT(t, acc, g) \
  _mm512_store_ps(sum + 64 * t + 16 * g, _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc##t), v##t), f##g, _mm512_load_ps(sum + 64 * t + 16 * g)));
#define STORE(t)                                                                \
  const __m512 v##t = _mm512_set1_ps(x->scale[(from + t) * x->blocks + b]);     \
  PUT(t, a, 0) PUT(t, b, 1) PUT(t, c, 2) PUT(t, d, 3)
#define TALL(n)                                                                                                              \
  INLINE void tall##n(const uint8_t *w, __m512 f0, __m512 f1, __m512 f2, __m512 f3, const kc_act *x, int64_t from, int64_t b, \
                      int32_t zero, float *sum) {                                                                            \
    const int8_t *q = (const int8_t *)x->q + from * x->cols + 64 * b;                                                        \
    EACH##n(ZERO) for (int k = 0; k < 16; k++, q += 4, w += 256) {                                                           \
      const __m512i w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 64);                                               \
      const __m512i w2 = _mm512_load_si512(w + 128), w3 = _mm512_load_si512(w + 192);                                        \
      __m512i v;                                                                                                             \
      EACH##n(STEP)                                                                                                          \
    }                                                                                                                        \
    EACH##n(STORE)                                                                                                           \
  }
TALL(1) TALL(6)

// many is the product of a panel of one plane and any number of tokens: the panel's bytes are made once, the sums of 48
// tokens at a time stay in the first-level cache.
FOR_VNNI static void many(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, uint8_t *scratch) {
  enum { part = 48 };
  float *sum = (float *)scratch;                    // [part][64]
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
  const uint16_t *s0 = kc_scales(m, 4 * panel), *s1 = kc_scales(m, 4 * panel + 1), *s2 = kc_scales(m, 4 * panel + 2), *s3 = kc_scales(m, 4 * panel + 3);
  for (int64_t from = 0; from < tokens; from += part) {
    const int64_t n = tokens - from < part ? tokens - from : part;
    memset(sum, 0, n * 64 * sizeof(float));
    for (int64_t b = 0; b < m->blocks; b++) {
      const uint8_t *wb = w + 4096 * b;
      const __m512 f0 = scales(s0 + 16 * b), f1 = scales(s1 + 16 * b), f2 = scales(s2 + 16 * b), f3 = scales(s3 + 16 * b);
      int64_t t = 0;
      for (; t + 6 <= n; t += 6) tall6(wb, f0, f1, f2, f3, x, from + t, b, m->lut.zero, sum + 64 * t);
      for (; t < n; t++) tall1(wb, f0, f1, f2, f3, x, from + t, b, m->lut.zero, sum + 64 * t);
    }
    for (int64_t t = 0; t < n; t++) memcpy(out + (from + t) * ld, sum + 64 * t, 64 * sizeof(float));
  }
}

void kc_product_vnni(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch) {
  if (x->form == KC_BYTE) {
    many(m, x, tokens, panel, out, ld, scratch);
    return;
  }
  for (int64_t t = 0; t < tokens; t += 8) {
    const int n = tokens - t < 8 ? tokens - t : 8;
    for (int g = 0; g < 4; g++) fews[n](m, x, t, 4 * panel + g, out + t * ld + 16 * g, ld);
  }
}

#endif
