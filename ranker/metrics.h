/* metrics.h - how good probabilities are.
 *
 *   auc       P(p of a positive > p of a negative), ties count half; NaN without positives or without negatives
 *   logloss   mean of -y log p - (1 - y) log(1 - p)
 *   ece       expected calibration error over METRICS_BINS bins of equal size by p: sum_b n_b / n |mean p - mean y|
 *   expected_over_observed   sum p / sum y; NaN without positives
 *   bins      those bins, by growing p: a reliable head has mean y near mean p in each
 *
 * Pure. */
#ifndef TRIMTAB_RANKER_METRICS_H
#define TRIMTAB_RANKER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum { METRICS_BINS = 15 };

struct metrics_bin {
    size_t n, positives;
    double expected; /* mean p; NaN in an empty bin */
};

struct metrics_interval {
    double low, high;
};

struct metrics {
    size_t n, positives;
    double auc, logloss, constant_logloss, ece, expected_over_observed;
    struct metrics_bin bins[METRICS_BINS];
    /* 95 %, by bootstrap_intervals(); NaN before. */
    struct metrics_interval auc_interval, logloss_interval, ratio_interval;
};

/* Wilson's interval (1927) with 95 % of the share positives / n; 0 .. 1 when n is 0. */
void metrics_interval(size_t positives, size_t n, double *ret_low, double *ret_high);

/* p [n * stride], labels [n] bit `head`. O(n log n). */
MUST_CHECK enum status metrics_of(const float *p, size_t stride, const uint32_t *labels, size_t head, size_t n,
                                  struct metrics *ret, struct err *err);

#endif
