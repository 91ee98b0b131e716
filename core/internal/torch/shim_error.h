// What every C++ file of the shim shares: handles, and errors as texts of the thread.
#pragma once
#include <ATen/ATen.h>

// kk_remember keeps the text of this thread's last error for kk_error.
void kk_remember(const char *text);

// what_without_backtrace: what() symbolises a C++ backtrace, which takes 6 to 12 ms.
#define TRY(body, fail)                          \
  try {                                          \
    body                                         \
  } catch (const c10::Error &e) {                \
    kk_remember(e.what_without_backtrace());     \
  } catch (const std::exception &e) {            \
    kk_remember(e.what());                       \
  } catch (...) {                                \
    kk_remember("unknown C++ exception");        \
  }                                              \
  return fail;

static inline at::Tensor &T(void *t) { return *(at::Tensor *)t; }
static inline void *give(at::Tensor t) { return new at::Tensor(std::move(t)); }
