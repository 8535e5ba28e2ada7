/* bootstrap.h - intervals of the metrics of one head (metrics.h) by resampling users.
 *
 * Rows of one user are alike, so intervals that take rows for independent are too short.  A replicate draws as many
 * users as there are, with replacement, and weighs each user's rows by how often the user was drawn; the interval is
 * from the 2.5th to the 97.5th percentile of the replicates (Efron & Tibshirani 1993, section 13.3).  It says how far
 * other users would have moved the figures of this model, not how far another training would.  The draws depend on
 * (seed, replicate) alone, so heads and models are compared on the same users. */
#ifndef TRIMTAB_RANKER_BOOTSTRAP_H
#define TRIMTAB_RANKER_BOOTSTRAP_H

#include "ranker/metrics.h"

struct bootstrap {
    size_t replicates; /* at least 1; some hundreds for percentiles that mean something */
    uint64_t seed;
    const uint32_t *units; /* [n] the user of each row, below n_units */
    size_t n_units;
};

/* Fills ret->auc_interval, logloss_interval and ratio_interval; NaN where no replicate had both labels.  p [n *
 * stride], labels [n] bit `head`. O(n log n + replicates (n + n_units)). */
MUST_CHECK enum status bootstrap_intervals(const struct bootstrap *bootstrap, const float *p, size_t stride,
                                           const uint32_t *labels, size_t head, size_t n, struct metrics *ret,
                                           struct err *err);

#endif
