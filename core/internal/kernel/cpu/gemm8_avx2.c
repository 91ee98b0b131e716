//go:build torch

// 8-bit products without VNNI. VPMADDUBSW saturates at 16 bits (255 * 127 * 2 does not fit), so even and odd bytes are
// widened and multiplied by VPMADDWD, which is exact: the weights once for all rows, a row's group once for all columns.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET FOR_AVX2
#define ACC __m256i
#define LANES 8
#define MR 4
#define NP 1
typedef struct { __m256i even, odd; } words;
#define W words
#define X words
TARGET static inline __m256i zero(void) { return _mm256_setzero_si256(); }
TARGET static inline words weights(const uint8_t *p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
  return (words){_mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8), _mm256_srai_epi16(v, 8)};
}
TARGET static inline words spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  __m256i v = _mm256_set1_epi32(g);
  return (words){_mm256_and_si256(v, _mm256_set1_epi32(0x00ff00ff)), _mm256_srli_epi16(v, 8)};
}
TARGET static inline __m256i dot(__m256i acc, words x, words w) {
  return _mm256_add_epi32(acc, _mm256_add_epi32(_mm256_madd_epi16(x.even, w.even), _mm256_madd_epi16(x.odd, w.odd)));
}
TARGET static inline void store(char *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_i8_avx2)
#endif
