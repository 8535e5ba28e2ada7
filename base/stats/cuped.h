/* cuped.h - less noise from what was known of the units before the experiment.
 *
 * A covariate X_i of metric i (the same metric before the round, say) is a value per unit that no arm can have changed.
 * Its differences between arms are pure chance, so what of a metric follows X can be taken out.  With the influence of
 * a unit on the mean R_ai of arm a, z_u = (N_u - R_ai D_u) / mean(D) (moments.h; for a mean over units z_u = N_u - R),
 *
 *   theta_i            = sum_a (n_a - 1) S_a(z_i, X_i) / sum_a (n_a - 1) S_a(X_i, X_i)
 *   R'_ai              = R_ai - theta_i (mean_a(X_i) - mean(X_i))
 *   Cov(R'_ai, R'_aj)  = S_a(z_i - theta_i X_i, z_j - theta_j X_j) / n_a
 *
 * theta is one for all arms, pooled within them; mean(X_i) is over the units of all arms.
 *
 * R' estimates the same as R with variance 1 - rho^2 times as large, rho the correlation of z and X inside arms.  The
 * common centre mean(X) moves all arms alike and drops out of absolute effects; of a relative effect r it leaves r
 * times its own noise, which is left out here.  Source: Deng, Xu, Kohavi & Walker (2013), "Improving the Sensitivity of
 * Online Controlled Experiments by Utilizing Pre-Experiment Data", WSDM, sections 3 and 4; for ratios on the
 * linearised totals, as in Deng, Knoblich & Lu (2018), KDD.  Pure. */
#ifndef TRIMTAB_BASE_STATS_CUPED_H
#define TRIMTAB_BASE_STATS_CUPED_H

#include "base/stats/moments.h"

struct cuped_metric {
    struct moments_ratio ratio;
    size_t covariate; /* its column */
};
struct cuped_fit {
    double theta;     /* 0 where the covariate does not vary or the metric is unknown */
    double reduction; /* rho^2: the share of the variance inside arms that is taken out; 0 with theta 0 */
};

/* arms [n_arms] borrowed; mean [n_arms * n_metrics] and cov [n_arms * n_metrics^2] as moments_ratios() gave them for
 * each arm.  ret_fit [n_metrics]; ret_mean, ret_cov shaped as mean, cov, NaN where those are.  O(n_arms n_metrics^2).
 */
void cuped_adjust(size_t n_arms, const struct moments *const *arms, size_t n_metrics,
                  const struct cuped_metric *metrics, const double *mean, const double *cov, struct cuped_fit *ret_fit,
                  double *ret_mean, double *ret_cov);

#endif
