//go:build torch

// 8-bit products with VNNI in 256 bits (AVX-VNNI: desktop processors without AVX-512).
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET __attribute__((target("avx2,fma,f16c,avxvnni")))
#define ACC __m256i
#define W __m256i
#define X __m256i
#define LANES 8
#define MR 6
#define NP 1
TARGET static inline __m256i zero(void) { return _mm256_setzero_si256(); }
TARGET static inline __m256i weights(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
TARGET static inline __m256i spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  return _mm256_set1_epi32(g);
}
TARGET static inline __m256i dot(__m256i acc, __m256i x, __m256i w) { return _mm256_dpbusd_avx_epi32(acc, x, w); }
TARGET static inline void store(char *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_i8_avxvnni)
#endif
