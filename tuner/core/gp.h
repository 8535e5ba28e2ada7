/* gp.h - exact Gaussian-process regression with known, correlated noise.
 *
 *   f ~ GP(0, k),   k(x, x') = s^2 g(x, x') + t^2
 *   if f(control) = 0 is known exactly:   k <- k(x, x') - k(x, c) k(c, x') / k(c, c)
 *   y_i = f(x_i) + b_r(x_i) + e_i
 *     g    of kernel.h; t: prior sd of a constant mean, integrated out
 *     With a trend (trend.h) k gains tau^2 sum_h g_h(x) g_h(x'), which is 0 at the control: theta[_TREND] = ln tau.
 *     b_r  the effect of round r: a GP with kernel w k, independent between rounds; it vanishes at a known control
 *     e    Normal(0, N + m^2 I + u^2 U): N the known covariance, a full block per round (its arms share one control);
 *          m the misfit of the surrogate; u the sd of noise that was not told, U the diagonal with 1 at such points
 *
 * Source: Rasmussen & Williams (2006), Algorithm 2.1 and eq. 5.9; conditioning on the control is their eq. 2.19 with
 * one exact observation.  The hyper-parameters are one vector of logarithms, theta:
 *
 *   theta[0 .. dim) = ln l_k,   theta[dim + GP_SCALE] = ln s,   _MISFIT = ln m,   _NOISE = ln u,   _ROUND = ln w
 *
 * y is standardised by the caller (surrogate.h).  Work is done on M = n + 1 points where the control is known (it comes
 * last), else M = n: with T = [I; -v'], v_i = k(x_i, c) / k(c, c), the conditioned kernel is T' K T, so what is built
 * on a fit needs plain kernels of the M points only:
 *
 *   mean(x) = k_M(x)' alpha,    cov(x, x') = k(x, x') - k_M(x)' Q k_M(x')
 *
 * Thread: a work belongs to one thread; a fitted gp is immutable and may be shared. */
#ifndef TRIMTAB_TUNER_CORE_GP_H
#define TRIMTAB_TUNER_CORE_GP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"
#include "tuner/core/kernel.h"
#include "tuner/core/trend.h"
#include "tuner/core/warp.h"

enum { GP_MAX_DIM = 60 };
enum gp_extra { GP_SCALE, GP_MISFIT, GP_NOISE, GP_ROUND, GP_WARP, GP_TREND, GP_EXTRAS };

/* The observations of one outcome; borrowed by what is built on it.  Points of one round stand together. */
struct gp_data {
    size_t n, dim;
    const double *x;           /* [n * dim] */
    const double *y;           /* [n] */
    size_t n_rounds;           /* round r: points start[r] .. start[r + 1] - 1 */
    const size_t *start;       /* [n_rounds + 1] */
    const double *noise;       /* the blocks one after the other, each row-major; 0 where the noise was not told */
    const bool *unknown;       /* [n] */
    const double *control;     /* [dim], NULL: f(control) = 0 is not known */
    double mean_sd;            /* t */
    double warp_top;           /* > 0: y is warped (warp.h) below this value; 0: it is not */
    const struct trend *trend; /* NULL: none */
    double trend_unit;         /* of y, in the units of the coefficients */
};

struct gp_hyper {
    enum kernel_kind kernel;
    double theta[GP_MAX_DIM + GP_EXTRAS];
    bool round_effect; /* without it theta[GP_ROUND] is not read */
};

struct gp_work;
MUST_CHECK enum status gp_work_new(const struct gp_data *data, struct gp_work **ret_work, struct err *err);
void gp_work_free(struct gp_work *work);

/* ln p(y | theta) of the values before the warp, and unless NULL its gradient [dim + GP_EXTRAS].  About n^3 + n^2 dim.
 * STATUS_NOT_PD. */
MUST_CHECK enum status gp_evidence(struct gp_work *work, const struct gp_hyper *hyper, double *ret_value,
                                   double *ret_gradient);

struct gp {
    size_t n, dim; /* n: M above */
    size_t n_observed;
    struct gp_hyper hyper;
    double s2, t2;
    struct warp warp; /* everything below and every prediction is in warped values */
    double log_slope; /* sum of ln w' at the observations; it is part of log_evidence */
    double inv_lengthscale[GP_MAX_DIM];
    const struct trend *trend; /* borrowed */
    size_t n_features;
    double feature_scale; /* tau in units of y */
    double *features;     /* [n * n_features] tau g(x) */
    double *scaled;       /* [n * dim] x / l */
    double *norm;         /* [n] */
    double *alpha;        /* [n] */
    double *q;            /* [n * n] symmetric */
    double *inverse;      /* [n_observed^2] of the covariance of y; q itself where no control is known */
    double *weights;      /* [n_observed] inverse * y */
    double log_evidence;
};
MUST_CHECK enum status gp_fit(struct gp_work *work, const struct gp_hyper *hyper, struct gp **ret_gp, struct err *err);
void gp_free(struct gp *gp);

/* Posterior of the coefficients of the trend, in units of y: ret_mean, ret_sd [n_features].  Prior: Normal(0, tau^2).
 */
void gp_coefficients(const struct gp *gp, double *ret_mean, double *ret_sd);
/* tau g(x) at m points, ret [m * n_features]. */
void gp_features(const struct gp *gp, size_t m, const double *x, double *ret);
/* Posterior of f at m points: ret_mean [m], ret_var [m], ret_cov [m * m], each may be NULL.  O(m n^2). */
MUST_CHECK enum status gp_predict(const struct gp *gp, size_t m, const double *x, double *ret_mean, double *ret_var,
                                  double *ret_cov, struct err *err);

#endif
