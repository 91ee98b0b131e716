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
