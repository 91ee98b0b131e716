// What the kernels of one instruction set share. A function is compiled for its set by one of these words in front.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define KC_X86 1
#define FOR_AVX2 __attribute__((target("avx2,fma,f16c")))
#define FOR_VNNI __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define FOR_VBMI __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")))
#define FOR_BF16 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")))
#define FOR_AMX __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,amx-tile,amx-bf16,amx-int8")))
#endif

typedef uint16_t kc_bf16;

static inline float kc_from_bf16(kc_bf16 v) {
  uint32_t u = (uint32_t)v << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

// kc_to_bf16 rounds to nearest even; NaN stays NaN.
static inline kc_bf16 kc_to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  if ((u & 0x7fffffff) > 0x7f800000) return (kc_bf16)(u >> 16 | 64);
  return (kc_bf16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// kc_from_f16 and kc_to_f16 convert IEEE half precision; the second rounds to nearest even, too large becomes infinity.
static inline float kc_from_f16(uint16_t h) {
  // The exponent is moved by a multiplication, which also normalises small numbers.
  uint32_t u = (uint32_t)(h & 0x7fff) << 13;
  float f;
  memcpy(&f, &u, 4);
  f *= 0x1p112f;
  memcpy(&u, &f, 4);
  if ((h & 0x7c00) == 0x7c00) u = 0x7f800000 | (uint32_t)(h & 0x3ff) << 13;
  u |= (uint32_t)(h & 0x8000) << 16;
  memcpy(&f, &u, 4);
  return f;
}

static inline uint16_t kc_to_f16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  const uint16_t sign = u >> 16 & 0x8000;
  u &= 0x7fffffff;
  if (u > 0x7f800000) return sign | 0x7e00;
  if (u >= 0x477ff000) return sign | 0x7c00;
  if (u < 0x38800000) { // below the normal numbers: the float adder rounds
    float a;
    memcpy(&a, &u, 4);
    a += 0.5f; // last place 2^-24
    memcpy(&u, &a, 4);
    return sign | (uint16_t)(u - 0x3f000000);
  }
  u += 0xfff + (u >> 13 & 1) - 0x38000000;
  return sign | (uint16_t)(u >> 13);
}
