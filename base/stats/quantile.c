#include "base/stats/quantile.h"

#include <assert.h>
#include <math.h>

#include <gsl/gsl_statistics_double.h>

double quantile_select(double *x, size_t n, double q)
{
    assert(n > 0 && q > 0.0 && q <= 1.0);
    const size_t rank = (size_t)ceil(q * (double)n * (1.0 - 1e-12)); /* .9 * 10 is 9 though it is a little more */
    return gsl_stats_select(x, 1, n, rank > 0 ? rank - 1 : 0);
}
