//go:build torch

// Threads run the whole step inside one task and meet at barriers between phases; the items of a phase are handed out by
// a counter, so a thread that another program delays takes fewer. One panel of 64 rows is an item of a product: its 64
// results per token are also one block of the next product's activations, so the thread that made them packs them.
#include "neox.h"
#include "simd.h"
#include <stdatomic.h>
#include <stdlib.h>

typedef struct {
  int64_t first;
  int n;
} query_tile;

typedef struct {
  const kc_neox *m;
  kc_pool *pool;
  const kc_ops *ops;
  kc_token *tokens;
  int64_t n, tiles, wanted; // wanted: tokens with logits
  int prompt;
  int fused;                // every row is one tile: keys are stored by who attends
  int sides[KC_LINEARS];    // some token's adapter has this linear
  int64_t rank;             // largest r
  query_tile *tile;
  int64_t *want;            // [wanted] token numbers
  float *x, *qkv, *att, *h; // [n][hidden], [n][3*hidden], [n][hidden], [n][ffn] (sides[KC_DOWN] only)
  float *sums;              // per thread [range][n/16][4][16][16] (kc_ranges only)
  int64_t range;            // panels
  float *u;                 // [n][KC_LINEARS][rank]
  float *private;           // per thread: see thread_bytes
  size_t thread_bytes;
  kc_act one, attended, two, wide; // of the first norm, of attention, of the second norm, of the MLP
  kc_act last;              // of the final norm
  atomic_long *next;        // one per phase
} run;

typedef struct {
  run *r;
  float *row;    // [max(hidden, ffn)]
  float *out;    // [n][64]
  void *scratch; // of products and attention
  int phase, part;
} worker;

static size_t up64(size_t n) { return (n + 63) / 64 * 64; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

size_t kc_cache_bytes(const kc_neox *m, int64_t capacity) {
  const int64_t c = (capacity + KC_KEYS - 1) / KC_KEYS * KC_KEYS;
  return (size_t)(m->layers * 2 * m->heads * c * m->dim) * 2;
}

void kc_cache_copy(const kc_neox *m, uint16_t *to, int64_t to_capacity, const uint16_t *from, int64_t from_capacity, int64_t n) {
  const int64_t a = (to_capacity + KC_KEYS - 1) / KC_KEYS * KC_KEYS, b = (from_capacity + KC_KEYS - 1) / KC_KEYS * KC_KEYS;
  // Whole blocks of 16 keys: what is copied past n is not seen and overwritten later.
  const int64_t whole = (n + 15) / 16 * 16;
  for (int64_t i = 0; i < m->layers * 2 * m->heads; i++) memcpy(to + i * a * m->dim, from + i * b * m->dim, whole * m->dim * 2);
}

static uint16_t *cached(const kc_neox *m, const kc_token *t, int64_t layer, int which, int64_t head) {
  const int64_t c = (t->capacity + KC_KEYS - 1) / KC_KEYS * KC_KEYS;
  return t->cache + ((layer * 2 + which) * m->heads + head) * c * m->dim;
}

static const kc_side *side(const kc_neox *m, const kc_token *t, int64_t layer, int linear) {
  if (!t->adapter) return NULL;
  const kc_side *s = &t->adapter->side[layer * KC_LINEARS + linear];
  return s->r > 0 ? s : NULL;
}

// take gives the next item of the worker's phase, or -1.
static int64_t take(worker *w, int64_t n) {
  if (w->r->next[w->phase] >= n) return -1; // spares the waiting threads' traffic
  const int64_t i = atomic_fetch_add(&w->r->next[w->phase], 1);
  return i < n ? i : -1;
}

// take_next gives a thread's next panel of a product of n: its first is its own number, which the phase before has asked for, the
// others are taken.
static int64_t take_next(worker *w, int64_t n) {
  const int64_t threads = kc_pool_threads(w->r->pool), i = take(w, n - threads);
  return i < 0 ? i : i + threads;
}

static void meet(worker *w) {
  w->phase++;
  kc_pool_barrier(w->r->pool);
}

static float *rank_of(run *r, int64_t t, int linear) { return r->u + (t * KC_LINEARS + linear) * r->rank; }

// lower computes A x of token t's adapter.
static void lower(run *r, int64_t t, int64_t layer, int linear, const float *x) {
  const kc_side *s = side(r->m, &r->tokens[t], layer, linear);
  if (s) r->ops->down(s->a, x, s->r, r->m->layer[layer].linear[linear].w.cols, rank_of(r, t, linear));
}

// raise adds B A x to a panel of token t.
static void raise(run *r, int64_t t, int64_t layer, int linear, int64_t panel, float *y) {
  const kc_side *s = side(r->m, &r->tokens[t], layer, linear);
  if (s) r->ops->up(s->bt + KC_PANEL * panel, KC_PANEL * r->m->layer[layer].linear[linear].w.panels, rank_of(r, t, linear), s->r, KC_PANEL, y);
}

static void embed(const kc_neox *m, int32_t id, float *x) {
  const uint16_t *h = (const uint16_t *)m->embed + (int64_t)id * m->hidden;
  switch (m->embed_kind) {
  case 0: memcpy(x, (const float *)m->embed + (int64_t)id * m->hidden, m->hidden * sizeof(float)); break;
  case 1:
    for (int64_t i = 0; i < m->hidden; i++) x[i] = kc_from_f16(h[i]);
    break;
  case 2:
    for (int64_t i = 0; i < m->hidden; i++) x[i] = kc_from_bf16(h[i]);
    break;
  default: kc_nib_row(m->table, id, x);
  }
}

void kc_neox_embedding(const kc_neox *m, int64_t id, float *x) { embed(m, (int32_t)id, x); }

// normed packs a norm of every token for the linear that reads it.
static void normed(worker *w, int64_t t, int64_t layer, int which, int linear, kc_act *to) {
  run *r = w->r;
  const kc_layer *l = &r->m->layer[layer];
  r->ops->norm(r->x + t * r->m->hidden, l->norm[2 * which], l->norm[2 * which + 1], r->m->hidden, r->m->eps, w->row);
  r->ops->pack(to, t, 0, w->row, r->m->hidden);
  if (r->sides[linear]) lower(r, t, layer, linear, w->row);
}

// done takes the products of a panel with all n tokens, at w->out [n][64].
typedef void done(worker *w, int64_t layer, const kc_linear *l, int which, int64_t panel);

// products makes a linear's products, panel by panel: of this thread's share where the form wants a range, of what it can
// take otherwise.
static void products(worker *w, int64_t layer, int which, const kc_act *in, done *then) {
  run *r = w->r;
  const kc_linear *l = &r->m->layer[layer].linear[which];
  if (!kc_ranges(in->form)) {
    const kc_nib *follows = which + 1 < KC_LINEARS      ? &l[1].w
                            : layer + 1 < r->m->layers ? &r->m->layer[layer + 1].linear[KC_QKV].w
                                                       : &r->m->head;
    for (int64_t p = w->part < l->w.panels ? w->part : -1, next; p >= 0; p = next) {
      next = take_next(w, l->w.panels);
      const kc_after after = next >= 0 ? kc_panel_at(&l->w, next) : kc_panel_at(follows, w->part % follows->panels);
      kc_product(r->m->set, &l->w, in, r->n, p, &after, w->out, KC_PANEL, w->scratch);
      then(w, layer, l, which, p);
    }
    return;
  }
  int64_t lo, hi;
  const int64_t tiles = (r->n + 15) / 16;
  kc_share(l->w.panels, 1, w->part, kc_pool_threads(r->pool), &lo, &hi);
  float *sums = r->sums + w->part * r->range * tiles * 16 * KC_PANEL;
  for (; lo < hi; lo += r->range) {
    const int64_t end = lo + r->range < hi ? lo + r->range : hi;
    kc_range(&l->w, in, r->n, lo, end, sums, w->scratch);
    for (int64_t p = lo; p < end; p++) {
      for (int64_t t = 0; t < r->n; t++) kc_range_row(sums, tiles, p - lo, t, w->out + KC_PANEL * t);
      then(w, layer, l, which, p);
    }
  }
}

static const float *bias(const kc_linear *l, int64_t panel) { return l->b ? l->b + KC_PANEL * panel : NULL; }

static void query_key_value(worker *w, int64_t layer, const kc_linear *l, int which, int64_t panel) {
  run *r = w->r;
  const int64_t ld = KC_PANEL * l->w.panels;
  for (int64_t t = 0; t < r->n; t++) {
    float *y = r->qkv + t * ld + KC_PANEL * panel;
    r->ops->scale(y, w->out + KC_PANEL * t, kc_unit(&l->w, r->one.form), bias(l, panel), KC_PANEL);
    if (r->sides[which]) raise(r, t, layer, which, panel, y);
  }
}

// residual adds a linear of x's width to x.
static void residual(worker *w, int64_t layer, const kc_linear *l, int which, int64_t panel) {
  run *r = w->r;
  for (int64_t t = 0; t < r->n; t++) {
    float *y = r->x + t * r->m->hidden + KC_PANEL * panel;
    r->ops->add(y, w->out + KC_PANEL * t, kc_unit(&l->w, r->wide.form), bias(l, panel), KC_PANEL); // that of attended too
    if (r->sides[which]) raise(r, t, layer, which, panel, y);
  }
}

static void widen(worker *w, int64_t layer, const kc_linear *l, int which, int64_t panel) {
  run *r = w->r;
  for (int64_t t = 0; t < r->n; t++) {
    float *y = w->out + KC_PANEL * t;
    r->ops->scale(y, y, kc_unit(&l->w, r->two.form), bias(l, panel), KC_PANEL);
    if (r->sides[which]) raise(r, t, layer, which, panel, y);
    r->ops->activate(r->m->activation, y, KC_PANEL);
    r->ops->pack(&r->wide, t, KC_PANEL * panel, y, KC_PANEL);
    if (r->sides[KC_DOWN]) memcpy(r->h + t * r->m->ffn + KC_PANEL * panel, y, KC_PANEL * sizeof(float));
  }
}

// store turns query and key of a token's head and puts key and value into the cache.
static void store(run *r, int64_t layer, int64_t t, int64_t head) {
  const kc_neox *m = r->m;
  const kc_token *k = &r->tokens[t];
  float *q = r->qkv + t * KC_PANEL * m->layer[layer].linear[KC_QKV].w.panels + 3 * head * m->dim;
  const float *cos = m->cos + k->position * m->half, *sin = m->sin + k->position * m->half;
  r->ops->rotate(q, cos, sin, m->half);
  r->ops->rotate(q + m->dim, cos, sin, m->half);
  r->ops->store(cached(m, k, layer, 0, head), cached(m, k, layer, 1, head), m->dim, k->position, q + m->dim, q + 2 * m->dim);
}

static void attend(worker *w, int64_t layer) {
  run *r = w->r;
  const kc_neox *m = r->m;
  const int64_t ld = KC_PANEL * m->layer[layer].linear[KC_QKV].w.panels;
  const int64_t items = r->tiles * m->heads;
  for (int64_t i = w->part < items ? w->part : -1, next; i >= 0; i = next) {
    next = take_next(w, items);
    const query_tile *q = &r->tile[i / m->heads], *q2 = &r->tile[(next < 0 ? i : next) / m->heads];
    const int64_t head = i % m->heads, head2 = (next < 0 ? i : next) % m->heads;
    const kc_token *k = &r->tokens[q->first];
    const uint16_t *keys = cached(m, k, layer, 0, head), *values = cached(m, k, layer, 1, head);
    const float *query = r->qkv + q->first * ld + 3 * head * m->dim, scale = 1 / sqrtf((float)m->dim);
    if (r->fused)
      for (int t = 0; t < q->n; t++) store(r, layer, q->first + t, head);
    float *o = r->att + q->first * m->hidden + head * m->dim;
    if (r->prompt && r->ops->attend_many)
      r->ops->attend_many(query, ld, q->n, keys, values, k->position + 1, m->dim, scale, o, m->hidden, w->scratch);
    else
      r->ops->attend(query, ld, q->n, keys, values, k->position + 1, m->dim, scale, o, m->hidden, cached(m, &r->tokens[q2->first], layer, 0, head2));
    if (m->dim % KC_BLOCK == 0)
      for (int t = 0; t < q->n; t++) r->ops->pack(&r->attended, q->first + t, head * m->dim, o + t * m->hidden, m->dim);
  }
}

static void one_layer(worker *w, int64_t layer) {
  run *r = w->r;
  const kc_neox *m = r->m;
  for (int64_t t; (t = take(w, r->n)) >= 0;) {
    normed(w, t, layer, 0, KC_QKV, &r->one);
    if (m->parallel) normed(w, t, layer, 1, KC_UP, &r->two);
  }
  meet(w);
  products(w, layer, KC_QKV, &r->one, query_key_value);
  meet(w);
  if (!r->fused) {
    for (int64_t i; (i = take(w, r->tiles * m->heads)) >= 0;)
      for (int t = 0; t < r->tile[i / m->heads].n; t++) store(r, layer, r->tile[i / m->heads].first + t, i % m->heads);
    meet(w);
  }
  attend(w, layer);
  meet(w);
  if (m->dim % KC_BLOCK || r->sides[KC_DENSE]) {
    for (int64_t t; (t = take(w, r->n)) >= 0;) {
      if (m->dim % KC_BLOCK) r->ops->pack(&r->attended, t, 0, r->att + t * m->hidden, m->hidden);
      lower(r, t, layer, KC_DENSE, r->att + t * m->hidden);
    }
    meet(w);
  }
  products(w, layer, KC_DENSE, &r->attended, residual);
  meet(w);
  if (!m->parallel) {
    for (int64_t t; (t = take(w, r->n)) >= 0;) normed(w, t, layer, 1, KC_UP, &r->two);
    meet(w);
  }
  products(w, layer, KC_UP, &r->two, widen);
  meet(w);
  if (r->sides[KC_DOWN]) {
    for (int64_t t; (t = take(w, r->n)) >= 0;) lower(r, t, layer, KC_DOWN, r->h + t * m->ffn);
    meet(w);
  }
  products(w, layer, KC_DOWN, &r->wide, residual);
  meet(w);
}

static void step(void *arg, int part, int parts) {
  run *r = arg;
  const kc_neox *m = r->m;
  char *mine = (char *)r->private + part * r->thread_bytes;
  worker w = {.r = r, .row = (float *)mine, .part = part};
  (void)parts;
  mine += up64(larger(m->hidden, m->ffn) * sizeof(float));
  w.out = (float *)mine;
  w.scratch = mine + up64(r->n * KC_PANEL * sizeof(float));
  for (int64_t t; (t = take(&w, r->n)) >= 0;) embed(m, r->tokens[t].id, r->x + t * m->hidden);
  meet(&w);
  for (int64_t i = 0; i < m->layers; i++) one_layer(&w, i);
  if (r->wanted > 0) {
    for (int64_t i; (i = take(&w, r->wanted)) >= 0;) {
      r->ops->norm(r->x + r->want[i] * m->hidden, m->norm[0], m->norm[1], m->hidden, m->eps, w.row);
      r->ops->pack(&r->last, i, 0, w.row, m->hidden);
    }
    meet(&w);
    const float unit = kc_unit(&m->head, r->last.form);
    for (int64_t p = part < m->head.panels ? part : -1, next; p >= 0; p = next) {
      next = take_next(&w, m->head.panels);
      const kc_after after = kc_panel_at(&m->head, next >= 0 ? next : p);
      kc_product(m->set, &m->head, &r->last, r->wanted, p, &after, w.out, KC_PANEL, w.scratch);
      const int64_t rows = m->vocab - KC_PANEL * p < KC_PANEL ? m->vocab - KC_PANEL * p : KC_PANEL;
      for (int64_t i = 0; i < r->wanted; i++) {
        r->ops->scale(w.out + KC_PANEL * i, w.out + KC_PANEL * i, unit, NULL, KC_PANEL);
        memcpy(r->tokens[r->want[i]].logits + KC_PANEL * p, w.out + KC_PANEL * i, rows * sizeof(float));
      }
    }
  }
  kc_release_unit(m->set);
}

static size_t private_bytes(const kc_neox *m, int64_t n) {
  return up64(larger(m->hidden, m->ffn) * sizeof(float)) + up64(n * KC_PANEL * sizeof(float)) +
         up64(larger(kc_scratch_bytes(larger(m->hidden, m->ffn)), kc_attend_bytes(m->dim)));
}

static int phases(const kc_neox *m) { return (int)(10 * m->layers + 4); }

enum { most_range = 8 }; // panels: the sums of 256 tokens, half a megabyte, stay in the second-level cache while blocks are added to them

// place hands out the run's memory from at, or from NULL, and returns its end.
static size_t place(const kc_neox *m, run *r, int64_t n, int threads, char *at) {
  size_t used = 0;
#define PIECE(field, bytes) (r->field = (void *)(at + used), used += up64(bytes))
  const int64_t ld = KC_PANEL * ((3 * m->hidden + KC_PANEL - 1) / KC_PANEL);
  PIECE(x, n * m->hidden * sizeof(float));
  PIECE(qkv, n * ld * sizeof(float));
  PIECE(att, n * m->hidden * sizeof(float));
  PIECE(h, n * m->ffn * sizeof(float));
  if (kc_ranges(kc_form(m->set, r->prompt, 0))) {
    const int64_t share = (larger(ld, larger(m->hidden, up64(m->ffn))) / KC_PANEL + threads - 1) / threads;
    r->range = share < most_range ? share : most_range;
    PIECE(sums, threads * r->range * KC_PANEL * ((n + 15) / 16 * 16) * sizeof(float));
  }
  PIECE(tile, n * sizeof(query_tile));
  PIECE(want, n * sizeof(int64_t));
  PIECE(next, phases(m) * sizeof(atomic_long));
  r->thread_bytes = private_bytes(m, n);
  PIECE(private, threads * r->thread_bytes);
#undef PIECE
  kc_act *acts[5] = {&r->one, &r->attended, &r->two, &r->wide, &r->last};
  for (int i = 0; i < 5; i++) {
    const int64_t cols = acts[i] != &r->wide ? m->hidden : m->ffn;
    const int form = kc_form(m->set, r->prompt && acts[i] != &r->last, acts[i] == &r->one || acts[i] == &r->two);
    kc_act_set(acts[i], form, n, cols, at + used);
    used += up64(kc_act_bytes(form, n, cols));
  }
  r->u = (float *)(at + used);
  return used;
}

size_t kc_neox_scratch(const kc_neox *m, int64_t tokens, int threads) {
  run r = {0};
  size_t most = place(m, &r, tokens, threads, NULL);
  r.prompt = 1;
  most = larger(most, place(m, &r, tokens, threads, NULL));
  return most + up64(tokens * KC_LINEARS * KC_MOST_RANK * sizeof(float));
}

void kc_neox_run(const kc_neox *m, kc_pool *pool, kc_token *tokens, int64_t n, int prompt, void *scratch) {
  run r = {.m = m, .prompt = prompt, .pool = pool, .ops = kc_ops_of(m->set), .tokens = tokens, .n = n, .fused = 1};
  place(m, &r, n, kc_pool_threads(pool), scratch);
  for (int64_t t = 0; t < n; t++) {
    if (tokens[t].logits) r.want[r.wanted++] = t;
    for (int64_t i = 0; tokens[t].adapter && i < m->layers * KC_LINEARS; i++)
      if (tokens[t].adapter->side[i].r > 0) r.sides[i % KC_LINEARS] = 1;
    if (tokens[t].adapter) r.rank = larger(r.rank, tokens[t].adapter->largest);
    const int follows = t > 0 && tokens[t].cache == tokens[t - 1].cache && tokens[t].position == tokens[t - 1].position + 1;
    query_tile *last = r.tiles ? &r.tile[r.tiles - 1] : NULL;
    // A tile that begins at an odd position ends one token earlier: the next then begins at an even one, and no two threads write to
    // the same pair of values (store).
    if (follows && last->n < KC_QUERIES - tokens[last->first].position % 2) {
      last->n++;
    } else {
      if (follows) r.fused = 0;
      r.tile[r.tiles++] = (query_tile){.first = t, .n = 1};
    }
  }
  for (int i = 0; i < phases(m); i++) atomic_init(&r.next[i], 0);
  kc_pool_run(pool, step, &r);
}
