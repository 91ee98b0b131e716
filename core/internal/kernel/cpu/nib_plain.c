//go:build torch

// The same whole numbers as AVX2, in plain C.
#include "nib.h"
#include "simd.h"

void kc_product_plain(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch) {
  int16_t w[16][64];
  (void)scratch;
  for (int64_t t = 0; t < tokens; t++) memset(out + t * ld, 0, KC_PANEL * sizeof(float));
  for (int g = 0; g < 4; g++) {
    const uint16_t *s = kc_scales(m, 4 * panel + g);
    float *o = out + 16 * g;
    for (int64_t b = 0; b < m->blocks; b++) {
      memset(w, 0, sizeof w);
      for (int p = 0; p < m->planes; p++) {
        const uint8_t *c = kc_codes(m, 4 * panel + g) + 512 * (b * m->planes + p);
        for (int l = 0; l < 8; l++)
          for (int r = 0; r < 16; r++)
            for (int i = 0; i < 4; i++) {
              const uint8_t v = c[64 * l + 4 * r + i];
              w[r][8 * l + i] += m->lut.word[p][v & 15];
              w[r][8 * l + 4 + i] += m->lut.word[p][v >> 4];
            }
      }
      for (int64_t t = 0; t < tokens; t++) {
        const int16_t *q = (const int16_t *)x->q + t * m->cols + 64 * b;
        const float f = x->scale[t * x->blocks + b];
        for (int r = 0; r < 16; r++) {
          int32_t acc = 0;
          for (int k = 0; k < 64; k++) acc += (int32_t)w[r][k] * q[k];
          o[t * ld + r] += (float)acc * f * kc_from_f16(s[16 * b + r]);
        }
      }
    }
  }
}
