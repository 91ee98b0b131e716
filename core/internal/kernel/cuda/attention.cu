// Attention of the new tokens over the cache, on the tensor cores. Four warps (a worker) take a part of the context of one head for all
// lanes of a row: keys and values are read once, the lanes are the columns of the products. stage_dense puts the parts together.

#define WORKER 128
#define PAIRS (DH / 2)
#define KT (DH / 16)                 // tiles of 16 columns of a head
#define MT ((KT + 3) / 4)            // of these, a warp's share of the sum over values
#define VT (KT % 8 == 0 ? 2 : 1)     // that one load of values serves
#define QPITCH (DH + 32)
#define NEW_AT_ONCE (LMAX == 1 ? 2 : 4)  // pairs of elements of the new tokens that a thread makes at a time

// A worker's room in the scratch.
struct __align__(16) Worker {
  u16 q[LMAX][QPITCH];
  u16 fresh[2][LMAX][DH];  // the new tokens' keys and values
  u32 weight[4][NT][64];   // by warp: exp(score - its maximum), as the tensor core takes it
  float2 ml[4][8 * NT];    // by warp and lane: the maximum and the sum
  float low[LMAX][64];     // A x
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

// ask_item asks for the old keys and values of a piece of work.
__device__ __forceinline__ void ask_item(int layer, int group, int head, int part) {
  const Table &tb = table();
  int wt = threadIdx.x % WORKER, first = tb.first[group], size = part_size(tb.pos[first]), begin = part * size, end = min(begin + size, tb.pos[first]);
  s64 at = cache_row(layer, tb.row[first], head) + (s64)begin * DH;
#pragma unroll 1
  for (int b = wt * 128; b < (end - begin) * DH * 2; b += WORKER * 128) {
    ask((const u8 *)(p.keys + at) + b);
    ask((const u8 *)(p.values + at) + b);
  }
}

// fetch asks the second-level cache for what a layer will want: old keys and values of each worker's first piece, biases, norms and LoRA
// parts. The worker is the index-th of count that do so.
__device__ __noinline__ void fetch(int layer, int index, int count) {
  const Table &tb = table();
  int wt = threadIdx.x % WORKER, group, head, part;
#pragma unroll 1
  for (int i = index; i < gridDim.x * (THREADS / WORKER) && item(i, group, head, part); i += count) {
    ask_item(layer, group, head, part);
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

// turned gives a matrix of 8 x 8 pairs of bytes, a row by four threads, with rows and columns exchanged.
__device__ __forceinline__ u32 turned(u32 v) {
  u32 r;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(v));
  return r;
}

// load_keys brings a warp's 16 old positions from pos on: thread (g, t) has those of positions g and g + 8, in the order in which the products
// take their columns (column_of).
struct Keys {
  u32 v[2][KT][2];
};
#define KV16 (KT % 2 == 0)  // 16 bytes at once serve two products
__device__ __forceinline__ int column_of(int i, int t) { return KV16 ? (i >> 1) * 32 + t * 8 + (i & 1) * 4 : i * 16 + t * 4; }
__device__ __forceinline__ void load_keys(Keys &k, const u16 *keys, int pos, int old) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int at = pos + half * 8 + g;
    const u16 *from = keys + (s64)at * DH;
#pragma unroll
    for (int i = 0; i < KT; i += KV16 ? 2 : 1) {
      uint4 v = make_uint4(0, 0, 0, 0);
      if (at < old) {
        if (KV16) {
          v = load16(from + column_of(i, t));
        } else {
          uint2 w = load8(from + column_of(i, t));
          v.x = w.x, v.y = w.y;
        }
      }
      k.v[half][i][0] = v.x, k.v[half][i][1] = v.y;
      if (KV16) k.v[half][(i + 1) % KT][0] = v.z, k.v[half][(i + 1) % KT][1] = v.w;
    }
  }
}

// Values of 64 positions, a warp's columns: thread (g, t) has, of every 16 positions, 2t, 2t+1, 2t+8 and 2t+9 in pairs of columns. The
// first tile of a load of two has its pairs 0, 2, .. and the second 1, 3, ...
struct Values {
  u32 v[MT][4][4];
};
__device__ __forceinline__ int tile_of(int ww, int i) { return ww * MT + i; }
__device__ __forceinline__ int pair_of(int tile, int g) { return VT == 2 ? (tile & ~1) * 8 + g * 2 + (tile & 1) : tile * 8 + g; }
__device__ __forceinline__ void load_values(Values &v, const u16 *values, int base, int old) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, ww = threadIdx.x % WORKER >> 5;
#pragma unroll
  for (int j = 0; j < 4; j++)
#pragma unroll
    for (int q = 0; q < 4; q++) {
      int pos = base + j * 16 + 2 * t + (q & 1) + (q >> 1) * 8;
#pragma unroll
      for (int i = 0; i < MT; i += VT) {
        uint2 w = make_uint2(0, 0);
        if (pos < old && (KT % 4 == 0 || tile_of(ww, i) < KT)) {
          const u16 *from = values + (s64)pos * DH + 2 * pair_of(tile_of(ww, i), g);
          if (VT == 2) w = load8(from);
          else w.x = load4(from);
        }
        v.v[i][j][q] = w.x;
        if (VT == 2) v.v[(i + 1) % MT][j][q] = w.y;
      }
    }
}

// new_tokens makes q of a row's lanes, and k and v of those that stand in positions [begin, end), which go into the cache too: bias and LoRA
// added, q and k turned.
__device__ __noinline__ void new_tokens(int layer, const float *bias, int first, int count, int head, int begin, int end) {
  Table &tb = table();
  int worker = threadIdx.x / WORKER, wt = threadIdx.x % WORKER, fresh = tb.pos[first];
  Worker &w = *(Worker *)(room() + XS + worker * sizeof(Worker));
  s64 at = cache_row(layer, tb.row[first], head);
  const Lora *low = 0;
  if (p.lora & 1 && tb.slot[first] >= 0) low = tb.part[layer & 1][tb.slot[first]];
  int rank = low ? low->rank : 0, all = (fresh + count > begin && fresh < end ? 3 : 1) * count * PAIRS;
  float gain = low ? low->scale : 0;
  if (rank) {
    for (int i = wt; i < count * 64; i += WORKER)
      if ((i & 63) < rank) w.low[i >> 6][i & 63] = real(load_s64(p.t + (first + (i >> 6)) * 64 + (i & 63)));
  }
#pragma unroll 1
  for (int i0 = wt; i0 - wt < all; i0 += NEW_AT_ONCE * WORKER) {
    s64 ra[NEW_AT_ONCE], rb[NEW_AT_ONCE];
#pragma unroll
    for (int u = 0; u < NEW_AT_ONCE; u++) {
      int i = i0 + u * WORKER, e = i % PAIRS, r = i / PAIRS, which = (r >= count) + (r >= 2 * count), n = r - which * count;
      int ea = e < ROT / 2 ? e : ROT + 2 * (e - ROT / 2), eb = e < ROT / 2 ? e + ROT / 2 : ea + 1;
      const s64 *from = p.qkv + (s64)(first + n) * 3 * D + (head * 3 + which) * DH;
      ra[u] = rb[u] = 0;
      if (i < all) ra[u] = load_s64(from + ea), rb[u] = load_s64(from + eb);
    }
    if (rank && i0 == wt) worker_sync(worker);  // A x is there
#pragma unroll
    for (int u = 0; u < NEW_AT_ONCE; u++) {
      int i = i0 + u * WORKER, e = i % PAIRS, r = i / PAIRS, which = (r >= count) + (r >= 2 * count), n = r - which * count, pos = fresh + n;
      if (i >= all || (which && (pos < begin || pos >= end))) continue;
      int ea = e < ROT / 2 ? e : ROT + 2 * (e - ROT / 2), eb = e < ROT / 2 ? e + ROT / 2 : ea + 1, row = (head * 3 + which) * DH;
      float2 turn = make_float2(1, 0);
      if (which < 2 && e < ROT / 2) turn = make_float2(p.cos[(s64)pos * (ROT / 2) + e], p.sin[(s64)pos * (ROT / 2) + e]);
      float x = real(ra[u]) + bias[row + ea], y = real(rb[u]) + bias[row + eb];
      const float *h = w.low[n];
      if (rank == 8) {
        float sum[2];
#pragma unroll
        for (int k = 0; k < 2; k++) {
          uint4 v = *(const uint4 *)(low->b + (s64)(row + (k ? eb : ea)) * 8);
          sum[k] = bf16_low(v.x) * h[0] + bf16_high(v.x) * h[1] + bf16_low(v.y) * h[2] + bf16_high(v.y) * h[3];
          sum[k] += bf16_low(v.z) * h[4] + bf16_high(v.z) * h[5] + bf16_low(v.w) * h[6] + bf16_high(v.w) * h[7];
        }
        x += sum[0] * gain, y += sum[1] * gain;
      } else if (rank) {
        x += low_dot(low->b + (s64)(row + ea) * rank, h, rank) * gain;
        y += low_dot(low->b + (s64)(row + eb) * rank, h, rank) * gain;
      }
      float a = x * turn.x - y * turn.y, c = y * turn.x + x * turn.y;
      if (which == 0) {
        u32 q = operand(a * rsqrtf((float)DH), c * rsqrtf((float)DH));
        w.q[n][ea] = (u16)q, w.q[n][eb] = (u16)(q >> 16);
      } else {
        u32 q = bf16_pair(a, c);
        u16 *to = (which == 1 ? p.keys : p.values) + at + (s64)pos * DH;
        to[ea] = w.fresh[which - 1][n][ea] = (u16)q;
        to[eb] = w.fresh[which - 1][n][eb] = (u16)(q >> 16);
      }
    }
  }
  worker_sync(worker);
}

// scores makes exp(score - maximum) of a warp's 16 positions from base on, for all lanes, with the maximum and the sum.
__device__ __forceinline__ void scores(Worker &w, const Keys &k, int base, int end, int fresh, int count) {
  int ww = threadIdx.x % WORKER >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, pos = base + ww * 16 + g;
#pragma unroll
  for (int j = 0; j < NT; j++) {
    float c[2][4] = {};
    const u16 *q = w.q[(j * 8 + g) % LMAX];
#pragma unroll
    for (int i = 0; i < KT; i++) {
      uint2 b = make_uint2(0, 0);
      if (j * 8 + g < count) b = *(const uint2 *)(q + column_of(i, t));
      mma(c[i & 1], operand_bf16(k.v[0][i][0]), operand_bf16(k.v[1][i][0]), operand_bf16(k.v[0][i][1]), operand_bf16(k.v[1][i][1]), b.x, b.y);
    }
    float s[4], top[2], sum[2];
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int n = j * 8 + 2 * t + (e & 1), at = pos + (e >> 1) * 8;
      s[e] = at < end && at <= fresh + n ? c[0][e] + c[1][e] : -INFINITY;
    }
    top[0] = fmaxf(s[0], s[2]), top[1] = fmaxf(s[1], s[3]);
#pragma unroll
    for (int d = 4; d < 32; d <<= 1)
#pragma unroll
      for (int e = 0; e < 2; e++) top[e] = fmaxf(top[e], __shfl_xor_sync(FULL, top[e], d));
#pragma unroll
    for (int e = 0; e < 4; e++) s[e] = s[e] == -INFINITY ? 0 : __expf(s[e] - top[e & 1]);
    sum[0] = s[0] + s[2], sum[1] = s[1] + s[3];
    w.weight[ww][j][lane] = turned(operand(s[0], s[1]));
    w.weight[ww][j][lane + 32] = turned(operand(s[2], s[3]));
#pragma unroll
    for (int d = 4; d < 32; d <<= 1)
#pragma unroll
      for (int e = 0; e < 2; e++) sum[e] += __shfl_xor_sync(FULL, sum[e], d);
    if (g < 2) w.ml[ww][j * 8 + 2 * t + g] = make_float2(g ? top[1] : top[0], g ? sum[1] : sum[0]);
  }
}

// attend_item does one piece. The first old keys are loaded before the wait for the new tokens' q, k and v, where wait_first is set.
__device__ __noinline__ void attend_item(int layer, const float *bias, int group, int head, int part, u32 until, bool wait_first) {
  Table &tb = table();
  int worker = threadIdx.x / WORKER, ww = threadIdx.x % WORKER >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  Worker &w = *(Worker *)(room() + XS + worker * sizeof(Worker));
  int first = tb.first[group], count = LMAX == 1 ? 1 : tb.count[group], fresh = tb.pos[first];
  int size = part_size(fresh), begin = part * size, end = min(begin + size, fresh + count), old = min(end, fresh);
  s64 at = cache_row(layer, tb.row[first], head);
  const u16 *keys = p.keys + at, *values = p.values + at;
  Keys k;
  Values v;
  load_keys(k, keys, begin + ww * 16, old);
  load_values(v, values, begin, old);
  if (wait_first) wait(until);
  new_tokens(layer, bias, first, count, head, begin, end);
  float acc[MT][NT][4] = {}, m[NT][2], l[NT][2];
#pragma unroll
  for (int j = 0; j < NT; j++) m[j][0] = m[j][1] = -INFINITY, l[j][0] = l[j][1] = 0;

#pragma unroll 1
  for (int base = begin; base < end; base += 64) {
    if (base + 64 > fresh) {  // the new tokens' own keys and values
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int pos = base + ww * 16 + half * 8 + g;
        if (pos >= fresh && pos < end) {
#pragma unroll
          for (int i = 0; i < KT; i++) {
            uint2 b = *(const uint2 *)&w.fresh[0][pos - fresh][column_of(i, t)];
            k.v[half][i][0] = b.x, k.v[half][i][1] = b.y;
          }
        }
      }
#pragma unroll
      for (int e = 0; e < 16; e++) {
        int pos = base + (e >> 2) * 16 + 2 * t + (e & 1) + (e >> 1 & 1) * 8;
        if (pos >= fresh && pos < end) {
#pragma unroll
          for (int i = 0; i < MT; i++)
            if (KT % 4 == 0 || tile_of(ww, i) < KT) v.v[i][e >> 2][e & 3] = *(const u32 *)&w.fresh[1][pos - fresh][2 * pair_of(tile_of(ww, i), g)];
        }
      }
    }
    scores(w, k, base, end, fresh, count);
    worker_sync(worker);
    if (base + 64 < end) load_keys(k, keys, base + 64 + ww * 16, old);
#pragma unroll
    for (int j = 0; j < NT; j++) {
      // The common maximum, and how far the warps' weights and the sums so far shrink by it.
      float f[4][2], shrink[2];
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float before = m[j][e], top = before, sum = 0;
        float2 ml[4];
#pragma unroll
        for (int i = 0; i < 4; i++) ml[i] = w.ml[i][j * 8 + 2 * t + e], top = fmaxf(top, ml[i].x);
        shrink[e] = before == -INFINITY ? 0 : __expf(before - top);
#pragma unroll
        for (int i = 0; i < 4; i++) {
          f[i][e] = ml[i].x == -INFINITY ? 0 : __expf(ml[i].x - top);
          sum += f[i][e] * ml[i].y;
        }
        l[j][e] = l[j][e] * shrink[e] + sum;
        m[j][e] = top;
      }
#pragma unroll
      for (int i = 0; i < MT; i++) {
        float *a = acc[i][j];
        a[0] *= shrink[0], a[1] *= shrink[1], a[2] *= shrink[0], a[3] *= shrink[1];
#pragma unroll
        for (int q = 0; q < 4; q++) {
          float d[4] = {};
          const u32 *x = v.v[i][q];
          mma(d, operand_bf16(__byte_perm(x[0], x[1], 0x5410)), operand_bf16(__byte_perm(x[0], x[1], 0x7632)),
              operand_bf16(__byte_perm(x[2], x[3], 0x5410)), operand_bf16(__byte_perm(x[2], x[3], 0x7632)), w.weight[q][j][lane], w.weight[q][j][lane + 32]);
          a[0] += d[0] * f[q][0], a[1] += d[1] * f[q][1], a[2] += d[2] * f[q][0], a[3] += d[3] * f[q][1];
        }
      }
    }
    if (base + 64 < end) {
      load_values(v, values, base + 64, old);
      worker_sync(worker);
    }
  }
#pragma unroll
  for (int j = 0; j < NT; j++)
#pragma unroll
    for (int e = 0; e < 2; e++) {
      int n = j * 8 + 2 * t + e;
      if (n >= count) continue;
      s64 to = ((first + n) * HEADS + head) * 16 + part;
#pragma unroll
      for (int i = 0; i < MT; i++)
        if (KT % 4 == 0 || tile_of(ww, i) < KT) *(float2 *)(p.part + to * DH + 2 * pair_of(tile_of(ww, i), g)) = make_float2(acc[i][j][e], acc[i][j][e + 2]);
      if (ww == 0 && g == 0) p.ml[to] = make_float2(m[j][e], l[j][e]);
    }
  worker_sync(worker);
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
  for (int i = index + all; LMAX > 1 && item(i, group, head, part); i += all) ask_item(layer, group, head, part);
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
