/* The ranker's part of verdict.h. */
#include <string.h>

#include "base/core/mem.h"
#include "experiments/traffic/verdict.h"

struct scorer {
    const struct slates *slates;
    const struct ranker *ranker;
    struct ranker_scratch *scratch;
    size_t column[DATASET_MAX_HEADS]; /* the ranker's head of each head of the log */
    float *raw;                       /* [SLATE_SIZE * ranker_n_heads] */
};

static enum status find_heads(struct scorer *scorer, struct err *err)
{
    const struct dataset *dataset = scorer->slates->dataset;
    for (size_t h = 0; h < dataset_n_heads(dataset); h++) {
        const char *name = dataset_head_name(dataset, h);
        if (!ranker_head_find(scorer->ranker, name, &scorer->column[h]))
            return err_set(err, STATUS_UNPROCESSABLE, "the model has no head %s, which the log has", name);
    }
    return STATUS_OK;
}

static enum status score_slate(const struct scorer *scorer, const struct slate *slate, float *p, struct err *err)
{
    const struct dataset *dataset = scorer->slates->dataset;
    const size_t n_heads = dataset_n_heads(dataset), width = ranker_n_heads(scorer->ranker);
    struct ranker_context context[SLATE_MAX_CONTEXT];
    const char *items[SLATE_SIZE];
    const size_t n_context = slates_context(dataset, slate->rows[0], context);
    slates_items(scorer->slates, slate, items);
    TRY(ranker_score(scorer->ranker, scorer->scratch, dataset_user_id(dataset, slate->user), context, n_context,
                     SLATE_SIZE, items, scorer->raw, err));
    for (size_t i = 0; i < SLATE_SIZE; i++) {
        for (size_t h = 0; h < n_heads; h++)
            p[i * n_heads + h] = scorer->raw[i * width + scorer->column[h]];
    }
    return STATUS_OK;
}

static enum status score_users(const struct scorer *scorer, float *p, struct err *err)
{
    const size_t step = SLATE_SIZE * dataset_n_heads(scorer->slates->dataset);
    for (size_t u = 0; u < scorer->slates->n_confirmation; u++) {
        const struct slate_user *user = &scorer->slates->confirmation[u];
        for (size_t i = 0; i < user->n; i++, p += step)
            TRY(score_slate(scorer, &scorer->slates->slates[user->first + i], p, err));
    }
    return STATUS_OK;
}

enum status verdict_score(const struct slates *slates, const struct ranker *ranker, float **ret, struct err *err)
{
    struct scorer scorer = {.slates = slates, .ranker = ranker};
    float *p = NULL;
    size_t n_slates = 0;
    TRY(find_heads(&scorer, err));
    for (size_t u = 0; u < slates->n_confirmation; u++)
        n_slates += slates->confirmation[u].n;
    enum status s = ranker_scratch_new(ranker, &scorer.scratch, err);
    if (s != STATUS_OK)
        return s;
    scorer.raw = mem_alloc(SLATE_SIZE * ranker_n_heads(ranker), sizeof *scorer.raw);
    p = mem_alloc(n_slates * SLATE_SIZE * dataset_n_heads(slates->dataset), sizeof *p);
    s = scorer.raw != NULL && p != NULL ? score_users(&scorer, p, err) : err_no_memory(err);
    mem_free(scorer.raw);
    ranker_scratch_free(scorer.scratch);
    if (s == STATUS_OK)
        *ret = p;
    else
        mem_free(p);
    return s;
}
