#include "ranker/cross.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"
#include "ranker/history.h"

size_t cross_count(const struct dataset *dataset)
{
    return dataset->n_histories == 0 ? 0 : 2 * dataset->n_histories;
}

void cross_name(const struct dataset *dataset, size_t cross, char *ret, size_t size)
{
    const size_t n = cross_count(dataset);
    assert(cross < n);
    const char *kind = dataset->histories[(cross + 1) / 2 % dataset->n_histories].name;
    if (cross + 1 == n)
        (void)snprintf(ret, size, "cross.item.%s", kind);
    else
        (void)snprintf(ret, size, "cross.category.%s%s", kind, cross > 0 && cross % 2 == 0 ? ".rate" : "");
}

enum status cross_init(struct cross_tally *tally, const struct dataset *dataset, struct err *err)
{
    *tally = (struct cross_tally){.dataset = dataset, .n = cross_count(dataset)};
    if (tally->n == 0)
        return STATUS_OK;
    if (dataset->category != INTERN_NONE)
        tally->categories = dataset->items.columns[dataset->category].codes;
    for (size_t k = 1; k < dataset->n_histories; k++) {
        char name[2 * TABLE_MAX_NAME];
        (void)snprintf(name, sizeof name, "history.%s.rate", dataset->histories[k].name);
        const struct column *column = table_find(&dataset->users, name);
        assert(column != NULL);
        tally->rates[k] = column->numbers;
    }
    tally->by_category = mem_alloc(dataset->texts.n * dataset->n_histories, sizeof *tally->by_category);
    tally->by_item = mem_alloc(dataset->items.n, sizeof *tally->by_item);
    if (tally->by_category == NULL || tally->by_item == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

void cross_done(struct cross_tally *tally)
{
    mem_free(tally->by_category);
    mem_free(tally->by_item);
}

/* Adds `step` (1 or -1) for every event of the user. */
static void count(struct cross_tally *tally, uint32_t step)
{
    const struct dataset *d = tally->dataset;
    for (size_t k = 0; tally->n > 0 && k < d->n_histories; k++) {
        const struct history *history = &d->histories[k];
        for (size_t i = (size_t)history->starts[tally->user]; i < history->starts[tally->user + 1]; i++) {
            const uint32_t item = history->items[i];
            if (tally->categories != NULL && tally->categories[item] != INTERN_NONE)
                tally->by_category[tally->categories[item] * d->n_histories + k] += step;
            if (k == 0)
                tally->by_item[item] += step;
        }
    }
}

void cross_begin(struct cross_tally *tally, size_t user)
{
    tally->user = user;
    count(tally, 1);
}

void cross_end(struct cross_tally *tally)
{
    count(tally, UINT32_MAX); /* minus one, modulo 2^32 */
}

void cross_values(const struct cross_tally *tally, size_t item, double *ret)
{
    if (tally->n == 0)
        return;
    const size_t kinds = tally->dataset->n_histories;
    const uint32_t category = tally->categories != NULL ? tally->categories[item] : INTERN_NONE;
    const uint32_t *counts = category == INTERN_NONE ? NULL : tally->by_category + category * kinds;
    ret[0] = counts == NULL ? nan("") : log1p((double)counts[0]);
    for (size_t k = 1; k < kinds; k++) {
        ret[2 * k - 1] = counts == NULL ? nan("") : log1p((double)counts[k]);
        ret[2 * k] =
            counts == NULL ? nan("") : history_rate((double)counts[k], (double)counts[0], tally->rates[k][tally->user]);
    }
    ret[tally->n - 1] = log1p((double)tally->by_item[item]);
}

enum status cross_rows(const struct dataset *dataset, const uint32_t *rows, size_t n_rows, double **ret,
                       struct err *err)
{
    struct cross_tally tally;
    const size_t n = cross_count(dataset);
    double *values = mem_alloc(n_rows * n, sizeof *values);
    if (values == NULL)
        return err_no_memory(err);
    const enum status s = cross_init(&tally, dataset, err);
    for (size_t i = 0; s == STATUS_OK && n > 0 && i < n_rows; i++) {
        cross_begin(&tally, dataset->row_users[rows[i]]);
        cross_values(&tally, dataset->row_items[rows[i]], values + i * n);
        cross_end(&tally);
    }
    cross_done(&tally);
    if (s != STATUS_OK) {
        mem_free(values);
        return s;
    }
    *ret = values;
    return STATUS_OK;
}
