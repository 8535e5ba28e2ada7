#include "ranker/segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"

static const char OTHERS[] = "(others)";

/* A value of the column, by how often it occurs. */
struct value {
    uint32_t text; /* number of texts: an empty cell */
    size_t n;
};

struct run {
    const struct dataset *dataset;
    const uint32_t *rows, *labels;
    size_t n, n_heads;
    const float *p;
    uint32_t *texts;      /* [n] of the rows */
    struct value *values; /* [texts + 1] */
    uint32_t *segment_of; /* [texts + 1] */
    double *errors;       /* [users] e_u - R o_u */
};

/* Where a column is. */
struct place {
    const struct column *column;
    const uint32_t *owner; /* of a row of the log: the row of the table; NULL: the same */
};

static enum status find(const struct dataset *d, const char *name, struct place *ret, struct err *err)
{
    const struct place places[] = {{table_find(&d->context, name), NULL},
                                   {table_find(&d->users, name), d->row_users},
                                   {table_find(&d->items, name), d->row_items}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i].column == NULL)
            continue;
        if (places[i].column->kind != COLUMN_TEXT)
            return err_set(err, STATUS_INVALID, "column %.100s is numeric: a categorical one is expected", name);
        *ret = places[i];
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "the dataset has no column %.100s", name);
}

static int by_size(const void *left, const void *right)
{
    const struct value *a = left, *b = right;
    if (a->n != b->n)
        return a->n < b->n ? 1 : -1;
    return (a->text > b->text) - (a->text < b->text);
}

/* Gives every row its text and every text its segment. */
static void group(struct run *r, const struct place *place, struct segments *ret)
{
    const size_t n_texts = r->dataset->texts.n;
    for (size_t t = 0; t <= n_texts; t++)
        r->values[t].text = (uint32_t)t;
    for (size_t i = 0; i < r->n; i++) {
        const uint32_t at = place->owner != NULL ? place->owner[r->rows[i]] : r->rows[i];
        const uint32_t text = place->column->codes[at];
        r->texts[i] = text == INTERN_NONE ? (uint32_t)n_texts : text;
        r->values[r->texts[i]].n++;
    }
    qsort(r->values, n_texts + 1, sizeof *r->values, by_size);
    size_t occur = 0;
    while (occur <= n_texts && r->values[occur].n > 0)
        occur++;
    const size_t own = occur > SEGMENTS_MAX ? SEGMENTS_MAX - 1 : occur;
    ret->n = occur > own ? own + 1 : own;
    for (size_t s = 0; s < occur; s++) {
        struct segment *segment = &ret->list[s < own ? s : own];
        const uint32_t text = r->values[s].text;
        r->segment_of[text] = (uint32_t)(s < own ? s : own);
        segment->n += r->values[s].n;
        if (s >= own)
            segment->name = OTHERS;
        else
            segment->name = text == n_texts ? NULL : intern_text(&r->dataset->texts, text);
    }
}

static void sum(const struct run *r, struct segments *ret)
{
    for (size_t i = 0; i < r->n; i++) {
        struct segment *segment = &ret->list[r->segment_of[r->texts[i]]];
        for (size_t h = 0; h < r->n_heads; h++) {
            segment->heads[h].positives += r->labels[i] >> h & 1u;
            segment->heads[h].expected += (double)r->p[i * r->n_heads + h];
        }
    }
}

static double squares(const struct run *r, size_t segment, size_t head, double ratio)
{
    double total = 0.0;
    memset(r->errors, 0, dataset_n_users(r->dataset) * sizeof *r->errors);
    for (size_t i = 0; i < r->n; i++) {
        if (r->segment_of[r->texts[i]] == segment)
            r->errors[r->dataset->row_users[r->rows[i]]] +=
                (double)r->p[i * r->n_heads + head] - ratio * (double)(r->labels[i] >> head & 1u);
    }
    for (size_t u = 0; u < dataset_n_users(r->dataset); u++)
        total += r->errors[u] * r->errors[u];
    return total;
}

static void judge(const struct run *r, struct segments *ret)
{
    for (size_t s = 0; s < ret->n; s++) {
        for (size_t h = 0; h < r->n_heads; h++) {
            struct segment_head *head = &ret->list[s].heads[h];
            head->ratio = head->se = nan("");
            if (head->positives == 0)
                continue;
            head->ratio = head->expected / (double)head->positives;
            head->se = sqrt(squares(r, s, h, head->ratio)) / (double)head->positives;
        }
    }
}

enum status segments_make(const struct dataset *dataset, const char *column, const uint32_t *rows, size_t n,
                          size_t n_heads, const uint32_t *labels, const float *p, struct segments *ret, struct err *err)
{
    struct place place = {0};
    struct run r = {.dataset = dataset, .rows = rows, .labels = labels, .n = n, .n_heads = n_heads, .p = p};
    enum status s = STATUS_OK;
    TRY(find(dataset, column, &place, err));
    *ret = (struct segments){0};
    r.texts = mem_alloc(n, sizeof *r.texts);
    r.values = mem_alloc(dataset->texts.n + 1, sizeof *r.values);
    r.segment_of = mem_alloc(dataset->texts.n + 1, sizeof *r.segment_of);
    r.errors = mem_alloc(dataset_n_users(dataset), sizeof *r.errors);
    if (r.texts == NULL || r.values == NULL || r.segment_of == NULL || r.errors == NULL) {
        s = err_no_memory(err);
    } else {
        group(&r, &place, ret);
        sum(&r, ret);
        judge(&r, ret);
    }
    mem_free(r.texts);
    mem_free(r.values);
    mem_free(r.segment_of);
    mem_free(r.errors);
    return s;
}
