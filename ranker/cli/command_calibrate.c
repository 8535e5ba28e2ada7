#include <stdio.h>

#include "base/core/file.h"
#include "ranker/cli/commands.h"
#include "ranker/day.h"
#include "ranker/evaluate.h"
#include "ranker/recalibrate.h"
#include "ranker/workers.h"

static const char *out, *day, *calibration = "platt";
static int64_t threads = 2;

const struct opt CALIBRATE_OPTIONS[] = {
    {"out", OPT_TEXT, &out, "MODEL", "the model file to write", 0, 0},
    {"day", OPT_TEXT, &day, "A", "the day to calibrate on, yyyymmdd", 0, 0},
    {"calibration", OPT_TEXT, &calibration, "KIND", "none, platt or isotonic (default: platt)", 0, 0},
    {"threads", OPT_INT, &threads, "N", "threads; the result does not depend on it", 1, WORKERS_MAX},
    OPT_END,
};

static void print_table(const struct model *model, const struct metrics *before, const struct metrics *after)
{
    printf("%-18s %10s %22s %22s\n", "head", "positives", "exp/obs before, after", "log loss before, after");
    for (size_t h = 0; h < model->shape.heads; h++)
        printf("%-18s %10zu %11.3f %10.3f %11.5f %10.5f\n", model->heads[h].name, before[h].positives,
               before[h].expected_over_observed, after[h].expected_over_observed, before[h].logloss, after[h].logloss);
}

static enum status run(char **paths, const struct recalibrate_options *options, struct err *err)
{
    const struct evaluate_options judged = {
        .first_day = options->day, .last_day = options->day, .threads = options->threads};
    struct metrics before[DATASET_MAX_HEADS], after[DATASET_MAX_HEADS];
    struct model *model = NULL;
    struct dataset *dataset = NULL;
    enum status s = file_check_writable(out, err);
    if (s == STATUS_OK)
        s = model_read(paths[0], &model, err);
    if (s == STATUS_OK)
        s = dataset_read(paths[1], &dataset, err);
    if (s == STATUS_OK)
        s = evaluate(model, dataset, &judged, before, NULL, err);
    if (s == STATUS_OK)
        s = recalibrate(model, dataset, options, err);
    if (s == STATUS_OK)
        s = evaluate(model, dataset, &judged, after, NULL, err);
    if (s == STATUS_OK)
        s = model_write(model, out, err);
    if (s == STATUS_OK) {
        print_table(model, before, after);
        printf("model %s\n", model->hash);
    }
    model_free(model);
    dataset_free(dataset);
    return s;
}

int command_calibrate(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct recalibrate_options options = {.threads = (size_t)threads};
    int32_t last = 0;
    if (out == NULL)
        return command_usage("calibrate: --out MODEL is missing");
    if (day == NULL)
        return command_usage("calibrate: --day yyyymmdd is missing");
    if (day_range(day, &options.day, &last, &err) != STATUS_OK || last != options.day)
        return command_usage("calibrate: --day: one day, yyyymmdd, is expected");
    if (!calibration_find(calibration, &options.kind)) {
        (void)err_set(&err, STATUS_INVALID, "--calibration %.60s: none, platt or isotonic is expected", calibration);
        return command_usage(err.text);
    }
    return run(operands, &options, &err) == STATUS_OK ? EXIT_DONE : command_failed(&err);
}
