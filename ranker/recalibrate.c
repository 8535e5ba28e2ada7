#include "ranker/recalibrate.h"

#include "base/core/mem.h"
#include "ranker/lesson.h"
#include "ranker/samples.h"

enum status recalibrate_heads(const struct model *model, const float *z, const uint32_t *labels, size_t n,
                              enum calibration_kind kind, struct calibration *ret, struct err *err)
{
    const size_t n_heads = model->shape.heads;
    for (size_t h = 0; h < n_heads; h++) {
        const struct calibration *old = &model->heads[h].calibration;
        enum status s = STATUS_OK;
        if (calibration_is_constant(old))
            ret[h] = *old; /* owns nothing */
        else
            s = calibration_fit(kind, old->keep, z + h, n_heads, labels, h, n, &ret[h], err);
        for (size_t done = 0; s != STATUS_OK && done < h; done++)
            calibration_done(&ret[done]);
        TRY(s);
    }
    return STATUS_OK;
}

/* All heads or none. */
static enum status fit_heads(struct model *model, const struct samples *day, const float *z, enum calibration_kind kind,
                             struct err *err)
{
    struct calibration fitted[DATASET_MAX_HEADS];
    TRY(recalibrate_heads(model, z, day->labels, day->n, kind, fitted, err));
    for (size_t h = 0; h < model->shape.heads; h++) {
        struct model_head *head = &model->heads[h];
        calibration_done(&head->calibration);
        head->calibration = fitted[h];
        calibration_moments(&head->calibration, z + h, model->shape.heads, day->n, &head->mean, &head->sd);
    }
    return STATUS_OK;
}

static enum status fit_day(struct model *model, const struct samples *day, const struct recalibrate_options *options,
                           struct err *err)
{
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    struct workers *workers = NULL;
    float *z = mem_alloc(day->n * model->shape.heads, sizeof *z);
    if (z == NULL)
        return err_no_memory(err);
    enum status s = workers_new(options->threads, &workers, err);
    if (s == STATUS_OK)
        s = samples_predict(day, &model->shape, &learnt, workers, z, err);
    if (s == STATUS_OK)
        s = fit_heads(model, day, z, options->kind, err);
    workers_free(workers);
    mem_free(z);
    return s;
}

enum status recalibrate(struct model *model, const struct dataset *dataset, const struct recalibrate_options *options,
                        struct err *err)
{
    struct targets targets;
    struct samples day = {0};
    uint32_t *rows = NULL;
    size_t n = 0;
    TRY(model_targets(model, dataset, &targets, err));
    TRY(features_fit(model->features, dataset, err));
    TRY(lesson_days(dataset, options->day, options->day, &rows, &n, err));
    enum status s =
        n > 0 ? STATUS_OK : err_set(err, STATUS_INVALID, "no impressions on day %d of the dataset", options->day);
    if (s == STATUS_OK)
        s = samples_new(model->features, dataset, &targets, rows, n, &day, err);
    if (s == STATUS_OK)
        s = fit_day(model, &day, options, err);
    if (s == STATUS_OK)
        model->calibration_day = options->day;
    samples_done(&day);
    mem_free(rows);
    return s;
}
