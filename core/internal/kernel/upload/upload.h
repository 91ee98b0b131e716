// Memory of a GPU and copies of files into it, over the driver API opened at run time.
#pragma once
#include <stdint.h>

// 0, or an error: ku_error gives its text.
int ku_open(int device); // primary context of the device; may be repeated
int ku_alloc(int device, uint64_t bytes, uint64_t *ptr);
int ku_free(int device, uint64_t ptr);
int ku_write(int device, uint64_t dst, const void *src, uint64_t bytes); // waits
int ku_read(int device, void *dst, uint64_t src, uint64_t bytes);        // waits
int ku_zero(int device, uint64_t dst, uint64_t bytes);
int ku_memory(int device, uint64_t *free, uint64_t *total);
int ku_sync(int device);
int ku_await(int device, uint64_t stream);
const char *ku_error(void); // of this thread
int ku_out_of_memory(void); // whether it says so

typedef struct {
  int fd;
  int group;
  int64_t offset, bytes;
  uint64_t dst;
} ku_piece;
typedef struct ku_job ku_job;

// Copies the pieces in order, beginning with a group only when all groups before group - depth + 1 are released.
ku_job *ku_start(int device, const ku_piece *p, int pieces, int groups, int depth, int threads, int64_t slot);
int ku_wait(ku_job *j, int group, int milliseconds); // 0: the group is on the device; 1: not yet; -1: error
void ku_release(ku_job *j, int group);
int ku_finish(ku_job *j, int stop); // waits for the threads; stop: without the rest
