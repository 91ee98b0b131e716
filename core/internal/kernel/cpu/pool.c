//go:build torch

// Work is announced by a counter that idle threads watch: a few microseconds of spinning first, then a condition
// variable. The announcer takes the lock only when it sees a sleeper; a sleeper counts itself before its last look
// at the counter. Both sides use sequentially consistent atomics, so one of them always notices the other.
#define _GNU_SOURCE
#include "pool.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define relax() _mm_pause()
#else
#define relax() ((void)0)
#endif

enum { spins = 4000 }; // about 50 to 100 microseconds

// gate is a counter with sleepers. Each lies in a cache line of its own.
typedef struct {
  _Alignas(64) atomic_uint value;
  atomic_int sleepers;
  pthread_mutex_t lock;
  pthread_cond_t moved;
} gate;

struct kc_pool {
  gate work;    // counts runs
  gate through; // counts runs all workers have finished
  gate barrier; // counts barriers
  _Alignas(64) atomic_int pending;
  _Alignas(64) atomic_int arrived;
  pthread_mutex_t turn;
  kc_task task;
  void *arg;
  int threads, started, quit;
  pthread_t *ids;
};

static void gate_init(gate *g) {
  atomic_init(&g->value, 0);
  atomic_init(&g->sleepers, 0);
  pthread_mutex_init(&g->lock, NULL);
  pthread_cond_init(&g->moved, NULL);
}

static void gate_free(gate *g) {
  pthread_mutex_destroy(&g->lock);
  pthread_cond_destroy(&g->moved);
}

static void gate_move(gate *g) {
  atomic_fetch_add(&g->value, 1);
  if (atomic_load(&g->sleepers) > 0) {
    pthread_mutex_lock(&g->lock);
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
  }
}

// gate_wait waits until the counter is no longer seen, and returns it.
static unsigned gate_wait(gate *g, unsigned seen) {
  for (int i = 0; i < spins; i++) {
    unsigned v = atomic_load_explicit(&g->value, memory_order_acquire);
    if (v != seen) return v;
    relax();
  }
  pthread_mutex_lock(&g->lock);
  atomic_fetch_add(&g->sleepers, 1);
  unsigned v;
  while ((v = atomic_load(&g->value)) == seen) pthread_cond_wait(&g->moved, &g->lock);
  atomic_fetch_sub(&g->sleepers, 1);
  pthread_mutex_unlock(&g->lock);
  return v;
}

typedef struct {
  kc_pool *pool;
  int part;
} worker_arg;

static void *worker(void *arg) {
  worker_arg w = *(worker_arg *)arg;
  free(arg);
  unsigned seen = 0;
  for (;;) {
    seen = gate_wait(&w.pool->work, seen);
    if (w.pool->quit) return NULL;
    w.pool->task(w.pool->arg, w.part, w.pool->threads);
    if (atomic_fetch_sub(&w.pool->pending, 1) == 1) gate_move(&w.pool->through);
  }
}

kc_pool *kc_pool_new(int threads) {
  if (threads < 1) threads = 1;
  kc_pool *p = aligned_alloc(64, (sizeof(kc_pool) + 63) / 64 * 64);
  if (!p) return NULL;
  gate_init(&p->work);
  gate_init(&p->through);
  gate_init(&p->barrier);
  atomic_init(&p->pending, 0);
  atomic_init(&p->arrived, 0);
  pthread_mutex_init(&p->turn, NULL);
  p->threads = threads;
  p->started = p->quit = 0;
  p->ids = calloc(threads, sizeof *p->ids);
  // Signals are for the threads of the Go runtime.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  for (int i = 1; p->ids && i < threads; i++) {
    worker_arg *w = malloc(sizeof *w);
    if (!w) break;
    *w = (worker_arg){p, i};
    if (pthread_create(&p->ids[i], NULL, worker, w)) {
      free(w);
      break;
    }
    p->started++;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (p->started != threads - 1) {
    kc_pool_free(p);
    return NULL;
  }
  return p;
}

void kc_pool_free(kc_pool *p) {
  if (!p) return;
  p->quit = 1;
  gate_move(&p->work);
  for (int i = 1; i <= p->started; i++) pthread_join(p->ids[i], NULL);
  gate_free(&p->work);
  gate_free(&p->through);
  gate_free(&p->barrier);
  pthread_mutex_destroy(&p->turn);
  free(p->ids);
  free(p);
}

int kc_pool_threads(const kc_pool *p) { return p->threads; }

void kc_pool_run(kc_pool *p, kc_task task, void *arg) {
  pthread_mutex_lock(&p->turn);
  if (p->threads == 1) {
    task(arg, 0, 1);
  } else {
    p->task = task;
    p->arg = arg;
    unsigned seen = atomic_load(&p->through.value);
    atomic_store(&p->pending, p->threads - 1);
    gate_move(&p->work);
    task(arg, 0, p->threads);
    gate_wait(&p->through, seen);
  }
  pthread_mutex_unlock(&p->turn);
}

void kc_pool_barrier(kc_pool *p) {
  if (p->threads == 1) return;
  unsigned seen = atomic_load(&p->barrier.value); // cannot move before this thread has arrived
  if (atomic_fetch_add(&p->arrived, 1) == p->threads - 1) {
    atomic_store(&p->arrived, 0);
    gate_move(&p->barrier);
  } else {
    gate_wait(&p->barrier, seen);
  }
}
