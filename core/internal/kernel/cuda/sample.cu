// The choice of the next token, by core/neox's sampler: repetition penalty, temperature, top-k, top-p, then the
// inverse of the cumulative distribution at a uniform number, most likely token first, equal ones by id.

#define BINS (STRIDE < 128 ? 1024 : 2048)
#define GATHER (BINS / 2)
#define REACH 60.0f  // how far below the best score a token may lie (sampler.go: unreachable)

struct Picker {
  u64 mass[BINS];
  u64 keys[GATHER];
  u32 count[BINS];
  u64 warps[WARPS];
  u64 before, found, upto;
  int bin, n;
};

__device__ __forceinline__ u32 ordered(float v) {
  u32 u = __float_as_uint(v);
  return u >> 31 ? ~u : u | 0x80000000u;
}
__device__ __forceinline__ float unordered(u32 u) { return __uint_as_float(u >> 31 ? u & 0x7fffffffu : ~u); }
// Larger keys come first: a larger score, then a lower id.
__device__ __forceinline__ u64 key_of(float score, int id) { return (u64)ordered(score) << 32 | (u32)~id; }

// A probability in units of 2^-40 of the best one's: integers, so that sums do not depend on their order.
__device__ __forceinline__ u64 mass_of(float score, float top) { return (u64)(expf(score - top) * 1099511627776.0f); }
__device__ __forceinline__ int bin_of(float score, float top) { return min(BINS - 1, (int)((top - score) * (BINS / 64))); }
__device__ __forceinline__ bool reachable(float score, float top) { return top - score <= REACH; }

// score is a logit after the penalty and the temperature. Tokens of the row count as seen, and those of the
// lanes before this one in the same row.
__device__ __forceinline__ float score_of(float logit, int n, int id) {
  const Table &tb = table();
  Choice c = p.choice[n];
  if (c.penalty != 1) {
    bool seen = load4(p.seen + (s64)tb.row[n] * ((VOCAB + 31) / 32) + (id >> 5)) >> (id & 31) & 1;
    for (int i = 0; i <= n; i++) seen |= tb.row[i] == tb.row[n] && tb.token[i] == id;
    for (int i = 0; i < p.prior_n; i++) seen |= p.prior[i].x == tb.row[n] && p.prior[i].y == id;
    if (seen) logit = logit < 0 ? logit * c.penalty : __fdiv_rn(logit, c.penalty);
  }
  if (c.temperature > 0 && c.temperature != 1) logit = __fdiv_rn(logit, c.temperature);
  return logit;
}

__device__ __forceinline__ u64 block_best(u64 v, u64 *warps) {
  for (int i = 16; i > 0; i >>= 1) {
    u64 o = __shfl_xor_sync(FULL, v, i);
    v = o > v ? o : v;
  }
  __syncthreads();
  if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = v;
  __syncthreads();
  for (int w = 0; w < WARPS; w++) v = warps[w] > v ? warps[w] : v;
  return v;
}

// score_all turns this block's share of the sums into logits and scores, and notes the best of each lane.
__device__ __noinline__ void score_all() {
  Picker &k = *(Picker *)(room() + XS);
  constexpr int VP = (VOCAB + 15) / 16 * 16;
  int from = share(VOCAB, blockIdx.x, gridDim.x), to = share(VOCAB, blockIdx.x + 1, gridDim.x);
  for (int n = 0; n < p.lanes_n; n++) {
    u64 best = 0;
    bool sample = (p.mode & WANT_CHOICE) && p.choice[n].temperature > 0;
    for (int i = from + threadIdx.x; i < to; i += THREADS) {
      float v = real(load_s64(p.sums + (s64)n * VP + i));
      if (p.mode & WANT_LOGITS) p.logits[(s64)n * VOCAB + i] = v;
      if (!(p.mode & WANT_CHOICE)) continue;
      v = score_of(v, n, i);
      if (sample) p.scores[(s64)n * VOCAB + i] = v;
      u64 key = key_of(v, i);
      if (v == v && key > best) best = key;
    }
    if (p.mode & WANT_CHOICE) {
      best = block_best(best, k.warps);
      if (threadIdx.x == 0) p.best[n * gridDim.x + blockIdx.x] = best;
    }
  }
}

// best_of is the best key of lane n over all blocks; all threads of a warp get it.
__device__ __forceinline__ u64 best_of(int n) {
  u64 v = 0;
  for (int i = threadIdx.x & 31; i < gridDim.x; i += 32) {
    u64 o = (u64)load_s64((const s64 *)p.best + n * gridDim.x + i);
    v = o > v ? o : v;
  }
  for (int i = 16; i > 0; i >>= 1) {
    u64 o = __shfl_xor_sync(FULL, v, i);
    v = o > v ? o : v;
  }
  return v;
}

__device__ __forceinline__ bool enough(u64 sum, double goal, bool beyond) { return beyond ? (double)sum > goal : (double)sum >= goal; }

// block_sum64 is exact.
__device__ u64 block_sum64(u64 v, u64 *warps) {
  for (int i = 16; i > 0; i >>= 1) v += __shfl_xor_sync(FULL, v, i);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = v;
  __syncthreads();
  v = 0;
  for (int w = 0; w < WARPS; w++) v += warps[w];
  return v;
}

// find looks for the first token, best first, at which the sum of weights (1 each, or the masses) reaches goal (beyond:
// exceeds it), among those with a score of at least floor. It returns the token's key and the sum up to it; where the
// goal is not reached, key 0 and the whole sum.
__device__ __noinline__ u64 find(const float *scores, float top, float floor, bool masses, double goal, bool beyond, u64 &upto) {
  Picker &k = *(Picker *)(room() + XS);
  int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31;
  int last = floor == -INFINITY ? BINS : bin_of(floor, top);  // the masses of the floor's own bin are counted anew
  u64 part = 0, w[BINS / THREADS];
  for (int i = 0; i < BINS / THREADS; i++) {
    int b = tid * (BINS / THREADS) + i;
    w[i] = b >= last ? 0 : masses ? k.mass[b] : k.count[b];
    part += w[i];
  }
  u64 sum = part;
  for (int i = 1; i < 32; i <<= 1) {
    u64 o = __shfl_up_sync(FULL, sum, i);
    if (lane >= i) sum += o;
  }
  __syncthreads();
  if (lane == 31) k.warps[warp] = sum;
  if (tid == 0) k.bin = -1, k.n = 0, k.found = 0;
  __syncthreads();
  u64 all = 0, before = sum - part;
  for (int i = 0; i < WARPS; i++) {
    if (i < warp) before += k.warps[i];
    all += k.warps[i];
  }
  for (int i = 0; i < BINS / THREADS; i++) {
    if (!enough(before, goal, beyond) && enough(before + w[i], goal, beyond)) k.bin = tid * (BINS / THREADS) + i, k.before = before;
    before += w[i];
  }
  __syncthreads();
  int bin = k.bin;
  if (bin < 0) {
    if (last == BINS) {
      upto = all;
      return 0;
    }
    bin = last;
    if (tid == 0) k.before = all;
    __syncthreads();
  }
  before = k.before;
  for (int i = tid; i < VOCAB; i += THREADS) {
    float s = load_float(scores + i);
    if (!reachable(s, top) || bin_of(s, top) != bin || s < floor) continue;
    int at = atomicAdd(&k.n, 1);
    if (at < GATHER) k.keys[at] = key_of(s, i);
  }
  __syncthreads();
  int n = k.n;
  if (n <= GATHER) {
    u64 sum_all = 0;
    for (int i = tid; i < n; i += THREADS) {
      u64 mine = k.keys[i], above = 0;
      u64 own = masses ? mass_of(unordered((u32)(mine >> 32)), top) : 1;
      for (int j = 0; j < n; j++) {
        u64 o = k.keys[j];
        if (o > mine) above += masses ? mass_of(unordered((u32)(o >> 32)), top) : 1;
      }
      if (!enough(before + above, goal, beyond) && enough(before + above + own, goal, beyond)) k.found = mine, k.upto = before + above + own;
      sum_all += own;
    }
    sum_all = block_sum64(sum_all, k.warps);
    if (k.found == 0) {
      upto = before + sum_all;
      __syncthreads();
      return 0;
    }
    upto = k.upto;
    u64 found = k.found;
    __syncthreads();
    return found;
  }
  // More equal scores than the room holds: the key bit by bit.
  u64 key = 0, reached = 0;
  for (int bit = 63; bit >= 0; bit--) {
    u64 want = key | 1ull << bit, here = 0;
    for (int i = tid; i < VOCAB; i += THREADS) {
      float s = load_float(scores + i);
      if (reachable(s, top) && bin_of(s, top) == bin && s >= floor && key_of(s, i) >= want) here += masses ? mass_of(s, top) : 1;
    }
    here = block_sum64(here, k.warps);
    if (enough(before + here, goal, beyond)) key = want, reached = before + here;
  }
  if (key == 0) {
    u64 here = 0;
    for (int i = tid; i < VOCAB; i += THREADS) {
      float s = load_float(scores + i);
      if (reachable(s, top) && bin_of(s, top) == bin && s >= floor) here += masses ? mass_of(s, top) : 1;
    }
    reached = before + block_sum64(here, k.warps);
  }
  upto = reached;
  return key;
}

// pick draws lane n's token; the whole block works on it.
__device__ __noinline__ int pick(int n, int step) {
  Picker &k = *(Picker *)(room() + XS);
  const float *scores = p.scores + (s64)n * VOCAB;
  Choice c = p.choice[n];
  u64 best = best_of(n);
  if (!best) return -1;
  float top = unordered((u32)(best >> 32));
  if (top == INFINITY || top == -INFINITY) return -1;
  __syncthreads();
  for (int i = threadIdx.x; i < BINS; i += THREADS) k.mass[i] = 0, k.count[i] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < VOCAB; i += THREADS) {
    float s = load_float(scores + i);
    if (!reachable(s, top)) continue;
    int b = bin_of(s, top);
    atomicAdd(&k.count[b], 1);
    atomicAdd(&k.mass[b], mass_of(s, top));
  }
  __syncthreads();
  float floor = -INFINITY;
  u64 upto;
  if (c.topk > 0 && c.topk < VOCAB) {
    u64 key = find(scores, top, floor, false, c.topk, false, upto);
    if (key) floor = unordered((u32)(key >> 32));
  }
  u64 all, key;
  find(scores, top, floor, true, 1e300, false, all);
  if (c.topp < 1) {
    key = find(scores, top, floor, true, c.topp * (double)all, false, upto);
    if (key) all = upto;
  }
  key = find(scores, top, floor, true, p.uniform[(s64)step * p.lanes_n + n] * (double)all, true, upto);
  return key ? (int)~(u32)key : (int)~(u32)best;
}
