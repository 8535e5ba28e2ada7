/* scorer.h - the model as this layer sees it, and how requests share it.
 *
 * A scorer_type is a small const struct of functions: the daemon puts ranker/ranker.h behind it, tests put a few lines
 * of arithmetic there.  The functions have the contracts of the ranker_* functions of the same name.
 *
 * A scorer is one model and its scratches, shared by reference: the service holds the one that serves, every request
 * holds the one it began with until it is answered, and whoever lets go last closes the model.  So another model takes
 * over (service_swap()) without waiting for any request, and no request waits for it.
 *
 *   scorer_new --service_swap--> serves --service_swap of the next--> ends its requests --last scorer_release--> closed
 */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_SCORER_H
#define TRIMTAB_EXPERIMENTS_HTTP_SCORER_H

#include <pthread.h>
#include <stdatomic.h>

#include "ranker/ranker.h"

enum { SCORER_MAX_HEADS = 64, SCORER_SCRATCHES = 64 };

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
    void (*close)(void *model);
};

/* Thread: type and model are immutable, the rest is for any thread. */
struct scorer {
    const struct scorer_type *type;
    void *model; /* owned */
    atomic_int references;
    pthread_mutex_t mutex; /* guards the two below: scratches that no request uses now */
    void *free[SCORER_SCRATCHES];
    size_t n_free;
};

/* Takes the model over, also on failure (it is closed then).  One reference, the caller's.
 * STATUS_UNPROCESSABLE: it has no head, or more than SCORER_MAX_HEADS. */
MUST_CHECK enum status scorer_new(const struct scorer_type *type, void *model, struct scorer **ret, struct err *err);
struct scorer *scorer_keep(struct scorer *scorer);
void scorer_release(struct scorer *scorer); /* NULL is fine */

size_t scorer_n_heads(const struct scorer *scorer);
/* Borrowed, as long as the scorer is held. */
const char *scorer_hash(const struct scorer *scorer);
/* False when the model has no such head. */
bool scorer_find_head(const struct scorer *scorer, const char *name, size_t *ret);
/* p [n * n_heads], with a scratch that is free or a new one. */
MUST_CHECK enum status scorer_score(struct scorer *scorer, const char *user, const struct ranker_context *context,
                                    size_t n_context, size_t n, const char *const *items, float *p, struct err *err);

#endif
