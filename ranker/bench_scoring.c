#include "ranker/bench_scoring.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/ranker_internal.h"

struct way {
    struct bench_scoring *bench;
    struct ranker *ranker;
    struct ranker_scratch *scratch;
    const struct kernel *kernel;
};

struct bench_scoring {
    struct ranker *ranker, *half; /* half: the same in half precision, or NULL */
    struct ranker_scratch *scratch, *half_scratch;
    uint64_t seed;
    const char *user_id;
    struct ranker_context context[TABLE_MAX_COLUMNS];
    size_t n_context;
    const char **item_ids; /* [max_candidates] */
    float *p;              /* [max_candidates * heads] */
    struct way ways[BENCH_SCORING_SUBJECTS];
};

void bench_scoring_free(struct bench_scoring *b)
{
    if (b == NULL)
        return;
    ranker_scratch_free(b->scratch);
    ranker_scratch_free(b->half_scratch);
    ranker_close(b->ranker);
    ranker_close(b->half);
    mem_free(b->item_ids);
    mem_free(b->p);
    mem_free(b);
}

static enum status prepare_all(struct bench_scoring *b, const char *model_path, const char *dataset_path,
                               const struct kernel *kernel, enum ranker_precision precision, size_t max_candidates,
                               struct err *err)
{
    TRY(ranker_open(model_path, dataset_path, &b->ranker, err));
    TRY(ranker_scratch_new(b->ranker, &b->scratch, err));
    b->ways[0] = (struct way){b, b->ranker, b->scratch, kernel};
    b->ways[1] = (struct way){b, b->ranker, b->scratch, &KERNEL_REFERENCE};
    if (precision == RANKER_HALF) {
        TRY(ranker_open_as(precision, model_path, dataset_path, &b->half, err));
        TRY(ranker_scratch_new(b->half, &b->half_scratch, err));
        b->ways[0] = (struct way){b, b->half, b->half_scratch, kernel};
        b->ways[1] = (struct way){b, b->ranker, b->scratch, kernel};
    }
    if (dataset_n_rows(b->ranker->dataset) == 0)
        return err_set(err, STATUS_INVALID, "%s has no impressions to draw requests from", dataset_path);
    b->item_ids = mem_alloc(max_candidates, sizeof *b->item_ids);
    b->p = mem_alloc(max_candidates * ranker_n_heads(b->ranker), sizeof *b->p);
    if (b->item_ids == NULL || b->p == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

enum status bench_scoring_new(const char *model_path, const char *dataset_path, const struct kernel *kernel,
                              enum ranker_precision precision, size_t max_candidates, uint64_t seed,
                              struct bench_scoring **ret, struct err *err)
{
    struct bench_scoring *b = mem_alloc(1, sizeof *b);
    if (b == NULL)
        return err_no_memory(err);
    b->seed = seed;
    const enum status s = prepare_all(b, model_path, dataset_path, kernel, precision, max_candidates, err);
    if (s != STATUS_OK) {
        bench_scoring_free(b);
        return s;
    }
    *ret = b;
    return STATUS_OK;
}

/* A context column without a value is left out, as a client would. */
static void draw_context(struct bench_scoring *b, size_t row)
{
    const struct dataset *d = b->ranker->dataset;
    b->n_context = 0;
    for (size_t c = 0; c < dataset_n_context(d); c++) {
        struct ranker_context entry = {.name = dataset_context_name(d, c)};
        if (dataset_context_is_text(d, c))
            entry.text = dataset_context_text(d, row, c);
        else
            entry.number = dataset_context_number(d, row, c);
        if (dataset_context_is_text(d, c) ? entry.text != NULL : !isnan(entry.number))
            b->context[b->n_context++] = entry;
    }
}

static void draw_request(void *context, size_t n, size_t repeat)
{
    const struct way *way = context;
    struct bench_scoring *b = way->bench;
    const struct dataset *d = b->ranker->dataset;
    struct rng rng;
    rng_init(&rng, b->seed, n, repeat);
    way->ranker->kernel = way->kernel;
    b->user_id = dataset_user_id(d, (size_t)rng_below(&rng, dataset_n_users(d)));
    draw_context(b, (size_t)rng_below(&rng, dataset_n_rows(d)));
    for (size_t i = 0; i < n; i++)
        b->item_ids[i] = dataset_item_id(d, (size_t)rng_below(&rng, dataset_n_items(d)));
}

static void score(void *context, size_t n)
{
    const struct way *way = context;
    struct bench_scoring *b = way->bench;
    const enum status s =
        ranker_score(way->ranker, way->scratch, b->user_id, b->context, b->n_context, n, b->item_ids, b->p, NULL);
    assert(s == STATUS_OK); /* ids and context come from the dataset: nothing that could be refused */
    (void)s;
}

void bench_scoring_subjects(struct bench_scoring *b, struct bench_subject *ret)
{
    const double flops = network_flops(&b->ranker->model->shape);
    for (size_t i = 0; i < BENCH_SCORING_SUBJECTS; i++) {
        struct way *way = &b->ways[i];
        const bool half = way->ranker == b->half;
        ret[i] = (struct bench_subject){.name = "request",
                                        .kernel = half ? ranker_kernel_name(b->half) : way->kernel->name,
                                        .half = half,
                                        .flops = flops,
                                        .context = way,
                                        .prepare = draw_request,
                                        .run = score};
    }
}

enum status bench_scoring_accuracy(struct bench_scoring *b, size_t requests, size_t n, struct accuracy *ret,
                                   struct err *err)
{
    const size_t heads = ranker_n_heads(b->ranker);
    struct accuracy accuracy = {0};
    double mean[DATASET_MAX_HEADS];
    enum status s = STATUS_OK;
    for (size_t h = 0; h < heads; h++)
        mean[h] = ranker_head_mean(b->ranker, h);
    float *of_half = mem_alloc(n * heads, sizeof *of_half);
    if (of_half == NULL)
        return err_no_memory(err);
    for (size_t request = 0; request < requests && s == STATUS_OK; request++) {
        draw_request(&b->ways[0], n, request);
        score(&b->ways[0], n);
        memcpy(of_half, b->p, n * heads * sizeof *of_half);
        score(&b->ways[1], n);
        s = accuracy_add(&accuracy, n, heads, mean, of_half, b->p, err);
    }
    mem_free(of_half);
    if (s == STATUS_OK)
        *ret = accuracy;
    return s;
}
