#include "tuner/core/linalg.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>

enum status chol_factor(size_t n, double *a)
{
    if (n == 0)
        return STATUS_OK;
    gsl_matrix_view view = gsl_matrix_view_array(a, n, n);
    if (gsl_linalg_cholesky_decomp1(&view.matrix) != GSL_SUCCESS)
        return STATUS_NOT_PD;
    for (size_t i = 0; i < n; i++) {
        if (!(a[i * n + i] > 0.0) || !isfinite(a[i * n + i])) /* GSL lets NaN pass */
            return STATUS_NOT_PD;
    }
    return STATUS_OK;
}

void chol_forward(size_t n, const double *l, size_t m, double *b)
{
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, (int)m, 1.0, l, (int)n, b,
                (int)m);
}

void chol_backward(size_t n, const double *l, size_t m, double *b)
{
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, (int)n, (int)m, 1.0, l, (int)n, b,
                (int)m);
}

void chol_solve(size_t n, const double *l, size_t m, double *b)
{
    if (n == 0 || m == 0)
        return;
    chol_forward(n, l, m, b);
    chol_backward(n, l, m, b);
}

void mirror_lower(size_t n, double *a)
{
    enum { BLOCK = 32 }; /* by tiles: a row of each side stays in the cache */
    for (size_t bi = 0; bi < n; bi += BLOCK) {
        for (size_t bj = 0; bj <= bi; bj += BLOCK) {
            for (size_t i = bi; i < n && i < bi + BLOCK; i++) {
                for (size_t j = bj; j < i && j < bj + BLOCK; j++)
                    a[j * n + i] = a[i * n + j];
            }
        }
    }
}

void chol_invert(size_t n, double *a)
{
    if (n == 0)
        return;
    gsl_matrix_view view = gsl_matrix_view_array(a, n, n);
    (void)gsl_linalg_cholesky_invert(&view.matrix); /* fails only on a matrix that is not square */
}

double chol_log_det(size_t n, const double *l)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += log(l[i * n + i]);
    return 2.0 * sum;
}

double dot(size_t n, const double *a, const double *b)
{
    return n > 0 ? cblas_ddot((int)n, a, 1, b, 1) : 0.0;
}

static enum status factor_with_jitter(size_t n, const double *a, double jitter, double *ret_l)
{
    memcpy(ret_l, a, n * n * sizeof *a);
    for (size_t i = 0; i < n; i++)
        ret_l[i * n + i] += jitter;
    return chol_factor(n, ret_l);
}

enum status psd_check(size_t n, const double *a, double *scratch)
{
    double top = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!(a[i * n + i] >= 0.0))
            return STATUS_NOT_PD;
        top = fmax(top, a[i * n + i]);
        for (size_t j = 0; j < i; j++) { /* a zero variance leaves no room for a covariance */
            if (!(a[i * n + j] * a[i * n + j] <= a[i * n + i] * a[j * n + j] * (1.0 + 1e-9)))
                return STATUS_NOT_PD;
        }
    }
    if (!(top > 0.0))
        return STATUS_OK;
    return factor_with_jitter(n, a, 1e-9 * top, scratch);
}

enum status psd_factor(size_t n, double *a, double *scratch)
{
    double mean = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += a[i * n + i] / (double)n;
    if (!(mean > 0.0))
        mean = 1e-300;
    memcpy(scratch, a, n * n * sizeof *a);
    double jitter = 1e-12 * mean;
    for (int i = 0; i < 9; i++, jitter *= 10.0) {
        if (factor_with_jitter(n, scratch, jitter, a) == STATUS_OK)
            return STATUS_OK;
    }
    return STATUS_NOT_PD;
}
