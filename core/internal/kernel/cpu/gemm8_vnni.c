//go:build torch

// 8-bit products with VNNI in 512 bits.
#include "gemm8.h"
#include "simd.h"
#ifdef KC_X86
#define TARGET FOR_VNNI
#define ACC __m512i
#define W __m512i
#define X __m512i
#define LANES 16
#define MR 6
#define NP 4
TARGET static inline __m512i zero(void) { return _mm512_setzero_si512(); }
TARGET static inline __m512i weights(const uint8_t *p) { return _mm512_loadu_si512(p); }
TARGET static inline __m512i spread(const uint8_t *p) {
  int32_t g;
  memcpy(&g, p, 4);
  return _mm512_set1_epi32(g);
}
TARGET static inline __m512i dot(__m512i acc, __m512i x, __m512i w) { return _mm512_dpbusd_epi32(acc, x, w); }
TARGET static inline void store(char *p, __m512i v) { _mm512_storeu_si512(p, v); }
#include "gemm8_tile.h"
PRODUCT(ke_i8_vnni)
#endif
