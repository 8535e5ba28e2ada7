#include "ranker/bench_scoring.h"

#include <assert.h>
#include <math.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/ranker_internal.h"

struct way {
    struct bench_scoring *bench;
    const struct kernel *kernel;
};

struct bench_scoring {
    struct ranker *ranker;
    struct ranker_scratch *scratch;
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
    ranker_close(b->ranker);
    mem_free(b->item_ids);
    mem_free(b->p);
    mem_free(b);
}

static enum status prepare_all(struct bench_scoring *b, const char *model_path, const char *dataset_path,
                               size_t max_candidates, struct err *err)
{
    TRY(ranker_open(model_path, dataset_path, &b->ranker, err));
    TRY(ranker_scratch_new(b->ranker, &b->scratch, err));
    if (dataset_n_rows(b->ranker->dataset) == 0)
        return err_set(err, STATUS_INVALID, "%s has no impressions to draw requests from", dataset_path);
    b->item_ids = mem_alloc(max_candidates, sizeof *b->item_ids);
    b->p = mem_alloc(max_candidates * ranker_n_heads(b->ranker), sizeof *b->p);
    if (b->item_ids == NULL || b->p == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

enum status bench_scoring_new(const char *model_path, const char *dataset_path, const struct kernel *kernel,
                              size_t max_candidates, uint64_t seed, struct bench_scoring **ret, struct err *err)
{
    struct bench_scoring *b = mem_alloc(1, sizeof *b);
    if (b == NULL)
        return err_no_memory(err);
    b->seed = seed;
    const enum status s = prepare_all(b, model_path, dataset_path, max_candidates, err);
    if (s != STATUS_OK) {
        bench_scoring_free(b);
        return s;
    }
    b->ways[0] = (struct way){b, kernel};
    b->ways[1] = (struct way){b, &KERNEL_REFERENCE};
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
    b->ranker->kernel = way->kernel;
    b->user_id = dataset_user_id(d, (size_t)rng_below(&rng, dataset_n_users(d)));
    draw_context(b, (size_t)rng_below(&rng, dataset_n_rows(d)));
    for (size_t i = 0; i < n; i++)
        b->item_ids[i] = dataset_item_id(d, (size_t)rng_below(&rng, dataset_n_items(d)));
}

static void score(void *context, size_t n)
{
    struct bench_scoring *b = ((const struct way *)context)->bench;
    const enum status s =
        ranker_score(b->ranker, b->scratch, b->user_id, b->context, b->n_context, n, b->item_ids, b->p, NULL);
    assert(s == STATUS_OK); /* ids and context come from the dataset: nothing that could be refused */
    (void)s;
}

void bench_scoring_subjects(struct bench_scoring *b, struct bench_subject *ret)
{
    const double flops = network_flops(&b->ranker->model->shape);
    for (size_t i = 0; i < BENCH_SCORING_SUBJECTS; i++)
        ret[i] = (struct bench_subject){"request", b->ways[i].kernel->name, flops, &b->ways[i], draw_request, score};
}
