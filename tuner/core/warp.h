/* warp.h - a monotone warp of standardised values z that draws bad ones together.
 *
 *     w(z) = (1 + a t) / a  ln((1 + a t) / (1 + a (t - z))),     w(0) = 0,  w'(0) = 1,  a -> 0: w(z) = z
 *
 * t, the top, lies a little above the best value told and a > 0, the rate, is inferred with the other hyper-parameters
 * (gp.h): a valley whose walls rise like a power, or a few values that are far worse than the rest, are what a
 * stationary Gaussian process models badly, and nobody needs to know how bad the bad points are.
 * Source: Snelson, Rasmussen & Ghahramani (2004), Warped Gaussian Processes, with a logarithm as the warp; the noise of
 * a value is carried over by the slope there (first order), which wants a * sd(noise) well below 1: at most 0.2
 * (gp_hyper.c). */
#ifndef TRIMTAB_TUNER_CORE_WARP_H
#define TRIMTAB_TUNER_CORE_WARP_H

struct warp {
    double top;  /* t > 0, above every value told */
    double rate; /* a; 0: no warp */
};

/* w(z) and its slope dw / dz; both pointers of slopes may be NULL.  z at or above t + 1 / a gives infinity. */
double warp_value(const struct warp *warp, double z, double *ret_slope);
/* z(w) and its slope dz / dw. */
double warp_inverse(const struct warp *warp, double value, double *ret_slope);
/* d w(z) / d ln a and d ln w'(z) / d ln a, for a > 0. */
void warp_by_rate(const struct warp *warp, double z, double *ret_value, double *ret_log_slope);

#endif
