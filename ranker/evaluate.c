#include "ranker/evaluate.h"

#include <string.h>

#include "base/core/mem.h"
#include "ranker/samples.h"
#include "ranker/train.h"

static enum status find_heads(const struct model *model, const struct dataset *d, size_t *ret, struct err *err)
{
    for (size_t h = 0; h < model->shape.heads; h++) {
        size_t at = 0;
        while (at < d->n_heads && strcmp(d->head_names[at], model->heads[h].name) != 0)
            at++;
        if (at == d->n_heads)
            return err_set(err, STATUS_INVALID, "the dataset lacks the head %s of the model", model->heads[h].name);
        ret[h] = at;
    }
    return STATUS_OK;
}

static enum status measure(const struct model *model, const struct samples *samples, const size_t *heads,
                           struct workers *workers, struct metrics *ret, struct err *err)
{
    const size_t n_heads = model->shape.heads;
    float *p = mem_alloc(samples->n * n_heads, sizeof *p);
    if (p == NULL)
        return err_no_memory(err);
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    enum status s = samples_predict(samples, &model->shape, &learnt, workers, p, err);
    for (size_t h = 0; h < n_heads && s == STATUS_OK; h++) {
        for (size_t i = 0; i < samples->n; i++)
            p[i * n_heads + h] = platt_probability(&model->heads[h].platt, (double)p[i * n_heads + h]);
        s = metrics_of(p + h, n_heads, samples->labels, heads[h], samples->n, &ret[h], err);
    }
    mem_free(p);
    return s;
}

static enum status evaluate_rows(const struct model *model, const struct dataset *d, const uint32_t *rows, size_t n,
                                 size_t threads, struct metrics *ret, struct err *err)
{
    size_t heads[DATASET_MAX_HEADS];
    struct samples samples = {0};
    struct workers *workers = NULL;
    TRY(find_heads(model, d, heads, err));
    TRY(features_fit(model->features, d, err));
    TRY(workers_new(threads, &workers, err));
    enum status s = samples_new(model->features, d, rows, n, &samples, err);
    if (s == STATUS_OK)
        s = measure(model, &samples, heads, workers, ret, err);
    samples_done(&samples);
    workers_free(workers);
    return s;
}

enum status evaluate(const struct model *model, const struct dataset *d, int32_t first_day, int32_t last_day,
                     size_t threads, struct metrics *ret, struct err *err)
{
    uint32_t *rows = NULL;
    size_t n = 0;
    const bool every = first_day == 0 && last_day == 0;
    TRY(train_rows(d, every ? INT32_MIN : first_day, every ? INT32_MAX : last_day, &rows, &n, err));
    enum status s = STATUS_OK;
    if (n == 0)
        s = err_set(err, STATUS_INVALID, "no impressions in the days %d..%d of the dataset", first_day, last_day);
    else
        s = evaluate_rows(model, d, rows, n, threads, ret, err);
    mem_free(rows);
    return s;
}
