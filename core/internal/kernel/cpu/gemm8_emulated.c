//go:build torch

// The products of gemm8_avxvnni.c by AVX2 alone, for tests.
#define KC_EMULATED
#include "gemm8_avxvnni.c"
