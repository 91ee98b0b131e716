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

#if KC_X86
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define CLOBBER8 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"

FOR_AMX static void multiply_amx(void *arg, int part, int parts) {
  static const uint8_t zero[1024];
  tile_shape(0, 16);
  tile_load(4, zero, 64);
  tile_load(5, zero, 64);
  tile_load(6, zero, 64);
  tile_load(7, zero, 64);
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  for (int i = 0; i < rounds; i++) {
    tile_dpbf16(0, 4, 6);
    tile_dpbf16(1, 4, 7);
    tile_dpbf16(2, 5, 6);
    tile_dpbf16(3, 5, 7);
  }
  tile_release();
}

FOR_VNNI static void multiply_vnni(void *arg, int part, int parts) {
#define STEP(n) "vpdpbusd %%zmm16, %%zmm17, %%zmm" #n "\n\t"
#define STEP2(n) "vpdpbusd %%zmm16, %%zmm17, %%zmm1" #n "\n\t"
  for (int i = 0; i < rounds; i++)
    __asm__ volatile(EIGHT(STEP) "vpdpbusd %%zmm16, %%zmm17, %%zmm8\n\tvpdpbusd %%zmm16, %%zmm17, %%zmm9\n\t" STEP2(0) STEP2(1) STEP2(2) STEP2(3) STEP2(4) STEP2(5)::
                         : CLOBBER8, "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17");
}

FOR_AVX2 static void multiply_avx2(void *arg, int part, int parts) {
#define PAIR(n) "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n\tvpaddd %%ymm13, %%ymm" #n ", %%ymm" #n "\n\t"
  for (int i = 0; i < rounds; i++)
    __asm__ volatile(EIGHT(PAIR)::: CLOBBER8, "xmm13", "xmm14", "xmm15");
}
#endif

double kc_multiply(kc_pool *pool, int set) {
  const double n = (double)rounds * kc_pool_threads(pool);
#if KC_X86
  if (set == KC_AMX) return kc_pool_run(pool, multiply_amx, NULL), n * 4 * 16 * 16 * 32;
  if (set == KC_VNNI) return kc_pool_run(pool, multiply_vnni, NULL), n * 16 * 64;
  if (set == KC_AVX2) return kc_pool_run(pool, multiply_avx2, NULL), n * 8 * 16;
#endif
  return 0 * n;
}
