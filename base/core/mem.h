/* mem.h - the one door to the heap.
 *
 * Nothing outside base/core calls malloc, so a test can make the n-th allocation fail (mem_fault_after) and check that
 * nothing is outstanding afterwards (mem_outstanding).  Libraries with allocator hooks (cJSON, SQLite) are pointed here
 * by their wrappers where a fault test needs it. Thread: the functions are safe from any thread; the fault countdown is
 * for single-threaded tests. */
#ifndef TRIMTAB_BASE_CORE_MEM_H
#define TRIMTAB_BASE_CORE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n * size bytes, zeroed; NULL when out of memory or when n * size overflows.  n = 0 gives a valid pointer. */
void *mem_alloc(size_t n, size_t size);
/* Like realloc on n * size bytes, new bytes not zeroed; on NULL the old block stays. */
void *mem_resize(void *block, size_t n, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
/* NULL is fine. */
void mem_free(void *block);

/* Blocks allocated and not yet freed, process-wide. */
int64_t mem_outstanding(void);
/* The n-th allocation from now (0 = the next) and all later ones fail; negative: never. */
void mem_fault_after(int64_t n);
/* Whether an allocation was refused since the last mem_fault_after(). */
bool mem_fault_tripped(void);

#endif
