//go:build torch

#include "nib.h"
#include "detect.h"
#include "memory.h"
#include "tile.h"
#include <stdlib.h>

int kc_nib_new(kc_nib *m, int64_t rows, int64_t cols, int planes) {
  memset(m, 0, sizeof *m);
  m->rows = rows;
  m->cols = cols;
  m->panels = (rows + KC_PANEL - 1) / KC_PANEL;
  m->blocks = cols / KC_BLOCK;
  m->planes = planes;
  m->group_bytes = (m->blocks * (planes * 512 + 32) + 63) / 64 * 64;
  m->scale_unit = 1;
  m->bytes = (size_t)(m->panels * 4 * m->group_bytes) + 8192; // kernels prefetch past the end; that needs no memory, but costs nothing either
  m->data = kc_memory(m->bytes);
  return m->data ? 0 : 1;
}

void kc_nib_free(kc_nib *m) {
  kc_memory_free(m->data, m->bytes);
  memset(m, 0, sizeof *m);
}

// nearest finds the factor from lo to hi, and the shift up to most, at which round(factor * map + shift) is nearest to its argument,
// relatively: rounding the table of 16 values is a loss of all weights, and it costs nothing to choose where it is least.
static double nearest(const double *map, double lo, double hi, double most, double *shift) {
  double best = 1e300, at = hi;
  *shift = 0;
  for (int i = 0; i <= 4000; i++)
    for (double z = -most; z <= most; z += 1. / 64) {
      const double f = lo + (hi - lo) * i / 4000;
      double e = 0;
      for (int c = 0; c < 16; c++) {
        const double d = (nearbyint(f * map[c] + z) - z) / f - map[c];
        e += d * d;
      }
      if (e < best) best = e, at = f, *shift = z;
    }
  return at;
}

static void set_units(kc_nib *m, float byte, float bytes, float word) {
  m->lut.unit_byte = byte * m->scale_unit;
  m->lut.unit_bytes = bytes * m->scale_unit;
  m->lut.unit_word = word * m->scale_unit;
}

void kc_nib_map(kc_nib *m, const float *map) {
  kc_lut *l = &m->lut;
  if (!map) {
    for (int c = 0; c < 16; c++) {
      l->word[0][c] = 16 * c - 128;
      l->word[1][c] = c;
    }
    l->zero = 128;
    set_units(m, 1, 1, 1);
    return;
  }
  double v[16], top = 0, z, none;
  for (int c = 0; c < 16; c++) top = fmax(top, fabs(map[c]));
  for (int c = 0; c < 16; c++) v[c] = top > 0 ? map[c] / top : 0;
  const double f8 = nearest(v, 115, 127, 0.5, &z), f15 = nearest(v, 16000, 16256, 0, &none), f12 = nearest(v, 7000, 8191, 0, &none);
  l->zero = 127;
  l->rest = (float)-z;
  for (int c = 0; c < 16; c++) {
    const int wide = (int)nearbyint(f15 * v[c]), high = wide >> 7;
    l->fp32[c] = map[c] * m->scale_unit;
    l->sbyte[c] = (int8_t)nearbyint(f8 * v[c] + z);
    l->high[c] = (uint8_t)(high + l->zero);
    l->shigh[c] = (int8_t)high;
    l->low[c] = (uint8_t)(wide & 127);
    l->word[0][c] = (int16_t)nearbyint(f12 * v[c]);
  }
  set_units(m, (float)(top / f8), (float)(128 * top / f15), (float)(top / f12));
}

typedef struct {
  kc_nib *m;
  const void *w;
  int kind;
  const float *scales;
  float *largest; // [threads][16]
  const uint8_t *packed;
  const int8_t *q;
} job;

static void largest_task(void *arg, int part, int parts) {
  job *j = arg;
  int64_t lo, hi;
  kc_share(j->m->rows * j->m->blocks, 4096, part, parts, &lo, &hi);
  float top = 0, bad = 0;
  for (int64_t i = lo; i < hi; i++) {
    const float a = fabsf(j->scales[i]);
    top = a > top ? a : top;
    bad += a - a; // NaN from then on once one is not finite
  }
  j->largest[16 * part] = bad == 0 ? top : INFINITY;
}

// set_scale_unit chooses a power of two that brings the largest scale to 2^14..2^15, where fp16 has 29 powers of two below it.
static int set_scale_unit(kc_pool *p, job *j) {
  const int n = kc_pool_threads(p);
  j->largest = calloc(16 * n, sizeof(float));
  if (!j->largest) return 1;
  kc_pool_run(p, largest_task, j);
  float top = 0;
  for (int i = 0; i < n; i++) top = fmaxf(top, j->largest[16 * i]);
  free(j->largest);
  if (!isfinite(top)) return 1;
  const float old = j->m->scale_unit;
  int e = 15;
  if (top > 0) frexpf(top, &e);
  j->m->scale_unit = ldexpf(1, e - 15);
  for (int c = 0; c < 16; c++) j->m->lut.fp32[c] *= j->m->scale_unit / old;
  j->m->lut.unit_byte *= j->m->scale_unit / old;
  j->m->lut.unit_bytes *= j->m->scale_unit / old;
  j->m->lut.unit_word *= j->m->scale_unit / old;
  return 0;
}

static void put_scales(kc_nib *m, int64_t group, const float *scales) {
  uint16_t *s = (uint16_t *)kc_scales(m, group);
  const float inverse = 1 / m->scale_unit;
  for (int64_t r = 0; r < 16 && 16 * group + r < m->rows; r++) {
    const float *from = scales + (16 * group + r) * m->blocks;
    for (int64_t b = 0; b < m->blocks; b++) s[16 * b + r] = kc_to_f16(from[b] * inverse);
  }
}

// nibbles reorders the eight codes of a dword as bitsandbytes packs them (1 0 3 2 5 4 7 6 from the lowest up) to 0 2 4 6 1 3 5 7.
static inline uint32_t nibbles(uint32_t w) {
  uint32_t even = w >> 4 & 0x0f0f0f0f, odd = w & 0x0f0f0f0f;
  even = (even | even >> 4) & 0x00ff00ff;
  odd = (odd | odd >> 4) & 0x00ff00ff;
  even = (even | even >> 8) & 0xffff;
  odd = (odd | odd >> 8) & 0xffff;
  return even | odd << 16;
}

static void pack4_task(void *arg, int part, int parts) {
  job *j = arg;
  kc_nib *m = j->m;
  int64_t lo, hi;
  kc_share((m->rows + 15) / 16, 1, part, parts, &lo, &hi);
  for (int64_t g = lo; g < hi; g++) {
    const int rows = m->rows - 16 * g < 16 ? m->rows - 16 * g : 16;
    uint32_t *to = (uint32_t *)kc_codes(m, g);
    for (int64_t b = 0; b < m->blocks; b++, to += 128) {
      uint32_t w[16][8];
      for (int r = 0; r < rows; r++) memcpy(w[r], j->packed + ((16 * g + r) * m->cols + 64 * b) / 2, 32);
      for (int r = rows; r < 16; r++) memset(w[r], 0, 32);
      for (int l = 0; l < 8; l++)
        for (int r = 0; r < 16; r++) to[16 * l + r] = nibbles(w[r][l]);
    }
    put_scales(m, g, j->scales);
  }
}

int kc_nib_pack4(kc_pool *p, kc_nib *m, const uint8_t *packed, const float *scales) {
  job j = {.m = m, .packed = packed, .scales = scales};
  if (set_scale_unit(p, &j)) return 1;
  kc_pool_run(p, pack4_task, &j);
  return 0;
}

// put8 stores 64 numbers of a row.
static inline void put8(kc_nib *m, int64_t row, int64_t b, const int8_t *q) {
  static const int column[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  uint8_t *to = (uint8_t *)kc_codes(m, row / 16) + 1024 * b + 4 * (row % 16);
  for (int l = 0; l < 8; l++)
    for (int i = 0; i < 4; i++) {
      const uint8_t v = (uint8_t)(q[8 * l + column[i]] + 128), w = (uint8_t)(q[8 * l + column[4 + i]] + 128);
      to[64 * l + i] = v >> 4 | (w & 0xf0);
      to[512 + 64 * l + i] = (v & 15) | w << 4;
    }
}

static void pack8_task(void *arg, int part, int parts) {
  job *j = arg;
  int64_t lo, hi;
  kc_share((j->m->rows + 15) / 16, 1, part, parts, &lo, &hi);
  for (int64_t g = lo; g < hi; g++) {
    for (int64_t r = 16 * g; r < 16 * g + 16 && r < j->m->rows; r++)
      for (int64_t b = 0; b < j->m->blocks; b++) put8(j->m, r, b, j->q + r * j->m->cols + 64 * b);
    put_scales(j->m, g, j->scales);
  }
}

int kc_nib_pack8(kc_pool *p, kc_nib *m, const int8_t *q, const float *scales) {
  job j = {.m = m, .q = q, .scales = scales};
  if (set_scale_unit(p, &j)) return 1;
  kc_pool_run(p, pack8_task, &j);
  return 0;
}

static inline float source(const void *w, int kind, int64_t i) {
  if (kind == 1) return kc_from_f16(((const uint16_t *)w)[i]);
  if (kind == 2) return kc_from_bf16(((const uint16_t *)w)[i]);
  return ((const float *)w)[i];
}

static void scales8_task(void *arg, int part, int parts) {
  job *j = arg;
  int64_t lo, hi;
  kc_share(j->m->rows * j->m->blocks, 64, part, parts, &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    float v[64], top = 0, bad = 0;
    for (int k = 0; k < 64; k++) v[k] = source(j->w, j->kind, 64 * i + k);
    for (int k = 0; k < 64; k++) {
      const float a = fabsf(v[k]);
      top = a > top ? a : top;
      bad += a - a;
    }
    ((float *)j->scales)[i] = bad == 0 ? top / 127 : NAN;
  }
}

static void quantize8_task(void *arg, int part, int parts) {
  job *j = arg;
  kc_nib *m = j->m;
  int64_t lo, hi;
  kc_share((m->rows + 15) / 16, 1, part, parts, &lo, &hi);
  for (int64_t g = lo; g < hi; g++) {
    put_scales(m, g, j->scales);
    for (int64_t r = 16 * g; r < 16 * g + 16 && r < m->rows; r++)
      for (int64_t b = 0; b < m->blocks; b++) {
        // By the scale as it is stored.
        const float s = kc_from_f16(kc_scales(m, g)[16 * b + r % 16]) * m->scale_unit, inverse = s > 0 ? 1 / s : 0;
        int8_t q[64];
        for (int k = 0; k < 64; k++) {
          const float v = rintf(source(j->w, j->kind, r * m->cols + 64 * b + k) * inverse);
          q[k] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
        }
        put8(m, r, b, q);
      }
  }
}

int kc_nib_quantize8(kc_pool *p, kc_nib *m, const void *w, int kind) {
  float *scales = malloc(m->rows * m->blocks * sizeof(float));
  if (!scales) return 2;
  job j = {.m = m, .w = w, .kind = kind, .scales = scales};
  kc_pool_run(p, scales8_task, &j);
  const int bad = set_scale_unit(p, &j);
  if (!bad) kc_pool_run(p, quantize8_task, &j);
  free(scales);
  return bad;
}

void kc_nib_row(const kc_nib *m, int64_t r, float *out) {
  static const int column[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  const uint16_t *s = kc_scales(m, r / 16);
  for (int64_t b = 0; b < m->blocks; b++) {
    const float f = kc_from_f16(s[16 * b + r % 16]) * m->lut.unit_word;
    int v[64] = {0};
    for (int p = 0; p < m->planes; p++) {
      const uint8_t *c = kc_codes(m, r / 16) + 512 * (b * m->planes + p) + 4 * (r % 16);
      for (int l = 0; l < 8; l++)
        for (int i = 0; i < 4; i++) {
          v[8 * l + column[i]] += m->lut.word[p][c[64 * l + i] & 15];
          v[8 * l + column[4 + i]] += m->lut.word[p][c[64 * l + i] >> 4];
        }
    }
    for (int k = 0; k < 64; k++) out[64 * b + k] = (float)v[k] * f;
  }
}

static size_t rounded(size_t n) { return (n + 63) / 64 * 64; }

int kc_form(int set, int many, int fine) {
  if (set < KC_VNNI) return KC_WORD;
  return !many ? KC_BYTES : set == KC_AMX ? KC_BF16 : fine ? KC_TWO : KC_BYTE;
}

// number_bytes is the size of one part of the numbers.
static size_t number_bytes(int form, size_t t, int64_t cols) { return rounded(t * cols * (form == KC_BYTE ? 1 : 2)); }

size_t kc_act_bytes(int form, int64_t tokens, int64_t cols) {
  const size_t blocks = cols / KC_BLOCK, t = (tokens + 15) / 16 * 16;
  return number_bytes(form, t, cols) * (form == KC_BYTES ? 2 : 1) + rounded(t * blocks * 4) * 3;
}

void kc_act_set(kc_act *x, int form, int64_t tokens, int64_t cols, void *memory) {
  const size_t blocks = cols / KC_BLOCK, t = (tokens + 15) / 16 * 16, each = rounded(t * blocks * 4);
  char *at = memory;
  x->form = form;
  x->cols = cols;
  x->blocks = blocks;
  x->tiles = t / 16;
  x->q = at;
  at += number_bytes(form, t, cols);
  x->shifted = at;
  if (form == KC_BYTES) at += number_bytes(form, t, cols);
  x->scale = (float *)at;
  x->sum = (int32_t *)(at + each);
  x->total = (float *)(at + each); // KC_BYTE has no sum
  x->least = (float *)(at + 2 * each);
}

size_t kc_scratch_bytes(int64_t cols) { return 68 * cols + (256 << 10); }

void kc_product(int set, const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch) {
#if KC_X86
  if (set == KC_AMX) return kc_product_amx(m, x, tokens, panel, after, out, ld, scratch);
  if (set == KC_VNNI) return kc_product_vnni(m, x, tokens, panel, after, out, ld, scratch);
  if (set == KC_AVX2) return kc_product_avx2(m, x, tokens, panel, out, ld, scratch);
#endif
  kc_product_plain(m, x, tokens, panel, out, ld, scratch);
}

int kc_ranges(int form) { return form == KC_BF16; }

void kc_range(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t lo, int64_t hi, float *out, void *scratch) {
#if KC_X86
  kc_range_amx(m, x, tokens, lo, hi, out, scratch);
#endif
}

void kc_range_row(const float *out, int64_t tiles, int64_t i, int64_t token, float *row) {
  const float *from = out + (i * tiles + token / 16) * 1024 + token % 16 * 16;
  for (int g = 0; g < 4; g++) memcpy(row + 16 * g, from + 256 * g, 16 * sizeof(float));
}

float kc_unit(const kc_nib *m, int form) {
  return form == KC_BF16 ? 1 : form == KC_WORD ? m->lut.unit_word : form == KC_BYTES ? m->lut.unit_bytes : m->lut.unit_byte;
}

void kc_release_unit(int set) {
#if KC_X86
  if (set == KC_AMX) tile_release();
#endif
  (void)set;
}
