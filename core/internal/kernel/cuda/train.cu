// The small operations of a training step that libtorch would do in several passes over memory each: norms with the residual, rotary, LoRA
// with its dropout, forward and backward, and the cross entropy. Rows are tokens; matrices are bf16, sums fp32. Every sum is made in one
// order, so the same input gives the same bits. Widths are multiples of 8. R, the rank of a LoRA, is 8 * R8.

__device__ __forceinline__ void floats8(uint4 r, float *v) {
  v[0] = bf16_low(r.x), v[1] = bf16_high(r.x), v[2] = bf16_low(r.y), v[3] = bf16_high(r.y);
  v[4] = bf16_low(r.z), v[5] = bf16_high(r.z), v[6] = bf16_low(r.w), v[7] = bf16_high(r.w);
}
__device__ __forceinline__ uint4 packed8(const float *v) {
  return make_uint4(bf16_pair(v[0], v[1]), bf16_pair(v[2], v[3]), bf16_pair(v[4], v[5]), bf16_pair(v[6], v[7]));
}

// Dropout: number i of a matrix is left out where its 16 random bits, of Philox 4x32 with seven rounds (Salmon et al., SC 2011) counted by
// i / 8, are below drop. drop 0 leaves nothing out.
struct Dropout {
  u64 seed;
  u32 drop;     // share of 65536
  float scale;  // of what stays
};

__device__ __forceinline__ uint4 philox7(u64 seed, u64 count) {
  u32 a = (u32)count, b = (u32)(count >> 32), c = 0, d = 0, k = (u32)seed, l = (u32)(seed >> 32);
#pragma unroll
  for (int i = 0; i < 7; i++) {
    u32 ah = __umulhi(0xD2511F53u, a), al = 0xD2511F53u * a, ch = __umulhi(0xCD9E8D57u, c), cl = 0xCD9E8D57u * c;
    a = ch ^ b ^ k, b = cl, c = ah ^ d ^ l, d = al;
    k += 0x9E3779B9u, l += 0xBB67AE85u;
  }
  return make_uint4(a, b, c, d);
}

// The eight numbers from i on, a multiple of 8.
__device__ __forceinline__ void leave_out(const Dropout &p, s64 i, float *v) {
  if (!p.drop) return;
  uint4 r = philox7(p.seed, (u64)i >> 3);
  u32 w[4] = {r.x, r.y, r.z, r.w};
#pragma unroll
  for (int k = 0; k < 8; k++) v[k] = (w[k >> 1] >> (k & 1) * 16 & 0xffffu) < p.drop ? 0.0f : v[k] * p.scale;
}

struct Norm {
  u16 *x;        // [n, WIDTH]; with add it becomes x + add
  const u16 *add;  // [n, WIDTH] or 0
  const u16 *w, *b;  // [WIDTH]
  u16 *y;        // [n, WIDTH]
  float *mean, *rstd;  // [n]
  s64 n;
  float eps;
  int pad;
};

// Chunks of eight numbers that a lane has of a row.
constexpr int CHUNKS = (WIDTH / 8 + 31) / 32;

// One warp a row, which it keeps in registers.
extern "C" __global__ void __launch_bounds__(128, 4) train_norm(const Norm p) {
  s64 row = (s64)blockIdx.x * 4 + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (row >= p.n) return;
  s64 at = row * (WIDTH / 8);
  uint4 kept[CHUNKS];
  float sum = 0;
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) {
    int i = c * 32 + lane;
    if (i >= WIDTH / 8) continue;
    float v[8], a[8];
    kept[c] = *((const uint4 *)p.x + at + i);
    floats8(kept[c], v);
    if (p.add) {
      floats8(*((const uint4 *)p.add + at + i), a);
      for (int k = 0; k < 8; k++) v[k] += a[k];
      kept[c] = packed8(v);
      *((uint4 *)p.x + at + i) = kept[c];
      floats8(kept[c], v);
    }
    for (int k = 0; k < 8; k++) sum += v[k];
  }
  float mean = warp_sum(sum) / WIDTH, square = 0;
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) {
    if (c * 32 + lane >= WIDTH / 8) continue;
    float v[8];
    floats8(kept[c], v);
    for (int k = 0; k < 8; k++) square += (v[k] - mean) * (v[k] - mean);
  }
  float rstd = rsqrtf(warp_sum(square) / WIDTH + p.eps);
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) {
    int i = c * 32 + lane;
    if (i >= WIDTH / 8) continue;
    float v[8], w[8], b[8];
    floats8(kept[c], v), floats8(__ldg((const uint4 *)p.w + i), w), floats8(__ldg((const uint4 *)p.b + i), b);
    for (int k = 0; k < 8; k++) v[k] = (v[k] - mean) * rstd * w[k] + b[k];
    *((uint4 *)p.y + at + i) = packed8(v);
  }
  if (lane == 0) p.mean[row] = mean, p.rstd[row] = rstd;
}

struct NormBack {
  u16 *dy;        // [n, WIDTH], of the norm's result; becomes the gradient of its input, with add
  const u16 *x;   // [n, WIDTH], that input
  const u16 *w;   // [WIDTH]
  const float *mean, *rstd;  // [n]
  const u16 *add;  // [n, WIDTH] or 0
  const float *low;  // [n, R] or 0: with a LoRA dy gets dropout(low a)
  const u16 *a;      // [R, WIDTH]
  Dropout drop;
  s64 n;
};

template <int R8>
__device__ __forceinline__ void norm_back(const NormBack &p) {
  s64 row = (s64)blockIdx.x * 4 + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (row >= p.n) return;
  s64 at = row * (WIDTH / 8);
  float mean = p.mean[row], rstd = p.rstd[row], s1 = 0, s2 = 0, low[R8 ? 8 * R8 : 1];
  for (int r = 0; r < 8 * R8; r++) low[r] = p.low[row * (8 * R8) + r];
  uint4 g[CHUNKS], x[CHUNKS];
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) {
    int i = c * 32 + lane;
    if (i >= WIDTH / 8) continue;
    g[c] = *((const uint4 *)p.dy + at + i);
    x[c] = *((const uint4 *)p.x + at + i);
    float v[8], in[8], w[8];
    if (R8) {
      float more[8] = {0, 0, 0, 0, 0, 0, 0, 0}, a[8];
#pragma unroll
      for (int r = 0; r < 8 * R8; r++) {
        floats8(__ldg((const uint4 *)p.a + r * (WIDTH / 8) + i), a);
        for (int k = 0; k < 8; k++) more[k] += low[r] * a[k];
      }
      leave_out(p.drop, (at + i) * 8, more);
      floats8(g[c], v);
      for (int k = 0; k < 8; k++) v[k] += more[k];
      g[c] = packed8(v);
    }
    floats8(g[c], v), floats8(x[c], in), floats8(__ldg((const uint4 *)p.w + i), w);
    for (int k = 0; k < 8; k++) {
      float d = v[k] * w[k];
      s1 += d, s2 += d * (in[k] - mean) * rstd;
    }
  }
  s1 = warp_sum(s1) / WIDTH, s2 = warp_sum(s2) / WIDTH;
#pragma unroll
  for (int c = 0; c < CHUNKS; c++) {
    int i = c * 32 + lane;
    if (i >= WIDTH / 8) continue;
    float v[8], in[8], w[8], a[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (p.add) floats8(*((const uint4 *)p.add + at + i), a);
    floats8(g[c], v), floats8(x[c], in), floats8(__ldg((const uint4 *)p.w + i), w);
    for (int k = 0; k < 8; k++) v[k] = rstd * (v[k] * w[k] - s1 - (in[k] - mean) * rstd * s2) + a[k];
    *((uint4 *)p.dy + at + i) = packed8(v);
  }
}
extern "C" __global__ void __launch_bounds__(128, 3) train_norm_back(const NormBack p) { norm_back<0>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_norm_back_8(const NormBack p) { norm_back<1>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_norm_back_16(const NormBack p) { norm_back<2>(p); }

struct Down {
  const u16 *x;  // [n, width]
  const u16 *w;  // [R, width]; turned: [width, R]
  float *low;    // [n, R] = scale dropout(x) w^T
  Dropout drop;
  s64 n;
  float scale;
  int width;
};

// A warp has 8 / R8 rows of x at the same time, so that w is read as seldom; a lane has every 32nd chunk of them.
template <int R8, bool TURNED>
__device__ __forceinline__ void down(const Down &p) {
  constexpr int R = 8 * R8, ROWS = 8 / R8;
  int lane = threadIdx.x & 31;
  s64 first = ((s64)blockIdx.x * 4 + (threadIdx.x >> 5)) * ROWS;
  if (first >= p.n) return;
  float acc[ROWS][R];
#pragma unroll
  for (int t = 0; t < ROWS; t++)
#pragma unroll
    for (int r = 0; r < R; r++) acc[t][r] = 0;
  for (int i = lane; i < p.width / 8; i += 32) {
    float x[ROWS][8], w[8];
#pragma unroll
    for (int t = 0; t < ROWS; t++) {
      s64 row = first + t < p.n ? first + t : p.n - 1;
      floats8(*((const uint4 *)p.x + row * (p.width / 8) + i), x[t]);
    }
#pragma unroll
    for (int t = 0; t < ROWS; t++) leave_out(p.drop, (first + t) * p.width + 8 * i, x[t]);
    if (TURNED) {
#pragma unroll
      for (int k = 0; k < 8; k++)
#pragma unroll
        for (int q = 0; q < R8; q++) {
          floats8(__ldg((const uint4 *)p.w + (8 * i + k) * R8 + q), w);
#pragma unroll
          for (int t = 0; t < ROWS; t++)
#pragma unroll
            for (int r = 0; r < 8; r++) acc[t][8 * q + r] += x[t][k] * w[r];
        }
    } else {
#pragma unroll
      for (int r = 0; r < R; r++) {
        floats8(__ldg((const uint4 *)p.w + r * (p.width / 8) + i), w);
#pragma unroll
        for (int t = 0; t < ROWS; t++)
#pragma unroll
          for (int k = 0; k < 8; k++) acc[t][r] += x[t][k] * w[k];
      }
    }
  }
  float mine[2];
#pragma unroll
  for (int t = 0; t < ROWS; t++)
#pragma unroll
    for (int r = 0; r < R; r++) {
      float s = warp_sum(acc[t][r]);
      int i = t * R + r; // 64 sums: lane i % 32 writes it
      if ((i & 31) == lane) mine[i >> 5] = s;
    }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    int i = h * 32 + lane;
    if (first + i / R < p.n) p.low[first * R + i] = mine[h] * p.scale;
  }
}
extern "C" __global__ void __launch_bounds__(128, 3) train_down_8(const Down p) { down<1, false>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_down_16(const Down p) { down<2, false>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_down_turned_8(const Down p) { down<1, true>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_down_turned_16(const Down p) { down<2, true>(p); }

struct Up {
  u16 *y;            // [n, width] += scale low w^T; then, with cos, q and k of y [n, HEADS, 3, HEAD] are turned
  const float *low;  // [n, R]
  const u16 *w;      // [width, R]
  const u16 *cos, *sin;  // [n, ROTARY/2] or 0
  s64 n;
  float scale;
  int width, each, pad;  // each: rows of a thread
};

// The two chunks that a thread has of a row: partners of the rotation, or neighbours. part is 0 q, 1 k, 2 v.
__device__ __forceinline__ void chunks(int unit, bool turns, int &c0, int &c1, int &angle) {
  angle = -1;
  if (!turns) {
    c0 = 2 * unit, c1 = c0 + 1;
    return;
  }
  int of = unit / (HEAD / 16), i = unit % (HEAD / 16), part = of % 3;
  if (i < ROTARY / 16) {
    c0 = i, c1 = i + ROTARY / 16;
    if (part < 2) angle = i;
  } else {
    c0 = ROTARY / 8 + 2 * (i - ROTARY / 16), c1 = c0 + 1;
  }
  c0 += of * (HEAD / 8), c1 += of * (HEAD / 8);
}

__device__ __forceinline__ void turn(float *x, float *y, uint4 cosine, uint4 sine, float direction) {
  float c[8], s[8];
  floats8(cosine, c), floats8(sine, s);
#pragma unroll
  for (int k = 0; k < 8; k++) {
    float a = x[k], b = y[k], t = s[k] * direction;
    x[k] = a * c[k] - b * t, y[k] = b * c[k] + a * t;
  }
}

template <int R8>
__device__ __forceinline__ void up(const Up &p) {
  int units = p.width / 16;
  s64 id = (s64)blockIdx.x * blockDim.x + threadIdx.x, first = id / units * p.each;
  if (first >= p.n) return;
  int c0, c1, angle;
  chunks((int)(id % units), p.cos, c0, c1, angle);
  uint4 w[2][8][R8 ? R8 : 1];
#pragma unroll
  for (int k = 0; k < 8; k++)
#pragma unroll
    for (int q = 0; q < R8; q++) {
      w[0][k][q] = __ldg((const uint4 *)p.w + (8 * c0 + k) * R8 + q);
      w[1][k][q] = __ldg((const uint4 *)p.w + (8 * c1 + k) * R8 + q);
    }
  s64 last = first + p.each < p.n ? first + p.each : p.n;
  if (!R8 && angle < 0) return;
  uint4 *y = (uint4 *)p.y + first * (p.width / 8);
  uint4 next0 = y[c0], next1 = y[c1];
  for (s64 row = first; row < last; row++) {
    float v[2][8];
    floats8(next0, v[0]), floats8(next1, v[1]);
    if (row + 1 < last) next0 = y[p.width / 8 + c0], next1 = y[p.width / 8 + c1];
    if (R8) {
#pragma unroll
      for (int q = 0; q < R8; q++) {
        float4 lo = __ldg((const float4 *)p.low + (row * R8 + q) * 2), hi = __ldg((const float4 *)p.low + (row * R8 + q) * 2 + 1);
        float low[8] = {lo.x * p.scale, lo.y * p.scale, lo.z * p.scale, lo.w * p.scale, hi.x * p.scale, hi.y * p.scale, hi.z * p.scale, hi.w * p.scale};
#pragma unroll
        for (int h = 0; h < 2; h++)
#pragma unroll
          for (int k = 0; k < 8; k++) {
            float b[8], s = 0;
            uint4 packed = w[h][k][q];
            asm volatile("" : "+r"(packed.x), "+r"(packed.y), "+r"(packed.z), "+r"(packed.w)); // stays packed between rows
            floats8(packed, b);
#pragma unroll
            for (int r = 0; r < 8; r++) s += low[r] * b[r];
            v[h][k] += s;
          }
      }
    }
    if (angle >= 0) turn(v[0], v[1], __ldg((const uint4 *)p.cos + row * (ROTARY / 16) + angle), __ldg((const uint4 *)p.sin + row * (ROTARY / 16) + angle), 1);
    y[c0] = packed8(v[0]), y[c1] = packed8(v[1]);
    y += p.width / 8;
  }
}
extern "C" __global__ void __launch_bounds__(128) train_turn(const Up p) { up<0>(p); }
extern "C" __global__ void __launch_bounds__(128, 4) train_up_8(const Up p) { up<1>(p); }
extern "C" __global__ void __launch_bounds__(128, 2) train_up_16(const Up p) { up<2>(p); }

struct Gather {
  const u16 *dq, *dk, *dv;  // [n, HEADS, HEAD]
  u16 *out;                 // [n, HEADS, 3, HEAD], q and k turned back
  const u16 *cos, *sin;     // [n, ROTARY/2] or 0
  s64 n;
};

extern "C" __global__ void __launch_bounds__(256) train_gather(const Gather p) {
  constexpr int UNITS = 3 * HEADS * (HEAD / 16);
  s64 id = (s64)blockIdx.x * 256 + threadIdx.x, row = id / UNITS;
  if (row >= p.n) return;
  int unit = (int)(id % UNITS), c0, c1, angle;
  chunks(unit, true, c0, c1, angle);
  int of = unit / (HEAD / 16), part = of % 3;
  const u16 *from = part == 0 ? p.dq : part == 1 ? p.dk : p.dv;
  // In one part's own matrix the head's chunks begin at of / 3 * HEAD / 8, here at of * HEAD / 8.
  const uint4 *src = (const uint4 *)from + (row * HEADS + of / 3) * (HEAD / 8) - of * (HEAD / 8);
  float a[8], b[8];
  floats8(__ldcs(src + c0), a), floats8(__ldcs(src + c1), b);
  if (p.cos && angle >= 0) turn(a, b, __ldg((const uint4 *)p.cos + row * (ROTARY / 16) + angle), __ldg((const uint4 *)p.sin + row * (ROTARY / 16) + angle), -1);
  uint4 *to = (uint4 *)p.out + row * (3 * HEADS * HEAD / 8);
  to[c0] = packed8(a), to[c1] = packed8(b);
}

struct Outer {
  const u16 *x;      // [n, width]
  const float *low;  // [n, R]
  float *part;       // [slices, width, R]: of each slice of the rows dropout(x)^T low
  const float *mean, *rstd;  // [n] or 0: x is normalised first, as train_norm does
  const u16 *w, *b;          // [width]
  Dropout drop;
  s64 n;
  int width, slices;
};

// A thread has eight columns of x and all of low's.
template <int R8>
__device__ __forceinline__ void outer(const Outer &p) {
  constexpr int R = 8 * R8;
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= p.width / 8) return;
  s64 each = (p.n + p.slices - 1) / p.slices, first = blockIdx.y * each, last = first + each < p.n ? first + each : p.n;
  float acc[8][R], w[8], b[8];
#pragma unroll
  for (int k = 0; k < 8; k++)
#pragma unroll
    for (int r = 0; r < R; r++) acc[k][r] = 0;
  if (p.mean) floats8(__ldg((const uint4 *)p.w + i), w), floats8(__ldg((const uint4 *)p.b + i), b);
#pragma unroll 4
  for (s64 row = first; row < last; row++) {
    float v[8];
    floats8(__ldcs((const uint4 *)p.x + row * (p.width / 8) + i), v);
    if (p.mean) {
      float mean = __ldg(p.mean + row), rstd = __ldg(p.rstd + row);
#pragma unroll
      for (int k = 0; k < 8; k++) v[k] = (v[k] - mean) * rstd * w[k] + b[k];
      floats8(packed8(v), v); // what the product saw
    }
    leave_out(p.drop, row * p.width + 8 * i, v);
#pragma unroll
    for (int q = 0; q < 2 * R8; q++) {
      float4 l = __ldg((const float4 *)p.low + row * (2 * R8) + q);
#pragma unroll
      for (int k = 0; k < 8; k++) acc[k][4 * q] += v[k] * l.x, acc[k][4 * q + 1] += v[k] * l.y, acc[k][4 * q + 2] += v[k] * l.z, acc[k][4 * q + 3] += v[k] * l.w;
    }
  }
  float4 *to = (float4 *)p.part + ((s64)blockIdx.y * p.width + 8 * i) * (R / 4);
#pragma unroll
  for (int k = 0; k < 8; k++)
#pragma unroll
    for (int q = 0; q < R / 4; q++) to[k * (R / 4) + q] = make_float4(acc[k][4 * q], acc[k][4 * q + 1], acc[k][4 * q + 2], acc[k][4 * q + 3]);
}
extern "C" __global__ void __launch_bounds__(128, 4) train_outer_8(const Outer p) { outer<1>(p); }
extern "C" __global__ void __launch_bounds__(128, 2) train_outer_16(const Outer p) { outer<2>(p); }

struct Sum {
  const float *part;  // [slices, width, R]
  float *to;          // [width, R] += scale times the sum; turned: [R, width]
  float scale;
  int width, rank, slices, turned, pad;
};

extern "C" __global__ void __launch_bounds__(256) train_sum(const Sum p) {
  int n = p.width * p.rank, i = blockIdx.x * 256 + threadIdx.x;
  if (i >= n) return;
  float s = 0;
#pragma unroll 8
  for (int k = 0; k < p.slices; k++) s += p.part[(s64)k * n + i];
  int at = p.turned ? i % p.rank * p.width + i / p.rank : i;
  p.to[at] += p.scale * s;
}

struct Masked {
  u16 *y;            // [n, width] += dropout(low a)
  const float *low;  // [n, R]
  const u16 *a;      // [R, width]
  Dropout drop;
  s64 n;
  int width, each;   // each: rows of a thread
};

template <int R8>
__device__ __forceinline__ void masked(const Masked &p) {
  constexpr int R = 8 * R8;
  int chunks = p.width / 8;
  s64 id = (s64)blockIdx.x * 128 + threadIdx.x, first = id / chunks * p.each;
  if (first >= p.n) return;
  int i = (int)(id % chunks);
  uint4 a[R];
#pragma unroll
  for (int r = 0; r < R; r++) a[r] = __ldg((const uint4 *)p.a + r * chunks + i);
  s64 last = first + p.each < p.n ? first + p.each : p.n;
  for (s64 row = first; row < last; row++) {
    float more[8] = {0, 0, 0, 0, 0, 0, 0, 0}, v[8];
    uint4 *at = (uint4 *)p.y + row * chunks + i;
    uint4 was = *at;
#pragma unroll
    for (int r = 0; r < R; r++) {
      float l = __ldg(p.low + row * R + r);
      floats8(a[r], v);
#pragma unroll
      for (int k = 0; k < 8; k++) more[k] += l * v[k];
    }
    leave_out(p.drop, row * p.width + 8 * i, more);
    floats8(was, v);
    for (int k = 0; k < 8; k++) v[k] += more[k];
    *at = packed8(v);
  }
}
extern "C" __global__ void __launch_bounds__(128) train_masked_8(const Masked p) { masked<1>(p); }
extern "C" __global__ void __launch_bounds__(128, 3) train_masked_16(const Masked p) { masked<2>(p); }

struct Entropy {
  const float *logits;  // [n, vocab]
  const s64 *targets;   // [n]
  u16 *grad;            // [n, vocab] or 0: the softmax less one at the target
  float *loss;          // [n]
  int vocab, pad;
};

// A block a row, read twice; the second time mostly from the cache.
extern "C" __global__ void __launch_bounds__(1024) train_entropy(const Entropy p) {
  __shared__ float tops[32], sums[32];
  s64 row = blockIdx.x;
  const float4 *x = (const float4 *)(p.logits + row * p.vocab);
  int quads = p.vocab / 4, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float top = -INFINITY, sum = 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < quads; i += 1024) {
    float4 v = x[i];
    float t = fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w));
    if (t > top) sum *= expf(top - t), top = t;
    sum += expf(v.x - top) + expf(v.y - top) + expf(v.z - top) + expf(v.w - top);
  }
  float most = warp_max(top);
  sum = warp_sum(most == -INFINITY ? 0 : sum * expf(top - most));
  if (lane == 0) tops[warp] = most, sums[warp] = sum;
  __syncthreads();
  float all = warp_max(tops[lane]);
  sum = warp_sum(tops[lane] == -INFINITY ? 0 : sums[lane] * expf(tops[lane] - all));
  int target = (int)p.targets[row];
  if (threadIdx.x == 0) p.loss[row] = logf(sum) + all - p.logits[row * p.vocab + target];
  if (!p.grad) return;
  float inverse = 1.0f / sum;
  uint2 *to = (uint2 *)(p.grad + row * p.vocab);
#pragma unroll 4
  for (int i = threadIdx.x; i < quads; i += 1024) {
    float4 v = __ldcs(x + i);
    float e[4] = {expf(v.x - all) * inverse, expf(v.y - all) * inverse, expf(v.z - all) * inverse, expf(v.w - all) * inverse};
    for (int k = 0; k < 4; k++)
      if (4 * i + k == target) e[k] -= 1.0f;
    to[i] = make_uint2(bf16_pair(e[0], e[1]), bf16_pair(e[2], e[3]));
  }
}
