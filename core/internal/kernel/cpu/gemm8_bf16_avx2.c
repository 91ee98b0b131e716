//go:build torch

// BF16 products by fp32 arithmetic: the two numbers of a group are the halves of a lane, widened by a shift and a mask.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET FOR_AVX2
#define ACC __m256
#define LANES 8
#define MR 4
#define NP 1
typedef struct { __m256 even, odd; } pair;
#define W pair
#define X pair
TARGET static inline __m256 zero(void) { return _mm256_setzero_ps(); }
TARGET static inline pair halves(__m256i v) {
  return (pair){_mm256_castsi256_ps(_mm256_slli_epi32(v, 16)), _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(0xffff0000)))};
}
TARGET static inline pair weights(const uint8_t *p) { return halves(_mm256_loadu_si256((const __m256i *)p)); }
TARGET static inline pair spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  return halves(_mm256_set1_epi32(g));
}
TARGET static inline __m256 dot(__m256 acc, pair x, pair w) { return _mm256_fmadd_ps(x.odd, w.odd, _mm256_fmadd_ps(x.even, w.even, acc)); }
TARGET static inline void store(char *p, __m256 v) { _mm256_storeu_ps((float *)p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_bf16_avx2)
#endif
