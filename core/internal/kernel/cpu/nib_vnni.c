//go:build torch

// vpdpbusd multiplies unsigned by signed bytes and adds fours of them. One dword per row, so sums are never added across.
//
// Few tokens: both factors have two bytes. A code becomes 128 * high + low by two vpshufb (an 8-bit number is its own high
// byte, put together from its planes), an activation is 128 * high + low too; high * high is one sum, high * low and low * high
// another, low * low is left out (3e-5 of the largest product). High bytes of weights are stored with zero added, to be
// unsigned; zero * (sum of the block's activations) is taken off. Sums of a block are whole numbers, so tiles (nib_amx.c)
// and vectors agree.
//
// Prompts: codes become signed bytes of the nearest table, activations unsigned bytes between the smallest and the largest of
// their block (KC_BYTE), or two bytes as for few tokens where a linear's input wants more (KC_TWO).
//
// Accumulators are variables of their own, written out by macros, and added to by assembly: GCC 12 keeps arrays of them, and
// what its own intrinsic returns, in memory.
#include "nib.h"
#include "detect.h"
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
#define LINES(X, EACH) X(0, EACH) X(1, EACH) X(2, EACH) X(3, EACH) X(4, EACH) X(5, EACH) X(6, EACH) X(7, EACH)

// dot adds unsigned u times signed s.
#define dot(acc, u, s) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(u), "v"(s))

// dot4 multiplies by the four bytes at p + offset in every dword. The address is spelled out, or GCC keeps one pointer per
// offset; what it reads is written by other functions only.
#define dot4(acc, w, p, offset) __asm__("vpdpbusd %c3(%2)%{1to16%}, %1, %0" : "+v"(acc) : "v"(w), "r"(p), "i"(offset))

INLINE __m512i table(const void *t) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t)); }
INLINE __m512 scales(const uint16_t *s) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)s)); }
INLINE __m512i four(const void *q) {
  int32_t v;
  memcpy(&v, q, 4);
  return _mm512_set1_epi32(v);
}

// lower and upper are the codes of a line; bytes8 puts the two nibbles of 64 8-bit numbers together.
INLINE __m512i lower(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
INLINE __m512i upper(__m512i v) { return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15)); }
INLINE __m512i lower8(__m512i high, __m512i low) {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), low, _mm512_slli_epi16(high, 4), 0xca); // mask ? low : high
}
INLINE __m512i upper8(__m512i high, __m512i low) { return _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), _mm512_srli_epi16(low, 4), high, 0xca); }

// Codes are looked up in one of two ways. bytes takes the four bits by a mask, and 16 values; any, with AVX-512 VBMI, takes six bits
// and 64 values, the 16 four times, so that the two bits above a code need not be cleared: two instructions less a line.
INLINE __m512i bytes_lower(__m512i v) { return lower(v); }
INLINE __m512i bytes_upper(__m512i v) { return upper(v); }
INLINE __m512i bytes_look(__m512i t, __m512i i) { return _mm512_shuffle_epi8(t, i); }
INLINE __m512i any_lower(__m512i v) { return v; }
INLINE __m512i any_upper(__m512i v) { return _mm512_srli_epi16(v, 4); }
FOR_VBMI static inline __attribute__((always_inline)) __m512i any_look(__m512i t, __m512i i) { return _mm512_permutexvar_epi8(i, t); }

#define ASK(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)

// ended adds a block's sums, scaled, to sum.
INLINE __m512 ended(__m512 sum, __m512i hh, __m512i hl, float scale, __m512 f) {
  const __m512 v = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(hh, 7), hl));
  return _mm512_fmadd_ps(_mm512_mul_ps(v, _mm512_set1_ps(scale)), f, sum);
}

// One token against the four groups of a panel: four streams from memory carry a quarter more than one does. Lines are asked for
// two blocks ahead, at ask0 to ask3, which lead over into the next panel.
#define BEGIN(g)                                     \
  __m512 sum##g = _mm512_setzero_ps();               \
  const uint8_t *c##g = kc_codes(m, 4 * panel + g);  \
  const uint16_t *s##g = kc_scales(m, 4 * panel + g);
#define AHEAD(g) \
  const uint8_t *ask##g = (b + 2 < m->blocks ? c##g + 2 * width : after->group[g] + width * (b + 2 - m->blocks));
#define CLEAR(g) __m512i hh##g = _mm512_setzero_si512(), hl##g = off;
#define CODES4(g, way)                                                        \
  {                                                                           \
    const __m512i v = _mm512_loadu_si512(c##g + AT);                          \
    ASK(ask##g + AT);                                                         \
    const __m512i i0 = way##_lower(v), i1 = way##_upper(v);                   \
    const __m512i h0 = way##_look(high, i0), h1 = way##_look(high, i1);       \
    const __m512i l0 = way##_look(low, i0), l1 = way##_look(low, i1);         \
    dot(hh##g, h0, xh0);                                                      \
    dot(hl##g, h0, xl0);                                                      \
    dot(hh##g, h1, xh1);                                                      \
    dot(hl##g, l0, xh0);                                                      \
    dot(hl##g, h1, xl1);                                                      \
    dot(hl##g, l1, xh1);                                                      \
  }
#define CODES4_BYTES(g) CODES4(g, bytes)
#define CODES4_ANY(g) CODES4(g, any)
#define CODES8(g)                                            \
  {                                                          \
    const __m512i v = _mm512_loadu_si512(c##g + AT);         \
    const __m512i w = _mm512_loadu_si512(c##g + AT + 512);   \
    ASK(ask##g + AT);                                        \
    ASK(ask##g + AT + 512);                                  \
    const __m512i h0 = lower8(v, w), h1 = upper8(v, w);      \
    dot(hh##g, h0, xh0);                                     \
    dot(hl##g, h0, xl0);                                     \
    dot(hh##g, h1, xh1);                                     \
    dot(hl##g, h1, xl1);                                     \
  }
#define LINE(l, CODES)                                                                                   \
  {                                                                                                      \
    enum { AT = 64 * l };                                                                                \
    const __m512i xh0 = four(q + 8 * l), xh1 = four(q + 8 * l + 4), xl0 = four(q + 8 * l + 64), xl1 = four(q + 8 * l + 68); \
    EACH4(CODES)                                                                                         \
  }
#define ONTO(g) sum##g = ended(sum##g, hh##g, hl##g, x->scale[from * m->blocks + b], scales(s##g + 16 * b));
#define END(g) _mm512_storeu_ps(out + 16 * g, sum##g);
#define ONE(name, FOR, CODES, planes)                                                                            \
  FOR static void name(const kc_nib *m, const kc_act *x, int64_t from, int64_t panel, const kc_after *after, float *out) { \
    enum { width = 512 * planes }; /* bytes of a block's codes */                                                \
    const int8_t *q = (const int8_t *)x->q + 128 * from;                                                         \
    const __m512i high = table(m->lut.high), low = table(m->lut.low);                                            \
    (void)high, (void)low;                                                                                       \
    EACH4(BEGIN)                                                                                                 \
    for (int64_t b = 0; b < m->blocks; b++, q += 16 * 128 * x->tiles) {                                          \
      const __m512i off = _mm512_set1_epi32(-m->lut.zero * x->sum[from * m->blocks + b]);                        \
      EACH4(CLEAR)                                                                                               \
      EACH4(AHEAD)                                                                                               \
      LINES(LINE, CODES)                                                                                         \
      EACH4(ONTO)                                                                                                \
      c0 += width, c1 += width, c2 += width, c3 += width;                                                        \
    }                                                                                                            \
    EACH4(END)                                                                                                   \
  }
ONE(one4_bytes, FOR_VNNI, CODES4_BYTES, 1)
ONE(one4_any, FOR_VBMI, CODES4_ANY, 1)
ONE(one8, FOR_VNNI, CODES8, 2)
#undef BEGIN
#undef CLEAR
#undef LINE
#undef ONTO
#undef END

// fewN4, fewN8 are the product of one group and N tokens from token from on. Up to four tokens have three sums each, so that
// the chains of additions (5 cycles) keep up with the codes.
#define BEGIN(t)                                                 \
  __m512 sum##t = _mm512_setzero_ps();                           \
  const int8_t *q##t = (const int8_t *)x->q + 128 * (from + t);  \
  const int64_t at##t = (from + t) * m->blocks;
#define CLEAR2(t) __m512i hh##t = _mm512_setzero_si512(), hl##t = _mm512_set1_epi32(-zero * x->sum[at##t + b]);
#define CLEAR3(t) CLEAR2(t) __m512i lh##t = _mm512_setzero_si512();
#define HIGH(t)                       \
  dot4(hh##t, h, q##t, AT);           \
  dot4(hl##t, h, q##t, AT + 64);
#define LOW2(t) dot4(hl##t, l, q##t, AT);
#define LOW3(t) dot4(lh##t, l, q##t, AT);
#define ONTO2(t)                                                          \
  sum##t = ended(sum##t, hh##t, hl##t, x->scale[at##t + b], f); \
  q##t += stride;
#define ONTO3(t) hl##t = _mm512_add_epi32(hl##t, lh##t); ONTO2(t)
#define END(t) _mm512_storeu_ps(out + t * ld, sum##t);
#define HALF4(offset, index, way, EACH, LOW)          \
  {                                                   \
    enum { AT = offset };                             \
    const __m512i i = index, h = way##_look(high, i); \
    EACH(HIGH)                                        \
    const __m512i l = way##_look(low, i);             \
    EACH(LOW)                                         \
  }
#define LINE4(l, N, way)                                              \
  {                                                                   \
    const __m512i v = _mm512_loadu_si512(c + 64 * l);                 \
    ASK(c + 64 * l + 1024);                                           \
    HALF4(8 * l, way##_lower(v), way, EACH##N, LOW_##N)               \
    HALF4(8 * l + 4, way##_upper(v), way, EACH##N, LOW_##N)           \
  }
#define LINE4_BYTES(l, N) LINE4(l, N, bytes)
#define LINE4_ANY(l, N) LINE4(l, N, any)
#define HALF8(offset, number, EACH) \
  {                                 \
    enum { AT = offset };           \
    const __m512i h = number;       \
    EACH(HIGH)                      \
  }
#define LINE8(l, N)                                                                                      \
  {                                                                                                      \
    const __m512i v = _mm512_loadu_si512(c + 64 * l), w = _mm512_loadu_si512(c + 64 * l + 512);          \
    ASK(c + 64 * l + 2048);                                                                              \
    ASK(c + 64 * l + 2560);                                                                              \
    HALF8(8 * l, lower8(v, w), EACH##N)                                                                  \
    HALF8(8 * l + 4, upper8(v, w), EACH##N)                                                              \
  }
#define LOW_2 LOW3
#define LOW_3 LOW3
#define LOW_4 LOW3
#define LOW_5 LOW2
#define LOW_6 LOW2
#define LOW_7 LOW2
#define LOW_8 LOW2
#define FEW(name, FOR, n, LINE, CLEAR, ONTO, planes)                                                                   \
  FOR static void name(const kc_nib *m, const kc_act *x, int64_t from, int64_t group, float *out, int64_t ld) {   \
    const uint8_t *c = kc_codes(m, group);                                                                             \
    const uint16_t *s = kc_scales(m, group);                                                                           \
    const int64_t stride = 16 * 128 * x->tiles;                                                                        \
    const int32_t zero = m->lut.zero;                                                                                  \
    const __m512i high = table(m->lut.high), low = table(m->lut.low);                                                  \
    (void)high, (void)low;                                                                                             \
    EACH##n(BEGIN)                                                                                                     \
    for (int64_t b = 0; b < m->blocks; b++, c += 512 * planes) {                                                       \
      EACH##n(CLEAR)                                                                                                   \
      LINES(LINE, n)                                                                                                   \
      const __m512 f = scales(s + 16 * b);                                                                             \
      EACH##n(ONTO)                                                                                                    \
    }                                                                                                                  \
    EACH##n(END)                                                                                                       \
  }
#define FEWS(n, CLEAR, ONTO)                                   \
  FEW(few##n##_bytes, FOR_VNNI, n, LINE4_BYTES, CLEAR, ONTO, 1) \
  FEW(few##n##_any, FOR_VBMI, n, LINE4_ANY, CLEAR, ONTO, 1)     \
  FEW(few##n##_8, FOR_VNNI, n, LINE8, CLEAR2, ONTO2, 2)
FEWS(2, CLEAR3, ONTO3) FEWS(3, CLEAR3, ONTO3) FEWS(4, CLEAR3, ONTO3)
FEWS(5, CLEAR2, ONTO2) FEWS(6, CLEAR2, ONTO2) FEWS(7, CLEAR2, ONTO2) FEWS(8, CLEAR2, ONTO2)
typedef void few_fn(const kc_nib *, const kc_act *, int64_t, int64_t, float *, int64_t);
static few_fn *const fews[3][9] = {{0, 0, few2_bytes, few3_bytes, few4_bytes, few5_bytes, few6_bytes, few7_bytes, few8_bytes},
                                   {0, 0, few2_8, few3_8, few4_8, few5_8, few6_8, few7_8, few8_8},
                                   {0, 0, few2_any, few3_any, few4_any, few5_any, few6_any, few7_any, few8_any}};

// tallN adds to sum [N][64] the product of one block of four groups, signed bytes at w [16 steps][4][64], and N tokens of
// unsigned bytes: (number + rest) * (scale * byte + least), of which rest * (sum of activations) and least * (sum of numbers,
// at wsum [4][16]) are added here.
#define ZERO(t) __m512i a##t = _mm512_setzero_si512(), b##t = a##t, c##t = a##t, d##t = a##t;
#define STEP(t)         \
  v = four(q + t * 64); \
  dot(a##t, v, w0);     \
  dot(b##t, v, w1);     \
  dot(c##t, v, w2);     \
  dot(d##t, v, w3);
#define PUT(t, acc, g) \
  _mm512_store_ps(sum + 64 * t + 16 * g, _mm512_fmadd_ps(_mm512_fmadd_ps(_mm512_cvtepi32_ps(acc##t), v, _mm512_fmadd_ps(u, n##g, r)), f##g, _mm512_load_ps(sum + 64 * t + 16 * g)));
#define STORE(t)                                                                                                                   \
  {                                                                                                                                \
    const __m512 v = _mm512_set1_ps(scale[t]), u = _mm512_set1_ps(least[t]), r = _mm512_mul_ps(_mm512_set1_ps(total[t]), rests);   \
    PUT(t, a, 0) PUT(t, b, 1) PUT(t, c, 2) PUT(t, d, 3)                                                                            \
  }
#define TALL(n)                                                                                                              \
  INLINE void tall##n(const int8_t *w, const float *wsum, float rest, __m512 f0, __m512 f1, __m512 f2, __m512 f3, const kc_act *x, int64_t from, int64_t b, \
                      float *sum) {                                                                                          \
    const int64_t at = b * 16 * x->tiles + from;                                                                             \
    const uint8_t *q = (const uint8_t *)x->q + 64 * at;                                                                      \
    const float *scale = x->scale + at, *least = x->least + at, *total = x->total + at;                                      \
    const __m512 rests = _mm512_set1_ps(rest);                                                                               \
    EACH##n(ZERO)                                                                                                            \
    for (int k = 0; k < 16; k++, w += 256, q += 4) {                                                                         \
      __m512i v, w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 64), w2 = _mm512_load_si512(w + 128),                 \
              w3 = _mm512_load_si512(w + 192);                                                                               \
      EACH##n(STEP)                                                                                                          \
    }                                                                                                                        \
    const __m512 n0 = _mm512_load_ps(wsum), n1 = _mm512_load_ps(wsum + 16), n2 = _mm512_load_ps(wsum + 32), n3 = _mm512_load_ps(wsum + 48); \
    EACH##n(STORE)                                                                                                           \
  }
TALL(1) TALL(2) TALL(4) TALL(6)

// wideN is tallN for activations of two bytes: high * number and low * number, unsigned numbers (zero added). Two groups at a time.
#define ZERO_W(t) __m512i a##t = _mm512_setzero_si512(), b##t = a##t, c##t = _mm512_set1_epi32(-zero * total[t]), d##t = c##t;
#define STEP_W(t)               \
  v = four(q + t * 128);        \
  dot(a##t, w0, v);             \
  dot(b##t, w1, v);             \
  v = four(q + t * 128 + 64);   \
  dot(c##t, w0, v);             \
  dot(d##t, w1, v);
#define PUT_W(t, hi, lo, g)                                                                                                     \
  _mm512_store_ps(sum + 64 * t + 16 * g,                                                                                        \
                  _mm512_fmadd_ps(_mm512_mul_ps(_mm512_add_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(hi##t, 7), lo##t)), r), v), f##g, \
                                  _mm512_load_ps(sum + 64 * t + 16 * g)));
#define STORE_W(t)                                                                                               \
  {                                                                                                              \
    const __m512 v = _mm512_set1_ps(scale[t]), r = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_set1_epi32(total[t])), rests); \
    PUT_W(t, a, c, 0) PUT_W(t, b, d, 1)                                                                          \
  }
#define WIDE(n)                                                                                                              \
  INLINE void wide##n(const uint8_t *w, int32_t zero, float rest, __m512 f0, __m512 f1, const kc_act *x, int64_t from, int64_t b, float *sum) { \
    const int64_t at = b * 16 * x->tiles + from;                                                                             \
    const int8_t *q = (const int8_t *)x->q + 128 * at;                                                                       \
    const float *scale = x->scale + at;                                                                                      \
    const int32_t *total = x->sum + at;                                                                                      \
    const __m512 rests = _mm512_set1_ps(rest);                                                                               \
    EACH##n(ZERO_W)                                                                                                          \
    for (int k = 0; k < 16; k++, w += 256, q += 4) {                                                                         \
      __m512i v, w0 = _mm512_load_si512(w), w1 = _mm512_load_si512(w + 64);                                                  \
      EACH##n(STEP_W)                                                                                                        \
    }                                                                                                                        \
    EACH##n(STORE_W)                                                                                                         \
  }
WIDE(1) WIDE(2) WIDE(4) WIDE(6)

// many is the product of a panel of one plane and any number of tokens: the panel's bytes are made once, the sums of 48
// tokens at a time stay in the first-level cache.
FOR_VNNI static void many(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, uint8_t *scratch) {
  enum { part = 48 };
  float *sum = (float *)scratch;                     // [part][64]
  float *wsum = sum + part * 64;                     // [blocks][4][16]
  uint8_t *w = (uint8_t *)(wsum + 64 * m->blocks);   // [blocks][16][4][64]
  const int two = x->form == KC_TWO;
  const int32_t zero = m->lut.zero;
  const __m512i lut = two ? _mm512_add_epi8(table(m->lut.sbyte), _mm512_set1_epi8((char)zero)) : table(m->lut.sbyte), ones = _mm512_set1_epi8(1);
  for (int g = 0; g < 4; g++) {
    const uint8_t *c = kc_codes(m, 4 * panel + g);
    for (int64_t b = 0; b < m->blocks; b++) {
      __m512i n = _mm512_setzero_si512();
      for (int l = 0; l < 8; l++) {
        const __m512i v = _mm512_loadu_si512(c + 512 * b + 64 * l), w0 = _mm512_shuffle_epi8(lut, lower(v)), w1 = _mm512_shuffle_epi8(lut, upper(v));
        _mm512_store_si512(w + 4096 * b + 512 * l + 64 * g, w0);
        _mm512_store_si512(w + 4096 * b + 512 * l + 256 + 64 * g, w1);
        dot(n, ones, w0);
        dot(n, ones, w1);
      }
      _mm512_store_ps(wsum + 64 * b + 16 * g, _mm512_cvtepi32_ps(n));
    }
  }
  const uint16_t *s0 = kc_scales(m, 4 * panel), *s1 = kc_scales(m, 4 * panel + 1), *s2 = kc_scales(m, 4 * panel + 2), *s3 = kc_scales(m, 4 * panel + 3);
  for (int64_t from = 0; from < tokens; from += part) {
    const int64_t n = tokens - from < part ? tokens - from : part;
    memset(sum, 0, n * 64 * sizeof(float));
    for (int64_t b = 0; b < m->blocks; b++) {
      const uint8_t *wb = w + 4096 * b;
      const __m512 f0 = scales(s0 + 16 * b), f1 = scales(s1 + 16 * b), f2 = scales(s2 + 16 * b), f3 = scales(s3 + 16 * b);
      const float *wn = wsum + 64 * b, rest = m->lut.rest;
      const int8_t *ws = (const int8_t *)wb;
      int64_t t = 0;
#define WIDE_AT(k)                                                            \
  wide##k(wb, zero, rest, f0, f1, x, from + t, b, sum + 64 * t);              \
  wide##k(wb + 128, zero, rest, f2, f3, x, from + t, b, sum + 64 * t + 32);   \
  t += k
#define TALL_AT(k)                                                            \
  tall##k(ws, wn, rest, f0, f1, f2, f3, x, from + t, b, sum + 64 * t);        \
  t += k
      if (two) {
        while (t + 6 <= n) { WIDE_AT(6); }
        if (t + 4 <= n) { WIDE_AT(4); }
        if (t + 2 <= n) { WIDE_AT(2); }
        if (t < n) { WIDE_AT(1); }
        continue;
      }
      while (t + 6 <= n) { TALL_AT(6); }
      if (t + 4 <= n) { TALL_AT(4); }
      if (t + 2 <= n) { TALL_AT(2); }
      if (t < n) { TALL_AT(1); }
    }
    for (int64_t t = 0; t < n; t++) memcpy(out + (from + t) * ld, sum + 64 * t, 64 * sizeof(float));
  }
}

void kc_product_vnni(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch) {
  const kc_after again = kc_panel_at(m, panel);
  if (x->form != KC_BYTES) {
    many(m, x, tokens, panel, out, ld, scratch);
    return;
  }
  const int way = m->planes == 2 ? 1 : kc_detect().vbmi ? 2 : 0;
  for (int64_t t = 0; t < tokens; t += 8) {
    const int n = tokens - t < 8 ? tokens - t : 8;
    if (n == 1) {
      (way == 2 ? one4_any : way == 1 ? one8 : one4_bytes)(m, x, t, panel, after ? after : &again, out + t * ld);
      continue;
    }
    for (int g = 0; g < 4; g++) fews[way][n](m, x, t, 4 * panel + g, out + t * ld + 16 * g, ld);
  }
}

#endif
