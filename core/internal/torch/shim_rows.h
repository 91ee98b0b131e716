// What decides on the attention within stretches of rows.
#pragma once
#include <dlfcn.h>
#include <stdint.h>

namespace kk {

// flash_here says whether libtorch's flash attention is for this device: compute capability 8 or more (asked of the
// driver: libtorch tells it in CUDA's own headers only), heads of a multiple of 8 and at most 256 numbers.
static bool flash_here(int device, int64_t width) {
  static auto attribute = [] {
    void *h = dlopen("libcuda.so.1", RTLD_NOW);
    return (int (*)(int *, int, int))(h ? dlsym(h, "cuDeviceGetAttribute") : nullptr);
  }();
  const int major_capability = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
  int major = 0;
  if (!attribute || attribute(&major, major_capability, device)) return false;
  return major >= 8 && width % 8 == 0 && width <= 256;
}

} // namespace kk
