// NF4 quantisation, bit for bit as bitsandbytes and core/quant do it, and the decode layout.

struct Quantize {
  const void *w;  // [n]
  u8 *codes;      // [n/2]
  float *absmax;  // [n/64]
  u32 *bad;       // set to 1 where a value is not finite
  s64 n;          // a multiple of 64
};

// code of x: the number of thresholds strictly below it; NaN has code 0.
__device__ __forceinline__ u32 encode(float x) {
  u32 c;
  if (x > 0.03979014977812767f) {
    if (x > 0.3893125355243683f) {
      if (x > 0.6427869200706482f) c = x > 0.8614784181118011f ? 15 : 14;
      else c = x > 0.5016634166240692f ? 13 : 12;
    } else {
      if (x > 0.2035212516784668f) c = x > 0.2920137718319893f ? 11 : 10;
      else c = x > 0.1202552504837513f ? 9 : 8;
    }
  } else {
    if (x > -0.33967943489551544f) {
      if (x > -0.13791173323988914f) c = x > -0.045525018125772476f ? 7 : 6;
      else c = x > -0.23460740596055984f ? 5 : 4;
    } else {
      if (x > -0.6106329262256622f) c = x > -0.4599952697753906f ? 3 : 2;
      else c = x > -0.8480964004993439f ? 1 : 0;
    }
  }
  return c;
}

// normal is x, or 0 where x is subnormal, as in bitsandbytes' kernels (docs/decisions, NF4, byte for byte).
__device__ __forceinline__ float normal(float x) { return fabsf(x) < 1.17549435e-38f ? 0.0f : x; }
// 1/x as core/quant computes it: a subnormal result is 0.
__device__ __forceinline__ float reciprocal(float x) { return x > 8.50705917e37f ? 0.0f : __fdiv_rn(1.0f, x); }

// Eight threads have a block of 64, eight values each. In a block of zeros 0 times infinity is NaN: code 0.
__device__ __forceinline__ void quantize8(const float v[8], s64 i, const Quantize &p) {
  float top = 0;
  bool bad = false;
  for (int k = 0; k < 8; k++) {
    bad |= !(fabsf(v[k]) <= 3.402823466e38f);
    top = fmaxf(top, fabsf(v[k]));
  }
  for (int d = 1; d < 8; d <<= 1) top = fmaxf(top, __shfl_xor_sync(~0u, top, d, 8));
  if (i >= p.n) return;
  if (bad) *p.bad = 1;
  top = normal(top);
  float inverse = reciprocal(top);
  u32 out = 0;
  for (int k = 0; k < 8; k++) out |= encode(__fmul_rn(normal(v[k]), inverse)) << (8 * (k >> 1) + (k & 1 ? 0 : 4));
  *(u32 *)(p.codes + i / 2) = out;
  if ((i & 63) == 0) p.absmax[i / 64] = top;
}

extern "C" __global__ void __launch_bounds__(256) quantize_bf16(const Quantize p) {
  s64 i = ((s64)blockIdx.x * 256 + threadIdx.x) * 8;
  uint4 r = i < p.n ? *(const uint4 *)((const u8 *)p.w + 2 * i) : make_uint4(0, 0, 0, 0);
  float v[8] = {bf16_low(r.x), bf16_high(r.x), bf16_low(r.y), bf16_high(r.y), bf16_low(r.z), bf16_high(r.z), bf16_low(r.w), bf16_high(r.w)};
  quantize8(v, i, p);
}

extern "C" __global__ void __launch_bounds__(256) quantize_f16(const Quantize p) {
  s64 i = ((s64)blockIdx.x * 256 + threadIdx.x) * 8;
  uint4 r = i < p.n ? *(const uint4 *)((const u8 *)p.w + 2 * i) : make_uint4(0, 0, 0, 0);
  u32 w[4] = {r.x, r.y, r.z, r.w};
  float v[8];
  for (int k = 0; k < 8; k++) v[k] = half_float((u16)(w[k >> 1] >> (k & 1) * 16));
  quantize8(v, i, p);
}

extern "C" __global__ void __launch_bounds__(256) quantize_f32(const Quantize p) {
  s64 i = ((s64)blockIdx.x * 256 + threadIdx.x) * 8;
  float4 a = make_float4(0, 0, 0, 0), b = a;
  if (i < p.n) {
    a = *(const float4 *)((const u8 *)p.w + 4 * i);
    b = *(const float4 *)((const u8 *)p.w + 4 * i + 16);
  }
  float v[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
  quantize8(v, i, p);
}

struct Nest {
  const float *absmax;  // [blocks]
  float *sums;          // [parts], of absmax_sum
  u8 *q;                // [blocks]
  float *absmax2;       // [ceil(blocks/256)]
  float *offset;        // [1]
  s64 blocks;
  int threads, parts;   // of absmax_sum, by quant.Mean's rule
};

// tree adds the threads' sums, the upper half to the lower one, again and again.
__device__ __forceinline__ float tree(float *s, int threads) {
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int t = threadIdx.x; t < half; t += blockDim.x) s[t] = __fadd_rn(s[t], s[t + half]);
  }
  __syncthreads();
  return s[0];
}

// Partial sums of absmax in the order of torch's mean (quant.Mean).
extern "C" __global__ void __launch_bounds__(512) absmax_sum(const Nest p) {
  __shared__ float part[512];
  int t = threadIdx.x, b = blockIdx.x;
  float s[4] = {0, 0, 0, 0};
  if (p.blocks < 128) {
    int k = 0;
    for (s64 i = t; i < p.blocks; i += p.threads, k++)
      for (int q = 0; q < 4; q++)
        if ((k & 3) == q) s[q] = __fadd_rn(s[q], p.absmax[i]);
  } else {
    s64 whole = p.blocks / 4;
    for (s64 i = t + (s64)b * p.threads; i < whole; i += (s64)p.threads * p.parts)
      for (int q = 0; q < 4; q++) s[q] = __fadd_rn(s[q], p.absmax[4 * i + q]);
    if (b == 0 && whole * 4 + t < p.blocks) s[0] = __fadd_rn(s[0], p.absmax[whole * 4 + t]);
  }
  part[t] = __fadd_rn(__fadd_rn(__fadd_rn(s[0], s[1]), s[2]), s[3]);
  float sum = tree(part, p.threads);
  if (t == 0) p.sums[b] = sum;
}

// nearest entry of the sorted map: a fixed descent, then the midpoint to the neighbour decides (quant.nearest).
__device__ __forceinline__ u8 nearest(const float *m, float x) {
  int pivot = 127, upper = 255, lower = 0;
  for (int i = 64; i > 0; i >>= 1) {
    if (x > m[pivot]) {
      lower = pivot;
      pivot += i;
    } else {
      upper = pivot;
      pivot -= i;
    }
  }
  float v = m[pivot];
  if (x > v) return x > __fmul_rn(__fadd_rn(m[upper], v), 0.5f) ? upper : pivot;
  return x < __fmul_rn(__fadd_rn(m[lower], v), 0.5f) ? lower : pivot;
}

// One block of threads for 256 absmax: absmax2 = max |absmax - offset|, q = nearest((absmax - offset) / absmax2).
extern "C" __global__ void __launch_bounds__(256) absmax_nest(const Nest p) {
  __shared__ float part[512], map[256], tops[8];
  int t = threadIdx.x;
  map[t] = dynamic_map[t];
  float sum = p.sums[0];
  if (p.parts > 1) {
    for (int i = t; i < p.threads; i += 256) {
      float s = 0;
      for (int j = i; j < p.parts; j += p.threads) s = __fadd_rn(s, p.sums[j]);
      part[i] = s;
    }
    sum = tree(part, p.threads);
  }
  __syncthreads();
  float offset = __fmul_rn(sum, __fdiv_rn(1.0f, (float)p.blocks));
  s64 i = (s64)blockIdx.x * 256 + t;
  float a = i < p.blocks ? __fsub_rn(p.absmax[i], offset) : 0;
  float top = warp_max(fabsf(a));
  if ((t & 31) == 0) tops[t >> 5] = top;
  __syncthreads();
  for (int k = 0; k < 8; k++) top = fmaxf(top, tops[k]);
  top = normal(top);
  if (i < p.blocks) p.q[i] = nearest(map, __fmul_rn(a, reciprocal(top)));
  if (t == 0) p.absmax2[blockIdx.x] = top;
  if (i == 0) *p.offset = offset;
}

struct Place {
  const u8 *codes;       // [rows * cols / 2]
  const float *absmax;   // [blocks], where q is 0
  const u8 *q;           // [blocks]
  const float *absmax2;  // [ceil(blocks/256)]
  const float *map;      // [256]; 0: dynamic_map
  const float *offset;   // [1]
  u8 *units;             // [rows/16 * cols/64][512]
  u16 *scales;           // [rows/16 * cols/64][16]
  float *factor;         // [1]
  u32 *top;              // [1], zero before scale_top: bits of the largest |scale|
  int rows, cols, chunk, pad;
};

__device__ __forceinline__ float scale_of(const Place &p, s64 b) {
  if (!p.q) return p.absmax[b];
  const float *map = p.map ? p.map : dynamic_map;
  return __fadd_rn(__fmul_rn(map[p.q[b]], p.absmax2[b >> 8]), *p.offset);
}

extern "C" __global__ void __launch_bounds__(256) scale_top(const Place p) {
  s64 n = (s64)p.rows * (p.cols / 64);
  float top = 0;
  for (s64 b = (s64)blockIdx.x * 256 + threadIdx.x; b < n; b += (s64)gridDim.x * 256) top = fmaxf(top, fabsf(scale_of(p, b)));
  top = warp_max(top);
  if ((threadIdx.x & 31) == 0) atomicMax(p.top, __float_as_uint(top));
}

// A warp makes a unit of 16 rows x 64 columns. Thread (g, t) = (lane/4, lane%4) has columns 16t..16t+15 of rows g and
// g+8: eight bytes of each, which are two pairs per step of the tensor core: row g, row g+8, row g, row g+8.
extern "C" __global__ void __launch_bounds__(256) place_codes(const Place p) {
  int kbs = p.cols / 64, tiles = p.rows / 16, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  s64 unit = (s64)blockIdx.x * 8 + (threadIdx.x >> 5);
  if (unit >= (s64)kbs * tiles) return;
  int k = unit % p.chunk, tile = unit / p.chunk % tiles, kb = (int)(unit / p.chunk / tiles) * p.chunk + k;
  s64 row = (s64)tile * 16 + g;
  uint2 a = *(const uint2 *)(p.codes + (row * p.cols + kb * 64 + t * 16) / 2);
  uint2 b = *(const uint2 *)(p.codes + ((row + 8) * p.cols + kb * 64 + t * 16) / 2);
  uint4 out;
  out.x = __byte_perm(a.x, b.x, 0x5140);
  out.y = __byte_perm(a.x, b.x, 0x7362);
  out.z = __byte_perm(a.y, b.y, 0x5140);
  out.w = __byte_perm(a.y, b.y, 0x7362);
  *(uint4 *)(p.units + unit * 512 + lane * 16) = out;
  // A power of two brings the scales into fp16's range without rounding.
  float top = __uint_as_float(*p.top);
  float factor = top > 0 ? __uint_as_float(__float_as_uint(top) & 0x7f800000u) : 1.0f;
  if (factor < 1.2e-38f) factor = 1.2e-38f;
  if (t == 0) {
    u32 pair = half_of(scale_of(p, row * kbs + kb) / factor) | (u32)half_of(scale_of(p, (row + 8) * kbs + kb) / factor) << 16;
    ((u32 *)p.scales)[unit * 8 + g] = pair;
  }
  if (unit == 0 && lane == 0) *p.factor = factor;
}

struct Dequantize {
  const u8 *units;
  const u16 *scales;
  const float *factor;
  u16 *out;  // bf16 [rows, cols]
  int rows, cols, chunk, pad;
};

// A warp takes a unit and writes 16 lines of 128 bytes.
extern "C" __global__ void __launch_bounds__(256) dequantize(const Dequantize p) {
  __shared__ float table[16];
  if (threadIdx.x < 16) table[threadIdx.x] = nf4[threadIdx.x];
  __syncthreads();
  u32 kbs = p.cols / 64, tiles = p.rows / 16, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, odd = lane & 1;
  u32 unit = blockIdx.x * 8 + (threadIdx.x >> 5);
  if (unit >= kbs * tiles) return;
  u32 run = unit / p.chunk, k = unit - run * p.chunk, part = run / tiles, tile = run - part * tiles, kb = part * p.chunk + k;
  uint4 in = __ldcs((const uint4 *)(p.units + (s64)unit * 512 + lane * 16));
  u32 pair = __ldcs((const u32 *)p.scales + (s64)unit * 8 + g);
  float factor = *p.factor, s[2] = {half_float((u16)pair) * factor, half_float((u16)(pair >> 16)) * factor};
  u32 w[4] = {in.x, in.y, in.z, in.w};
#pragma unroll
  for (int r = 0; r < 2; r++) {
    u32 out[8], got[4];
#pragma unroll
    for (int i = 0; i < 8; i++) {
      u32 b = w[i >> 1] >> (16 * (i & 1) + 8 * r);
      out[i] = bf16_pair(table[b >> 4 & 15] * s[r], table[b & 15] * s[r]);
    }
    // Neighbours exchange 16 bytes, so that every store of the warp fills whole sectors of 32 bytes: an even thread has
    // piece 2t and gets 2t + 2, an odd one gets 2t - 1 and has 2t + 1.
#pragma unroll
    for (int i = 0; i < 4; i++) got[i] = __shfl_xor_sync(~0u, odd ? out[i] : out[4 + i], 1);
    uint4 *to = (uint4 *)(p.out + ((s64)tile * 16 + g + 8 * r) * p.cols + kb * 64) + 2 * t - odd;
    to[0] = odd ? make_uint4(got[0], got[1], got[2], got[3]) : make_uint4(out[0], out[1], out[2], out[3]);
    to[2] = odd ? make_uint4(out[4], out[5], out[6], out[7]) : make_uint4(got[0], got[1], got[2], got[3]);
  }
}

struct Words {
  uint4 *dst;
  const uint4 *src;
  s64 n;
};

// The copy that the benchmark takes as the ceiling.
extern "C" __global__ void __launch_bounds__(512) copy_words(const Words p) {
  s64 step = (s64)gridDim.x * 512;
  for (s64 i = (s64)blockIdx.x * 512 + threadIdx.x; i < p.n; i += 4 * step) {
    uint4 v[4];
#pragma unroll
    for (int k = 0; k < 4; k++)
      if (i + k * step < p.n) v[k] = __ldcs(p.src + i + k * step);
#pragma unroll
    for (int k = 0; k < 4; k++)
      if (i + k * step < p.n) __stcs(p.dst + i + k * step, v[k]);
  }
}
