#pragma once
#include "pool.h"

int64_t kc_pool_probe(kc_pool *p, int runs, int phases); // for the pool's test
