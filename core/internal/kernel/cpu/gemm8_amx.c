//go:build torch

// Products with tiles: 32 rows by 32 columns in four tiles of sums, so that each tile loaded is used twice. Tiles 0 to 3
// are sums, 4 and 5 rows, 6 and 7 weights; all have 16 rows of 64 bytes.
#include "detect.h"
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86

FOR_AMX void ke_tiles_on(int set) {
  if (set < KC_AMX) return;
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } cfg = {.palette = 1};
  for (int i = 0; i < 8; i++) cfg.bytes[i] = 64, cfg.rows[i] = 16;
  __asm__ volatile("" : : "r"(&cfg) : "memory"); // GCC takes the intrinsic to read 8 bytes only
  _tile_loadconfig(&cfg);
}

FOR_AMX void ke_tiles_off(int set) {
  if (set >= KC_AMX) _tile_release();
}

#define PRODUCT(name, dot)                                                                                             \
  FOR_AMX void name(const void *ap, int64_t lda, int rows, const void *wp, int64_t row, int panels, void *cp, int64_t ldc) { \
    for (int p = 0; p < panels; p += 2) {                                                                              \
      const char *w0 = (const char *)wp + p * row * ke_panel, *w1 = w0 + row * ke_panel;                               \
      for (int r = 0; r < rows; r += 32) {                                                                             \
        const char *a0 = (const char *)ap + r * lda, *a1 = a0 + 16 * lda;                                              \
        char *c0 = (char *)cp + (r * ldc + p * ke_panel) * 4, *c1 = c0 + 16 * ldc * 4;                                 \
        _tile_zero(0);                                                                                                 \
        _tile_zero(1);                                                                                                 \
        if (rows - r <= 16) {                                                                                          \
          for (int64_t k = 0; k < row; k += ke_step) {                                                                 \
            _tile_loadd(4, a0 + k, lda);                                                                               \
            _tile_loadd(6, w0 + k * 16, 64);                                                                           \
            _tile_loadd(7, w1 + k * 16, 64);                                                                           \
            dot(0, 4, 6);                                                                                              \
            dot(1, 4, 7);                                                                                              \
          }                                                                                                            \
          _tile_stored(0, c0, ldc * 4);                                                                                \
          _tile_stored(1, c0 + 64, ldc * 4);                                                                           \
          break;                                                                                                       \
        }                                                                                                              \
        _tile_zero(2);                                                                                                 \
        _tile_zero(3);                                                                                                 \
        for (int64_t k = 0; k < row; k += ke_step) {                                                                   \
          _tile_loadd(4, a0 + k, lda);                                                                                 \
          _tile_loadd(6, w0 + k * 16, 64);                                                                             \
          _tile_loadd(7, w1 + k * 16, 64);                                                                             \
          _tile_loadd(5, a1 + k, lda);                                                                                 \
          dot(0, 4, 6);                                                                                                \
          dot(1, 4, 7);                                                                                                \
          dot(2, 5, 6);                                                                                                \
          dot(3, 5, 7);                                                                                                \
        }                                                                                                              \
        _tile_stored(0, c0, ldc * 4);                                                                                  \
        _tile_stored(1, c0 + 64, ldc * 4);                                                                             \
        _tile_stored(2, c1, ldc * 4);                                                                                  \
        _tile_stored(3, c1 + 64, ldc * 4);                                                                             \
      }                                                                                                                \
    }                                                                                                                  \
  }

PRODUCT(ke_i8_amx, _tile_dpbusd)
PRODUCT(ke_bf16_amx, _tile_dpbf16ps)
#else
void ke_tiles_on(int set) {}
void ke_tiles_off(int set) {}
#endif
