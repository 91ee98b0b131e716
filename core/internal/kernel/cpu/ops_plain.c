//go:build torch

#include "ops.h"
#include "detect.h"
#include "simd.h"

#define FOR 
#define NAME(f) f##_plain
#include "ops.inc.h"

static const kc_ops all_of_them = {norm_plain, activate_plain, add_plain, scale_plain, pack_plain, rotate_plain, store_plain, attend_plain, NULL, down_plain, up_plain};

const kc_ops *kc_ops_plain(void) { return &all_of_them; }

