#include "experiments/core/layout.h"

#include <assert.h>
#include <string.h>

static bool same(const struct column *a, const struct column *b)
{
    return a->kind == b->kind && a->cap == b->cap && a->attribution_ms == b->attribution_ms &&
           strcmp(a->event, b->event) == 0;
}

static size_t column_of(struct layout *layout, const struct column *column)
{
    size_t i = 0;
    while (i < layout->n_columns && !same(&layout->columns[i], column))
        i++;
    if (i == layout->n_columns)
        layout->columns[layout->n_columns++] = *column;
    return i;
}

static struct column numerator(const struct metric *metric)
{
    struct column c = {COLUMN_COUNT, "", metric->attribution_ms, metric->cap};
    memcpy(c.event, metric->event, sizeof c.event);
    if (metric->aggregate == AGGREGATE_SUM)
        c.kind = COLUMN_SUM;
    else if (metric->aggregate == AGGREGATE_ANY && c.cap > MOMENTS_SCALE)
        c.cap = MOMENTS_SCALE;
    return c;
}

static size_t denominator(struct layout *layout, const struct metric *metric)
{
    struct column c = {COLUMN_REQUESTS, "", 0, MOMENTS_LIMIT};
    switch (metric->denominator) {
    case PER_UNIT:
        return MOMENTS_ONE;
    case PER_REQUEST:
        break;
    case PER_IMPRESSION:
        c.kind = COLUMN_IMPRESSIONS;
        break;
    case PER_EVENT:
        c.kind = COLUMN_COUNT;
        c.attribution_ms = metric->attribution_ms;
        memcpy(c.event, metric->denominator_event, sizeof c.event);
        break;
    }
    return column_of(layout, &c);
}

void layout_make(const struct experiment_plan *plan, struct layout *ret)
{
    *ret = (struct layout){.n_metrics = plan->n_metrics};
    for (size_t i = 0; i < plan->n_metrics; i++) {
        struct column c = numerator(&plan->metrics[i]);
        ret->ratios[i].numerator = column_of(ret, &c);
        ret->ratios[i].denominator = denominator(ret, &plan->metrics[i]);
    }
    ret->first_covariate = ret->n_columns;
}

void layout_add_covariates(struct layout *layout)
{
    assert(!layout_has_covariates(layout));
    for (size_t i = 0; i < layout->n_metrics; i++)
        layout->columns[layout->n_columns++] = (struct column){COLUMN_COVARIATE, "", 0, MOMENTS_LIMIT};
}

bool layout_has_covariates(const struct layout *layout)
{
    return layout->first_covariate < layout->n_columns;
}

int64_t column_value(const struct column *column, int64_t total)
{
    if (total > column->cap)
        return column->cap;
    return total < -column->cap ? -column->cap : total;
}
