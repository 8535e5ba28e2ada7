#include "base/stats/cuped.h"

#include <math.h>

/* S(z, X), z the influence on a ratio whose value is r, X a column. */
static double influence_cov(const struct moments *m, const struct moments_ratio *ratio, double r, size_t column)
{
    double s = moments_sample_cov(m, ratio->numerator, column) - r * moments_sample_cov(m, ratio->denominator, column);
    return s * (double)m->n / moments_sum(m, ratio->denominator);
}

static struct cuped_fit fit(size_t n_arms, const struct moments *const *arms, const struct cuped_metric *metric,
                            size_t n_metrics, size_t i, const double *mean, const double *cov)
{
    double zx = 0.0, xx = 0.0, zz = 0.0;
    for (size_t a = 0; a < n_arms; a++) {
        double variance = cov[(a * n_metrics + i) * n_metrics + i], n = (double)arms[a]->n;
        if (!isfinite(variance))
            continue;
        zx += (n - 1.0) * influence_cov(arms[a], &metric->ratio, mean[a * n_metrics + i], metric->covariate);
        xx += (n - 1.0) * moments_sample_cov(arms[a], metric->covariate, metric->covariate);
        zz += (n - 1.0) * variance * n;
    }
    if (!(xx > 0.0) || !(zz > 0.0))
        return (struct cuped_fit){0.0, 0.0};
    return (struct cuped_fit){zx / xx, zx * zx / (xx * zz)};
}

/* How far the covariate's mean in the arm is from its mean over the units of all arms; the arm has units. */
static double offset(size_t n_arms, const struct moments *const *arms, size_t a, size_t column)
{
    double sum = 0.0, n = 0.0;
    for (size_t b = 0; b < n_arms; b++) {
        sum += moments_sum(arms[b], column);
        n += (double)arms[b]->n;
    }
    return moments_sum(arms[a], column) / (double)arms[a]->n - sum / n;
}

/* S(z_i - theta_i X_i, z_j - theta_j X_j) / n, of which S(z_i, z_j) / n is given. */
static double adjusted_cov(const struct moments *m, const struct cuped_metric *metrics, const struct cuped_fit *fits,
                           const double *mean, size_t i, size_t j, double plain)
{
    if (!isfinite(plain))
        return plain;
    double ti = fits[i].theta, tj = fits[j].theta;
    double s = -tj * influence_cov(m, &metrics[i].ratio, mean[i], metrics[j].covariate) -
               ti * influence_cov(m, &metrics[j].ratio, mean[j], metrics[i].covariate) +
               ti * tj * moments_sample_cov(m, metrics[i].covariate, metrics[j].covariate);
    return plain + s / (double)m->n;
}

void cuped_adjust(size_t n_arms, const struct moments *const *arms, size_t n_metrics,
                  const struct cuped_metric *metrics, const double *mean, const double *cov, struct cuped_fit *ret_fit,
                  double *ret_mean, double *ret_cov)
{
    for (size_t i = 0; i < n_metrics; i++)
        ret_fit[i] = fit(n_arms, arms, &metrics[i], n_metrics, i, mean, cov);
    for (size_t a = 0; a < n_arms; a++) {
        for (size_t i = 0; i < n_metrics; i++) {
            size_t at = a * n_metrics + i;
            ret_mean[at] = mean[at];
            if (isfinite(mean[at]))
                ret_mean[at] -= ret_fit[i].theta * offset(n_arms, arms, a, metrics[i].covariate);
            for (size_t j = 0; j < n_metrics; j++)
                ret_cov[at * n_metrics + j] =
                    adjusted_cov(arms[a], metrics, ret_fit, mean + a * n_metrics, i, j, cov[at * n_metrics + j]);
        }
    }
}
