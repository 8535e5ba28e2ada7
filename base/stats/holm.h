/* holm.h - several tests, one error: Holm's step-down adjustment of p-values.
 *
 *   sorted p_(1) <= ... <= p_(n):   adjusted p_(k) = min(1, max_{j <= k} (n - j + 1) p_(j))
 *
 * Rejecting where the adjusted p is at most alpha makes the probability of any false rejection at most alpha, however
 * the tests depend on each other.  Source: Holm (1979), "A simple sequentially rejective multiple test procedure",
 * Scandinavian Journal of Statistics 6(2).  Pure. */
#ifndef TRIMTAB_BASE_STATS_HOLM_H
#define TRIMTAB_BASE_STATS_HOLM_H

#include <stddef.h>

/* p [n], ret_adjusted [n] (may be p), order [n] scratch of the caller.  NaN (a test that could not be made) stays NaN
 * and counts as 1 for the others, so that the family does not shrink with the data.  O(n^2): families are small. */
void holm_adjust(size_t n, const double *p, size_t *order, double *ret_adjusted);

#endif
