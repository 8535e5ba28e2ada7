/* scorer.h - the model as this layer sees it.
 *
 * A small const struct of functions: the daemon puts ranker/ranker.h behind it, tests put a few lines of arithmetic
 * there.  The functions have the contracts of the ranker_* functions of the same name. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_SCORER_H
#define TRIMTAB_EXPERIMENTS_HTTP_SCORER_H

#include "ranker/ranker.h"

enum { SCORER_MAX_HEADS = 64 };

struct scorer_type {
    size_t (*n_heads)(const void *model);
    const char *(*head_name)(const void *model, size_t head);
    double (*head_mean)(const void *model, size_t head);
    double (*head_sd)(const void *model, size_t head);
    const char *(*model_hash)(const void *model);
    enum status (*scratch_new)(const void *model, void **ret, struct err *err);
    void (*scratch_free)(void *scratch);
    /* p [n * n_heads] */
    enum status (*score)(const void *model, void *scratch, const char *user, const struct ranker_context *context,
                         size_t n_context, size_t n, const char *const *items, float *p, struct err *err);
};

struct scorer {
    const struct scorer_type *type;
    const void *model; /* borrowed; immutable, shared by threads */
};

/* False when the model has no such head. */
bool scorer_find_head(const struct scorer *scorer, const char *name, size_t *ret);

/* Scratches, one per request that is being scored; they are kept for the next one.  Thread: safe from any thread. */
struct scratch_pool;
MUST_CHECK enum status scratch_pool_new(const struct scorer *scorer, struct scratch_pool **ret, struct err *err);
void scratch_pool_free(struct scratch_pool *pool); /* all scratches are back; NULL is fine */
MUST_CHECK enum status scratch_take(struct scratch_pool *pool, void **ret, struct err *err);
void scratch_give(struct scratch_pool *pool, void *scratch);

#endif
