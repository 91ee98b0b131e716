//go:build torch

// BF16 products with AVX-512 BF16.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET FOR_BF16
#define ACC __m512
#define W __m512bh
#define X __m512bh
#define LANES 16
#define MR 6
#define NP 4
TARGET static inline __m512 zero(void) { return _mm512_setzero_ps(); }
TARGET static inline __m512bh weights(const uint8_t *p) { return (__m512bh)_mm512_loadu_si512(p); }
TARGET static inline __m512bh spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  return (__m512bh)_mm512_set1_epi32(g);
}
TARGET static inline __m512 dot(__m512 acc, __m512bh x, __m512bh w) { return _mm512_dpbf16_ps(acc, x, w); }
TARGET static inline void store(char *p, __m512 v) { _mm512_storeu_ps(p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_bf16_dot)
#endif
