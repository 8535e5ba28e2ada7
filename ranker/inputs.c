#include "ranker/inputs.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"

void inputs_done(struct inputs *inputs)
{
    mem_free(inputs->codes);
    mem_free(inputs->numbers);
    for (size_t k = 0; k < inputs->n_pooled; k++)
        pooled_done(&inputs->pooled[k]);
    *inputs = (struct inputs){0};
}

/* map[i] = code of text i. */
static void map_texts(const struct feature *feature, const struct intern *texts, uint32_t *map)
{
    memset(map, 0, texts->n * sizeof *map);
    for (uint32_t v = 0; v < feature->vocabulary.n; v++) {
        const uint32_t text = intern_find(texts, intern_text(&feature->vocabulary, v));
        if (text != INTERN_NONE)
            map[text] = v + 1;
    }
}

/* What encoding one side shares. */
struct encoder {
    const struct dataset *d;
    const struct table *table; /* of a column */
    const struct intern *ids;  /* of the side */
    const uint32_t *rows;      /* NULL: row i of the table */
    const double *cross;
    struct inputs *to;
    uint32_t *map;
};

static void encode_codes(struct encoder *e, const struct feature *feature, size_t at)
{
    struct inputs *to = e->to;
    if (feature->source == SOURCE_ID) {
        assert(e->ids != NULL);
        map_texts(feature, e->ids, e->map);
        for (size_t i = 0; i < to->n; i++)
            to->codes[i * to->n_codes + at] = e->map[i];
        return;
    }
    const struct column *column = table_find(e->table, feature->name);
    if (column == NULL || column->kind != COLUMN_TEXT)
        return; /* a context column may be absent: code 0 */
    map_texts(feature, &e->d->texts, e->map);
    for (size_t i = 0; i < to->n; i++) {
        const uint32_t text = column->codes[e->rows != NULL ? e->rows[i] : i];
        to->codes[i * to->n_codes + at] = text == INTERN_NONE ? 0 : e->map[text];
    }
}

static void encode_numbers(struct encoder *e, const struct feature *feature, size_t at)
{
    struct inputs *to = e->to;
    const size_t n_cross = cross_count(e->d);
    const struct column *column = feature->source == SOURCE_COLUMN ? table_find(e->table, feature->name) : NULL;
    const double *numbers = column == NULL ? NULL : column->numbers;
    assert(feature->source != SOURCE_CROSS || e->cross != NULL);
    for (size_t i = 0; i < to->n; i++) {
        double value = nan("");
        if (feature->source == SOURCE_CROSS)
            value = e->cross[i * n_cross + feature->cross];
        else if (numbers != NULL)
            value = numbers[e->rows != NULL ? e->rows[i] : i];
        feature_number(feature, value, to->numbers + i * to->n_numbers + at);
    }
}

static enum status encode_history(struct encoder *e, const struct feature *feature, size_t at, struct err *err)
{
    struct inputs *to = e->to;
    struct pooled *pooled = &to->pooled[to->n_pooled];
    assert(to->n_pooled < DATASET_MAX_HISTORIES && to->n == e->d->users.n);
    TRY(pooled_new(feature, e->d, pooled, err));
    to->n_pooled++;
    for (size_t user = 0; user < to->n; user++)
        to->codes[user * to->n_codes + at] = pooled_code(pooled, user);
    return STATUS_OK;
}

static enum status encode_all(struct encoder *e, const struct features *features, struct err *err)
{
    size_t code = 0, number = 0;
    for (size_t f = e->to->first; f < e->to->end; f++) {
        const struct feature *feature = &features->list[f];
        if (feature->source == SOURCE_HISTORY) {
            TRY(encode_history(e, feature, code++, err));
        } else if (feature->kind == COLUMN_TEXT) {
            encode_codes(e, feature, code++);
        } else {
            encode_numbers(e, feature, number);
            number += feature->width;
        }
    }
    return STATUS_OK;
}

static void set_sizes(const struct features *features, enum feature_side side, struct inputs *to)
{
    to->first = 0;
    while (to->first < features->n && features->list[to->first].side < side)
        to->first++;
    to->end = to->first;
    for (; to->end < features->n && features->list[to->end].side == side; to->end++) {
        const struct feature *feature = &features->list[to->end];
        to->n_codes += feature->kind == COLUMN_TEXT ? 1 : 0;
        to->n_numbers += feature->kind == COLUMN_NUMBER ? feature->width : 0;
    }
}

static enum status encode(struct encoder *e, const struct features *features, enum feature_side side, size_t n_rows,
                          struct err *err)
{
    struct inputs *to = e->to;
    const size_t n_ids = e->ids != NULL ? e->ids->n : 0;
    double *cross = NULL;
    assert(e->table != NULL || (side != SIDE_USER && side != SIDE_ITEM));
    to->n = side == SIDE_USER || side == SIDE_ITEM ? e->table->n : n_rows;
    set_sizes(features, side, to);
    to->codes = mem_alloc(to->n * to->n_codes, sizeof *to->codes);
    to->numbers = mem_alloc(to->n * to->n_numbers, sizeof *to->numbers);
    e->map = mem_alloc(n_ids > e->d->texts.n ? n_ids : e->d->texts.n, sizeof *e->map);
    enum status s = STATUS_OK;
    if (to->codes == NULL || to->numbers == NULL || e->map == NULL)
        s = err_no_memory(err);
    else if (side == SIDE_CROSS)
        s = cross_rows(e->d, e->rows, n_rows, &cross, err);
    if (s == STATUS_OK) {
        e->cross = cross;
        s = encode_all(e, features, err);
    }
    mem_free(e->map);
    mem_free(cross);
    return s;
}

enum status inputs_new(const struct features *features, enum feature_side side, const struct dataset *d,
                       const uint32_t *rows, size_t n_rows, struct inputs *ret, struct err *err)
{
    struct inputs to = {0};
    struct encoder e = {.d = d, .to = &to, .table = &d->context, .rows = rows};
    if (side == SIDE_USER || side == SIDE_ITEM) {
        e.table = side == SIDE_USER ? &d->users : &d->items;
        e.ids = side == SIDE_USER ? &d->user_ids : &d->item_ids;
        e.rows = NULL;
    }
    const enum status s = encode(&e, features, side, n_rows, err);
    if (s != STATUS_OK) {
        inputs_done(&to);
        return s;
    }
    *ret = to;
    return STATUS_OK;
}

uint32_t inputs_id(const struct features *features, const struct inputs *inputs, size_t row)
{
    /* The id is the first feature of its side. */
    if (inputs->first == inputs->end || features->list[inputs->first].source != SOURCE_ID)
        return 0;
    return inputs->codes[row * inputs->n_codes];
}

static bool hidden(struct inputs_hide *hide, enum feature_source source)
{
    if (hide == NULL)
        return false;
    return (rng_u64(&hide->rng) >> 48) < (source == SOURCE_ID ? hide->ids : hide->others);
}

void inputs_fill(const struct features *features, const struct inputs *inputs, size_t row, const float *embeddings,
                 struct inputs_hide *hide, float *x, uint32_t *codes)
{
    const uint32_t *from = row == SIZE_MAX ? NULL : inputs->codes + row * inputs->n_codes;
    const float *numbers = row == SIZE_MAX ? NULL : inputs->numbers + row * inputs->n_numbers;
    const struct pooled *pooled = inputs->pooled;
    for (size_t f = inputs->first; f < inputs->end; f++) {
        const struct feature *feature = &features->list[f];
        const bool hide_it = row == SIZE_MAX || hidden(hide, feature->source);
        assert(hide_it || (from != NULL && numbers != NULL));
        float *to = x + feature->offset;
        if (feature->kind == COLUMN_TEXT) {
            *codes = hide_it ? 0 : *from;
            const float *table = embeddings + feature->table;
            if (feature->source == SOURCE_HISTORY)
                pooled_mean(pooled++, *codes, table, feature->width, to);
            else
                memcpy(to, table + *codes * feature->width, feature->width * sizeof *to);
            codes++;
            if (from != NULL)
                from++;
            continue;
        }
        if (hide_it) {
            memset(to, 0, feature->width * sizeof *to);
            to[0] = 1.0f;
        } else {
            memcpy(to, numbers, feature->width * sizeof *to);
        }
        if (numbers != NULL)
            numbers += feature->width;
    }
}
