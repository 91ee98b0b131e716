// A driver whose device is the host's memory, so that the copying can be tested without a GPU. Allocations above 1 GB
// are refused, and a copy is late: it is done when its event is waited for.
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  uint64_t to;
  const void *from;
  size_t n;
} copy;
typedef struct {
  copy waiting[64];
  int n;
} stream;
typedef struct {
  stream *s;
} event;

static void drain(stream *s) {
  for (int i = 0; i < s->n; i++) memcpy((void *)s->waiting[i].to, s->waiting[i].from, s->waiting[i].n);
  s->n = 0;
}

int cuInit(unsigned f) { return 0; }
int cuDeviceGet(int *d, int n) { *d = n; return n ? 101 : 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = (void *)8; return 0; }
int cuCtxSetCurrent(void *c) { return 0; }
int cuMemAlloc_v2(uint64_t *p, size_t n) { *p = n > 1 << 30 ? 0 : (uint64_t)malloc(n); return *p ? 0 : 2; }
int cuMemFree_v2(uint64_t p) { free((void *)p); return 0; }
int cuMemHostAlloc(void **p, size_t n, unsigned f) { *p = malloc(n); return 0; }
int cuMemFreeHost(void *p) { free(p); return 0; }
int cuMemcpyHtoD_v2(uint64_t d, const void *s, size_t n) { memcpy((void *)d, s, n); return 0; }
int cuMemcpyDtoH_v2(void *d, uint64_t s, size_t n) { memcpy(d, (void *)s, n); return 0; }
int cuMemcpyHtoDAsync_v2(uint64_t d, const void *s, size_t n, void *st) {
  stream *x = st;
  x->waiting[x->n++] = (copy){d, s, n};
  return 0;
}
// A fill is late too: it is done when its stream, the default one, is waited for.
static struct { uint64_t to; unsigned char value; size_t n; } fill;
int cuMemsetD8_v2(uint64_t d, unsigned char c, size_t n) { fill.to = d, fill.value = c, fill.n = n; return 0; }
int cuMemGetInfo_v2(size_t *a, size_t *b) { *a = 1 << 30; *b = 2ul << 30; return 0; }
int cuStreamCreate(void **s, unsigned f) { *s = calloc(1, sizeof(stream)); return 0; }
int cuStreamDestroy_v2(void *s) { free(s); return 0; }
int cuStreamSynchronize(void *s) {
  if (!s && fill.n) memset((void *)fill.to, fill.value, fill.n), fill.n = 0;
  return 0;
}
int cuEventCreate(void **e, unsigned f) { *e = calloc(1, sizeof(event)); return 0; }
int cuEventDestroy_v2(void *e) { free(e); return 0; }
int cuEventRecord(void *e, void *s) { ((event *)e)->s = s; return 0; }
int cuEventSynchronize(void *e) {
  usleep(20);
  if (((event *)e)->s) drain(((event *)e)->s);
  return 0;
}
int cuCtxSynchronize(void) { return 0; }
int cuGetErrorString(int c, const char **s) { *s = c == 2 ? "out of memory" : "invalid device"; return 0; }
