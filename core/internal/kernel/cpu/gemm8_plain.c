//go:build torch

// The products in plain C, which the self-test also holds the others against.
#include "gemm8.h"
#include "simd.h"

void ke_i8_plain(const void *a, int64_t lda, int rows, const void *w, int64_t row, int panels, void *c, int64_t ldc) {
  for (int r = 0; r < rows; r++) {
    const uint8_t *x = (const uint8_t *)a + r * lda;
    for (int p = 0; p < panels; p++) {
      const int8_t *b = (const int8_t *)w + p * row * ke_panel;
      int32_t acc[16] = {0};
      for (int64_t k = 0; k < row; k += 4)
        for (int n = 0; n < 16; n++)
          for (int g = 0; g < 4; g++) acc[n] += (int32_t)x[k + g] * b[k * 16 + n * 4 + g];
      memcpy((int32_t *)c + r * ldc + p * 16, acc, sizeof acc);
    }
  }
}

void ke_bf16_plain(const void *a, int64_t lda, int rows, const void *w, int64_t row, int panels, void *c, int64_t ldc) {
  for (int r = 0; r < rows; r++) {
    const kc_bf16 *x = (const kc_bf16 *)((const char *)a + r * lda);
    for (int p = 0; p < panels; p++) {
      const kc_bf16 *b = (const kc_bf16 *)((const char *)w + p * row * ke_panel);
      float acc[16] = {0};
      for (int64_t k = 0; k < row / 2; k += 2)
        for (int g = 0; g < 2; g++) {
          float v = kc_from_bf16(x[k + g]);
          for (int n = 0; n < 16; n++) acc[n] += v * kc_from_bf16(b[k * 16 + n * 2 + g]);
        }
      memcpy((float *)c + r * ldc + p * 16, acc, sizeof acc);
    }
  }
}
