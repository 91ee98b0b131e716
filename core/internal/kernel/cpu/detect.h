// What this processor and this system let us use.
#pragma once

enum { KC_PLAIN, KC_AVX2, KC_VNNI, KC_AMX };

typedef struct {
  int avx2, avxvnni, avx512, vnni, bf16, vbmi, amx; // avx2: with FMA, F16C; avx512: F, BW, DQ, VL; amx: tiles with BF16 and INT8, granted
} kc_features;

kc_features kc_detect(void); // looks once, then remembers; asks the system for the tile unit
int kc_set(void);            // the best set of kernels, lowered by kc_lower
void kc_lower(int set);      // kernels above set are not used from now on; -1 takes it back. Not while kernels run.
void kc_without_vbmi(int without); // for tests: VNNI's kernels as on processors without AVX-512 VBMI. Not while kernels run.
