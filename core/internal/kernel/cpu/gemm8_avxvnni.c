//go:build torch

// 8-bit products with VNNI in 256 bits (AVX-VNNI: desktop processors without AVX-512). With KC_EMULATED the one instruction that
// is special is put together from AVX2's (gemm8_emulated.c), so that the rest is checked on processors that lack it.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#ifdef KC_EMULATED
#define TARGET FOR_AVX2
#define NAME ke_i8_emulated
#else
#define TARGET __attribute__((target("avx2,fma,f16c,avxvnni")))
#define NAME ke_i8_avxvnni
#endif
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
#ifdef KC_EMULATED
TARGET static inline __m256i dot(__m256i acc, __m256i x, __m256i w) {
  const __m256i low = _mm256_set1_epi16(255);
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(x, low), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
  return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
}
#else
TARGET static inline __m256i dot(__m256i acc, __m256i x, __m256i w) { return _mm256_dpbusd_avx_epi32(acc, x, w); }
#endif
TARGET static inline void store(char *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
#include "gemm8_tile.h"
PRODUCT(NAME)
#endif
