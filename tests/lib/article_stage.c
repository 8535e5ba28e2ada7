#include "tests/lib/article_stage.h"

#include <string.h>

#include "base/core/mem.h"

static enum status open_one(const char *path, const char *dataset, bool binary, struct ranker **ret, struct err *err)
{
    TRY(ranker_open(path, dataset, ret, err));
    if ((ranker_n_heads(*ret) == 1) != binary)
        return err_set(err, STATUS_INVALID, "%s has %zu heads: %s is expected", path, ranker_n_heads(*ret),
                       binary ? "a binary model" : "a multi-task model");
    return STATUS_OK;
}

/* Opens the comma-separated files of a list. */
static enum status open_list(const char *list, const char *dataset, bool binary, struct ranker **ret, size_t *ret_n,
                             struct err *err)
{
    char *copy = mem_strdup(list);
    enum status s = copy == NULL ? err_no_memory(err) : STATUS_OK;
    for (char *at = copy, *next = copy; s == STATUS_OK && next != NULL; at = next) {
        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        if (*ret_n == ARTICLE_MAX_PAIRS)
            s = err_set(err, STATUS_INVALID, "%s: allowed are up to %d models", list, ARTICLE_MAX_PAIRS);
        else
            s = open_one(at, dataset, binary, &ret[(*ret_n)++], err);
    }
    mem_free(copy);
    return s;
}

enum status article_models_open(const char *multi, const char *binary, const char *dataset, struct article_models *ret,
                                struct err *err)
{
    size_t n = 0;
    *ret = (struct article_models){0};
    TRY(open_list(multi, dataset, false, ret->multi, &ret->n, err));
    TRY(open_list(binary, dataset, true, ret->binary, &n, err));
    if (n != ret->n)
        return err_set(err, STATUS_INVALID, "%zu multi-task and %zu binary models: pairs are expected", ret->n, n);
    return STATUS_OK;
}

void article_models_close(struct article_models *models)
{
    for (size_t i = 0; i < ARTICLE_MAX_PAIRS; i++) {
        ranker_close(models->multi[i]);
        ranker_close(models->binary[i]);
    }
    *models = (struct article_models){0};
}

void article_stage_close(struct article_stage *stage)
{
    if (stage->close != NULL)
        stage->close(stage->self);
    mem_free(stage->part);
    *stage = (struct article_stage){0};
}

enum status article_stage_find_means(struct article_stage *stage, struct err *err)
{
    for (size_t pair = 0; pair < stage->models->n; pair++) {
        const struct ranker *ranker = stage->models->multi[pair];
        for (size_t k = 0; k < stage->n_types; k++) {
            size_t head = 0;
            if (!ranker_head_find(ranker, stage->types[k], &head))
                return err_set(err, STATUS_UNPROCESSABLE, "the model has no head %s", stage->types[k]);
            stage->means[pair][k] = ranker_head_mean(ranker, head);
        }
    }
    return STATUS_OK;
}

enum status article_stage_play(const struct article_stage *stage, size_t n_pairs, const double *shares,
                               struct article_way *way, struct err *err)
{
    const size_t size = stage->n_users * (WORLD_RUN_HEADS + stage->n_types);
    double weights[DATASET_MAX_HEADS] = {0.0}, *totals = mem_alloc(size, sizeof *totals);
    enum status s = totals == NULL ? err_no_memory(err) : STATUS_OK;
    for (size_t pair = 0; s == STATUS_OK && pair < n_pairs && pair < stage->models->n; pair++) {
        memset(totals, 0, size * sizeof *totals);
        for (size_t k = 0; shares != NULL && k < stage->n_types; k++)
            weights[k] = shares[k] / stage->means[pair][k];
        s = stage->play(stage->self, pair, shares != NULL ? weights : NULL, totals, err);
        if (s == STATUS_OK)
            article_way_add(way, totals);
    }
    mem_free(totals);
    return s;
}
