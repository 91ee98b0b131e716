//go:build torch

#define _GNU_SOURCE
#include "upload.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// The few functions of the driver that are needed, with the types of cuda.h (CUresult is an int, a CUdeviceptr 64 bits
// wide, the rest are pointers).
static struct {
  int (*init)(unsigned);
  int (*device)(int *, int);
  int (*retain)(void **, int);
  int (*set)(void *);
  int (*alloc)(uint64_t *, size_t);
  int (*free)(uint64_t);
  int (*host)(void **, size_t, unsigned);
  int (*host_free)(void *);
  int (*to)(uint64_t, const void *, size_t);
  int (*from)(void *, uint64_t, size_t);
  int (*to_async)(uint64_t, const void *, size_t, void *);
  int (*fill)(uint64_t, unsigned char, size_t);
  int (*info)(size_t *, size_t *);
  int (*stream)(void **, unsigned);
  int (*stream_end)(void *);
  int (*event)(void **, unsigned);
  int (*event_end)(void *);
  int (*record)(void *, void *);
  int (*wait)(void *);
  int (*sync)(void);
  int (*await)(void *);
  int (*text)(int, const char **);
} cu;

static __thread char text[256];
static __thread int memory_out;
const char *ku_error(void) { return text; }
int ku_out_of_memory(void) { return memory_out; }

static int failed(const char *what, int code) {
  const char *s = NULL;
  if (cu.text) cu.text(code, &s);
  snprintf(text, sizeof text, "%s: %s (CUDA error %d)", what, s ? s : "unknown", code);
  memory_out = code == 2;
  return -1;
}

enum { max_devices = 64 };
static void *context[max_devices];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int load(void) {
  static int state; // 1: loaded
  if (state) return 0;
  void *h = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!h) {
    snprintf(text, sizeof text, "%s", dlerror());
    memory_out = 0;
    return -1;
  }
  struct {
    void *to;
    const char *name;
  } names[] = {{&cu.init, "cuInit"}, {&cu.device, "cuDeviceGet"}, {&cu.retain, "cuDevicePrimaryCtxRetain"}, {&cu.set, "cuCtxSetCurrent"},
               {&cu.alloc, "cuMemAlloc_v2"}, {&cu.free, "cuMemFree_v2"}, {&cu.host, "cuMemHostAlloc"}, {&cu.host_free, "cuMemFreeHost"},
               {&cu.to, "cuMemcpyHtoD_v2"}, {&cu.from, "cuMemcpyDtoH_v2"}, {&cu.to_async, "cuMemcpyHtoDAsync_v2"}, {&cu.fill, "cuMemsetD8_v2"},
               {&cu.info, "cuMemGetInfo_v2"}, {&cu.stream, "cuStreamCreate"}, {&cu.stream_end, "cuStreamDestroy_v2"}, {&cu.event, "cuEventCreate"},
               {&cu.event_end, "cuEventDestroy_v2"}, {&cu.record, "cuEventRecord"}, {&cu.wait, "cuEventSynchronize"}, {&cu.sync, "cuCtxSynchronize"}, {&cu.await, "cuStreamSynchronize"},
               {&cu.text, "cuGetErrorString"}};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    void *f = dlsym(h, names[i].name);
    if (!f) {
      snprintf(text, sizeof text, "the NVIDIA driver lacks %s", names[i].name);
      memory_out = 0;
      return -1;
    }
    memcpy(names[i].to, &f, sizeof f);
  }
  int r = cu.init(0);
  if (r) return failed("cuInit", r);
  state = 1;
  return 0;
}

int ku_open(int device) {
  if (device < 0 || device >= max_devices) {
    snprintf(text, sizeof text, "device %d", device);
    memory_out = 0;
    return -1;
  }
  pthread_mutex_lock(&lock);
  int bad = load();
  if (!bad && !context[device]) {
    int d, r = cu.device(&d, device);
    if (!r) r = cu.retain(&context[device], d);
    if (r) {
      context[device] = NULL;
      bad = failed("open the device", r);
    }
  }
  pthread_mutex_unlock(&lock);
  return bad;
}

// enter makes the device's context this thread's; what a goroutine calls may come from any thread.
static int enter(int device) {
  if (ku_open(device)) return -1;
  int r = cu.set(context[device]);
  return r ? failed("cuCtxSetCurrent", r) : 0;
}

#define CALL(what, call)                \
  do {                                  \
    if (enter(device)) return -1;       \
    int r_ = (call);                    \
    return r_ ? failed(what, r_) : 0;   \
  } while (0)

int ku_alloc(int device, uint64_t bytes, uint64_t *ptr) { CALL("allocate", cu.alloc(ptr, bytes)); }
int ku_free(int device, uint64_t ptr) { CALL("free", cu.free(ptr)); }
int ku_write(int device, uint64_t dst, const void *src, uint64_t bytes) { CALL("copy to the device", cu.to(dst, src, bytes)); }
int ku_read(int device, void *dst, uint64_t src, uint64_t bytes) { CALL("copy from the device", cu.from(dst, src, bytes)); }

// The driver fills beside the host, on a stream that those of libtorch do not wait for.
int ku_zero(int device, uint64_t dst, uint64_t bytes) {
  if (enter(device)) return -1;
  int r = cu.fill(dst, 0, bytes);
  if (!r) r = cu.await(NULL);
  return r ? failed("fill", r) : 0;
}

int ku_sync(int device) { CALL("wait for the device", cu.sync()); }
int ku_await(int device, uint64_t stream) { CALL("wait for a stream", cu.await((void *)stream)); }
int ku_memory(int device, uint64_t *free, uint64_t *total) {
  size_t f = 0, t = 0;
  if (enter(device)) return -1;
  int r = cu.info(&f, &t);
  *free = f;
  *total = t;
  return r ? failed("ask for the memory", r) : 0;
}

// A part is at most a slot of a piece. Each thread has two slots: while one is copied to the device, the other is read.
enum { max_threads = 16 };
struct ku_job {
  int device, pieces, groups, depth, threads, stop, failed;
  int64_t slot;
  ku_piece *p;
  int at;          // next part: piece ..
  int64_t done_in; // .. and bytes of it that are taken
  int *left;       // parts of a group not yet on the device
  int *released;
  int open; // groups before it are released
  char *ring;
  char text[256];
  int memory;
  pthread_mutex_t mu;
  pthread_cond_t changed;
  pthread_t thread[max_threads];
  int started;
};

static void fail(ku_job *j) { // with mu held
  if (!j->failed) {
    j->failed = 1;
    memcpy(j->text, text, sizeof text);
    j->memory = memory_out;
  }
  pthread_cond_broadcast(&j->changed);
}

// take gives the next part: 1; 0 when there is none; -1 when it would have to wait for room and must not.
static int take(ku_job *j, ku_piece *part, int may_wait) {
  pthread_mutex_lock(&j->mu);
  while (!j->stop && !j->failed && j->at < j->pieces && j->depth > 0 && j->p[j->at].group >= j->open + j->depth) {
    if (!may_wait) {
      pthread_mutex_unlock(&j->mu);
      return -1;
    }
    pthread_cond_wait(&j->changed, &j->mu);
  }
  int got = !j->stop && !j->failed && j->at < j->pieces;
  if (got) {
    *part = j->p[j->at];
    part->offset += j->done_in;
    part->dst += j->done_in;
    part->bytes -= j->done_in;
    if (part->bytes > j->slot) {
      part->bytes = j->slot;
      j->done_in += j->slot;
    } else {
      j->at++;
      j->done_in = 0;
    }
  }
  pthread_mutex_unlock(&j->mu);
  return got;
}

static void arrived(ku_job *j, int group) {
  pthread_mutex_lock(&j->mu);
  if (--j->left[group] == 0) pthread_cond_broadcast(&j->changed);
  pthread_mutex_unlock(&j->mu);
}

static int read_part(const ku_piece *p, char *to) {
  for (int64_t got = 0; got < p->bytes;) {
    ssize_t n = pread(p->fd, to + got, p->bytes - got, p->offset + got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      snprintf(text, sizeof text, "read: %s", n < 0 ? strerror(errno) : "the file became shorter");
      memory_out = 0;
      return -1;
    }
    got += n;
  }
  return 0;
}

typedef struct {
  ku_job *j;
  int n;
} worker;

static void *work(void *arg) {
  worker w = *(worker *)arg;
  free(arg);
  ku_job *j = w.j;
  void *stream = NULL, *event[2] = {NULL, NULL};
  int pending = -1, bad = enter(j->device), r = 0; // pending: group of the part that is on its way in the other slot
  if (!bad && ((r = cu.stream(&stream, 1)) || (r = cu.event(&event[0], 2)) || (r = cu.event(&event[1], 2)))) bad = failed("make a stream", r);
  ku_piece part;
  for (int s = 0, got; !bad && (got = take(j, &part, pending < 0)); s ^= 1) {
    if (got > 0) {
      char *b = j->ring + (w.n * 2 + s) * j->slot;
      if ((bad = read_part(&part, b))) break;
      r = cu.to_async(part.dst, b, part.bytes, stream);
      if (!r) r = cu.record(event[s], stream);
    }
    // While that is on its way, the part before it has arrived. Without a part to read it is waited for.
    if (!r && pending >= 0) {
      r = cu.wait(event[s ^ 1]);
      if (!r) arrived(j, pending);
    }
    pending = got > 0 ? part.group : -1;
    if (r) bad = failed("copy to the device", r);
  }
  if (!bad && pending >= 0) {
    for (int s = 0; s < 2 && !r; s++) r = cu.wait(event[s]);
    if (r) bad = failed("copy to the device", r);
    else arrived(j, pending);
  }
  if (bad) {
    pthread_mutex_lock(&j->mu);
    fail(j);
    pthread_mutex_unlock(&j->mu);
  }
  for (int s = 0; s < 2; s++)
    if (event[s]) {
      cu.wait(event[s]); // the slot must not be freed under a copy
      cu.event_end(event[s]);
    }
  if (stream) cu.stream_end(stream);
  return NULL;
}

ku_job *ku_start(int device, const ku_piece *p, int pieces, int groups, int depth, int threads, int64_t slot) {
  if (enter(device)) return NULL;
  if (threads < 1) threads = 1;
  if (threads > max_threads) threads = max_threads;
  ku_job *j = calloc(1, sizeof *j);
  j->device = device, j->pieces = pieces, j->groups = groups, j->depth = depth, j->threads = threads, j->slot = slot;
  j->p = malloc((pieces + 1) * sizeof *p);
  memcpy(j->p, p, pieces * sizeof *p);
  j->left = calloc(groups + 1, sizeof(int));
  j->released = calloc(groups + 1, sizeof(int));
  for (int i = 0; i < pieces; i++) j->left[p[i].group] += (int)((p[i].bytes + slot - 1) / slot);
  pthread_mutex_init(&j->mu, NULL);
  pthread_condattr_t a;
  pthread_condattr_init(&a);
  pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
  pthread_cond_init(&j->changed, &a);
  pthread_condattr_destroy(&a);
  int r = cu.host((void **)&j->ring, (size_t)threads * 2 * slot, 0);
  if (r) {
    failed("allocate pinned memory", r);
    j->ring = NULL;
    ku_finish(j, 1);
    return NULL;
  }
  for (int i = 0; i < threads; i++) {
    worker *w = malloc(sizeof *w);
    w->j = j, w->n = i;
    if (pthread_create(&j->thread[i], NULL, work, w)) {
      free(w);
      break;
    }
    j->started++;
  }
  if (!j->started) {
    snprintf(text, sizeof text, "no thread could be started");
    memory_out = 0;
    ku_finish(j, 1);
    return NULL;
  }
  return j;
}

int ku_wait(ku_job *j, int group, int milliseconds) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += milliseconds / 1000;
  t.tv_nsec += (milliseconds % 1000) * 1000000L;
  if (t.tv_nsec >= 1000000000L) t.tv_sec++, t.tv_nsec -= 1000000000L;
  pthread_mutex_lock(&j->mu);
  int late = 0;
  while (!j->failed && j->left[group] > 0 && !late) late = pthread_cond_timedwait(&j->changed, &j->mu, &t) == ETIMEDOUT;
  int state = j->failed ? -1 : j->left[group] > 0;
  if (j->failed) {
    memcpy(text, j->text, sizeof text);
    memory_out = j->memory;
  }
  pthread_mutex_unlock(&j->mu);
  return state;
}

void ku_release(ku_job *j, int group) {
  pthread_mutex_lock(&j->mu);
  j->released[group] = 1;
  while (j->open < j->groups && j->released[j->open]) j->open++;
  pthread_cond_broadcast(&j->changed);
  pthread_mutex_unlock(&j->mu);
}

int ku_finish(ku_job *j, int stop) {
  pthread_mutex_lock(&j->mu);
  if (stop) j->stop = 1;
  pthread_cond_broadcast(&j->changed);
  pthread_mutex_unlock(&j->mu);
  for (int i = 0; i < j->started; i++) pthread_join(j->thread[i], NULL);
  int bad = j->failed && !stop;
  if (bad) {
    memcpy(text, j->text, sizeof text);
    memory_out = j->memory;
  }
  if (j->ring) cu.host_free(j->ring);
  pthread_cond_destroy(&j->changed);
  pthread_mutex_destroy(&j->mu);
  free(j->p);
  free(j->left);
  free(j->released);
  free(j);
  return bad ? -1 : 0;
}
