#include <math.h>

#include <gsl/gsl_cblas.h>

#include "base/core/mem.h"
#include "tuner/core/gp.h"
#include "tuner/core/linalg.h"

/* What a fitted process says of new points. */

void gp_features(const struct gp *gp, size_t m, const double *x, double *ret)
{
    if (gp->n_features == 0)
        return;
    trend_at(gp->trend, m, x, ret);
    for (size_t i = 0; i < m * gp->n_features; i++)
        ret[i] *= gp->feature_scale;
}

/* With F the features of the points, tau g: mean = tau F' alpha, variance = tau^2 (1 - F_h' Q F_h). */
void gp_coefficients(const struct gp *gp, double *ret_mean, double *ret_sd)
{
    const size_t n = gp->n, width = gp->n_features;
    for (size_t h = 0; h < width; h++) {
        double mean = 0.0, explained = 0.0;
        for (size_t i = 0; i < n; i++) {
            const double f = gp->features[i * width + h];
            mean += f * gp->alpha[i];
            for (size_t j = 0; j < n; j++)
                explained += f * gp->q[i * n + j] * gp->features[j * width + h];
        }
        ret_mean[h] = gp->feature_scale * mean;
        ret_sd[h] = gp->feature_scale * sqrt(fmax(1.0 - explained, 0.0));
    }
}

/* New points in the coordinates of the kernel. */
struct places {
    size_t m;
    double *scaled, *norm, *features; /* [m * dim], [m], [m * n_features] */
};

/* ret [m * n] = prior covariances of the places with n points. */
static void prior_cov(const struct gp *gp, const struct places *at, size_t n, const double *scaled, const double *norm,
                      const double *features, double *ret)
{
    const int m = (int)at->m, width = (int)gp->n_features;
    kernel_distances(at->m, n, gp->dim, at->scaled, at->norm, scaled, norm, ret);
    for (size_t i = 0; scaled == at->scaled && i < n; i++)
        ret[i * n + i] = 0.0;
    kernel_shape(gp->hyper.kernel, at->m * n, ret, ret, NULL);
    for (size_t i = 0; i < at->m * n; i++)
        ret[i] = gp->s2 * ret[i] + gp->t2;
    if (width > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, (int)n, width, 1.0, at->features, width, features,
                    width, 1.0, ret, (int)n);
}

enum status gp_predict(const struct gp *gp, size_t m, const double *x, double *ret_mean, double *ret_var,
                       double *ret_cov, struct err *err)
{
    if (m == 0)
        return STATUS_OK;
    const size_t n = gp->n, width = gp->n_features;
    double *block = mem_alloc(m * (2 * n + gp->dim + 1 + width), sizeof *block);
    if (block == NULL)
        return err_no_memory(err);
    double *k = block, *kq = k + m * n;
    const struct places at = {m, kq + m * n, kq + m * (n + gp->dim), kq + m * (n + gp->dim + 1)};
    kernel_scale(m, gp->dim, x, gp->inv_lengthscale, at.scaled, at.norm);
    gp_features(gp, m, x, at.features);
    prior_cov(gp, &at, n, gp->scaled, gp->norm, gp->features, k);
    if (ret_mean != NULL)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)m, (int)n, 1.0, k, (int)n, gp->alpha, 1, 0.0, ret_mean, 1);
    if (ret_var != NULL || ret_cov != NULL)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)n, 1.0, k, (int)n, gp->q, (int)n,
                    0.0, kq, (int)n);
    for (size_t i = 0; ret_var != NULL && i < m; i++) {
        const double *g = at.features + i * width, prior = gp->s2 + gp->t2 + dot(width, g, g);
        ret_var[i] = fmax(prior - dot(n, kq + i * n, k + i * n), 1e-12 * gp->s2);
    }
    if (ret_cov != NULL) {
        prior_cov(gp, &at, m, at.scaled, at.norm, at.features, ret_cov);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)m, (int)n, -1.0, kq, (int)n, k, (int)n, 1.0,
                    ret_cov, (int)m);
        mirror_lower(m, ret_cov);
    }
    mem_free(block);
    return STATUS_OK;
}
