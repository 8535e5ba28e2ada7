#include "ranker/trainer_internal.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/adam.h"
#include "ranker/clones.h"

enum { SLICE = 4096, AHEAD = 4, AVERAGE_EVERY = 8, PURPOSE_INIT = 1, PURPOSE_SHUFFLE = 2, PURPOSE_SHARD = 3 };

static enum status block_new(struct block *block, size_t n, struct err *err)
{
    block->n = n;
    block->theta = mem_alloc(n, sizeof *block->theta);
    block->m = mem_alloc(n, sizeof *block->m);
    block->v = mem_alloc(n, sizeof *block->v);
    block->average = mem_alloc(n, sizeof *block->average);
    if (block->theta == NULL || block->m == NULL || block->v == NULL || block->average == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

static void block_done(struct block *block)
{
    mem_free(block->theta);
    mem_free(block->m);
    mem_free(block->v);
    mem_free(block->average);
}

void trainer_free(struct trainer *t)
{
    if (t == NULL)
        return;
    block_done(&t->dense);
    block_done(&t->sparse);
    for (size_t s = 0; s < TRAINER_SHARDS; s++) {
        network_work_done(&t->shards[s].work);
        mem_free(t->shards[s].gradient);
    }
    effects_done(&t->effects);
    mem_free(t->sparse_gradient);
    mem_free(t->order);
    mem_free(t->x);
    mem_free(t->dx);
    mem_free(t->codes);
    mem_free(t->labels);
    mem_free(t->weights);
    mem_free(t->tables);
    mem_free(t);
}

static size_t shard_rows(const struct trainer *t)
{
    return (t->options.batch + TRAINER_SHARDS - 1) / TRAINER_SHARDS;
}

static enum status allocate(struct trainer *t, struct err *err)
{
    const size_t batch = shard_rows(t) * TRAINER_SHARDS, n_codes = t->samples->n_codes;
    const size_t n_ids[EFFECTS_SIDES] = {features_n_ids(t->samples->features, SIDE_USER),
                                         features_n_ids(t->samples->features, SIDE_ITEM)};
    TRY(effects_new(t->shape.heads, n_ids, &t->effects, err));
    TRY(block_new(&t->dense, t->layout.n, err));
    TRY(block_new(&t->sparse, t->samples->features->n_embeddings, err));
    t->sparse_gradient = mem_alloc(t->sparse.n, sizeof *t->sparse_gradient);
    t->order = mem_alloc(t->samples->n, sizeof *t->order);
    t->x = mem_alloc(batch * t->shape.width, sizeof *t->x);
    t->dx = mem_alloc(batch * t->shape.width, sizeof *t->dx);
    t->codes = mem_alloc(batch * n_codes, sizeof *t->codes);
    t->labels = mem_alloc(batch, sizeof *t->labels);
    t->weights = t->samples->weights != NULL ? mem_alloc(batch * t->shape.heads, sizeof *t->weights) : NULL;
    t->tables = mem_alloc(n_codes, sizeof *t->tables);
    if (t->sparse_gradient == NULL || t->order == NULL || t->x == NULL || t->dx == NULL || t->codes == NULL ||
        t->labels == NULL || t->tables == NULL || (t->samples->weights != NULL && t->weights == NULL))
        return err_no_memory(err);
    for (size_t s = 0; s < TRAINER_SHARDS; s++) {
        t->shards[s].gradient = mem_alloc(t->layout.n, sizeof *t->shards[s].gradient);
        if (t->shards[s].gradient == NULL)
            return err_no_memory(err);
        TRY(network_work_new(&t->shape, shard_rows(t), &t->shards[s].work, err));
    }
    return STATUS_OK;
}

/* Embeddings start small; row 0, the default, at zero, where the average of the others is. */
static void initialize(struct trainer *t, const double *keep)
{
    double b4[DATASET_MAX_HEADS];
    for (size_t h = 0; h < t->shape.heads; h++)
        b4[h] = log(t->rates[h] / (1.0 - t->rates[h])) - log(keep[h]);
    const struct features *features = t->samples->features;
    size_t n_pooled = 0;
    struct rng rng;
    rng_init(&rng, t->options.seed, PURPOSE_INIT, 0);
    network_init(&t->shape, &rng, b4, t->dense.theta);
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->kind != COLUMN_TEXT)
            continue;
        t->tables[t->n_tables++] = (struct embedding_table){
            feature, feature->source == SOURCE_HISTORY ? &t->samples->sides[SIDE_USER].pooled[n_pooled++] : NULL};
        for (size_t i = feature->width; i < (feature->vocabulary.n + 1) * feature->width; i++)
            t->sparse.theta[feature->table + i] = (float)(0.1 * rng_normal(&rng));
    }
    memcpy(t->dense.average, t->dense.theta, t->dense.n * sizeof(float));
    memcpy(t->sparse.average, t->sparse.theta, t->sparse.n * sizeof(float));
    for (size_t i = 0; i < t->samples->n; i++)
        t->order[i] = (uint32_t)i;
}

enum status trainer_new(const struct samples *samples, const struct network_shape *shape, const double *rates,
                        const double *keep, const struct trainer_options *options, struct workers *workers,
                        struct trainer **ret, struct err *err)
{
    struct trainer *t = mem_alloc(1, sizeof *t);
    if (t == NULL)
        return err_no_memory(err);
    t->samples = samples;
    t->shape = *shape;
    t->layout = network_layout(shape);
    t->options = *options;
    t->workers = workers;
    memcpy(t->rates, rates, shape->heads * sizeof *rates);
    const enum status s = allocate(t, err);
    if (s != STATUS_OK) {
        trainer_free(t);
        return s;
    }
    initialize(t, keep);
    *ret = t;
    return STATUS_OK;
}

static void run_shard(void *context, size_t index)
{
    struct trainer *t = context;
    struct shard *shard = &t->shards[index];
    const size_t first = index * shard_rows(t), width = t->shape.width, n_codes = t->samples->n_codes;
    const size_t left = t->n_batch > first ? t->n_batch - first : 0;
    const size_t n = left < shard_rows(t) ? left : shard_rows(t);
    struct inputs_hide hide = {.ids = (uint32_t)(t->options.hide_ids * 65536.0),
                               .others = (uint32_t)(t->options.hide_others * 65536.0)};
    rng_init(&hide.rng, t->options.seed, PURPOSE_SHARD, t->step * TRAINER_SHARDS + index);
    for (size_t i = first; i < first + n; i++) {
        if (i + AHEAD < first + n)
            samples_prefetch(t->samples, t->batch[i + AHEAD]);
        samples_fill(t->samples, t->batch[i], t->sparse.theta, &hide, t->x + i * width, t->codes + i * n_codes);
        t->labels[i] = t->samples->labels[t->batch[i]];
        if (t->weights != NULL)
            memcpy(t->weights + i * t->shape.heads, t->samples->weights + t->batch[i] * t->shape.heads,
                   t->shape.heads * sizeof *t->weights);
    }
    memset(shard->losses, 0, sizeof shard->losses);
    if (n == 0) {
        memset(shard->gradient, 0, t->layout.n * sizeof *shard->gradient);
        return;
    }
    const float scale = 1.0f / (float)t->n_batch;
    network_forward(&t->shape, t->dense.theta, t->x + first * width, n, t->options.dropout, &hide.rng, &shard->work);
    for (size_t i = 0; i < n; i++) {
        uint32_t ids[EFFECTS_SIDES];
        samples_ids(t->samples, t->batch[first + i], ids);
        effects_add(&t->effects, ids, shard->work.z + i * t->shape.heads);
    }
    network_backward(&t->shape, t->dense.theta, t->x + first * width, t->labels + first,
                     t->weights == NULL ? NULL : t->weights + first * t->shape.heads, n, scale, &shard->work,
                     shard->gradient, t->dx + first * width, shard->losses);
}

CLONED static void mix(size_t n, float keep, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = keep * to[i] + (1.0f - keep) * from[i];
}

CLONED static void add(size_t n, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

static void update_average(const struct trainer *t, struct block *block, size_t first, size_t n)
{
    if (t->step % AVERAGE_EVERY != 0)
        return;
    const double steps = (double)t->step / AVERAGE_EVERY;
    const double warm = steps / (steps + 9.0), full = pow(t->options.average, AVERAGE_EVERY);
    const float keep = (float)(warm < full ? warm : full);
    mix(n, keep, block->theta + first, block->average + first);
}

/* Whether parameter i is the weight of a layer (decays) or a bias. */
static bool is_weight(const struct network_layout *l, size_t i)
{
    return i < l->b1 || (i >= l->w2 && i < l->b2) || (i >= l->w3 && i < l->b3) || (i >= l->w4 && i < l->b4) ||
           (i >= l->wg && i < l->bg) || i >= l->v;
}

static void update_slice(struct trainer *t, size_t slice)
{
    const size_t first = slice * SLICE, n = t->layout.n - first < SLICE ? t->layout.n - first : SLICE;
    float *gradient = t->shards[0].gradient + first;
    for (size_t s = 1; s < TRAINER_SHARDS; s++)
        add(n, t->shards[s].gradient + first, gradient);
    for (size_t i = 0; i < n;) { /* runs of weights and of biases */
        const bool weight = is_weight(&t->layout, first + i);
        size_t end = i + 1;
        while (end < n && is_weight(&t->layout, first + end) == weight)
            end++;
        const struct adam adam = {t->options.learning_rate, weight ? t->options.decay : 0.0, t->step};
        adam_update(&adam, end - i, gradient + i, t->dense.theta + first + i, t->dense.m + first + i,
                    t->dense.v + first + i);
        i = end;
    }
    update_average(t, &t->dense, first, n);
}

/* One row of an embedding table; its gradient is all zero once it was updated. */
static void update_row(struct trainer *t, size_t at, size_t width)
{
    const struct adam adam = {t->options.learning_rate, t->options.embedding_decay, t->step};
    float *gradient = t->sparse_gradient + at;
    bool touched = false;
    for (size_t j = 0; j < width; j++)
        touched = touched || gradient[j] < 0.0f || gradient[j] > 0.0f;
    if (!touched)
        return;
    adam_update(&adam, width, gradient, t->sparse.theta + at, t->sparse.m + at, t->sparse.v + at);
    memset(gradient, 0, width * sizeof *gradient);
}

/* The rows of one embedding table that this batch touched. */
static void update_table(struct trainer *t, size_t index)
{
    const struct feature *feature = t->tables[index].feature;
    const struct pooled *pooled = t->tables[index].pooled;
    const size_t width = feature->width, n_codes = t->samples->n_codes;
    float *gradient = t->sparse_gradient + feature->table;
    for (size_t i = 0; i < t->n_batch; i++) {
        const uint32_t code = t->codes[i * n_codes + index];
        const float *from = t->dx + i * t->shape.width + feature->offset;
        if (pooled != NULL)
            pooled_gradient(pooled, code, from, width, gradient);
        else
            add(width, from, gradient + code * width);
    }
    for (size_t i = 0; i < t->n_batch; i++) {
        const uint32_t *rows = &t->codes[i * n_codes + index];
        size_t n = 1;
        if (pooled != NULL)
            rows = pooled_rows(pooled, *rows, &n);
        for (size_t k = 0; k < n; k++)
            update_row(t, feature->table + rows[k] * width, width);
    }
    update_average(t, &t->sparse, feature->table, (feature->vocabulary.n + 1) * width);
}

static size_t n_slices(const struct trainer *t)
{
    return (t->layout.n + SLICE - 1) / SLICE;
}

/* The effects of one head, row by row in the order of the batch. */
static void update_effects(struct trainer *t, size_t head)
{
    for (size_t i = 0; i < t->n_batch; i++) {
        const struct shard *shard = &t->shards[i / shard_rows(t)];
        const float z = shard->work.z[i % shard_rows(t) * t->shape.heads + head];
        uint32_t ids[EFFECTS_SIDES];
        samples_ids(t->samples, t->batch[i], ids);
        const double weight = t->weights == NULL ? 1.0 : (double)t->weights[i * t->shape.heads + head];
        effects_learn(&t->effects, head, ids, (double)z, (int)(t->labels[i] >> head & 1u), weight);
    }
}

static void run_update(void *context, size_t index)
{
    struct trainer *t = context;
    if (index < t->n_tables)
        update_table(t, index);
    else if (index < t->n_tables + t->shape.heads)
        update_effects(t, index - t->n_tables);
    else
        update_slice(t, index - t->n_tables - t->shape.heads);
}

static double run_step(struct trainer *t)
{
    double loss = 0.0;
    t->step++;
    workers_run(t->workers, TRAINER_SHARDS, run_shard, t);
    workers_run(t->workers, t->n_tables + t->shape.heads + n_slices(t), run_update, t);
    for (size_t s = 0; s < TRAINER_SHARDS; s++) {
        for (size_t h = 0; h < t->shape.heads; h++)
            loss += t->shards[s].losses[h];
    }
    return loss;
}

/* A new order, and effects that know no label. */
static void begin_epoch(struct trainer *t)
{
    struct rng rng;
    rng_init(&rng, t->options.seed, PURPOSE_SHUFFLE, t->epoch++);
    rng_shuffle(&rng, t->samples->n, t->order);
    effects_start(&t->effects, t->options.variance, t->rates);
    t->loss = 0.0;
}

enum status trainer_epoch(struct trainer *t, trainer_progress *progress, void *context, double *ret_loss,
                          struct err *err)
{
    const size_t n = t->samples->n, batch = t->options.batch, n_steps = (n + batch - 1) / batch;
    if (t->met == 0)
        begin_epoch(t);
    while (t->met < n) {
        t->batch = t->order + t->met;
        t->n_batch = n - t->met < batch ? n - t->met : batch;
        t->loss += run_step(t);
        t->met += t->n_batch;
        const size_t step = (t->met + batch - 1) / batch;
        if (!isfinite(t->loss))
            return err_set(err, STATUS_INTERNAL,
                           "the loss is no longer finite in step %zu of epoch %zu: try a smaller --learning-rate", step,
                           t->epoch);
        if (progress != NULL)
            TRY(progress(context, step, n_steps, t->loss / (double)t->met, err));
    }
    t->met = 0;
    *ret_loss = t->loss / (double)n;
    return STATUS_OK;
}

struct learnt trainer_learnt(const struct trainer *t)
{
    return (struct learnt){t->dense.average, t->sparse.average, &t->effects};
}
