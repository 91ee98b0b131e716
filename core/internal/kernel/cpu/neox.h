// GPT-NeoX on the processor: one function runs any tokens through all layers, whether they are a chunk of a prompt, one
// token of each of several rows, or drafts to be verified. A token's result is the same in every company.
#pragma once
#include "ops.h"
#include "pool.h"

enum { KC_QKV, KC_DENSE, KC_UP, KC_DOWN, KC_LINEARS };

typedef struct {
  kc_nib w;
  float *b; // [64 * panels]
} kc_linear;

typedef struct {
  float *norm[4]; // input weight, input bias, post-attention weight, bias [hidden]
  kc_linear linear[KC_LINEARS];
} kc_layer;

typedef struct {
  int64_t layers, hidden, heads, dim, ffn, vocab, half; // half: turned pairs per head
  int activation, parallel, set;
  float eps;
  kc_layer *layer;
  float *norm[2];    // final
  float *cos, *sin;  // [positions][half]
  kc_nib head;
  int embed_kind;    // 0 fp32, 1 fp16, 2 bf16: rows at embed; 3: rows of table
  const void *embed; // [vocab][hidden]
  const kc_nib *table;
} kc_neox;

enum { KC_MOST_RANK = 512 };

// kc_adapter is LoRA on the side: per layer and linear, r (0: none), a [r][in] and bt [r][64*panels], bt scaled.
typedef struct {
  int64_t r;
  float *a, *bt;
} kc_side;

typedef struct {
  int64_t largest; // r
  kc_side *side;   // [layers][KC_LINEARS]
} kc_adapter;

// kc_token is one token: its id, its position, its row's cache, its adapter or NULL, and where its logits [vocab] go or NULL.
typedef struct {
  int32_t id;
  int64_t position;
  uint16_t *cache;  // keys and values, see kc_cache_bytes
  int64_t capacity; // of the cache
  const kc_adapter *adapter;
  float *logits;
} kc_token;

// kc_cache_bytes is the memory of one row's keys and values: [layers][2][heads][capacity rounded up to KC_KEYS][dim], zero at first.
size_t kc_cache_bytes(const kc_neox *m, int64_t capacity);

// kc_cache_copy copies the first n tokens of a cache to another.
void kc_cache_copy(const kc_neox *m, uint16_t *to, int64_t to_capacity, const uint16_t *from, int64_t from_capacity, int64_t n);

// kc_neox_scratch is the memory that kc_neox_run needs for up to tokens tokens.
size_t kc_neox_scratch(const kc_neox *m, int64_t tokens, int threads);

// kc_neox_run runs n tokens; those of one row stand together and in order, and all of them see each other's keys. prompt: with
// the products for many tokens, whose numbers differ in rounding from the others'.
void kc_neox_run(const kc_neox *m, kc_pool *pool, kc_token *tokens, int64_t n, int prompt, void *scratch);

// kc_neox_embedding writes the input embedding of a token, [hidden].
void kc_neox_embedding(const kc_neox *m, int64_t id, float *x);
