#include "base/core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t outstanding;
static _Atomic int64_t fault_countdown = -1;
static _Atomic bool fault_tripped;

static bool refused(void)
{
    int64_t left = atomic_load_explicit(&fault_countdown, memory_order_relaxed);
    if (left < 0)
        return false;
    if (left > 0) {
        atomic_fetch_sub(&fault_countdown, 1);
        return false;
    }
    atomic_store(&fault_tripped, true);
    return true;
}

void *mem_alloc(size_t n, size_t size)
{
    if (refused())
        return NULL;
    void *block = calloc(n > 0 ? n : 1, size > 0 ? size : 1);
    if (block != NULL)
        atomic_fetch_add_explicit(&outstanding, 1, memory_order_relaxed);
    return block;
}

void *mem_resize(void *block, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || refused())
        return NULL;
    void *moved = realloc(block, bytes > 0 ? bytes : 1);
    if (moved != NULL && block == NULL)
        atomic_fetch_add_explicit(&outstanding, 1, memory_order_relaxed);
    return moved;
}

char *mem_strndup(const char *text, size_t length)
{
    char *copy = mem_alloc(length + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void mem_free(void *block)
{
    if (block != NULL)
        atomic_fetch_sub_explicit(&outstanding, 1, memory_order_relaxed);
    free(block);
}

int64_t mem_outstanding(void)
{
    return atomic_load(&outstanding);
}

void mem_fault_after(int64_t n)
{
    atomic_store(&fault_tripped, false);
    atomic_store(&fault_countdown, n);
}

bool mem_fault_tripped(void)
{
    return atomic_load(&fault_tripped);
}
