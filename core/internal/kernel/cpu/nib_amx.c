//go:build torch

// Tiles: the codes of two groups and one block become 2 x 2 tiles of bf16 (16 pairs of columns x 16 rows) by one vpermw
// per 32 codes; activations are tiles of up to 16 tokens. A block's product stays unscaled in a tile, is stored, and is
// added with the rows' scales in fp32: so weights are never rounded after scaling, and one token costs what sixteen cost.
// More tokens reuse the tiles of codes, kept in the second-level cache for 128 tokens at a time, whose sums stay in the
// first-level one. Every token goes through the same operations in the same order whatever the number of tokens.
#include "nib.h"
#include "tile.h"
#if KC_X86

enum { tile = 1024 };

// Tiles 0 and 1: sums of two groups; 2 and 3: activations of columns 0-31 and 32-63; 4, 5 and 6, 7: codes of the groups.

// decode turns one block of a group, 512 bytes, into two tiles.
FOR_AMX static inline __attribute__((always_inline)) void decode(const uint8_t *codes, __m512i lut, uint8_t *to) {
#pragma GCC unroll 8
  for (int l = 0; l < 8; l++) {
    __m512i w = _mm512_loadu_si512(codes + 64 * l);
    _mm512_store_si512(to + 256 * l, _mm512_permutexvar_epi16(w, lut));
    _mm512_store_si512(to + 256 * l + 64, _mm512_permutexvar_epi16(_mm512_srli_epi16(w, 4), lut));
    _mm512_store_si512(to + 256 * l + 128, _mm512_permutexvar_epi16(_mm512_srli_epi16(w, 8), lut));
    _mm512_store_si512(to + 256 * l + 192, _mm512_permutexvar_epi16(_mm512_srli_epi16(w, 12), lut));
  }
}

FOR_AMX static inline __attribute__((always_inline)) __m512 scales(const uint16_t *s) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)s));
}

// add puts one block's sums, times the scales, onto sum [2][n][16].
FOR_AMX static inline __attribute__((always_inline)) void add(float *sum, const float *block, int n, __m512 s0, __m512 s1) {
  for (int t = 0; t < n; t++) {
    _mm512_store_ps(sum + 16 * t, _mm512_fmadd_ps(_mm512_load_ps(block + 16 * t), s0, _mm512_load_ps(sum + 16 * t)));
    _mm512_store_ps(sum + 256 + 16 * t, _mm512_fmadd_ps(_mm512_load_ps(block + 256 + 16 * t), s1, _mm512_load_ps(sum + 256 + 16 * t)));
  }
}

// few is the product for up to 16 tokens, which have their activations at x [cols/32][16][32], and two groups.
FOR_AMX static void few(const kc_nib *m, const uint8_t *x, int n, int64_t group, float *out, int64_t ld, uint8_t *scratch) {
  const int planes = m->planes;
  uint8_t *tiles = scratch;                           // [2][planes][2][2 tiles]
  float *block = (float *)(scratch + 2 * 8 * tile);   // [2][2][16][16]
  float *sum = (float *)(scratch + 2 * 8 * tile + 4 * tile); // [2][16][16]
  const uint8_t *c0 = kc_codes(m, group), *c1 = kc_codes(m, group + 1);
  const uint16_t *s0 = kc_scales(m, group), *s1 = kc_scales(m, group + 1);
  __m512i lut[2] = {_mm512_loadu_si512(m->lut.bf16[0]), _mm512_loadu_si512(m->lut.bf16[1])};
  memset(sum, 0, 2 * tile);
  for (int p = 0; p < planes; p++) {
    decode(c0 + 512 * p, lut[p], tiles + 4 * p * tile);
    decode(c1 + 512 * p, lut[p], tiles + (4 * p + 2) * tile);
  }
  // One block ahead with decoding, one behind with adding: stores have time to reach the cache before tiles load them.
  for (int64_t b = 0; b < m->blocks; b++) {
    const uint8_t *now = tiles + (b & 1) * 8 * tile;
    if (b + 1 < m->blocks) {
      uint8_t *next = tiles + (~b & 1) * 8 * tile;
      for (int p = 0; p < planes; p++) {
        const int64_t at = ((b + 1) * planes + p) * 512;
        _mm_prefetch((const char *)c0 + at + 2048, _MM_HINT_T0);
        decode(c0 + at, lut[p], next + 4 * p * tile);
        decode(c1 + at, lut[p], next + (4 * p + 2) * tile);
      }
    }
    float *sums = block + (b & 1) * 512;
    tile_load(2, x + 2 * b * tile, 64);
    tile_load(3, x + (2 * b + 1) * tile, 64);
    tile_zero(0);
    tile_zero(1);
    for (int p = 0; p < planes; p++) {
      tile_load(4, now + 4 * p * tile, 64);
      tile_dpbf16(0, 2, 4);
      tile_load(6, now + (4 * p + 2) * tile, 64);
      tile_dpbf16(1, 2, 6);
      tile_load(5, now + (4 * p + 1) * tile, 64);
      tile_dpbf16(0, 3, 5);
      tile_load(7, now + (4 * p + 3) * tile, 64);
      tile_dpbf16(1, 3, 7);
    }
    tile_store(0, sums, 64);
    tile_store(1, sums + 256, 64);
    if (b > 0) add(sum, block + (~b & 1) * 512, n, scales(s0 + 16 * (b - 1)), scales(s1 + 16 * (b - 1)));
  }
  const int64_t b = m->blocks - 1;
  add(sum, block + (b & 1) * 512, n, scales(s0 + 16 * b), scales(s1 + 16 * b));
  for (int t = 0; t < n; t++) {
    _mm512_storeu_ps(out + t * ld, _mm512_load_ps(sum + 16 * t));
    _mm512_storeu_ps(out + t * ld + 16, _mm512_load_ps(sum + 256 + 16 * t));
  }
}

// many is the product for any number of tokens and two groups of one plane.
FOR_AMX static void many(const kc_nib *m, const uint8_t *x, int64_t tokens, int64_t group, float *out, int64_t ld, uint8_t *scratch) {
  enum { part = 8 }; // tiles of tokens whose sums fit the first-level cache
  float *block = (float *)scratch;               // [2][2][16][16]
  float *sum = (float *)(scratch + 4 * tile);    // [part][2][16][16]
  uint8_t *tiles = scratch + (4 + 2 * part) * tile; // [blocks][2][2 tiles]
  const uint8_t *c0 = kc_codes(m, group), *c1 = kc_codes(m, group + 1);
  const uint16_t *s0 = kc_scales(m, group), *s1 = kc_scales(m, group + 1);
  __m512i lut = _mm512_loadu_si512(m->lut.bf16[0]);
  for (int64_t b = 0; b < m->blocks; b++) {
    decode(c0 + 512 * b, lut, tiles + 4 * b * tile);
    decode(c1 + 512 * b, lut, tiles + (4 * b + 2) * tile);
  }
  const int64_t all = (tokens + 15) / 16, step = m->cols / 32 * tile; // bytes of 16 tokens' activations
  for (int64_t from = 0; from < all; from += part) {
    const int64_t n = all - from < part ? all - from : part;
    memset(sum, 0, n * 2 * tile);
    for (int64_t b = 0; b < m->blocks; b++) {
      const uint8_t *a = x + from * step + 2 * b * tile, *w = tiles + 4 * b * tile;
      __m512 f0 = scales(s0 + 16 * b), f1 = scales(s1 + 16 * b);
      tile_load(4, w, 64);
      tile_load(5, w + tile, 64);
      tile_load(6, w + 2 * tile, 64);
      tile_load(7, w + 3 * tile, 64);
      for (int64_t i = 0; i < n; i++) {
        float *sums = block + (i & 1) * 512;
        tile_load(2, a + i * step, 64);
        tile_load(3, a + i * step + tile, 64);
        tile_zero(0);
        tile_zero(1);
        tile_dpbf16(0, 2, 4);
        tile_dpbf16(1, 2, 6);
        tile_dpbf16(0, 3, 5);
        tile_dpbf16(1, 3, 7);
        tile_store(0, sums, 64);
        tile_store(1, sums + 256, 64);
        if (i > 0) add(sum + (i - 1) * 512, block + (~i & 1) * 512, 16, f0, f1);
      }
      add(sum + (n - 1) * 512, block + ((n - 1) & 1) * 512, 16, f0, f1);
    }
    for (int64_t t = 0; t < 16 * n && 16 * from + t < tokens; t++) {
      const float *s = sum + t / 16 * 512 + t % 16 * 16;
      float *o = out + (16 * from + t) * ld;
      _mm512_storeu_ps(o, _mm512_load_ps(s));
      _mm512_storeu_ps(o + 16, _mm512_load_ps(s + 256));
    }
  }
}

FOR_AMX void kc_product_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch) {
  const int64_t step = m->cols / 32 * tile;
  if (tokens > 16 && m->planes == 1) {
    tile_shape(4, 16);
    for (int i = 0; i < 4; i += 2) many(m, x->q, tokens, 4 * panel + i, out + 16 * i, ld, scratch);
    return;
  }
  for (int64_t t = 0; t < tokens; t += 16) {
    const int n = tokens - t < 16 ? tokens - t : 16;
    tile_shape(4, n);
    for (int i = 0; i < 4; i += 2) few(m, (const uint8_t *)x->q + t / 16 * step, n, 4 * panel + i, out + t * ld + 16 * i, ld, scratch);
  }
}

#endif
