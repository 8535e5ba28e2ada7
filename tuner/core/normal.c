#include "tuner/core/normal.h"

#include <math.h>
#include <stddef.h>

static const double SQRT_HALF = 0.70710678118654752;
static const double HALF_LOG_2PI = 0.91893853320467274;
static const double SQRT_HALF_PI = 1.2533141373155003;
static const double INV_SQRT_2PI = 0.39894228040143268;

double normal_mills(double x)
{
    if (x < 8.0)
        return SQRT_HALF_PI * exp(0.5 * x * x) * erfc(x * SQRT_HALF);
    /* Laplace's continued fraction 1 / (x + 1 / (x + 2 / (x + 3 / ...))); 12 terms give 1e-15 from x = 8 on. */
    double tail = x;
    for (int k = 12; k > 0; k--)
        tail = x + (double)k / tail;
    return 1.0 / tail;
}

double normal_cdf(double z)
{
    return 0.5 * erfc(-z * SQRT_HALF);
}

double normal_h(double z)
{
    if (z < -8.0)
        return 0.0;
    return z > 8.0 ? z : INV_SQRT_2PI * exp(-0.5 * z * z) + z * normal_cdf(z);
}

double log_ndtr(double z, double *ret_slope)
{
    if (z > 0.0) {
        const double p = normal_cdf(z);
        if (ret_slope != NULL)
            *ret_slope = INV_SQRT_2PI * exp(-0.5 * z * z) / p;
        return log(p);
    }
    const double mills = normal_mills(-z);
    if (ret_slope != NULL)
        *ret_slope = 1.0 / mills;
    return log(mills) - 0.5 * z * z - HALF_LOG_2PI;
}

double log_h(double z, double *ret_slope)
{
    if (z > -1.0) {
        const double p = normal_cdf(z), h = INV_SQRT_2PI * exp(-0.5 * z * z) + z * p;
        if (ret_slope != NULL)
            *ret_slope = p / h;
        return log(h);
    }
    const double x = -z, mills = normal_mills(x);
    /* 1 - x R(x): cancels from about x = 1e4 on, where its series is exact to rounding */
    const double rest = x < 1e4 ? 1.0 - x * mills : 1.0 / (x * x + 3.0);
    if (ret_slope != NULL)
        *ret_slope = mills / rest;
    return log(rest) - 0.5 * z * z - HALF_LOG_2PI;
}

/* P. J. Acklam's approximation (relative error 1.2e-9), refined by one step of Halley's method. */
double normal_quantile(double p)
{
    static const double A[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                               1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static const double B[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                               6.680131188771972e+01, -1.328068155288572e+01};
    static const double C[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                               -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static const double D[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00};
    const double tail = p < 0.5 ? p : 1.0 - p;
    double x;
    if (tail < 0.02425) {
        const double q = sqrt(-2.0 * log(tail));
        x = (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5]) /
            ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0);
        x = p < 0.5 ? x : -x;
    } else {
        const double q = p - 0.5, r = q * q;
        x = (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q /
            (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0);
    }
    const double e = (normal_cdf(x) - p) / (INV_SQRT_2PI * exp(-0.5 * x * x));
    return x - e / (1.0 + 0.5 * x * e);
}
