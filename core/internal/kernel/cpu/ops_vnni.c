//go:build torch

#include "ops.h"
#include "detect.h"
#include "simd.h"
#if KC_X86
#define FOR FOR_VNNI
#define NAME(f) f##_vnni
#define LANES 16
#define SUMS 16
#include "ops.inc.h"

static const kc_ops all_of_them = {norm_vnni, activate_vnni, add_vnni, scale_vnni, pack_vnni, rotate_vnni, store_vnni, attend_vnni, NULL, down_vnni, up_vnni};

const kc_ops *kc_ops_vnni(void) { return &all_of_them; }
#endif
