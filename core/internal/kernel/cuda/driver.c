//go:build torch

#include "driver.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// name, type of the driver's function; the names carry the versions of their interface.
#define DRIVER(F)                                                                                                   \
  F(cuInit, (unsigned))                                                                                             \
  F(cuGetErrorString, (int, const char **))                                                                         \
  F(cuDeviceGet, (int *, int))                                                                                      \
  F(cuDeviceGetName, (char *, int, int))                                                                            \
  F(cuDeviceGetAttribute, (int *, int, int))                                                                        \
  F(cuDevicePrimaryCtxRetain, (kg_handle *, int))                                                                   \
  F(cuDevicePrimaryCtxRelease_v2, (int))                                                                            \
  F(cuCtxSetCurrent, (kg_handle))                                                                                   \
  F(cuModuleLoadData, (kg_handle *, const void *))                                                                  \
  F(cuModuleUnload, (kg_handle))                                                                                    \
  F(cuModuleGetFunction, (kg_handle *, kg_handle, const char *))                                                    \
  F(cuModuleGetGlobal_v2, (kg_ptr *, size_t *, kg_handle, const char *))                                            \
  F(cuFuncSetAttribute, (kg_handle, int, int))                                                                      \
  F(cuFuncGetAttribute, (int *, int, kg_handle))                                                                    \
  F(cuLaunchKernel, (kg_handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, kg_handle, void **, void **)) \
  F(cuLaunchCooperativeKernel, (kg_handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, kg_handle, void **)) \
  F(cuMemAlloc_v2, (kg_ptr *, size_t))                                                                              \
  F(cuMemFree_v2, (kg_ptr))                                                                                         \
  F(cuMemHostAlloc, (void **, size_t, unsigned))                                                                    \
  F(cuMemFreeHost, (void *))                                                                                        \
  F(cuMemcpyHtoDAsync_v2, (kg_ptr, const void *, size_t, kg_handle))                                                \
  F(cuMemcpyDtoHAsync_v2, (void *, kg_ptr, size_t, kg_handle))                                                      \
  F(cuMemcpyDtoDAsync_v2, (kg_ptr, kg_ptr, size_t, kg_handle))                                                      \
  F(cuMemsetD8Async, (kg_ptr, unsigned char, size_t, kg_handle))                                                    \
  F(cuStreamSynchronize, (kg_handle))                                                                               \
  F(cuEventCreate, (kg_handle *, unsigned))                                                                         \
  F(cuEventDestroy_v2, (kg_handle))                                                                                 \
  F(cuEventRecord, (kg_handle, kg_handle))                                                                          \
  F(cuEventSynchronize, (kg_handle))                                                                                \
  F(cuEventElapsedTime, (float *, kg_handle, kg_handle))

#define NVRTC(F)                                                                                                    \
  F(nvrtcVersion, (int *, int *))                                                                                   \
  F(nvrtcCreateProgram, (void **, const char *, const char *, int, const char **, const char **))                   \
  F(nvrtcCompileProgram, (void *, int, const char **))                                                              \
  F(nvrtcGetCUBINSize, (void *, size_t *))                                                                          \
  F(nvrtcGetCUBIN, (void *, char *))                                                                                \
  F(nvrtcGetPTXSize, (void *, size_t *))                                                                            \
  F(nvrtcGetPTX, (void *, char *))                                                                                  \
  F(nvrtcGetProgramLogSize, (void *, size_t *))                                                                     \
  F(nvrtcGetProgramLog, (void *, char *))                                                                           \
  F(nvrtcDestroyProgram, (void **))

#define DECLARE(name, args) static int(*p_##name) args;
DRIVER(DECLARE)
NVRTC(DECLARE)

#define FIND(name, args) \
  if (!(p_##name = (int(*) args)dlsym(lib, #name))) return 0;

static int find_driver(void *lib) {
  DRIVER(FIND)
  return 1;
}
static int find_nvrtc(void *lib) {
  NVRTC(FIND)
  return 1;
}

static int driver_ready, nvrtc_ready;

const char *kg_open(const char **paths) {
  if (!nvrtc_ready) {
    static const char *plain[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", NULL};
    const char **lists[] = {paths, plain};
    for (int l = 0; l < 2 && !nvrtc_ready; l++)
      for (const char **p = lists[l]; p && *p && !nvrtc_ready; p++) {
        void *lib = dlopen(*p, RTLD_NOW | RTLD_LOCAL);
        if (lib) nvrtc_ready = find_nvrtc(lib);
      }
  }
  if (!driver_ready) {
    void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!lib) return "there is no NVIDIA driver (libcuda.so.1)";
    if (!find_driver(lib)) return "the NVIDIA driver is too old";
    int e = p_cuInit(0);
    if (e) return kg_error(e);
    driver_ready = 1;
  }
  return NULL;
}

int kg_has_nvrtc(void) { return nvrtc_ready; }

const char *kg_error(int code) {
  const char *text = NULL;
  if (!p_cuGetErrorString || p_cuGetErrorString(code, &text) || !text) return "unknown error of the driver";
  return text;
}

#define TRY(call)     \
  do {                \
    int e_ = (call);  \
    if (e_) return e_; \
  } while (0)

int kg_device(int index, kg_handle *context, char *name, int size, int *arch, int *sms, int *shared) {
  int device, major, minor;
  TRY(p_cuDeviceGet(&device, index));
  TRY(p_cuDeviceGetName(name, size, device));
  TRY(p_cuDeviceGetAttribute(&major, 75, device));
  TRY(p_cuDeviceGetAttribute(&minor, 76, device));
  TRY(p_cuDeviceGetAttribute(sms, 16, device));
  TRY(p_cuDeviceGetAttribute(shared, 97, device)); // the most after asking for it
  *arch = major * 10 + minor;
  TRY(p_cuDevicePrimaryCtxRetain(context, device));
  return p_cuCtxSetCurrent(*context);
}
void kg_release(int index) {
  int device;
  if (!p_cuDeviceGet(&device, index)) p_cuDevicePrimaryCtxRelease_v2(device);
}
int kg_current(kg_handle context) { return p_cuCtxSetCurrent(context); }

int kg_module(const void *image, kg_handle *module) { return p_cuModuleLoadData(module, image); }
int kg_unload(kg_handle module) { return p_cuModuleUnload(module); }
int kg_function(kg_handle module, const char *name, kg_handle *f) { return p_cuModuleGetFunction(f, module, name); }
int kg_global(kg_handle module, const char *name, kg_ptr *p, size_t *size) { return p_cuModuleGetGlobal_v2(p, size, module, name); }
int kg_function_shared(kg_handle f, int bytes) { return p_cuFuncSetAttribute(f, 8, bytes); }
int kg_function_attribute(kg_handle f, int attribute, int *value) { return p_cuFuncGetAttribute(value, attribute, f); }

int kg_launch(kg_handle f, unsigned gx, unsigned gy, unsigned threads, unsigned shared, kg_handle stream, void *params, int cooperative) {
  void *list[] = {params};
  if (cooperative) return p_cuLaunchCooperativeKernel(f, gx, gy, 1, threads, 1, 1, shared, stream, list);
  return p_cuLaunchKernel(f, gx, gy, 1, threads, 1, 1, shared, stream, list, NULL);
}

int kg_alloc(kg_ptr *p, size_t n) { return p_cuMemAlloc_v2(p, n); }
int kg_free(kg_ptr p) { return p_cuMemFree_v2(p); }
int kg_host_alloc(void **p, size_t n) { return p_cuMemHostAlloc(p, n, 0); }
int kg_host_free(void *p) { return p_cuMemFreeHost(p); }
int kg_to_device(kg_ptr dst, const void *src, size_t n, kg_handle s) { return p_cuMemcpyHtoDAsync_v2(dst, src, n, s); }
int kg_to_host(void *dst, kg_ptr src, size_t n, kg_handle s) { return p_cuMemcpyDtoHAsync_v2(dst, src, n, s); }
int kg_copy(kg_ptr dst, kg_ptr src, size_t n, kg_handle s) { return p_cuMemcpyDtoDAsync_v2(dst, src, n, s); }
int kg_fill(kg_ptr dst, unsigned char v, size_t n, kg_handle s) { return p_cuMemsetD8Async(dst, v, n, s); }
int kg_wait(kg_handle s) { return p_cuStreamSynchronize(s); }
int kg_event(kg_handle *e) { return p_cuEventCreate(e, 0); }
int kg_event_free(kg_handle e) { return p_cuEventDestroy_v2(e); }
int kg_record(kg_handle e, kg_handle s) { return p_cuEventRecord(e, s); }
int kg_elapsed(kg_handle from, kg_handle to, float *ms) {
  TRY(p_cuEventSynchronize(to));
  return p_cuEventElapsedTime(ms, from, to);
}

int kg_compile(const char *source, const char *name, int n, const char **options, char **cubin, size_t *size, char **log) {
  void *program = NULL;
  *cubin = *log = NULL;
  int e = p_nvrtcCreateProgram(&program, source, name, 0, NULL, NULL);
  if (e) return e;
  e = p_nvrtcCompileProgram(program, n, options);
  size_t logsize = 0;
  if (e) {
    if (!p_nvrtcGetProgramLogSize(program, &logsize) && logsize && (*log = malloc(logsize + 1))) {
      p_nvrtcGetProgramLog(program, *log);
      (*log)[logsize] = 0;
    }
  } else if (!(e = p_nvrtcGetCUBINSize(program, size)) && *size) {
    if ((*cubin = malloc(*size))) e = p_nvrtcGetCUBIN(program, *cubin);
  } else if (!e && !(e = p_nvrtcGetPTXSize(program, size)) && (*cubin = malloc(*size))) { // a virtual architecture
    e = p_nvrtcGetPTX(program, *cubin);
  }
  p_nvrtcDestroyProgram(&program);
  return e;
}

int kg_nvrtc_version(void) {
  int major, minor;
  if (!nvrtc_ready || p_nvrtcVersion(&major, &minor)) return 0;
  return major * 100 + minor;
}
