// The pieces of a transformer between the products. One source, ops.inc.h, compiled for each width of vectors.
#pragma once
#include "nib.h"

enum { KC_GELU, KC_GELU_TANH, KC_RELU, KC_SILU }; // x Phi(x); its approximation by tanh; max(x, 0); x sigmoid(x)

// Keys and values of one head of one row, bf16, are kept in the order that both the tile unit and vectors of 16 fp32 read
// them without shuffling: keys [capacity/16][D/2][16 keys][2], values [capacity/2][D][2 keys]. A dword is a pair: shifted left
// by 16 it is the first one's fp32, its high half the second one's. Both are zero at first, to their whole length, because
// kernels read whole blocks of KC_KEYS keys and multiply what is not seen with 0.
enum { KC_KEYS = 64, KC_QUERIES = 16 };

typedef struct {
  // norm: layer normalisation of x [n]. out may be x.
  void (*norm)(const float *x, const float *w, const float *b, int64_t n, float eps, float *out);
  // activate: x [n] in place.
  void (*activate)(int kind, float *x, int64_t n);
  // add: y[i] += unit * x[i] + b[i]; b may be NULL. scale: y[i] = unit * x[i] + b[i]; y may be x.
  void (*add)(float *y, const float *x, float unit, const float *b, int64_t n);
  void (*scale)(float *y, const float *x, float unit, const float *b, int64_t n);
  // pack: see kc_pack.
  void (*pack)(kc_act *x, int64_t t, int64_t from, const float *v, int64_t n);
  // rotate: turns x[i], x[i+half] by the angles with cos and sin [half].
  void (*rotate)(float *x, const float *cos, const float *sin, int64_t half);
  // store: key and value [d] become number pos of a head's keys and values.
  void (*store)(uint16_t *keys, uint16_t *values, int64_t d, int64_t pos, const float *key, const float *value);
  // attend: n <= KC_QUERIES queries of one head, q + t*ldq [d]; query t sees the first seen+t keys; out + t*ldo [d]. d a multiple of
  // 16. after: the keys that this thread reads next, in some memory in any case. A query's result is the same whatever the others
  // are.
  void (*attend)(const float *q, int64_t ldq, int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d, float scale,
                 float *out, int64_t ldo, const uint16_t *after);
  // attend_many: the same for prompts, with other roundings where that is quicker. NULL: attend does it. scratch: kc_attend_bytes.
  void (*attend_many)(const float *q, int64_t ldq, int n, const uint16_t *keys, const uint16_t *values, int64_t seen, int64_t d, float scale,
                      float *out, int64_t ldo, void *scratch);
  // down: u[i] = sum of a[i][k] x[k], i < r. up: y[k] += sum of bt[i*ld + k] u[i], k < n.
  void (*down)(const float *a, const float *x, int64_t r, int64_t n, float *u);
  void (*up)(const float *bt, int64_t ld, const float *u, int64_t r, int64_t n, float *y);
} kc_ops;

const kc_ops *kc_ops_of(int set);
size_t kc_attend_bytes(int64_t d);
