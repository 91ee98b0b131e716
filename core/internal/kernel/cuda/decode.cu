// The decode step: whole tokens in one launch, one block of threads per multiprocessor, all of them resident.
//
// Per layer: QKV | attention | Dense | Up | Down, with a meeting of all blocks after each. Every product adds its sums to
// fixed point numbers in memory; what stands between the products (norm, bias, activation, rotary, LoRA's B) is done
// by whoever reads those sums.

// add_bias adds a bias [D] to x, each block its share.
__device__ __forceinline__ void add_bias(const float *bias) {
  for (int i = blockIdx.x * THREADS + threadIdx.x; i < p.lanes_n * D; i += gridDim.x * THREADS) fixed_add(p.x + i, bias[i % D], i / D);
}

// The products, each warp's share. They stand in functions of their own so that what they keep in registers is theirs alone,
// and all matrices share one: the code of a layer has to stay within the instruction cache.

// product adds matrix m (4-bit) times the staged input to out [lane][rows]. The warp's piece of LoRA's A x is loaded before
// and made after.
__device__ __noinline__ void product(int m, int layer, s64 *out) {
  int c = chunk_of(m), tiles = tiles_of(m), ld = rows_of(m);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, lanes = LMAX == 1 ? 1 : p.lanes_n, u = first_unit(m), end = end_unit(m);
  float factor = *(const float *)(m < 4 ? p.block + layer * p.layer + p.factor[m & 3] : p.block + p.head_factor);
  Low low;
  low.adapter = 0;
  if (m < 4 && p.lora >> m & 1) low_find(low, m, layer, 0);
  Stream s = table().stream[warp];
  u32 lane4 = lane % COPIES * 4 | (STRIDE == 256 ? TABLE : 0);
  const u8 *ring = room() + RING + warp * DEPTH * SLOT + lane * 16, *scales = room() + SCALES + warp * DEPTH * (SLOT / 16) + (lane >> 2) * 4;
  int k = u % c, tile = u / c % tiles;
  const u8 *xs = room() + XS + (u / c / tiles * c + k - table().from[m]) * 2 * lanes * 64;
  float acc[NT][4] = {};
#pragma unroll 1
  for (; u < end; u += WIDE) {
    arrived();
    uint4 w[WIDE];
    u32 pair[WIDE];
#pragma unroll
    for (int i = 0; i < WIDE; i++) {
      w[i] = *(const uint4 *)(ring + s.take + i * 512);
      pair[i] = *(const u32 *)(scales + (s.take >> 4) + i * 32);
    }
    s.take = s.take == (DEPTH - 1) * SLOT ? 0 : s.take + SLOT;
    refill(s);
#ifdef NO_PRODUCT
#pragma unroll
    for (int i = 0; i < WIDE; i++) asm volatile("" ::"r"(w[i].x), "r"(w[i].y), "r"(w[i].z), "r"(w[i].w), "r"(pair[i]));
    continue;
#endif
    // The look-ups of a step come before the products of the one before it, and each unit has two chains of products.
    float d[2][WIDE][NT][4] = {};
    u32 b[WIDE][NT][8], a[2][WIDE][4];
#pragma unroll
    for (int i = 0; i < WIDE; i++) input(b[i], xs + i * 2 * lanes * 64, lanes);
#pragma unroll
    for (int q = 0; q < 5; q++) {
#pragma unroll
      for (int i = 0; i < WIDE && q < 4; i++) {
        u32 ws = q == 0 ? w[i].x : q == 1 ? w[i].y : q == 2 ? w[i].z : w[i].w;
#pragma unroll
        for (int j = 0; j < 4; j++) a[q & 1][i][j] = look(ws, j, lane4);
      }
      if (q == 0) continue;
      int o = q - 1 & 1;
#pragma unroll
      for (int i = 0; i < WIDE; i++)
#pragma unroll
        for (int j = 0; j < NT; j++) mma(d[o][i][j], a[o][i][0], a[o][i][1], a[o][i][2], a[o][i][3], b[i][j][2 * q - 2], b[i][j][2 * q - 1]);
    }
#pragma unroll
    for (int i = 0; i < WIDE; i++) {
      float lo = half_float((u16)pair[i]), hi = half_float((u16)(pair[i] >> 16));
#pragma unroll
      for (int j = 0; j < NT; j++) {
        acc[j][0] += (d[0][i][j][0] + d[1][i][j][0]) * lo;
        acc[j][1] += (d[0][i][j][1] + d[1][i][j][1]) * lo;
        acc[j][2] += (d[0][i][j][2] + d[1][i][j][2]) * hi;
        acc[j][3] += (d[0][i][j][3] + d[1][i][j][3]) * hi;
      }
    }
    xs += WIDE * 2 * lanes * 64;
    k += WIDE;
    if (k == c || u + WIDE >= end) {
      flush(acc, out, ld, tile, lanes, factor);
      if (k == c) {
        k = 0;
        if (++tile == tiles) tile = 0;
        else xs -= c * 2 * lanes * 64;
      }
    }
  }
  __syncwarp();
  if (lane == 0) table().stream[warp] = s;
  if (low.adapter) {
    low_add(low, m, table().from[m]);
    if (p.used_n * p.low_tiles > 1) low_rest(m, layer);  // one tile of ranks has fewer pieces than there are warps
  }
}

// product_bf16 is product for the bf16 head, which comes in quarters of units: rows g and g+8, first and second 16 bytes. Here the
// warps of a block take units in turn, so that together they read long runs of the head's rows.
__device__ __noinline__ void product_bf16(s64 *out) {
  constexpr int C = kbs_of(4);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, lanes = LMAX == 1 ? 1 : p.lanes_n, u = table().edge[4][0] + warp, end = table().edge[4][WARPS];
  Stream s = table().stream[warp];
  const u8 *ring = room() + RING + warp * DEPTH * SLOT + lane * 16;
  float acc[NT][4] = {};
#pragma unroll 1
  for (; u < end; u += WARPS) {
    int tile = u / C, k = u - tile * C;
    u32 b[NT][8];
    input(b, room() + XS + k * 2 * lanes * 64, lanes);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      uint4 w[2];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        if (i % WIDE == 0) arrived();
        w[i] = *(const uint4 *)(ring + s.take + i % WIDE * 512);
        if (i % WIDE == WIDE - 1) {
          s.take = s.take == (DEPTH - 1) * SLOT ? 0 : s.take + SLOT;
          refill(s);
        }
      }
#pragma unroll
      for (int j = 0; j < NT; j++) {
        mma(acc[j], operand_bf16(w[0].x), operand_bf16(w[1].x), operand_bf16(w[0].y), operand_bf16(w[1].y), b[j][half * 4], b[j][half * 4 + 1]);
        mma(acc[j], operand_bf16(w[0].z), operand_bf16(w[1].z), operand_bf16(w[0].w), operand_bf16(w[1].w), b[j][half * 4 + 2], b[j][half * 4 + 3]);
      }
    }
    if (k + WARPS >= C || u + WARPS >= end) flush(acc, out, rows_of(4), tile, lanes, 1.0f);
  }
  __syncwarp();
  if (lane == 0) table().stream[warp] = s;
}

// phase is one product with what stands before it; until: the count of arrivals at which its input is whole.
__device__ __noinline__ void phase(int m, int layer, u32 until, int &at) {
  const u8 *here = p.block + layer * p.layer;
  int from = table().from[m], to = table().to[m], lanes = p.lanes_n;
#ifndef NO_STAGE
  if (m == 1) stage_dense(from, to, until);
  else if (m == 3) stage_down(layer, (const float *)(here + p.bias[2]), from, to, until);
  else stage_norm((const float *)(here + p.norm[m >> 1]), from, to, until);
#else
  wait(until);
#endif
  stamp(at);
  if (m == 0) {
    clear(p.h, (s64)lanes * F);
    if (p.lora) clear(p.t + 1 * LMAX * 64, 2 * LMAX * 64);
  }
  if (m == 1) {
    clear(p.qkv, (s64)lanes * 3 * D);
    if (p.lora) clear(p.t, LMAX * 64), clear(p.t + 3 * LMAX * 64, LMAX * 64);
  }
  product(m, layer, m == 0 ? p.qkv : m == 2 ? p.h : p.x);
  if (m & 1) add_bias((const float *)(here + p.bias[m]));
  stamp(at);
  arrive();
  stamp(at);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) decode() {
  Table &tb = table();
  int tid = threadIdx.x, lanes = p.lanes_n, at = 0;
  if (STRIDE == 256 && (u32)__cvta_generic_to_shared(dynamic) > XS) __trap();
  make_table();
  prepare();
  __syncthreads();
  u32 met = 0;
  {
    Stream s = {};
    s.phase = -1;
    s.steps = p.steps;
    for (int i = 0; i < DEPTH - 1; i++) refill(s);
    if ((tid & 31) == 0) tb.stream[tid >> 5] = s;
    __syncwarp();
  }

  for (int step = 0; step < p.steps; step++) {
    stamp(at);
    constexpr int VP = rows_of(4);
    bool head = p.mode & (WANT_LOGITS | WANT_CHOICE);
    for (int i = blockIdx.x * THREADS + tid; i < lanes * (D / 2); i += gridDim.x * THREADS) {
      int n = i / (D / 2), e = i % (D / 2);
      u32 v = *(const u32 *)(p.embed + (s64)tb.token[n] * D + 2 * e);
      if (!(fabsf(bf16_low(v)) < SUM_LIMIT && fabsf(bf16_high(v)) < SUM_LIMIT)) p.status[n] = 1;
      ((ulonglong2 *)p.x)[i] = make_ulonglong2(fixed(bf16_low(v)), fixed(bf16_high(v)));
    }
    clear(p.qkv, (s64)lanes * 3 * D);
    clear(p.h, (s64)lanes * F);
    clear(p.t, 4 * LMAX * 64);
    load_parts(0, tid);
    if (tid == 0) count_pieces();
    if (head) clear(p.sums, (s64)lanes * VP);
    arrive();
    note_pieces();
#pragma unroll 1
    for (int layer = 0; layer < LAYERS; layer++) {
#pragma unroll 1
      for (int j = 0; j < 4; j++) {
        int m = matrix_of(j);
        phase(m, layer, met + gridDim.x, at);
        met += m & 1 ? gridDim.x : NORM_MEETS * gridDim.x;
        if (j == 0) {
          met += gridDim.x;
#ifndef NO_ATTENTION
          attend(layer, (const float *)(p.block + layer * p.layer + p.bias[0]), met);
#else
          wait(met);
#endif
          stamp(at);
          arrive();
          stamp(at);
        }
        if ((m & 1) && p.lora >> m & 1) {
          wait(met += gridDim.x);
          add_low(layer, m);
          arrive();
        }
      }
    }
    met += gridDim.x;
    if (!head) {
      wait(met);
      break;
    }
    stage_norm((const float *)(p.block + p.final), tb.from[4], tb.to[4], met);
    met += (NORM_MEETS - 1) * gridDim.x;
    if (HEAD4) product(4, 0, p.sums);
    else product_bf16(p.sums);
    stamp(at);
    meet(met);
    score_all();
    if (!(p.mode & WANT_CHOICE)) break;
    meet(met);
    bool drawn = false;
    for (int n = 0; n < lanes; n++) {
      if (p.choice[n].temperature > 0) {
        drawn = true;
        if (blockIdx.x == n % gridDim.x) {
          int id = pick(n, step);
          if (tid == 0) p.out[step * lanes + n] = id;
          __syncthreads();
        }
      } else if (blockIdx.x == 0 && tid < 32) {
        u64 best = best_of(n);
        float top = unordered((u32)(best >> 32));
        if (tid == 0) p.out[step * lanes + n] = best && fabsf(top) < INFINITY ? (int)~(u32)best : -1;
      }
    }
    if (!(p.mode & FEED_BACK)) break;
    if (drawn) meet(met);
    for (int n = tid >> 5; n < lanes; n += WARPS) {
      int id;
      if (p.choice[n].temperature > 0) {
        id = (int)load4(p.out + step * lanes + n);
      } else {
        u64 best = best_of(n);
        id = best ? (int)~(u32)best : -1;
      }
      if ((tid & 31) == 0) {
        id = id < 0 ? 0 : id;
        tb.token[n] = id;
        tb.pos[n]++;
        if (blockIdx.x == 0) atomicOr(&p.seen[(s64)tb.row[n] * ((VOCAB + 31) / 32) + (id >> 5)], 1u << (id & 31));
      }
    }
    __syncthreads();
  }
  stamp(at);
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
  __syncthreads();
  if (tid == 0 && atomicAdd(p.barrier + 1, 1) == gridDim.x - 1) p.barrier[0] = 0, p.barrier[1] = 0;
}
