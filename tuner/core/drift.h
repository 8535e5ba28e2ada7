/* drift.h - did the anchors move between rounds?
 *
 * A anchors are measured in T rounds: d[t * A + a], with the full covariance of all A T values (arms of one round share
 * its control).  Without drift every anchor has one effect mu_a.  The generalized-least-squares estimate of mu leaves
 * residuals r, and
 *     Q = r' Sigma^+ r  ~  chi^2 with A (T - 1) degrees of freedom
 * (Cochran's Q with correlated errors; Rao 1973, Linear Statistical Inference, 3b.5).  With P = Sigma^+ - Sigma^+ Z
 * (Z' Sigma^+ Z)^+ Z' Sigma^+ a shift delta of one value i gives the noncentrality P_ii delta^2; the smallest drift the
 * test could have seen (power 0.8 at level 0.05) is sqrt(lambda / min_i P_ii).
 *
 * What to do about it (drift_advise):  pool where nothing moved;  discard where one round alone is unlike the others:
 * without it the test is passed, and  D = Q - Q_without ~ chi^2  with the degrees of freedom that go with it has p T <
 * 0.01 (Bonferroni over the T rounds that have repeats);  round-as-task otherwise: the rounds tell of different things.
 * Pure; O((A T)^3), T times that to advise where anchors moved. */
#ifndef TRIMTAB_TUNER_CORE_DRIFT_H
#define TRIMTAB_TUNER_CORE_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

struct drift_verdict {
    double statistic; /* Q */
    size_t df;
    double p;
    double detectable; /* smallest shift of one anchor in one round seen with power 0.8 at level 0.05 */
    bool drifted;      /* p < 0.05 */
};

/* effect [n_rounds * n_anchors], cov [(n_rounds * n_anchors)^2], both borrowed.  A NaN effect is a missing repeat.
 * STATUS_INVALID: fewer than two rounds, no anchor seen twice, a value not finite or a covariance not PSD. */
MUST_CHECK enum status drift_test(size_t n_anchors, size_t n_rounds, const double *effect, const double *cov,
                                  struct drift_verdict *ret, struct err *err);

#define DRIFT_ADVICE_MAP(X)                                                                                            \
    X(DRIFT_POOL, "pool")                                                                                              \
    X(DRIFT_TASKS, "round-as-task")                                                                                    \
    X(DRIFT_DISCARD, "discard")
#define DRIFT_ENUM(code, text) code,
enum drift_advice { DRIFT_ADVICE_MAP(DRIFT_ENUM) };
#undef DRIFT_ENUM

const char *drift_advice_text(enum drift_advice advice); /* static */

/* verdict: of the same effects.  *ret_round: the one to discard, SIZE_MAX else.  STATUS_NO_MEMORY and as drift_test().
 */
MUST_CHECK enum status drift_advise(size_t n_anchors, size_t n_rounds, const double *effect, const double *cov,
                                    const struct drift_verdict *verdict, enum drift_advice *ret_advice,
                                    size_t *ret_round, struct err *err);

#endif
