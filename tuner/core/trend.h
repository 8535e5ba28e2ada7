/* trend.h - what logged requests say about points of the cube: smooth functions g_1 .. g_H that are 0 at the control.
 *
 * Logged requests, ranked again by other weights, tell at once and without users what these weights would show: for
 * each head the mean probability of what is on top, relative to the control's (DESIGN, offline warm start).  They do
 * not tell what users do about it; but how an outcome depends on weights is largely how it depends on what is shown. So
 * an outcome's Gaussian process gets a part that is linear in these functions, with coefficients to be learnt online:
 *     f(x) = sum_h b_h g_h(x) + rest(x),   b_h ~ Normal(0, tau^2),   rest as before (gp.h)
 * the autoregressive model of Kennedy & O'Hagan (2000), Biometrika 87(1), with several cheap outputs, which are so
 * densely known that their own uncertainty is left out; Letham & Bakshy (2019) do the like for ranking experiments.
 *
 * Between the previewed points the functions are interpolated: one Gaussian process each, of the same Matern-5/2 kernel
 * with a lengthscale that leave-one-out predictions choose (Rasmussen & Williams 2006, eq. 5.12), a nugget for the
 * steps that orders of finitely many requests make, and the value at the control subtracted.
 *
 * The same place in the model takes functions of another kind (trend_new_waves): cosines of one coordinate each, so
 * that f is a sum of functions of single coordinates, learnt from few points whatever the dimension, and a rest (an
 * additive Gaussian process, Duvenaud, Nickisch & Rasmussen 2011, first order, in its spectral form).  One of the
 * models that judge which point is best has them (surrogate.h). Thread: immutable, may be shared. */
#ifndef TRIMTAB_TUNER_CORE_TREND_H
#define TRIMTAB_TUNER_CORE_TREND_H

#include <stddef.h>

#include "base/core/err.h"

enum { TREND_MAX_FEATURES = 96, TREND_MAX_PREVIEWS = 32, TREND_MAX_POINTS = 512, TREND_MAX_WAVES = 8 };

struct trend;

/* n points x [n * dim] with values [n * n_features].  control [dim]: where the functions are 0.  All copied.  n^3 a
 * lengthscale that is tried.  STATUS_INVALID (sizes, not finite), STATUS_NOT_PD, STATUS_NO_MEMORY. */
MUST_CHECK enum status trend_new(size_t dim, size_t n_features, size_t n, const double *x, const double *value,
                                 const double *control, struct trend **ret, struct err *err);
/* g_kh(x) = sqrt(2 / (dim h)) cos(pi h x_k), h = 1 .. 8, or fewer where dim is more than 12: at most TREND_MAX_FEATURES
 * together.  dim 1 .. TREND_MAX_FEATURES. */
MUST_CHECK enum status trend_new_waves(size_t dim, struct trend **ret, struct err *err);
void trend_free(struct trend *trend); /* NULL is fine */

size_t trend_n_features(const struct trend *trend); /* NULL: 0 */
/* The functions at m points: ret [m * n_features].  n dim + n n_features each. */
void trend_at(const struct trend *trend, size_t m, const double *x, double *ret);
/* At one point, with derivatives: ret_jacobian [n_features * dim]. */
void trend_slopes(const struct trend *trend, const double *x, double *ret_jacobian);

#endif
