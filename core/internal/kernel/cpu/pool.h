// Threads that run one function at once. Callable from C and (through pool.go) from Go.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct kc_pool kc_pool;

// kc_task is run once per thread: part 0 (the caller) to parts-1.
typedef void (*kc_task)(void *arg, int part, int parts);

// kc_pool_new makes a pool of threads threads, the caller of kc_pool_run counted; NULL when the system gives none.
kc_pool *kc_pool_new(int threads);
void kc_pool_free(kc_pool *p);
int kc_pool_threads(const kc_pool *p);

// kc_pool_run runs task(arg, i, threads) on every thread and returns when all are through. Calls from several threads
// take turns. A task must not call it for its own pool.
void kc_pool_run(kc_pool *p, kc_task task, void *arg);

// kc_pool_barrier, inside a task: waits until every thread of the pool is there. What was written before it is seen after it.
void kc_pool_barrier(kc_pool *p);

// kc_share gives part's share [*lo, *hi) of n items in runs of grain, as even as possible; the same for the same numbers.
static inline void kc_share(int64_t n, int64_t grain, int part, int parts, int64_t *lo, int64_t *hi) {
  int64_t runs = (n + grain - 1) / grain;
  int64_t a = runs * part / parts * grain, b = runs * (part + 1) / parts * grain;
  *lo = a < n ? a : n;
  *hi = b < n ? b : n;
}
