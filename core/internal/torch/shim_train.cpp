//go:build torch

#include "shim_train.h"
#include "shim_error.h"
#include "shim_rows.h"
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <malloc.h>

// heads is [1, H, n, D] of one third of qkv [N, H, 3, D], the rows from lo on.
static at::Tensor heads(const at::Tensor &qkv, int which, int64_t lo, int64_t n) {
  return qkv.narrow(0, lo, n).select(2, which).transpose(0, 1).unsqueeze(0);
}

// On CUDA flash attention takes half precision from compute capability 8 on; the other kernel takes the rest.
static bool flash(const at::Tensor &qkv) {
  return qkv.scalar_type() != at::kFloat && kk::flash_here(qkv.get_device(), qkv.size(3));
}

static int64_t longest(const int64_t *first, int64_t n) {
  int64_t most = 0;
  for (int64_t i = 0; i < n; i++) most = std::max(most, first[i + 1] - first[i]);
  return most;
}

// Sums in one order, so that a run that was resumed gives the same bits. (Filling fresh memory with NaN, which belongs to the same switch,
// would only cost.)
struct InOrder {
  at::Context &c = at::globalContext();
  bool on = c.deterministicAlgorithms(), warn = c.deterministicAlgorithmsWarnOnly(), fill = c.deterministicFillUninitializedMemory();
  InOrder() { c.setDeterministicAlgorithms(true, false); c.setDeterministicFillUninitializedMemory(false); }
  ~InOrder() { c.setDeterministicAlgorithms(on, warn); c.setDeterministicFillUninitializedMemory(fill); }
};

static void attend(const at::Tensor &x, const int64_t *first, int64_t n, const at::Tensor &cu, kk_tensor *out) {
  int64_t rows = x.size(0), h = x.size(1), d = x.size(3);
  if (x.is_cpu()) {
    at::Tensor o = at::empty({rows, h, d}, x.options());
    at::Tensor lse = at::empty({rows, h}, x.options().dtype(at::kFloat));
    for (int64_t i = 0; i < n; i++) {
      int64_t lo = first[i], t = first[i + 1] - lo;
      auto r = at::_scaled_dot_product_flash_attention_for_cpu(heads(x, 0, lo, t), heads(x, 1, lo, t), heads(x, 2, lo, t), 0.0, true);
      o.narrow(0, lo, t).copy_(std::get<0>(r).squeeze(0).transpose(0, 1));
      lse.narrow(0, lo, t).copy_(std::get<1>(r).squeeze(0).transpose(0, 1)); // [1, H, T] -> [T, H]
    }
    out[0] = give(o.view({rows, h * d}));
    out[1] = give(lse);
    return;
  }
  at::Tensor q = x.select(2, 0), k = x.select(2, 1), v = x.select(2, 2);
  std::optional<at::Tensor> c = cu;
  int64_t most = longest(first, n);
  if (flash(x)) {
    auto r = at::_flash_attention_forward(q, k, v, c, c, most, most, 0.0, true, false);
    out[0] = give(std::get<0>(r).view({rows, h * d}));
    out[1] = give(std::get<1>(r));
    return;
  }
  auto r = at::_efficient_attention_forward(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), std::nullopt, c, c, most, most, 0.0, 1, true);
  out[0] = give(std::get<0>(r).reshape({rows, h * d}));
  out[1] = give(std::get<1>(r));
}

static std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_back(const at::Tensor &go, const at::Tensor &x, const at::Tensor &oh, const at::Tensor &lse,
                                                                 const int64_t *first, int64_t n, const at::Tensor &cu) {
  at::Tensor dO = go.view({x.size(0), x.size(1), x.size(3)}), o = oh.view(dO.sizes());
  at::Tensor none = at::empty({0}, x.options().dtype(at::kLong));
  int64_t most = longest(first, n);
  InOrder guard;
  return at::_flash_attention_backward(dO, x.select(2, 0), x.select(2, 1), x.select(2, 2), o, lse, cu, cu, most, most, 0.0, true, none, none);
}

static at::Tensor attend_back(const at::Tensor &go, const at::Tensor &x, const at::Tensor &oh, const at::Tensor &lse, const int64_t *first,
                              int64_t n, const at::Tensor &cu) {
  int64_t rows = x.size(0), h = x.size(1), d = x.size(3);
  at::Tensor dO = go.view({rows, h, d}), o = oh.view({rows, h, d});
  at::Tensor dx = at::empty_like(x, at::MemoryFormat::Contiguous);
  if (x.is_cpu()) {
    auto part = [](const at::Tensor &t, int64_t lo, int64_t n) { return t.narrow(0, lo, n).transpose(0, 1).unsqueeze(0); };
    for (int64_t i = 0; i < n; i++) {
      int64_t lo = first[i], t = first[i + 1] - lo;
      at::Tensor l = lse.narrow(0, lo, t).transpose(0, 1).unsqueeze(0); // [1, H, T]
      auto r = at::_scaled_dot_product_flash_attention_for_cpu_backward(part(dO, lo, t), heads(x, 0, lo, t), heads(x, 1, lo, t),
                                                                        heads(x, 2, lo, t), part(o, lo, t), l, 0.0, true);
      heads(dx, 0, lo, t).copy_(std::get<0>(r));
      heads(dx, 1, lo, t).copy_(std::get<1>(r));
      heads(dx, 2, lo, t).copy_(std::get<2>(r));
    }
    return dx;
  }
  at::Tensor q = x.select(2, 0), k = x.select(2, 1), v = x.select(2, 2);
  int64_t most = longest(first, n);
  auto put = [&](const at::Tensor &dq, const at::Tensor &dk, const at::Tensor &dv) {
    dx.select(2, 0).copy_(dq);
    dx.select(2, 1).copy_(dk);
    dx.select(2, 2).copy_(dv);
  };
  if (flash(x)) {
    auto r = flash_back(go, x, oh, lse, first, n, cu);
    put(std::get<0>(r), std::get<1>(r), std::get<2>(r));
    return dx;
  }
  at::Tensor zero = at::zeros({}, at::TensorOptions().dtype(at::kLong));
  InOrder guard;
  auto r = at::_efficient_attention_backward(dO.unsqueeze(0), q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), std::nullopt,
                                             o.unsqueeze(0), cu, cu, most, most, lse, 0.0, zero, zero, 1, false);
  put(std::get<0>(r)[0], std::get<1>(r)[0], std::get<2>(r)[0]);
  return dx;
}

extern "C" {

int kk_norm(kk_tensor x, kk_tensor w, kk_tensor b, double eps, kk_tensor *out) {
  TRY(auto r = at::native_layer_norm(T(x), {T(x).size(-1)}, T(w), T(b), eps);
      out[0] = give(std::get<0>(r)); out[1] = give(std::get<1>(r)); out[2] = give(std::get<2>(r)); return 0;, -1)
}

kk_tensor kk_norm_back(kk_tensor dy, kk_tensor x, kk_tensor mean, kk_tensor rstd, kk_tensor w, kk_tensor b) {
  TRY(return give(std::get<0>(at::native_layer_norm_backward(T(dy), T(x), {T(x).size(-1)}, T(mean), T(rstd), T(w), T(b),
                                                             {true, false, false})));, nullptr)
}

kk_tensor kk_act_back(kk_tensor dy, kk_tensor x, int kind) {
  TRY(switch (kind) {
        case 0: return give(at::gelu_backward(T(dy), T(x), "none"));
        case 1: return give(at::gelu_backward(T(dy), T(x), "tanh"));
        case 2: return give(at::threshold_backward(T(dy), T(x), 0));
        case 3: return give(at::silu_backward(T(dy), T(x)));
      }
      TORCH_CHECK(false, "activation ", kind);, nullptr)
}

int kk_attend(kk_tensor qkv, const int64_t *first, int64_t n, kk_tensor cu, kk_tensor *out) {
  TRY(attend(T(qkv), first, n, T(cu), out); return 0;, -1)
}

kk_tensor kk_attend_back(kk_tensor d_o, kk_tensor qkv, kk_tensor o, kk_tensor lse, const int64_t *first, int64_t n, kk_tensor cu) {
  TRY(return give(attend_back(T(d_o), T(qkv), T(o), T(lse), first, n, T(cu)));, nullptr)
}

int kk_attend_back_parts(kk_tensor d_o, kk_tensor qkv, kk_tensor o, kk_tensor lse, const int64_t *first, int64_t n, kk_tensor cu, kk_tensor *out) {
  TRY(auto r = flash_back(T(d_o), T(qkv), T(o), T(lse), first, n, T(cu));
      out[0] = give(std::get<0>(r)); out[1] = give(std::get<1>(r)); out[2] = give(std::get<2>(r)); return 0;, -1)
}

void kk_trim(void) { malloc_trim(0); }

void kk_map_blocks(int on) {
  mallopt(M_MMAP_THRESHOLD, on ? 1 << 20 : 32 << 20); // 32 MiB is where glibc's own, growing bound ends (malloc.c, DEFAULT_MMAP_THRESHOLD_MAX)
  mallopt(M_TRIM_THRESHOLD, 64 << 20);                // twice that, as glibc keeps it
}

int kk_attends_flash(kk_tensor qkv) { return !T(qkv).is_cpu() && flash(T(qkv)); }

kk_tensor kk_pinned(int64_t n) { TRY(return give(at::empty({n}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true)));, nullptr) }

// With q and k of a head as [x1, x2, rest], x1 and x2 of R/2 each: x1' = x1 cos - x2 sin, x2' = x2 cos + x1 sin (arXiv 2104.09864), in
// place and in few passes.
int kk_turn_(kk_tensor xh, kk_tensor ch, kk_tensor sh) {
  TRY(const at::Tensor &c = T(ch); const at::Tensor &s = T(sh); int64_t half = c.size(-1); at::Tensor both = T(xh).narrow(2, 0, 2);
      at::Tensor x1 = both.narrow(-1, 0, half); at::Tensor x2 = both.narrow(-1, half, half); at::Tensor y1 = x1 * c; y1.addcmul_(x2, s, -1);
      x2.mul_(c); x2.addcmul_(x1, s); x1.copy_(y1); return 0;, -1)
}

// A GPU's generator counts from its seed, the same for any two calls of one shape; a CPU's is made for the call.
int kk_dropout(kk_tensor xh, double p, uint64_t seed, kk_tensor *out) {
  TRY(const at::Tensor &x = T(xh);
      if (!x.is_cpu()) {
        at::Generator g = at::globalContext().defaultGenerator(x.device());
        { std::lock_guard<std::mutex> lock(g.mutex()); g.set_current_seed(seed); }
        auto r = at::native_dropout(x, p, true);
        out[0] = give(std::get<0>(r)); out[1] = give(std::get<1>(r));
        return 0;
      }
      at::Generator g = at::make_generator<at::CPUGeneratorImpl>(seed);
      at::Tensor mask = at::empty(x.sizes(), x.options().dtype(at::kBool)); mask.bernoulli_(1 - p, g);
      out[0] = give(at::native_dropout_backward(x, mask, 1 / (1 - p))); out[1] = give(mask); return 0;, -1)
}

kk_tensor kk_masked(kk_tensor dy, kk_tensor mask, double scale) {
  TRY(return give(at::native_dropout_backward(T(dy), T(mask), scale));, nullptr)
}

int kk_product_add(kk_tensor yh, kk_tensor a, kk_tensor b, double alpha) {
  TRY(at::Tensor &y = T(yh);
      if (y.scalar_type() == T(a).scalar_type()) y.addmm_(T(a), T(b), 1, alpha);
      else if (y.is_cpu()) y.addmm_(T(a).to(y.scalar_type()), T(b).to(y.scalar_type()), 1, alpha);
      else y.add_(at::mm(T(a), T(b), y.scalar_type()), alpha);
      return 0;, -1)
}

int kk_cross_entropy(kk_tensor lh, kk_tensor th, kk_tensor *out) {
  TRY(at::Tensor p = at::_log_softmax(T(lh), 1, false); at::Tensor at_target = T(th).unsqueeze(1);
      at::Tensor loss = p.gather(1, at_target).sum(at::kFloat).neg().reshape({1}); p.exp_();
      p.scatter_add_(1, at_target, at::full(at_target.sizes(), -1.0, p.options())); out[0] = give(loss); out[1] = give(p); return 0;, -1)
}

kk_tensor kk_wide_product(kk_tensor xh, kk_tensor wh) {
  TRY(const at::Tensor &x = T(xh); const at::Tensor &w = T(wh);
      if (x.scalar_type() == at::kFloat) return give(at::mm(x, w.t()));
      if (x.is_cpu()) return give(at::mm(x.to(at::kFloat), w.to(at::kFloat).t()));
      return give(at::mm(x, w.t(), at::kFloat));, nullptr)
}

int kk_scale_(kk_tensor x, double f) { TRY(T(x).mul_(f); return 0;, -1) }

int kk_put_rows(kk_tensor dst, kk_tensor index, kk_tensor src) {
  TRY(T(dst).index_copy_(0, T(index), T(src)); return 0;, -1)
}
}
