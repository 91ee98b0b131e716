// A BERT encoder on the processor, padding-free: the tokens of a batch of texts lie one after the other; everything but
// attention sees them as rows of one matrix.
#pragma once
#include "gemm8.h"
#include "pool.h"

enum { KE_GELU, KE_GELU_TANH, KE_RELU, KE_SILU };
enum { KE_F32, KE_F16, KE_BF16_WORDS };

typedef struct {
  float *w, *b; // [hp], zero beyond the hidden size
} ke_norm;

typedef struct {
  ke_matrix qkv, out, up, down;
  ke_norm out_norm, inner_norm;
} ke_layer;

typedef struct {
  int hidden, heads, inner, layers, vocab, first; // first: place of the first token in positions
  int activation, kind, word_type;
  int tokens; // a thread takes texts of so many at once
  int set;    // no kernels above this set (detect.h)
  float eps;
  int hp, ip, qp;                                 // rows of hidden, inner, 3 hidden numbers, padded to ke_cols
  const void *words;                              // [vocab, hidden] of word_type
  float *positions;                               // [P, hp]
  ke_norm norm;
  ke_layer *layer;
  void *space;                                    // work space of the threads, made as it is needed
  int64_t space_bytes;
} ke_model;

// ke_run runs windows: the ids of window i are ids[from[i]] to ids[from[i+1]]. mean [windows, hidden] gets the mean of the
// hidden states of a window without its first skip[i] tokens (skip NULL: none), states [ids, hidden] all of them; either
// may be NULL. It returns 0, or -1 when there is no memory for the work space. A model runs one batch at a time.
int ke_run(kc_pool *pool, ke_model *m, const int32_t *ids, const int32_t *from, const int32_t *skip, int windows, float *mean, float *states);

// ke_lay gives every part of a model whose numbers are set its place from at on and returns the bytes; at NULL counts only.
int64_t ke_lay(ke_model *m, char *at, int positions);

// Setting the parts of a model: matrix 0 to 3 of a layer (qkv, out, up, down), norm 0 or 1 of a layer or, with layer -1,
// that of the embeddings, and the position embeddings [positions, hidden].
void ke_set_matrix(ke_model *m, int layer, int which, const float *w, const float *b);
void ke_set_norm(ke_model *m, int layer, int which, const float *w, const float *b);
void ke_set_positions(ke_model *m, const float *p, int positions);
// ke_probe multiplies matrices of the encoder's kind that lie in each core's own cache, repeat times on every thread, and
// returns the operations done (a multiplication and an addition are two); -1 without memory. It is what to hold a run against.
double ke_probe(kc_pool *pool, const ke_model *m, int repeat);

void ke_free(ke_model *m); // a model of calloc; what ke_lay laid out stays

// ke_code says how a row of 8-bit codes was made: x = scale * (code - zero), but for one number that stands out:
// the code of column outlier is short by extra.
typedef struct {
  float scale;
  int32_t zero, outlier, extra; // outlier -1: none
} ke_code;

// ke_rowops are the parts between the products, for one instruction set. Rows of floats are padded to ke_cols.
typedef struct {
  // norm makes x [hidden] of length hp the LayerNorm of itself.
  void (*norm)(float *x, int hidden, int hp, ke_norm n, float eps);
  // finish turns raw sums c [np] into numbers: dequantised (code not NULL), plus bias, plus add if not NULL.
  void (*finish)(float *c, const ke_matrix *m, const ke_code *code, const float *add);
  // act applies an activation.
  void (*act)(float *x, int n, int kind);
  // encode writes x [k] as the operand of a product: 8-bit codes, or BF16.
  void (*encode8)(const float *x, int k, uint8_t *dst, int64_t row, ke_code *code);
  void (*encode16)(const float *x, int k, uint16_t *dst, int64_t row);
  // attend is softmax(q k^T / sqrt(d)) v of one head over n tokens: qkv rows [n] of stride ldq with q at 0, k at hidden,
  // v at 2 hidden; out [n] of stride ldo. room has ke_attend_room floats.
  void (*attend)(const float *qkv, int64_t ldq, int hidden, int n, int d, float *out, int64_t ldo, float *room);
  // sum adds rows of x [n, hp] to out [hidden].
  void (*sum)(const float *x, int64_t ldx, int n, int hidden, float *out);
} ke_rowops;

int64_t ke_attend_room(int n, int d);
const ke_rowops *ke_rowops_of(int set);
extern const ke_rowops ke_rowops_plain, ke_rowops_avx2, ke_rowops_vnni, ke_rowops_amx;

// ke_words writes row id of the word embeddings, as fp32, to dst [hidden].
void ke_words(const ke_model *m, int32_t id, float *dst);
