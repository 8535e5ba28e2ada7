#include "experiments/http/scorer.h"

#include <pthread.h>
#include <string.h>

#include "base/core/mem.h"

enum { POOL_KEEPS = 64 };

struct scratch_pool {
    struct scorer scorer;
    pthread_mutex_t mutex; /* guards the two below */
    void *free[POOL_KEEPS];
    size_t n_free;
};

bool scorer_find_head(const struct scorer *scorer, const char *name, size_t *ret)
{
    for (size_t h = 0; h < scorer->type->n_heads(scorer->model); h++) {
        if (strcmp(scorer->type->head_name(scorer->model, h), name) == 0) {
            *ret = h;
            return true;
        }
    }
    return false;
}

enum status scratch_pool_new(const struct scorer *scorer, struct scratch_pool **ret, struct err *err)
{
    struct scratch_pool *pool = mem_alloc(1, sizeof *pool);
    if (!pool)
        return err_no_memory(err);
    pool->scorer = *scorer;
    pthread_mutex_init(&pool->mutex, NULL);
    *ret = pool;
    return STATUS_OK;
}

void scratch_pool_free(struct scratch_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->n_free; i++)
        pool->scorer.type->scratch_free(pool->free[i]);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool);
}

enum status scratch_take(struct scratch_pool *pool, void **ret, struct err *err)
{
    void *scratch = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->n_free > 0)
        scratch = pool->free[--pool->n_free];
    pthread_mutex_unlock(&pool->mutex);
    if (!scratch)
        return pool->scorer.type->scratch_new(pool->scorer.model, ret, err);
    *ret = scratch;
    return STATUS_OK;
}

void scratch_give(struct scratch_pool *pool, void *scratch)
{
    pthread_mutex_lock(&pool->mutex);
    bool kept = pool->n_free < POOL_KEEPS;
    if (kept)
        pool->free[pool->n_free++] = scratch;
    pthread_mutex_unlock(&pool->mutex);
    if (!kept)
        pool->scorer.type->scratch_free(scratch);
}
