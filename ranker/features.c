#include "ranker/features.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/pooled.h"

static void feature_done(struct feature *feature)
{
    mem_free(feature->name);
    intern_done(&feature->vocabulary);
}

void features_free(struct features *features)
{
    if (features == NULL)
        return;
    for (size_t f = 0; f < features->n; f++)
        feature_done(&features->list[f]);
    for (size_t k = 0; k < features->n_histories; k++)
        mem_free(features->histories[k]);
    for (size_t c = 0; c < features->n_context; c++)
        mem_free(features->context[c]);
    mem_free(features->category);
    mem_free(features->list);
    mem_free(features);
}

size_t features_n_ids(const struct features *features, enum feature_side side)
{
    for (size_t f = 0; f < features->n; f++) {
        if (features->list[f].side == side && features->list[f].source == SOURCE_ID)
            return features->list[f].vocabulary.n + 1;
    }
    return 0;
}

uint32_t feature_code(const struct feature *feature, const char *text)
{
    const uint32_t number = text == NULL ? INTERN_NONE : intern_find(&feature->vocabulary, text);
    return number == INTERN_NONE ? 0 : number + 1;
}

size_t feature_steps(const struct feature *feature, double value, float *ret_next)
{
    const float v = (float)value, *t = feature->knots;
    size_t steps = 0;
    assert(!isnan(value) && feature->n_knots >= 2);
    while (steps + 1 < feature->n_knots && v >= t[steps + 1])
        steps++;
    *ret_next = steps + 1 < feature->n_knots && v > t[steps] ? (v - t[steps]) / (t[steps + 1] - t[steps]) : 0.0f;
    return steps;
}

void feature_number(const struct feature *feature, double value, float *ret)
{
    assert(feature->n_knots == feature->width);
    memset(ret, 0, feature->width * sizeof *ret);
    if (isnan(value)) {
        ret[0] = 1.0f;
        return;
    }
    float next;
    const size_t steps = feature_steps(feature, value, &next);
    for (size_t j = 1; j <= steps; j++)
        ret[j] = 1.0f;
    if (steps + 1 < feature->n_knots)
        ret[steps + 1] = next;
}

/* What building shares. */
struct builder {
    const struct dataset *d;
    const uint32_t *rows;
    size_t n_rows;
    uint32_t pooled; /* bit k: history k */
    struct features *features;
    uint32_t *counts; /* [max(texts, users, items)] */
    double *values;   /* [n_rows] */
    double *cross;    /* [n_rows * cross numbers] */
    struct err *err;
};

/* Inputs of an embedding: grows slowly with the vocabulary. */
static size_t dimension(size_t vocabulary)
{
    const double dim = ceil(1.6 * pow((double)vocabulary, 0.4));
    return dim < 2.0 ? 2 : dim > FEATURES_MAX_DIM ? FEATURES_MAX_DIM : (size_t)dim;
}

/* Takes over the feature's parts when it is kept, releases them otherwise. */
static enum status keep(struct builder *b, struct feature *feature, const char *name, bool worth)
{
    feature->name = worth ? mem_strdup(name) : NULL;
    if (feature->name == NULL) {
        feature_done(feature);
        return worth ? err_no_memory(b->err) : STATUS_OK;
    }
    assert(b->features->n < FEATURES_MAX);
    feature->offset = b->features->width;
    b->features->width += feature->width;
    if (feature->kind == COLUMN_TEXT) {
        feature->table = b->features->n_embeddings;
        b->features->n_embeddings += (feature->vocabulary.n + 1) * feature->width;
    }
    b->features->list[b->features->n++] = *feature;
    return STATUS_OK;
}

/* A column that says little more than the id of its user or item. */
static bool is_id_like(const struct builder *b, const struct feature *feature)
{
    const size_t n = feature->vocabulary.n, n_ids = features_n_ids(b->features, feature->side);
    return feature->source == SOURCE_COLUMN && n > FEATURES_ID_LIKE && 2 * n > n_ids && n_ids > 0;
}

/* The texts that occur in at least FEATURES_MIN_ROWS rows; counts [texts->n] rows of each, n_empty rows without. */
static enum status add_text(struct builder *b, struct feature feature, const char *name, const struct intern *texts,
                            size_t n_empty)
{
    size_t n_outside = n_empty;
    feature.kind = COLUMN_TEXT;
    for (uint32_t i = 0; i < texts->n; i++) {
        uint32_t number;
        const char *text = intern_text(texts, i);
        if (b->counts[i] < FEATURES_MIN_ROWS) {
            n_outside += b->counts[i];
            continue;
        }
        const enum status s = intern_add(&feature.vocabulary, text, strlen(text), &number, b->err);
        if (s != STATUS_OK) {
            feature_done(&feature);
            return s;
        }
    }
    feature.width = dimension(feature.vocabulary.n);
    const bool varies = feature.vocabulary.n + (n_outside > 0 ? 1 : 0) > 1;
    return keep(b, &feature, name, varies && !is_id_like(b, &feature));
}

/* The table row that a row of the log refers to. */
static size_t table_row(const struct builder *b, enum feature_side side, size_t row)
{
    if (side == SIDE_USER)
        return b->d->row_users[row];
    return side == SIDE_ITEM ? b->d->row_items[row] : row;
}

static enum status add_text_column(struct builder *b, enum feature_side side, const struct column *column)
{
    size_t n_empty = 0;
    memset(b->counts, 0, b->d->texts.n * sizeof *b->counts);
    for (size_t i = 0; i < b->n_rows; i++) {
        const uint32_t code = column->codes[table_row(b, side, b->rows[i])];
        if (code == INTERN_NONE)
            n_empty++;
        else
            b->counts[code]++;
    }
    return add_text(b, (struct feature){.side = side, .source = SOURCE_COLUMN}, column->name, &b->d->texts, n_empty);
}

static enum status add_id(struct builder *b, enum feature_side side, const struct intern *ids, const char *name)
{
    memset(b->counts, 0, ids->n * sizeof *b->counts);
    for (size_t i = 0; i < b->n_rows; i++)
        b->counts[table_row(b, side, b->rows[i])]++;
    return add_text(b, (struct feature){.side = side, .source = SOURCE_ID}, name, ids, 0);
}

/* An item counts once for every event of a row's user that is pooled. */
static enum status add_history(struct builder *b, size_t kind)
{
    const struct history *history = &b->d->histories[kind];
    size_t n_empty = 0, first;
    char name[2 * TABLE_MAX_NAME];
    (void)snprintf(name, sizeof name, "pooled.%s", history->name);
    memset(b->counts, 0, b->d->items.n * sizeof *b->counts);
    for (size_t i = 0; i < b->n_rows; i++) {
        const size_t n = pooled_events(history, b->d->row_users[b->rows[i]], &first);
        n_empty += n == 0 ? 1 : 0;
        for (size_t event = first; event < first + n; event++)
            b->counts[history->items[event]]++;
    }
    const struct feature feature = {.side = SIDE_USER, .source = SOURCE_HISTORY, .history = kind};
    return add_text(b, feature, name, &b->d->item_ids, n_empty);
}

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Knots at quantiles, the smallest and the largest value among them; strictly increasing as floats. */
static void set_knots(struct feature *feature, const double *sorted, size_t n)
{
    static const double AT[FEATURES_MAX_KNOTS] = {0.0,    0.0625, 0.125,  0.1875, 0.25,   0.3125, 0.375,  0.4375, 0.5,
                                                  0.5625, 0.625,  0.6875, 0.75,   0.8125, 0.875,  0.9375, 0.99,   1.0};
    feature->n_knots = 0;
    for (size_t j = 0; n > 0 && j < FEATURES_MAX_KNOTS; j++) {
        const float t = (float)sorted[(size_t)(AT[j] * (double)(n - 1) + 0.5)];
        if (feature->n_knots == 0 || t > feature->knots[feature->n_knots - 1])
            feature->knots[feature->n_knots++] = t;
    }
}

/* b->values [n_rows], NaN when empty. */
static enum status add_number(struct builder *b, struct feature feature, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_rows; i++) {
        if (!isnan(b->values[i]))
            b->values[n++] = b->values[i];
    }
    qsort(b->values, n, sizeof *b->values, compare_numbers);
    set_knots(&feature, b->values, n);
    feature.kind = COLUMN_NUMBER;
    feature.width = feature.n_knots;
    return keep(b, &feature, name, feature.n_knots >= 2 && isfinite(feature.knots[feature.n_knots - 1]));
}

static enum status add_columns(struct builder *b, enum feature_side side, const struct table *table)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        const struct column *column = &table->columns[c];
        if (column->kind == COLUMN_TEXT) {
            TRY(add_text_column(b, side, column));
            continue;
        }
        for (size_t i = 0; i < b->n_rows; i++)
            b->values[i] = column->numbers[table_row(b, side, b->rows[i])];
        TRY(add_number(b, (struct feature){.side = side, .source = SOURCE_COLUMN}, column->name));
    }
    return STATUS_OK;
}

static enum status add_cross(struct builder *b)
{
    const size_t n = cross_count(b->d);
    for (size_t c = 0; c < n; c++) {
        char name[3 * TABLE_MAX_NAME];
        cross_name(b->d, c, name, sizeof name);
        for (size_t i = 0; i < b->n_rows; i++)
            b->values[i] = b->cross[i * n + c];
        TRY(add_number(b, (struct feature){.side = SIDE_CROSS, .source = SOURCE_CROSS, .cross = c}, name));
    }
    return STATUS_OK;
}

static enum status copy_name(const char *name, char **names, size_t *n, struct err *err)
{
    names[*n] = mem_strdup(name);
    if (names[*n] == NULL)
        return err_no_memory(err);
    (*n)++;
    return STATUS_OK;
}

static enum status copy_names(struct builder *b)
{
    const struct dataset *d = b->d;
    struct features *f = b->features;
    f->category = mem_strdup(d->category == INTERN_NONE ? "" : d->items.columns[d->category].name);
    if (f->category == NULL)
        return err_no_memory(b->err);
    for (size_t k = 0; k < d->n_histories; k++)
        TRY(copy_name(d->histories[k].name, f->histories, &f->n_histories, b->err));
    for (size_t c = 0; c < d->context.n_columns; c++)
        TRY(copy_name(d->context.columns[c].name, f->context, &f->n_context, b->err));
    return STATUS_OK;
}

static enum status build(struct builder *b)
{
    const struct dataset *d = b->d;
    struct features *f = b->features;
    TRY(copy_names(b));
    TRY(add_id(b, SIDE_USER, &d->user_ids, "user"));
    TRY(add_columns(b, SIDE_USER, &d->users));
    for (size_t k = 0; k < d->n_histories; k++) {
        if (b->pooled >> k & 1u)
            TRY(add_history(b, k));
    }
    f->starts[SIDE_CONTEXT] = f->width;
    TRY(add_columns(b, SIDE_CONTEXT, &d->context));
    f->starts[SIDE_ITEM] = f->width;
    TRY(add_id(b, SIDE_ITEM, &d->item_ids, "item"));
    TRY(add_columns(b, SIDE_ITEM, &d->items));
    f->starts[SIDE_CROSS] = f->width;
    TRY(add_cross(b));
    f->starts[N_SIDES] = f->width;
    if (f->width == 0)
        return err_set(b->err, STATUS_INVALID, "no column has two different values in the days of training");
    return STATUS_OK;
}

static size_t largest(size_t a, size_t b, size_t c)
{
    const size_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

enum status features_new(const struct dataset *d, const uint32_t *rows, size_t n_rows, uint32_t pooled,
                         struct features **ret, struct err *err)
{
    struct builder b = {.d = d, .rows = rows, .n_rows = n_rows, .pooled = pooled, .err = err};
    const size_t n_counts = largest(d->texts.n, d->users.n, d->items.n);
    enum status s = STATUS_OK;
    b.features = mem_alloc(1, sizeof *b.features);
    b.counts = mem_alloc(n_counts, sizeof *b.counts);
    b.values = mem_alloc(n_rows, sizeof *b.values);
    if (b.features != NULL)
        b.features->list = mem_alloc(FEATURES_MAX, sizeof *b.features->list);
    if (b.features == NULL || b.features->list == NULL || b.counts == NULL || b.values == NULL)
        s = err_no_memory(err);
    if (s == STATUS_OK)
        s = cross_rows(d, rows, n_rows, &b.cross, err);
    if (s == STATUS_OK)
        s = build(&b);
    mem_free(b.counts);
    mem_free(b.values);
    mem_free(b.cross);
    if (s != STATUS_OK) {
        features_free(b.features);
        return s;
    }
    *ret = b.features;
    return STATUS_OK;
}

static enum status need_column(const struct feature *feature, const struct table *table, const char *what,
                               struct err *err)
{
    const struct column *column = table_find(table, feature->name);
    if (column == NULL)
        return err_set(err, STATUS_INVALID, "the dataset lacks the column %s of the %s, which the model reads",
                       feature->name, what);
    if (column->kind != feature->kind)
        return err_set(err, STATUS_INVALID, "the column %s of the %s is %s in the dataset: the model reads a %s one",
                       feature->name, what, column->kind == COLUMN_TEXT ? "categorical" : "numeric",
                       feature->kind == COLUMN_TEXT ? "categorical" : "numeric");
    return STATUS_OK;
}

static enum status histories_fit(const struct features *features, const struct dataset *d, struct err *err)
{
    const char *category = d->category == INTERN_NONE ? "" : d->items.columns[d->category].name;
    if (features->n_histories != d->n_histories)
        return err_set(err, STATUS_INVALID, "the dataset has %zu histories: the model reads %zu", d->n_histories,
                       features->n_histories);
    for (size_t k = 0; k < d->n_histories; k++) {
        if (strcmp(features->histories[k], d->histories[k].name) != 0)
            return err_set(err, STATUS_INVALID, "history %zu of the dataset is %s: the model reads %s", k + 1,
                           d->histories[k].name, features->histories[k]);
    }
    if (strcmp(features->category, category) != 0)
        return err_set(err, STATUS_INVALID, "the category of the dataset's items is \"%s\": the model reads \"%s\"",
                       category, features->category);
    return STATUS_OK;
}

enum status features_fit(const struct features *features, const struct dataset *d, struct err *err)
{
    for (size_t f = 0; f < features->n; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->source != SOURCE_COLUMN)
            continue;
        if (feature->side == SIDE_USER)
            TRY(need_column(feature, &d->users, "users", err));
        if (feature->side == SIDE_ITEM)
            TRY(need_column(feature, &d->items, "items", err));
    }
    return histories_fit(features, d, err);
}
