#include "tuner/core/draws.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

#include "base/core/mem.h"
#include "tuner/core/linalg.h"

/* Variances below this share of the prior's are rounding. */
static const double RELATIVE_FLOOR = 1e-9;

void draws_done(struct draws *draws)
{
    mem_free(draws->scaled);
    mem_free(draws->norm);
    mem_free(draws->features);
    mem_free(draws->alpha);
    mem_free(draws->q);
    mem_free(draws->k);
    memset(draws, 0, sizeof *draws);
}

enum status draws_init(struct draws *draws, const struct gp *gp, size_t n_draws, size_t max_added, struct err *err)
{
    const size_t capacity = gp->n + max_added, dim = gp->dim, width = gp->n_features;
    memset(draws, 0, sizeof *draws);
    draws->gp = gp;
    draws->n_draws = n_draws;
    draws->n = gp->n;
    draws->capacity = capacity;
    draws->scaled = mem_alloc(capacity * dim, sizeof(double));
    draws->norm = mem_alloc(capacity, sizeof(double));
    draws->features = mem_alloc(capacity * width, sizeof(double));
    draws->alpha = mem_alloc(capacity * n_draws, sizeof(double));
    draws->q = mem_alloc(capacity * capacity, sizeof(double));
    draws->k = mem_alloc(3 * capacity + 2 * dim + 1 + width, sizeof(double));
    if (draws->scaled == NULL || draws->norm == NULL || draws->features == NULL || draws->alpha == NULL ||
        draws->q == NULL || draws->k == NULL) {
        draws_done(draws);
        return err_no_memory(err);
    }
    draws->slope = draws->k + capacity;
    draws->qk = draws->slope + capacity;
    draws->point = draws->qk + capacity;
    draws->here = draws->point + dim + 1;
    draws->feature = draws->here + dim;
    memcpy(draws->scaled, gp->scaled, gp->n * dim * sizeof *gp->scaled);
    memcpy(draws->features, gp->features, gp->n * width * sizeof *gp->features);
    memcpy(draws->norm, gp->norm, gp->n * sizeof *gp->norm);
    for (size_t i = 0; i < gp->n; i++) {
        memcpy(draws->q + i * capacity, gp->q + i * gp->n, gp->n * sizeof *gp->q);
        for (size_t j = 0; j < n_draws; j++)
            draws->alpha[i * n_draws + j] = gp->alpha[i];
    }
    return STATUS_OK;
}

static double prior_var(const struct gp *gp, const double *feature)
{
    return gp->s2 + gp->t2 + dot(gp->n_features, feature, feature);
}

static double floored(const struct draws *draws, double var)
{
    return fmax(var, RELATIVE_FLOOR * draws->gp->s2);
}

void draws_at(struct draws *draws, const double *x, double *ret_mean, double *ret_var)
{
    const struct gp *gp = draws->gp;
    const int n = (int)draws->n, dim = (int)gp->dim, capacity = (int)draws->capacity, width = (int)gp->n_features;
    double *norm = draws->point + gp->dim;
    kernel_scale(1, gp->dim, x, gp->inv_lengthscale, draws->point, norm);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n, dim, -2.0, draws->scaled, dim, draws->point, 1, 0.0, draws->k, 1);
    for (size_t i = 0; i < draws->n; i++)
        draws->k[i] = fmax(draws->k[i] + draws->norm[i] + *norm, 0.0);
    kernel_shape(gp->hyper.kernel, draws->n, draws->k, draws->k, draws->slope);
    for (size_t i = 0; i < draws->n; i++)
        draws->k[i] = gp->s2 * draws->k[i] + gp->t2;
    memcpy(draws->here, x, gp->dim * sizeof *x);
    gp_features(gp, 1, x, draws->feature);
    if (width > 0)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, n, width, 1.0, draws->features, width, draws->feature, 1, 1.0,
                    draws->k, 1);
    if (ret_var != NULL) {
        cblas_dsymv(CblasRowMajor, CblasLower, n, 1.0, draws->q, capacity, draws->k, 1, 0.0, draws->qk, 1);
        *ret_var = floored(draws, prior_var(gp, draws->feature) - dot(draws->n, draws->k, draws->qk));
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, n, (int)draws->n_draws, 1.0, draws->alpha, (int)draws->n_draws, draws->k, 1,
                0.0, ret_mean, 1);
}

/* c_i as below, before the slopes: the trend's part of the gradient is sum_h (sum_i c_i F_ih + 2 by_var F_h) dF_h/dx,
 * the last because the prior's variance depends on x. */
static void trend_gradient(const struct draws *draws, const double *c, double by_var, double *gradient)
{
    const struct gp *gp = draws->gp;
    double sum[TREND_MAX_FEATURES], jacobian[TREND_MAX_FEATURES * GP_MAX_DIM];
    const int n = (int)draws->n, width = (int)gp->n_features, dim = (int)gp->dim;
    memcpy(sum, draws->feature, gp->n_features * sizeof *sum);
    cblas_dgemv(CblasRowMajor, CblasTrans, n, width, 1.0, draws->features, width, c, 1, 2.0 * by_var, sum, 1);
    trend_slopes(gp->trend, draws->here, jacobian);
    cblas_dgemv(CblasRowMajor, CblasTrans, width, dim, gp->feature_scale, jacobian, dim, sum, 1, 1.0, gradient, 1);
}

/* With c_i = sum_j by_mean_j alpha_ij - 2 by_var (Q k)_i the gradient is sum_i c_i dk_i/dx, and
 * dk_i / dx_k = 2 s^2 slope_i (x_k - x_ik) / l_k^2. */
void draws_gradient(struct draws *draws, const double *by_mean, double by_var, double *gradient)
{
    const struct gp *gp = draws->gp;
    double *c = draws->qk, sum = 0.0, moved[GP_MAX_DIM];
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)draws->n, (int)draws->n_draws, 1.0, draws->alpha, (int)draws->n_draws,
                by_mean, 1, -2.0 * by_var, c, 1);
    if (gp->n_features > 0)
        trend_gradient(draws, c, by_var, gradient);
    for (size_t i = 0; i < draws->n; i++) {
        c[i] *= draws->slope[i];
        sum += c[i];
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)draws->n, (int)gp->dim, 1.0, draws->scaled, (int)gp->dim, c, 1, 0.0,
                moved, 1);
    for (size_t k = 0; k < gp->dim; k++)
        gradient[k] += 2.0 * gp->s2 * gp->inv_lengthscale[k] * (draws->point[k] * sum - moved[k]);
}

void draws_add(struct draws *draws, const double *x, const double *z, double *ret_value)
{
    const struct gp *gp = draws->gp;
    const size_t n = draws->n, capacity = draws->capacity, n_draws = draws->n_draws;
    double var;
    draws_at(draws, x, ret_value, &var);
    if (n == capacity || !(var > 2.0 * RELATIVE_FLOOR * gp->s2))
        return;
    const double sd = sqrt(var);
    double *last = draws->alpha + n * n_draws;
    for (size_t j = 0; j < n_draws; j++) {
        ret_value[j] += sd * z[j];
        last[j] = z[j] / sd;
    }
    cblas_dger(CblasRowMajor, (int)n, (int)n_draws, -1.0, draws->qk, 1, last, 1, draws->alpha, (int)n_draws);
    cblas_dger(CblasRowMajor, (int)n, (int)n, 1.0 / var, draws->qk, 1, draws->qk, 1, draws->q, (int)capacity);
    for (size_t i = 0; i < n; i++)
        draws->q[i * capacity + n] = draws->q[n * capacity + i] = -draws->qk[i] / var;
    draws->q[n * capacity + n] = 1.0 / var;
    memcpy(draws->scaled + n * gp->dim, draws->point, gp->dim * sizeof *draws->point);
    memcpy(draws->features + n * gp->n_features, draws->feature, gp->n_features * sizeof *draws->feature);
    draws->norm[n] = draws->point[gp->dim];
    draws->n++;
}

size_t draws_scratch(const struct draws *draws)
{
    return 2 * draws->capacity + draws->gp->dim + 1 + draws->gp->n_features;
}

void draws_at_many(const struct draws *draws, size_t m, const double *x, double *scratch, double *ret_mean,
                   double *ret_var)
{
    const struct gp *gp = draws->gp;
    const size_t n = draws->n, width = gp->n_features;
    double *k = scratch, *qk = k + m * n, *scaled = qk + m * n, *norm = scaled + m * gp->dim;
    double *features = norm + m;
    kernel_scale(m, gp->dim, x, gp->inv_lengthscale, scaled, norm);
    kernel_distances(m, n, gp->dim, scaled, norm, draws->scaled, draws->norm, k);
    kernel_shape(gp->hyper.kernel, m * n, k, k, NULL);
    for (size_t i = 0; i < m * n; i++)
        k[i] = gp->s2 * k[i] + gp->t2;
    gp_features(gp, m, x, features);
    if (width > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)width, 1.0, features, (int)width,
                    draws->features, (int)width, 1.0, k, (int)n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)n, 1.0, k, (int)n, draws->q,
                (int)draws->capacity, 0.0, qk, (int)n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)draws->n_draws, (int)n, 1.0, k, (int)n,
                draws->alpha, (int)draws->n_draws, 0.0, ret_mean, (int)draws->n_draws);
    for (size_t i = 0; i < m; i++)
        ret_var[i] = floored(draws, prior_var(gp, features + i * width) - dot(n, k + i * n, qk + i * n));
}
