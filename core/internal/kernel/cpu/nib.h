// Matrices of four-bit codes, and products with them.
//
// A matrix W [rows, cols] is a sum of planes of codes: W[r][k] = scale[r][k/64] * (lut0[code0[r][k]] + lut1[code1[r][k]] ..).
// NF4 is one plane with NF4's values; 8-bit numbers are two planes, 16*(high four bits) - 128 and the low four bits.
// So one kernel per instruction set serves both.
//
// Layout: rows in groups of 16, each group one piece of memory: for every block of 64 columns and every plane eight lines
// of 64 bytes, then the scales [blocks][16] as fp16, padded to 64 bytes. Line l holds columns 8l to 8l+7: dword r is row r,
// its nibbles from the lowest up are columns 0 2 4 6 1 3 5 7. That order serves two readers at once: shifted by 0, 4, 8
// and 12 bits, 16-bit word 2r+p begins with column 2s+p, so a look-up by dwords yields pairs of columns as the bf16 products
// want them; and the low (high) nibbles of a dword are columns 0 4 1 5 (2 6 3 7), so one vpshufb yields 16 rows x 4 columns
// of bytes as the byte products want them, activations being stored in that order.
#pragma once
#include "pool.h"

enum { KC_BLOCK = 64, KC_GROUP = 16, KC_PANEL = 64 }; // columns per scale; rows per group; rows per unit of work

// What a kernel reads in place of a code, for each form of activations. unit: what its sums are multiplied with. Of two planes
// only word, zero and unit are used: their numbers are bytes already.
typedef struct {
  float fp32[16];       // KC_BF16: the values, unit included
  int8_t sbyte[16];     // KC_BYTE, KC_TWO: values - rest, rounded
  float rest;           // between -1/2 and 1/2: the table need not hit 0
  uint8_t high[16];     // KC_BYTES: values are 128 * (high - zero) + low, low below 128
  int8_t shigh[16];     // high - zero
  uint8_t low[16];
  int32_t zero;         // 127; two planes: 128
  int16_t word[2][16];  // KC_WORD
  float unit_byte, unit_bytes, unit_word; // KC_BF16 has none
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

// Activations X [tokens, cols] in one of five forms. Whole numbers of a block share a scale, the columns of each 8 stand in
// the order 0 4 1 5 2 6 3 7, and sum [tokens][blocks] are their sums.
//   KC_BF16: bf16 [blocks][tokens/16][2][16][32]. AMX, prompts.
//   KC_BYTE: uint8 [blocks][tokens][64], value = scale * number + least; total are the sums of values. VNNI, prompts.
//   KC_BYTES: 128 * high + low, int8 [blocks][tokens][high, low][64]; then [blocks][tokens][0, high][64]. VNNI and AMX, up to 16
//   tokens.
//   KC_TWO: the same for a prompt, without the second part. VNNI.
// Of the two for VNNI's prompts scale, least and the sums are [blocks][tokens/16][16].
//   KC_WORD: int16 of 12 bits [tokens][cols]. AVX2, plain.
enum { KC_BF16, KC_BYTE, KC_BYTES, KC_TWO, KC_WORD };
typedef struct {
  int form;
  int64_t cols, blocks, tiles; // tiles: of 16 tokens
  void *q, *shifted;           // shifted: KC_BYTES, the second part
  float *scale, *least, *total;
  int32_t *sum;
} kc_act;

// kc_form is what a set's kernels read: many for a prompt's chunk, otherwise for at most 16 tokens at a time; fine for the inputs
// whose rounding costs most, the norms' (query_key_value, dense_h_to_4h).
int kc_form(int set, int many, int fine);

// kc_act_bytes is the memory of activations of tokens tokens; kc_act_set lays them out in memory aligned to 64 bytes.
size_t kc_act_bytes(int form, int64_t tokens, int64_t cols);
void kc_act_set(kc_act *x, int form, int64_t tokens, int64_t cols, void *memory);

// kc_pack packs columns from..from+n (multiples of 64) of token t: v [n].
void kc_pack(int set, kc_act *x, int64_t t, int64_t from, const float *v, int64_t n);

// kc_ranges says whether a form's products are made for a range of panels at once: kc_range writes X W^T for the panels
// lo..hi-1 to out [hi-lo][tokens/16][4][16 tokens][16 rows]; kc_range_row copies one token's 64 rows of panel lo + i.
int kc_ranges(int form);
void kc_range(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t lo, int64_t hi, float *out, void *scratch);
void kc_range_row(const float *out, int64_t tiles, int64_t i, int64_t token, float *row);

// kc_scratch_bytes is the memory a thread needs for kc_product with matrices of up to cols columns.
size_t kc_scratch_bytes(int64_t cols);

// kc_after is where a thread's reading goes on after a panel: the codes of the four groups of its next one. The last blocks of a
// panel ask for the first of those, so that memory does not pause between panels, and not between phases.
typedef struct {
  const uint8_t *group[4];
} kc_after;

// kc_product writes X W^T, to be multiplied with kc_unit, for the rows of one panel: out[t*ld + i] is row
// 64*panel + i, for all i < 64, also those past the matrix's end. A token's numbers are the same whatever the other tokens
// of the call are. after may be NULL. kc_release_unit, when a task is through with products, gives back the tile unit.
void kc_product(int set, const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch);
float kc_unit(const kc_nib *m, int form);
void kc_release_unit(int set);

// The sets' own.
void kc_product_plain(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
void kc_product_avx2(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, float *out, int64_t ld, void *scratch);
void kc_product_vnni(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch);
void kc_range_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t lo, int64_t hi, float *out, void *scratch);
void kc_product_amx(const kc_nib *m, const kc_act *x, int64_t tokens, int64_t panel, const kc_after *after, float *out, int64_t ld, void *scratch);

static inline const uint8_t *kc_codes(const kc_nib *m, int64_t group) { return m->data + group * m->group_bytes; }
static inline kc_after kc_panel_at(const kc_nib *m, int64_t panel) {
  return (kc_after){{kc_codes(m, 4 * panel), kc_codes(m, 4 * panel + 1), kc_codes(m, 4 * panel + 2), kc_codes(m, 4 * panel + 3)}};
}
static inline const uint16_t *kc_scales(const kc_nib *m, int64_t group) {
  return (const uint16_t *)(m->data + group * m->group_bytes + m->blocks * m->planes * 512);
}
