//go:build torch

#include "simd.h"
#ifdef KC_X86
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define VL 16
#define MR 6
#define NV 4
#define OPS ke_rowops_vnni
#include "encoder_rows.h"
#pragma GCC pop_options
#endif
