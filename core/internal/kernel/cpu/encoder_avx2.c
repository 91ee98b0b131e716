//go:build torch

#include "simd.h"
#ifdef KC_X86
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#define VL 8
#define MR 4
#define NV 2
#define OPS ke_rowops_avx2
#include "encoder_rows.h"
#pragma GCC pop_options
#endif
