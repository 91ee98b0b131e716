//go:build torch

#include "ops.h"
#include "detect.h"
#include "simd.h"

const kc_ops *kc_ops_plain(void), *kc_ops_avx2(void), *kc_ops_vnni(void), *kc_ops_amx(void);

const kc_ops *kc_ops_of(int set) {
#if KC_X86
  if (set == KC_AMX) return kc_ops_amx();
  if (set == KC_VNNI) return kc_ops_vnni();
  if (set == KC_AVX2) return kc_ops_avx2();
#endif
  return kc_ops_plain();
}

size_t kc_attend_bytes(int64_t d) { return (size_t)(16 * d * (4 + 2) + 16 * KC_KEYS * (4 + 2)); }

void kc_pack(int set, kc_act *x, int64_t t, int64_t from, const float *v, int64_t n) { kc_ops_of(set)->pack(x, t, from, v, n); }
