//go:build torch

// The parts between the products where there is a tile unit: attention in BF16 tiles with sums in fp32.
#include "simd.h"
#ifdef KC_X86
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,amx-tile,amx-bf16,amx-int8")
#include "tile.h"
#define VL 16
#define MR 6
#define NV 4
#define OPS ke_rowops_amx
#define ATTEND
#include "encoder_rows.h"

// pairs gives the BF16 of lo and hi, lo first.
INLINE __m512i pairs(__m512 lo, __m512 hi) { return (__m512i)_mm512_cvtne2ps_pbh(hi, lo); }

// turn transposes 16 rows of 16 numbers of 32 bits: r[i] becomes column i, stored as rows of 64 bytes.
INLINE void turn(__m512i *r, char *to) {
  __m512i t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 8; i++) {
    _mm512_storeu_si512(to + i * 64, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_si512(to + (i + 8) * 64, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
  }
}

// attend_tiles: 32 queries at a time; their scores with all keys, the softmax, and the sums of values. Heads of another
// width than a multiple of 32 go the other way. The rows of out after the last are overwritten: ke_run's order allows it.
static void attend_tiles(const float *qkv, int64_t ldq, int hidden, int n, int d, float *out, int64_t ldo, float *room) {
  if (d % 32) {
    attend(qkv, ldq, hidden, n, d, out, ldo, room);
    return;
  }
  int np = (n + 31) / 32 * 32, steps = d / 32;
  // keys: tiles [np/16][steps] of 16 pairs of numbers by 16 keys; values: tiles [np/32][d/16] of 16 pairs of keys by 16
  // numbers; queries [32, d], scores [32, np], weights [32, np].
  char *keys = (char *)room, *values = keys + (int64_t)np * d * 2, *q = values + (int64_t)np * d * 2;
  float *s = (float *)(q + 32 * d * 2);
  char *p = (char *)(s + 32 * (int64_t)np);
  __m512 none = _mm512_setzero_ps();
  for (int k = 0; k < steps; k++)
    for (int g = 0; g < np; g += 16) {
      __m512i r[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) {
        const float *x = qkv + (g + i < n ? g + i : n - 1) * ldq + hidden + k * 32; // a key beyond the last counts for nothing later
        r[i] = pairs(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
      }
      turn(r, keys + (int64_t)(g / 16 * steps + k) * 1024);
    }
  static const uint16_t zip[32] = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512i order = _mm512_loadu_si512(zip);
  for (int g = 0; g < np; g += 2)
    for (int c = 0; c < d / 16; c++) {
      const float *x = qkv + g * ldq + 2 * hidden + c * 16;
      __m512 even = g < n ? _mm512_loadu_ps(x) : none, odd = g + 1 < n ? _mm512_loadu_ps(x + ldq) : none;
      _mm512_storeu_si512(values + (int64_t)(g / 32 * (d / 16) + c) * 1024 + g % 32 * 32, _mm512_permutexvar_epi16(order, pairs(even, odd)));
    }
  float by = 1.44269504f / sqrtf(d);
  __m512 scale = _mm512_set1_ps(by);
  vf cut[2];
  for (int i = 0; i < 32; i++) cut[i / 16][i % 16] = np - 32 + i < n ? 0 : -1e30f;
  for (int r = 0; r < n; r += 32) {
    int rows = n - r < 32 ? n - r : 32, two = rows > 16;
    for (int i = 0; i < rows; i++)
      for (int k = 0; k < d; k += 32) {
        const float *x = qkv + (r + i) * ldq + k;
        _mm512_storeu_si512(q + (i * d + k) * 2, pairs(_mm512_mul_ps(_mm512_loadu_ps(x), scale), _mm512_mul_ps(_mm512_loadu_ps(x + 16), scale)));
      }
    for (int g = 0; g < np; g += 32) {
      tile_zero(0);
      tile_zero(1);
      tile_zero(2);
      tile_zero(3);
      for (int k = 0; k < steps; k++) {
        const char *w = keys + (int64_t)(g / 16 * steps + k) * 1024;
        tile_load(4, q + k * 64, d * 2);
        tile_load(6, w, 64);
        tile_load(7, w + steps * 1024, 64);
        tile_dpbf16(0, 4, 6);
        tile_dpbf16(1, 4, 7);
        if (two) {
          tile_load(5, q + 16 * d * 2 + k * 64, d * 2);
          tile_dpbf16(2, 5, 6);
          tile_dpbf16(3, 5, 7);
        }
      }
      tile_store(0, s + g, np * 4);
      tile_store(1, s + g + 16, np * 4);
      if (two) {
        tile_store(2, s + 16 * np + g, np * 4);
        tile_store(3, s + 16 * np + g + 16, np * 4);
      }
    }
    float sums[32];
    for (int i = 0; i < rows; i++) {
      float *x = s + i * np;
      store(x + np - 32, load(x + np - 32) + cut[0]);
      store(x + np - 16, load(x + np - 16) + cut[1]);
      vf high = most(load(x), load(x + 16));
      for (int j = 32; j < np; j += 32) high = most(high, most(load(x + j), load(x + j + 16)));
      vf top = all(highest(high)), acc = {};
      for (int j = 0; j < np; j += 32) {
        vf a = two_to(load(x + j) - top), b = two_to(load(x + j + 16) - top);
        acc += a + b;
        _mm512_storeu_si512(p + (i * np + j) * 2, pairs((__m512)a, (__m512)b));
      }
      sums[i] = total(acc);
    }
    for (int c = 0; c < d / 16; c += 2) {
      tile_zero(0);
      tile_zero(1);
      tile_zero(2);
      tile_zero(3);
      for (int g = 0; g < np; g += 32) {
        const char *v = values + (int64_t)(g / 32 * (d / 16) + c) * 1024;
        tile_load(4, p + g * 2, np * 2);
        tile_load(6, v, 64);
        tile_load(7, v + 1024, 64);
        tile_dpbf16(0, 4, 6);
        tile_dpbf16(1, 4, 7);
        if (two) {
          tile_load(5, p + (16 * np + g) * 2, np * 2);
          tile_dpbf16(2, 5, 6);
          tile_dpbf16(3, 5, 7);
        }
      }
      float *to = out + r * ldo + c * 16;
      tile_store(0, to, ldo * 4);
      tile_store(1, to + 16, ldo * 4);
      if (two) {
        tile_store(2, to + 16 * ldo, ldo * 4);
        tile_store(3, to + 16 * ldo + 16, ldo * 4);
      }
    }
    for (int i = 0; i < rows; i++) {
      float norm = 1 / sums[i], *to = out + (r + i) * ldo;
      for (int j = 0; j < d; j += VL) store(to + j, load(to + j) * norm);
    }
  }
}

const ke_rowops OPS = {norm, finish, act, encode8, encode16, attend_tiles, sum};
#pragma GCC pop_options
#endif
