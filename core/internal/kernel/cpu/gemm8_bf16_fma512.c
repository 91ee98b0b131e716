//go:build torch

// BF16 products by fp32 arithmetic in 512 bits, for AVX-512 without BF16.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET FOR_VNNI
#define ACC __m512
#define LANES 16
#define MR 6
#define NP 2
typedef struct { __m512 even, odd; } pair;
#define W pair
#define X pair
TARGET static inline __m512 zero(void) { return _mm512_setzero_ps(); }
TARGET static inline pair halves(__m512i v) {
  return (pair){_mm512_castsi512_ps(_mm512_slli_epi32(v, 16)), _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(0xffff0000)))};
}
TARGET static inline pair weights(const uint8_t *p) { return halves(_mm512_loadu_si512(p)); }
TARGET static inline pair spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  return halves(_mm512_set1_epi32(g));
}
TARGET static inline __m512 dot(__m512 acc, pair x, pair w) { return _mm512_fmadd_ps(x.odd, w.odd, _mm512_fmadd_ps(x.even, w.even, acc)); }
TARGET static inline void store(char *p, __m512 v) { _mm512_storeu_ps(p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_bf16_fma512)
#endif
