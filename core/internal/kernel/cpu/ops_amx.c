//go:build torch

// As VNNI, but a prompt's attention by tiles: a tile of 16 queries against 64 keys at a time.
#include "ops.h"
#include "detect.h"
#include "tile.h"
#if KC_X86
#define FOR FOR_AMX
#define NAME(f) f##_amx
#define LANES 16
#define SUMS 16
#include "ops.inc.h"

// attend_tiles is attend for d a multiple of 32. Tiles 0 to 3: scores of 16 keys each, then outputs of 16 elements each;
// 4: queries, then weights; 5: keys, then values. What the tile unit multiplies is bf16: queries, keys, values and the
// weights of a block (their sum is of the fp32 ones).
FOR_AMX static void attend_tiles(const float *q, int64_t ldq, int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d,
                                 float scale, float *out, int64_t ldo, void *scratch) {
  float *o = scratch;                                    // [16][d]
  float *score = o + 16 * d;                             // [16][KC_KEYS]
  uint16_t *query = (uint16_t *)(score + 16 * KC_KEYS);  // [d/32][16][32]
  uint16_t *weight = query + 16 * d;                     // [KC_KEYS/32][16][32]
  float top[16], sum[16];
  tile_shape(5, n);
  for (int t = 0; t < n; t++) {
    top[t] = -INFINITY;
    sum[t] = 0;
    memset(o + t * d, 0, d * sizeof(float));
    for (int64_t e = 0; e < d; e += 16) *(h16u *)(query + (e / 32 * 16 + t) * 32 + e % 32) = narrow(load(q + t * ldq + e));
  }
  for (int64_t at = 0; at < seen + n - 1; at += KC_KEYS) {
    const uint16_t *k = keys + at * d;
    // Tile loads wake no prefetcher: the next block of keys is asked for while this one is multiplied, and the values too.
    const char *ask = (const char *)(k + KC_KEYS * d), *values_ask = (const char *)(values + (at + KC_KEYS) * d);
    if (at + KC_KEYS >= seen + n - 1) ask = values_ask = (const char *)k; // there is none
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    for (int64_t j = 0; j < d / 32; j++) {
      for (int i = 0; i < 64; i++) _mm_prefetch(ask + (j * 64 + i) * 64, _MM_HINT_T0);
      tile_load(4, query + j * 512, 64);
      tile_load(5, k + j * 512, 64);
      tile_dpbf16(0, 4, 5);
      tile_load(5, k + j * 512 + 16 * d, 64);
      tile_dpbf16(1, 4, 5);
      tile_load(5, k + j * 512 + 32 * d, 64);
      tile_dpbf16(2, 4, 5);
      tile_load(5, k + j * 512 + 48 * d, 64);
      tile_dpbf16(3, 4, 5);
    }
    tile_store(0, score, KC_KEYS * 4);
    tile_store(1, score + 16, KC_KEYS * 4);
    tile_store(2, score + 32, KC_KEYS * 4);
    tile_store(3, score + 48, KC_KEYS * 4);
    for (int t = 0; t < n; t++) {
      float *s = score + t * KC_KEYS;
      for (int i = 0; i < KC_KEYS; i += 16) put(s + i, load(s + i) * scale);
      const float keep = soften(s, seen + t - at, &top[t], &sum[t]);
      for (int i = 0; i < KC_KEYS; i += 16) *(h16u *)(weight + (i / 32 * 16 + t) * 32 + i % 32) = narrow(load(s + i));
      if (keep != 1)
        for (int64_t e = 0; e < d; e += 16) put(o + t * d + e, load(o + t * d + e) * keep);
    }
    for (int64_t e = 0; e < d; e += 32) {
      const uint16_t *v = values + at * d + 2 * e;
      for (int i = 0; i < 64; i++) _mm_prefetch(values_ask + (e / 32 * 64 + i) * 64, _MM_HINT_T0);
      tile_load(0, o + e, d * 4);
      tile_load(1, o + e + 16, d * 4);
      for (int h = 0; h < KC_KEYS / 32; h++) {
        tile_load(4, weight + 512 * h, 64);
        tile_load(5, v + 32 * h * d, d * 4);
        tile_dpbf16(0, 4, 5);
        tile_load(5, v + 32 * h * d + 32, d * 4);
        tile_dpbf16(1, 4, 5);
      }
      tile_store(0, o + e, d * 4);
      tile_store(1, o + e + 16, d * 4);
    }
  }
  for (int t = 0; t < n; t++)
    for (int64_t e = 0; e < d; e += 16) put(out + t * ldo + e, load(o + t * d + e) / sum[t]);
}

FOR_AMX static void attend_many(const float *q, int64_t ldq, int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d,
                                float scale, float *out, int64_t ldo, void *scratch) {
  if (d % 32)
    attend_amx(q, ldq, n, keys, values, seen, d, scale, out, ldo, keys);
  else
    attend_tiles(q, ldq, n, keys, values, seen, d, scale, out, ldo, scratch);
}

static const kc_ops tiles = {norm_amx, activate_amx, add_amx, scale_amx, pack_amx, rotate_amx, store_amx, attend_amx, attend_many, down_amx, up_amx};

const kc_ops *kc_ops_amx(void) { return &tiles; }
#endif
