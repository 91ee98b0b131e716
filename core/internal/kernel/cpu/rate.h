// What bounds the kernels on this machine, measured with the same threads.
#pragma once
#include "neox.h"

enum { KC_READ_WAYS = 8 };

// kc_read_weights reads what one step reads of a model's weights, and does nothing else with it, in one of KC_READ_WAYS ways;
// the bytes it read.
int64_t kc_read_weights(const kc_neox *m, kc_pool *pool, int way);

// kc_multiply has every thread issue multiply-adds of a prompt's products and returns how many there were: tiles of bf16 (AMX), bytes
// (VNNI), 16-bit numbers (AVX2). loads: with the loads that such products cannot do without, from the first-level cache; otherwise on
// registers alone. 0 for plain C.
double kc_multiply(kc_pool *pool, int set, int loads);

// kc_multiplied is the number of such multiply-adds that a prompt's token takes: more than it has weights where activations have two
// bytes.
double kc_multiplied(const kc_neox *m);
