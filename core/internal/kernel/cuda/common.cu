// What all kernels share. Compiled by NVRTC without any header.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define INFINITY __int_as_float(0x7f800000)

// NF4's values by code.
__constant__ float nf4[16] = {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f,
    0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
    0.7229568362236023f, 1.0f};

__device__ __forceinline__ float bf16_float(u32 v) { return __uint_as_float(v << 16); }
__device__ __forceinline__ float bf16_low(u32 v) { return __uint_as_float(v << 16); }
__device__ __forceinline__ float bf16_high(u32 v) { return __uint_as_float(v & 0xffff0000u); }

// Two floats as bf16, lo in the low half; to nearest, ties to even.
__device__ __forceinline__ u32 bf16_pair(float lo, float hi) {
#if __CUDA_ARCH__ >= 800
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
#else
  u32 a = __float_as_uint(lo), b = __float_as_uint(hi);
  a = (a & 0x7fffffffu) > 0x7f800000u ? a | 0x400000u : a + 0x7fffu + (a >> 16 & 1);
  b = (b & 0x7fffffffu) > 0x7f800000u ? b | 0x400000u : b + 0x7fffu + (b >> 16 & 1);
  return a >> 16 | (b & 0xffff0000u);
#endif
}

__device__ __forceinline__ float half_float(u16 v) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v));
  return f;
}
__device__ __forceinline__ u16 half_of(float v) {
  u16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(v));
  return h;
}

// Loads past the first-level cache, which does not see what other multiprocessors write.
__device__ __forceinline__ uint4 load16(const void *p) {
  uint4 v;
  asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
  return v;
}
__device__ __forceinline__ uint2 load8(const void *p) {
  uint2 v;
  asm volatile("ld.global.cg.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p) : "memory");
  return v;
}
__device__ __forceinline__ u32 load4(const void *p) {
  u32 v;
  asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
__device__ __forceinline__ s64 load_s64(const s64 *p) {
  s64 v;
  asm volatile("ld.global.cg.s64 %0, [%1];" : "=l"(v) : "l"(p) : "memory");
  return v;
}
// pinned keeps an address in registers: loads then differ in a constant, and are one instruction each.
template <class T> __device__ __forceinline__ T *pinned(T *p) {
  asm volatile("" : "+l"(p));
  return p;
}
__device__ __forceinline__ float load_float(const float *p) { return __uint_as_float(load4(p)); }

__device__ __forceinline__ float warp_sum(float v) {
  for (int i = 16; i > 0; i >>= 1) v += __shfl_xor_sync(~0u, v, i);
  return v;
}
__device__ __forceinline__ float warp_max(float v) {
  for (int i = 16; i > 0; i >>= 1) v = fmaxf(v, __shfl_xor_sync(~0u, v, i));
  return v;
}

// activation by number (shape.go).
__device__ __forceinline__ float activate(float x, int act) {
  if (act == 0) return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
  if (act == 1) return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
  if (act == 2) return fmaxf(x, 0.0f);
  return x / (1.0f + expf(-x));
}
