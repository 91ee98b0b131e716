// The few functions of libcuda and libnvrtc that we use, opened at run time. Types are declared here so that
// no CUDA header is needed; all handles are pointers, device addresses 64-bit numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint64_t kg_ptr; // device memory
typedef void *kg_handle; // context, module, function, stream, event

// Opens both libraries; nvrtc is tried first under each of the paths, nil-ended. NULL: done; otherwise why not
// (static text). The driver alone is enough where all cubins are cached: a missing NVRTC is told by kg_has_nvrtc.
const char *kg_open(const char **nvrtc_paths);
int kg_has_nvrtc(void);
const char *kg_error(int code); // static text

int kg_device(int index, kg_handle *context, char *name, int size, int *arch, int *sms, int *shared);
void kg_release(int index);
int kg_current(kg_handle context);

int kg_module(const void *image, kg_handle *module);
int kg_unload(kg_handle module);
int kg_function(kg_handle module, const char *name, kg_handle *function);
int kg_global(kg_handle module, const char *name, kg_ptr *p, size_t *size);
int kg_function_shared(kg_handle function, int bytes);
int kg_function_attribute(kg_handle function, int attribute, int *value);
// Our kernels take one struct, or nothing (params NULL).
int kg_launch(kg_handle f, unsigned gx, unsigned gy, unsigned threads, unsigned shared, kg_handle stream, void *params, int cooperative);

int kg_alloc(kg_ptr *p, size_t n);
int kg_free(kg_ptr p);
int kg_host_alloc(void **p, size_t n);
int kg_host_free(void *p);
int kg_to_device(kg_ptr dst, const void *src, size_t n, kg_handle stream);
int kg_to_host(void *dst, kg_ptr src, size_t n, kg_handle stream);
int kg_copy(kg_ptr dst, kg_ptr src, size_t n, kg_handle stream);
int kg_fill(kg_ptr dst, unsigned char v, size_t n, kg_handle stream);
int kg_wait(kg_handle stream);
int kg_event(kg_handle *e);
int kg_event_free(kg_handle e);
int kg_record(kg_handle e, kg_handle stream);
int kg_elapsed(kg_handle from, kg_handle to, float *ms); // waits for to

// Compiles source for sm_ARCH. The cubin or, on failure, the log is malloc'd.
int kg_compile(const char *source, const char *name, int noptions, const char **options, char **cubin, size_t *size, char **log);
int kg_nvrtc_version(void); // 1300 for 13.0; 0: no NVRTC
