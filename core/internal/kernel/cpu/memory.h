#pragma once
#include <stddef.h>

// kc_memory gives bytes of memory, zero, aligned to a page, in large pages where the system has them; NULL when there is none.
void *kc_memory(size_t bytes);
void kc_memory_free(void *p, size_t bytes);

// kc_memory_held is what bytes bytes take: whole pages.
size_t kc_memory_held(size_t bytes);
