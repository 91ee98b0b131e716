// Matrices of four-bit codes, and products with them.
//
// A matrix W [rows, cols] is a sum of planes of codes: W[r][k] = scale[r][k/64] * (lut0[code0[r][k]] + lut1[code1[r][k]] ..).
// NF4 is one plane with NF4's values; 8-bit numbers are two planes, 16*(high four bits) - 128 and the low four bits.
// So one kernel per instruction set serves both.
//
// Layout: rows in groups of 16, each group one piece of memory: for every block of 64 columns and every plane eight lines
// of 64 bytes, then the scales [blocks][16] as fp16, padded to 64 bytes. Line l holds columns 8l to 8l+7: dword r is row r,
// its nibbles from the lowest up are columns 0 2 4 6 1 3 5 7. That order serves two readers at once: shifted by 0, 4, 8
// and 12 bits, 16-bit word 2r+p is an index for column 2s+p, so one vpermw yields 16 rows x 2 columns of bf16 as the bf16
// products want them; and the low (high) nibbles of a dword are columns 0 4 1 5 (2 6 3 7), so one vpshufb yields 16 rows x
// 4 columns of bytes as the byte products want them, activations being stored in that order.
#pragma once
#include "pool.h"

enum { KC_BLOCK = 64, KC_GROUP = 16, KC_PANEL = 64 }; // columns per scale; rows per group; rows per unit of work

// What a kernel reads in place of a code, for each set of kernels. unit: what its sums are multiplied with.
typedef struct {
  uint16_t bf16[2][32]; // AMX: the 16 values twice, as the table of vpermw
  uint8_t byte[2][16];  // VNNI: values + zero, not negative
  int16_t word[2][16];  // AVX2, plain
  int32_t zero;         // VNNI
  float unit_bf16, unit_byte, unit_word;
} kc_lut;

typedef struct {
  int64_t rows, cols;   // cols a multiple of KC_BLOCK
  int64_t panels;       // of KC_PANEL rows; rows that are not there have scale 0
  int64_t blocks;       // cols / KC_BLOCK
  int64_t group_bytes;
  int planes;
  float scale_unit;     // scale = fp16 number * scale_unit
  kc_lut lut;
  uint8_t *data;        // [4*panels][group_bytes]
  size_t bytes;
} kc_nib;

// kc_nib_new makes room for a matrix of planes planes; 0 on success. Its tables are set by kc_nib_map.
int kc_nib_new(kc_nib *m, int64_t rows, int64_t cols, int planes);
void kc_nib_free(kc_nib *m);

// kc_nib_map sets the values of the codes: map [16] of a matrix of one plane; NULL: the 8-bit numbers of two planes.
void kc_nib_map(kc_nib *m, const float *map);

// kc_nib_pack4 takes codes as bitsandbytes packs them, [rows*cols/2], the earlier element in the high four bits, and the
// scales [rows][blocks]. Returns 0; 1 when a scale is not finite. (One plane.)
int kc_nib_pack4(kc_pool *p, kc_nib *m, const uint8_t *packed, const float *scales);

// kc_nib_pack8 takes whole rows of numbers -128 to 127 and scales, [rows][cols] and [rows][blocks]. (Two planes.)
int kc_nib_pack8(kc_pool *p, kc_nib *m, const int8_t *q, const float *scales);

// kc_nib_quantize8 rounds w [rows][cols] to 8-bit numbers: scale = largest / 127 of each block. kind: 0 fp32, 1 fp16, 2 bf16.
int kc_nib_quantize8(kc_pool *p, kc_nib *m, const void *w, int kind);

// kc_nib_row writes row r in fp32, [cols].
void kc_nib_row(const kc_nib *m, int64_t r, float *out);

// Activations X [tokens, cols] as the set's kernels read them.
//   AMX: bf16 [tokens/16][cols/32][16][32].
//   VNNI: int8 [tokens][cols], the columns of each 8 in the order 0 4 1 5 2 6 3 7, scales and sums [tokens][blocks].
//   AVX2, plain: int16 of 12 bits, the same order, scales [tokens][blocks].
typedef struct {
  int set;
  int64_t cols, blocks;
  void *q;
  float *scale;
  int32_t *sum;
} kc_act;

// kc_act_bytes is the memory of activations of tokens tokens; kc_act_set lays them out in memory aligned to 64 bytes.
size_t kc_act_bytes(int set, int64_t tokens, int64_t cols);
void kc_act_set(kc_act *x, int set, int64_t tokens, int64_t cols, void *memory);

// kc_pack packs columns from..from+n (multiples of 64) of token t: v [n].
void kc_pack(kc_act *x, int64_t t, int64_t from, const float *v, int64_t n);

// kc_scratch_bytes is the memory a thread needs for kc_product with matrices of up to cols columns.
size_t kc_scratch_bytes(int64_t cols);

// kc_product writes X W^T, to be multiplied with kc_unit, for the rows of one panel: out[t*ld + i] is row
// 64*panel + i, for all i < 64, also those past the matrix's end. A token's numbers are the same whatever the other tokens of
// the call are. kc_release_unit, when a task is through with products, gives back the tile unit.
void kc_product(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
float kc_unit(const kc_nib *m, int set);
void kc_release_unit(int set);

// The sets' own.
void kc_product_plain(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
void kc_product_avx2(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
void kc_product_vnni(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
void kc_product_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);

static inline const uint8_t *kc_codes(const kc_nib *m, int64_t group) { return m->data + group * m->group_bytes; }
static inline const uint16_t *kc_scales(const kc_nib *m, int64_t group) {
  return (const uint16_t *)(m->data + group * m->group_bytes + m->blocks * m->planes * 512);
}
