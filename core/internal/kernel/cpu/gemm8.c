//go:build torch

#include "gemm8.h"
#include "detect.h"
#include "simd.h"

typedef struct {
  ke_product run;
  const char *name;
} choice;

static choice choose(int kind, int set) {
#ifdef KC_X86
  kc_features f = kc_detect();
  if (kind == KE_INT8) {
    if (set >= KC_AMX && f.amx) return (choice){ke_i8_amx, "AMX int8"};
    if (set >= KC_VNNI && f.vnni) return (choice){ke_i8_vnni, "AVX-512 VNNI"};
    if (set >= KC_AVX2 && f.avxvnni && !f.vnni) return (choice){ke_i8_avxvnni, "AVX-VNNI"};
    if (set >= KC_AVX2 && f.avx2) return (choice){ke_i8_avx2, "AVX2"};
  } else {
    if (set >= KC_AMX && f.amx) return (choice){ke_bf16_amx, "AMX bf16"};
    if (set >= KC_VNNI && f.bf16) return (choice){ke_bf16_dot, "AVX-512 BF16"};
    if (set >= KC_VNNI && f.vnni) return (choice){ke_bf16_fma512, "AVX-512"};
    if (set >= KC_AVX2 && f.avx2) return (choice){ke_bf16_avx2, "AVX2"};
  }
#endif
  return kind == KE_INT8 ? (choice){ke_i8_plain, "plain C"} : (choice){ke_bf16_plain, "plain C"};
}

ke_product ke_product_of(int kind, int set) { return choose(kind, set).run; }
const char *ke_product_name(int kind, int set) { return choose(kind, set).name; }

int64_t ke_row_bytes(int kind, int k) {
  int64_t bytes = (int64_t)k * (kind == KE_INT8 ? 1 : 2);
  return (bytes + ke_step - 1) / ke_step * ke_step;
}

void ke_pack(int kind, const float *w, int n, int k, int64_t row, void *dst, float *scale, int32_t *sum) {
  for (int o = 0; o < n; o++) {
    const float *x = w + (int64_t)o * k;
    char *panel = (char *)dst + (int64_t)(o / ke_panel) * row * ke_panel;
    int lane = o % ke_panel;
    if (kind == KE_BF16) {
      for (int i = 0; i < k; i++) ((kc_bf16 *)panel)[i / 2 * 32 + lane * 2 + i % 2] = kc_to_bf16(x[i]);
      continue;
    }
    float most = 0;
    for (int i = 0; i < k; i++) most = fmaxf(most, fabsf(x[i]));
    float s = most / 127, by = s > 0 ? 1 / s : 0;
    int32_t total = 0;
    for (int i = 0; i < k; i++) {
      int q = (int)lrintf(x[i] * by);
      q = q > 127 ? 127 : q < -127 ? -127 : q;
      total += q;
      ((int8_t *)panel)[i / 4 * 64 + lane * 4 + i % 4] = (int8_t)q;
    }
    scale[o] = s;
    sum[o] = total;
  }
}

void ke_product_once(int kind, int set, const void *a, int64_t row, int rows, const void *w, int panels, void *c) {
  ke_tiles_on(set);
  ke_product_of(kind, set)(a, row, rows, w, row, panels, c, panels * ke_panel);
  ke_tiles_off(set);
}

int ke_product_half(int emulated, const void *a, int64_t row, int rows, const void *w, int panels, void *c) {
#ifdef KC_X86
  const kc_features f = kc_detect();
  if (emulated ? !f.avx2 : !f.avxvnni) return 0;
  (emulated ? ke_i8_emulated : ke_i8_avxvnni)(a, row, rows, w, row, panels, c, panels * ke_panel);
  return 1;
#else
  return 0;
#endif
}
