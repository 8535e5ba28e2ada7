/* moments.h - exact sums and cross products of per-unit totals, and what follows from them.
 *
 * A unit has one value in each of C columns (clicks, impressions, ...), a fixed-point integer: value * MOMENTS_SCALE.
 * Kept are n, sum_u x_uj and sum_u x_uj x_uk, all in integers, so the order of updates never matters, an update can be
 * taken back by its opposite, and equal data give equal digits on every machine.
 *
 *   range: |x| <= MOMENTS_LIMIT = 1e14 (a total of 1e8) and n <= 2^31, so |sum x y| <= 2.2e37 < 2^127 = 1.7e38.
 *
 * A metric is a ratio of two columns' sums, R = sum N / sum D (D = 1 for a mean over units).  With the unit as the unit
 * of randomization its influence is z_u = (N_u - R D_u) / mean(D), and by the delta method
 *   Cov(R_i, R_j) = S(z_i, z_j) / n
 *     = [S(N_i,N_j) - R_j S(N_i,D_j) - R_i S(D_i,N_j) + R_i R_j S(D_i,D_j)] / (n mean(D_i) mean(D_j))
 * S the sample covariance with divisor n - 1.  Source: Deng, Knoblich & Lu (2018), "Applying the Delta Method in Metric
 * Analytics", KDD, equations 3 and 4, written for two ratios instead of one.  Pure; thread: owner only. */
#ifndef TRIMTAB_BASE_STATS_MOMENTS_H
#define TRIMTAB_BASE_STATS_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "base/core/int128.h"

#define MOMENTS_SCALE 1000000
#define MOMENTS_LIMIT INT64_C(100000000000000)
#define MOMENTS_ONE SIZE_MAX /* as a denominator: the constant 1 */

struct moments {
    size_t n_columns;
    int64_t n;     /* units */
    int128 *sum;   /* [n_columns] */
    int128 *cross; /* [n_columns * (n_columns + 1) / 2], the lower triangle by rows */
};

MUST_CHECK enum status moments_init(struct moments *m, size_t n_columns, struct err *err);
void moments_done(struct moments *m); /* a zeroed or released one is fine */

/* One unit more, its values all 0. */
void moments_add_unit(struct moments *m);
/* One unit less, whose values are all 0 again. */
void moments_remove_unit(struct moments *m);
/* The unit whose values are x [n_columns] goes from x[column] to `value`; x itself is left to the caller.  O(columns).
 * |value| <= MOMENTS_LIMIT (assert). */
void moments_change(struct moments *m, const int64_t *x, size_t column, int64_t value);

/* Sum of a column in its own unit (the scale divided out); of MOMENTS_ONE the number of units. */
double moments_sum(const struct moments *m, size_t column);
/* S(x_j, x_k) of the scaled-back values, exact up to the last rounding; NaN for n < 2.  MOMENTS_ONE gives 0. */
double moments_sample_cov(const struct moments *m, size_t j, size_t k);

struct moments_ratio {
    size_t numerator;
    size_t denominator; /* a column or MOMENTS_ONE */
};
/* ret_mean [n_ratios] and the covariance of these means, ret_cov [n_ratios^2].  NaN where a denominator sums to 0 or
 * where n < 2. */
void moments_ratios(const struct moments *m, size_t n_ratios, const struct moments_ratio *ratios, double *ret_mean,
                    double *ret_cov);

#endif
