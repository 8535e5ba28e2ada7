#include "experiments/http/scorer.h"

#include <string.h>

#include "base/core/mem.h"

static enum status check_model(const struct scorer_type *type, const void *model, struct err *err)
{
    const size_t n = type->n_heads(model);
    if (n >= 1 && n <= SCORER_MAX_HEADS)
        return STATUS_OK;
    return err_set(err, STATUS_UNPROCESSABLE, "the model has %zu heads: allowed are 1 to %d", n, SCORER_MAX_HEADS);
}

enum status scorer_new(const struct scorer_type *type, void *model, struct scorer **ret, struct err *err)
{
    struct scorer *scorer = NULL;
    enum status s = check_model(type, model, err);
    if (s == STATUS_OK && (scorer = mem_alloc(1, sizeof *scorer)) == NULL)
        s = err_no_memory(err);
    if (s != STATUS_OK) {
        type->close(model);
        return s;
    }
    scorer->type = type;
    scorer->model = model;
    atomic_init(&scorer->references, 1);
    pthread_mutex_init(&scorer->mutex, NULL);
    *ret = scorer;
    return STATUS_OK;
}

struct scorer *scorer_keep(struct scorer *scorer)
{
    atomic_fetch_add(&scorer->references, 1);
    return scorer;
}

void scorer_release(struct scorer *scorer)
{
    if (!scorer || atomic_fetch_sub(&scorer->references, 1) > 1)
        return;
    for (size_t i = 0; i < scorer->n_free; i++)
        scorer->type->scratch_free(scorer->free[i]);
    scorer->type->close(scorer->model);
    pthread_mutex_destroy(&scorer->mutex);
    mem_free(scorer);
}

size_t scorer_n_heads(const struct scorer *scorer)
{
    return scorer->type->n_heads(scorer->model);
}

const char *scorer_hash(const struct scorer *scorer)
{
    return scorer->type->model_hash(scorer->model);
}

bool scorer_find_head(const struct scorer *scorer, const char *name, size_t *ret)
{
    for (size_t h = 0; h < scorer_n_heads(scorer); h++) {
        if (strcmp(scorer->type->head_name(scorer->model, h), name) == 0) {
            *ret = h;
            return true;
        }
    }
    return false;
}

static enum status take_scratch(struct scorer *scorer, void **ret, struct err *err)
{
    void *scratch = NULL;
    pthread_mutex_lock(&scorer->mutex);
    if (scorer->n_free > 0)
        scratch = scorer->free[--scorer->n_free];
    pthread_mutex_unlock(&scorer->mutex);
    if (!scratch)
        return scorer->type->scratch_new(scorer->model, ret, err);
    *ret = scratch;
    return STATUS_OK;
}

static void give_scratch(struct scorer *scorer, void *scratch)
{
    pthread_mutex_lock(&scorer->mutex);
    bool kept = scorer->n_free < SCORER_SCRATCHES;
    if (kept)
        scorer->free[scorer->n_free++] = scratch;
    pthread_mutex_unlock(&scorer->mutex);
    if (!kept)
        scorer->type->scratch_free(scratch);
}

enum status scorer_score(struct scorer *scorer, const char *user, const struct ranker_context *context,
                         size_t n_context, size_t n, const char *const *items, float *p, struct err *err)
{
    void *scratch = NULL;
    TRY(take_scratch(scorer, &scratch, err));
    enum status s = scorer->type->score(scorer->model, scratch, user, context, n_context, n, items, p, err);
    give_scratch(scorer, scratch);
    return s;
}
