#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "ranker/bench_network.h"
#include "ranker/bench_scoring.h"
#include "ranker/cli/commands.h"
#include "ranker/model.h"

static const char *network, *kernel_name, *precision_name = "single";
static bool json;
static int64_t repeats = 30, seed = 1;

const struct opt BENCH_OPTIONS[] = {
    {"network", OPT_TEXT, &network, "SHAPE", "random weights instead of a model, such as 288-256-128-5x64", 0, 0},
    {"kernel", OPT_TEXT, &kernel_name, "NAME", "avx512, avx2 or reference (default: the machine's best)", 0, 0},
    {"precision", OPT_TEXT, &precision_name, "NAME", "single, or half: beside single, where the processor can", 0, 0},
    {"repeats", OPT_INT, &repeats, "N", "times that everything is measured", 1, 1000},
    {"seed", OPT_INT, &seed, "N", "seed of every random choice", 0, 9e15},
    {"json", OPT_FLAG, &json, NULL, "print JSON", 0, 0},
    OPT_END,
};

static const size_t SIZES[] = {1, 50, 500, 2000};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, LARGEST = 2000 };
enum { MAX_SUBJECTS = BENCH_NETWORK_SUBJECTS + BENCH_SCORING_SUBJECTS };

/* Which subjects are compared, by their places: the network's first, requests behind them. */
struct comparison {
    size_t above, below;
    const char *text, *key;
};
static const struct comparison SINGLE_RATIOS[] = {
    {0, 1, "held, kernel / reference", "held_over_reference"},
    {2, 3, "all, kernel / reference", "all_over_reference"},
    {2, 4, "all, kernel / training", "all_over_training"},
    {0, 2, "kernel, held / all", "held_over_all"},
    {5, 6, "request, kernel / reference", "request_over_reference"},
    {0, 0, NULL, NULL},
};
static const struct comparison HALF_RATIOS[] = {
    {0, 1, "held, half / single", "held_half_over_single"},
    {2, 3, "all, half / single", "all_half_over_single"},
    {0, 2, "half, held / all", "half_held_over_all"},
    {4, 5, "request, half / single", "request_half_over_single"},
    {0, 0, NULL, NULL},
};
enum { REQUESTS = 200, CANDIDATES = 500 }; /* what accuracy is measured on */

struct result {
    const struct kernel *kernel;
    const struct half_kernel *half; /* NULL: only single precision */
    const struct comparison *ratios;
    struct network_shape shape;
    struct bench_subject subjects[MAX_SUBJECTS];
    struct bench_plan plan;
    double *us;
    double peak, half_peak;   /* GFLOP/s */
    double difference;        /* of logits */
    struct accuracy accuracy; /* only in half precision with a dataset */
};

static const double *times(const struct result *r, size_t subject, size_t size)
{
    return r->us + (subject * N_SIZES + size) * r->plan.repeats;
}

static double ratio(const struct result *r, const struct comparison *c, size_t size)
{
    return bench_ratio(times(r, c->above, size), times(r, c->below, size), r->plan.repeats);
}

static bool has_ratio(const struct result *r, const struct comparison *c)
{
    return c->text != NULL && c->below < r->plan.n_subjects;
}

static size_t item_bytes(const struct result *r)
{
    const size_t wide = r->shape.wide ? 2 * r->shape.heads : 0; /* packed.h */
    return kernel_pad(r->shape.hidden1 + wide) * (r->half != NULL ? sizeof(uint16_t) : sizeof(float));
}

static double rms(const struct accuracy *a)
{
    return sqrt(a->logit_squares / (double)a->n);
}

static void print_rows(const struct result *r)
{
    printf("%-8s %-10s %10s %10s %10s %10s %9s %8s\n", "what", "kernel", "candidates", "min us", "median us", "max us",
           "GFLOP/s", "of peak");
    for (size_t s = 0; s < r->plan.n_subjects; s++) {
        for (size_t i = 0; i < N_SIZES; i++) {
            const struct bench_subject *subject = &r->subjects[s];
            const struct bench_summary t = bench_summarize(times(r, s, i), r->plan.repeats);
            const double gflops = subject->flops * (double)SIZES[i] / t.median / 1e3;
            printf("%-8s %-10s %10zu %10.1f %10.1f %10.1f %9.1f %7.0f%%\n", subject->name, subject->kernel, SIZES[i],
                   t.min, t.median, t.max, gflops, 100.0 * gflops / (subject->half ? r->half_peak : r->peak));
        }
    }
}

static void print_accuracy(const struct accuracy *a)
{
    const double n = (double)a->requests;
    printf("half beside single, %zu requests of %d candidates, all heads: largest difference of a probability %.1e, "
           "of its logit %.1e (root mean square %.1e)\n",
           a->requests, CANDIDATES, a->probability, a->logit, rms(a));
    printf("ranked by the sum of probability / mean: %.2f%% of the first %d the same, first the same in %.1f%%, "
           "Kendall's tau %.5f\n",
           100.0 * a->overlap / n, ACCURACY_TOP, 100.0 * a->first / n, a->tau / n);
}

static void print_text(const struct result *r)
{
    const struct network_shape *s = &r->shape;
    printf("kernel %s, one core's peak %.0f GFLOP/s; network %zu-%zu-%zu-%zux%zu\n", r->kernel->name, r->peak, s->width,
           s->hidden1, s->hidden2, s->heads, s->tower);
    printf("held of an item: %zu bytes; largest difference of a logit between the ways: %.1e\n", item_bytes(r),
           r->difference);
    if (r->half != NULL)
        printf("half precision: kernel %s, one core's peak %.0f GFLOP/s\n", r->half->name, r->half_peak);
    if (r->accuracy.requests > 0)
        print_accuracy(&r->accuracy);
    print_rows(r);
    printf("\n%-28s", "median ratio at candidates");
    for (size_t i = 0; i < N_SIZES; i++)
        printf(" %8zu", SIZES[i]);
    for (const struct comparison *c = r->ratios; has_ratio(r, c); c++) {
        printf("\n%-28s", c->text);
        for (size_t i = 0; i < N_SIZES; i++)
            printf(" %8.3f", ratio(r, c, i));
    }
    putchar('\n');
}

static void write_number(struct json_writer *w, const char *key, double value)
{
    json_write_key(w, key);
    json_write_number(w, value);
}

static void write_text(struct json_writer *w, const char *key, const char *value)
{
    json_write_key(w, key);
    json_write_string(w, value);
}

static void write_row(struct json_writer *w, const struct result *r, size_t s, size_t size)
{
    const struct bench_summary t = bench_summarize(times(r, s, size), r->plan.repeats);
    json_write_object(w);
    write_text(w, "what", r->subjects[s].name);
    write_text(w, "kernel", r->subjects[s].kernel);
    write_number(w, "candidates", (double)SIZES[size]);
    write_number(w, "min_us", t.min);
    write_number(w, "median_us", t.median);
    write_number(w, "max_us", t.max);
    write_number(w, "gflops", r->subjects[s].flops * (double)SIZES[size] / t.median / 1e3);
    json_write_object_end(w);
}

static void write_accuracy(struct json_writer *w, const struct accuracy *a)
{
    const double n = (double)a->requests;
    json_write_key(w, "accuracy");
    json_write_object(w);
    write_number(w, "requests", n);
    write_number(w, "candidates", CANDIDATES);
    write_number(w, "probability", a->probability);
    write_number(w, "logit", a->logit);
    write_number(w, "logit_rms", rms(a));
    write_number(w, "top_overlap", a->overlap / n);
    write_number(w, "same_first", a->first / n);
    write_number(w, "kendall_tau", a->tau / n);
    json_write_object_end(w);
}

static void write_json(struct json_writer *w, const struct result *r)
{
    json_write_object(w);
    write_text(w, "kernel", r->kernel->name);
    write_number(w, "peak_gflops", r->peak);
    write_number(w, "item_bytes", (double)item_bytes(r));
    write_number(w, "largest_difference", r->difference);
    if (r->half != NULL) {
        write_text(w, "half_kernel", r->half->name);
        write_number(w, "half_peak_gflops", r->half_peak);
    }
    if (r->accuracy.requests > 0)
        write_accuracy(w, &r->accuracy);
    json_write_key(w, "times");
    json_write_array(w);
    for (size_t s = 0; s < r->plan.n_subjects; s++) {
        for (size_t i = 0; i < N_SIZES; i++)
            write_row(w, r, s, i);
    }
    json_write_array_end(w);
    json_write_key(w, "ratios");
    json_write_array(w);
    for (size_t i = 0; i < N_SIZES; i++) {
        json_write_object(w);
        write_number(w, "candidates", (double)SIZES[i]);
        for (const struct comparison *c = r->ratios; has_ratio(r, c); c++)
            write_number(w, c->key, ratio(r, c, i));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

static enum status print_json(const struct result *r, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    write_json(&w, r);
    const enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        puts(text.data);
    buf_done(&text);
    return s;
}

/* Measures what is there: requests only with a dataset. */
static enum status measure(struct result *r, struct bench_network *net, struct bench_scoring *scoring, struct err *err)
{
    size_t n = bench_network_subjects(net, r->subjects);
    if (scoring != NULL) {
        bench_scoring_subjects(scoring, r->subjects + n);
        n += BENCH_SCORING_SUBJECTS;
    }
    r->plan = (struct bench_plan){r->subjects, n, SIZES, N_SIZES, (size_t)repeats};
    r->us = mem_alloc(MAX_SUBJECTS * N_SIZES * r->plan.repeats, sizeof *r->us);
    if (r->us == NULL)
        return err_no_memory(err);
    r->difference = bench_network_difference(net);
    r->peak = bench_peak(r->kernel->spin, r->kernel->spin_flops);
    if (r->half != NULL)
        r->half_peak = bench_peak(r->half->spin, r->half->spin_flops);
    if (r->half != NULL && scoring != NULL)
        TRY(bench_scoring_accuracy(scoring, REQUESTS, CANDIDATES, &r->accuracy, err));
    bench_run(&r->plan, r->us);
    if (json)
        return print_json(r, err);
    print_text(r);
    return STATUS_OK;
}

static enum status bench(struct result *r, const float *theta, const char *model_path, const char *dataset_path,
                         struct err *err)
{
    struct bench_network *net = NULL;
    struct bench_scoring *scoring = NULL;
    enum status s = bench_network_new(&r->shape, theta, r->kernel, r->half, LARGEST, (uint64_t)seed, &net, err);
    if (s == STATUS_OK && dataset_path != NULL)
        s = bench_scoring_new(model_path, dataset_path, r->kernel, r->half != NULL ? RANKER_HALF : RANKER_SINGLE,
                              LARGEST, (uint64_t)seed, &scoring, err);
    if (s == STATUS_OK)
        s = measure(r, net, scoring, err);
    mem_free(r->us);
    bench_scoring_free(scoring);
    bench_network_free(net);
    return s;
}

static enum status bench_model(struct result *r, const char *model_path, const char *dataset_path, struct err *err)
{
    struct model *model = NULL;
    TRY(model_read(model_path, &model, err));
    r->shape = model->shape;
    const enum status s = bench(r, model->theta, model_path, dataset_path, err);
    model_free(model);
    return s;
}

static enum status bench_random(struct result *r, struct err *err)
{
    float *theta = mem_alloc(network_layout(&r->shape).n, sizeof *theta);
    if (theta == NULL)
        return err_no_memory(err);
    bench_network_weights(&r->shape, (uint64_t)seed, theta);
    const enum status s = bench(r, theta, NULL, NULL, err);
    mem_free(theta);
    return s;
}

int command_bench(int n, char **operands)
{
    struct err err = ERR_INIT;
    struct result r = {.kernel = kernel_name == NULL ? kernel_best() : kernel_find(kernel_name)};
    if ((network != NULL) == (n > 0))
        return command_usage("bench: give a MODEL or --network SHAPE");
    if (r.kernel == NULL || !r.kernel->available())
        return command_usage("bench: this machine has no such --kernel");
    enum ranker_precision precision = RANKER_SINGLE;
    if (ranker_precision_find(precision_name, &precision, &err) != STATUS_OK ||
        (precision == RANKER_HALF && half_kernel_find(&r.half, &err) != STATUS_OK))
        return command_usage(err.text);
    r.ratios = precision == RANKER_HALF ? HALF_RATIOS : SINGLE_RATIOS;
    if (network != NULL && bench_network_shape(network, &r.shape, &err) != STATUS_OK)
        return command_usage(err.text);
    const enum status s =
        network != NULL ? bench_random(&r, &err) : bench_model(&r, operands[0], n > 1 ? operands[1] : NULL, &err);
    return s == STATUS_OK ? EXIT_DONE : command_failed(&err);
}
