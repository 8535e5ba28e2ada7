/* quantile.h - the smallest of n numbers that at least a share q of them do not exceed: the inverse of their
 * distribution function (Hyndman & Fan 1996, "Sample quantiles in statistical packages", definition 1).  Pure. */
#ifndef TRIMTAB_BASE_STATS_QUANTILE_H
#define TRIMTAB_BASE_STATS_QUANTILE_H

#include <stddef.h>

/* x [n], n > 0, 0 < q <= 1; reorders x.  O(n). */
double quantile_select(double *x, size_t n, double q);

#endif
