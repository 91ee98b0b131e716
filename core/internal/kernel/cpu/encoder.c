//go:build torch

// A thread takes whole texts of about m->tokens tokens at a time through all layers: no barriers, its numbers stay in
// its own cache, and only the weights come from outside, once for all these tokens.
#include "encoder.h"
#include "detect.h"
#include "memory.h"
#include "simd.h"
#include <stdatomic.h>
#include <stdlib.h>

// What lies between two products is worked on in runs of so many rows while it is in the cache.
enum { run = 96 };

static int64_t up_to(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

int64_t ke_attend_room(int n, int d) {
  int64_t np = up_to(n, 32), dp = up_to(d, 32); // what either attention (encoder_rows.h, encoder_amx.c) needs
  return 2 * np * dp + 32 * 2 * np + 12 * dp + 64;
}

const ke_rowops *ke_rowops_of(int set) {
#ifdef KC_X86
  if (set >= KC_AMX) return &ke_rowops_amx;
  if (set >= KC_VNNI) return &ke_rowops_vnni;
  if (set >= KC_AVX2) return &ke_rowops_avx2;
#endif
  return &ke_rowops_plain;
}

static float from_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff, u;
  float f;
  if (rest >= 0x7c00) u = 0x7f800000 | (rest & 0x3ff) << 13;
  else if (rest >= 0x400) u = (rest << 13) + (112u << 23);
  else {
    f = (float)rest * 0x1p-24f;
    memcpy(&u, &f, 4);
  }
  u |= sign;
  memcpy(&f, &u, 4);
  return f;
}

void ke_words(const ke_model *m, int32_t id, float *dst) {
  int64_t at = (int64_t)id * m->hidden;
  switch (m->word_type) {
  case KE_F32: memcpy(dst, (const float *)m->words + at, m->hidden * sizeof(float)); break;
  case KE_F16:
    for (int i = 0; i < m->hidden; i++) dst[i] = from_half(((const uint16_t *)m->words)[at + i]);
    break;
  default:
    for (int i = 0; i < m->hidden; i++) dst[i] = kc_from_bf16(((const kc_bf16 *)m->words)[at + i]);
  }
}

// room is a thread's work space for n tokens.
typedef struct {
  float *x, *qkv, *ctx, *inner, *y, *attend; // [n, hp], [n, qp], [n, hp], [run, ip], [run, hp]
  uint8_t *a, *ai;                           // operands of products: [n, row of hidden], [run, row of inner]
  ke_code *code;                             // [n]
} room;

typedef struct {
  const ke_model *m;
  const int32_t *ids, *from, *skip;
  float *mean, *states;
  const int *blocks; // [count + 1]: first windows of blocks
  int count, set;
  ke_product product;
  const ke_rowops *ops;
  char *space;
  int64_t each; // bytes of a thread's room
  int most;     // tokens of the largest block
  atomic_int next;
} job;

static int64_t lay_room(char *at, const ke_model *m, int tokens, room *r) {
  int64_t n = up_to(tokens, ke_rows) + ke_rows, used = 0;
#define PART(field, bytes)                                                                                             \
  r->field = (void *)(at + used);                                                                                      \
  used = up_to(used + (bytes), 4096) + 256; // not all parts at the same place of a page
  PART(x, n * m->hp * 4)
  PART(qkv, n * m->qp * 4)
  PART(ctx, n * m->hp * 4)
  PART(inner, (run + ke_rows) * (int64_t)m->ip * 4)
  PART(y, (run + ke_rows) * (int64_t)m->hp * 4)
  PART(attend, ke_attend_room(tokens, m->hidden / m->heads) * 4)
  PART(a, n * m->layer[0].qkv.row)
  PART(ai, (run + ke_rows) * m->layer[0].down.row)
  PART(code, n * (int64_t)sizeof(ke_code))
#undef PART
  return up_to(used, 4096);
}

static void encode(const job *j, const float *x, int64_t ldx, int rows, const ke_matrix *w, uint8_t *dst, ke_code *code) {
  for (int i = 0; i < rows; i++) {
    if (j->m->kind == KE_INT8) j->ops->encode8(x + i * ldx, w->k, dst + i * w->row, w->row, code + i);
    else j->ops->encode16(x + i * ldx, w->k, (uint16_t *)(dst + i * w->row), w->row);
  }
}

static void multiply(const job *j, const uint8_t *a, int rows, const ke_matrix *w, float *c, int64_t ldc) {
  j->product(a, w->row, rows, w->w, w->row, w->np / ke_panel, c, ldc);
}

static void layer(const job *j, const ke_layer *l, const int32_t *from, int windows, int n, room *r) {
  const ke_model *m = j->m;
  const ke_rowops *o = j->ops;
  int int8 = m->kind == KE_INT8, d = m->hidden / m->heads;
  for (int i = 0; i < n; i += run) {
    int rows = n - i < run ? n - i : run;
    float *c = r->qkv + (int64_t)i * m->qp;
    encode(j, r->x + (int64_t)i * m->hp, m->hp, rows, &l->qkv, r->a, r->code);
    multiply(j, r->a, rows, &l->qkv, c, m->qp);
    for (int t = 0; t < rows; t++) o->finish(c + (int64_t)t * m->qp, &l->qkv, int8 ? r->code + t : NULL, NULL);
  }
  for (int w = 0; w < windows; w++) {
    int at = from[w] - from[0], length = from[w + 1] - from[w];
    for (int h = 0; h < m->heads; h++)
      o->attend(r->qkv + (int64_t)at * m->qp + h * d, m->qp, m->hidden, length, d, r->ctx + (int64_t)at * m->hp + h * d, m->hp, r->attend);
  }
  for (int i = 0; i < n; i += run) {
    int rows = n - i < run ? n - i : run;
    float *x = r->x + (int64_t)i * m->hp;
    encode(j, r->ctx + (int64_t)i * m->hp, m->hp, rows, &l->out, r->a, r->code);
    multiply(j, r->a, rows, &l->out, r->y, m->hp);
    for (int t = 0; t < rows; t++) {
      float *y = r->y + (int64_t)t * m->hp, *xt = x + (int64_t)t * m->hp;
      o->finish(y, &l->out, int8 ? r->code + t : NULL, xt);
      o->norm(y, m->hidden, m->hp, l->out_norm, m->eps);
      memcpy(xt, y, m->hp * sizeof(float));
    }
    encode(j, x, m->hp, rows, &l->up, r->a, r->code);
    multiply(j, r->a, rows, &l->up, r->inner, m->ip);
    for (int t = 0; t < rows; t++) {
      float *y = r->inner + (int64_t)t * m->ip;
      o->finish(y, &l->up, int8 ? r->code + t : NULL, NULL);
      o->act(y, m->ip, m->activation);
      encode(j, y, m->ip, 1, &l->down, r->ai + t * l->down.row, r->code + t);
    }
    multiply(j, r->ai, rows, &l->down, r->y, m->hp);
    for (int t = 0; t < rows; t++) {
      float *y = r->y + (int64_t)t * m->hp, *xt = x + (int64_t)t * m->hp;
      o->finish(y, &l->down, int8 ? r->code + t : NULL, xt);
      o->norm(y, m->hidden, m->hp, l->inner_norm, m->eps);
      memcpy(xt, y, m->hp * sizeof(float));
    }
  }
}

static void block(const job *j, int first, int last, room *r) {
  const ke_model *m = j->m;
  const int32_t *from = j->from + first;
  int windows = last - first, n = from[windows] - from[0];
  for (int w = 0; w < windows; w++)
    for (int t = from[w]; t < from[w + 1]; t++) {
      float *x = r->x + (int64_t)(t - from[0]) * m->hp;
      const float *place = m->positions + (int64_t)(m->first + t - from[w]) * m->hp;
      ke_words(m, j->ids[t], x);
      for (int i = 0; i < m->hidden; i++) x[i] += place[i];
      // The padding is zero in every row that is encoded; attention writes none.
      for (int i = m->hidden; i < m->hp; i++) x[i] = r->ctx[(int64_t)(t - from[0]) * m->hp + i] = 0;
      j->ops->norm(x, m->hidden, m->hp, m->norm, m->eps);
    }
  for (int i = 0; i < m->layers; i++) layer(j, &m->layer[i], from, windows, n, r);
  if (j->states)
    for (int t = 0; t < n; t++) memcpy(j->states + (int64_t)(from[0] + t) * m->hidden, r->x + (int64_t)t * m->hp, m->hidden * sizeof(float));
  if (j->mean)
    for (int w = 0; w < windows; w++) {
      int length = from[w + 1] - from[w], skip = j->skip ? j->skip[first + w] : 0;
      if (skip > length - 1) skip = length - 1;
      float *out = j->mean + (int64_t)(first + w) * m->hidden;
      memset(out, 0, m->hidden * sizeof(float));
      j->ops->sum(r->x + (int64_t)(from[w] - from[0] + skip) * m->hp, m->hp, length - skip, m->hidden, out);
      for (int i = 0; i < m->hidden; i++) out[i] /= length - skip;
    }
}

static void part(void *arg, int part, int parts) {
  job *j = arg;
  room r;
  lay_room(j->space + j->each * part, j->m, j->most, &r);
  ke_tiles_on(j->set);
  for (int i; (i = atomic_fetch_add(&j->next, 1)) < j->count;) block(j, j->blocks[i], j->blocks[i + 1], &r);
  ke_tiles_off(j->set);
}

int ke_run(kc_pool *pool, ke_model *m, const int32_t *ids, const int32_t *from, const int32_t *skip, int windows, float *mean, float *states) {
  if (windows == 0) return 0;
  int threads = kc_pool_threads(pool), set = kc_set(), total = from[windows] - from[0];
  if (set > m->set) set = m->set;
  // Blocks of equal size, a multiple of the number of threads.
  int rounds = (total + m->tokens * threads - 1) / (m->tokens * threads);
  int budget = (total + rounds * threads - 1) / (rounds * threads);
  int *blocks = malloc((windows + 1) * sizeof(int));
  if (!blocks) return -1;
  job j = {.m = m, .ids = ids, .from = from, .skip = skip, .mean = mean, .states = states, .blocks = blocks, .set = set, .product = ke_product_of(m->kind, set), .ops = ke_rowops_of(set)};
  for (int w = 0; w < windows;) {
    int start = w++;
    // A window goes where its middle lies.
    while (w < windows && (from[w] + from[w + 1]) / 2 - from[start] <= budget) w++;
    blocks[j.count++] = start;
    int n = from[w] - from[start];
    if (n > j.most) j.most = n;
  }
  blocks[j.count] = windows;
  room r;
  j.each = lay_room(NULL, m, j.most, &r);
  if (m->space_bytes < j.each * threads) {
    kc_memory_free(m->space, m->space_bytes);
    m->space = kc_memory(j.each * threads);
    m->space_bytes = m->space ? j.each * threads : 0;
  }
  j.space = m->space;
  if (j.space) {
    atomic_init(&j.next, 0);
    kc_pool_run(pool, part, &j);
  }
  free(blocks);
  return j.space ? 0 : -1;
}

typedef struct {
  char *at;
  int64_t used;
} arena;

static void *take(arena *a, int64_t bytes) {
  void *p = a->at + a->used;
  a->used = up_to(a->used + bytes, 64);
  return p;
}

static ke_matrix lay_matrix(arena *a, int kind, int n, int k) {
  ke_matrix m = {.n = n, .k = k, .np = up_to(n, ke_cols), .row = ke_row_bytes(kind, k)};
  m.w = take(a, m.np * m.row);
  m.bias = take(a, m.np * 4);
  m.scale = take(a, m.np * 4);
  m.sum = take(a, m.np * 4);
  return m;
}

static ke_norm lay_norm(arena *a, const ke_model *m) {
  ke_norm n;
  n.w = take(a, m->hp * 4);
  n.b = take(a, m->hp * 4);
  return n;
}

int64_t ke_lay(ke_model *m, char *at, int positions) {
  arena a = {at};
  m->hp = up_to(m->hidden, ke_cols);
  m->ip = up_to(m->inner, ke_cols);
  m->qp = up_to(3 * m->hidden, ke_cols);
  ke_layer *layers = take(&a, m->layers * sizeof(ke_layer));
  m->positions = take(&a, (int64_t)positions * m->hp * 4);
  m->norm = lay_norm(&a, m);
  for (int i = 0; i < m->layers; i++) {
    ke_layer l;
    l.qkv = lay_matrix(&a, m->kind, 3 * m->hidden, m->hidden);
    l.out = lay_matrix(&a, m->kind, m->hidden, m->hidden);
    l.up = lay_matrix(&a, m->kind, m->inner, m->hidden);
    l.down = lay_matrix(&a, m->kind, m->hidden, m->inner);
    l.out_norm = lay_norm(&a, m);
    l.inner_norm = lay_norm(&a, m);
    if (at) layers[i] = l;
  }
  m->layer = layers;
  return a.used;
}

void ke_set_matrix(ke_model *m, int layer, int which, const float *w, const float *b) {
  ke_layer *l = &m->layer[layer];
  ke_matrix *x = which == 0 ? &l->qkv : which == 1 ? &l->out : which == 2 ? &l->up : &l->down;
  ke_pack(m->kind, w, x->n, x->k, x->row, x->w, x->scale, x->sum);
  memcpy(x->bias, b, x->n * sizeof(float));
}

void ke_set_norm(ke_model *m, int layer, int which, const float *w, const float *b) {
  ke_norm n = layer < 0 ? m->norm : which == 0 ? m->layer[layer].out_norm : m->layer[layer].inner_norm;
  memcpy(n.w, w, m->hidden * sizeof(float));
  memcpy(n.b, b, m->hidden * sizeof(float));
}

void ke_set_positions(ke_model *m, const float *p, int positions) {
  for (int i = 0; i < positions; i++) memcpy(m->positions + (int64_t)i * m->hp, p + (int64_t)i * m->hidden, m->hidden * sizeof(float));
}

void ke_free(ke_model *m) {
  if (!m) return;
  kc_memory_free(m->space, m->space_bytes);
  free(m);
}

typedef struct {
  ke_product product;
  int64_t row;
  int kind, set, repeat;
  char *space;
  int64_t each;
} probe;

enum { probe_rows = 96, probe_k = 384, probe_n = 384 };

static void probe_part(void *arg, int part, int parts) {
  probe *p = arg;
  char *a = p->space + part * p->each, *w = a + probe_rows * p->row, *c = w + probe_n * p->row;
  // Numbers as models have them: with zeros the tile unit is up to twice as fast, needing less power.
  uint32_t x = 1;
  for (int64_t i = 0; i < (probe_rows + probe_n) * p->row; i += 2) {
    x = x * 1664525 + 1013904223;
    kc_bf16 v = p->kind == KE_INT8 ? x >> 16 : (kc_bf16)(0x3f00 | (x >> 16 & 0x80ff)); // BF16 of +-0.5 to 2
    memcpy(a + i, &v, 2);
  }
  ke_tiles_on(p->set);
  for (int i = 0; i < p->repeat; i++) p->product(a, p->row, probe_rows, w, p->row, probe_n / ke_panel, c, probe_n);
  ke_tiles_off(p->set);
}

double ke_probe(kc_pool *pool, const ke_model *m, int repeat) {
  int set = kc_set() < m->set ? kc_set() : m->set, threads = kc_pool_threads(pool);
  probe p = {ke_product_of(m->kind, set), ke_row_bytes(m->kind, probe_k), m->kind, set, repeat};
  p.each = up_to(probe_rows * p.row + probe_n * p.row + probe_rows * probe_n * 4, 4096) + 256;
  p.space = kc_memory(p.each * threads);
  if (!p.space) return -1;
  kc_pool_run(pool, probe_part, &p);
  kc_memory_free(p.space, p.each * threads);
  return 2.0 * probe_rows * probe_k * probe_n * repeat * threads;
}
