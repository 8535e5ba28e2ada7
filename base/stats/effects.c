#include "base/stats/effects.h"

#include <math.h>
#include <stdbool.h>

/* One round as the functions below see it: arms in their order, the control skipped by arm_of(). */
struct view {
    size_t n_arms, n_metrics, control;
    const double *mean, *cov;
};

static size_t arm_of(const struct view *v, size_t without_control)
{
    return without_control + (without_control >= v->control);
}

static double mean_of(const struct view *v, size_t arm, size_t i)
{
    return v->mean[arm * v->n_metrics + i];
}

static double cov_of(const struct view *v, size_t arm, size_t i, size_t j)
{
    return v->cov[(arm * v->n_metrics + i) * v->n_metrics + j];
}

/* An effect without its variance is no result, so both are there or neither. */
static bool usable(const struct view *v, size_t arm, size_t i)
{
    return isfinite(mean_of(v, arm, i)) && isfinite(mean_of(v, v->control, i)) && isfinite(cov_of(v, arm, i, i)) &&
           isfinite(cov_of(v, v->control, i, i));
}

static double relative(const struct view *v, size_t arm, size_t i)
{
    double m = mean_of(v, arm, i), c = mean_of(v, v->control, i);
    if (!usable(v, arm, i) || fpclassify(c) == FP_ZERO)
        return nan("");
    /* E[m/c] ~ m/c (1 + V_c/c^2), so the factor takes the bias out to second order. */
    return m / c * (1.0 - cov_of(v, v->control, i, i) / (c * c)) - 1.0;
}

static double relative_cov(const struct view *v, size_t a, size_t i, size_t b, size_t j)
{
    double ci = mean_of(v, v->control, i), cj = mean_of(v, v->control, j);
    double own = a == b ? cov_of(v, a, i, j) : 0.0;
    double shared = mean_of(v, a, i) / ci * (mean_of(v, b, j) / cj) * cov_of(v, v->control, i, j);
    return (own + shared) / (ci * cj);
}

static double absolute(const struct view *v, size_t arm, size_t i)
{
    return usable(v, arm, i) ? mean_of(v, arm, i) - mean_of(v, v->control, i) : nan("");
}

static double absolute_cov(const struct view *v, size_t a, size_t i, size_t b, size_t j)
{
    return (a == b ? cov_of(v, a, i, j) : 0.0) + cov_of(v, v->control, i, j);
}

typedef double effect_function(const struct view *v, size_t arm, size_t i);
typedef double cov_function(const struct view *v, size_t a, size_t i, size_t b, size_t j);

static void fill(const struct view *v, effect_function *effect, cov_function *cov, double *ret_effect, double *ret_cov)
{
    size_t m = v->n_metrics, n = (v->n_arms - 1) * m;
    for (size_t e = 0; e < n; e++)
        ret_effect[e] = effect(v, arm_of(v, e / m), e % m);
    for (size_t e = 0; e < n; e++) {
        for (size_t f = 0; f < n; f++) {
            bool known = !isnan(ret_effect[e]) && !isnan(ret_effect[f]);
            ret_cov[e * n + f] = known ? cov(v, arm_of(v, e / m), e % m, arm_of(v, f / m), f % m) : nan("");
        }
    }
}

void effects_relative(size_t n_arms, size_t n_metrics, size_t control, const double *mean, const double *cov,
                      double *ret_effect, double *ret_cov)
{
    struct view v = {n_arms, n_metrics, control, mean, cov};
    fill(&v, relative, relative_cov, ret_effect, ret_cov);
}

void effects_absolute(size_t n_arms, size_t n_metrics, size_t control, const double *mean, const double *cov,
                      double *ret_effect, double *ret_cov)
{
    struct view v = {n_arms, n_metrics, control, mean, cov};
    fill(&v, absolute, absolute_cov, ret_effect, ret_cov);
}

static double combined_cov(size_t n, size_t n_metrics, const double *cov, const double *weight, size_t a, size_t b)
{
    double sum = 0.0;
    for (size_t i = 0; i < n_metrics; i++) {
        for (size_t j = 0; j < n_metrics; j++) {
            if (fpclassify(weight[i]) != FP_ZERO && fpclassify(weight[j]) != FP_ZERO)
                sum += weight[i] * weight[j] * cov[(a * n_metrics + i) * n * n_metrics + b * n_metrics + j];
        }
    }
    return sum;
}

void effects_combine(size_t n, size_t n_metrics, const double *effect, const double *cov, const double *weight,
                     double *ret_value, double *ret_cov)
{
    for (size_t a = 0; a < n; a++) {
        ret_value[a] = 0.0;
        for (size_t i = 0; i < n_metrics; i++) {
            if (fpclassify(weight[i]) != FP_ZERO)
                ret_value[a] += weight[i] * effect[a * n_metrics + i];
        }
        for (size_t b = 0; b < n; b++)
            ret_cov[a * n + b] = combined_cov(n, n_metrics, cov, weight, a, b);
    }
}
