// The small operations between the matrix products of a prompt.

struct Embed {
  const u16 *table;  // bf16 [V, hidden]
  const int *ids;    // [n]
  float *x;          // [n, hidden]
  int n, hidden;
};

extern "C" __global__ void __launch_bounds__(256) embed(const Embed p) {
  const u32 *from = (const u32 *)(p.table + (s64)p.ids[blockIdx.x] * p.hidden);
  float2 *to = (float2 *)(p.x + (s64)blockIdx.x * p.hidden);
  for (int i = threadIdx.x; i < p.hidden / 2; i += 256) to[i] = make_float2(bf16_low(from[i]), bf16_high(from[i]));
}

struct Norm {
  const float *x;     // [n, hidden]
  const float *norm;  // weight [hidden], bias [hidden]
  u32 *y;             // bf16 [n, hidden]
  int n, hidden;
  float eps;
  int pad;
};

__device__ __forceinline__ float block_sum(float v, float *part) {
  v = warp_sum(v);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  v = 0;
  for (int w = 0; w < blockDim.x / 32; w++) v += part[w];
  return v;
}

// y = (x - mean) / sqrt(var + eps) * weight + bias, a block of threads per row.
extern "C" __global__ void __launch_bounds__(256) layer_norm(const Norm p) {
  __shared__ float part[8];
  const float2 *x = (const float2 *)(p.x + (s64)blockIdx.x * p.hidden);
  int n = p.hidden / 2;
  float s = 0;
  for (int i = threadIdx.x; i < n; i += 256) s += x[i].x + x[i].y;
  float mean = block_sum(s, part) / p.hidden;
  s = 0;
  for (int i = threadIdx.x; i < n; i += 256) {
    float a = x[i].x - mean, b = x[i].y - mean;
    s += a * a + b * b;
  }
  float r = rsqrtf(block_sum(s, part) / p.hidden + p.eps);
  const float2 *w = (const float2 *)p.norm, *b = (const float2 *)(p.norm + p.hidden);
  u32 *y = p.y + (s64)blockIdx.x * n;
  for (int i = threadIdx.x; i < n; i += 256)
    y[i] = bf16_pair((x[i].x - mean) * r * w[i].x + b[i].x, (x[i].y - mean) * r * w[i].y + b[i].y);
}

struct Bias {
  u32 *y;             // bf16 [n, width]
  const float *bias;  // [width]
  float *x;           // [n, width]
  int n, width, act, pad;
};

// y = act(y + bias), eight numbers a thread: grid (width/8/256 rounded up, n); width is a multiple of 8.
extern "C" __global__ void __launch_bounds__(256) bias_act(const Bias p) {
  int i = blockIdx.x * 256 + threadIdx.x, w = p.width / 8;
  if (i >= w) return;
  uint4 *y = (uint4 *)p.y + (s64)blockIdx.y * w + i;
  uint4 v = *y;
  float4 c = ((const float4 *)p.bias)[2 * i], d = ((const float4 *)p.bias)[2 * i + 1];
  v.x = bf16_pair(activate(bf16_low(v.x) + c.x, p.act), activate(bf16_high(v.x) + c.y, p.act));
  v.y = bf16_pair(activate(bf16_low(v.y) + c.z, p.act), activate(bf16_high(v.y) + c.w, p.act));
  v.z = bf16_pair(activate(bf16_low(v.z) + d.x, p.act), activate(bf16_high(v.z) + d.y, p.act));
  v.w = bf16_pair(activate(bf16_low(v.w) + d.z, p.act), activate(bf16_high(v.w) + d.w, p.act));
  *y = v;
}

// x += y + bias
extern "C" __global__ void __launch_bounds__(256) bias_residual(const Bias p) {
  int w = p.width / 2;
  const float2 *b = (const float2 *)p.bias;
  float2 *x = (float2 *)p.x;
  for (s64 i = (s64)blockIdx.x * 256 + threadIdx.x; i < (s64)p.n * w; i += (s64)gridDim.x * 256) {
    u32 v = p.y[i];
    float2 c = b[i % w], a = x[i];
    x[i] = make_float2(a.x + bf16_low(v) + c.x, a.y + bf16_high(v) + c.y);
  }
}

struct AddNorm {
  float *x;           // [n, hidden]
  const u32 *y;       // bf16 [n, hidden]
  const float *bias;  // [hidden]
  const float *norm;  // weight [hidden], bias [hidden]
  u32 *out;           // bf16 [n, hidden]
  int n, hidden;
  float eps;
  int pad;
};

// x += y + bias, and out = the normalised x: a block of threads per row, hidden*4 bytes of shared memory; hidden is a
// multiple of 4.
extern "C" __global__ void __launch_bounds__(256) add_norm(const AddNorm p) {
  extern __shared__ float4 row[];
  __shared__ float part[8];
  int n = p.hidden / 4;
  float4 *x = (float4 *)p.x + (s64)blockIdx.x * n;
  const uint2 *y = (const uint2 *)p.y + (s64)blockIdx.x * n;
  float s = 0;
  for (int i = threadIdx.x; i < n; i += 256) {
    float4 v = x[i], c = ((const float4 *)p.bias)[i];
    uint2 a = y[i];
    v.x += bf16_low(a.x) + c.x, v.y += bf16_high(a.x) + c.y, v.z += bf16_low(a.y) + c.z, v.w += bf16_high(a.y) + c.w;
    x[i] = row[i] = v;
    s += (v.x + v.y) + (v.z + v.w);
  }
  float mean = block_sum(s, part) / p.hidden;
  s = 0;
  for (int i = threadIdx.x; i < n; i += 256) {
    float4 v = row[i];
    v.x -= mean, v.y -= mean, v.z -= mean, v.w -= mean;
    s += (v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w);
  }
  float r = rsqrtf(block_sum(s, part) / p.hidden + p.eps);
  const float4 *w = (const float4 *)p.norm, *b = w + n;
  uint2 *out = (uint2 *)p.out + (s64)blockIdx.x * n;
  for (int i = threadIdx.x; i < n; i += 256) {
    float4 v = row[i], g = w[i], c = b[i];
    out[i] = make_uint2(bf16_pair((v.x - mean) * r * g.x + c.x, (v.y - mean) * r * g.y + c.y),
                        bf16_pair((v.z - mean) * r * g.z + c.z, (v.w - mean) * r * g.w + c.w));
  }
}

struct Rotary {
  const u16 *qkv;            // bf16 [n, heads, 3, dim]
  const float *bias;         // [heads, 3, dim]
  const float *cos, *sin;    // [P, rotary/2]
  u16 *q;                    // bf16 [n, heads, dim]
  u16 *k, *v;                // of the layer and row: bf16 [heads, capacity, dim]
  int heads, dim, rotary, capacity, past, n;
};

// A block of threads per token; a thread takes pairs of elements that are turned together.
extern "C" __global__ void __launch_bounds__(256) rotary_kv(const Rotary p) {
  int token = blockIdx.x, pos = p.past + token, half = p.dim / 2, turned = p.rotary / 2;
  const u16 *row = p.qkv + (s64)token * p.heads * 3 * p.dim;
  for (int i = threadIdx.x; i < p.heads * 3 * half; i += 256) {
    int e = i % half, which = i / half % 3, h = i / half / 3, base = (h * 3 + which) * p.dim;
    int a = e < turned ? e : p.rotary + 2 * (e - turned), b = e < turned ? e + turned : a + 1;
    float x = bf16_float(row[base + a]) + p.bias[base + a], y = bf16_float(row[base + b]) + p.bias[base + b];
    if (which < 2 && e < turned) {
      float c = p.cos[(s64)pos * turned + e], s = p.sin[(s64)pos * turned + e], u = x;
      x = x * c - y * s;
      y = y * c + u * s;
    }
    u32 out = bf16_pair(x, y);
    u16 *to = which == 0 ? p.q + ((s64)token * p.heads + h) * p.dim
                         : (which == 1 ? p.k : p.v) + ((s64)h * p.capacity + pos) * p.dim;
    to[a] = (u16)out;
    to[b] = (u16)(out >> 16);
  }
}

// Eight numbers with a bias.
struct Eight {
  float v[8];
};
__device__ __forceinline__ Eight eight(const u16 *x, const float *bias) {
  uint4 a = *(const uint4 *)x;
  float4 b = ((const float4 *)bias)[0], c = ((const float4 *)bias)[1];
  return {{bf16_low(a.x) + b.x, bf16_high(a.x) + b.y, bf16_low(a.y) + b.z, bf16_high(a.y) + b.w, bf16_low(a.z) + c.x, bf16_high(a.z) + c.y,
           bf16_low(a.w) + c.z, bf16_high(a.w) + c.w}};
}
__device__ __forceinline__ void store_eight(u16 *to, const Eight &a) {
  *(uint4 *)to = make_uint4(bf16_pair(a.v[0], a.v[1]), bf16_pair(a.v[2], a.v[3]), bf16_pair(a.v[4], a.v[5]), bf16_pair(a.v[6], a.v[7]));
}

// rotary_kv for heads whose turned halves and whose rest are multiples of eight: a thread takes eight numbers, or eight
// pairs, at a time.
extern "C" __global__ void __launch_bounds__(256) rotary_kv8(const Rotary p) {
  int token = blockIdx.x, pos = p.past + token, turned = p.rotary / 2, pairs = turned / 8, rest = (p.dim - p.rotary) / 8;
  int each = 2 * (pairs + rest) + p.dim / 8;  // pieces of a head: of q, of k, of v
  const u16 *row = p.qkv + (s64)token * p.heads * 3 * p.dim;
  for (int i = threadIdx.x; i < p.heads * each; i += 256) {
    int h = i / each, j = i % each, which = j < pairs + rest ? 0 : j < 2 * (pairs + rest) ? 1 : 2, base = (h * 3 + which) * p.dim;
    j -= which * (pairs + rest);
    u16 *to = which == 0 ? p.q + ((s64)token * p.heads + h) * p.dim : (which == 1 ? p.k : p.v) + ((s64)h * p.capacity + pos) * p.dim;
    if (which < 2 && j < pairs) {
      int e = 8 * j;
      Eight a = eight(row + base + e, p.bias + base + e), b = eight(row + base + e + turned, p.bias + base + e + turned), c, d;
#pragma unroll
      for (int k = 0; k < 8; k++) {
        float co = p.cos[(s64)pos * turned + e + k], si = p.sin[(s64)pos * turned + e + k];
        c.v[k] = a.v[k] * co - b.v[k] * si;
        d.v[k] = b.v[k] * co + a.v[k] * si;
      }
      store_eight(to + e, c);
      store_eight(to + e + turned, d);
    } else {
      int e = which < 2 ? p.rotary + 8 * (j - pairs) : 8 * j;
      store_eight(to + e, eight(row + base + e, p.bias + base + e));
    }
  }
}

struct Mark {
  u32 *seen;       // [words]
  const int *ids;  // [n]
  int n, words, fresh, pad;
};

// mark sets a bit per id, after clearing all where fresh is set; one block of threads.
extern "C" __global__ void __launch_bounds__(512) mark(const Mark p) {
  if (p.fresh)
    for (int i = threadIdx.x; i < p.words; i += 512) p.seen[i] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < p.n; i += 512) {
    int id = p.ids[i];
    if (id >= 0 && id < p.words * 32) atomicOr(p.seen + (id >> 5), 1u << (id & 31));
  }
}
