// Attention of the new tokens over the cache, on the tensor cores. A piece of work is a part of the context of one head for all lanes of a
// row, by four warps (a worker): keys and values are read once, the lanes are the columns of the products. A block has a run of pieces, four
// at a time, so that pieces of one head share the new tokens' q, k and v. stage_dense puts the parts together.

#define WORKER 128
#define WORKERS (THREADS / WORKER)
#define PAIRS (DH / 2)
#define KT (DH / 16)                 // tiles of 16 columns of a head
#define MT ((KT + 3) / 4)            // of these, a warp's share of the sum over values
#define VT (KT % 8 == 0 ? 2 : 1)     // that one load of values serves
#define QPITCH (DH + 32)

// The block's room in the scratch.
struct Attention {
  struct Unit {  // a head of a row
    u16 q[LMAX][QPITCH];
    u16 fresh[2][LMAX][DH];  // the new tokens' keys and values
    float low[LMAX][64];     // A x
  } unit[WORKERS];
  struct Worker {
    u32 weight[4][NT][64];  // by warp: exp(score - its maximum), as the tensor core takes it
    float2 ml[4][8 * NT];   // by warp and lane: the maximum and the sum
  } worker[WORKERS];
};

__device__ __forceinline__ Attention &attention() { return *(Attention *)(room() + XS); }

__device__ __forceinline__ void worker_sync(int worker) { asm volatile("bar.sync %0, %1;" ::"r"(worker + 1), "n"(WORKER) : "memory"); }

// Piece is a piece of work: which head of which group, and which part of its context.
struct Piece {
  int group, head, part;
};

// count_pieces counts the pieces of this token, and finds the block's run of them; thread 0 does it. note_pieces keeps the first of the run; that
// is for other threads, after a __syncthreads.
__device__ __forceinline__ void count_pieces() {
  Table &tb = table();
  int sum = 0;
#pragma unroll 1
  for (int g = 0; g < p.groups_n; g++) {
    int first = tb.first[g], size = part_size(tb.pos[first]), n = tb.count[g];
    for (int i = 0; i < n; i++) tb.own[first + i] = (tb.pos[first] + i) / size + 1;
    tb.parts[g] = tb.own[first + n - 1];
    tb.pieces[g] = sum;
    sum += tb.parts[g] * HEADS;
  }
  tb.pieces[p.groups_n] = sum;
  for (int i = 0; i < 2; i++) tb.run[i] = (int)((u64)(u32)sum * (blockIdx.x + i) / gridDim.x);
}
__device__ __forceinline__ Piece find_piece(int i) {
  const Table &tb = table();
  int g = 0;
  if (LMAX > 1)
    while (i >= tb.pieces[g + 1]) g++;
  i -= tb.pieces[g];
  int head = i / tb.parts[g];
  return {g, head, i - head * tb.parts[g]};
}
__device__ __forceinline__ void note_pieces() {
  Table &tb = table();
  int i = threadIdx.x;
  if (i >= NOTED || tb.run[0] + i >= tb.run[1]) return;
  Piece x = find_piece(tb.run[0] + i);
  tb.noted[i] = x.group << 24 | x.head << 8 | x.part;
}

// piece is the i-th of the block's run.
__device__ __noinline__ u32 later_piece(int i) {
  Piece x = find_piece(table().run[0] + i);
  return x.group << 24 | x.head << 8 | x.part;
}
__device__ __forceinline__ Piece piece(int i) {
  u32 x = i < NOTED ? table().noted[i] : later_piece(i);
  return {(int)(x >> 24), (int)(x >> 8 & 0xffff), (int)(x & 255)};
}

__device__ __forceinline__ s64 cache_row(int layer, int row, int head) {
  return (((s64)layer * p.rows + row) * HEADS + head) * p.capacity * DH;
}

__device__ __forceinline__ void ask(const void *at) { asm volatile("prefetch.global.L2 [%0];" ::"l"(at)); }

// ask_piece asks for the old keys and values of a piece of work.
__device__ __forceinline__ void ask_piece(int layer, Piece x) {
  const Table &tb = table();
  int wt = threadIdx.x % WORKER, first = tb.first[x.group], size = part_size(tb.pos[first]), begin = x.part * size, end = min(begin + size, tb.pos[first]);
  s64 at = cache_row(layer, tb.row[first], x.head) + (s64)begin * DH;
#pragma unroll 1
  for (int b = wt * 128; b < (end - begin) * DH * 2; b += WORKER * 128) {
    ask((const u8 *)(p.keys + at) + b);
    ask((const u8 *)(p.values + at) + b);
  }
}

// fetch asks the second-level cache for what a layer will want: the block's first pieces, and its share of biases, norms and LoRA parts. One
// worker does it.
__device__ __noinline__ void fetch(int layer, int pieces) {
  const Table &tb = table();
#pragma unroll 1
  for (int i = 0; i < min(WORKERS, pieces); i++) ask_piece(layer, piece(i));
  const u8 *next = p.block + layer * p.layer;
  int line = (blockIdx.x * WORKER + threadIdx.x % WORKER) * 128, step = gridDim.x * WORKER * 128;
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
// take their columns (column_of). ALL: all 64 positions of the piece are old.
struct __align__(16) Keys {
  u32 v[2][KT][2];
};
#define KV16 (KT % 2 == 0)  // 16 bytes at once serve two products
__device__ __forceinline__ int column_of(int i, int t) { return KV16 ? (i >> 1) * 32 + t * 8 + (i & 1) * 4 : i * 16 + t * 4; }
template <bool ALL> __device__ __forceinline__ void load_keys(Keys &k, const u16 *keys, int pos, int old) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, left = old - pos - g;
  const u16 *from = pinned(keys + (s64)(pos + g) * DH + column_of(0, t));
#pragma unroll
  for (int half = 0; half < 2; half++)
#pragma unroll
    for (int i = 0; i < KT; i += KV16 ? 2 : 1) {
      uint4 v = make_uint4(0, 0, 0, 0);
      if (ALL || half * 8 < left) {
        const u16 *at = from + half * 8 * DH + column_of(i, 0);
        if (KV16) {
          v = load16(at);
        } else {
          uint2 w = load8(at);
          v.x = w.x, v.y = w.y;
        }
      }
      k.v[half][i][0] = v.x, k.v[half][i][1] = v.y;
      if (KV16) k.v[half][(i + 1) % KT][0] = v.z, k.v[half][(i + 1) % KT][1] = v.w;
    }
}

// Values of 64 positions, a warp's columns: thread (g, t) has, of every 16 positions, 2t, 2t+1, 2t+8 and 2t+9 in pairs of columns. The
// first tile of a load of two has its pairs 0, 2, .. and the second 1, 3, ...
struct Values {
  u32 v[MT][4][4];
};
__device__ __forceinline__ int tile_of(int ww, int i) { return ww * MT + i; }
__device__ __forceinline__ int pair_of(int tile, int g) { return VT == 2 ? (tile & ~1) * 8 + g * 2 + (tile & 1) : tile * 8 + g; }
template <bool ALL> __device__ __forceinline__ void load_values(Values &v, const u16 *values, int base, int old) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, ww = threadIdx.x % WORKER >> 5, left = old - base - 2 * t;
  const u16 *from = pinned(values + (s64)(base + 2 * t) * DH + 2 * pair_of(tile_of(ww, 0), g));
#pragma unroll
  for (int j = 0; j < 4; j++)
#pragma unroll
    for (int q = 0; q < 4; q++) {
      int pos = j * 16 + (q & 1) + (q >> 1) * 8;
#pragma unroll
      for (int i = 0; i < MT; i += VT) {
        uint2 w = make_uint2(0, 0);
        if ((ALL || pos < left) && (KT % 4 == 0 || tile_of(ww, i) < KT)) {
          if (VT == 2) w = load8(from + pos * DH + i * 16);
          else w.x = load4(from + pos * DH + i * 16);
        }
        v.v[i][j][q] = w.x;
        if (VT == 2) v.v[(i + 1) % MT][j][q] = w.y;
      }
    }
}

// new_tokens makes q of the lanes of some heads (units, from unit0 on: group * HEADS + head) for the pieces [i0, i1) of all, and k and v of those
// lanes that stand in these pieces, which go into the cache too: bias and LoRA added, q and k turned.
__device__ __noinline__ void new_tokens(int layer, const float *bias, int unit0, int units, int i0, int i1) {
  Table &tb = table();
  int bits = units == 1 ? 9 : units == 2 ? 8 : 7, u = threadIdx.x >> bits, i = threadIdx.x & (1 << bits) - 1;
  Attention::Unit &w = attention().unit[u];
  int group = (unit0 + u) / HEADS, head = (unit0 + u) % HEADS, first = 0, count = 0, fresh = 0, begin = 0, end = 0, rank = 0;
  s64 at = 0;
  const Lora *low = 0;
  if (u < units) {
    first = tb.first[group], count = LMAX == 1 ? 1 : tb.count[group], fresh = tb.pos[first];
    int size = part_size(fresh), parts = tb.parts[group], start = tb.pieces[group] + head * parts;
    begin = max(i0 - start, 0) * size, end = min(min(i1 - start, parts) * size, fresh + count);
    at = cache_row(layer, tb.row[first], head);
    if (p.lora & 1 && tb.slot[first] >= 0) low = tb.part[layer & 1][tb.slot[first]], rank = low->rank;
  }
  int all = (end > fresh ? 3 : 1) * count * PAIRS;
  bool waiting = true;
#pragma unroll 1
  do {
    int e = i % PAIRS, r = i / PAIRS, which = (r >= count) + (r >= 2 * count), n = r - which * count, pos = fresh + n;
    bool does = i < all && (which == 0 || (pos >= begin && pos < end));
    int ea = e < ROT / 2 ? e : ROT + 2 * (e - ROT / 2), eb = e < ROT / 2 ? e + ROT / 2 : ea + 1, row = (head * 3 + which) * DH;
    s64 ra = 0, rb = 0;
    float2 turn = make_float2(1, 0), add = make_float2(0, 0);
    uint4 ba = make_uint4(0, 0, 0, 0), bb = ba;
    if (does) {
      const s64 *from = p.qkv + (s64)(first + n) * 3 * D + row;
      ra = load_s64(from + ea), rb = load_s64(from + eb);
      add = make_float2(bias[row + ea], bias[row + eb]);
      if (which < 2 && e < ROT / 2) turn = make_float2(p.cos[pos * (ROT / 2) + e], p.sin[pos * (ROT / 2) + e]);
      if (rank == 8) ba = *(const uint4 *)(low->b + (row + ea) * 8), bb = *(const uint4 *)(low->b + (row + eb) * 8);
    }
    if (waiting && p.lora & 1) {
      for (int j = threadIdx.x & (1 << bits) - 1; rank && j < count * 64; j += 1 << bits)
        if ((j & 63) < rank) w.low[j >> 6][j & 63] = real(load_s64(p.t + (first + (j >> 6)) * 64 + (j & 63))) * low->scale;
      __syncthreads();
    }
    waiting = false;
    i += 1 << bits;
    if (!does) continue;
    float x = real(ra) + add.x, y = real(rb) + add.y;
    const float *h = w.low[n];
    if (rank == 8) {
      float4 h0 = *(const float4 *)h, h1 = *(const float4 *)(h + 4);
      x += bf16_low(ba.x) * h0.x + bf16_high(ba.x) * h0.y + bf16_low(ba.y) * h0.z + bf16_high(ba.y) * h0.w;
      y += bf16_low(bb.x) * h0.x + bf16_high(bb.x) * h0.y + bf16_low(bb.y) * h0.z + bf16_high(bb.y) * h0.w;
      x += bf16_low(ba.z) * h1.x + bf16_high(ba.z) * h1.y + bf16_low(ba.w) * h1.z + bf16_high(ba.w) * h1.w;
      y += bf16_low(bb.z) * h1.x + bf16_high(bb.z) * h1.y + bf16_low(bb.w) * h1.z + bf16_high(bb.w) * h1.w;
    } else if (rank) {
      x += low_dot(low->b + (s64)(row + ea) * rank, h, rank);
      y += low_dot(low->b + (s64)(row + eb) * rank, h, rank);
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
  } while (i < all);
  __syncthreads();
}

// scores makes exp(score - maximum) of a warp's 16 positions from base on, for all lanes, with the maximum and the sum.
__device__ __forceinline__ void scores(const Attention::Unit &unit, Attention::Worker &w, const Keys &k, int base, int end, int fresh, int count) {
  int ww = threadIdx.x % WORKER >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, pos = base + ww * 16 + g;
#pragma unroll
  for (int j = 0; j < NT; j++) {
    float c[2][4] = {};
    const u16 *q = unit.q[(j * 8 + g) % LMAX] + column_of(0, t);
    uint4 b[(KT + 1) / 2];
#pragma unroll
    for (int i = 0; i < KT; i += KV16 ? 2 : 1) {
      uint4 &x = b[i / 2];
      if (KV16 || i % 2 == 0) x = make_uint4(0, 0, 0, 0);
      if (j * 8 + g < count) {
        if (KV16) {
          x = *(const uint4 *)(q + column_of(i, 0));
        } else {
          uint2 y = *(const uint2 *)(q + column_of(i, 0));
          if (i % 2) x.z = y.x, x.w = y.y;
          else x.x = y.x, x.y = y.y;
        }
      }
    }
#pragma unroll
    for (int i = 0; i < KT; i++)
      mma(c[i & 1], operand_bf16(k.v[0][i][0]), operand_bf16(k.v[1][i][0]), operand_bf16(k.v[0][i][1]), operand_bf16(k.v[1][i][1]), i % 2 ? b[i / 2].z : b[i / 2].x,
          i % 2 ? b[i / 2].w : b[i / 2].y);
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

// attend_pieces does the pieces [i0, i1) of the run, at most one per worker. The first old keys and values are loaded before the wait for the new tokens' q, k
// and v, where wait_first is set.
__device__ __noinline__ void attend_pieces(int layer, const float *bias, int i0, int i1, u32 until, bool wait_first) {
  Table &tb = table();
  int worker = threadIdx.x / WORKER, ww = threadIdx.x % WORKER >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  Piece x = piece(min(i0 + worker, i1 - 1)), x0 = piece(i0);
  int unit0 = x0.group * HEADS + x0.head, unit = x.group * HEADS + x.head - unit0;
  int first = tb.first[x.group], count = LMAX == 1 ? 1 : tb.count[x.group], fresh = tb.pos[first];
  int size = part_size(fresh), begin = x.part * size, end = min(begin + size, fresh + count), old = min(end, fresh);
  s64 at = cache_row(layer, tb.row[first], x.head);
  const u16 *keys = p.keys + at, *values = p.values + at;
  Keys k;
  Values v;
  if (i0 + worker >= i1) old = 0;
  if (begin + 64 <= old) {
    load_values<true>(v, values, begin, old);
    load_keys<true>(k, keys, begin + ww * 16, old);
  } else {
    load_values<false>(v, values, begin, old);
    load_keys<false>(k, keys, begin + ww * 16, old);
  }
  if (wait_first) wait(until);
  Piece y = piece(i1 - 1);
  new_tokens(layer, bias, unit0, y.group * HEADS + y.head - unit0 + 1, tb.run[0] + i0, tb.run[0] + i1);
  if (i0 + worker >= i1) return;
  const Attention::Unit &un = attention().unit[unit];
  Attention::Worker &w = attention().worker[worker];
  float acc[MT][NT][4] = {}, m[NT][2], l[NT][2];
#pragma unroll
  for (int j = 0; j < NT; j++) m[j][0] = m[j][1] = -INFINITY, l[j][0] = l[j][1] = 0;

#pragma unroll 1
  for (int base = begin; base < end; base += 64) {
    if (base + 64 > fresh) {  // the new tokens' own keys and values
      int since = base - fresh, left = end - base;
      const u16 *from = &un.fresh[0][0][0] + (since + ww * 16 + g) * DH + column_of(0, t);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        int pos = ww * 16 + half * 8 + g;
        if (pos + since >= 0 && pos < left) {
#pragma unroll
          for (int i = 0; i < KT; i += KV16 ? 2 : 1) {
            if (KV16) *(uint4 *)k.v[half][i] = *(const uint4 *)(from + half * 8 * DH + column_of(i, 0));
            else *(uint2 *)k.v[half][i] = *(const uint2 *)(from + half * 8 * DH + column_of(i, 0));
          }
        }
      }
      from = &un.fresh[1][0][0] + (since + 2 * t) * DH + 2 * pair_of(tile_of(ww, 0), g);
#pragma unroll
      for (int e = 0; e < 16; e++) {
        int pos = (e >> 2) * 16 + (e & 1) + (e >> 1 & 1) * 8;
        if (pos + 2 * t + since >= 0 && pos + 2 * t < left) {
#pragma unroll
          for (int i = 0; i < MT; i += VT) {
            if (VT == 2) {
              uint2 b = *(const uint2 *)(from + pos * DH + i * 16);
              v.v[i][e >> 2][e & 3] = b.x, v.v[(i + 1) % MT][e >> 2][e & 3] = b.y;
            } else if (KT % 4 == 0 || tile_of(ww, i) < KT) {
              v.v[i][e >> 2][e & 3] = *(const u32 *)(from + pos * DH + i * 16);
            }
          }
        }
      }
    }
    scores(un, w, k, base, end, fresh, count);
    worker_sync(worker);
    if (base + 64 < end) load_keys<false>(k, keys, base + 64 + ww * 16, old);
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
          const u32 *r = v.v[i][q];
          mma(d, operand_bf16(__byte_perm(r[0], r[1], 0x5410)), operand_bf16(__byte_perm(r[0], r[1], 0x7632)),
              operand_bf16(__byte_perm(r[2], r[3], 0x5410)), operand_bf16(__byte_perm(r[2], r[3], 0x7632)), w.weight[q][j][lane], w.weight[q][j][lane + 32]);
          a[0] += d[0] * f[q][0], a[1] += d[1] * f[q][1], a[2] += d[2] * f[q][0], a[3] += d[3] * f[q][1];
        }
      }
    }
    if (base + 64 < end) {
      load_values<false>(v, values, base + 64, old);
      worker_sync(worker);
    }
  }
#pragma unroll
  for (int j = 0; j < NT; j++)
#pragma unroll
    for (int e = 0; e < 2; e++) {
      int n = j * 8 + 2 * t + e;
      if (n >= count) continue;
      int to = ((first + n) * HEADS + x.head) * 16 + x.part;
      float *part = pinned(p.part + (s64)to * DH + 2 * pair_of(tile_of(ww, 0), g));
#pragma unroll
      for (int i = 0; i < MT; i++)
        if (KT % 4 == 0 || tile_of(ww, i) < KT) *(float2 *)(part + (VT == 2 ? (i >> 1) * 32 + (i & 1) * 2 : i * 16)) = make_float2(acc[i][j][e], acc[i][j][e + 2]);
      if (ww == 0 && g == 0) p.ml[to] = make_float2(m[j][e], l[j][e]);
    }
}

// attend is the attention of a layer. The last worker looks after the next layer.
__device__ __noinline__ void attend(int layer, const float *bias, u32 until) {
  const Table &tb = table();
  int worker = threadIdx.x / WORKER, n = tb.run[1] - tb.run[0];
  if (LMAX > 1) {
#pragma unroll 1
    for (int i = WORKERS + worker; i < n; i += WORKERS) ask_piece(layer, piece(i));
  }
  if (n == 0) wait(until);
#pragma unroll 1
  for (int i = 0; i < n; i += WORKERS) {
    if (i > 0) __syncthreads();
    attend_pieces(layer, bias, i, min(i + WORKERS, n), until, i == 0);
  }
  if (layer + 1 == LAYERS || worker < WORKERS - 1) return;
  load_parts(layer + 1, threadIdx.x - (THREADS - WORKER));
  fetch(layer + 1, n);
}
