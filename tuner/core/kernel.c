#include "tuner/core/kernel.h"

#include <math.h>
#include <stdbool.h>

#include <gsl/gsl_cblas.h>

static void matern52(size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    for (size_t i = 0; i < n; i++) {
        const double q = sqrt(5.0 * r2[i]), e = exp(-q);
        ret_value[i] = (1.0 + q + q * q / 3.0) * e;
        if (ret_slope != NULL)
            ret_slope[i] = -5.0 / 6.0 * (1.0 + q) * e;
    }
}

static void squared_exponential(size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    for (size_t i = 0; i < n; i++) {
        const double e = exp(-0.5 * r2[i]);
        ret_value[i] = e;
        if (ret_slope != NULL)
            ret_slope[i] = -0.5 * e;
    }
}

void kernel_shape(enum kernel_kind kind, size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    switch (kind) {
    case KERNEL_MATERN52:
        matern52(n, r2, ret_value, ret_slope);
        return;
    case KERNEL_SE:
        squared_exponential(n, r2, ret_value, ret_slope);
        return;
    }
}

void kernel_scale(size_t n, size_t dim, const double *x, const double *inv_lengthscale, double *ret, double *ret_norm)
{
    for (size_t i = 0; i < n; i++) {
        double norm = 0.0;
        for (size_t k = 0; k < dim; k++) {
            const double v = x[i * dim + k] * inv_lengthscale[k];
            ret[i * dim + k] = v;
            norm += v * v;
        }
        ret_norm[i] = norm;
    }
}

/* |a|^2 + |b|^2 - 2 a'b: one GEMM.  Its rounding error, 1e-16 |a|^2, is far below what a kernel of these shapes can
 * feel; below zero is cut. */
void kernel_distances(size_t n, size_t m, size_t dim, const double *a, const double *a_norm, const double *b,
                      const double *b_norm, double *ret)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)m, (int)dim, -2.0, a, (int)dim, b, (int)dim, 0.0,
                ret, (int)m);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            const double r2 = ret[i * m + j] + a_norm[i] + b_norm[j];
            ret[i * m + j] = r2 > 0.0 ? r2 : 0.0;
        }
    }
}
