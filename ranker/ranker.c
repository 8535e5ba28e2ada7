#include "ranker/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/cross.h"
#include "ranker/inputs.h"
#include "ranker/ranker_internal.h"

size_t ranker_n_heads(const struct ranker *ranker)
{
    return ranker->model->shape.heads;
}

const char *ranker_head_name(const struct ranker *ranker, size_t head)
{
    return ranker->model->heads[head].name;
}

bool ranker_head_find(const struct ranker *ranker, const char *name, size_t *ret_head)
{
    for (size_t h = 0; h < ranker->model->shape.heads; h++) {
        if (strcmp(ranker->model->heads[h].name, name) == 0) {
            *ret_head = h;
            return true;
        }
    }
    return false;
}

double ranker_head_mean(const struct ranker *ranker, size_t head)
{
    return ranker->model->heads[head].mean;
}

double ranker_head_sd(const struct ranker *ranker, size_t head)
{
    return ranker->model->heads[head].sd;
}

const char *ranker_model_hash(const struct ranker *ranker)
{
    return ranker->model->hash;
}

bool ranker_user_known(const struct ranker *ranker, const char *user_id)
{
    return intern_find(&ranker->dataset->user_ids, user_id) != INTERN_NONE;
}

bool ranker_item_known(const struct ranker *ranker, const char *item_id)
{
    return intern_find(&ranker->dataset->item_ids, item_id) != INTERN_NONE;
}

const char *ranker_kernel_name(const struct ranker *ranker)
{
    return ranker->network.half != NULL ? ranker->network.half->name : ranker->kernel->name;
}

/* What one thread needs to score. */
struct ranker_scratch {
    struct cross_tally tally;
    float *x; /* [width] */
    float user_effects[DATASET_MAX_HEADS];
    size_t items[KERNEL_ROWS]; /* rows of the item table, or the one behind the last */
    uint32_t *codes;           /* [features] */
    float *request;            /* [hidden1] share of user and context */
    float *candidate;          /* [hidden1] the same with the share of what depends on both */
    float *h1;                 /* [KERNEL_ROWS * hidden1] */
    float *layers;             /* [packed_scratch()] */
};

enum status ranker_scratch_new(const struct ranker *ranker, struct ranker_scratch **ret, struct err *err)
{
    struct ranker_scratch *scratch = mem_alloc(1, sizeof *scratch);
    if (scratch == NULL)
        return err_no_memory(err);
    enum status s = cross_init(&scratch->tally, ranker->dataset, err);
    scratch->x = mem_alloc(ranker->model->features->width, sizeof *scratch->x);
    scratch->codes = mem_alloc(ranker->model->features->n, sizeof *scratch->codes);
    scratch->request = mem_alloc(ranker->network.hidden1, sizeof *scratch->request);
    scratch->candidate = mem_alloc(ranker->network.hidden1, sizeof *scratch->candidate);
    scratch->h1 = mem_alloc(KERNEL_ROWS * ranker->network.hidden1, sizeof *scratch->h1);
    scratch->layers = mem_alloc(packed_scratch(&ranker->network), sizeof *scratch->layers);
    if (s == STATUS_OK && (scratch->x == NULL || scratch->codes == NULL || scratch->request == NULL ||
                           scratch->candidate == NULL || scratch->h1 == NULL || scratch->layers == NULL))
        s = err_no_memory(err);
    if (s != STATUS_OK) {
        ranker_scratch_free(scratch);
        return s;
    }
    *ret = scratch;
    return STATUS_OK;
}

void ranker_scratch_free(struct ranker_scratch *scratch)
{
    if (scratch == NULL)
        return;
    cross_done(&scratch->tally);
    mem_free(scratch->x);
    mem_free(scratch->codes);
    mem_free(scratch->request);
    mem_free(scratch->candidate);
    mem_free(scratch->h1);
    mem_free(scratch->layers);
    mem_free(scratch);
}

static enum status check_context(const struct ranker *r, const struct ranker_context *context, size_t n,
                                 struct err *err)
{
    const struct features *features = r->model->features;
    for (size_t c = 0; c < n; c++) {
        size_t at = 0;
        while (at < features->n_context && strcmp(features->context[at], context[c].name) != 0)
            at++;
        if (at < features->n_context) {
            if (context[c].text == NULL && !isfinite(context[c].number))
                return err_set(err, STATUS_INVALID, "context %s is %g: a finite number or a text is expected",
                               context[c].name, context[c].number);
            continue;
        }
        struct buf names = BUF_INIT;
        for (size_t i = 0; i < features->n_context; i++)
            buf_printf(&names, "%s%s", i > 0 ? ", " : "", features->context[i]);
        enum status s = err_set(err, STATUS_INVALID, "context %.100s is unknown: the model knows %s", context[c].name,
                                names.length > 0 ? buf_string(&names) : "none");
        buf_done(&names);
        return s;
    }
    return STATUS_OK;
}

/* A context feature's inputs from the entry that names it. */
static enum status fill_entry(const struct ranker *r, const struct feature *feature, const struct ranker_context *entry,
                              float *x, struct err *err)
{
    char printed[32];
    if (feature->kind == COLUMN_NUMBER) {
        double value = entry->number;
        char *end = NULL;
        if (entry->text != NULL)
            value = strtod(entry->text, &end);
        if (end != NULL && (end == entry->text || *end != '\0' || !isfinite(value)))
            return err_set(err, STATUS_INVALID, "context %s is \"%.100s\": a finite number is expected", entry->name,
                           entry->text);
        feature_number(feature, value, x + feature->offset);
        return STATUS_OK;
    }
    (void)snprintf(printed, sizeof printed, "%.15g", entry->number);
    const uint32_t code = feature_code(feature, entry->text != NULL ? entry->text : printed);
    memcpy(x + feature->offset, r->model->embeddings + feature->table + code * feature->width,
           feature->width * sizeof *x);
    return STATUS_OK;
}

static enum status fill_context(const struct ranker *r, const struct ranker_context *context, size_t n, float *x,
                                struct err *err)
{
    const struct features *features = r->model->features;
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->side != SIDE_CONTEXT)
            continue;
        size_t c = 0;
        while (c < n && strcmp(context[c].name, feature->name) != 0)
            c++;
        if (c < n) {
            TRY(fill_entry(r, feature, &context[c], x, err));
        } else if (feature->kind == COLUMN_NUMBER) {
            feature_number(feature, nan(""), x + feature->offset);
        } else {
            memcpy(x + feature->offset, r->model->embeddings + feature->table, feature->width * sizeof *x);
        }
    }
    return STATUS_OK;
}

/* to [hidden1] += the share of what depends on the user and the item; empty where either is unknown. */
static void add_cross(const struct ranker *r, const struct cross_tally *tally, bool known, size_t item, float *to)
{
    const struct features *features = r->model->features;
    const size_t hidden1 = r->network.hidden1, start = features->starts[SIDE_CROSS];
    double values[CROSS_MAX];
    if (known)
        cross_values(tally, item, values);
    for (size_t f = features->n; f-- > 0 && features->list[f].side == SIDE_CROSS;) {
        const struct feature *feature = &features->list[f];
        const float *sums = r->cross_sums + (feature->offset - start) * hidden1;
        const double value = known ? values[feature->cross] : (double)NAN;
        float next = 0.0f;
        const size_t steps = isnan(value) ? 0 : feature_steps(feature, value, &next);
        if (steps > 0 || isnan(value))
            r->kernel->add(hidden1, 1.0f, sums + steps * hidden1, to);
        if (next > 0.0f)
            r->kernel->add(hidden1, next, r->network.w1 + (feature->offset + steps + 1) * hidden1, to);
    }
}

static void join_item(const struct ranker *r, size_t item, const float *rest, float *h1)
{
    const size_t hidden1 = r->network.hidden1;
    if (r->network.half != NULL)
        r->network.half->join(hidden1, r->item_halves + item * hidden1, rest, h1);
    else
        r->kernel->join(hidden1, r->item_part + item * hidden1, rest, h1);
}

/* relu of the first layer for n candidates. */
static void first_layer(const struct ranker *r, struct ranker_scratch *scratch, bool user_known, size_t n,
                        const char *const *item_ids)
{
    const size_t hidden1 = r->network.hidden1;
    for (size_t i = 0; i < n; i++) {
        const uint32_t item = intern_find(&r->dataset->item_ids, item_ids[i]);
        scratch->items[i] = item == INTERN_NONE ? r->dataset->items.n : item;
        memcpy(scratch->candidate, scratch->request, hidden1 * sizeof *scratch->candidate);
        add_cross(r, &scratch->tally, user_known && item != INTERN_NONE, item, scratch->candidate);
        join_item(r, scratch->items[i], scratch->candidate, scratch->h1 + i * hidden1);
    }
}

/* p in place of the logits: with the effects of the user and of the items. */
static void calibrate(const struct ranker *r, const struct ranker_scratch *scratch, size_t n, float *z)
{
    const size_t heads = r->network.heads;
    for (size_t i = 0; i < n; i++) {
        const float *effects = r->item_effects + scratch->items[i] * heads;
        for (size_t h = 0; h < heads; h++) {
            const float logit = z[i * heads + h] + scratch->user_effects[h] + effects[h];
            z[i * heads + h] = calibration_probability(&r->model->heads[h].calibration, (double)logit);
        }
    }
}

enum status ranker_score(const struct ranker *r, struct ranker_scratch *scratch, const char *user_id,
                         const struct ranker_context *context, size_t n_context, size_t n, const char *const *item_ids,
                         float *p, struct err *err)
{
    if (n > RANKER_MAX_CANDIDATES)
        return err_set(err, STATUS_INVALID, "%zu candidates: allowed are up to %d", n, RANKER_MAX_CANDIDATES);
    TRY(check_context(r, context, n_context, err));
    TRY(fill_context(r, context, n_context, scratch->x, err));
    const uint32_t user = intern_find(&r->dataset->user_ids, user_id);
    const bool known = user != INTERN_NONE;
    inputs_fill(r->model->features, &r->users, known ? user : SIZE_MAX, r->model->embeddings, NULL, scratch->x,
                scratch->codes);
    memset(scratch->user_effects, 0, sizeof scratch->user_effects);
    if (known)
        effects_add(&r->model->effects,
                    (const uint32_t[EFFECTS_SIDES]){inputs_id(r->model->features, &r->users, user), 0},
                    scratch->user_effects);
    memset(scratch->request, 0, r->network.hidden1 * sizeof *scratch->request);
    ranker_add_side(r, scratch->x, SIDE_USER, scratch->request);
    ranker_add_side(r, scratch->x, SIDE_CONTEXT, scratch->request);
    if (known)
        cross_begin(&scratch->tally, user);
    for (size_t first = 0; first < n; first += KERNEL_ROWS) {
        const size_t rows = n - first < KERNEL_ROWS ? n - first : KERNEL_ROWS;
        float *z = p + first * r->network.heads;
        first_layer(r, scratch, known, rows, item_ids + first);
        packed_logits(&r->network, r->kernel, rows, scratch->h1, scratch->layers, z);
        calibrate(r, scratch, rows, z);
    }
    if (known)
        cross_end(&scratch->tally);
    return STATUS_OK;
}
