/* layout.h - from metrics to the columns that are summed per unit.
 *
 * Every metric is a numerator column over a denominator column (or over the constant 1).  Metrics that need the same
 * column share it.  A column is either the unit's requests, its impressions, or what its events of one type add up to.
 * "any" is a count capped at one.  A round for which units have pre-period values (CUPED, base/stats/cuped.h) has one
 * column more per metric for them.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_LAYOUT_H
#define TRIMTAB_EXPERIMENTS_CORE_LAYOUT_H

#include "base/stats/moments.h"
#include "experiments/core/plan.h"

enum { LAYOUT_MAX_COLUMNS = 3 * PLAN_MAX_METRICS };
enum column_kind { COLUMN_REQUESTS, COLUMN_IMPRESSIONS, COLUMN_COUNT, COLUMN_SUM, COLUMN_COVARIATE };

struct column {
    enum column_kind kind;
    char event[PLAN_NAME_SIZE]; /* COLUMN_COUNT, COLUMN_SUM */
    int64_t attribution_ms;     /* the same */
    int64_t cap;                /* of |total| */
};

struct layout {
    size_t n_columns, n_metrics;
    struct column columns[LAYOUT_MAX_COLUMNS];
    struct moments_ratio ratios[PLAN_MAX_METRICS]; /* metric -> columns */
    size_t first_covariate;                        /* the column of metric 0's; n_columns: the round has none */
};

/* Without covariates. */
void layout_make(const struct experiment_plan *plan, struct layout *ret);
/* Once, at most. */
void layout_add_covariates(struct layout *layout);
bool layout_has_covariates(const struct layout *layout);
/* A unit's value in the column, from the plain sum of its events: within +-cap. */
int64_t column_value(const struct column *column, int64_t total);

#endif
