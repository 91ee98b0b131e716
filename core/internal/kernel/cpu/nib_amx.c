//go:build torch

// Products by the tile unit: up to 16 tokens by whole numbers (few), prompts in bf16 (kc_range_amx).
#include "nib.h"
#include "tile.h"
#if KC_X86

enum { tile = 1024 };

FOR_AMX static inline __attribute__((always_inline)) __m512 scales(const uint16_t *s) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)s));
}

// bytes4 turns one block of a group, 512 bytes of codes, into two tiles of bytes, 16 fours of columns x 16 rows: high and low.
// bytes8 makes one tile of the two planes of 8-bit numbers.
FOR_AMX static inline __attribute__((always_inline)) void bytes4(const uint8_t *codes, __m512i high, __m512i low, uint8_t *to) {
  const __m512i mask = _mm512_set1_epi8(15);
#pragma GCC unroll 8
  for (int l = 0; l < 8; l++) {
    const __m512i w = _mm512_loadu_si512(codes + 64 * l), i0 = _mm512_and_si512(w, mask), i1 = _mm512_and_si512(_mm512_srli_epi16(w, 4), mask);
    _mm_prefetch((const char *)codes + 64 * l + 2048, _MM_HINT_T0);
    _mm512_store_si512(to + 128 * l, _mm512_shuffle_epi8(high, i0));
    _mm512_store_si512(to + 128 * l + 64, _mm512_shuffle_epi8(high, i1));
    _mm512_store_si512(to + tile + 128 * l, _mm512_shuffle_epi8(low, i0));
    _mm512_store_si512(to + tile + 128 * l + 64, _mm512_shuffle_epi8(low, i1));
  }
}

FOR_AMX static inline __attribute__((always_inline)) void bytes8(const uint8_t *codes, uint8_t *to) {
  const __m512i mask = _mm512_set1_epi8(15), sign = _mm512_set1_epi8((char)0x80);
#pragma GCC unroll 8
  for (int l = 0; l < 8; l++) {
    const __m512i v = _mm512_loadu_si512(codes + 64 * l), w = _mm512_loadu_si512(codes + 512 + 64 * l);
    _mm_prefetch((const char *)codes + 64 * l + 2048, _MM_HINT_T0);
    _mm_prefetch((const char *)codes + 64 * l + 2560, _MM_HINT_T0);
    _mm512_store_si512(to + 128 * l, _mm512_xor_si512(sign, _mm512_ternarylogic_epi32(mask, w, _mm512_slli_epi16(v, 4), 0xca)));
    _mm512_store_si512(to + 128 * l + 64, _mm512_xor_si512(sign, _mm512_ternarylogic_epi32(mask, _mm512_srli_epi16(w, 4), v, 0xca)));
  }
}

// onto adds a block's sums of n tokens, 128 * high + low, times the scales of activations and rows.
FOR_AMX static inline __attribute__((always_inline)) void onto(float *sum, const int32_t *block, int n, const float *scale, int64_t ld, __m512 f) {
  for (int t = 0; t < n; t++) {
    const __m512i v = _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(block + 32 * t), 7), _mm512_load_si512(block + 32 * t + 16));
    _mm512_store_ps(sum + 16 * t, _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(v), _mm512_set1_ps(scale[t * ld])), f, _mm512_load_ps(sum + 16 * t)));
  }
}

// few is the product for n <= 16 tokens from token from on and two groups, by the whole numbers that vectors use (nib_vnni.c).
// A tile of activations is the high and the low bytes of 8 tokens, in turn: 4 the first eight's and 5 the others'; tiles 0 and
// 1 are the groups' sums of the first, 2 and 3 of the others; 6 and 7 bytes of the groups. Low bytes of weights meet zeros and
// high bytes, so that high * low joins low * high. Decoding runs ahead and adding behind, so that stores reach the cache before
// tiles load them, and the other way round.
FOR_AMX static inline __attribute__((always_inline)) void few(const kc_nib *m, const kc_act *x, int64_t from, int n, const int wide, int64_t group,
                                                             float *out, int64_t ld, uint8_t *scratch) {
  enum { ring = 4, ahead = 1, behind = 1 };
  const int codes = m->planes == 1;
  uint8_t *tiles = scratch;                                     // [ring][2 groups][high, low]
  int32_t *block = (int32_t *)(scratch + ring * 4 * tile);      // [ring][4][8][2][16]
  float *sum = (float *)(scratch + ring * 8 * tile);            // [2][16][16]
  const uint8_t *c0 = kc_codes(m, group), *c1 = kc_codes(m, group + 1);
  const uint16_t *s0 = kc_scales(m, group), *s1 = kc_scales(m, group + 1);
  const int first = n < 8 ? n : 8;
  const __m512i high = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)m->lut.shigh)),
                low = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)m->lut.low));
  memset(sum, 0, 2 * tile);
  for (int64_t b = -ahead; b < m->blocks + behind; b++) {
    if (b + ahead < m->blocks) {
      uint8_t *next = tiles + ((b + ahead) & (ring - 1)) * 4 * tile;
      const int64_t at = (b + ahead) * m->planes * 512;
      if (codes) {
        bytes4(c0 + at, high, low, next);
        bytes4(c1 + at, high, low, next + 2 * tile);
      } else {
        bytes8(c0 + at, next);
        bytes8(c1 + at, next + 2 * tile);
      }
    }
    if (b >= 0 && b < m->blocks) {
      const uint8_t *now = tiles + (b & (ring - 1)) * 4 * tile;
      const int64_t at = (b * 16 * x->tiles + from) * 128;
      const int8_t *a = (const int8_t *)x->q + at;
      int32_t *sums = block + (b & (ring - 1)) * 1024;
      tile_load(4, a, 64);
      tile_zero(0);
      tile_zero(1);
      tile_load(6, now, 64);
      tile_dpbssd(0, 4, 6);
      tile_load(7, now + 2 * tile, 64);
      tile_dpbssd(1, 4, 7);
      if (wide) {
        tile_load(5, a + tile, 64);
        tile_zero(2);
        tile_zero(3);
        tile_dpbssd(2, 5, 6);
        tile_dpbssd(3, 5, 7);
      }
      if (codes) {
        a = (const int8_t *)x->shifted + at;
        tile_load(4, a, 64);
        tile_load(6, now + tile, 64);
        tile_dpbssd(0, 4, 6);
        tile_load(7, now + 3 * tile, 64);
        tile_dpbssd(1, 4, 7);
        if (wide) {
          tile_load(5, a + tile, 64);
          tile_dpbssd(2, 5, 6);
          tile_dpbssd(3, 5, 7);
        }
      }
      tile_store(0, sums, 64);
      tile_store(1, sums + 256, 64);
      if (wide) {
        tile_store(2, sums + 512, 64);
        tile_store(3, sums + 768, 64);
      }
    }
    const int64_t d = b - behind;
    if (d >= 0) {
      const int32_t *sums = block + (d & (ring - 1)) * 1024;
      const float *scale = x->scale + from * m->blocks + d;
      const __m512 f0 = scales(s0 + 16 * d), f1 = scales(s1 + 16 * d);
      onto(sum, sums, first, scale, m->blocks, f0);
      onto(sum + 256, sums + 256, first, scale, m->blocks, f1);
      if (wide) {
        scale += 8 * m->blocks;
        onto(sum + 128, sums + 512, n - 8, scale, m->blocks, f0);
        onto(sum + 384, sums + 768, n - 8, scale, m->blocks, f1);
      }
    }
  }
  for (int t = 0; t < n; t++) {
    _mm512_storeu_ps(out + t * ld, _mm512_load_ps(sum + 16 * t));
    _mm512_storeu_ps(out + t * ld + 16, _mm512_load_ps(sum + 256 + 16 * t));
  }
}

FOR_AMX static void few8(const kc_nib *m, const kc_act *x, int64_t from, int n, int64_t group, float *out, int64_t ld, uint8_t *scratch) {
  few(m, x, from, n, 0, group, out, ld, scratch);
}

FOR_AMX static void few16(const kc_nib *m, const kc_act *x, int64_t from, int n, int64_t group, float *out, int64_t ld, uint8_t *scratch) {
  few(m, x, from, n, 1, group, out, ld, scratch);
}

// A prompt's product takes the codes of a panel and 8 blocks at a time: they become 4 x 16 tiles of bf16, scaled, as
// bitsandbytes would round them, which meet all tokens; the tokens' activations of the 8 blocks stay in the second-level
// cache for all panels of a thread, and sums come and go once for 8 blocks. While the tile unit multiplies one panel, the
// vector units decode the next, one line of codes per step.
enum { chunk = 8 };

// decoding is a panel's codes on their way to tiles, line by line: 4 groups x blocks x 8 lines.
typedef struct {
  const kc_nib *m;
  const uint8_t *codes[4];
  const uint16_t *scales[4];
  uint8_t *to; // [4][2 * chunk tiles]
  int blocks, at, end;
} decoding;

static decoding begin(const kc_nib *m, int64_t panel, int64_t block, int blocks, uint8_t *to) {
  decoding d = {.m = m, .to = to, .blocks = blocks, .end = 32 * blocks};
  for (int g = 0; g < 4; g++) {
    d.codes[g] = kc_codes(m, 4 * panel + g) + 512 * block;
    d.scales[g] = kc_scales(m, 4 * panel + g) + 16 * block;
  }
  return d;
}

// pair makes 16 rows x 2 columns of bf16 from two vectors of 16 rows, rounding to nearest.
FOR_AMX static inline __attribute__((always_inline)) __m512i pair(__m512 even, __m512 odd) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i e = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(even), half), 16);
  return _mm512_mask_blend_epi16(0xaaaaaaaa, e, _mm512_add_epi32(_mm512_castps_si512(odd), half));
}

FOR_AMX static inline __attribute__((always_inline)) void decode_line(decoding *d, __m512 lut) {
  const int g = d->at / (8 * d->blocks), l = d->at % (8 * d->blocks);
  const __m512i w = _mm512_loadu_si512(d->codes[g] + 64 * l);
  const __m512 f = scales(d->scales[g] + 16 * (l / 8));
  uint8_t *to = d->to + (g * 2 * chunk + l / 4) * tile + l % 4 * 256;
  _mm_prefetch((const char *)d->codes[g] + 64 * l + 1024, _MM_HINT_T0);
#define COLUMN(shift) _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(w, shift), lut), f)
  _mm512_store_si512(to, pair(COLUMN(0), COLUMN(16)));
  _mm512_store_si512(to + 64, pair(COLUMN(4), COLUMN(20)));
  _mm512_store_si512(to + 128, pair(COLUMN(8), COLUMN(24)));
  _mm512_store_si512(to + 192, pair(COLUMN(12), COLUMN(28)));
#undef COLUMN
  d->at++;
}

FOR_AMX void kc_range_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t lo, int64_t hi, float *out, void *scratch) {
  const __m512 lut = _mm512_loadu_ps(m->lut.fp32);
  const int64_t tiles = (tokens + 15) / 16, panel_floats = tiles * 4 * 256;
  uint8_t *now = scratch, *next = now + 4 * 2 * chunk * tile;
  if (lo >= hi) return;
  tile_shape(0, 16);
  decoding d = begin(m, lo, 0, m->blocks < chunk ? (int)m->blocks : chunk, now);
  while (d.at < d.end) decode_line(&d, lut);
  for (int64_t b = 0; b < m->blocks; b += chunk) {
    const int blocks = m->blocks - b < chunk ? (int)(m->blocks - b) : chunk;
    for (int64_t p = lo; p < hi; p++) {
      // What comes after this panel: the next one, or the first of the next blocks, or nothing.
      if (p + 1 < hi) {
        d = begin(m, p + 1, b, blocks, next);
      } else {
        const int64_t after = b + chunk;
        d = begin(m, lo, after, after >= m->blocks ? 0 : m->blocks - after < chunk ? (int)(m->blocks - after) : chunk, next);
      }
      const int64_t steps = (tiles + 1) / 2 * 2 * 2 * blocks, lines = (d.end + steps - 1) / steps;
      // Two groups' tiles, 32 KiB, meet all tokens before the other two do: they come from the first-level cache then.
      for (int g = 0; g < 4; g += 2) {
        for (int64_t i = 0; i < tiles; i += 2) {
          const int both = i + 1 < tiles;
          float *c = out + (p - lo) * panel_floats + (i * 4 + g) * 256, *c2 = c + 4 * 256;
          const uint8_t *w = now + g * 2 * chunk * tile, *w2 = w + 2 * chunk * tile;
          if (b == 0) {
            tile_zero(0);
            tile_zero(1);
            tile_zero(2);
            tile_zero(3);
          } else {
            tile_load(0, c, 64);
            tile_load(1, c + 256, 64);
            if (both) tile_load(2, c2, 64);
            if (both) tile_load(3, c2 + 256, 64);
          }
          for (int k = 0; k < 2 * blocks; k++) {
            const uint8_t *a = (const uint8_t *)x->q + (((b + k / 2) * x->tiles + i) * 2 + k % 2) * tile;
            tile_load(4, a, 64);
            tile_load(6, w + k * tile, 64);
            tile_load(7, w2 + k * tile, 64);
            tile_dpbf16(0, 4, 6);
            tile_dpbf16(1, 4, 7);
            if (both) {
              tile_load(5, a + 2 * tile, 64);
              tile_dpbf16(2, 5, 6);
              tile_dpbf16(3, 5, 7);
            }
            for (int64_t l = 0; l < lines && d.at < d.end; l++) decode_line(&d, lut);
          }
          tile_store(0, c, 64);
          tile_store(1, c + 256, 64);
          if (both) tile_store(2, c2, 64);
          if (both) tile_store(3, c2 + 256, 64);
        }
      }
      while (d.at < d.end) decode_line(&d, lut);
      uint8_t *swap = now;
      now = next;
      next = swap;
    }
  }
}

FOR_AMX void kc_product_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch) {
  if (x->form == KC_BF16) {
    const int64_t tiles = (tokens + 15) / 16;
    float *sums = (float *)((uint8_t *)scratch + 128 * tile);
    for (int64_t t = 0; t < tiles; t += 2) {
      // Two tiles of tokens at a time, so that the sums fit.
      kc_act part = *x;
      const int64_t n = tokens - 16 * t < 32 ? tokens - 16 * t : 32;
      part.q = (uint8_t *)x->q + t * 2 * tile;
      kc_range_amx(m, &part, n, panel, panel + 1, sums, scratch);
      for (int64_t i = 0; i < n; i++) kc_range_row(sums, (n + 15) / 16, 0, i, out + (16 * t + i) * ld);
    }
    return;
  }
  if (tokens <= 3) return kc_product_vnni(m, x, tokens, panel, after, out, ld, scratch); // decoding alone costs less
  tile_shape(0, 16);
  for (int64_t t = 0; t < tokens; t += 16) {
    const int n = tokens - t < 16 ? tokens - t : 16;
    for (int i = 0; i < 4; i += 2) (n > 8 ? few16 : few8)(m, x, t, n, 4 * panel + i, out + t * ld + 16 * i, ld, scratch);
  }
}

#endif
