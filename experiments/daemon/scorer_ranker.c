#include "experiments/daemon/scorer_ranker.h"

static size_t n_heads(const void *model)
{
    return ranker_n_heads(model);
}

static const char *head_name(const void *model, size_t head)
{
    return ranker_head_name(model, head);
}

static double head_mean(const void *model, size_t head)
{
    return ranker_head_mean(model, head);
}

static double head_sd(const void *model, size_t head)
{
    return ranker_head_sd(model, head);
}

static const char *model_hash(const void *model)
{
    return ranker_model_hash(model);
}

static enum status scratch_new(const void *model, void **ret, struct err *err)
{
    struct ranker_scratch *scratch = NULL;
    TRY(ranker_scratch_new(model, &scratch, err));
    *ret = scratch;
    return STATUS_OK;
}

static void scratch_free(void *scratch)
{
    ranker_scratch_free(scratch);
}

static enum status score(const void *model, void *scratch, const char *user, const struct ranker_context *context,
                         size_t n_context, size_t n, const char *const *items, float *p, struct err *err)
{
    return ranker_score(model, scratch, user, context, n_context, n, items, p, err);
}

static void close_ranker(void *model)
{
    ranker_close(model);
}

const struct scorer_type SCORER_RANKER = {n_heads,     head_name,    head_mean, head_sd,     model_hash,
                                          scratch_new, scratch_free, score,     close_ranker};
