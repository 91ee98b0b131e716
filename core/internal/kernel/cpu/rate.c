//go:build torch

#include "rate.h"
#include "detect.h"
#include "tile.h"
#include <stdatomic.h>

// What memory gives depends on how it is asked: one stream a thread carries two thirds of what several do, and how far ahead lines
// are best asked for differs from machine to machine. So reading is tried in several ways, the kernels' own among them, and the
// best one is the bound.
typedef struct {
  int streams; // per thread, each a whole group of rows
  int ahead;   // bytes; 0: the processor's own prefetching alone
} pattern;

static const pattern patterns[KC_READ_WAYS] = {{1, 0}, {4, 0}, {8, 0}, {16, 0}, {4, 1024}, {8, 1024}, {16, 2048}, {4, 4096}};

typedef struct {
  const kc_neox *m;
  pattern way;
  _Atomic int64_t bytes;
  _Atomic int32_t kept; // so that the reading is not left out
} reading;

typedef uint64_t line __attribute__((vector_size(64), aligned(64)));

// read_groups reads streams groups side by side, four lines of each in turn.
static inline __attribute__((always_inline)) line read_groups(const uint8_t *p, int64_t bytes, const int streams, int ahead) {
  line s[4] = {{0}};
  for (int64_t at = 0; at < bytes; at += 256)
    for (int k = 0; k < streams; k++) {
      const uint8_t *q = p + k * bytes + at;
      const int lines = bytes - at < 256 ? (int)(bytes - at) / 64 : 4;
      for (int l = 0; ahead && l < lines; l++) __builtin_prefetch(q + 64 * l + ahead);
      if (lines == 4)
        for (int l = 0; l < 4; l++) s[l] ^= *(const line *)(q + 64 * l);
      else
        for (int l = 0; l < lines; l++) s[l] ^= *(const line *)(q + 64 * l);
    }
  return (s[0] ^ s[1]) ^ (s[2] ^ s[3]);
}

#define READ(name, FOR)                                                                                         \
  FOR static int32_t name(const kc_nib *w, pattern way, int64_t lo, int64_t hi) {                               \
    line s = {0};                                                                                               \
    for (int64_t g = lo; g < hi;) {                                                                             \
      const int n = g + way.streams <= hi ? way.streams : 1;                                                    \
      switch (n) {                                                                                              \
      case 16: s ^= read_groups(kc_codes(w, g), w->group_bytes, 16, way.ahead); break;                          \
      case 8: s ^= read_groups(kc_codes(w, g), w->group_bytes, 8, way.ahead); break;                            \
      case 4: s ^= read_groups(kc_codes(w, g), w->group_bytes, 4, way.ahead); break;                            \
      default: s ^= read_groups(kc_codes(w, g), w->group_bytes, 1, way.ahead);                                  \
      }                                                                                                         \
      g += n;                                                                                                   \
    }                                                                                                           \
    uint64_t x = 0;                                                                                             \
    for (int i = 0; i < 8; i++) x ^= s[i];                                                                      \
    return (int32_t)x;                                                                                          \
  }
#if KC_X86
READ(read_wide, FOR_VNNI)
READ(read_half, FOR_AVX2)
#endif
READ(read_plain, )

static void read_some(reading *r, const kc_nib *w, int part, int parts) {
  int64_t lo, hi;
  kc_share(4 * w->panels, 4, part, parts, &lo, &hi);
  int32_t (*read)(const kc_nib *, pattern, int64_t, int64_t) = read_plain;
#if KC_X86
  const kc_features f = kc_detect();
  read = f.vnni ? read_wide : f.avx2 ? read_half : read_plain;
#endif
  r->kept ^= read(w, r->way, lo, hi);
  r->bytes += (hi - lo) * w->group_bytes;
}

static void read_task(void *arg, int part, int parts) {
  reading *r = arg;
  for (int64_t i = 0; i < r->m->layers; i++)
    for (int k = 0; k < KC_LINEARS; k++) read_some(r, &r->m->layer[i].linear[k].w, part, parts);
  read_some(r, &r->m->head, part, parts);
}

int64_t kc_read_weights(const kc_neox *m, kc_pool *pool, int way) {
  reading r = {.m = m, .way = patterns[way]};
  kc_pool_run(pool, read_task, &r);
  return r.bytes;
}

enum { rounds = 20000 };

// What bounds a prompt's products is measured twice: on registers alone, and with the loads that they cannot do without, all from the
// first-level cache. Tiles: eight registers hold four sums at most, so there is a load to every product. Bytes: 24 sums take their
// registers, and 24 products need 4 lines of weights and 6 or 12 broadcasts.
#if KC_X86
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define CLOBBER8 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"

static _Alignas(64) const uint8_t zeros[16384];

FOR_AMX static void multiply_amx(void *arg, int part, int parts) {
  const int loads = *(const int *)arg;
  (void)part, (void)parts;
  tile_shape(0, 16);
  tile_load(4, zeros, 64);
  tile_load(5, zeros, 64);
  tile_load(6, zeros, 64);
  tile_load(7, zeros, 64);
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  if (!loads)
    for (int i = 0; i < rounds; i++) {
      tile_dpbf16(0, 4, 6);
      tile_dpbf16(1, 4, 7);
      tile_dpbf16(2, 5, 6);
      tile_dpbf16(3, 5, 7);
    }
  else
    for (int i = 0; i < rounds; i++) {
      const uint8_t *p = zeros + 4096 * (i & 3);
      tile_load(4, p, 64);
      tile_load(6, p + 1024, 64);
      tile_load(7, p + 2048, 64);
      tile_dpbf16(0, 4, 6);
      tile_dpbf16(1, 4, 7);
      tile_load(5, p + 3072, 64);
      tile_dpbf16(2, 5, 6);
      tile_dpbf16(3, 5, 7);
    }
  tile_release();
}

#define DOT(n, w, x) "vpdpbusd %%zmm" #w ", %%zmm" #x ", %%zmm" #n "\n\t"
#define DOTS(a, b, c, d, x) DOT(a, 24, x) DOT(b, 25, x) DOT(c, 26, x) DOT(d, 27, x)
#define FETCH(n, at) "vmovdqa64 " #at "(%0), %%zmm" #n "\n\t"
#define SPREAD(n, at) "vpbroadcastd " #at "(%0), %%zmm" #n "\n\t"

FOR_VNNI static void multiply_vnni(void *arg, int part, int parts) {
  const int loads = *(const int *)arg;
  (void)part, (void)parts;
#define ALL24(x0, x1, x2, x3, x4, x5) \
  DOTS(0, 1, 2, 3, x0) DOTS(4, 5, 6, 7, x1) DOTS(8, 9, 10, 11, x2) DOTS(12, 13, 14, 15, x3) DOTS(16, 17, 18, 19, x4) DOTS(20, 21, 22, 23, x5)
#define CLOBBER32                                                                                                                      \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
      "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
  if (!loads)
    for (int i = 0; i < rounds; i++) __asm__ volatile(ALL24(28, 28, 28, 28, 28, 28)::"r"(zeros) : CLOBBER32);
  else
    for (int i = 0; i < rounds; i++)
      __asm__ volatile(FETCH(24, 0) FETCH(25, 64) FETCH(26, 128) FETCH(27, 192) SPREAD(28, 1024) SPREAD(29, 1088) SPREAD(30, 1152) SPREAD(31, 1216)
                           DOTS(0, 1, 2, 3, 28) DOTS(4, 5, 6, 7, 29) SPREAD(28, 1280) SPREAD(29, 1344) DOTS(8, 9, 10, 11, 30) DOTS(12, 13, 14, 15, 31)
                               DOTS(16, 17, 18, 19, 28) DOTS(20, 21, 22, 23, 29)::"r"(zeros)
                       : CLOBBER32);
}

FOR_AVX2 static void multiply_avx2(void *arg, int part, int parts) {
  const int loads = *(const int *)arg;
  (void)part, (void)parts;
#define PAIR(n) "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n\tvpaddd %%ymm13, %%ymm" #n ", %%ymm" #n "\n\t"
#define PAIRS(a, b, at)                                                                                                  \
  "vpbroadcastq " #at "(%0), %%ymm10\n\tvpmaddwd %%ymm14, %%ymm10, %%ymm12\n\tvpaddd %%ymm12, %%ymm" #a ", %%ymm" #a     \
  "\n\tvpmaddwd %%ymm15, %%ymm10, %%ymm13\n\tvpaddd %%ymm13, %%ymm" #b ", %%ymm" #b "\n\t"
  if (!loads)
    for (int i = 0; i < rounds; i++) __asm__ volatile(EIGHT(PAIR)::: CLOBBER8, "xmm13", "xmm14", "xmm15");
  else
    for (int i = 0; i < rounds; i++)
      __asm__ volatile("vmovdqa (%0), %%ymm14\n\tvmovdqa 32(%0), %%ymm15\n\t" PAIRS(0, 1, 1024) PAIRS(2, 3, 1032) PAIRS(4, 5, 1040) PAIRS(6, 7, 1048)::"r"(zeros)
                       : CLOBBER8, "xmm10", "xmm12", "xmm13", "xmm14", "xmm15");
}
#endif

double kc_multiply(kc_pool *pool, int set, int loads) {
  const double n = (double)rounds * kc_pool_threads(pool);
#if KC_X86
  if (set == KC_AMX) return kc_pool_run(pool, multiply_amx, &loads), n * 4 * 16 * 16 * 32;
  if (set == KC_VNNI) return kc_pool_run(pool, multiply_vnni, &loads), n * 24 * 64;
  if (set == KC_AVX2) return kc_pool_run(pool, multiply_avx2, &loads), n * 8 * 16;
#endif
  return 0 * n;
}

double kc_multiplied(const kc_neox *m) {
  const int forms[KC_LINEARS] = {kc_form(m->set, 1, 1), kc_form(m->set, 1, 0), kc_form(m->set, 1, 1), kc_form(m->set, 1, 0)};
  double n = 0;
  for (int k = 0; k < KC_LINEARS; k++) {
    const kc_nib *w = &m->layer[0].linear[k].w;
    n += (double)w->rows * (double)w->cols * (forms[k] == KC_TWO ? 2 : 1);
  }
  return n * (double)m->layers;
}
