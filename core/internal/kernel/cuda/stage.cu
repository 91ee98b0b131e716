// What happens between the products: blocks wait for each other, and each puts together the input of its share.

__device__ __forceinline__ void stamp(int &at) {
  if (p.clock && blockIdx.x == 0 && threadIdx.x == 0) p.clock[at++] = clock64();
}

// arrive tells the other blocks that this one's writes are done; wait waits for theirs. n counts the meetings.
__device__ __forceinline__ void arrive() {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
#if __CUDA_ARCH__ >= 700
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(p.barrier) : "memory");
#endif
  }
}
__device__ __forceinline__ void wait(u32 &n) {
  n += gridDim.x;
#ifndef NO_WAIT
  if (threadIdx.x == 0) {
    u32 v;
    do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p.barrier) : "memory");
    while (v < n);
    __threadfence();
  }
#endif
  __syncthreads();
}

// The staged blocks of columns of matrix m: those of the chunks in which this block of threads has units.
__device__ __forceinline__ void staged_range(int m, int &from, int &to) {
  int u = share(units_of(m), blockIdx.x, gridDim.x), e = share(units_of(m), blockIdx.x + 1, gridDim.x), c = chunk_of(m), per = tiles_of(m) * c;
  from = u / per * c;
  to = (max(e - 1, u) / per + 1) * c;  // a block without units stages too: it may have work of low_product
}

// stage_norm writes LayerNorm(x) of all lanes to the scratch, columns of the blocks [from, to).
// A lane's sums are made by all threads in one fixed order, however many lanes there are.
__device__ __noinline__ void stage_norm(const float *norm, int from, int to) {
  constexpr int N = (D / 2 + THREADS - 1) / THREADS, G = N <= 3 ? 8 : N <= 6 ? 4 : 2;
  Table &tb = table();
  int lanes = p.lanes_n, tid = threadIdx.x, warp = tid >> 5;
  for (int n0 = 0; n0 < lanes; n0 += G) {
    float2 v[G][N];
#pragma unroll
    for (int n = 0; n < G; n++) {
      if (n0 + n >= lanes) break;
      float sum = 0;
#pragma unroll
      for (int i = 0; i < N; i++) {
        int e = tid + i * THREADS;
        v[n][i] = make_float2(0, 0);
        if (e < D / 2) {
          uint4 r = load16(p.x + (s64)(n0 + n) * D + 2 * e);
          v[n][i] = make_float2(real((s64)((u64)r.y << 32 | r.x)), real((s64)((u64)r.w << 32 | r.z)));
        }
        sum += v[n][i].x + v[n][i].y;
      }
      sum = warp_sum(sum);
      if ((tid & 31) == 0) tb.red[0][n][warp] = sum;
    }
    __syncthreads();
    float mean[G];
#pragma unroll
    for (int n = 0; n < G; n++) {
      if (n0 + n >= lanes) break;
      float sum = 0;
#pragma unroll
      for (int w = 0; w < WARPS; w++) sum += tb.red[0][n][w];
      mean[n] = sum * (1.0f / D);
      sum = 0;
#pragma unroll
      for (int i = 0; i < N; i++) {
        if (tid + i * THREADS < D / 2) {
          float a = v[n][i].x - mean[n], b = v[n][i].y - mean[n];
          sum += a * a + b * b;
        }
      }
      sum = warp_sum(sum);
      if ((tid & 31) == 0) tb.red[1][n][warp] = sum;
    }
    __syncthreads();
#pragma unroll
    for (int n = 0; n < G; n++) {
      if (n0 + n >= lanes) break;
      float sum = 0;
#pragma unroll
      for (int w = 0; w < WARPS; w++) sum += tb.red[1][n][w];
      float r = rsqrtf(sum * (1.0f / D) + p.eps);
#pragma unroll
      for (int i = 0; i < N; i++) {
        int e = tid + i * THREADS, kb = e >> 5;
        if (e < D / 2 && kb >= from && kb < to) {
          float2 w = *(const float2 *)(norm + 2 * e), b = *(const float2 *)(norm + D + 2 * e);
          *(u32 *)(smem + XS + staged(kb - from, n0 + n, lanes, 2 * e & 63)) =
              operand((v[n][i].x - mean[n]) * r * w.x + b.x, (v[n][i].y - mean[n]) * r * w.y + b.y);
        }
      }
    }
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

// stage_dense puts the attention's parts together: o = sum of exp(m_i - m) o_i / sum of exp(m_i - m) l_i.
__device__ __noinline__ void stage_dense(int from, int to) {
  Table &tb = table();
  int lanes = p.lanes_n, pairs = (to - from) * 32;
  for (int i = threadIdx.x; i < lanes * pairs; i += THREADS) {
    int n = i / pairs, e = i % pairs, k = from * 64 + 2 * e, h = k / DH, d = k % DH;
    int parts = tb.pos[n] / part_size(tb.pos[n]) + 1;
    const float2 *ml = p.ml + (n * HEADS + h) * 16;
    const float *o = p.part + (s64)((n * HEADS + h) * 16) * DH + d;
    float top = -INFINITY;
    for (int s = 0; s < parts; s++) top = fmaxf(top, load_float(&ml[s].x));
    float sum = 0, x = 0, y = 0;
    for (int s = 0; s < parts; s++) {
      uint2 m = load8(ml + s), v = load8(o + s * DH);
      float w = expf(__uint_as_float(m.x) - top);
      sum += w * __uint_as_float(m.y);
      x += w * __uint_as_float(v.x);
      y += w * __uint_as_float(v.y);
    }
    *(u32 *)(smem + XS + staged(e >> 5, n, lanes, k & 63)) = operand(x / sum, y / sum);
  }
  __syncthreads();
}

// stage_low reads A x of matrix m, which the phase before made, for all lanes.
__device__ __forceinline__ void stage_low(int m) {
  Table &tb = table();
  for (int i = threadIdx.x; i < p.lanes_n * 64; i += THREADS)
    tb.low[i >> 6][i & 63] = real(load_s64(p.t + (m * LMAX + (i >> 6)) * 64 + (i & 63)));
}

// low_rank is (scale B A x)[row] of matrix m for lane n, after stage_low.
__device__ __forceinline__ float low_rank(int layer, int m, int n, int row) {
  const Table &tb = table();
  int a = tb.adapter[n];
  if (!a) return 0;
  const Lora &l = p.adapters[((a - 1) * LAYERS + layer) * 4 + m];
  float sum = 0;
  const u16 *b = l.b + (s64)row * l.rank;
  int j = 0;
  if ((l.rank & 7) == 0)
    for (; j < l.rank; j += 8) {
      uint4 v = *(const uint4 *)(b + j);
      sum += bf16_low(v.x) * tb.low[n][j] + bf16_high(v.x) * tb.low[n][j + 1] + bf16_low(v.y) * tb.low[n][j + 2] + bf16_high(v.y) * tb.low[n][j + 3];
      sum += bf16_low(v.z) * tb.low[n][j + 4] + bf16_high(v.z) * tb.low[n][j + 5] + bf16_low(v.w) * tb.low[n][j + 6] + bf16_high(v.w) * tb.low[n][j + 7];
    }
  for (; j < l.rank; j++) sum += bf16_float(b[j]) * tb.low[n][j];
  return sum * l.scale;
}

// stage_down is act(h + bias + LoRA) of the blocks of columns [from, to).
__device__ __noinline__ void stage_down(int layer, const float *bias, int from, int to) {
  int lanes = p.lanes_n, pairs = (to - from) * 32;
  bool low = p.lora & 4;
  if (low) {
    stage_low(2);
    __syncthreads();
  }
  for (int i = threadIdx.x; i < lanes * pairs; i += THREADS) {
    int n = i / pairs, e = i % pairs, k = from * 64 + 2 * e;
    uint4 r = load16(p.h + (s64)n * F + k);
    float2 b = *(const float2 *)(bias + k);
    float x = real((s64)((u64)r.y << 32 | r.x)) + b.x, y = real((s64)((u64)r.w << 32 | r.z)) + b.y;
    if (low) x += low_rank(layer, 2, n, k), y += low_rank(layer, 2, n, k + 1);
    *(u32 *)(smem + XS + staged(e >> 5, n, lanes, k & 63)) = operand(activate(x, ACT), activate(y, ACT));
  }
  __syncthreads();
}

// low_product adds A x to t for the adapters in use: units of 16 ranks x 64 columns, each made by one warp of a block
// that has those columns staged.
__device__ __noinline__ void low_product(int M, int layer, int from, int to) {
  int C = chunk_of(M), U = units_of(M), PER = tiles_of(M) * C;
  const Table &tb = table();
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, grid = gridDim.x, lanes = p.lanes_n;
  for (int chunk = from / C; chunk < to / C; chunk++) {
    // The blocks that have units of this chunk.
    int lo = (int)(((s64)(chunk * PER + 1) * grid - 1) / U), hi = (int)(((s64)((chunk + 1) * PER) * grid - 1) / U), count = hi - lo + 1;
    int mine = blockIdx.x - lo;
    if (mine < 0 || mine >= count) continue;
    for (int i = mine + count * ((warp + 1) % WARPS); i < C * p.used_n * 4; i += count * WARPS) {
      int k = i % C, tile = i / C % 4, adapter = p.used[i / C / 4];
      const Lora &l = p.adapters[((adapter - 1) * LAYERS + layer) * 4 + M];
      if (tile * 16 >= l.rank) continue;
      int kb = chunk * C + k, cols = kbs_of(M) * 64, row = tile * 16 + g;
      uint4 z = make_uint4(0, 0, 0, 0), a0 = z, a1 = z, b0 = z, b1 = z;
      if (row < l.rank) {
        const uint4 *w = (const uint4 *)(l.a + (s64)row * cols + kb * 64 + t * 16);
        a0 = w[0], a1 = w[1];
      }
      if (row + 8 < l.rank) {
        const uint4 *w = (const uint4 *)(l.a + (s64)(row + 8) * cols + kb * 64 + t * 16);
        b0 = w[0], b1 = w[1];
      }
      u32 b[NT][8];
      input(b, smem + XS + (kb - from) * 2 * lanes * 64, lanes);
#pragma unroll
      for (int j = 0; j < NT; j++) {
        float c[4] = {};
        mma(c, operand_bf16(a0.x), operand_bf16(b0.x), operand_bf16(a0.y), operand_bf16(b0.y), b[j][0], b[j][1]);
        mma(c, operand_bf16(a0.z), operand_bf16(b0.z), operand_bf16(a0.w), operand_bf16(b0.w), b[j][2], b[j][3]);
        mma(c, operand_bf16(a1.x), operand_bf16(b1.x), operand_bf16(a1.y), operand_bf16(b1.y), b[j][4], b[j][5]);
        mma(c, operand_bf16(a1.z), operand_bf16(b1.z), operand_bf16(a1.w), operand_bf16(b1.w), b[j][6], b[j][7]);
#pragma unroll
        for (int q = 0; q < 4; q++) {
          int n = j * 8 + 2 * t + (q & 1), r = row + (q >> 1) * 8;
          if (n < lanes && tb.adapter[n] == adapter && r < l.rank) fixed_add(p.t + (M * LMAX + n) * 64 + r, c[q]);
        }
      }
    }
  }
}

// add_low adds B A x of Dense or Down to x: it needs A x whole, so two meetings of all blocks lie around it.
__device__ __noinline__ void add_low(int layer, int m) {
  stage_low(m);
  __syncthreads();
  for (int i = blockIdx.x * THREADS + threadIdx.x; i < p.lanes_n * D; i += gridDim.x * THREADS)
    fixed_add(p.x + i, low_rank(layer, m, i / D, i % D));
}

// clear sets this block's share of n numbers to zero.
__device__ __noinline__ void clear(s64 *to, s64 n) {
  for (s64 i = blockIdx.x * THREADS + threadIdx.x; i < n / 2; i += (s64)gridDim.x * THREADS) ((ulonglong2 *)to)[i] = make_ulonglong2(0, 0);
}
