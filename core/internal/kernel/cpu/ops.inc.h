// The vector pieces, for the instruction set that the including file names: FOR (a target attribute) and NAME(f).
// Vectors are of 16 fp32 for every set; the compiler splits them into what the set has.
typedef float v16 __attribute__((vector_size(64)));
typedef float v16u __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef uint32_t u16 __attribute__((vector_size(64)));
typedef uint32_t u16u __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t h16 __attribute__((vector_size(32)));
typedef uint16_t h16u __attribute__((vector_size(32), aligned(2), may_alias));
typedef int16_t s16u __attribute__((vector_size(32), aligned(2), may_alias));
typedef int8_t b16u __attribute__((vector_size(16), aligned(1), may_alias));

#define INLINE FOR static inline __attribute__((always_inline))

INLINE v16 load(const float *p) { return *(const v16u *)p; }
INLINE void put(float *p, v16 v) { *(v16u *)p = v; }
INLINE v16 all(float f) { return (v16){} + f; }
INLINE v16 choose(i16 mask, v16 a, v16 b) { return (v16)(((i16)a & mask) | ((i16)b & ~mask)); }
INLINE v16 larger(v16 a, v16 b) { return choose(a > b, a, b); }
INLINE v16 size(v16 a) { return (v16)((i16)a & 0x7fffffff); }

INLINE float sum_of(v16 v) {
  float a[16], s[4];
  put(a, v);
  for (int i = 0; i < 4; i++) s[i] = (a[i] + a[i + 8]) + (a[i + 4] + a[i + 12]);
  return (s[0] + s[2]) + (s[1] + s[3]);
}

INLINE float largest_of(v16 v) {
  float a[16], m;
  put(a, v);
  m = a[0];
  for (int i = 1; i < 16; i++) m = a[i] > m ? a[i] : m;
  return m;
}

// near is the nearest whole number of |v| < 2^22, by the adder's rounding.
INLINE i16 near(v16 v) { return (i16)(v + 12582912.f) - 0x4b400000; }

// exp16 is e^v to about 2e-7, 0 below -87.
INLINE v16 exp16(v16 v) {
  const v16 x = choose(v < 88.f, v, all(88.f));
  const v16 y = choose(x > -87.f, x, all(-87.f));
  const i16 n = near(y * 1.44269504f);
  const v16 k = __builtin_convertvector(n, v16);
  const v16 r = (y - k * 0.693359375f) + k * 2.12194440e-4f;
  v16 p = all(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  return choose(v > -87.f, p * (v16)((n + 127) << 23), all(0));
}

FOR static void NAME(norm)(const float *x, const float *w, const float *b, int64_t n, float eps, float *out) {
  // n is a multiple of 64 (KC_BLOCK).
  v16 s = all(0), q = all(0);
  for (int64_t i = 0; i < n; i += 16) s += load(x + i);
  const float mean = sum_of(s) / (float)n;
  for (int64_t i = 0; i < n; i += 16) {
    const v16 d = load(x + i) - mean;
    q += d * d;
  }
  const float r = 1 / sqrtf(sum_of(q) / (float)n + eps);
  for (int64_t i = 0; i < n; i += 16) put(out + i, (load(x + i) - mean) * r * load(w + i) + load(b + i));
}

// half_erfc is erfc(z)/2 for z >= 0 (Abramowitz and Stegun 7.1.26, to 1e-7).
INLINE v16 half_erfc(v16 z) {
  const v16 t = 1.f / (1.f + 0.3275911f * z);
  v16 p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  return 0.5f * p * t * exp16(-z * z);
}

INLINE v16 activated(int kind, v16 x) {
  if (kind == KC_RELU) return larger(x, all(0));
  if (kind == KC_SILU) return x / (1.f + exp16(-x));
  if (kind == KC_GELU) {
    const v16 tail = x * half_erfc(size(x) * 0.70710678f);
    return choose(x > 0.f, x - tail, tail);
  }
  // x/2 (1 + tanh u) = x sigmoid(2u)
  const v16 u = x * (1.5957691216f + 0.0713548162726f * x * x);
  return x / (1.f + exp16(-u));
}

FOR static void NAME(activate)(int kind, float *x, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) put(x + i, activated(kind, load(x + i)));
  if (i < n) {
    float rest[16] = {0};
    memcpy(rest, x + i, (n - i) * sizeof(float));
    put(rest, activated(kind, load(rest)));
    memcpy(x + i, rest, (n - i) * sizeof(float));
  }
}

FOR static void NAME(add)(float *y, const float *x, float unit, const float *b, int64_t n) {
  if (b)
    for (int64_t i = 0; i < n; i++) y[i] += x[i] * unit + b[i];
  else
    for (int64_t i = 0; i < n; i++) y[i] += x[i] * unit;
}

FOR static void NAME(scale)(float *y, const float *x, float unit, const float *b, int64_t n) {
  if (b)
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * unit + b[i];
  else
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * unit;
}

// narrowed are the bits of bf16, rounded to nearest even; narrow has them as 16-bit numbers.
INLINE u16 narrowed(v16 v) {
  const u16 u = (u16)v;
  const u16 r = (u + 0x7fff + (u >> 16 & 1)) >> 16, nan = u >> 16 | 64; // adding to a NaN could make it an infinity
  const u16 is = (u16)((i16)((u & 0x7fffffff) > 0x7f800000));
  return (r & ~is) | (nan & is);
}
INLINE h16 narrow(v16 v) { return __builtin_convertvector(narrowed(v), h16); }

INLINE float block_size(const float *v) {
  v16 m = size(load(v));
  for (int i = 16; i < 64; i += 16) m = larger(size(load(v + i)), m);
  return largest_of(m);
}

FOR static void NAME(pack)(kc_act *x, int64_t t, int64_t from, const float *v, int64_t n) {
  if (x->form == KC_BF16) {
    for (int64_t k = 0; k < n; k += 16) {
      const int64_t c = from + k;
      *(h16u *)((uint16_t *)x->q + (((c / 64 * x->tiles + t / 16) * 2 + c % 64 / 32) * 16 + t % 16) * 32 + c % 32) = narrow(load(v + k));
    }
    return;
  }
  const float top = x->form == KC_WORD ? 2047 : 127 * 128;
  // Columns 0 4 1 5 2 6 3 7 of every eight.
  const i16 order = {0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15};
  if (x->form == KC_BYTE) {
    for (int64_t k = 0; k < n; k += 64) {
      v16 lo = load(v + k), hi = lo, s = all(0);
      for (int i = 0; i < 64; i += 16) {
        const v16 e = load(v + k + i);
        lo = choose(e < lo, e, lo);
        hi = larger(e, hi);
        s += e;
      }
      const float least = -largest_of(-lo), wide = largest_of(hi) - least, f = wide > 0 ? 255 / wide : 0;
      const int64_t b = (from + k) / 64 * 16 * x->tiles + t;
      x->scale[b] = wide / 255;
      x->least[b] = least;
      x->total[b] = sum_of(s);
      for (int i = 0; i < 64; i += 16) {
        const i16 q = near((load(v + k + i) - least) * f);
        *(b16u *)((uint8_t *)x->q + 64 * b + i) = __builtin_convertvector(__builtin_shuffle(q, order), b16u);
      }
    }
    return;
  }
  for (int64_t k = 0; k < n; k += 64) {
    const float m = block_size(v + k), s = m > 0 ? top / m : 0;
    const int64_t b = x->form == KC_TWO ? (from + k) / 64 * 16 * x->tiles + t : t * x->blocks + (from + k) / 64, at = t * x->cols + from + k;
    i16 sum = {0};
    x->scale[b] = m / top;
    for (int i = 0; i < 64; i += 16) {
      const i16 q = near(load(v + k + i) * s), p = __builtin_shuffle(q, order);
      sum += q;
      switch (x->form) {
      case KC_BYTES:
      case KC_TWO: {
        const i16 high = (p + 64) >> 7;
        const int64_t to_at = ((from + k) / 64 * 16 * x->tiles + t) * 128 + i;
        int8_t *to = (int8_t *)x->q + to_at;
        *(b16u *)to = __builtin_convertvector(high, b16u);
        *(b16u *)(to + 64) = __builtin_convertvector(p - (high << 7), b16u);
        if (x->form == KC_TWO) break;
        to = (int8_t *)x->shifted + to_at;
        *(b16u *)to = (b16u){0};
        *(b16u *)(to + 64) = __builtin_convertvector(high, b16u);
        break;
      }
      default: *(s16u *)((int16_t *)x->q + at + i) = __builtin_convertvector(p, s16u);
      }
    }
    int32_t total = 0;
    for (int i = 0; i < 16; i++) total += sum[i];
    x->sum[b] = total;
  }
}

FOR static void NAME(rotate)(float *x, const float *cos, const float *sin, int64_t half) {
  for (int64_t i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    x[i] = a * cos[i] - b * sin[i];
    x[i + half] = b * cos[i] + a * sin[i];
  }
}

FOR static void NAME(store)(uint16_t *keys, uint16_t *values, int64_t d, int64_t pos, const float *key, const float *value) {
  uint32_t *k = (uint32_t *)(keys + pos / 16 * 16 * d) + pos % 16, *v = (uint32_t *)(values + pos / 2 * 2 * d);
  const uint32_t others = pos % 2 ? 0xffff : 0xffff0000u;
  for (int64_t i = 0; i < d; i += 16) {
    const h16 a = narrow(load(key + i));
    uint32_t pair[8];
    memcpy(pair, &a, sizeof pair);
    for (int j = 0; j < 8; j++) k[(i / 2 + j) * 16] = pair[j];
    *(u16u *)(v + i) = (*(u16u *)(v + i) & others) | narrowed(load(value + i)) << (pos % 2 ? 16 : 0);
  }
}

// Attention's two loops are written in the set's own vectors: GCC keeps wider ones in memory. LANES are a vector's numbers, SUMS
// the vectors that sums may take of the registers.
#ifndef LANES
#define LANES 4
#endif
#ifndef SUMS
#define SUMS 8
#endif
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef float vfu __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t viu __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vf first(vi pair) { return (vf)(pair << 16); }
INLINE vf second(vi pair) { return (vf)(pair & 0xffff0000u); }

// scores are those of n queries with the 16 * groups keys from keys on, groups side by side: as many streams from memory, and sums
// that do not wait for one another. The sum of a query and a key is made in the order of the elements, whatever n and groups are.
// ask: where reading goes on; as many lines are asked for as are read.
INLINE void scores(const uint16_t *keys, int64_t d, const int groups, const float *q, int64_t ldq, const int n, float scale,
                   float (*score)[KC_KEYS], const char *ask) {
  enum { parts = 16 / LANES };
  const uint32_t *k = (const uint32_t *)keys;
  vf s[4 * parts][4];
#pragma GCC unroll 16
  for (int g = 0; g < groups * parts; g++)
#pragma GCC unroll 4
    for (int t = 0; t < n; t++) s[g][t] = (vf){};
  for (int64_t j = 0; j < d / 2; j++) {
    for (int g = 0; g < groups; g++) __builtin_prefetch(ask + 64 * (groups * j + g));
#pragma GCC unroll 16
    for (int g = 0; g < groups * parts; g++) {
      const vi pair = *(const viu *)(k + 16 * j + g / parts * 8 * d + g % parts * LANES);
#pragma GCC unroll 4
      for (int t = 0; t < n; t++) {
        s[g][t] += first(pair) * q[t * ldq + 2 * j];
        s[g][t] += second(pair) * q[t * ldq + 2 * j + 1];
      }
    }
  }
#pragma GCC unroll 16
  for (int g = 0; g < groups * parts; g++)
#pragma GCC unroll 4
    for (int t = 0; t < n; t++) *(vfu *)(score[t] + LANES * g) = s[g][t] * scale;
}

// weigh multiplies wide vectors of n queries' sums by keep and adds the weighted values of rows pairs of keys, in their order. The
// keys of the next block are asked for, line by line in the order in which scores reads four groups of them.
INLINE void weigh(const uint32_t *values, int64_t d, int64_t rows, int64_t c, const int wide, const int n, float (*score)[KC_KEYS],
                  const float *keep, float *out, int64_t ldo, const char *ask) {
  vf o[8][4];
#pragma GCC unroll 8
  for (int i = 0; i < wide; i++)
#pragma GCC unroll 4
    for (int t = 0; t < n; t++) o[i][t] = *(vfu *)(out + t * ldo + c + LANES * i) * keep[t];
  for (int64_t p = 0; p < rows; p++) {
    const uint32_t *v = values + p * d + c;
#pragma GCC unroll 8
    for (int i = 0; i < wide; i++) {
      const vi pair = *(const viu *)(v + LANES * i);
      const int64_t line = (p * d + c + LANES * i) / 16;
      if (LANES * i % 16 == 0) __builtin_prefetch(ask + line % 4 * 32 * d + line / 4 * 64);
#pragma GCC unroll 4
      for (int t = 0; t < n; t++) {
        o[i][t] += first(pair) * score[t][2 * p];
        o[i][t] += second(pair) * score[t][2 * p + 1];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < wide; i++)
#pragma GCC unroll 4
    for (int t = 0; t < n; t++) *(vfu *)(out + t * ldo + c + LANES * i) = o[i][t];
}

// soften turns scores of a block of KC_KEYS keys into weights and moves the running maximum and sum; it returns what earlier sums
// have to be multiplied with. seen: keys of this block that are visible, may be negative or too many.
INLINE float soften(float *score, int64_t seen, float *top, float *sum) {
  const i16 index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const int32_t limit = seen < 0 ? 0 : seen > KC_KEYS ? KC_KEYS : (int32_t)seen;
  v16 s[KC_KEYS / 16], m = all(*top), total = all(0);
  for (int i = 0; i < KC_KEYS / 16; i++) {
    s[i] = choose(index + 16 * i < limit, load(score + 16 * i), all(-INFINITY));
    m = larger(s[i], m);
  }
  const float now = largest_of(m);
  for (int i = 0; i < KC_KEYS / 16; i++) {
    s[i] = exp16(s[i] - now);
    total += s[i];
    put(score + 16 * i, s[i]);
  }
  float one[16];
  put(one, exp16(all(*top - now)));
  *top = now;
  *sum = *sum * one[0] + sum_of(total);
  return one[0];
}

// attend_few is attend for n queries, n known to the compiler.
INLINE void attend_few(const float *q, int64_t ldq, const int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d,
                       float scale, float *out, int64_t ldo, const uint16_t *after) {
  const int fit = SUMS / n * LANES / 16, groups = fit >= 4 ? 4 : fit >= 2 ? 2 : 1, wide = SUMS / n > 8 ? 8 : SUMS / n;
  float score[4][KC_KEYS] = {{0}}, top[4], sum[4];
  for (int t = 0; t < n; t++) {
    top[t] = -INFINITY;
    sum[t] = 0;
    memset(out + t * ldo, 0, d * sizeof(float));
  }
  const int64_t end = seen + n - 1;
  for (int64_t at = 0; at < end; at += KC_KEYS) {
    // Values are asked for while keys are read, and the next block's keys, or the next head's, while values are.
    const int64_t here = end - at < KC_KEYS ? end - at : KC_KEYS;
    const char *ask = (const char *)(values + at * d);
    for (int64_t i = 0; i < here; i += 16 * groups) {
      const char *part = ask + 2 * i * d;
      if (here - i > 16 * (groups - 1))
        scores(keys + (at + i) * d, d, groups, q, ldq, n, scale, (float(*)[KC_KEYS])(score[0] + i), part);
      else
        for (int64_t g = 0; g < here - i; g += 16)
          scores(keys + (at + i + g) * d, d, 1, q, ldq, n, scale, (float(*)[KC_KEYS])(score[0] + i + g), part + 2 * g * d);
    }
    float keep[4];
    for (int t = 0; t < n; t++) keep[t] = soften(score[t], seen + t - at, &top[t], &sum[t]);
    const uint32_t *v = (const uint32_t *)(values + at * d);
    ask = (const char *)(at + KC_KEYS < end ? keys + (at + KC_KEYS) * d : after);
    int64_t c = 0;
    for (; c + LANES * wide <= d; c += LANES * wide) weigh(v, d, (here + 1) / 2, c, wide, n, score, keep, out, ldo, ask);
    for (; c < d; c += LANES) weigh(v, d, (here + 1) / 2, c, 1, n, score, keep, out, ldo, ask);
  }
  for (int t = 0; t < n; t++)
    for (int64_t c = 0; c < d; c += 16) put(out + t * ldo + c, load(out + t * ldo + c) / sum[t]);
}

#define ATTEND(n)                                                                                                                            \
  FOR static void NAME(attend##n)(const float *q, int64_t ldq, const uint16_t *k, const uint16_t *v, int64_t seen, int64_t d, float scale,   \
                                  float *out, int64_t ldo, const uint16_t *after) {                                                          \
    attend_few(q, ldq, n, k, v, seen, d, scale, out, ldo, after);                                                                            \
  }
ATTEND(1) ATTEND(2) ATTEND(4)
#undef ATTEND

FOR static void NAME(attend)(const float *q, int64_t ldq, int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d,
                             float scale, float *out, int64_t ldo, const uint16_t *after) {
  int t = 0;
  for (; t + 4 <= n; t += 4) NAME(attend4)(q + t * ldq, ldq, keys, values, seen + t, d, scale, out + t * ldo, ldo, after);
  for (; t + 2 <= n; t += 2) NAME(attend2)(q + t * ldq, ldq, keys, values, seen + t, d, scale, out + t * ldo, ldo, after);
  for (; t < n; t++) NAME(attend1)(q + t * ldq, ldq, keys, values, seen + t, d, scale, out + t * ldo, ldo, after);
}

FOR static void NAME(down)(const float *a, const float *x, int64_t r, int64_t n, float *u) {
  for (int64_t i = 0; i < r; i++) {
    v16 s = all(0), q = all(0);
    for (int64_t k = 0; k < n; k += 32) { // a multiple of 64
      s += load(a + i * n + k) * load(x + k);
      q += load(a + i * n + k + 16) * load(x + k + 16);
    }
    u[i] = sum_of(s + q);
  }
}

FOR static void NAME(up)(const float *bt, int64_t ld, const float *u, int64_t r, int64_t n, float *y) {
  for (int64_t i = 0; i < r; i++)
    for (int64_t k = 0; k < n; k++) y[k] += bt[i * ld + k] * u[i];
}

