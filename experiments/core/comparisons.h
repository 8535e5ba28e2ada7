/* comparisons.h - what a round says beyond its arms: about everything that was promoted, and about the round before.
 *
 * Holdback.  Units that are held back are served the experiment's first default weights in every round.  Against them
 * stands the control of the round, which has what production has now: the effect of the control on the holdback is what
 * all promotions together have brought, measured on the same days.  Effects as in base/stats/effects.h.
 *
 * Carry-over.  A unit's arm in this round is independent of its arm in the round before, so units that came from
 * different arms must do equally well, unless what they saw then still acts.  Groups b by the arm of the round before
 * (those it gave the default are one), with mean m_b and its variance v_b over all arms of this round:
 *
 *   Q = sum_b (m_b - m)^2 / v_b,   m = sum_b (m_b / v_b) / sum_b (1 / v_b),   Q ~ chi-square with groups - 1 degrees
 *
 * Source: Cochran (1954), "The combination of estimates from different experiments", Biometrics 10(1), section 3.
 * Groups of fewer than CARRY_OVER_MIN_UNITS units are left out: for those v_b is too uncertain.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_COMPARISONS_H
#define TRIMTAB_EXPERIMENTS_CORE_COMPARISONS_H

#include "experiments/core/tally.h"

enum { CARRY_OVER_MIN_UNITS = 100 };

struct holdback_comparison {
    double mean[PLAN_MAX_METRICS], cov[PLAN_MAX_METRICS * PLAN_MAX_METRICS];              /* of the holdback's means */
    double relative[PLAN_MAX_METRICS], relative_cov[PLAN_MAX_METRICS * PLAN_MAX_METRICS]; /* of the control on it */
    double absolute[PLAN_MAX_METRICS], absolute_cov[PLAN_MAX_METRICS * PLAN_MAX_METRICS];
};
/* The tally has a holdback (assert). */
void holdback_compare(const struct tally *tally, struct holdback_comparison *ret);

struct carry_over {
    double chi2, p; /* NaN when fewer than two groups can be compared */
    size_t df;
};
/* By metric, ret [n_metrics]. */
void carry_over_test(const struct tally *tally, struct carry_over *ret);

/* Which group of the round before a unit belongs to: its arm there, n_arms for the default. */
size_t carry_over_group(const struct round_plan *before, const char *unit);

#endif
