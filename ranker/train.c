#include "ranker/train.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/checkpoint.h"
#include "ranker/lesson.h"

enum { PATIENCE = 2 };

/* The whole training. */
struct session {
    const struct dataset *d;
    const struct train_options *options;
    train_watch *watch;
    void *watch_context;
    struct err *err;
    struct workers *workers;
    struct trainer *trainer; /* of the pass */
    struct lesson lesson;
    struct checkpoint state; /* where the training is; logits [held rows * heads] of the best epoch */
    struct checkpoint_file resumed;
    char *what; /* the training's text, of a checkpoint */
    struct train_progress progress;
    struct model *model;
};

static size_t steps_of(const struct session *t, const struct lesson_rows *rows)
{
    return (rows->n + t->options->trainer.batch - 1) / t->options->trainer.batch;
}

/* Steps to come, if no later epoch of the first pass is better than the best so far, the first to begin with. */
static size_t steps_left(const struct session *t)
{
    const struct train_progress *p = &t->progress;
    const size_t in_epoch = p->n_steps - p->step, best = t->state.best_epoch > 0 ? t->state.best_epoch : 1;
    if (p->refit)
        return in_epoch + (p->n_epochs - p->epoch) * p->n_steps;
    const size_t last = best + PATIENCE < p->n_epochs ? best + PATIENCE : p->n_epochs;
    return in_epoch + (last - p->epoch) * p->n_steps + best * steps_of(t, &t->lesson.all);
}

static enum status on_step(void *context, size_t step, size_t n_steps, double loss, struct err *err)
{
    struct session *t = context;
    const struct train_options *o = t->options;
    t->progress.step = step;
    t->progress.n_steps = n_steps;
    t->progress.loss = loss;
    t->progress.held_out_loss = nan("");
    t->progress.steps_done++;
    t->progress.steps_left = steps_left(t);
    if (o->checkpoint != NULL && (step == n_steps || t->progress.steps_done % o->checkpoint_steps == 0))
        TRY(checkpoint_write(o->checkpoint, t->what, &t->state, t->trainer, err));
    if (t->watch != NULL && step < n_steps)
        t->watch(t->watch_context, &t->progress);
    return STATUS_OK;
}

/* A pass begins, or goes on where a checkpoint left it. */
static enum status begin_pass(struct session *t, enum checkpoint_pass pass, size_t n_epochs)
{
    t->progress.refit = pass == CHECKPOINT_REFIT;
    t->progress.n_epochs = n_epochs;
    if (!t->resumed.found || t->state.pass != pass) {
        t->state.pass = pass;
        t->state.epoch = 1;
        return STATUS_OK;
    }
    const enum status s = trainer_restore(t->trainer, &t->resumed.reader, t->err);
    checkpoint_file_done(&t->resumed);
    return s == STATUS_OK ? s : err_wrap(t->err, s, "%s", t->options->checkpoint);
}

/* A restored epoch may end without a step. */
static void on_epoch(struct session *t, double loss, double held_out_loss)
{
    struct train_progress *p = &t->progress;
    p->step = p->n_steps = steps_of(t, p->refit ? &t->lesson.all : &t->lesson.fit);
    p->loss = loss;
    p->held_out_loss = held_out_loss;
    p->steps_left = steps_left(t);
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
                                  .heads = t->lesson.targets.n,
                                  .experts = o->architecture.kind == ARCHITECTURE_MMOE ? o->experts : 0,
                                  .wide = o->wide};
}

/* The sum over the heads that can be learnt of the mean weighted log loss. */
static double joint_loss(const struct session *t, const float *z, const struct samples *samples)
{
    const size_t heads = t->lesson.targets.n;
    double sum = 0.0, shift[DATASET_MAX_HEADS];
    for (size_t h = 0; h < heads; h++)
        shift[h] = log(t->lesson.targets.keep[h]);
    for (size_t i = 0; i < samples->n; i++) {
        for (size_t h = 0; h < heads; h++) {
            const double weight = samples->weights == NULL ? 1.0 : (double)samples->weights[i * heads + h];
            if (!t->lesson.constant[h])
                sum +=
                    weight * network_log_loss((double)z[i * heads + h] + shift[h], (int)(samples->labels[i] >> h & 1u));
        }
    }
    return sum / (double)samples->n;
}

/* Tries epochs until the held-out loss did not fall PATIENCE times; z: storage like the logits of the state. */
static enum status try_epochs(struct session *t, const struct network_shape *shape, const struct samples *held,
                              float *z)
{
    struct checkpoint *state = &t->state;
    double loss = 0.0;
    TRY(begin_pass(t, CHECKPOINT_CHOOSING, t->options->max_epochs));
    for (; state->epoch <= t->options->max_epochs && state->epoch <= state->best_epoch + PATIENCE; state->epoch++) {
        t->progress.epoch = state->epoch;
        TRY(trainer_epoch(t->trainer, on_step, t, &loss, t->err));
        const struct learnt learnt = trainer_learnt(t->trainer);
        TRY(samples_predict(held, shape, &learnt, t->workers, z, t->err));
        const double held_loss = joint_loss(t, z, held);
        on_epoch(t, loss, held_loss);
        if (held_loss < state->best_loss) {
            state->best_loss = held_loss;
            state->best_epoch = state->epoch;
            memcpy(state->logits, z, state->n_logits * sizeof *z);
        }
    }
    return state->best_epoch > 0 ? STATUS_OK
                                 : err_set(t->err, STATUS_INTERNAL,
                                           "the loss of the held-out day is not finite: try a smaller --learning-rate");
}

static enum status calibrate(struct session *t, const float *z, const struct samples *held)
{
    const size_t n_heads = t->lesson.targets.n;
    for (size_t h = 0; h < n_heads; h++) {
        struct calibration *calibration = &t->model->heads[h].calibration;
        if (t->lesson.constant[h])
            *calibration = calibration_constant(t->lesson.rates[h]);
        else
            TRY(calibration_fit(t->options->calibration, t->lesson.targets.keep[h], z + h, n_heads, held->labels, h,
                                held->n, calibration, t->err));
    }
    return STATUS_OK;
}

static void end_pass(struct session *t)
{
    trainer_free(t->trainer);
    t->trainer = NULL;
}

/* First pass: how many epochs, and the calibration. */
static enum status choose(struct session *t)
{
    struct features *features = NULL;
    struct samples fit = {0}, held = {0};
    float *z = mem_alloc(t->state.n_logits, sizeof *z);
    enum status s = z == NULL
                        ? err_no_memory(t->err)
                        : features_new(t->d, t->lesson.fit.rows, t->lesson.fit.n, t->lesson.pooled, &features, t->err);
    if (s != STATUS_OK)
        goto out;
    const struct network_shape shape = make_shape(t, features);
    s = samples_new(features, t->d, &t->lesson.targets, t->lesson.fit.rows, t->lesson.fit.n, &fit, t->err);
    if (s == STATUS_OK)
        s = samples_new(features, t->d, &t->lesson.whole_targets, t->lesson.held.rows, t->lesson.held.n, &held, t->err);
    const bool chosen = t->resumed.found && t->state.pass == CHECKPOINT_REFIT;
    if (s == STATUS_OK && !chosen)
        s = trainer_new(&fit, &shape, t->lesson.rates, t->lesson.targets.keep, &t->options->trainer, t->workers,
                        &t->trainer, t->err);
    if (s == STATUS_OK && !chosen)
        s = try_epochs(t, &shape, &held, z);
    if (s == STATUS_OK)
        s = calibrate(t, t->state.logits, &held);
out:
    end_pass(t);
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

static enum status run_refit(struct session *t)
{
    struct model *model = t->model;
    double loss = 0.0;
    TRY(begin_pass(t, CHECKPOINT_REFIT, t->state.best_epoch));
    for (; t->state.epoch <= t->state.best_epoch; t->state.epoch++) {
        t->progress.epoch = t->state.epoch;
        TRY(trainer_epoch(t->trainer, on_step, t, &loss, t->err));
        on_epoch(t, loss, nan(""));
    }
    const struct learnt learnt = trainer_learnt(t->trainer);
    TRY(effects_copy(learnt.effects, &model->effects, t->err));
    TRY(copy_floats(learnt.theta, network_layout(&model->shape).n, &model->theta, t->err));
    return copy_floats(learnt.embeddings, model->features->n_embeddings, &model->embeddings, t->err);
}

/* Second pass: the model's features and parameters from all rows. */
static enum status refit(struct session *t)
{
    struct model *model = t->model;
    struct samples all = {0};
    TRY(features_new(t->d, t->lesson.all.rows, t->lesson.all.n, t->lesson.pooled, &model->features, t->err));
    model->shape = make_shape(t, model->features);
    enum status s =
        samples_new(model->features, t->d, &t->lesson.targets, t->lesson.all.rows, t->lesson.all.n, &all, t->err);
    if (s == STATUS_OK)
        s = trainer_new(&all, &model->shape, t->lesson.rates, t->lesson.targets.keep, &t->options->trainer, t->workers,
                        &t->trainer, t->err);
    if (s == STATUS_OK)
        s = run_refit(t);
    end_pass(t);
    samples_done(&all);
    return s;
}

/* Mean and deviation of each head's probability on the held-out rows. */
static enum status measure_heads(struct session *t)
{
    struct model *model = t->model;
    const size_t n_heads = model->shape.heads;
    struct samples held = {0};
    float *z = mem_alloc(t->lesson.held.n * n_heads, sizeof *z);
    enum status s = STATUS_OK;
    if (z == NULL)
        return err_no_memory(t->err);
    s = samples_new(model->features, t->d, &t->lesson.whole_targets, t->lesson.held.rows, t->lesson.held.n, &held,
                    t->err);
    const struct learnt learnt = {model->theta, model->embeddings, &model->effects};
    if (s == STATUS_OK)
        s = samples_predict(&held, &model->shape, &learnt, t->workers, z, t->err);
    for (size_t h = 0; s == STATUS_OK && h < n_heads; h++)
        calibration_moments(&model->heads[h].calibration, z + h, n_heads, t->lesson.held.n, &model->heads[h].mean,
                            &model->heads[h].sd);
    samples_done(&held);
    mem_free(z);
    return s;
}

static enum status describe(struct session *t)
{
    struct model *model = t->model;
    struct buf options = BUF_INIT;
    TRY(architecture_copy(&t->options->architecture, &model->architecture, t->err));
    for (size_t h = 0; h < t->lesson.targets.n; h++) {
        model->heads[h].name = mem_strdup(t->lesson.names[h]);
        if (model->heads[h].name == NULL)
            return err_no_memory(t->err);
    }
    memcpy(model->data_hash, t->d->hash, sizeof model->data_hash);
    model->first_day = t->lesson.first_day;
    model->last_day = t->lesson.last_day;
    model->calibration_day = t->lesson.held_day;
    model->seed = t->options->trainer.seed;
    train_options_write(t->options, t->state.best_epoch, &options);
    model->options = buf_take(&options);
    return model->options == NULL ? err_no_memory(t->err) : STATUS_OK;
}

/* The state to begin with: that of the checkpoint, where there is one. */
static enum status prepare(struct session *t)
{
    struct buf what = BUF_INIT;
    t->state = (struct checkpoint){.epoch = 1, .best_loss = HUGE_VAL};
    t->state.n_logits = t->lesson.held.n * t->lesson.targets.n;
    t->state.logits = mem_alloc(t->state.n_logits, sizeof *t->state.logits);
    train_options_identify(t->options, t->d->hash, &what);
    t->what = buf_take(&what);
    if (t->state.logits == NULL || t->what == NULL)
        return err_no_memory(t->err);
    if (t->options->checkpoint == NULL)
        return STATUS_OK;
    return checkpoint_read(t->options->checkpoint, t->what, &t->state, &t->resumed, t->err);
}

static enum status run(struct session *t)
{
    TRY(workers_new(t->options->threads, &t->workers, t->err));
    TRY(lesson_make(t->d, t->options, &t->lesson, t->err));
    TRY(prepare(t));
    TRY(choose(t));
    TRY(refit(t));
    TRY(measure_heads(t));
    return describe(t);
}

enum status train(const struct dataset *dataset, const struct train_options *options, train_watch *watch, void *context,
                  struct model **ret, struct err *err)
{
    struct session t = {.d = dataset,
                        .options = options,
                        .watch = watch,
                        .watch_context = context,
                        .err = err,
                        .resumed = {.file = BUF_INIT}};
    t.model = mem_alloc(1, sizeof *t.model);
    if (t.model == NULL)
        return err_no_memory(err);
    const enum status s = run(&t);
    checkpoint_file_done(&t.resumed);
    mem_free(t.state.logits);
    mem_free(t.what);
    workers_free(t.workers);
    lesson_done(&t.lesson);
    if (s != STATUS_OK) {
        model_free(t.model);
        return s;
    }
    *ret = t.model;
    return STATUS_OK;
}
