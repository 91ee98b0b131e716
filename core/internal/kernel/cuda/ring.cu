// The weights' way to the tensor cores. The options define the shape: LAYERS D HEADS DH ROT F VOCAB PARALLEL ACT HEAD4,
// C_QKV C_DENSE C_UP C_DOWN (blocks of columns per chunk), and the build: LMAX (1, 8 or 16 lanes), WIDE (units per slot of
// a ring, 2 where all chunks are even), DEPTH (slots of a warp's ring), STRIDE (bytes between the entries of the table: 256 or
// 128, or 32 where shared memory is short), SCRATCH (bytes after the ring).
//
// A warp's share of a matrix is a run of units (place_codes), so one run of memory. Each thread copies the 16 bytes
// that it needs itself into its own places of a ring in shared memory, DEPTH units ahead, on through all phases of all
// layers: the copies never wait for activations. A byte of codes is two weights of a row: the table turns it into two
// bf16 in one look-up, with one copy of the table per lane of a warp so that no two lanes meet in a bank (but with STRIDE 32).

#define WARPS 16
#define THREADS (32 * WARPS)
#define SLOT (512 * WIDE)
#define RING_BYTES (WARPS * DEPTH * SLOT)
#define SCALE_BYTES (WARPS * DEPTH * (SLOT / 16))
#if STRIDE == 256
// Addresses are those of the hardware: with the table at a multiple of 64 KB a byte of codes, the lane and the table's place
// make an address in one instruction. The first kilobyte is the driver's.
#define TABLE 65536
#define XS 1024
#define TABLES (XS + SCRATCH)
#define SCALES (TABLE - SCALE_BYTES)
#define RING (TABLE + 65536)
#else
#define TABLE 0
#define RING (256 * STRIDE)
#define SCALES (RING + RING_BYTES)
#define XS (SCALES + SCALE_BYTES)
#define TABLES (XS + SCRATCH)
#endif
#define COPIES (STRIDE < 128 ? STRIDE / 4 : 32)  // of the table: one per lane, or lanes share
#define PHASES (4 * LAYERS)
#define NT ((LMAX + 7) / 8)
#define FULL 0xffffffffu
#define NOTED 16  // pieces of a block that are found once per token (attention.cu)
#define ONE 4294967296.0f  // 1 in fixed point

extern __shared__ __align__(1024) u8 dynamic[];

// room is where the addresses above count from.
__device__ __forceinline__ u8 *room() { return STRIDE == 256 ? dynamic - (u32)__cvta_generic_to_shared(dynamic) : dynamic; }

struct Lora {
  const u16 *a, *b;  // bf16 [rank, cols], [rows, rank]
  int rank;
  float scale;
};

struct Choice {
  float temperature, penalty;  // temperature 0: greedy; penalty 1: none
  double topp;                 // 1: all
  int topk, pad;               // 0: all
};

struct Step {
  const u8 *block;           // the Layout's memory
  const u16 *embed;          // bf16 [V, D]
  const u8 *head;            // bf16 [V up to 16, D], or units
  const float *cos, *sin;    // [P, ROT/2]
  u16 *keys, *values;        // bf16 [layer][row][head][capacity][DH]
  s64 *x, *qkv, *h, *t;      // fixed point: [lane][D], [lane][3D], [lane][F], [matrix][lane][64]
  s64 *sums;                 // fixed point: logits [lane][V up to 16]
  u16 *normed;               // bf16 [lane][D], where there are several lanes
  float *part;               // [lane][head][16][DH]: attention over parts of the context
  float2 *ml;                // [lane][head][16]: their maximum and sum
  float *logits, *scores;    // [lane][VOCAB]
  u64 *best;                 // [lane][blocks]
  const int4 *lanes;         // row, position, token, adapter
  const int2 *groups;        // first lane, number of lanes: tokens of one row
  const Lora *adapters;      // [adapter-1][layer][matrix]
  const int *used;           // adapters of these lanes
  const Choice *choice;      // [lane]
  const int2 *prior;         // row, token: lanes of the same call that an earlier launch computed
  const double *uniform;     // [step][lane]
  u32 *seen;                 // [row][VOCAB/32 up]
  int *out;                  // [step][lane]
  u32 *status;               // [lane]: 0, or 1: numbers went wrong
  u32 *barrier;              // two counters, zero between launches
  u64 *clock;                // stamps of block 0, or 0
  s64 layer;                 // bytes of a layer
  s64 codes[4], scales[4], factor[4], bias[4], norm[2], final;
  s64 head_scales, head_factor;
  int lanes_n, groups_n, used_n, lora;  // lora: bit m where an adapter in use changes matrix m
  int steps, mode, rows, capacity;
  float eps;
  int low_tiles;  // of 16 ranks, in the adapters in use
  int prior_n, pad;
};

__constant__ Step p;  // set before each launch

#define WANT_LOGITS 1
#define WANT_CHOICE 2
#define FEED_BACK 4

__host__ __device__ constexpr int rows_of(int m) { return m == 0 ? 3 * D : m == 2 ? F : m == 4 ? (VOCAB + 15) / 16 * 16 : D; }
__host__ __device__ constexpr int kbs_of(int m) { return (m == 3 ? F : D) / 64; }
__host__ __device__ constexpr int chunk_of(int m) { return m == 0 ? C_QKV : m == 1 ? C_DENSE : m == 2 ? C_UP : m == 3 ? C_DOWN : HEAD4 ? C_UP : kbs_of(4); }
__host__ __device__ constexpr int tiles_of(int m) { return rows_of(m) / 16; }
__host__ __device__ constexpr int units_of(int m) { return tiles_of(m) * kbs_of(m); }
// The matrix of the j-th phase of a layer. With the parallel residual Up comes first, while x is still the layer's input.
__host__ __device__ constexpr int matrix_of(int j) { return PARALLEL && j == 1 ? 2 : PARALLEL && j == 2 ? 1 : j; }

// The i-th of n shares begins at a whole slot.
__device__ __forceinline__ int share(int units, int i, int n) { return (int)((u64)(units / WIDE) * (u32)i / (u32)n) * WIDE; }

// Stream is where a warp's copies have got to, and where it takes them from its ring.
struct Stream {
  const u8 *codes, *scales;  // of the warp's first lane
  int left;      // slots of 4-bit units still to be copied in this phase; -1: at the end
  int phase;     // layer * 4 + j; PHASES: the head
  int steps;     // tokens still to come
  u32 slot;      // the next to be filled, as an offset in the ring
  u32 take;      // the next to be taken
  int bf16;      // slots of the bf16 head still to be copied
  int kb, part;  // of it: the block of columns, and which quarter of the unit is next
};

// What all threads of a block know; it stands at the end of the scratch.
struct Table {
  int row[LMAX], pos[LMAX], adapter[LMAX], token[LMAX];
  int first[LMAX], count[LMAX];  // groups: tokens of one row
  int own[LMAX];                      // parts of a lane's context
  int parts[LMAX], pieces[LMAX + 1];  // of a group's attention: parts of the context, and the pieces of work of the groups before it
  int run[2];                         // the block's own: from, to
  u32 noted[NOTED];                   // the first of them: group, head and part
  int edge[5][WARPS + 1];        // the warps' shares of each matrix, in units
  int from[5], to[5];            // the blocks of columns that this block of threads stages
  int low_first[4][2], low_count[4][2];  // LoRA's A: by matrix and staged chunk, the first block of threads that has it, and how many
  float red[2][WARPS];
  float low[LMAX][64];           // A x of the phase's adapter part
  int used[LMAX], slot[LMAX];    // adapters in use; by lane: which of them, -1: none
  Stream stream[WARPS];
  Lora part[2][LMAX][4];         // their parts in this layer and the next
};

__device__ __forceinline__ Table &table() { return *(Table *)(room() + TABLES); }

__device__ __forceinline__ int first_unit(int m) { return table().edge[m][threadIdx.x >> 5]; }
__device__ __forceinline__ int end_unit(int m) { return table().edge[m][(threadIdx.x >> 5) + 1]; }

__device__ __forceinline__ void copy16(u32 to, const void *from) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
#else
  uint4 v = load16(from);
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
#endif
}
__device__ __forceinline__ void commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
__device__ __forceinline__ void arrived() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(DEPTH - 2) : "memory");
#endif
  __syncwarp();
}

__device__ __forceinline__ void next_phase(Stream &s) {
  while (s.left == 0 && s.bf16 == 0) {
    if (++s.phase > PHASES - ((p.mode & (WANT_LOGITS | WANT_CHOICE)) ? 0 : 1)) {
      s.phase = 0;
      if (--s.steps <= 0) {
        s.left = -1;
        return;
      }
    }
    int m = s.phase == PHASES ? 4 : matrix_of(s.phase & 3), u = first_unit(m);
    if (m < 4 || HEAD4) {
      s.left = (end_unit(m) - u) / WIDE;
      const u8 *layer = p.block + (s.phase >> 2) * p.layer;
      s.codes = (m < 4 ? layer + p.codes[m] : p.head) + (s64)u * 512;
      s.scales = (m < 4 ? layer + p.scales[m] : p.block + p.head_scales) + (s64)u * 32;
    } else {
      // The block's warps take units in turn; a unit is 2 KB.
      int warp = threadIdx.x >> 5, end = table().edge[4][WARPS];
      u = table().edge[4][0] + warp;
      s.kb = u % kbs_of(4);
      s.part = 0;
      s.bf16 = u < end ? ((end - 1 - u) / WARPS + 1) * (4 / WIDE) : 0;
      s.codes = p.head + (s64)(u / kbs_of(4)) * 16 * D * 2 + s.kb * 128;
    }
  }
}

// refill starts the next copy.
__device__ __forceinline__ void refill(Stream &s) {
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  u32 base = STRIDE == 256 ? 0 : (u32)__cvta_generic_to_shared(dynamic);
  u32 to = base + RING + warp * DEPTH * SLOT + s.slot + lane * 16;
  if (s.left == 0 && s.bf16 == 0) next_phase(s);
  if (s.left > 0) {
    const u8 *from = s.codes + lane * 16;
#pragma unroll
    for (int i = 0; i < WIDE; i++) copy16(to + i * 512, from + i * 512);
    if (lane < 2 * WIDE) copy16(base + SCALES + warp * DEPTH * (SLOT / 16) + (s.slot >> 4) + lane * 16, s.scales + lane * 16);
    s.codes += SLOT;
    s.scales += SLOT / 16;
    s.left--;
  } else if (s.bf16 > 0) {
    const u8 *from = s.codes + (lane >> 2) * (D * 2) + (lane & 3) * 32;
#pragma unroll
    for (int i = 0; i < WIDE; i++) {
      copy16(to + i * 512, from + (s.part & 1) * (8 * D * 2) + (s.part >> 1) * 16);
      s.part++;
    }
    if (s.part == 4) {
      s.part = 0;
      s.codes += 128 * WARPS;
      s.kb += WARPS;
      while (s.kb >= D / 64) {
        s.kb -= D / 64;
        s.codes += 15 * D * 2;
      }
    }
    s.bf16--;
  }
  commit();
  s.slot = s.slot == (DEPTH - 1) * SLOT ? 0 : s.slot + SLOT;
}

// d += a b: a 16 rows x 16 columns of weights, b 16 columns x 8 lanes.
__device__ __forceinline__ void mma(float d[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a0), "r"(a1), "r"(b0));
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a2), "r"(a3), "r"(b1));
#endif
}

// held keeps a finite number within fp16's range; what is none stays so, and is told.
__device__ __forceinline__ float held(float v) { return fabsf(v) < INFINITY ? fminf(fmaxf(v, -65504.0f), 65504.0f) : v; }

// Operands are bf16, and fp16 (held within its range) on the one generation without bf16.
__device__ __forceinline__ u32 operand(float lo, float hi) {
#if __CUDA_ARCH__ >= 800
  return bf16_pair(lo, hi);
#else
  return half_of(held(lo)) | (u32)half_of(held(hi)) << 16;
#endif
}
__device__ __forceinline__ u32 operand_bf16(u32 v) {
#if __CUDA_ARCH__ >= 800
  return v;
#else
  return operand(bf16_low(v), bf16_high(v));
#endif
}

// look gives the two weights of byte i of w. lane4: four times the lane's copy, and the table's place.
__device__ __forceinline__ u32 look(u32 w, int i, u32 lane4) {
#if STRIDE == 256
  u32 at = __byte_perm(w, lane4, 0x7604 | i << 4), v;
  asm("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(at));
  return v;
#else
  return *(const u32 *)(dynamic + (w >> 8 * i & 255) * STRIDE + lane4);
#endif
}

__device__ void make_table() {
  for (int i = threadIdx.x; i < 256 * COPIES; i += THREADS) {
    int b = i / COPIES;
    *(u32 *)(room() + TABLE + b * STRIDE + i % COPIES * 4) = operand(nf4[b >> 4], nf4[b & 15]);
  }
}

// fixed_add adds v, of lane n, to a sum over all blocks. Integers add exactly, so the order of arrival does not show in the result. A
// number that is none, or that a sum of a few hundred like it could not hold, is noted.
#define SUM_LIMIT 4194304.0f
__device__ __forceinline__ void fixed_add(s64 *to, float v, int n) {
  if (!(fabsf(v) < SUM_LIMIT)) p.status[n] = 1;
  s64 add = __float2ll_rn(v * ONE);
  asm volatile("red.global.add.u64 [%0], %1;" ::"l"(to), "l"(add) : "memory");
}
__device__ __forceinline__ s64 fixed(float v) { return __float2ll_rn(v * ONE); }
__device__ __forceinline__ float real(s64 v) { return __ll2float_rn(v) * (1.0f / ONE); }

// Where lane n's value of column k lies in the staged input: [kb][half][n][t][8].
__device__ __forceinline__ u32 staged(int kb, int n, int lanes, int k) {
  return ((kb * 2 + (k >> 3 & 1)) * lanes + n) * 64 + (k >> 4 & 3) * 16 + (k & 7) * 2;
}

// The input's fragments of one block of columns: b[8] per eight lanes.
__device__ __forceinline__ void input(u32 b[NT][8], const u8 *xs, int lanes) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
#pragma unroll
  for (int i = 0; i < NT; i++) {
    uint4 lo = make_uint4(0, 0, 0, 0), hi = lo;
    if (i * 8 + g < lanes) {
      lo = *(const uint4 *)(xs + (i * 8 + g) * 64 + t * 16);
      hi = *(const uint4 *)(xs + (lanes + i * 8 + g) * 64 + t * 16);
    }
    b[i][0] = lo.x, b[i][1] = lo.y, b[i][2] = lo.z, b[i][3] = lo.w;
    b[i][4] = hi.x, b[i][5] = hi.y, b[i][6] = hi.z, b[i][7] = hi.w;
  }
}

// flush adds a tile's sums to out [lane][ld] and clears them.
__device__ __forceinline__ void flush(float acc[NT][4], s64 *out, int ld, int tile, int lanes, float factor) {
  int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
#pragma unroll
  for (int i = 0; i < NT; i++)
#pragma unroll
    for (int q = 0; q < 4; q++) {
      int n = i * 8 + 2 * t + (q & 1);
      if (n < lanes) fixed_add(out + (s64)n * ld + tile * 16 + g + (q >> 1) * 8, acc[i][q] * factor, n);
      acc[i][q] = 0;
    }
}

