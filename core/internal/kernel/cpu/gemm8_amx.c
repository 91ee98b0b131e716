//go:build torch

// Products with tiles: 32 rows by 32 columns in four tiles of sums, so that each tile loaded is used twice. Tiles 0 to 3
// are sums, 4 and 5 rows, 6 and 7 weights. Weights come from the shared cache or from memory, and loads of tiles do not
// wake the processor's prefetchers: while the first rows go through two panels, the next two are asked for.
#include "detect.h"
#include "gemm8.h"
#include "tile.h"
#ifdef KC_X86
#define tile_dpbusd(c, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::) // int32 += uint8 x int8

FOR_AMX void ke_tiles_on(int set) {
  if (set >= KC_AMX) tile_shape(0, 16);
}

FOR_AMX void ke_tiles_off(int set) {
  if (set >= KC_AMX) tile_release();
}

static inline __attribute__((always_inline)) void ask(const char *p, int lines) {
  for (int i = 0; i < lines; i++) __builtin_prefetch(p + i * 64, 0, 2);
}

#define PRODUCT(name, dot)                                                                                             \
  FOR_AMX void name(const void *ap, int64_t lda, int rows, const void *wp, int64_t row, int panels, void *cp, int64_t ldc) { \
    for (int p = 0; p < panels; p += 2) {                                                                              \
      const char *w0 = (const char *)wp + p * row * ke_panel, *w1 = w0 + row * ke_panel;                               \
      for (int r = 0; r < rows; r += 32) {                                                                             \
        const char *a0 = (const char *)ap + r * lda, *a1 = a0 + 16 * lda;                                              \
        char *c0 = (char *)cp + (r * ldc + p * ke_panel) * 4, *c1 = c0 + 16 * ldc * 4;                                 \
        tile_zero(0);                                                                                                  \
        tile_zero(1);                                                                                                  \
        if (rows - r <= 16) {                                                                                          \
          for (int64_t k = 0; k < row; k += ke_step) {                                                                 \
            tile_load(4, a0 + k, lda);                                                                                 \
            tile_load(6, w0 + k * 16, 64);                                                                             \
            tile_load(7, w1 + k * 16, 64);                                                                             \
            dot(0, 4, 6);                                                                                              \
            dot(1, 4, 7);                                                                                              \
          }                                                                                                            \
          tile_store(0, c0, ldc * 4);                                                                                  \
          tile_store(1, c0 + 64, ldc * 4);                                                                             \
          break;                                                                                                       \
        }                                                                                                              \
        tile_zero(2);                                                                                                  \
        tile_zero(3);                                                                                                  \
        const char *next = r == 0 ? w1 + row * ke_panel : w1 + 2 * row * ke_panel;                                     \
        int lines = r < 64 && p + 2 < panels ? 16 : 0;                                                                 \
        for (int64_t k = 0; k < row; k += ke_step) {                                                                   \
          tile_load(4, a0 + k, lda);                                                                                   \
          tile_load(6, w0 + k * 16, 64);                                                                               \
          tile_load(7, w1 + k * 16, 64);                                                                               \
          tile_load(5, a1 + k, lda);                                                                                   \
          dot(0, 4, 6);                                                                                                \
          dot(1, 4, 7);                                                                                                \
          ask(next + k * 16, lines);                                                                                   \
          dot(2, 5, 6);                                                                                                \
          dot(3, 5, 7);                                                                                                \
        }                                                                                                              \
        tile_store(0, c0, ldc * 4);                                                                                    \
        tile_store(1, c0 + 64, ldc * 4);                                                                               \
        tile_store(2, c1, ldc * 4);                                                                                    \
        tile_store(3, c1 + 64, ldc * 4);                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
  }

PRODUCT(ke_i8_amx, tile_dpbusd)
PRODUCT(ke_bf16_amx, tile_dpbf16)
#else
void ke_tiles_on(int set) {}
void ke_tiles_off(int set) {}
#endif
