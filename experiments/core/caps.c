#include "experiments/core/caps.h"

#include <math.h>

#include "base/core/mem.h"
#include "base/stats/quantile.h"

enum status caps_after(const struct tally *t, size_t metric, double quantile, int64_t cap, int64_t *ret,
                       struct err *err)
{
    const size_t n_columns = t->layout.n_columns, column = t->layout.ratios[metric].numerator;
    size_t n = 0;
    *ret = cap;
    if (tally_units(t) < CAPS_LEAST_UNITS)
        return STATUS_OK;
    double *size = mem_alloc(t->n_units, sizeof *size);
    if (size == NULL)
        return err_no_memory(err);
    for (uint32_t unit = 0; unit < t->n_units; unit++) {
        if (t->counted[unit] && t->arm[unit] < t->n_arms)
            size[n++] = fabs((double)t->total[unit * n_columns + column]);
    }
    const double found = quantile_select(size, n, quantile);
    *ret = found > 0.0 && found < (double)MOMENTS_LIMIT ? llround(found) : MOMENTS_LIMIT;
    mem_free(size);
    return STATUS_OK;
}
