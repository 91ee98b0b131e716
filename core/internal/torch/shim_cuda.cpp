//go:build torch

#include "shim_cuda.h"
#include "shim_error.h"
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <atomic>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <immintrin.h>

extern "C" {

int kk_init_cuda(void) {
  TRY(at::globalContext().lazyInitDevice(at::kCUDA); return 0;, -1)
}

kk_tensor kk_over(uint64_t ptr, int64_t *dims, int64_t *strides, int n, int dtype, int device) {
  TRY(at::Device d(at::kCUDA, (c10::DeviceIndex)device);
      auto o = at::TensorOptions().dtype((at::ScalarType)dtype).device(d); at::IntArrayRef shape(dims, n);
      if (!strides) return give(at::from_blob((void *)ptr, shape, [](void *) {}, o, d));
      return give(at::for_blob((void *)ptr, shape)
                      .strides(at::IntArrayRef(strides, n))
                      .deleter([](void *) {})
                      .options(o)
                      .target_device(d)
                      .make_tensor());
      , nullptr)
}

int kk_linear_out(kk_tensor y, kk_tensor x, kk_tensor w, kk_tensor b) {
  TRY(if (b) at::addmm_out(T(y), T(b), T(x), T(w).t());
      else at::mm_out(T(y), T(x), T(w).t());
      return 0;, -1)
}

int kk_linear_add(kk_tensor y, kk_tensor x, kk_tensor w, double alpha, double beta) {
  TRY(at::addmm_out(T(y), T(y), T(x), T(w).t(), beta, alpha); return 0;, -1)
}

kk_tensor kk_linear_float(kk_tensor x, kk_tensor w) {
  TRY(return give(at::mm(T(x), T(w).t(), at::kFloat));, nullptr)
}

kk_tensor kk_flash(kk_tensor qh, kk_tensor kh, kk_tensor vh) {
  TRY(at::Tensor q = T(qh).transpose(1, 2); at::Tensor k = T(kh).transpose(1, 2); at::Tensor v = T(vh).transpose(1, 2);
      at::Tensor o = std::get<0>(at::_flash_attention_forward(q, k, v, std::nullopt, std::nullopt, q.size(1), k.size(1), 0.0, true, false));
      return give(o.contiguous());
      , nullptr)
}

int kk_own_stream(int device) {
  TRY(at::Device d(at::kCUDA, (c10::DeviceIndex)device);
      const auto *g = c10::impl::getDeviceGuardImpl(at::kCUDA);
      g->setDevice(d); g->exchangeStream(g->getNewStream(d)); return 0;, -1)
}

int kk_stream(int device, uint64_t *handle) {
  TRY(const auto *g = c10::impl::getDeviceGuardImpl(at::kCUDA);
      *handle = (uint64_t)g->getStreamNativeHandle(g->getStream(at::Device(at::kCUDA, (c10::DeviceIndex)device)));
      return 0;, -1)
}

#pragma GCC push_options
#pragma GCC optimize("O3")
__attribute__((target("avx2"))) static int64_t sum_avx2(const char *p, int64_t n) {
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (int64_t i = 0; i + 128 <= n; i += 128) {
    a = _mm256_add_epi64(a, _mm256_loadu_si256((const __m256i *)(p + i)));
    b = _mm256_add_epi64(b, _mm256_loadu_si256((const __m256i *)(p + i + 32)));
    c = _mm256_add_epi64(c, _mm256_loadu_si256((const __m256i *)(p + i + 64)));
    d = _mm256_add_epi64(d, _mm256_loadu_si256((const __m256i *)(p + i + 96)));
  }
  a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
  return _mm256_extract_epi64(a, 0) + _mm256_extract_epi64(a, 1) + _mm256_extract_epi64(a, 2) + _mm256_extract_epi64(a, 3);
}
static int64_t sum_plain(const char *p, int64_t n) {
  int64_t s = 0;
  for (int64_t i = 0; i + 8 <= n; i += 8) {
    int64_t v;
    memcpy(&v, p + i, 8);
    s += v;
  }
  return s;
}
#pragma GCC pop_options

int64_t kk_read_all(const void *data, int64_t n) {
  std::atomic<int64_t> sum{0};
  bool wide = __builtin_cpu_supports("avx2");
  int64_t threads = std::max(1, at::get_num_threads());
  at::parallel_for(0, n, (n + threads - 1) / threads, [&](int64_t lo, int64_t hi) {
    sum += wide ? sum_avx2((const char *)data + lo, hi - lo) : sum_plain((const char *)data + lo, hi - lo);
  });
  return sum;
}
}
