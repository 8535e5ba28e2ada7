#include "ranker/recalibrate.h"

#include "base/core/mem.h"
#include "ranker/lesson.h"
#include "ranker/samples.h"

/* All heads or none. */
static enum status fit_heads(struct model *model, const struct samples *day, const float *z, enum calibration_kind kind,
                             struct err *err)
{
    const size_t n_heads = model->shape.heads;
    struct calibration fitted[DATASET_MAX_HEADS] = {{0}};
    enum status s = STATUS_OK;
    for (size_t h = 0; h < n_heads && s == STATUS_OK; h++) {
        if (!calibration_is_constant(&model->heads[h].calibration))
            s = calibration_fit(kind, model->heads[h].calibration.keep, z + h, n_heads, day->labels, h, day->n,
                                &fitted[h], err);
    }
    for (size_t h = 0; h < n_heads; h++) {
        struct model_head *head = &model->heads[h];
        if (s != STATUS_OK) {
            calibration_done(&fitted[h]);
            continue;
        }
        if (!calibration_is_constant(&head->calibration)) {
            calibration_done(&head->calibration);
            head->calibration = fitted[h];
        }
        calibration_moments(&head->calibration, z + h, n_heads, day->n, &head->mean, &head->sd);
    }
    return s;
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
