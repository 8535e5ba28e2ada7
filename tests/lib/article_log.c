/* The log's part of article_stage.h. */
#include <string.h>

#include "base/core/mem.h"
#include "experiments/traffic/slates.h"
#include "ranker/utility.h"
#include "tests/lib/article_stage.h"

struct log {
    struct dataset *dataset;
    struct slates slates;
    struct slate_user *users; /* [n_users] tuning users, then the others */
    size_t n_users, n_slates, n_types;
    /* [n_slates * SLATE_SIZE * heads], slates in the order of the users */
    float *multi[ARTICLE_MAX_PAIRS], *binary[ARTICLE_MAX_PAIRS];
};

static void close_log(void *self)
{
    struct log *log = self;
    for (size_t i = 0; i < ARTICLE_MAX_PAIRS; i++) {
        mem_free(log->multi[i]);
        mem_free(log->binary[i]);
    }
    mem_free(log->users);
    slates_done(&log->slates);
    dataset_free(log->dataset);
    mem_free(log);
}

/* Probabilities of every slate; columns [n_columns] of the ranker's heads. */
static enum status score(const struct log *log, const struct ranker *ranker, const size_t *columns, size_t n_columns,
                         float **ret, struct err *err)
{
    const size_t width = ranker_n_heads(ranker);
    struct ranker_scratch *scratch = NULL;
    float raw[SLATE_SIZE * DATASET_MAX_HEADS], *to;
    TRY(ranker_scratch_new(ranker, &scratch, err));
    to = *ret = mem_alloc(log->n_slates * SLATE_SIZE * n_columns, sizeof **ret);
    enum status s = to == NULL ? err_no_memory(err) : STATUS_OK;
    for (size_t u = 0; u < log->n_users; u++) {
        for (size_t i = 0; s == STATUS_OK && i < log->users[u].n; i++, to += SLATE_SIZE * n_columns) {
            const struct slate *slate = &log->slates.slates[log->users[u].first + i];
            struct ranker_context context[SLATE_MAX_CONTEXT];
            const char *items[SLATE_SIZE];
            const size_t n_context = slates_context(log->dataset, slate->rows[0], context);
            slates_items(&log->slates, slate, items);
            s = ranker_score(ranker, scratch, dataset_user_id(log->dataset, slate->user), context, n_context,
                             SLATE_SIZE, items, raw, err);
            for (size_t j = 0; j < SLATE_SIZE * n_columns; j++)
                to[j] = raw[j / n_columns * width + columns[j % n_columns]];
        }
    }
    ranker_scratch_free(scratch);
    return s;
}

static enum status score_pairs(struct log *log, const struct article_models *models, struct err *err)
{
    for (size_t i = 0; i < models->n; i++) {
        size_t columns[DATASET_MAX_HEADS] = {0};
        for (size_t h = 0; h < log->n_types; h++) {
            const char *name = dataset_head_name(log->dataset, h);
            if (!ranker_head_find(models->multi[i], name, &columns[h]))
                return err_set(err, STATUS_UNPROCESSABLE, "the model has no head %s, which the log has", name);
        }
        TRY(score(log, models->multi[i], columns, log->n_types, &log->multi[i], err));
        TRY(score(log, models->binary[i], (const size_t[1]){0}, 1, &log->binary[i], err));
    }
    return STATUS_OK;
}

static enum status play(void *self, size_t pair, const double *weights, double *totals, struct err *err)
{
    const struct log *log = self;
    const size_t heads = weights != NULL ? log->n_types : 1;
    const float *p = weights != NULL ? log->multi[pair] : log->binary[pair];
    const double one = 1.0;
    (void)err;
    for (size_t u = 0; u < log->n_users; u++) {
        double *total = totals + u * (WORLD_RUN_HEADS + log->n_types);
        for (size_t i = 0; i < log->users[u].n; i++, p += SLATE_SIZE * heads) {
            const struct slate *slate = &log->slates.slates[log->users[u].first + i];
            const char *items[SLATE_SIZE];
            struct utility_entry best[SLATE_SIZE];
            slates_items(&log->slates, slate, items);
            const size_t n =
                utility_top(SLATE_SIZE, heads, weights != NULL ? weights : &one, p, items, SLATE_SHOWN, best);
            total[WORLD_RUN_REQUESTS] += 1.0;
            total[WORLD_RUN_IMPRESSIONS] += (double)n;
            for (size_t j = 0; j < n; j++) {
                const uint32_t labels = dataset_row(log->dataset, slate->rows[best[j].index]).labels;
                for (size_t h = 0; h < log->n_types; h++)
                    total[WORLD_RUN_HEADS + h] += labels >> h & 1u;
            }
        }
    }
    return STATUS_OK;
}

static enum status gather_users(struct log *log, struct article_stage *stage, struct err *err)
{
    const struct slates *s = &log->slates;
    log->n_users = s->n_tuning + s->n_confirmation;
    log->users = mem_alloc(log->n_users, sizeof *log->users);
    stage->part = mem_alloc(log->n_users, sizeof *stage->part);
    if (log->users == NULL || stage->part == NULL)
        return err_no_memory(err);
    memcpy(log->users, s->tuning, s->n_tuning * sizeof *s->tuning);
    memcpy(log->users + s->n_tuning, s->confirmation, s->n_confirmation * sizeof *s->confirmation);
    memset(stage->part + s->n_tuning, 1, s->n_confirmation);
    for (size_t u = 0; u < log->n_users; u++)
        log->n_slates += log->users[u].n;
    stage->n_users = log->n_users;
    return STATUS_OK;
}

static enum status open_log(struct log *log, struct article_stage *stage, const char *dataset, int first_day,
                            int last_day, struct err *err)
{
    TRY(dataset_read(dataset, &log->dataset, err));
    TRY(slates_init(&log->slates, log->dataset, first_day, last_day, err));
    TRY(gather_users(log, stage, err));
    stage->n_types = log->n_types = dataset_n_heads(log->dataset);
    for (size_t h = 0; h < log->n_types; h++)
        stage->types[h] = dataset_head_name(log->dataset, h);
    TRY(article_stage_find_means(stage, err));
    return score_pairs(log, stage->models, err);
}

enum status article_log_open(const struct article_models *models, const char *dataset, int first_day, int last_day,
                             struct article_stage *ret, struct err *err)
{
    struct log *log = mem_alloc(1, sizeof *log);
    *ret = (struct article_stage){.models = models, .self = log, .play = play, .close = close_log};
    if (log == NULL) {
        ret->close = NULL;
        return err_no_memory(err);
    }
    const enum status s = open_log(log, ret, dataset, first_day, last_day, err);
    if (s != STATUS_OK)
        article_stage_close(ret);
    return s;
}
