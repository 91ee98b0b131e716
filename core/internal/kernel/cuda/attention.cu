// Attention of the new tokens over the cache. Four warps (a worker) take a part of the context of one head for all lanes
// of a row: scores on the tensor cores, the sum over values in fp32. stage_dense puts the parts together.

#define WORKER 128
#define PAIRS (DH / 2)
#define SPREAD (WORKER / PAIRS >= 4 ? 4 : WORKER / PAIRS >= 2 ? 2 : 1)  // threads that share a pair of columns in the sum over values
#define QPITCH (DH + 8)

// A worker's room in the scratch.
struct __align__(16) Worker {
  u16 q[LMAX][QPITCH];
  float score[LMAX][64];
  float m[LMAX], l[LMAX], shrink[LMAX];
  __align__(16) u16 fresh[2][LMAX][DH];  // the new tokens' keys and values
  __align__(16) float2 sum[LMAX][PAIRS];
};

__device__ __forceinline__ void worker_sync(int worker) { asm volatile("bar.sync %0, %1;" ::"r"(worker + 1), "n"(WORKER) : "memory"); }

// item finds the i-th piece of work: group, head and part. False: there is none.
__device__ __forceinline__ bool item(int i, int &group, int &head, int &part) {
  const Table &tb = table();
  for (group = 0; group < p.groups_n; group++) {
    int first = tb.first[group], parts = tb.pos[first + tb.count[group] - 1] / part_size(tb.pos[first]) + 1;
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

__device__ __forceinline__ void ask(const void *at) { asm volatile("prefetch.global.L2 [%0];" ::"l"(at)); }

// fetch asks the second-level cache for what a layer will want: old keys and values, biases, norms and LoRA parts. The worker is
// the index-th of count that do so.
__device__ __noinline__ void fetch(int layer, int index, int count) {
  const Table &tb = table();
  int wt = threadIdx.x % WORKER, group, head, part;
#pragma unroll 1
  for (int i = index; item(i, group, head, part); i += count) {
    int first = tb.first[group], size = part_size(tb.pos[first]), begin = part * size, end = min(begin + size, tb.pos[first]);
    s64 at = cache_row(layer, tb.row[first], head) + (s64)begin * DH;
#pragma unroll 1
    for (int b = wt * 128; b < (end - begin) * DH * 2; b += WORKER * 128) {
      ask((const u8 *)(p.keys + at) + b);
      ask((const u8 *)(p.values + at) + b);
    }
  }
  const u8 *next = p.block + layer * p.layer;
  int line = (index * WORKER + wt) * 128, step = count * WORKER * 128;
#pragma unroll 1
  for (int b = line; b < p.layer - p.bias[0]; b += step) ask(next + p.bias[0] + b);
#pragma unroll 1
  for (int i = 0; i < p.used_n * 4; i++) {
    if (!(p.lora >> (i & 3) & 1)) continue;
    const Lora &l = p.adapters[((tb.used[i >> 2] - 1) * LAYERS + layer) * 4 + (i & 3)];
#pragma unroll 1
    for (int b = line; b < l.rank * kbs_of(i & 3) * 128; b += step) ask((const u8 *)l.a + b);
#pragma unroll 1
    for (int b = line; b < l.rank * rows_of(i & 3) * 2; b += step) ask((const u8 *)l.b + b);
  }
}

// attend_item does one piece. The old keys are loaded before the wait for the new tokens' q, k and v, where first is set.
__device__ __noinline__ void attend_item(int layer, const float *bias, int group, int head, int part, u32 until, bool wait_first) {
  Table &tb = table();
  int worker = threadIdx.x / WORKER, wt = threadIdx.x % WORKER, ww = wt >> 5, lane = wt & 31, g = lane >> 2, t = lane & 3;
  Worker &w = *(Worker *)(room() + XS + worker * sizeof(Worker));
  int first = tb.first[group], count = LMAX == 1 ? 1 : tb.count[group], fresh = tb.pos[first];
  int size = part_size(fresh), begin = part * size, end = min(begin + size, fresh + count), old = min(end, fresh);
  s64 at = cache_row(layer, tb.row[first], head);
  const u16 *keys = p.keys + at + t * 4, *values = p.values + at;

  uint2 k[2][DH / 16];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int pos = begin + ww * 16 + half * 8 + g;
#pragma unroll
    for (int i = 0; i < DH / 16; i++) k[half][i] = pos < old ? load8(keys + (s64)pos * DH + i * 16) : make_uint2(0, 0);
  }
  int pair = wt / SPREAD, lot = wt % SPREAD;
  u32 v[64 / SPREAD];
#define LOAD_VALUES(base)                                                                                          \
  _Pragma("unroll") for (int i = 0; i < 64 / SPREAD; i++) {                                                        \
    int j = i * SPREAD + lot;                                                                                      \
    v[i] = pair < PAIRS && (base) + j < old ? load4(values + (s64)((base) + j) * DH + 2 * pair) : 0;               \
  }
  if (LMAX == 1) LOAD_VALUES(begin)
  const Lora *low = 0;
  if (p.lora & 1 && tb.slot[first] >= 0) low = tb.part[layer & 1][tb.slot[first]];
  int rank = low ? low->rank : 0;
  float gain = low ? low->scale : 0;
  if (wait_first) wait(until);

  if (rank) {
    for (int i = wt; i < count * 64; i += WORKER)
      if ((i & 63) < rank) w.score[i >> 6][i & 63] = real(load_s64(p.t + (first + (i >> 6)) * 64 + (i & 63)));
  }
  // The new tokens: q of all lanes, turned; k and v of those that stand in this part, into the cache. A thread makes two pairs of
  // elements at a time.
#pragma unroll 1
  for (int i0 = wt; i0 < count * 3 * PAIRS || i0 == wt; i0 += 2 * WORKER) {
    float2 x[2], turn[2];
    uint4 b[2][2];
    int n[2], which[2], ea[2], eb[2];
    bool does[2];
#pragma unroll
    for (int u = 0; u < 2; u++) {
      int i = i0 + u * WORKER, e = i % PAIRS;
      which[u] = i / PAIRS % 3, n[u] = i / (3 * PAIRS);
      int pos = fresh + n[u];
      does[u] = i < count * 3 * PAIRS && (which[u] == 0 || (pos >= begin && pos < end));
      ea[u] = e < ROT / 2 ? e : ROT + 2 * (e - ROT / 2), eb[u] = e < ROT / 2 ? e + ROT / 2 : ea[u] + 1;
      turn[u] = make_float2(1, 0);
      if (!does[u]) continue;
      int row = (head * 3 + which[u]) * DH;
      const s64 *from = p.qkv + (s64)(first + n[u]) * 3 * D + row;
      s64 ra = load_s64(from + ea[u]), rb = load_s64(from + eb[u]);
      float2 add = make_float2(bias[row + ea[u]], bias[row + eb[u]]);
      if (which[u] < 2 && e < ROT / 2) turn[u] = make_float2(p.cos[(s64)pos * (ROT / 2) + e], p.sin[(s64)pos * (ROT / 2) + e]);
      if (rank == 8) {
        b[u][0] = *(const uint4 *)(low->b + (s64)(row + ea[u]) * 8);
        b[u][1] = *(const uint4 *)(low->b + (s64)(row + eb[u]) * 8);
      }
      x[u] = make_float2(real(ra) + add.x, real(rb) + add.y);
    }
    if (rank && i0 == wt) worker_sync(worker);  // A x is there
#pragma unroll
    for (int u = 0; u < 2; u++) {
      if (!does[u]) continue;
      const float *h = w.score[n[u]];
      if (rank == 8) {
        float sum[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
          uint4 v = b[u][r];
          sum[r] = bf16_low(v.x) * h[0] + bf16_high(v.x) * h[1] + bf16_low(v.y) * h[2] + bf16_high(v.y) * h[3];
          sum[r] += bf16_low(v.z) * h[4] + bf16_high(v.z) * h[5] + bf16_low(v.w) * h[6] + bf16_high(v.w) * h[7];
        }
        x[u].x += sum[0] * gain, x[u].y += sum[1] * gain;
      } else if (rank) {
        int row = (head * 3 + which[u]) * DH;
        x[u].x += low_dot(low->b + (s64)(row + ea[u]) * rank, h, rank) * gain;
        x[u].y += low_dot(low->b + (s64)(row + eb[u]) * rank, h, rank) * gain;
      }
      float a = x[u].x * turn[u].x - x[u].y * turn[u].y, c = x[u].y * turn[u].x + x[u].x * turn[u].y;
      if (which[u] == 0) {
        u32 q = operand(a, c);
        w.q[n[u]][ea[u]] = (u16)q, w.q[n[u]][eb[u]] = (u16)(q >> 16);
      } else {
        u32 q = bf16_pair(a, c);
        u16 *to = (which[u] == 1 ? p.keys : p.values) + at + (s64)(fresh + n[u]) * DH;
        to[ea[u]] = w.fresh[which[u] - 1][n[u]][ea[u]] = (u16)q;
        to[eb[u]] = w.fresh[which[u] - 1][n[u]][eb[u]] = (u16)(q >> 16);
      }
    }
  }
  for (int n = wt; n < count; n += WORKER) w.m[n] = -INFINITY, w.l[n] = 0;
  worker_sync(worker);

#pragma unroll 1
  for (int base = begin; base < end; base += 64) {
    // Scores of 16 positions per warp. Thread (g, t) holds, per 16 columns, four of position g: 4t..4t+3.
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int off = ww * 16 + half * 8, pos = base + off + g;
      if (pos >= fresh && pos < end) {
#pragma unroll
        for (int i = 0; i < DH / 16; i++) k[half][i] = *(const uint2 *)&w.fresh[0][pos - fresh][i * 16 + t * 4];
      }
      float c[4] = {};
#pragma unroll
      for (int i = 0; i < DH / 16; i++) {
        uint2 lo = make_uint2(0, 0), hi = lo;
        if (g < count) lo = *(const uint2 *)&w.q[g % LMAX][i * 16 + t * 4];
        if (LMAX > 8 && g + 8 < count) hi = *(const uint2 *)&w.q[(g + 8) % LMAX][i * 16 + t * 4];
        mma(c, lo.x, hi.x, lo.y, hi.y, operand_bf16(k[half][i].x), operand_bf16(k[half][i].y));
      }
#pragma unroll
      for (int q = 0; q < (LMAX > 8 ? 4 : 2); q++) {
        int n = g + (q >> 1) * 8, j = off + 2 * t + (q & 1);
        if (n < count) w.score[n][j] = base + j < end && base + j <= fresh + n ? c[q] * rsqrtf((float)DH) : -INFINITY;
      }
    }
    if (LMAX > 1 || base > begin) LOAD_VALUES(base)
    worker_sync(worker);
#pragma unroll 1
    for (int n = ww; n < count; n += 4) {
      float s0 = w.score[n][lane], s1 = w.score[n][lane + 32], before = w.m[n];
      float top = fmaxf(before, warp_max(fmaxf(s0, s1)));
      s0 = s0 == -INFINITY ? 0 : __expf(s0 - top);
      s1 = s1 == -INFINITY ? 0 : __expf(s1 - top);
      float sum = warp_sum(s0 + s1), shrink = before == -INFINITY ? 0 : __expf(before - top);
      w.score[n][lane] = s0;
      w.score[n][lane + 32] = s1;
      if (lane == 0) w.m[n] = top, w.l[n] = w.l[n] * shrink + sum, w.shrink[n] = shrink;
    }
    worker_sync(worker);
    if (base + 64 < end) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int pos = base + 64 + ww * 16 + half * 8 + g;
#pragma unroll
        for (int i = 0; i < DH / 16; i++) k[half][i] = pos < old ? load8(keys + (s64)pos * DH + i * 16) : make_uint2(0, 0);
      }
    }
    // Sum over values: SPREAD threads have two columns of every SPREAD-th position.
    if (pair < PAIRS) {
      if (end > fresh) {
#pragma unroll
        for (int i = 0; i < 64 / SPREAD; i++) {
          int j = base + i * SPREAD + lot;
          if (j >= fresh && j < end) v[i] = *(const u32 *)&w.fresh[1][j - fresh][2 * pair];
        }
      }
    }
#pragma unroll 1
    for (int n = 0; n < count; n++) {
      float x = 0, y = 0;
#pragma unroll
      for (int i = 0; i < 64 / SPREAD; i++) {
        float s = w.score[n][i * SPREAD + lot];
        x += s * bf16_low(v[i]), y += s * bf16_high(v[i]);
      }
#pragma unroll
      for (int d = 1; d < SPREAD; d <<= 1) x += __shfl_xor_sync(FULL, x, d), y += __shfl_xor_sync(FULL, y, d);
      if (lot == 0 && pair < PAIRS) {
        if (base > begin) {
          float2 sum = w.sum[n][pair];
          x += sum.x * w.shrink[n], y += sum.y * w.shrink[n];
        }
        if (base + 64 < end) w.sum[n][pair] = make_float2(x, y);
        else *(float2 *)(p.part + (s64)(((first + n) * HEADS + head) * 16 + part) * DH + 2 * pair) = make_float2(x, y);
      }
      if (wt == 0 && base + 64 >= end) p.ml[((first + n) * HEADS + head) * 16 + part] = make_float2(w.m[n], w.l[n]);
    }
    worker_sync(worker);
  }
}

// attend is the attention of a layer. Workers without a piece look after the next layer, or all do, where none is without.
__device__ __noinline__ void attend(int layer, const float *bias, u32 until) {
  int worker = threadIdx.x / WORKER, index = blockIdx.x + worker * gridDim.x, all = gridDim.x * (THREADS / WORKER), group, head, part;
  bool first = true;
  int pieces = 0;
  for (int g = 0; g < p.groups_n; g++) {
    const Table &tb = table();
    int at = tb.first[g];
    pieces += (tb.pos[at + tb.count[g] - 1] / part_size(tb.pos[at]) + 1) * HEADS;
  }
#pragma unroll 1
  for (int i = index; item(i, group, head, part); i += all) {
    attend_item(layer, bias, group, head, part, until, first);
    first = false;
  }
  if (first) wait(until);
  if (layer + 1 == LAYERS) return;
  if (worker == THREADS / WORKER - 1) load_parts(layer + 1, threadIdx.x - (THREADS - WORKER));
  if (pieces >= all) fetch(layer + 1, index, all);
  else if (index >= pieces) fetch(layer + 1, index - pieces, all - pieces);
}
