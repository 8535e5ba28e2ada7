#include "ranker/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/bootstrap.h"
#include "ranker/lesson.h"
#include "ranker/recalibrate.h"
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

static void calibrate(const struct calibration *calibrations, size_t n_heads, size_t n, float *p)
{
    for (size_t i = 0; i < n * n_heads; i++)
        p[i] = calibration_probability(&calibrations[i % n_heads], (double)p[i]);
}

static void calibrate_once(const struct model *model, size_t n, float *p)
{
    struct calibration calibrations[DATASET_MAX_HEADS];
    for (size_t h = 0; h < model->shape.heads; h++)
        calibrations[h] = model->heads[h].calibration;
    calibrate(calibrations, model->shape.heads, n, p);
}

/* The first row of the day of row end - 1; rows are in the order of days. */
static size_t day_start(const struct samples *samples, size_t end)
{
    const int32_t *days = samples->dataset->row_days;
    size_t start = end - 1;
    while (start > 0 && days[samples->rows[start - 1]] == days[samples->rows[end - 1]])
        start--;
    return start;
}

/* Logits p [n * model heads] become probabilities of the rows behind *ret_first, where the second day begins.  The last
 * day goes first, so that the one before it still has its logits. */
static enum status calibrate_daily(const struct model *model, const struct samples *samples, enum calibration_kind kind,
                                   float *p, size_t *ret_first, struct err *err)
{
    const size_t n_heads = model->shape.heads;
    size_t end = samples->n, start = day_start(samples, end);
    if (start == 0)
        return err_set(err, STATUS_INVALID, "two days with impressions are needed to calibrate each on the one before");
    for (; start > 0; end = start, start = day_start(samples, end)) {
        struct calibration fitted[DATASET_MAX_HEADS];
        const size_t before = day_start(samples, start);
        TRY(recalibrate_heads(model, p + before * n_heads, samples->labels + before, start - before, kind, fitted,
                              err));
        calibrate(fitted, n_heads, end - start, p + start * n_heads);
        for (size_t h = 0; h < n_heads; h++)
            calibration_done(&fitted[h]);
    }
    *ret_first = end;
    return STATUS_OK;
}

/* p [n * model heads]: storage. */
static enum status measure(const struct model *model, const struct samples *samples,
                           const struct evaluate_options *options, struct workers *workers, float *p,
                           struct metrics *ret, struct segments *ret_segments, struct err *err)
{
    const size_t n_heads = model->shape.heads;
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    size_t first = 0;
    TRY(samples_predict(samples, &model->shape, &learnt, workers, p, err));
    if (options->daily)
        TRY(calibrate_daily(model, samples, options->kind, p, &first, err));
    else
        calibrate_once(model, samples->n, p);
    const struct samples judged = {.dataset = samples->dataset,
                                   .rows = samples->rows + first,
                                   .n = samples->n - first,
                                   .labels = samples->labels + first};
    TRY(measure_heads(model, &judged, options, p + first * n_heads, ret, err));
    if (options->segment == NULL)
        return STATUS_OK;
    return segments_make(judged.dataset, options->segment, judged.rows, judged.n, n_heads, judged.labels,
                         p + first * n_heads, ret_segments, err);
}

static enum status evaluate_rows(const struct model *model, const struct dataset *d, const uint32_t *rows, size_t n,
                                 const struct evaluate_options *options, struct metrics *ret,
                                 struct segments *ret_segments, struct err *err)
{
    struct targets targets;
    struct samples samples = {0};
    struct workers *workers = NULL;
    float *p = NULL;
    TRY(model_targets(model, d, &targets, err));
    TRY(features_fit(model->features, d, err));
    TRY(workers_new(options->threads > 0 ? options->threads : 1, &workers, err));
    enum status s = samples_new(model->features, d, &targets, rows, n, &samples, err);
    if (s == STATUS_OK) {
        p = mem_alloc(n * model->shape.heads, sizeof *p);
        s = p == NULL ? err_no_memory(err) : measure(model, &samples, options, workers, p, ret, ret_segments, err);
    }
    mem_free(p);
    samples_done(&samples);
    workers_free(workers);
    return s;
}

/* A day and a row of it, so that they are compared as one number. */
static int by_day(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Rows of the log are in the order of time: days may be of another time zone for each. */
static enum status sort_by_day(const struct dataset *d, uint32_t *rows, size_t n, struct err *err)
{
    uint64_t *keys = mem_alloc(n, sizeof *keys);
    if (keys == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++)
        keys[i] = (uint64_t)d->row_days[rows[i]] << 32 | rows[i];
    qsort(keys, n, sizeof *keys, by_day);
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)keys[i];
    mem_free(keys);
    return STATUS_OK;
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
    else if (options->daily)
        s = sort_by_day(d, rows, n, err);
    if (s == STATUS_OK)
        s = evaluate_rows(model, d, rows, n, options, ret, ret_segments, err);
    mem_free(rows);
    return s;
}
