//go:build torch

#include "ops.h"
#include "detect.h"
#include "simd.h"
#if KC_X86
#define FOR FOR_AVX2
#define NAME(f) f##_avx2
#define LANES 8
#define SUMS 8
#include "ops.inc.h"

static const kc_ops all_of_them = {norm_avx2, activate_avx2, add_avx2, scale_avx2, pack_avx2, rotate_avx2, store_avx2, attend_avx2, NULL, down_avx2, up_avx2};

const kc_ops *kc_ops_avx2(void) { return &all_of_them; }
#endif
