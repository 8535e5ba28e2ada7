/* Opening and closing a ranker: what is computed once from its files. */
#include <string.h>

#include "base/core/mem.h"
#include "ranker/half.h"
#include "ranker/ranker_internal.h"

void ranker_close(struct ranker *ranker)
{
    if (ranker == NULL)
        return;
    inputs_done(&ranker->users);
    packed_done(&ranker->network);
    mem_free(ranker->item_part);
    mem_free(ranker->item_halves);
    mem_free(ranker->item_effects);
    mem_free(ranker->cross_sums);
    dataset_free(ranker->dataset);
    model_free(ranker->model);
    mem_free(ranker);
}

void ranker_add_side(const struct ranker *r, const float *x, enum feature_side side, float *to)
{
    const size_t *starts = r->model->features->starts, hidden1 = r->network.hidden1;
    for (size_t i = starts[side]; i < starts[side + 1]; i++) {
        if (x[i] < 0.0f || x[i] > 0.0f)
            r->kernel->add(hidden1, x[i], r->network.w1 + i * hidden1, to);
    }
}

/* A numeric feature's inputs are 1 up to some knot (features.h), so the running sums of its weights by knot replace
 * most of them: row j of a feature is the sum of its weights 1 .. j, row 0 those of an empty value. */
static enum status sum_cross(struct ranker *r, struct err *err)
{
    const struct features *features = r->model->features;
    const size_t hidden1 = r->network.hidden1, start = features->starts[SIDE_CROSS];
    r->cross_sums = mem_alloc((features->width - start) * hidden1, sizeof *r->cross_sums);
    if (r->cross_sums == NULL)
        return err_no_memory(err);
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->side != SIDE_CROSS)
            continue;
        const float *w = r->network.w1 + feature->offset * hidden1;
        float *sums = r->cross_sums + (feature->offset - start) * hidden1;
        memcpy(sums, w, hidden1 * sizeof *sums);
        for (size_t i = hidden1; i < feature->width * hidden1; i++)
            sums[i] = w[i] + (i < 2 * hidden1 ? 0.0f : sums[i - hidden1]);
    }
    return STATUS_OK;
}

static enum status allocate_items(struct ranker *r, struct err *err)
{
    const size_t n = r->dataset->items.n + 1;
    if (r->network.half != NULL)
        r->item_halves = mem_alloc(n * r->network.hidden1, sizeof *r->item_halves);
    else
        r->item_part = mem_alloc(n * r->network.hidden1, sizeof *r->item_part);
    r->item_effects = mem_alloc(n * r->network.heads, sizeof *r->item_effects);
    if ((r->item_part == NULL && r->item_halves == NULL) || r->item_effects == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

static void store_item(struct ranker *r, size_t item, const float *part)
{
    const size_t hidden1 = r->network.hidden1;
    if (r->network.half != NULL)
        half_from_floats(hidden1, part, r->item_halves + item * hidden1);
    else
        memcpy(r->item_part + item * hidden1, part, hidden1 * sizeof *part);
}

/* b1 plus the share of every item; row n_items is an unknown item. */
static enum status compute_items(struct ranker *r, struct err *err)
{
    const struct features *features = r->model->features;
    const size_t n = r->dataset->items.n;
    struct inputs items = {0};
    TRY(inputs_new(features, SIDE_ITEM, r->dataset, NULL, 0, &items, err));
    float *x = mem_alloc(features->width, sizeof *x);
    uint32_t *codes = mem_alloc(items.n_codes, sizeof *codes);
    float *part = mem_alloc(r->network.hidden1, sizeof *part);
    enum status s = allocate_items(r, err);
    if (s == STATUS_OK && (x == NULL || codes == NULL || part == NULL))
        s = err_no_memory(err);
    if (s != STATUS_OK)
        goto out;
    for (size_t i = 0; i <= n; i++) {
        inputs_fill(features, &items, i < n ? i : SIZE_MAX, r->model->embeddings, NULL, x, codes);
        memcpy(part, r->network.b1, r->network.hidden1 * sizeof *part);
        ranker_add_side(r, x, SIDE_ITEM, part);
        store_item(r, i, part);
        if (i < n)
            effects_add(&r->model->effects, (const uint32_t[EFFECTS_SIDES]){0, inputs_id(features, &items, i)},
                        r->item_effects + i * r->network.heads);
    }
out:
    inputs_done(&items);
    mem_free(x);
    mem_free(codes);
    mem_free(part);
    return s;
}

static enum status open_files(struct ranker *r, const struct half_kernel *half, const char *model_path,
                              const char *dataset_path, struct err *err)
{
    TRY(model_read(model_path, &r->model, err));
    TRY(dataset_read(dataset_path, &r->dataset, err));
    TRY(features_fit(r->model->features, r->dataset, err));
    TRY(packed_new(&r->model->shape, r->model->theta, half, &r->network, err));
    TRY(inputs_new(r->model->features, SIDE_USER, r->dataset, NULL, 0, &r->users, err));
    TRY(sum_cross(r, err));
    return compute_items(r, err);
}

enum status ranker_precision_find(const char *name, enum ranker_precision *ret, struct err *err)
{
    const struct half_kernel *half = NULL;
    const bool is_half = strcmp(name, "half") == 0;
    if (!is_half && strcmp(name, "single") != 0)
        return err_set(err, STATUS_INVALID, "precision %.40s is unknown: single or half is expected", name);
    if (is_half)
        TRY(half_kernel_find(&half, err));
    *ret = is_half ? RANKER_HALF : RANKER_SINGLE;
    return STATUS_OK;
}

enum status ranker_open_as(enum ranker_precision precision, const char *model_path, const char *dataset_path,
                           struct ranker **ret, struct err *err)
{
    const struct half_kernel *half = NULL;
    if (precision == RANKER_HALF)
        TRY(half_kernel_find(&half, err));
    struct ranker *r = mem_alloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(err);
    r->kernel = kernel_best();
    const enum status s = open_files(r, half, model_path, dataset_path, err);
    if (s != STATUS_OK) {
        ranker_close(r);
        return s;
    }
    *ret = r;
    return STATUS_OK;
}

enum status ranker_open(const char *model_path, const char *dataset_path, struct ranker **ret, struct err *err)
{
    return ranker_open_as(RANKER_SINGLE, model_path, dataset_path, ret, err);
}
