//go:build torch

// Every thread writes its slot, waits, adds up all slots, waits: the sum is short when a barrier lets one through.
#include "probe.h"
#include <stdlib.h>

typedef struct {
  kc_pool *pool;
  int phases;
  int64_t *slot, *sum; // [threads], one cache line apart
} probe;

static void probe_task(void *arg, int part, int parts) {
  probe *a = arg;
  for (int k = 0; k < a->phases; k++) {
    a->slot[8 * part] = 1;
    kc_pool_barrier(a->pool);
    for (int i = 0; i < parts; i++) a->sum[8 * part] += a->slot[8 * i];
    kc_pool_barrier(a->pool);
    a->slot[8 * part] = 0;
  }
}

int64_t kc_pool_probe(kc_pool *p, int runs, int phases) {
  int n = kc_pool_threads(p);
  probe a = {p, phases, calloc(8 * n, sizeof(int64_t)), calloc(8 * n, sizeof(int64_t))};
  int64_t total = -1;
  if (a.slot && a.sum) {
    total = 0;
    for (int i = 0; i < runs; i++) kc_pool_run(p, probe_task, &a);
    for (int i = 0; i < n; i++) total += a.sum[8 * i];
  }
  free(a.slot);
  free(a.sum);
  return total;
}
