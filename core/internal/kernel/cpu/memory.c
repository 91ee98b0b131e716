//go:build torch

// Weights are read from end to end for every token: with 4 KiB pages the page walks cost about as much as one core's
// share of the bandwidth allows, with 2 MiB pages nothing.
#define _GNU_SOURCE
#include "memory.h"
#include <stdint.h>
#include <sys/mman.h>

enum { large = 2 << 20 };

static size_t rounded(size_t bytes) { return (bytes + large - 1) / large * large; }

void *kc_memory(size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes < large) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
  }
  // Only an aligned range gets large pages: take one more and give the ends back.
  size_t n = rounded(bytes);
  if (n < bytes || n + large < n) return NULL;
  char *p = mmap(NULL, n + large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  size_t head = (large - (uintptr_t)p % large) % large;
  if (head) munmap(p, head);
  if (large - head) munmap(p + head + n, large - head);
  p += head;
#ifdef MADV_HUGEPAGE
  madvise(p, n, MADV_HUGEPAGE);
#endif
  return p;
}

void kc_memory_free(void *p, size_t bytes) {
  if (p) munmap(p, bytes == 0 ? 1 : bytes < large ? bytes : rounded(bytes));
}

size_t kc_memory_held(size_t bytes) {
  const size_t small = 4096;
  return bytes < large ? (bytes + small - 1) / small * small : rounded(bytes);
}
