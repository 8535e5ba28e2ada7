#include "experiments/core/comparisons.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/stats/chi2.h"
#include "base/stats/effects.h"
#include "experiments/core/assign.h"

void holdback_compare(const struct tally *tally, struct holdback_comparison *ret)
{
    const size_t m = tally->layout.n_metrics;
    double mean[2 * PLAN_MAX_METRICS], cov[2 * PLAN_MAX_METRICS * PLAN_MAX_METRICS];
    assert(tally->n_groups > tally->n_arms);
    moments_ratios(&tally->arms[tally->n_arms].moments, m, tally->layout.ratios, mean, cov);
    moments_ratios(&tally->arms[0].moments, m, tally->layout.ratios, mean + m, cov + m * m);
    memcpy(ret->mean, mean, m * sizeof *mean);
    memcpy(ret->cov, cov, m * m * sizeof *cov);
    effects_relative(2, m, 0, mean, cov, ret->relative, ret->relative_cov);
    effects_absolute(2, m, 0, mean, cov, ret->absolute, ret->absolute_cov);
}

static struct carry_over cochran(size_t n, const double *mean, const double *variance)
{
    struct carry_over x = {nan(""), nan(""), n > 0 ? n - 1 : 0};
    double weights = 0, sum = 0;
    if (n < 2)
        return x;
    for (size_t b = 0; b < n; b++) {
        weights += 1 / variance[b];
        sum += mean[b] / variance[b];
    }
    x.chi2 = 0;
    for (size_t b = 0; b < n; b++)
        x.chi2 += (mean[b] - sum / weights) * (mean[b] - sum / weights) / variance[b];
    x.p = chi2_tail(x.chi2, (double)x.df);
    return x;
}

void carry_over_test(const struct tally *tally, struct carry_over *ret)
{
    const size_t m = tally->layout.n_metrics;
    double mean[PLAN_MAX_METRICS][PLAN_MAX_ARMS + 1], variance[PLAN_MAX_METRICS][PLAN_MAX_ARMS + 1];
    size_t n[PLAN_MAX_METRICS] = {0};
    for (size_t b = 0; b < tally->n_before; b++) {
        double means[PLAN_MAX_METRICS], cov[PLAN_MAX_METRICS * PLAN_MAX_METRICS];
        if (tally->before[b].n < CARRY_OVER_MIN_UNITS)
            continue;
        moments_ratios(&tally->before[b], m, tally->layout.ratios, means, cov);
        for (size_t i = 0; i < m; i++) {
            if (!isfinite(means[i]) || !(cov[i * m + i] > 0))
                continue;
            mean[i][n[i]] = means[i];
            variance[i][n[i]++] = cov[i * m + i];
        }
    }
    for (size_t i = 0; i < m; i++)
        ret[i] = cochran(n[i], mean[i], variance[i]);
}

size_t carry_over_group(const struct round_plan *before, const char *unit)
{
    const size_t arm = assign_arm(before, assign_hash(before->salt, unit).u);
    return arm == ARM_NONE ? before->n_arms : arm;
}
