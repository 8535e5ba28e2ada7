/* campaign_measure.h - the results of a round as the campaign sees them: effects of every arm on the metrics it uses,
 * and from them the outcomes the optimizer is told, with the full covariance between the arms.
 *
 * With base = 0 (the control) entry a of n = n_arms - 1 is arm a + 1; with another base it counts the arms without it.
 *   objective  y_0a = sum_i omega_i r_ai                      r relative effects, base/stats/effects.h
 *   guardrail  y_ga = sense_g r_ai  or  sense_g d_ai / scale_g (absolute difference on the declared scale)
 * and Cov(y_ga, y_gb) likewise: arms share their control, so the off-diagonals are not zero.  NaN where the results
 * hold none.  Where the results carry means adjusted by CUPED and the campaign takes them, everything is from those:
 * they estimate the same with less noise (docs/statistics.md, section 9).  Pure. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_MEASURE_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_MEASURE_H

#include "tuner/core/campaign_setup.h"

struct campaign_measure {
    size_t n, n_metrics, n_outcomes; /* n_outcomes = 1 + n_guardrails */
    size_t base;
    bool adjusted;                   /* by CUPED */
    double *mean, *mean_se;          /* [n_arms * n_metrics], of every arm, the base too */
    double *effect, *effect_cov;     /* relative: [n * n_metrics], [(n * n_metrics)^2] */
    double *absolute, *absolute_cov; /* the same for differences */
    double *y;                       /* [n_outcomes * n] */
    double *cov;                     /* [n_outcomes * n * n] */
};

/* O((n n_metrics)^2).  STATUS_CORRUPT: the results lack a metric of the campaign. */
MUST_CHECK enum status campaign_measure_new(const struct campaign_setup *setup, const struct campaign_results *results,
                                            size_t base, struct campaign_measure **ret, struct err *err);
/* NULL is fine. */
void campaign_measure_free(struct campaign_measure *measure);

/* Index of an arm among the effects; arm must not be the base. */
size_t campaign_measure_entry(const struct campaign_measure *measure, size_t arm);
/* Value and standard error of outcome k of an arm; the base is exactly 0. */
void campaign_measure_outcome(const struct campaign_measure *measure, size_t k, size_t arm, double *ret_value,
                              double *ret_se);
/* The same for the relative effect on metric i. */
void campaign_measure_effect(const struct campaign_measure *measure, size_t i, size_t arm, double *ret_value,
                             double *ret_se);

/* Whether the round can be told: every objective metric has a control mean and CAMPAIGN_MIN_EVENTS events of the
 * control.  STATUS_UNPROCESSABLE names the metric, its count and what to do. */
MUST_CHECK enum status campaign_measure_usable(const struct campaign_setup *setup,
                                               const struct campaign_results *results, struct err *err);
/* The first guardrail on a relative effect with too few control events; n_guardrails when there is none.  *ret_events:
 * how many there were. */
size_t campaign_measure_rare_guardrail(const struct campaign_setup *setup, const struct campaign_results *results,
                                       double *ret_events);

/* P(y <= threshold) for y ~ N(value, se^2); NaN in, NaN out. */
double campaign_holds(double value, double se, double threshold);

#endif
