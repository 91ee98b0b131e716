// What happens between the products: blocks wait for each other, and each puts together the input of its share.

__device__ __forceinline__ void stamp(int &at) {
  if (p.clock && blockIdx.x == 0 && threadIdx.x == 0) p.clock[at++] = clock64();
}

// arrive tells the other blocks that this one's writes are done; wait waits until the count of arrivals has reached n.
__device__ __forceinline__ void arrive() {
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(p.barrier) : "memory");
  }
}
__device__ __forceinline__ void wait(u32 n) {
#ifndef NO_WAIT
  if (threadIdx.x == 0) {
    u32 v;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p.barrier) : "memory");
    while (v < n);
  }
#endif
  __syncthreads();
}
// meet is both, where there is nothing to do in between.
__device__ __forceinline__ void meet(u32 &met) {
  arrive();
  wait(met += gridDim.x);
}

// load_parts brings what a layer's LoRA parts are, by thread i; it is done a layer ahead.
__device__ __forceinline__ void load_parts(int layer, int i) {
  if (i < p.used_n * 4) table().part[layer & 1][i >> 2][i & 3] = p.adapters[((p.used[i >> 2] - 1) * LAYERS + layer) * 4 + (i & 3)];
}

// prepare fills the tables that depend on the block of threads: its shares, and the chunks in which it has units. A
// block without units stages too: it may have work of low_find.
__device__ __noinline__ void prepare() {
  Table &tb = table();
  int tid = threadIdx.x, grid = gridDim.x;
  for (int i = tid; i < 5 * (WARPS + 1); i += THREADS) {
    int m = i / (WARPS + 1), w = i % (WARPS + 1);
    tb.edge[m][w] = share(units_of(m), blockIdx.x * WARPS + w, grid * WARPS);
  }
  if (tid < 5) {
    int m = tid, u = share(units_of(m), blockIdx.x, grid), e = share(units_of(m), blockIdx.x + 1, grid), c = chunk_of(m), per = tiles_of(m) * c;
    tb.from[m] = u / per * c;
    tb.to[m] = (max(e - 1, u) / per + 1) * c;
    for (int i = 0; i < 2 && m < 4; i++) {
      s64 chunk = tb.from[m] / c + i, slots = units_of(m) / WIDE;
      per = tiles_of(m) * c / WIDE;
      int lo = (int)(((chunk * per + 1) * grid - 1) / slots), hi = (int)((((chunk + 1) * per) * grid - 1) / slots);
      tb.low_first[m][i] = lo;
      tb.low_count[m][i] = hi - lo + 1;
    }
  }
  if (tid < p.lanes_n) {
    int4 l = p.lanes[tid];
    tb.row[tid] = l.x, tb.pos[tid] = l.y, tb.token[tid] = l.z, tb.adapter[tid] = l.w;
  }
  if (tid < p.groups_n) tb.first[tid] = p.groups[tid].x, tb.count[tid] = p.groups[tid].y;
  if (tid < p.used_n) tb.used[tid] = p.used[tid];
  if (tid < p.lanes_n) {
    int at = -1;
    for (int i = 0; i < p.used_n; i++)
      if (p.used[i] == p.lanes[tid].w) at = i;
    tb.slot[tid] = at;
  }
}

// norm_lane is LayerNorm(x) of lane n, by all threads of a block: to the scratch (columns of the blocks [from, to)) where there is
// one lane, to memory where there are more. Mean and variance are made of those of threads and warps (Chan, Golub,
// LeVeque 1979).
__device__ __forceinline__ void norm_lane(const float *norm, int n, int from, int to, u32 until) {
  constexpr int N = (D / 2 + THREADS - 1) / THREADS;
  Table &tb = table();
  int tid = threadIdx.x, warp = tid >> 5;
  float2 w[N], b[N];
#pragma unroll
  for (int i = 0; i < N; i++) {
    int e = tid + i * THREADS;
    w[i] = b[i] = make_float2(0, 0);
    if (e < D / 2) {
      w[i] = *(const float2 *)(norm + 2 * e);
      b[i] = *(const float2 *)(norm + D + 2 * e);
    }
  }
  wait(until);
  uint4 r[N];
#pragma unroll
  for (int i = 0; i < N; i++) {
    int e = tid + i * THREADS;
    r[i] = make_uint4(0, 0, 0, 0);
    if (e < D / 2) r[i] = load16(p.x + (s64)n * D + 2 * e);
  }
  float2 v[N];
  float sum = 0, count = 0;
#pragma unroll
  for (int i = 0; i < N; i++) {
    v[i] = make_float2(real((s64)((u64)r[i].y << 32 | r[i].x)), real((s64)((u64)r[i].w << 32 | r[i].z)));
    sum += v[i].x + v[i].y;
    if (tid + i * THREADS < D / 2) count += 2;
  }
  float mean = count > 0 ? __fdividef(sum, count) : 0, square = 0;
#pragma unroll
  for (int i = 0; i < N; i++)
    if (tid + i * THREADS < D / 2) square += (v[i].x - mean) * (v[i].x - mean) + (v[i].y - mean) * (v[i].y - mean);
#pragma unroll
  for (int d = 1; d < 32; d <<= 1) {  // all threads of a warp have as many numbers
    float m = __shfl_xor_sync(FULL, mean, d), q = __shfl_xor_sync(FULL, square, d), delta = m - mean;
    square += q + delta * delta * (count * d * 0.5f);
    mean = 0.5f * (mean + m);
  }
  if ((tid & 31) == 0) tb.red[0][warp] = mean, tb.red[1][warp] = square;
  __syncthreads();
  // The warps' numbers, one per thread of half a warp; warps differ in how many they have.
  int k = tid & 15, have = 0;
#pragma unroll
  for (int i = 0; i < N; i++) have += k * 32 + i * THREADS < D / 2 ? 64 : 0;
  float m = tb.red[0][k];
  mean = m * ((float)have / D);
#pragma unroll
  for (int d = 1; d < 16; d <<= 1) mean += __shfl_xor_sync(FULL, mean, d);
  square = tb.red[1][k] + (m - mean) * (m - mean) * have;
#pragma unroll
  for (int d = 1; d < 16; d <<= 1) square += __shfl_xor_sync(FULL, square, d);
  float scale = rsqrtf(square * (1.0f / D) + p.eps);
#pragma unroll
  for (int i = 0; i < N; i++) {
    int e = tid + i * THREADS, kb = e >> 5;
    if (e >= D / 2) continue;
    u32 out = operand((v[i].x - mean) * scale * w[i].x + b[i].x, (v[i].y - mean) * scale * w[i].y + b[i].y);
    if (LMAX > 1) ((u32 *)p.normed)[n * (D / 2) + e] = out;
    else if (kb >= from && kb < to) *(u32 *)(room() + XS + staged(kb - from, 0, 1, 2 * e & 63)) = out;
  }
}

// stage_norm waits and brings LayerNorm(x) of all lanes to the scratch. Of one lane every block makes it for itself; of several each
// is made by one block, and all meet again.
#define NORM_MEETS (LMAX > 1 ? 2 : 1)
__device__ __noinline__ void stage_norm(const float *norm, int from, int to, u32 until) {
  if (LMAX == 1) {
    norm_lane(norm, 0, from, to, until);
    __syncthreads();
    return;
  }
  int lanes = p.lanes_n;
  if (blockIdx.x < lanes) norm_lane(norm, blockIdx.x, from, to, until);
#pragma unroll 1
  for (int n = blockIdx.x + gridDim.x; n < lanes; n += gridDim.x) norm_lane(norm, n, from, to, until);
  if (blockIdx.x >= lanes) wait(until);
  arrive();
  wait(until + gridDim.x);
  int pieces = (to - from) * 8;
#pragma unroll 4
  for (int i = threadIdx.x; i < lanes * pieces; i += THREADS) {
    int n = i / pieces, k = from * 64 + i % pieces * 8;
    *(uint4 *)(room() + XS + staged((k >> 6) - from, n, lanes, k & 63)) = load16(p.normed + n * D + k);
  }
  __syncthreads();
}

// parts is into how many parts of the context the attention of a token at position pos is cut, and size how long they are:
// at most 16, each 64 x 2^n. It depends on the position alone, so that a lane's sums do not depend on the other lanes.
__device__ __forceinline__ int part_size(int pos) {
  int size = 64;
  while (size * 16 <= pos) size *= 2;
  return size;
}

// stage_dense waits and puts the attention's parts together: o = sum of exp(m_i - m) o_i / sum of exp(m_i - m) l_i. A thread has four columns;
// of one lane four threads have them, each every fourth part, of several one thread sums in the same order.
struct Parts {
  uint2 m[4];  // maximum and sum
  uint4 v[4];
};
__device__ __forceinline__ void load_some(Parts &x, const float2 *ml, const float *o, int n) {
#pragma unroll
  for (int s = 0; s < 4; s++) {
    x.m[s] = make_uint2(0xff800000u, 0);
    x.v[s] = make_uint4(0, 0, 0, 0);
    if (4 * s < n) x.m[s] = load8(ml + 4 * s), x.v[s] = load16(o + 4 * s * DH);
  }
}
__device__ __forceinline__ float top_of(const Parts &x) {
  return fmaxf(fmaxf(__uint_as_float(x.m[0].x), __uint_as_float(x.m[1].x)), fmaxf(__uint_as_float(x.m[2].x), __uint_as_float(x.m[3].x)));
}
__device__ __forceinline__ void sum_some(float sum[5], const Parts &x, float top) {
#pragma unroll
  for (int q = 0; q < 5; q++) sum[q] = 0;
#pragma unroll
  for (int s = 0; s < 4; s++) {
    float w = __expf(__uint_as_float(x.m[s].x) - top);
    sum[0] = __fmaf_rn(w, __uint_as_float(x.v[s].x), sum[0]), sum[1] = __fmaf_rn(w, __uint_as_float(x.v[s].y), sum[1]);
    sum[2] = __fmaf_rn(w, __uint_as_float(x.v[s].z), sum[2]), sum[3] = __fmaf_rn(w, __uint_as_float(x.v[s].w), sum[3]);
    sum[4] = __fmaf_rn(w, __uint_as_float(x.m[s].y), sum[4]);
  }
}
__device__ __noinline__ void stage_dense(int from, int to, u32 until) {
  Table &tb = table();
  constexpr int SPLIT = LMAX == 1 ? 4 : 1;
  int lanes = p.lanes_n, quads = (to - from) * 16, j = threadIdx.x % SPLIT;
  wait(until);
#pragma unroll 1
  for (int i = threadIdx.x / SPLIT; i < lanes * quads; i += THREADS / SPLIT) {
    int n = LMAX == 1 ? 0 : i / quads, e = i - n * quads, k = from * 64 + 4 * e;
    int parts = tb.own[n] - j, at = (n * HEADS + k / DH) * 16 + j;
    const float2 *ml = pinned(p.ml + at);
    const float *o = pinned(p.part + (s64)at * DH + k % DH);
    Parts x[4 / SPLIT];
#pragma unroll
    for (int s = 0; s < 4 / SPLIT; s++) load_some(x[s], ml + s, o + s * DH, parts - s);
    float top = top_of(x[0]), sum[5];
    if (SPLIT == 4) {
      top = fmaxf(top, __shfl_xor_sync(FULL, top, 1));
      top = fmaxf(top, __shfl_xor_sync(FULL, top, 2));
      sum_some(sum, x[0], top);
#pragma unroll
      for (int d = 1; d < 4; d <<= 1)
#pragma unroll
        for (int q = 0; q < 5; q++) sum[q] = __fadd_rn(sum[q], __shfl_xor_sync(FULL, sum[q], d));
    } else {
      float more[5], rest[5];
#pragma unroll
      for (int s = 1; s < 4; s++) top = fmaxf(top, top_of(x[s % (4 / SPLIT)]));
      sum_some(sum, x[0], top);
      sum_some(more, x[1 % (4 / SPLIT)], top);
#pragma unroll
      for (int q = 0; q < 5; q++) sum[q] = __fadd_rn(sum[q], more[q]);
      sum_some(rest, x[2 % (4 / SPLIT)], top);
      sum_some(more, x[3 % (4 / SPLIT)], top);
#pragma unroll
      for (int q = 0; q < 5; q++) sum[q] = __fadd_rn(sum[q], __fadd_rn(rest[q], more[q]));
    }
    float over = __fdividef(1.0f, sum[4]);
    if (j == 0) *(uint2 *)(room() + XS + staged(e >> 4, n, lanes, k & 63)) = make_uint2(operand(sum[0] * over, sum[1] * over), operand(sum[2] * over, sum[3] * over));
  }
  __syncthreads();
}

// stage_low reads A x of matrix m, which the phase before made, for all lanes.
__device__ __forceinline__ void stage_low(int m) {
  Table &tb = table();
  for (int i = threadIdx.x; i < p.lanes_n * 64; i += THREADS)
    tb.low[i >> 6][i & 63] = real(load_s64(p.t + (m * LMAX + (i >> 6)) * 64 + (i & 63)));
}

// low_dot is b . h over a rank.
__device__ __noinline__ float low_dot(const u16 *b, const float *h, int rank) {
  float sum = 0;
#pragma unroll 1
  for (int j = 0; j < rank; j++) sum += bf16_float(b[j]) * h[j];
  return sum;
}

// low_rank is (scale B A x)[row] of matrix m for lane n, after stage_low.
__device__ __noinline__ float low_rank(int layer, int m, int n, int row) {
  const Table &tb = table();
  int a = tb.slot[n];
  if (a < 0) return 0;
  const Lora &l = tb.part[layer & 1][a][m];
  return low_dot(l.b + (s64)row * l.rank, tb.low[n], l.rank) * l.scale;
}

// stage_down waits and writes act(h + bias + LoRA) of the blocks of columns [from, to).
#define DOWN_G (LMAX == 1 ? 1 : 4)  // lanes at once
__device__ __noinline__ void stage_down(int layer, const float *bias, int from, int to, u32 until) {
  int lanes = p.lanes_n, pairs = (to - from) * 32;
  bool low = p.lora & 4;
  float2 b = make_float2(0, 0);
  if (threadIdx.x < pairs) b = *(const float2 *)(bias + from * 64 + 2 * threadIdx.x);
  wait(until);
  if (low) {
    stage_low(2);
    __syncthreads();
  }
#pragma unroll 1
  for (int e = threadIdx.x; e < pairs; e += THREADS) {
    int k = from * 64 + 2 * e;
    if (e != threadIdx.x) b = *(const float2 *)(bias + k);
#pragma unroll 1
    for (int n0 = 0; n0 < lanes; n0 += DOWN_G) {
      uint4 r[DOWN_G];
#pragma unroll
      for (int n = 0; n < DOWN_G; n++)
        if (n0 + n < lanes) r[n] = load16(p.h + (s64)(n0 + n) * F + k);
#pragma unroll
      for (int n = 0; n < DOWN_G; n++) {
        if (n0 + n >= lanes) break;
        float x = real((s64)((u64)r[n].y << 32 | r[n].x)) + b.x, y = real((s64)((u64)r[n].w << 32 | r[n].z)) + b.y;
        if (low) x += low_rank(layer, 2, n0 + n, k), y += low_rank(layer, 2, n0 + n, k + 1);
        *(u32 *)(room() + XS + staged(e >> 5, n0 + n, lanes, k & 63)) = operand(activate(x, ACT), activate(y, ACT));
      }
    }
  }
  __syncthreads();
}

// Low is a warp's piece of A x: 16 ranks x 64 columns of an adapter's A, as the tensor core takes them.
struct Low {
  uint4 a[2], b[2];  // columns 16t.. of rows g and g+8
  int kb, row, adapter;
};

// low_find finds the nth piece of this warp for matrix m and loads it; adapter 0: there is none. A piece is made by a block that
// has its columns staged.
__device__ __forceinline__ void low_find(Low &w, int m, int layer, int nth) {
  const Table &tb = table();
  int c = chunk_of(m), from = tb.from[m], to = tb.to[m], warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  w.adapter = 0;
  for (int chunk = 0; chunk < 2 && from + chunk * c < to; chunk++) {
    int count = tb.low_count[m][chunk], mine = (int)blockIdx.x - tb.low_first[m][chunk];
    if (mine < 0 || mine >= count) continue;
    int i = mine + count * ((warp + 1) % WARPS), n = c * p.used_n * p.low_tiles;
    int here = i < n ? (n - 1 - i) / (count * WARPS) + 1 : 0;
    if (nth >= here) {
      nth -= here;
      continue;
    }
    i += nth * count * WARPS;
    int tile = i / c % p.low_tiles;
    w.kb = from + chunk * c + i % c;
    w.row = tile * 16 + g;
    w.adapter = tb.used[i / c / p.low_tiles];
    const Lora &l = tb.part[layer & 1][i / c / p.low_tiles][m];
    w.a[0] = w.a[1] = w.b[0] = w.b[1] = make_uint4(0, 0, 0, 0);
    int cols = kbs_of(m) * 64;
    const uint4 *at = (const uint4 *)(l.a + (s64)w.row * cols + w.kb * 64 + t * 16);
    if (w.row < l.rank) w.a[0] = at[0], w.a[1] = at[1];
    if (w.row + 8 < l.rank) w.b[0] = at[cols], w.b[1] = at[cols + 1];  // 8 rows on
    return;
  }
}

// low_add multiplies it with the staged input and adds the result to t.
__device__ __forceinline__ void low_add(const Low &w, int m, int from) {
  const Table &tb = table();
  int t = threadIdx.x & 3, lanes = p.lanes_n;
  u32 b[NT][8];
  input(b, room() + XS + (w.kb - from) * 2 * lanes * 64, lanes);
#pragma unroll
  for (int j = 0; j < NT; j++) {
    float c[4] = {};
    mma(c, operand_bf16(w.a[0].x), operand_bf16(w.b[0].x), operand_bf16(w.a[0].y), operand_bf16(w.b[0].y), b[j][0], b[j][1]);
    mma(c, operand_bf16(w.a[0].z), operand_bf16(w.b[0].z), operand_bf16(w.a[0].w), operand_bf16(w.b[0].w), b[j][2], b[j][3]);
    mma(c, operand_bf16(w.a[1].x), operand_bf16(w.b[1].x), operand_bf16(w.a[1].y), operand_bf16(w.b[1].y), b[j][4], b[j][5]);
    mma(c, operand_bf16(w.a[1].z), operand_bf16(w.b[1].z), operand_bf16(w.a[1].w), operand_bf16(w.b[1].w), b[j][6], b[j][7]);
#pragma unroll
    for (int q = 0; q < 4; q++) {
      int n = j * 8 + 2 * t + (q & 1), r = w.row + (q >> 1) * 8;
      if (n < lanes && tb.adapter[n] == w.adapter && r < 64) fixed_add(p.t + (m * LMAX + n) * 64 + r, c[q], n);
    }
  }
}

// low_rest does the pieces after the first, where there are many.
__device__ __noinline__ void low_rest(int m, int layer) {
  for (int i = 1;; i++) {
    Low w;
    low_find(w, m, layer, i);
    if (!w.adapter) return;
    low_add(w, m, table().from[m]);
  }
}

// add_low adds B A x of Dense or Down to x: it needs A x whole, so two meetings of all blocks lie around it.
__device__ __noinline__ void add_low(int layer, int m) {
  stage_low(m);
  __syncthreads();
  for (int i = blockIdx.x * THREADS + threadIdx.x; i < p.lanes_n * D; i += gridDim.x * THREADS)
    fixed_add(p.x + i, low_rank(layer, m, i / D, i % D), i / D);
}

// clear sets this block's share of n numbers to zero.
__device__ __noinline__ void clear(s64 *to, s64 n) {
  for (s64 i = blockIdx.x * THREADS + threadIdx.x; i < n / 2; i += (s64)gridDim.x * THREADS) ((ulonglong2 *)to)[i] = make_ulonglong2(0, 0);
}
