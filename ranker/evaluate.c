#include "ranker/evaluate.h"

#include <string.h>

#include "base/core/mem.h"
#include "ranker/bootstrap.h"
#include "ranker/lesson.h"
#include "ranker/samples.h"

/* The user of every sample. */
static enum status find_users(const struct samples *samples, uint32_t **ret, struct err *err)
{
    *ret = mem_alloc(samples->n, sizeof **ret);
    if (*ret == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < samples->n; i++)
        (*ret)[i] = samples->dataset->row_users[samples->rows[i]];
    return STATUS_OK;
}

/* p [n * model heads], calibrated. */
static enum status measure_heads(const struct model *model, const struct samples *samples,
                                 const struct evaluate_options *options, const float *p, struct metrics *ret,
                                 struct err *err)
{
    const size_t n_heads = model->shape.heads;
    uint32_t *users = NULL;
    enum status s = options->replicates > 0 ? find_users(samples, &users, err) : STATUS_OK;
    const struct bootstrap bootstrap = {options->replicates, options->seed, users, dataset_n_users(samples->dataset)};
    for (size_t h = 0; h < n_heads && s == STATUS_OK; h++) {
        s = metrics_of(p + h, n_heads, samples->labels, h, samples->n, &ret[h], err);
        if (s == STATUS_OK && users != NULL)
            s = bootstrap_intervals(&bootstrap, p + h, n_heads, samples->labels, h, samples->n, &ret[h], err);
    }
    mem_free(users);
    return s;
}

static enum status measure(const struct model *model, const struct samples *samples,
                           const struct evaluate_options *options, struct workers *workers, struct metrics *ret,
                           struct segments *ret_segments, struct err *err)
{
    const size_t n_heads = model->shape.heads;
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    float *p = mem_alloc(samples->n * n_heads, sizeof *p);
    if (p == NULL)
        return err_no_memory(err);
    enum status s = samples_predict(samples, &model->shape, &learnt, workers, p, err);
    for (size_t i = 0; i < samples->n * n_heads && s == STATUS_OK; i++)
        p[i] = calibration_probability(&model->heads[i % n_heads].calibration, (double)p[i]);
    if (s == STATUS_OK)
        s = measure_heads(model, samples, options, p, ret, err);
    if (s == STATUS_OK && options->segment != NULL)
        s = segments_make(samples->dataset, options->segment, samples->rows, samples->n, n_heads, samples->labels, p,
                          ret_segments, err);
    mem_free(p);
    return s;
}

static enum status evaluate_rows(const struct model *model, const struct dataset *d, const uint32_t *rows, size_t n,
                                 const struct evaluate_options *options, struct metrics *ret,
                                 struct segments *ret_segments, struct err *err)
{
    struct targets targets;
    struct samples samples = {0};
    struct workers *workers = NULL;
    TRY(model_targets(model, d, &targets, err));
    TRY(features_fit(model->features, d, err));
    TRY(workers_new(options->threads > 0 ? options->threads : 1, &workers, err));
    enum status s = samples_new(model->features, d, &targets, rows, n, &samples, err);
    if (s == STATUS_OK)
        s = measure(model, &samples, options, workers, ret, ret_segments, err);
    samples_done(&samples);
    workers_free(workers);
    return s;
}

enum status evaluate(const struct model *model, const struct dataset *d, const struct evaluate_options *options,
                     struct metrics *ret, struct segments *ret_segments, struct err *err)
{
    const int32_t first_day = options->first_day, last_day = options->last_day;
    uint32_t *rows = NULL;
    size_t n = 0;
    const bool every = first_day == 0 && last_day == 0;
    TRY(lesson_days(d, every ? INT32_MIN : first_day, every ? INT32_MAX : last_day, &rows, &n, err));
    enum status s = STATUS_OK;
    if (n == 0)
        s = err_set(err, STATUS_INVALID, "no impressions in the days %d..%d of the dataset", first_day, last_day);
    else
        s = evaluate_rows(model, d, rows, n, options, ret, ret_segments, err);
    mem_free(rows);
    return s;
}
