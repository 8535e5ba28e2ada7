#include "ranker/samples.h"

#include <stdatomic.h>
#include <string.h>

#include "base/core/mem.h"

void samples_done(struct samples *samples)
{
    for (size_t side = 0; side < N_SIDES; side++)
        inputs_done(&samples->sides[side]);
    mem_free(samples->labels);
    mem_free(samples->weights);
    *samples = (struct samples){0};
}

static enum status fill_labels(struct samples *samples, const struct targets *targets, struct err *err)
{
    samples->labels = mem_alloc(samples->n, sizeof *samples->labels);
    samples->weights = targets->weighted ? mem_alloc(samples->n * targets->n, sizeof *samples->weights) : NULL;
    if (samples->labels == NULL || (targets->weighted && samples->weights == NULL))
        return err_no_memory(err);
    for (size_t i = 0; i < samples->n; i++) {
        const uint32_t logged = samples->dataset->row_labels[samples->rows[i]];
        samples->labels[i] = targets_labels(targets, logged);
        for (size_t h = 0; targets->weighted && h < targets->n; h++)
            samples->weights[i * targets->n + h] = (float)targets_weight(targets, samples->rows[i], logged, h);
    }
    return STATUS_OK;
}

enum status samples_new(const struct features *features, const struct dataset *dataset, const struct targets *targets,
                        const uint32_t *rows, size_t n, struct samples *ret, struct err *err)
{
    struct samples samples = {.features = features, .dataset = dataset, .rows = rows, .n = n};
    enum status s = STATUS_OK;
    for (size_t side = 0; side < N_SIDES && s == STATUS_OK; side++) {
        s = inputs_new(features, (enum feature_side)side, dataset, rows, n, &samples.sides[side], err);
        samples.n_codes += samples.sides[side].n_codes;
    }
    if (s == STATUS_OK)
        s = fill_labels(&samples, targets, err);
    if (s != STATUS_OK) {
        samples_done(&samples);
        return s;
    }
    *ret = samples;
    return STATUS_OK;
}

void samples_fill(const struct samples *samples, size_t i, const float *embeddings, struct inputs_hide *hide, float *x,
                  uint32_t *codes)
{
    const uint32_t row = samples->rows[i];
    const size_t at[N_SIDES] = {samples->dataset->row_users[row], i, samples->dataset->row_items[row], i};
    for (size_t side = 0; side < N_SIDES; side++) {
        inputs_fill(samples->features, &samples->sides[side], at[side], embeddings, hide, x, codes);
        codes += samples->sides[side].n_codes;
    }
}

static void prefetch(const void *from, size_t size)
{
    enum { LINE = 64 };
    for (size_t at = 0; at < size; at += LINE)
        __builtin_prefetch((const char *)from + at);
}

void samples_prefetch(const struct samples *samples, size_t i)
{
    const uint32_t row = samples->rows[i];
    const size_t at[N_SIDES] = {samples->dataset->row_users[row], i, samples->dataset->row_items[row], i};
    for (size_t side = 0; side < N_SIDES; side++) {
        const struct inputs *inputs = &samples->sides[side];
        prefetch(inputs->codes + at[side] * inputs->n_codes, inputs->n_codes * sizeof *inputs->codes);
        prefetch(inputs->numbers + at[side] * inputs->n_numbers, inputs->n_numbers * sizeof *inputs->numbers);
    }
}

void samples_ids(const struct samples *samples, size_t i, uint32_t ret[EFFECTS_SIDES])
{
    const uint32_t row = samples->rows[i];
    ret[EFFECTS_USER] = inputs_id(samples->features, &samples->sides[SIDE_USER], samples->dataset->row_users[row]);
    ret[EFFECTS_ITEM] = inputs_id(samples->features, &samples->sides[SIDE_ITEM], samples->dataset->row_items[row]);
}

enum { PREDICT_ROWS = 256 };

struct prediction {
    const struct samples *samples;
    const struct network_shape *shape;
    const struct learnt *learnt;
    float *z;
    atomic_bool no_memory;
};

static void predict_block(void *context, size_t block)
{
    struct prediction *p = context;
    const size_t width = p->shape->width, first = block * PREDICT_ROWS;
    const size_t n = p->samples->n - first < PREDICT_ROWS ? p->samples->n - first : PREDICT_ROWS;
    struct network_work work = {0};
    float *x = mem_alloc(n * width, sizeof *x);
    uint32_t *codes = mem_alloc(p->samples->n_codes, sizeof *codes);
    if (x == NULL || codes == NULL || network_work_new(p->shape, n, &work, NULL) != STATUS_OK) {
        atomic_store(&p->no_memory, true);
    } else {
        for (size_t i = 0; i < n; i++)
            samples_fill(p->samples, first + i, p->learnt->embeddings, NULL, x + i * width, codes);
        network_forward(p->shape, p->learnt->theta, x, n, 0.0, NULL, &work);
        for (size_t i = 0; i < n; i++) {
            uint32_t ids[EFFECTS_SIDES];
            samples_ids(p->samples, first + i, ids);
            effects_add(p->learnt->effects, ids, work.z + i * p->shape->heads);
        }
        memcpy(p->z + first * p->shape->heads, work.z, n * p->shape->heads * sizeof *work.z);
    }
    network_work_done(&work);
    mem_free(x);
    mem_free(codes);
}

enum status samples_predict(const struct samples *samples, const struct network_shape *shape,
                            const struct learnt *learnt, struct workers *workers,
                            float *z, /* NOLINT(readability-non-const-parameter): the workers write through it */
                            struct err *err)
{
    struct prediction p = {samples, shape, learnt, z, false};
    workers_run(workers, (samples->n + PREDICT_ROWS - 1) / PREDICT_ROWS, predict_block, &p);
    return atomic_load(&p.no_memory) ? err_no_memory(err) : STATUS_OK;
}
