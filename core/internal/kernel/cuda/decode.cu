// The decode step: whole tokens in one launch, one block of threads per multiprocessor, all of them resident.
//
// Per layer: QKV | attention | Dense | Up | Down, with a meeting of all blocks after each. Every product adds its sums to
// fixed point numbers in memory; what stands between the products (norm, bias, activation, rotary, LoRA's B) is done
// by whoever reads those sums.

__device__ __forceinline__ float factor_of(const u8 *layer, int m) { return *(const float *)(layer + p.factor[m]); }

// add_bias adds a bias [D] to x, each block its share.
__device__ __forceinline__ void add_bias(const float *bias) {
  for (int i = blockIdx.x * THREADS + threadIdx.x; i < p.lanes_n * D; i += gridDim.x * THREADS) fixed_add(p.x + i, bias[i % D]);
}

template <int M>
__device__ __forceinline__ void phase(Stream &s, u32 &slot, u32 &met, int &at, int layer) {
  const u8 *here = p.block + layer * p.layer;
  int from, to, lanes = p.lanes_n;
  float factor = factor_of(here, M);
  staged_range(M, from, to);
#ifndef NO_STAGE
  if (M == 0) stage_norm((const float *)(here + p.norm[0]), from, to);
  if (M == 1) stage_dense(from, to);
  if (M == 2) stage_norm((const float *)(here + p.norm[1]), from, to);
  if (M == 3) stage_down(layer, (const float *)(here + p.bias[2]), from, to);
#endif
  stamp(at);
  if (M == 0) {
    fetch(layer);
    clear(p.h, (s64)lanes * F);
    if (p.lora) clear(p.t + 1 * LMAX * 64, 2 * LMAX * 64);
  }
  if (M == 1) {
    clear(p.qkv, (s64)lanes * 3 * D);
    if (p.lora) clear(p.t, LMAX * 64), clear(p.t + 3 * LMAX * 64, LMAX * 64);
  }
  if (p.lora >> M & 1) low_product(M, layer, from, to);
  s64 *out = M == 0 ? p.qkv : M == 2 ? p.h : p.x;
  product<M>(s, slot, from, lanes, out, factor);
  if (M == 1 || M == 3) add_bias((const float *)(here + p.bias[M]));
  stamp(at);
  arrive();
  wait(met);
  stamp(at);
  if ((M == 1 || M == 3) && p.lora >> M & 1) {
    add_low(layer, M);
    arrive();
    wait(met);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) decode() {
  Table &tb = table();
  int tid = threadIdx.x, lanes = p.lanes_n, at = 0;
  make_table();
  if (tid < lanes) {
    int4 l = p.lanes[tid];
    tb.row[tid] = l.x, tb.pos[tid] = l.y, tb.token[tid] = l.z, tb.adapter[tid] = l.w;
  }
  for (int i = tid; i < 5 * (WARPS + 1); i += THREADS) {
    int m = i / (WARPS + 1), w = i % (WARPS + 1);
    tb.edge[m][w] = share(units_of(m), blockIdx.x * WARPS + w, gridDim.x * WARPS);
  }
  __syncthreads();
  Stream s = {};
  s.phase = -1;
  s.steps = p.steps;
  u32 slot = 0, met = 0;
  for (int i = 0; i < DEPTH - 1; i++) refill(s);

  for (int step = 0; step < p.steps; step++) {
    stamp(at);
    constexpr int VP = rows_of(4);
    bool head = p.mode & (WANT_LOGITS | WANT_CHOICE);
    for (int i = blockIdx.x * THREADS + tid; i < lanes * (D / 2); i += gridDim.x * THREADS) {
      int n = i / (D / 2), e = i % (D / 2);
      u32 v = *(const u32 *)(p.embed + (s64)tb.token[n] * D + 2 * e);
      ((ulonglong2 *)p.x)[i] = make_ulonglong2(fixed(bf16_low(v)), fixed(bf16_high(v)));
    }
    clear(p.qkv, (s64)lanes * 3 * D);
    clear(p.h, (s64)lanes * F);
    clear(p.t, 4 * LMAX * 64);
    if (head) clear(p.sums, (s64)lanes * VP);
    arrive();
    wait(met);
    for (int layer = 0; layer < LAYERS; layer++) {
      phase<0>(s, slot, met, at, layer);
#ifndef NO_ATTENTION
      attend(layer, (const float *)(p.block + layer * p.layer + p.bias[0]));
#endif
      stamp(at);
      arrive();
      wait(met);
      stamp(at);
      phase<matrix_of(1)>(s, slot, met, at, layer);
      phase<matrix_of(2)>(s, slot, met, at, layer);
      phase<3>(s, slot, met, at, layer);
    }
    if (!head) break;
    int from = 0, to = kbs_of(4);
    if (HEAD4) staged_range(4, from, to);
    stage_norm((const float *)(p.block + p.final), from, to);
    if (HEAD4) product<4>(s, slot, from, lanes, p.sums, *(const float *)(p.block + p.head_factor));
    else product_bf16(s, slot, lanes, p.sums);
    stamp(at);
    arrive();
    wait(met);
    score_all();
    if (!(p.mode & WANT_CHOICE)) break;
    arrive();
    wait(met);
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
    if (drawn) {
      arrive();
      wait(met);
    }
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
