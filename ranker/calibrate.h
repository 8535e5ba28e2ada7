/* calibrate.h - from a head's logit to its probability, on impressions that training did not see.
 *
 *   logit l = z + shift,   shift = log(keep)          the correction of negative down-sampling
 *   none:      p = sigmoid(l)
 *   platt:     p = sigmoid(slope l + intercept)
 *   isotonic:  p = sigmoid(f(l)), f linear between knots, slope 1 outside
 *
 * Correction: with a share `keep` of the negatives, the odds that training sees are 1/keep times as large; He et al.
 * 2014 ("Practical lessons from predicting clicks on ads at Facebook", section 6.3) q = p / (p + (1 - p) / keep), which
 * in logits is the shift.  It is exact, whatever is fitted on top.
 *
 * Platt 1999: slope and intercept maximize the log likelihood plus the log of the priors slope ~ N(1, 0.25^2),
 * intercept ~ N(0, 0.5^2), so that a head with a handful of positives stays close to the uncalibrated one.  Newton's
 * method; the objective is strictly concave.
 *
 * Isotonic (Zadrozny & Elkan 2002): pools of adjacent violators (Ayer et al. 1955) by l; the first and the last pool
 * take in neighbours until they hold both labels.  A step function would tie all candidates of a pool, so f runs
 * straight between the pools' mean logits, (mean l, logit of the share of positives), and the order is kept.  With more
 * than CALIBRATE_MAX_KNOTS pools, neighbours are joined.  Without positives or negatives it is `none`.
 *
 * Pure. */
#ifndef TRIMTAB_RANKER_CALIBRATE_H
#define TRIMTAB_RANKER_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum calibration_kind { CALIBRATION_NONE, CALIBRATION_PLATT, CALIBRATION_ISOTONIC, CALIBRATION_KINDS };

enum { CALIBRATE_MAX_KNOTS = 256 };

struct calibration_knot {
    double from, to; /* logits */
};

struct calibration {
    enum calibration_kind kind;
    double keep, shift;      /* share of the negatives that training saw; its logarithm */
    double slope, intercept; /* platt */
    size_t n_knots;          /* isotonic: from grows strictly, to never falls */
    struct calibration_knot *knots;
};

/* "none", "platt", "isotonic". */
const char *calibration_name(enum calibration_kind kind);
/* False when there is no such kind; ret untouched. */
bool calibration_find(const char *name, enum calibration_kind *ret);

/* z [n * stride]: the head's uncorrected logit of row i is z[i * stride]; labels [n], bit `head`; 0 < keep <= 1.  ret
 * is owned by the caller. */
MUST_CHECK enum status calibration_fit(enum calibration_kind kind, double keep, const float *z, size_t stride,
                                       const uint32_t *labels, size_t head, size_t n, struct calibration *ret,
                                       struct err *err);
/* Always p = probability: for a head that cannot be learnt; 0 < probability < 1. */
struct calibration calibration_constant(double probability);
/* Whether it is one of these. */
bool calibration_is_constant(const struct calibration *calibration);
void calibration_done(struct calibration *calibration);
/* Whether the numbers are ones that calibration_fit() can give. */
bool calibration_valid(const struct calibration *calibration);
/* Of an uncorrected logit.  Strictly inside (0, 1), also as a float and for a z that is not a number; never falls with
 * z unless the slope is negative. */
float calibration_probability(const struct calibration *calibration, double z);
/* Mean and standard deviation (over n) of the probabilities of the logits z[i * stride]; n > 0. */
void calibration_moments(const struct calibration *calibration, const float *z, size_t stride, size_t n,
                         double *ret_mean, double *ret_sd);

#endif
