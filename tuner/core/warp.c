#include "tuner/core/warp.h"

#include <math.h>
#include <stddef.h>

double warp_value(const struct warp *warp, double z, double *ret_slope)
{
    const double a = warp->rate, middle = 1.0 + a * warp->top, here = 1.0 + a * (warp->top - z);
    if (!(here > 0.0)) {
        if (ret_slope != NULL)
            *ret_slope = HUGE_VAL;
        return HUGE_VAL;
    }
    if (ret_slope != NULL)
        *ret_slope = middle / here;
    /* middle / here = 1 + a z / here */
    return a > 0.0 ? middle / a * log1p(a * z / here) : z;
}

double warp_inverse(const struct warp *warp, double value, double *ret_slope)
{
    const double a = warp->rate, middle = 1.0 + a * warp->top, e = a * value / middle;
    if (ret_slope != NULL)
        *ret_slope = exp(-e);
    return a > 0.0 ? -middle / a * expm1(-e) : value;
}

void warp_by_rate(const struct warp *warp, double z, double *ret_value, double *ret_log_slope)
{
    const double a = warp->rate, t = warp->top, u = t - z, middle = 1.0 + a * t, here = 1.0 + a * u;
    /* a dw/da = -ln(middle / here) / a + t - u middle / here */
    *ret_value = t - u * middle / here - log1p(a * z / here) / a;
    *ret_log_slope = a * t / middle - a * u / here;
}
