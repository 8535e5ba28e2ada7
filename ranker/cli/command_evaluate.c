#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/core/file.h"
#include "base/json/json_write.h"
#include "ranker/cli/commands.h"
#include "ranker/cli/reliability_svg.h"
#include "ranker/day.h"
#include "ranker/evaluate.h"
#include "ranker/workers.h"

static const char *days, *plot, *segment, *daily;
static bool json, reliability;
static int64_t threads = 2, intervals, seed = 1;

const struct opt EVALUATE_OPTIONS[] = {
    {"days", OPT_TEXT, &days, "A..B", "days to judge on, yyyymmdd..yyyymmdd (default: all)", 0, 0},
    {"daily", OPT_TEXT, &daily, "KIND",
     "platt or isotonic: judge each day but the first calibrated on the one before it, all pooled", 0, 0},
    {"threads", OPT_INT, &threads, "N", "threads; the result does not depend on it", 1, WORKERS_MAX},
    {"intervals", OPT_INT, &intervals, "N", "95 % intervals from N draws of the users, such as 1000", 0, 100000},
    {"seed", OPT_INT, &seed, "N", "seed of those draws", 0, 9e15},
    {"reliability", OPT_FLAG, &reliability, NULL, "print the bins of each head too", 0, 0},
    {"segment", OPT_TEXT, &segment, "COLUMN", "expected / observed for each value of a categorical column", 0, 0},
    {"plot", OPT_TEXT, &plot, "FILE", "draw the bins of each head as an SVG image", 0, 0},
    {"json", OPT_FLAG, &json, NULL, "print JSON", 0, 0},
    OPT_END,
};

static void print_table(const struct model *model, const struct metrics *metrics)
{
    printf("%-18s %9s %9s %8s %9s %10s %8s %10s\n", "head", "n", "positives", "auc", "logloss", "constant", "ece",
           "exp/obs");
    for (size_t h = 0; h < model->shape.heads; h++) {
        const struct metrics *m = &metrics[h];
        printf("%-18s %9zu %9zu %8.4f %9.5f %10.5f %8.4f %10.3f\n", model->heads[h].name, m->n, m->positives, m->auc,
               m->logloss, m->constant_logloss, m->ece, m->expected_over_observed);
    }
}

static void print_intervals(const struct model *model, const struct metrics *metrics)
{
    printf("\n%-18s %19s %21s %17s\n", "95 %, by users", "auc", "logloss", "exp/obs");
    for (size_t h = 0; h < model->shape.heads; h++) {
        const struct metrics *m = &metrics[h];
        printf("%-18s   %8.4f %8.4f   %9.5f %9.5f   %7.3f %7.3f\n", model->heads[h].name, m->auc_interval.low,
               m->auc_interval.high, m->logloss_interval.low, m->logloss_interval.high, m->ratio_interval.low,
               m->ratio_interval.high);
    }
}

static void print_bins(const struct model *model, const struct metrics *metrics)
{
    printf("\n%-18s %3s %9s %9s %10s %10s %10s %10s\n", "head", "bin", "n", "positives", "expected", "observed", "low",
           "high");
    for (size_t h = 0; h < model->shape.heads; h++) {
        for (size_t b = 0; b < METRICS_BINS; b++) {
            const struct metrics_bin *bin = &metrics[h].bins[b];
            double low, high;
            metrics_interval(bin->positives, bin->n, &low, &high);
            printf("%-18s %3zu %9zu %9zu %10.6f %10.6f %10.6f %10.6f\n", model->heads[h].name, b + 1, bin->n,
                   bin->positives, bin->expected, bin->n == 0 ? 0.0 : (double)bin->positives / (double)bin->n, low,
                   high);
        }
    }
}

static const char *segment_name(const struct segment *s)
{
    return s->name != NULL ? s->name : "(empty)";
}

static void print_segments(const struct model *model, const struct segments *segments)
{
    printf("\n%-18s %-20s %9s %9s %10s %9s\n", "head", segment, "n", "positives", "exp/obs", "se");
    for (size_t h = 0; h < model->shape.heads; h++) {
        for (size_t i = 0; i < segments->n; i++) {
            const struct segment *s = &segments->list[i];
            printf("%-18s %-20.20s %9zu %9zu %10.3f %9.3f\n", model->heads[h].name, segment_name(s), s->n,
                   s->heads[h].positives, s->heads[h].ratio, s->heads[h].se);
        }
    }
}

static enum status write_plot(const struct model *model, const struct metrics *metrics, struct err *err)
{
    struct buf svg = BUF_INIT;
    reliability_svg(model, metrics, &svg);
    enum status s = buf_status(&svg, err);
    if (s == STATUS_OK)
        s = file_write_atomic(plot, svg.data, svg.length, 0644, err);
    buf_done(&svg);
    return s;
}

static void write_bins(struct json_writer *w, const struct metrics *m)
{
    json_write_key(w, "bins");
    json_write_array(w);
    for (size_t b = 0; b < METRICS_BINS; b++) {
        json_write_object(w);
        json_write_key(w, "n");
        json_write_int(w, (int64_t)m->bins[b].n);
        json_write_key(w, "positives");
        json_write_int(w, (int64_t)m->bins[b].positives);
        json_write_key(w, "expected");
        json_write_number(w, m->bins[b].expected);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_number(struct json_writer *w, const char *name, double value)
{
    json_write_key(w, name);
    json_write_number(w, value);
}

static void write_segments(struct json_writer *w, const struct segments *segments, size_t head)
{
    json_write_key(w, "segments");
    json_write_object(w);
    for (size_t i = 0; i < segments->n; i++) {
        const struct segment *s = &segments->list[i];
        json_write_key(w, segment_name(s));
        json_write_object(w);
        json_write_key(w, "n");
        json_write_int(w, (int64_t)s->n);
        json_write_key(w, "positives");
        json_write_int(w, (int64_t)s->heads[head].positives);
        write_number(w, "expected_over_observed", s->heads[head].ratio);
        write_number(w, "se", s->heads[head].se);
        json_write_object_end(w);
    }
    json_write_object_end(w);
}

static void write_interval(struct json_writer *w, const char *name, struct metrics_interval interval)
{
    json_write_key(w, name);
    json_write_array(w);
    json_write_number(w, interval.low);
    json_write_number(w, interval.high);
    json_write_array_end(w);
}

static void write_head(struct json_writer *w, const struct model *model, const struct metrics *m,
                       const struct segments *segments, size_t head)
{
    json_write_key(w, model->heads[head].name);
    json_write_object(w);
    json_write_key(w, "n");
    json_write_int(w, (int64_t)m->n);
    json_write_key(w, "positives");
    json_write_int(w, (int64_t)m->positives);
    write_number(w, "auc", m->auc);
    write_number(w, "logloss", m->logloss);
    write_number(w, "constant_logloss", m->constant_logloss);
    write_number(w, "ece", m->ece);
    write_number(w, "expected_over_observed", m->expected_over_observed);
    if (intervals > 0) {
        write_interval(w, "auc_interval", m->auc_interval);
        write_interval(w, "logloss_interval", m->logloss_interval);
        write_interval(w, "expected_over_observed_interval", m->ratio_interval);
    }
    write_bins(w, m);
    if (segment != NULL)
        write_segments(w, segments, head);
    json_write_object_end(w);
}

static enum status print_json(const struct model *model, const struct metrics *metrics, const struct segments *segments,
                              struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "model_hash");
    json_write_string(&w, model->hash);
    json_write_key(&w, "days");
    json_write_string(&w, days);
    json_write_key(&w, "heads");
    json_write_object(&w);
    for (size_t h = 0; h < model->shape.heads; h++)
        write_head(&w, model, &metrics[h], segments, h);
    json_write_object_end(&w);
    json_write_object_end(&w);
    const enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        puts(text.data);
    buf_done(&text);
    return s;
}

static enum status run(char **paths, const struct evaluate_options *options, struct err *err)
{
    struct metrics metrics[DATASET_MAX_HEADS];
    struct segments segments = {0};
    struct model *model = NULL;
    struct dataset *dataset = NULL;
    enum status s = model_read(paths[0], &model, err);
    if (s == STATUS_OK)
        s = dataset_read(paths[1], &dataset, err);
    if (s == STATUS_OK)
        s = evaluate(model, dataset, options, metrics, &segments, err);
    if (s == STATUS_OK && json)
        s = print_json(model, metrics, &segments, err);
    else if (s == STATUS_OK)
        print_table(model, metrics);
    if (s == STATUS_OK && intervals > 0 && !json)
        print_intervals(model, metrics);
    if (s == STATUS_OK && reliability && !json)
        print_bins(model, metrics);
    if (s == STATUS_OK && segment != NULL && !json)
        print_segments(model, &segments);
    if (s == STATUS_OK && plot != NULL)
        s = write_plot(model, metrics, err);
    model_free(model);
    dataset_free(dataset);
    return s;
}

int command_evaluate(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct evaluate_options options = {
        .threads = (size_t)threads, .replicates = (size_t)intervals, .seed = (uint64_t)seed, .segment = segment};
    if (days != NULL && day_range(days, &options.first_day, &options.last_day, &err) != STATUS_OK)
        return command_usage(err.text);
    options.daily = daily != NULL;
    if (options.daily && (!calibration_find(daily, &options.kind) || options.kind == CALIBRATION_NONE)) {
        (void)err_set(&err, STATUS_INVALID, "--daily \"%.40s\": platt or isotonic is expected", daily);
        return command_usage(err.text);
    }
    return run(operands, &options, &err) == STATUS_OK ? EXIT_DONE : command_failed(&err);
}
