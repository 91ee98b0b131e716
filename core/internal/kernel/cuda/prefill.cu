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

// y = act(y + bias)
extern "C" __global__ void __launch_bounds__(256) bias_act(const Bias p) {
  int w = p.width / 2;
  const float2 *b = (const float2 *)p.bias;
  for (s64 i = (s64)blockIdx.x * 256 + threadIdx.x; i < (s64)p.n * w; i += (s64)gridDim.x * 256) {
    u32 v = p.y[i];
    float2 c = b[i % w];
    p.y[i] = bf16_pair(activate(bf16_low(v) + c.x, p.act), activate(bf16_high(v) + c.y, p.act));
  }
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
