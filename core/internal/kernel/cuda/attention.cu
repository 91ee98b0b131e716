// Attention of the new tokens over the cache. Four warps (a worker) take a part of the context of one head for all lanes
// of a row: scores on the tensor cores, the sum over values in fp32. stage_dense puts the parts together.

#define WORKER 128
#define PAIRS (DH / 2)
#define SPREAD (WORKER / PAIRS)  // positions that a worker takes at once in the sum over values
#define QPITCH (DH + 8)

// A worker's room in the scratch.
struct __align__(16) Worker {
  u16 q[LMAX][QPITCH];
  float score[LMAX][64];
  float m[LMAX], l[LMAX], shrink[LMAX];
  float sum[SPREAD > 1 ? SPREAD - 1 : 1][LMAX][DH];
};

__device__ __forceinline__ void worker_sync(int worker) { asm volatile("bar.sync %0, %1;" ::"r"(worker + 1), "n"(WORKER) : "memory"); }

// item finds the i-th piece of work: group, head and part. False: there is none.
__device__ __forceinline__ bool item(int i, int &group, int &head, int &part) {
  const Table &tb = table();
  for (group = 0; group < p.groups_n; group++) {
    int2 g = p.groups[group];
    int parts = tb.pos[g.x + g.y - 1] / part_size(tb.pos[g.x]) + 1;
    if (i < parts * HEADS) {
      head = i / parts;
      part = i % parts;
      return true;
    }
    i -= parts * HEADS;
  }
  return false;
}

__device__ __forceinline__ s64 cache_row(int layer, int row, int head) {
  return (((s64)layer * p.rows + row) * HEADS + head) * p.capacity * DH;
}

// fetch asks the second-level cache for the keys and values that attend of this layer will want.
__device__ __noinline__ void fetch(int layer) {
  const Table &tb = table();
  int worker = threadIdx.x / WORKER, wt = threadIdx.x % WORKER, group, head, part;
  for (int i = blockIdx.x + worker * gridDim.x; item(i, group, head, part); i += gridDim.x * (THREADS / WORKER)) {
    int2 g = p.groups[group];
    int size = part_size(tb.pos[g.x]), begin = part * size, end = min(begin + size, tb.pos[g.x]);
    s64 at = cache_row(layer, tb.row[g.x], head) + (s64)begin * DH;
    for (int b = wt * 128; b < (end - begin) * DH * 2; b += WORKER * 128) {
      asm volatile("prefetch.global.L2 [%0];" ::"l"((const u8 *)(p.keys + at) + b));
      asm volatile("prefetch.global.L2 [%0];" ::"l"((const u8 *)(p.values + at) + b));
    }
  }
}

// qkv value of a lane: the product, its bias and its LoRA part.
__device__ __forceinline__ float qkv_at(int layer, const float *bias, int n, int row) {
  float v = real(load_s64(p.qkv + (s64)n * 3 * D + row)) + bias[row];
  if (p.lora & 1) v += low_rank(layer, 0, n, row);
  return v;
}

__device__ __noinline__ void attend_item(int layer, const float *bias, int group, int head, int part) {
  const Table &tb = table();
  int worker = threadIdx.x / WORKER, wt = threadIdx.x % WORKER, ww = wt >> 5, lane = wt & 31, g = lane >> 2, t = lane & 3;
  Worker &w = *(Worker *)(smem + XS + worker * sizeof(Worker));
  int2 gr = p.groups[group];
  int first = gr.x, count = gr.y, last = tb.pos[first + count - 1];
  int size = part_size(tb.pos[first]), begin = part * size, end = min(begin + size, last + 1);
  s64 at = cache_row(layer, tb.row[first], head);
  const u16 *keys = p.keys + at, *values = p.values + at;

  // The new tokens: q of all lanes, turned; k and v of those that stand in this part, into the cache.
  for (int i = wt; i < count * 3 * PAIRS; i += WORKER) {
    int e = i % PAIRS, which = i / PAIRS % 3, n = i / PAIRS / 3, pos = tb.pos[first + n];
    if (which && (pos < begin || pos >= end)) continue;
    int a = e < ROT / 2 ? e : ROT + 2 * (e - ROT / 2), b = e < ROT / 2 ? e + ROT / 2 : a + 1, row = (head * 3 + which) * DH;
    float x = qkv_at(layer, bias, first + n, row + a), y = qkv_at(layer, bias, first + n, row + b);
    if (which < 2 && e < ROT / 2) {
      float c = p.cos[(s64)pos * (ROT / 2) + e], s = p.sin[(s64)pos * (ROT / 2) + e], u = x;
      x = x * c - y * s;
      y = y * c + u * s;
    }
    if (which == 0) {
      u32 v = operand(x, y);
      w.q[n][a] = (u16)v, w.q[n][b] = (u16)(v >> 16);
    } else {
      u32 v = bf16_pair(x, y);
      u16 *to = (which == 1 ? p.keys : p.values) + at + (s64)pos * DH;
      to[a] = (u16)v, to[b] = (u16)(v >> 16);
    }
  }
  for (int n = wt; n < count; n += WORKER) w.m[n] = -INFINITY, w.l[n] = 0;
  float acc[LMAX][2];
#pragma unroll
  for (int n = 0; n < LMAX; n++) acc[n][0] = acc[n][1] = 0;
  worker_sync(worker);

  for (int base = begin; base < end; base += 64) {
    // Scores of 16 positions per warp. Thread (g, t) holds, per 16 columns, four of position g: 4t..4t+3.
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int off = ww * 16 + half * 8, pos = base + off + g;
      uint2 k[DH / 16];
#pragma unroll
      for (int i = 0; i < DH / 16; i++) k[i] = pos < end ? load8(keys + (s64)pos * DH + i * 16 + t * 4) : make_uint2(0, 0);
      float c[4] = {};
#pragma unroll
      for (int i = 0; i < DH / 16; i++) {
        uint2 lo = make_uint2(0, 0), hi = lo;
        if (g < count) lo = *(const uint2 *)&w.q[g][i * 16 + t * 4];
        if (LMAX > 8 && g + 8 < count) hi = *(const uint2 *)&w.q[(g + 8) % LMAX][i * 16 + t * 4];
        mma(c, lo.x, hi.x, lo.y, hi.y, operand_bf16(k[i].x), operand_bf16(k[i].y));
      }
#pragma unroll
      for (int q = 0; q < (LMAX > 8 ? 4 : 2); q++) {
        int n = g + (q >> 1) * 8, j = off + 2 * t + (q & 1);
        if (n < count) w.score[n][j] = base + j < end && base + j <= tb.pos[first + n] ? c[q] * rsqrtf((float)DH) : -INFINITY;
      }
    }
    worker_sync(worker);
    for (int n = ww; n < count; n += 4) {
      float s0 = w.score[n][lane], s1 = w.score[n][lane + 32], old = w.m[n];
      float top = fmaxf(old, warp_max(fmaxf(s0, s1)));
      s0 = s0 == -INFINITY ? 0 : expf(s0 - top);
      s1 = s1 == -INFINITY ? 0 : expf(s1 - top);
      float sum = warp_sum(s0 + s1), shrink = old == -INFINITY ? 0 : expf(old - top);
      w.score[n][lane] = s0;
      w.score[n][lane + 32] = s1;
      if (lane == 0) w.m[n] = top, w.l[n] = w.l[n] * shrink + sum, w.shrink[n] = shrink;
    }
    worker_sync(worker);
    // Sum over values: a thread has two columns of every SPREAD-th position.
    int pair = wt % PAIRS, lot = wt / PAIRS;
    if (lot < SPREAD) {
#pragma unroll
      for (int n = 0; n < LMAX; n++)
        if (n < count) acc[n][0] *= w.shrink[n], acc[n][1] *= w.shrink[n];
#pragma unroll 2
      for (int j0 = 0; j0 < 64; j0 += 8 * SPREAD) {
        u32 v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
          int j = j0 + i * SPREAD + lot;
          v[i] = j < 64 && base + j < end ? load4(values + (s64)(base + j) * DH + 2 * pair) : 0;
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
          int j = j0 + i * SPREAD + lot;
          if (j < 64) {
            float x = bf16_low(v[i]), y = bf16_high(v[i]);
#pragma unroll
            for (int n = 0; n < LMAX; n++)
              if (n < count) acc[n][0] += w.score[n][j] * x, acc[n][1] += w.score[n][j] * y;
          }
        }
      }
    }
    worker_sync(worker);
  }
  int pair = wt % PAIRS, lot = wt / PAIRS;
  if (SPREAD > 1) {
    if (lot > 0 && lot < SPREAD) {
#pragma unroll
      for (int n = 0; n < LMAX; n++)
        if (n < count) *(float2 *)&w.sum[lot - 1][n][2 * pair] = make_float2(acc[n][0], acc[n][1]);
    }
    worker_sync(worker);
  }
  if (lot == 0) {
#pragma unroll
    for (int n = 0; n < LMAX; n++)
      if (n < count) {
        float x = acc[n][0], y = acc[n][1];
        for (int s = 0; s < SPREAD - 1; s++) {
          float2 o = *(const float2 *)&w.sum[s][n][2 * pair];
          x += o.x, y += o.y;
        }
        *(float2 *)(p.part + (s64)(((first + n) * HEADS + head) * 16 + part) * DH + 2 * pair) = make_float2(x, y);
        if (pair == 0) p.ml[((first + n) * HEADS + head) * 16 + part] = make_float2(w.m[n], w.l[n]);
      }
  }
  worker_sync(worker);
}

__device__ __noinline__ void attend(int layer, const float *bias) {
  int worker = threadIdx.x / WORKER, group, head, part;
  if (p.lora & 1) {
    stage_low(0);
    __syncthreads();
  }
  for (int i = blockIdx.x + worker * gridDim.x; item(i, group, head, part); i += gridDim.x * (THREADS / WORKER))
    attend_item(layer, bias, group, head, part);
}
