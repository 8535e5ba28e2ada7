/* stats_lab.h - simulated experiments with a known truth, run through the platform's own assignment and tally.
 *
 * Units are assigned by their hash, return a heavy-tailed number of times and differ in how they click.
 *
 *   V = 1 + floor(exp(0.3 + sigma Z)), at most 400, Z normal: the visits of a unit, of 5 items each
 *   q uniform on [.04, .16]: an item is clicked with probability q (1 + lift of the arm)
 *   s uniform on [.1, .3]: a click is followed by a save with probability s (1 + lift)
 *
 * The visits of the experiment come in random order, so a unit returns at any time.  Arms: the control, "a" with no
 * lift (A/A) and "b" with lifts of 8 % of clicks and 5 % of saves per click.
 *
 * Before the experiment the unit came V' times, with log activity correlated .8 with Z, and clicked and saved as the
 * control does.  From that come the covariates of CUPED: its clicks, the same capped, whether there was one, and for
 * the ratios N - R D with the true ratio R.
 *
 * Metrics: clicks and clicks capped at 10 per unit (means), clicked (proportion), clicks per impression and saves per
 * click (ratios).  Guardrails of margin 0 on the capped clicks, the proportion and the clicks per impression: "a" is on
 * their boundary, "b" holds.  The truth is computed, not simulated: E min(X, c) = c - sum_{k<c} (c - k) P(X = k) for X
 * binomial(5 V, q), integrated over q (Gauss-Legendre) and summed over the distribution of V. */
#ifndef TRIMTAB_TESTS_LIB_STATS_LAB_H
#define TRIMTAB_TESTS_LIB_STATS_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum { STATS_LAB_ARMS = 3, STATS_LAB_METRICS = 5, STATS_LAB_EFFECTS = 2 * STATS_LAB_METRICS, STATS_LAB_LOOKS = 100 };

struct stats_lab;

/* units: of one experiment, all arms; sigma: spread of log activity. */
MUST_CHECK enum status stats_lab_new(uint32_t units, double sigma, struct stats_lab **ret, struct err *err);
void stats_lab_free(struct stats_lab *lab); /* NULL is fine */
const char *stats_lab_metric(size_t i);
/* The true effects [STATS_LAB_EFFECTS], in the order of struct stats_lab_effects. */
const double *stats_lab_relative(const struct stats_lab *lab);
const double *stats_lab_absolute(const struct stats_lab *lab);

/* One kind of effect (relative or absolute); entry arm' * METRICS + i, arm' 0 for "a" and 1 for "b". */
struct stats_lab_effects {
    double error[STATS_LAB_EFFECTS]; /* estimate - truth, at the end */
    double se[STATS_LAB_EFFECTS];
    bool peeked[STATS_LAB_EFFECTS];  /* the fixed 95 % interval missed the truth at one of the looks */
    bool alarmed[STATS_LAB_EFFECTS]; /* the confidence sequence missed it at one of the looks */
    bool saw[STATS_LAB_EFFECTS];     /* the sequence excluded 0 at one of the looks */
};
struct stats_lab_run {
    struct stats_lab_effects relative, absolute;
    struct stats_lab_effects adjusted_relative, adjusted_absolute; /* by CUPED; at the end only: error and se */
    double reduction[STATS_LAB_METRICS];                           /* of the variance, as CUPED claims it */
    double sample_ratio_p;
    double carry_over_p[STATS_LAB_METRICS]; /* nothing is carried over: of a round before with the same arms */
    bool wrong_holds, wrong_broken;         /* an adjusted answer of one of the guardrails is false */
};

/* Experiment number i of the seed: a pure function of both.  Looks after every 1 % of the visits. */
MUST_CHECK enum status stats_lab_run(struct stats_lab *lab, uint64_t seed, uint64_t i, struct stats_lab_run *ret,
                                     struct err *err);

#endif
