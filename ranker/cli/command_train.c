#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "ranker/cli/commands.h"
#include "ranker/cli/pairs.h"
#include "ranker/day.h"
#include "ranker/train.h"

static const char *out, *days, *architecture = "shared", *importance, *calibration = "platt", *keep, *pooled,
                               *checkpoint, *leave_out;
static int64_t threads = 2, seed = 1, epochs = 12, experts = 4, checkpoint_steps = 1000;
static double learning_rate = 1e-3;
static bool wide;

const struct opt TRAIN_OPTIONS[] = {
    {"out", OPT_TEXT, &out, "MODEL", "the model file to write", 0, 0},
    {"days", OPT_TEXT, &days, "A..B", "days of training, yyyymmdd..yyyymmdd; the last is held out first (default: all)",
     0, 0},
    {"architecture", OPT_TEXT, &architecture, "KIND",
     "shared: heads on a shared bottom; mmoe: on gated experts; binary: one head, any engagement (default: shared)", 0,
     0},
    {"experts", OPT_INT, &experts, "N", "experts of mmoe", 2, NETWORK_MAX_EXPERTS},
    {"wide", OPT_FLAG, &wide, NULL, "a straight line from the inputs to each head beside the layers", 0, 0},
    {"importance", OPT_TEXT, &importance, "HEAD=W,..", "of binary: what counts as engagement, and how much each weighs",
     0, 0},
    {"calibration", OPT_TEXT, &calibration, "KIND", "none, platt or isotonic, on the held-out day (default: platt)", 0,
     0},
    {"keep-negatives", OPT_TEXT, &keep, "R or HEAD=R,..",
     "share of the negatives to learn from, of all heads or of some; probabilities are corrected (default: 1)", 0, 0},
    {"leave-out", OPT_TEXT, &leave_out, "FILE", "users whose rows are not learnt from, an id a line", 0, 0},
    {"pooled", OPT_TEXT, &pooled, "KIND,..",
     "kinds of history, such as watch, whose last 50 items become inputs of the user (default: none)", 0, 0},
    {"threads", OPT_INT, &threads, "N", "threads; the result does not depend on it", 1, WORKERS_MAX},
    {"seed", OPT_INT, &seed, "N", "seed of every random choice", 0, 9e15},
    {"epochs", OPT_INT, &epochs, "N", "passes over the data that are tried at most", 1, 1000},
    {"learning-rate", OPT_REAL, &learning_rate, "X", "of Adam", 1e-6, 1},
    {"checkpoint", OPT_TEXT, &checkpoint, "FILE",
     "keep the state there; go on from it when it is there; removed at the end", 0, 0},
    {"checkpoint-steps", OPT_INT, &checkpoint_steps, "N", "steps between two states, beside the ends of epochs", 1,
     1e9},
    OPT_END,
};

/* What the progress display needs between calls. */
struct display {
    bool terminal;
    int64_t start_ns, drawn_ns;
};

static void draw_bar(const struct display *display, const struct train_progress *p)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    const double seconds = (double)(clock_monotonic_ns() - display->start_ns) / 1e9;
    const double left = p->steps_done > 0 ? seconds * (double)p->steps_left / (double)p->steps_done : 0.0;
    const size_t filled = (size_t)(seconds / (seconds + left + 1e-9) * WIDTH);
    memset(bar, '.', WIDTH);
    memset(bar, '#', filled < WIDTH ? filled : WIDTH);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r%s [%s] epoch %zu  loss %.4f  %.0f s, about %.0f s left \033[K",
            p->refit ? "all days" : "choosing", bar, p->epoch, p->loss, seconds, left);
}

static void watch(void *context, const struct train_progress *p)
{
    struct display *display = context;
    const int64_t now = clock_monotonic_ns();
    const bool last = p->step == p->n_steps;
    if (display->terminal && (last || now - display->drawn_ns > 100000000)) {
        display->drawn_ns = now;
        draw_bar(display, p);
    }
    if (!last)
        return;
    char held_out[48] = "";
    if (!isnan(p->held_out_loss))
        (void)snprintf(held_out, sizeof held_out, ", held-out day %.5f", p->held_out_loss);
    fprintf(stderr, "%s%s: epoch %zu of %s%zu, loss %.5f%s (%.1f s)\n", display->terminal ? "\r\033[K" : "",
            p->refit ? "all days" : "choosing", p->epoch, p->refit ? "" : "at most ", p->n_epochs, p->loss, held_out,
            (double)(now - display->start_ns) / 1e9);
}

static enum status run(const char *path, struct train_options *options, struct err *err)
{
    struct dataset *dataset = NULL;
    struct model *model = NULL;
    struct display display = {isatty(STDERR_FILENO) == 1, clock_monotonic_ns(), 0};
    enum status s = file_check_writable(out, err);
    if (s == STATUS_OK && checkpoint != NULL)
        s = file_check_writable(checkpoint, err);
    if (s == STATUS_OK)
        s = dataset_read(path, &dataset, err);
    if (s == STATUS_OK && leave_out != NULL)
        s = left_out_read(leave_out, dataset, &options->left_out, err);
    if (s == STATUS_OK)
        s = train(dataset, options, watch, &display, &model, err);
    if (s == STATUS_OK)
        s = model_write(model, out, err);
    if (s == STATUS_OK)
        printf("model %s\n", model->hash);
    if (s == STATUS_OK && checkpoint != NULL)
        (void)remove(checkpoint);
    model_free(model);
    left_out_done(&options->left_out);
    dataset_free(dataset);
    return s;
}

static enum status read_importance(struct architecture *ret, struct err *err)
{
    char *copy = mem_strdup(importance), *text = copy, *name, *value;
    double weight;
    enum status s = copy == NULL ? err_no_memory(err) : STATUS_OK;
    while (s == STATUS_OK && pairs_next(&text, &name, &value)) {
        if (!pairs_number(value, &weight))
            s = err_set(err, STATUS_INVALID, "%.100s needs a number, such as %.100s=1.5", name, name);
        else
            s = architecture_add(ret, name, weight, err);
    }
    mem_free(copy);
    return s == STATUS_OK ? s : err_wrap(err, s, "--importance");
}

static enum status read_architecture(struct architecture *ret, struct err *err)
{
    if (!architecture_find(architecture, &ret->kind))
        return err_set(err, STATUS_INVALID, "--architecture %.60s: shared, mmoe or binary is expected", architecture);
    if ((ret->kind == ARCHITECTURE_BINARY) != (importance != NULL && *importance != '\0'))
        return err_set(err, STATUS_INVALID, "--importance HEAD=W,.. %s --architecture binary",
                       importance != NULL ? "is for" : "is missing:");
    return importance != NULL ? read_importance(ret, err) : STATUS_OK;
}

static enum status add_keep(struct train_options *options, const char *head, const char *value, struct err *err)
{
    double share = 0.0;
    if (!pairs_number(value, &share) || !(share > 0.0) || share > 1.0)
        return err_set(err, STATUS_INVALID, "--keep-negatives %.60s: a number above 0 and up to 1 is expected",
                       value != NULL ? value : head);
    if (options->n_keep == DATASET_MAX_HEADS)
        return err_set(err, STATUS_INVALID, "--keep-negatives: allowed are up to %d heads", DATASET_MAX_HEADS);
    options->keep[options->n_keep++] = (struct train_keep){head, share};
    return STATUS_OK;
}

/* copy: of the option's text, cut up; the heads point into it. */
static enum status read_keep(char *copy, struct train_options *options, struct err *err)
{
    char *text = copy, *name, *value;
    if (strchr(copy, '=') == NULL)
        return add_keep(options, NULL, copy, err);
    while (pairs_next(&text, &name, &value))
        TRY(add_keep(options, name, value, err));
    return STATUS_OK;
}

/* copy: as of read_keep(). */
static enum status read_pooled(char *copy, struct train_options *options, struct err *err)
{
    char *text = copy, *name, *value;
    while (pairs_next(&text, &name, &value)) {
        if (value != NULL || *name == '\0')
            return err_set(err, STATUS_INVALID, "--pooled %.60s: kinds of history are expected, such as watch,like",
                           pooled);
        if (options->n_pooled == DATASET_MAX_HISTORIES)
            return err_set(err, STATUS_INVALID, "--pooled: allowed are up to %d kinds of history",
                           DATASET_MAX_HISTORIES);
        options->pooled[options->n_pooled++] = name;
    }
    return STATUS_OK;
}

/* Copies of texts that options point into. */
struct copies {
    char *keep, *pooled;
};

static enum status copy_text(const char *text, char **ret, struct err *err)
{
    *ret = text != NULL ? mem_strdup(text) : NULL;
    return text != NULL && *ret == NULL ? err_no_memory(err) : STATUS_OK;
}

static enum status read_options(struct train_options *options, const struct copies *copies, struct err *err)
{
    if (days != NULL)
        TRY(day_range(days, &options->first_day, &options->last_day, err));
    if (!calibration_find(calibration, &options->calibration))
        return err_set(err, STATUS_INVALID, "--calibration %.60s: none, platt or isotonic is expected", calibration);
    if (copies->keep != NULL)
        TRY(read_keep(copies->keep, options, err));
    if (copies->pooled != NULL)
        TRY(read_pooled(copies->pooled, options, err));
    options->threads = (size_t)threads;
    options->max_epochs = (size_t)epochs;
    options->experts = (size_t)experts;
    options->wide = wide;
    options->checkpoint = checkpoint;
    options->checkpoint_steps = (size_t)checkpoint_steps;
    options->trainer.seed = (uint64_t)seed;
    options->trainer.learning_rate = learning_rate;
    return read_architecture(&options->architecture, err);
}

int command_train(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct train_options options;
    int code;
    train_options_init(&options);
    if (out == NULL)
        return command_usage("train: --out MODEL is missing");
    struct copies copies = {NULL, NULL};
    if (copy_text(keep, &copies.keep, &err) != STATUS_OK || copy_text(pooled, &copies.pooled, &err) != STATUS_OK)
        code = command_failed(&err);
    else if (read_options(&options, &copies, &err) != STATUS_OK)
        code = command_usage(err.text);
    else
        code = run(operands[0], &options, &err) == STATUS_OK ? EXIT_DONE : command_failed(&err);
    architecture_done(&options.architecture);
    mem_free(copies.keep);
    mem_free(copies.pooled);
    return code;
}
