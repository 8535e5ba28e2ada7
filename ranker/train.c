#include "ranker/train.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"

enum { PATIENCE = 2 };

enum status train_rows(const struct dataset *d, int32_t first_day, int32_t last_day, uint32_t **ret, size_t *ret_n,
                       struct err *err)
{
    size_t n = 0;
    uint32_t *rows = mem_alloc(dataset_n_rows(d), sizeof *rows);
    if (rows == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < dataset_n_rows(d); i++) {
        if (d->row_days[i] >= first_day && d->row_days[i] <= last_day)
            rows[n++] = (uint32_t)i;
    }
    *ret = rows;
    *ret_n = n;
    return STATUS_OK;
}

/* The whole training. */
struct session {
    const struct dataset *d;
    const struct train_options *options;
    train_watch *watch;
    void *watch_context;
    struct err *err;
    struct workers *workers;
    struct targets targets;
    int32_t first_day, last_day, calibration_day;
    uint32_t *rows; /* [n] of the days, in order of time */
    size_t n;
    uint32_t *fit_rows, *held_rows; /* the same rows split */
    size_t n_fit, n_held;
    bool constant[DATASET_MAX_HEADS]; /* heads that cannot be learnt */
    double rates[DATASET_MAX_HEADS];
    struct train_progress progress;
    struct model *model;
};

static void find_days(struct session *t)
{
    t->first_day = t->options->first_day;
    t->last_day = t->options->last_day;
    if (t->first_day == 0 && t->last_day == 0) {
        t->first_day = INT32_MAX;
        for (size_t i = 0; i < dataset_n_rows(t->d); i++) {
            t->first_day = t->d->row_days[i] < t->first_day ? t->d->row_days[i] : t->first_day;
            t->last_day = t->d->row_days[i] > t->last_day ? t->d->row_days[i] : t->last_day;
        }
    }
}

static enum status no_rows(const struct session *t)
{
    int32_t first = INT32_MAX, last = 0;
    for (size_t i = 0; i < dataset_n_rows(t->d); i++) {
        first = t->d->row_days[i] < first ? t->d->row_days[i] : first;
        last = t->d->row_days[i] > last ? t->d->row_days[i] : last;
    }
    if (dataset_n_rows(t->d) == 0)
        return err_set(t->err, STATUS_INVALID, "the dataset has no impressions");
    return err_set(t->err, STATUS_INVALID,
                   "days %d..%d hold %zu impressions: at least 2 are needed, and the dataset has days %d..%d",
                   t->first_day, t->last_day, t->n, first, last);
}

/* The last day with rows is held out; of a single day its last fifth. */
static enum status split_rows(struct session *t)
{
    find_days(t);
    TRY(train_rows(t->d, t->first_day, t->last_day, &t->rows, &t->n, t->err));
    if (t->n < 2)
        return no_rows(t);
    t->fit_rows = mem_alloc(t->n, sizeof *t->fit_rows);
    t->held_rows = mem_alloc(t->n, sizeof *t->held_rows);
    if (t->fit_rows == NULL || t->held_rows == NULL)
        return err_no_memory(t->err);
    int32_t first = INT32_MAX;
    for (size_t i = 0; i < t->n; i++) {
        const int32_t day = t->d->row_days[t->rows[i]];
        t->calibration_day = day > t->calibration_day ? day : t->calibration_day;
        first = day < first ? day : first;
    }
    for (size_t i = 0; i < t->n; i++) {
        const bool held =
            first == t->calibration_day ? i >= t->n - (t->n + 4) / 5 : t->d->row_days[t->rows[i]] == t->calibration_day;
        if (held)
            t->held_rows[t->n_held++] = t->rows[i];
        else
            t->fit_rows[t->n_fit++] = t->rows[i];
    }
    return STATUS_OK;
}

/* The heads' names, and what they make of the labels. */
static enum status make_heads(struct session *t)
{
    struct model *model = t->model;
    const struct architecture *architecture = &t->options->architecture;
    const char *binary = ARCHITECTURE_BINARY_HEAD, *names[DATASET_MAX_HEADS];
    for (size_t h = 0; h < t->d->n_heads; h++)
        names[h] = t->d->head_names[h];
    TRY(architecture_copy(architecture, &model->architecture, t->err));
    TRY(targets_make(architecture, t->d->n_heads, names, t->d, &t->targets, t->err));
    for (size_t h = 0; h < t->targets.n; h++) {
        model->heads[h].name = mem_strdup(architecture->kind == ARCHITECTURE_BINARY ? binary : names[h]);
        if (model->heads[h].name == NULL)
            return err_no_memory(t->err);
    }
    return STATUS_OK;
}

/* Importances are scaled so that a positive row weighs 1 on average. */
static void scale_importances(struct session *t)
{
    double sum = 0.0, n = 0.0;
    for (size_t i = 0; i < t->n; i++) {
        const uint32_t logged = t->d->row_labels[t->rows[i]];
        if (targets_labels(&t->targets, logged) != 0) {
            sum += targets_weight(&t->targets, logged);
            n += 1.0;
        }
    }
    for (size_t head = 0; head < DATASET_MAX_HEADS && n > 0.0; head++)
        t->targets.importance[head] *= n / sum;
}

static void find_rates(struct session *t)
{
    double positives[DATASET_MAX_HEADS] = {0.0};
    for (size_t i = 0; i < t->n; i++) {
        const uint32_t labels = targets_labels(&t->targets, t->d->row_labels[t->rows[i]]);
        for (size_t h = 0; h < t->targets.n; h++)
            positives[h] += labels >> h & 1u;
    }
    for (size_t h = 0; h < t->targets.n; h++) {
        const double n = (double)t->n;
        t->constant[h] = positives[h] < 1.0 || positives[h] > n - 1.0;
        t->rates[h] = (positives[h] + 0.5) / (n + 1.0);
    }
    if (t->targets.weighted)
        scale_importances(t);
}

static void on_step(void *context, size_t step, size_t n_steps, double loss)
{
    struct session *t = context;
    t->progress.step = step;
    t->progress.n_steps = n_steps;
    t->progress.loss = loss;
    t->progress.held_out_loss = nan("");
    if (t->watch != NULL && step < n_steps)
        t->watch(t->watch_context, &t->progress);
}

static void on_epoch(struct session *t, double held_out_loss)
{
    t->progress.held_out_loss = held_out_loss;
    if (t->watch != NULL)
        t->watch(t->watch_context, &t->progress);
}

static struct network_shape make_shape(const struct session *t, const struct features *features)
{
    const struct train_options *o = t->options;
    return (struct network_shape){.width = features->width,
                                  .hidden1 = o->hidden1,
                                  .hidden2 = o->hidden2,
                                  .tower = o->tower,
                                  .heads = t->targets.n,
                                  .experts = o->architecture.kind == ARCHITECTURE_MMOE ? o->experts : 0};
}

/* The sum over the heads that can be learnt of the mean weighted log loss. */
static double joint_loss(const struct session *t, const float *z, const struct samples *samples)
{
    const size_t heads = t->targets.n;
    double sum = 0.0;
    for (size_t i = 0; i < samples->n; i++) {
        for (size_t h = 0; h < heads; h++) {
            const double weight = samples->weights == NULL ? 1.0 : (double)samples->weights[i * heads + h];
            if (!t->constant[h])
                sum += weight * network_log_loss((double)z[i * heads + h], (int)(samples->labels[i] >> h & 1u));
        }
    }
    return sum / (double)samples->n;
}

/* Tries epochs until the held-out loss did not fall PATIENCE times; z_best [n_held * heads] are the logits of the best.
 */
static enum status try_epochs(struct session *t, struct trainer *trainer, const struct network_shape *shape,
                              const struct samples *held, float *z, float *z_best, size_t *ret_epochs)
{
    double best = HUGE_VAL, loss = 0.0;
    t->progress.n_epochs = t->options->max_epochs;
    for (size_t epoch = 1; epoch <= t->options->max_epochs && epoch <= *ret_epochs + PATIENCE; epoch++) {
        t->progress.epoch = epoch;
        TRY(trainer_epoch(trainer, on_step, t, &loss, t->err));
        const struct learnt learnt = trainer_learnt(trainer);
        TRY(samples_predict(held, shape, &learnt, t->workers, z, t->err));
        const double held_loss = joint_loss(t, z, held);
        on_epoch(t, held_loss);
        if (held_loss < best) {
            best = held_loss;
            *ret_epochs = epoch;
            memcpy(z_best, z, held->n * shape->heads * sizeof *z);
        }
    }
    return STATUS_OK;
}

static void calibrate(struct session *t, const float *z, const struct samples *held)
{
    const size_t n_heads = t->targets.n;
    for (size_t h = 0; h < n_heads; h++) {
        struct platt *platt = &t->model->heads[h].platt;
        *platt = t->constant[h] ? (struct platt){0.0, log(t->rates[h] / (1.0 - t->rates[h]))}
                                : platt_fit(z + h, n_heads, held->labels, h, held->n);
    }
}

/* First pass: how many epochs, and the calibration. */
static enum status choose(struct session *t, size_t *ret_epochs)
{
    struct features *features = NULL;
    struct samples fit = {0}, held = {0};
    struct trainer *trainer = NULL;
    float *z = mem_alloc(2 * t->n_held * t->targets.n, sizeof *z);
    enum status s = z == NULL ? err_no_memory(t->err) : features_new(t->d, t->fit_rows, t->n_fit, &features, t->err);
    if (s != STATUS_OK)
        goto out;
    const struct network_shape shape = make_shape(t, features);
    s = samples_new(features, t->d, &t->targets, t->fit_rows, t->n_fit, &fit, t->err);
    if (s == STATUS_OK)
        s = samples_new(features, t->d, &t->targets, t->held_rows, t->n_held, &held, t->err);
    if (s == STATUS_OK)
        s = trainer_new(&fit, &shape, t->rates, &t->options->trainer, t->workers, &trainer, t->err);
    float *z_best = z + t->n_held * t->targets.n;
    if (s == STATUS_OK)
        s = try_epochs(t, trainer, &shape, &held, z, z_best, ret_epochs);
    if (s == STATUS_OK)
        calibrate(t, z_best, &held);
out:
    trainer_free(trainer);
    samples_done(&fit);
    samples_done(&held);
    features_free(features);
    mem_free(z);
    return s;
}

static enum status copy_floats(const float *from, size_t n, float **ret, struct err *err)
{
    *ret = mem_alloc(n, sizeof **ret);
    if (*ret == NULL)
        return err_no_memory(err);
    memcpy(*ret, from, n * sizeof **ret);
    return STATUS_OK;
}

static enum status run_refit(struct session *t, struct trainer *trainer, size_t epochs)
{
    struct model *model = t->model;
    double loss = 0.0;
    t->progress.refit = true;
    t->progress.n_epochs = epochs;
    for (size_t epoch = 1; epoch <= epochs; epoch++) {
        t->progress.epoch = epoch;
        TRY(trainer_epoch(trainer, on_step, t, &loss, t->err));
        on_epoch(t, nan(""));
    }
    const struct learnt learnt = trainer_learnt(trainer);
    TRY(effects_copy(learnt.effects, &model->effects, t->err));
    TRY(copy_floats(learnt.theta, network_layout(&model->shape).n, &model->theta, t->err));
    return copy_floats(learnt.embeddings, model->features->n_embeddings, &model->embeddings, t->err);
}

/* Second pass: the model's features and parameters from all rows. */
static enum status refit(struct session *t, size_t epochs)
{
    struct model *model = t->model;
    struct samples all = {0};
    struct trainer *trainer = NULL;
    TRY(features_new(t->d, t->rows, t->n, &model->features, t->err));
    model->shape = make_shape(t, model->features);
    enum status s = samples_new(model->features, t->d, &t->targets, t->rows, t->n, &all, t->err);
    if (s == STATUS_OK)
        s = trainer_new(&all, &model->shape, t->rates, &t->options->trainer, t->workers, &trainer, t->err);
    if (s == STATUS_OK)
        s = run_refit(t, trainer, epochs);
    trainer_free(trainer);
    samples_done(&all);
    return s;
}

/* Mean and deviation of each head's probability on the held-out rows. */
static enum status measure_heads(struct session *t)
{
    struct model *model = t->model;
    const size_t n_heads = model->shape.heads;
    struct samples held = {0};
    float *z = mem_alloc(t->n_held * n_heads, sizeof *z);
    enum status s = STATUS_OK;
    if (z == NULL)
        return err_no_memory(t->err);
    s = samples_new(model->features, t->d, &t->targets, t->held_rows, t->n_held, &held, t->err);
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    if (s == STATUS_OK)
        s = samples_predict(&held, &model->shape, &learnt, t->workers, z, t->err);
    for (size_t h = 0; s == STATUS_OK && h < n_heads; h++) {
        double sum = 0.0, squares = 0.0;
        for (size_t i = 0; i < t->n_held; i++)
            sum += (double)platt_probability(&model->heads[h].platt, (double)z[i * n_heads + h]);
        const double mean = sum / (double)t->n_held;
        for (size_t i = 0; i < t->n_held; i++) {
            const double p = (double)platt_probability(&model->heads[h].platt, (double)z[i * n_heads + h]);
            squares += (p - mean) * (p - mean);
        }
        model->heads[h].mean = mean;
        model->heads[h].sd = sqrt(squares / (double)t->n_held);
    }
    samples_done(&held);
    mem_free(z);
    return s;
}

static enum status describe(struct session *t, size_t epochs)
{
    struct model *model = t->model;
    struct buf options = BUF_INIT;
    memcpy(model->data_hash, t->d->hash, sizeof model->data_hash);
    model->first_day = t->first_day;
    model->last_day = t->last_day;
    model->calibration_day = t->calibration_day;
    model->seed = t->options->trainer.seed;
    train_options_write(t->options, epochs, &options);
    model->options = buf_take(&options);
    return model->options == NULL ? err_no_memory(t->err) : STATUS_OK;
}

static enum status run(struct session *t)
{
    size_t epochs = 1;
    TRY(workers_new(t->options->threads, &t->workers, t->err));
    TRY(make_heads(t));
    TRY(split_rows(t));
    find_rates(t);
    TRY(choose(t, &epochs));
    TRY(refit(t, epochs));
    TRY(measure_heads(t));
    return describe(t, epochs);
}

enum status train(const struct dataset *dataset, const struct train_options *options, train_watch *watch, void *context,
                  struct model **ret, struct err *err)
{
    struct session t = {.d = dataset, .options = options, .watch = watch, .watch_context = context, .err = err};
    t.model = mem_alloc(1, sizeof *t.model);
    if (t.model == NULL)
        return err_no_memory(err);
    const enum status s = run(&t);
    workers_free(t.workers);
    mem_free(t.rows);
    mem_free(t.fit_rows);
    mem_free(t.held_rows);
    if (s != STATUS_OK) {
        model_free(t.model);
        return s;
    }
    *ret = t.model;
    return STATUS_OK;
}
