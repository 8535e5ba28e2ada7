#include "tuner/core/kernel.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

enum { BLOCK = 128 };

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default"))) /* the same digits: no fused multiply-add */
#else
#define WIDE
#endif

/* exp(x) of n values x <= 0, within 2 units in the last place; below -700 as at -700.  Written for the compiler to
 * vectorise (CMakeLists.txt): libm's, one by one, was a third of an ask.  x = k ln 2 + r, exp(r) by its series. */
WIDE static void exp_negative(size_t n, double *x)
{
    const double log2_e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                 ln2_low = 1.90821492927058770002e-10;
    const double magic =
        6755399441055744.0; /* 1.5 * 2^52: what is added to it is rounded to an integer in its low bits */
    for (size_t i = 0; i < n; i++) {
        const double v = x[i] > -700.0 ? x[i] : -700.0, shifted = v * log2_e + magic, k = shifted - magic;
        const double r = (v - k * ln2_high) - k * ln2_low;
        double p = 1.0 / 6227020800.0;
        p = p * r + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        p = p * (r * r) + r + 1.0;
        uint64_t bits, power;
        memcpy(&bits, &p, sizeof bits);
        memcpy(&power, &shifted, sizeof power);
        bits += power << 52;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

/* n <= BLOCK: value and slope may be r2. */
static void matern52(size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    double q[BLOCK], e[BLOCK];
    for (size_t i = 0; i < n; i++) {
        q[i] = sqrt(5.0 * r2[i]);
        e[i] = -q[i];
    }
    exp_negative(n, e);
    for (size_t i = 0; i < n; i++)
        ret_value[i] = (1.0 + q[i] + q[i] * q[i] / 3.0) * e[i];
    for (size_t i = 0; ret_slope != NULL && i < n; i++)
        ret_slope[i] = -5.0 / 6.0 * (1.0 + q[i]) * e[i];
}

static void squared_exponential(size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    double e[BLOCK];
    for (size_t i = 0; i < n; i++)
        e[i] = -0.5 * r2[i];
    exp_negative(n, e);
    for (size_t i = 0; i < n; i++)
        ret_value[i] = e[i];
    for (size_t i = 0; ret_slope != NULL && i < n; i++)
        ret_slope[i] = -0.5 * e[i];
}

void kernel_shape(enum kernel_kind kind, size_t n, const double *r2, double *ret_value, double *ret_slope)
{
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t size = n - at < BLOCK ? n - at : BLOCK;
        double *slope = ret_slope != NULL ? ret_slope + at : NULL;
        switch (kind) {
        case KERNEL_MATERN52:
            matern52(size, r2 + at, ret_value + at, slope);
            break;
        case KERNEL_SE:
            squared_exponential(size, r2 + at, ret_value + at, slope);
            break;
        }
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
