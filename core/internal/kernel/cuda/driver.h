// The few functions of libcuda and libnvrtc that we use, opened at run time. Types are declared here so that
// no CUDA header is needed; all handles are pointers, device addresses 64-bit numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint64_t kc_ptr; // device memory
typedef void *kc_handle; // context, module, function, stream, event

// Opens both libraries; nvrtc is tried first under each of the paths, nil-ended. NULL: done; otherwise why not
// (static text). The driver alone is enough where all cubins are cached: a missing NVRTC is told by kc_has_nvrtc.
const char *kc_open(const char **nvrtc_paths);
int kc_has_nvrtc(void);
const char *kc_error(int code); // static text

int kc_device(int index, kc_handle *context, char *name, int size, int *arch, int *sms, int *shared);
void kc_release(int index);
int kc_current(kc_handle context);

int kc_module(const void *image, kc_handle *module);
int kc_unload(kc_handle module);
int kc_function(kc_handle module, const char *name, kc_handle *function);
int kc_global(kc_handle module, const char *name, kc_ptr *p, size_t *size);
int kc_function_shared(kc_handle function, int bytes);
int kc_function_attribute(kc_handle function, int attribute, int *value);
// Our kernels take one struct, or nothing (params NULL).
int kc_launch(kc_handle f, unsigned gx, unsigned gy, unsigned threads, unsigned shared, kc_handle stream, void *params, int cooperative);

int kc_alloc(kc_ptr *p, size_t n);
int kc_free(kc_ptr p);
int kc_host_alloc(void **p, size_t n);
int kc_host_free(void *p);
int kc_to_device(kc_ptr dst, const void *src, size_t n, kc_handle stream);
int kc_to_host(void *dst, kc_ptr src, size_t n, kc_handle stream);
int kc_copy(kc_ptr dst, kc_ptr src, size_t n, kc_handle stream);
int kc_fill(kc_ptr dst, unsigned char v, size_t n, kc_handle stream);
int kc_wait(kc_handle stream);
int kc_event(kc_handle *e);
int kc_event_free(kc_handle e);
int kc_record(kc_handle e, kc_handle stream);
int kc_elapsed(kc_handle from, kc_handle to, float *ms); // waits for to

// Compiles source for sm_ARCH. The cubin or, on failure, the log is malloc'd.
int kc_compile(const char *source, const char *name, int noptions, const char **options, char **cubin, size_t *size, char **log);
int kc_nvrtc_version(void); // 1300 for 13.0; 0: no NVRTC
