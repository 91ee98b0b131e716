// The tile unit: eight registers of up to 16 rows of 64 bytes. GCC's own intrinsics do not tell the compiler which memory
// ldtilecfg and tileloadd read, so stores before them can be lost or moved; these do.
#pragma once
#include "simd.h"
#if KC_X86

#define tile_load(n, p, stride) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #n ::"r"(p), "r"((int64_t)(stride)) : "memory")
#define tile_store(n, p, stride) __asm__ volatile("tilestored %%tmm" #n ", (%0,%1,1)" ::"r"(p), "r"((int64_t)(stride)) : "memory")
#define tile_zero(n) __asm__ volatile("tilezero %%tmm" #n ::)
// tile_dpbf16: fp32 tile c += bf16 tile a x bf16 tile b (pairs of rows of b stand side by side).
#define tile_dpbf16(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
// tile_dpbssd: int32 tile c += int8 tile a x int8 tile b (fours of rows of b stand side by side).
#define tile_dpbssd(c, a, b) __asm__ volatile("tdpbssd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
// tile_dpbsud: int32 tile c += int8 tile a x uint8 tile b (fours of rows of b stand side by side).
#define tile_dpbsud(c, a, b) __asm__ volatile("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
#define tile_release() __asm__ volatile("tilerelease" ::)

// tile_shape makes the first short tiles of rows rows, the others of 16; every row has 64 bytes.
static inline void tile_shape(int shorts, int rows) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } c;
  memset(&c, 0, sizeof c);
  c.palette = 1;
  for (int i = 0; i < 8; i++) {
    c.bytes[i] = 64;
    c.rows[i] = (uint8_t)(i < shorts ? rows : 16);
  }
  __asm__ volatile("ldtilecfg (%0)" ::"r"(&c) : "memory");
}

#endif
