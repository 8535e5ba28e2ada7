#include "ranker/history.h"

#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"

double history_rate(double count, double exposures, double prior)
{
    return (count + HISTORY_PRIOR * prior) / (exposures + HISTORY_PRIOR);
}

static size_t history_total(const struct dataset *d, size_t kind)
{
    return (size_t)d->histories[kind].starts[d->users.n];
}

static void count_by_user(const struct dataset *d, size_t kind, double *counts)
{
    const struct history *history = &d->histories[kind];
    for (size_t u = 0; u < d->users.n; u++)
        counts[u] = (double)(history->starts[u + 1] - history->starts[u]);
}

static void count_by_item(const struct dataset *d, size_t kind, double *counts)
{
    const struct history *history = &d->histories[kind];
    for (size_t i = 0; i < history_total(d, kind); i++)
        counts[history->items[i]] += 1.0;
}

typedef void count_function(const struct dataset *d, size_t kind, double *counts);

static enum status add_column(struct table *table, const char *format, const char *name, struct column **ret,
                              struct err *err)
{
    char text[2 * TABLE_MAX_NAME];
    snprintf(text, sizeof text, format[0] == 'r' ? "history.%s.rate" : "history.%s", name);
    TRY(table_add(table, text, COLUMN_NUMBER, table->n, ret, err));
    (*ret)->derived = true;
    return STATUS_OK;
}

static enum status derive_rate(struct dataset *d, size_t kind, struct table *table, const double *exposures,
                               count_function *count, struct err *err)
{
    struct column *column = NULL;
    TRY(add_column(table, "rate", d->histories[kind].name, &column, err));
    const size_t all = history_total(d, 0);
    const double prior = all == 0 ? 0.0 : (double)history_total(d, kind) / (double)all;
    count(d, kind, column->numbers);
    for (size_t i = 0; i < table->n; i++)
        column->numbers[i] = history_rate(column->numbers[i], exposures[i], prior);
    return STATUS_OK;
}

static enum status derive_table(struct dataset *d, struct table *table, count_function *count, struct err *err)
{
    struct column *column = NULL;
    double *exposures = mem_alloc(table->n, sizeof *exposures);
    if (exposures == NULL)
        return err_no_memory(err);
    count(d, 0, exposures);
    enum status s = add_column(table, "log", d->histories[0].name, &column, err);
    for (size_t i = 0; s == STATUS_OK && i < table->n; i++)
        column->numbers[i] = log1p(exposures[i]);
    for (size_t k = 1; s == STATUS_OK && k < d->n_histories; k++)
        s = derive_rate(d, k, table, exposures, count, err);
    mem_free(exposures);
    return s;
}

enum status history_derive(struct dataset *d, struct err *err)
{
    if (d->n_histories == 0)
        return STATUS_OK;
    TRY(derive_table(d, &d->users, count_by_user, err));
    return derive_table(d, &d->items, count_by_item, err);
}
