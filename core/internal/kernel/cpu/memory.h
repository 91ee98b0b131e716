#pragma once
#include <stddef.h>

// kc_alloc gives bytes of memory, zero, aligned to a page, in large pages where the system has them; NULL when there is none.
void *kc_alloc(size_t bytes);
void kc_release(void *p, size_t bytes);
