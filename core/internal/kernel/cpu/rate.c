//go:build torch

#include "rate.h"
#include "detect.h"
#include "tile.h"
#include <stdatomic.h>

typedef struct {
  const kc_neox *m;
  _Atomic int64_t bytes;
  _Atomic int32_t kept; // so that the reading is not left out
} reading;

static void read_some(reading *r, const kc_nib *w, int part, int parts) {
  int64_t lo, hi;
  const int64_t all = w->panels * 4 * w->group_bytes / 64;
  kc_share(all, 1, part, parts, &lo, &hi);
  // Whole lines, as the kernels read them; the compiler splits them into what the processor has.
  typedef uint64_t wide __attribute__((vector_size(64), aligned(64)));
  const wide *p = (const wide *)w->data;
  wide s = {0};
  for (int64_t i = lo; i < hi; i++) s ^= p[i];
  uint64_t x = 0;
  for (int i = 0; i < 8; i++) x ^= s[i];
  r->kept ^= (int32_t)x;
  r->bytes += (hi - lo) * 64;
}

static void read_task(void *arg, int part, int parts) {
  reading *r = arg;
  for (int64_t i = 0; i < r->m->layers; i++)
    for (int k = 0; k < KC_LINEARS; k++) read_some(r, &r->m->layer[i].linear[k].w, part, parts);
  read_some(r, &r->m->head, part, parts);
}

int64_t kc_read_weights(const kc_neox *m, kc_pool *pool) {
  reading r = {.m = m};
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
