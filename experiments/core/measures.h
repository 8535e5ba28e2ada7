/* measures.h - what a round has measured: everything its results say beyond sums and counts.
 *
 * From the exact moments of the tally: means per arm with their covariance (moments.h), effects against the control,
 * the first arm, with their joint covariance (effects.h), the same adjusted for what was known of the units before the
 * round (cuped.h), bounds of the plain effects that hold at every look (confseq.h), and the answers of the guardrails
 * by the plain effects (noninferiority.h).  Effects are ordered as in effects.h: entry e = (arm - 1) * M + metric, E =
 * (n_arms - 1) * M.
 *
 * A guardrail is a metric with a margin: its effect may go in the bad direction by that much.  Every arm is tested on
 * each; all of them are one family, adjusted by holm.h.  The tests are for the end of a round: before that there
 * are no p-values, only the answer of the bounds.  A relative effect with fewer than MEASURES_MIN_EVENTS events of the
 * control is not tested.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_MEASURES_H
#define TRIMTAB_EXPERIMENTS_CORE_MEASURES_H

#include "base/stats/confseq.h"
#include "base/stats/cuped.h"
#include "base/stats/noninferiority.h"
#include "experiments/core/tally.h"

enum { MEASURES_MIN_EVENTS = 100 };
#define MEASURES_ALPHA 0.05 /* of every bound and test */

struct guardrail_result {
    size_t effect;    /* its place among the effects */
    bool is_relative; /* or absolute */
    double value, se; /* of that effect */
    struct noninferiority_bound bound;
    struct noninferiority_p p, adjusted; /* NaN before the end */
    enum noninferiority answer;          /* of the adjusted ones */
    enum noninferiority always_valid;    /* of the bounds */
};

/* Means of all arms and effects of all but the control. */
struct estimates {
    double *mean, *cov;              /* [n_arms * M], [n_arms * M * M] */
    double *relative, *relative_cov; /* [E], [E * E] */
    double *absolute, *absolute_cov; /* the same */
};

struct measures {
    size_t n_arms, n_metrics, n_effects, n_guardrails;
    struct estimates plain;
    bool has_adjusted; /* the layout has covariates; otherwise the next two are NULL */
    struct estimates adjusted;
    struct cuped_fit *fits;                                   /* [M] */
    struct confseq_bounds *relative_bounds, *absolute_bounds; /* [E] */
    struct guardrail_result *guardrails;                      /* [n_guardrails] arm by arm */
    double *numbers;                                          /* what the estimates lie in */
};

/* final: the round is, so that its guardrails are tested.  O(n_arms M^2 + E^2). */
MUST_CHECK enum status measures_make(const struct experiment_plan *plan, const struct tally *tally, bool final,
                                     struct measures *ret, struct err *err);
void measures_done(struct measures *x); /* a zeroed one is fine */

#endif
