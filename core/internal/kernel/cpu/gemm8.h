// Matrix products of the encoder: 8-bit or BF16 operands, raw sums out.
//
// A weight matrix [n, k] is stored in panels of 16 output columns, [n/16][k/g][16][g], where the g numbers of one
// output that lie together fill four bytes (4 of 8 bits, 2 of BF16): one such group is what a lane of VPDPBUSD,
// VDPBF16PS and a column of a tile of TDPBUSD, TDPBF16PS take at once. All instruction sets share the layout.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { KE_INT8, KE_BF16 };

enum { ke_panel = 16, ke_step = 64 }; // columns of a panel; bytes of a row's k that every row is padded to
enum { ke_rows = 32, ke_cols = 32 };  // rows and columns are padded to these

// ke_matrix is a weight matrix with its bias.
typedef struct {
  int n, k;       // outputs, inputs
  int np;         // n padded to ke_cols; zero beyond n
  int64_t row;    // bytes of a padded row of the other operand
  void *w;        // panels
  float *scale;   // [np], of 8-bit weights: weight = scale * code, code in -127..127
  int32_t *sum;   // [np], of 8-bit weights: sum of the codes of an output
  float *bias;    // [np]
} ke_matrix;

// ke_product writes the raw sums of rows rows of a (unsigned 8-bit codes or BF16, stride lda bytes) with panels panels
// (even) of w, whose rows are row bytes, to c [rows, panels*16] of int32 or fp32, stride ldc elements. The memory of a
// and c goes on to the next multiple of ke_rows rows; what lies there is overwritten in c.
typedef void (*ke_product)(const void *a, int64_t lda, int rows, const void *w, int64_t row, int panels, void *c, int64_t ldc);

ke_product ke_product_of(int kind, int set); // the product for a set of kernels (detect.h), or below
const char *ke_product_name(int kind, int set);

// ke_pack writes fp32 weights w [n, k] in panels: BF16, or codes with scale and sum. dst has np/16 * 16 * row bytes, zero.
void ke_pack(int kind, const float *w, int n, int k, int64_t row, void *dst, float *scale, int32_t *sum);

// ke_product_once is one product of rows that lie row bytes apart, with all its preparations. For tests.
void ke_product_once(int kind, int set, const void *a, int64_t row, int rows, const void *w, int panels, void *c);

// ke_product_half is ke_product_once in 8 bits by AVX-VNNI, which no set chooses where there is AVX-512; emulated: by the same code
// with AVX2 in place of its instruction. 0 when this processor cannot.
int ke_product_half(int emulated, const void *a, int64_t row, int rows, const void *w, int panels, void *c);

int64_t ke_row_bytes(int kind, int k);

void ke_i8_plain(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_i8_avx2(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_i8_avxvnni(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_i8_emulated(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_i8_vnni(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_i8_amx(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_bf16_plain(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_bf16_avx2(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_bf16_fma512(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_bf16_dot(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);
void ke_bf16_amx(const void *, int64_t, int, const void *, int64_t, int, void *, int64_t);

// Tiles belong to a thread: before the first and after the last product of a set with AMX. Other sets: nothing.
void ke_tiles_on(int set);
void ke_tiles_off(int set);
