//go:build torch

#include "shim.h"
#include "shim_error.h"
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/GradMode.h>
#include <atomic>
#include <dlfcn.h>
#include <omp.h>
#include <string>
#include <thread>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include "shim_lanes.h"
#include "shim_linear.h"
#include "shim_rows.h"

// One error text per thread.
static thread_local std::string *last;

void kk_remember(const char *text) {
  delete last;
  last = new std::string(text);
}

static at::Device device_of(int d) {
  return d < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, (c10::DeviceIndex)d);
}

// OpenMP's threads spin for milliseconds at the end of every parallel loop, which makes a token ten times
// slower as soon as another program wants a core (measured: 25 ms -> 300 ms). GNU's library spins only
// briefly once it manages more threads than there are processors, so a second, idle team is kept for that.
// (GOMP_SPINCOUNT would do the same, but is read before main.)
static void be_patient() {
  static bool once = [] {
    std::thread([] {
      std::atomic<int> team{0}; // an empty loop would be compiled away
#pragma omp parallel num_threads(omp_get_num_procs() + 1)
      team++;
      for (;;) pause();
    }).detach();
    return true;
  }();
  (void)once;
}

extern "C" {

char *kk_error(void) {
  if (!last) return nullptr;
  char *p = strdup(last->c_str());
  delete last;
  last = nullptr;
  return p;
}

kk_tensor kk_from_blob(void *data, int64_t *dims, int n, int dtype) {
  TRY(return give(at::from_blob(data, at::IntArrayRef(dims, n),
                                at::TensorOptions().dtype((at::ScalarType)dtype)));
      , nullptr)
}

kk_tensor kk_empty(int64_t *dims, int n, int dtype, int device) {
  TRY(return give(at::empty(at::IntArrayRef(dims, n), at::TensorOptions()
                                                          .dtype((at::ScalarType)dtype)
                                                          .device(device_of(device))));
      , nullptr)
}

kk_tensor kk_to(kk_tensor t, int dtype, int device, int copy) {
  TRY(return give(T(t).to(device_of(device), (at::ScalarType)dtype, false, copy != 0));, nullptr)
}

int kk_copy_(kk_tensor dst, kk_tensor src, int non_blocking) {
  TRY(T(dst).copy_(T(src), non_blocking != 0); return 0;, -1)
}

int kk_read_f32(kk_tensor t, float *dst, int64_t n) {
  TRY(at::Tensor c = T(t).to(at::kCPU, at::kFloat).contiguous();
      TORCH_CHECK(c.numel() == n, "read of ", n, " elements from a tensor of ", c.numel());
      memcpy(dst, c.const_data_ptr<float>(), n * sizeof(float)); return 0;, -1)
}

int kk_device(kk_tensor t) { return T(t).is_cuda() ? T(t).get_device() : -1; }

static bool small_linear = true;
void kk_small_linear(int on) { small_linear = on != 0; }

// Whether libtorch multiplies matrices of w's type one number at a time on this processor: over 100 times
// slower than in fp32, so that rounding a copy of the weights to fp32 and back is the smaller cost.
static bool slow_product(const at::Tensor &w) {
  if (!w.device().is_cpu()) return false;
  if (w.scalar_type() == at::kHalf) return true;
  return w.scalar_type() == at::kBFloat16 && !__builtin_cpu_supports("avx512bf16");
}

static at::Tensor linear_of(const at::Tensor &x, const at::Tensor &w, const at::Tensor *b) {
  if (small_linear && kk::can_small_linear(x, w, kk::max_rows)) return kk::small_linear(x, w, b);
  if (slow_product(w)) {
    at::Tensor y = at::linear(x.to(at::kFloat), w.to(at::kFloat),
                              b ? std::optional<at::Tensor>(b->to(at::kFloat)) : std::nullopt);
    return y.to(w.scalar_type());
  }
  return b ? at::linear(x, w, *b) : at::linear(x, w);
}

kk_tensor kk_linear(kk_tensor x, kk_tensor w, kk_tensor b) {
  TRY(return give(linear_of(T(x), T(w), b ? &T(b) : nullptr));, nullptr)
}

kk_tensor kk_linear_rows(kk_tensor xh, kk_tensor wh, kk_tensor bh) {
  TRY(const at::Tensor &x = T(xh); const at::Tensor &w = T(wh); const at::Tensor *b = bh ? &T(bh) : nullptr;
      if (small_linear && kk::can_small_linear(x, w, INT64_MAX)) return give(kk::small_linear(x, w, b));
      auto shape = x.sizes().vec(); shape.back() = w.size(0);
      at::Tensor rows = x.reshape({-1, 1, w.size(1)}); std::vector<at::Tensor> out;
      for (int64_t i = 0; i < rows.size(0); i++) out.push_back(linear_of(rows[i], w, b));
      return give(at::cat(out).reshape(shape));, nullptr)
}

kk_tensor kk_lanes(kk_tensor qkv, kk_tensor keys, kk_tensor values, const int64_t *rows, const int64_t *slots, int64_t n) {
  TRY(TORCH_CHECK(T(qkv).size(0) == n, "lanes: ", n, " places for ", T(qkv).sizes());
      return give(kk::lanes_attention(T(qkv), T(keys), T(values), rows, slots));, nullptr)
}

kk_tensor kk_sdpa(kk_tensor q, kk_tensor k, kk_tensor v, kk_tensor mask, int causal) {
  TRY(return give(at::scaled_dot_product_attention(
                 T(q), T(k), T(v), mask ? std::optional<at::Tensor>(T(mask)) : std::nullopt, 0.0,
                 causal != 0));
      , nullptr)
}

kk_tensor kk_attention_rows(kk_tensor xh, kk_tensor ch, int64_t longest, int heads) {
  TRY(int64_t n = T(xh).size(0); int64_t h = T(xh).size(1) / 3; at::Tensor x = T(xh).view({n, 3, heads, h / heads});
      at::Tensor q = x.select(1, 0); at::Tensor k = x.select(1, 1); at::Tensor v = x.select(1, 2);
      std::optional<at::Tensor> cu = T(ch); bool half = x.scalar_type() != at::kFloat;
      // Flash attention is for half precision from compute capability 8 on; the other kernel is for all.
      if (half && kk::flash_here(x.get_device(), h / heads)) return give(
          std::get<0>(at::_flash_attention_forward(q, k, v, cu, cu, longest, longest, 0.0, false, false)).view({n, h}));
      auto one = [](const at::Tensor &t) { return t.unsqueeze(0); };
      return give(std::get<0>(at::_efficient_attention_forward(one(q), one(k), one(v), std::nullopt, cu, cu, longest,
                                                               longest, 0.0, 0)).reshape({n, h}));, nullptr)
}

kk_tensor kk_mean_rows(kk_tensor x, kk_tensor index, kk_tensor offsets) {
  TRY(return give(std::get<0>(at::embedding_bag(T(x).to(at::kFloat), T(index), T(offsets), false, 1)));, nullptr)
}

kk_tensor kk_gelu(kk_tensor x, int tanh_approximation) {
  TRY(return give(at::gelu(T(x), tanh_approximation ? "tanh" : "none"));, nullptr)
}

// With x = [x1, x2, rest], x1 and x2 of R/2 each: x1' = x1 cos - x2 sin, x2' = x2 cos + x1 sin
// (RoFormer, arXiv 2104.09864, in the rotate-half form of GPT-NeoX).
int kk_rotary_(kk_tensor xh, kk_tensor ch, kk_tensor sh) {
  TRY(const at::Tensor &c = T(ch); const at::Tensor &s = T(sh); int64_t half = c.size(-1);
      at::Tensor x1 = T(xh).narrow(-1, 0, half); at::Tensor x2 = T(xh).narrow(-1, half, half);
      at::Tensor y1 = x1 * c; y1.sub_(x2 * s); at::Tensor y2 = x2 * c; y2.add_(x1 * s);
      x1.copy_(y1); x2.copy_(y2); return 0;, -1)
}

// [t, s] of 0 where query i (at position past+i) may look at key j, -inf elsewhere.
kk_tensor kk_causal_mask(int64_t t, int64_t s, int64_t past, int dtype, int device) {
  TRY(at::Tensor m = at::full({t, s}, -INFINITY, at::TensorOptions()
                                                     .dtype((at::ScalarType)dtype)
                                                     .device(device_of(device)));
      return give(m.triu_(past + 1));, nullptr)
}

void kk_seed(int64_t seed) {
  try { at::manual_seed(seed); } catch (...) { }
}
// MKL chooses its vector functions for the processor at their first call, and not safely: where two threads share that call, one of
// them now and then took another exp, whose last bits differ (1 process in 80; found by two runs of one training that differed). So the
// first call is made here, with one number, which one thread does alone.
void kk_first_calls(void) {
  try {
    at::NoGradGuard none;
    for (at::ScalarType t : {at::kFloat, at::kDouble}) {
      at::Tensor x = at::full({1}, 0.5, t);
      for (auto f : {at::exp, at::log, at::log2, at::log10, at::sqrt, at::sin, at::cos, at::tan, at::tanh, at::asin, at::acos, at::atan,
                     at::erf, at::erfc, at::special_erfinv, at::trunc})
        f(x);
      at::Tensor two = at::full({2, 2}, 0.5, t);
      at::mm(two, two);
    }
    at::empty({1}, at::kBool).bernoulli_(0.5, at::make_generator<at::CPUGeneratorImpl>(1));
  } catch (...) { // whatever fails here is told by the call that needs it
  }
}
void kk_set_threads(int n) {
  try { at::set_num_threads(n); } catch (...) { }
  be_patient();
}
int kk_threads(void) { return at::get_num_threads(); }
void kk_grad_off(void) { c10::GradMode::set_enabled(false); }

const char *kk_version(void) { return TORCH_VERSION; }

char *kk_library(void) {
  Dl_info info;
  at::Tensor (*inside)(const at::Tensor &, const at::Tensor &) = &at::mm;
  // A function of libtorch_cpu: mm is only a header inline in some builds, so ask for a real symbol.
  void *symbol = dlsym(RTLD_DEFAULT, "_ZN2at4_ops2mm4callERKNS_6TensorES4_");
  if (!dladdr(symbol ? symbol : (void *)inside, &info) || !info.dli_fname) return strdup("");
  return strdup(info.dli_fname);
}

char *kk_driver(int *count) {
  *count = 0;
  void *h = dlopen("libcuda.so.1", RTLD_NOW);
  if (!h) return strdup("no NVIDIA driver (libcuda.so.1) on this machine");
  auto init = (int (*)(unsigned))dlsym(h, "cuInit");
  auto number = (int (*)(int *))dlsym(h, "cuDeviceGetCount");
  if (!init || !number) return strdup("libcuda.so.1 lacks cuInit");
  if (int r = init(0)) return strdup(("the NVIDIA driver answers error " + std::to_string(r)).c_str());
  if (int r = number(count)) return strdup(("cuDeviceGetCount answers error " + std::to_string(r)).c_str());
  if (*count == 0) return strdup("the NVIDIA driver sees no GPU");
  return nullptr;
}

char *kk_load_cuda(const char *path) {
  if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL)) return strdup(dlerror());
  return nullptr;
}

int kk_tf32(int on) {
  TRY(at::globalContext().setAllowTF32CuBLAS(on != 0);
      at::globalContext().setAllowTF32CuDNN(on != 0); return 0;, -1)
}

int kk_cuda_memory(int device, int64_t *o) {
  TRY(auto *a = at::getDeviceAllocator(at::kCUDA);
      auto s = a->getDeviceStats((c10::DeviceIndex)device); o[0] = s.allocated_bytes[0].current;
      o[1] = s.allocated_bytes[0].peak; o[2] = s.reserved_bytes[0].current;
      o[3] = s.num_alloc_retries; auto m = a->getMemoryInfo((c10::DeviceIndex)device);
      o[4] = (int64_t)m.first; o[5] = (int64_t)m.second; return 0;, -1)
}

int kk_cuda_reset_peak(int device) {
  TRY(at::getDeviceAllocator(at::kCUDA)->resetPeakStats((c10::DeviceIndex)device); return 0;, -1)
}

void kk_empty_cache(void) {
  try { at::getDeviceAllocator(at::kCUDA)->emptyCache(); } catch (...) { }
}
}
