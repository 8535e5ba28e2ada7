/* draws.h - joint posterior draws of one outcome, conditioned point by point.
 *
 * A fit gives mean(x) = k(x)' alpha and cov(x, x') = k(x, x') - k(x)' Q k(x').  A draw j starts there and is then told
 * its own value f_j of the latent function at one point after the other (evaluated points, running points, points just
 * chosen); after each, its mean and the covariance that all draws share are again of that form on one more point:
 *     q = Q k(p),  v = k(p, p) - k(p)' q,  t_j = (f_j - mean_j(p)) / v
 *     alpha_j <- [alpha_j - q t_j; t_j],        Q <- [Q + q q' / v, -q / v; -q' / v, 1 / v]
 * (bordering; the same as refitting with p observed exactly).  With f_j = mean_j(p) + sqrt(v) z_j and quasi-random z
 * the values at all added points are joint draws from the posterior. One evaluation costs n^2 + n (draws + dim), n the
 * points of the fit and the added ones. Thread: owner only; the gp is borrowed. */
#ifndef TRIMTAB_TUNER_CORE_DRAWS_H
#define TRIMTAB_TUNER_CORE_DRAWS_H

#include <stddef.h>

#include "base/core/err.h"
#include "tuner/core/gp.h"

struct draws {
    const struct gp *gp;
    size_t n_draws;
    size_t n, capacity;     /* points: those of the gp first */
    double *scaled, *norm;  /* [capacity * dim], [capacity] */
    double *features;       /* [capacity * n_features] */
    double *alpha;          /* [capacity * n_draws] */
    double *q;              /* [capacity * capacity], row stride capacity, symmetric */
    double *k, *slope, *qk; /* [capacity] of the last draws_at */
    double *point;          /* [dim + 1] scaled coordinates and norm of the last draws_at */
    double *here;           /* [dim] its coordinates */
    double *feature;        /* [n_features] its features */
};

/* Room for max_added points. */
MUST_CHECK enum status draws_init(struct draws *draws, const struct gp *gp, size_t n_draws, size_t max_added,
                                  struct err *err);
void draws_done(struct draws *draws);

/* Mean of each draw [n_draws] and their shared variance at x.  ret_var NULL: not wanted, saves n^2. */
void draws_at(struct draws *draws, const double *x, double *ret_mean, double *ret_var);
/* After draws_at(x): adds sum_j by_mean_j d mean_j / dx + by_var d var / dx to gradient [dim].  Once per draws_at;
 * by_var is 0 where the variance was not wanted. */
void draws_gradient(struct draws *draws, const double *by_mean, double by_var, double *gradient);
/* Tell draw j the value mean_j(x) + sd(x) z_j at x and return those values.  Where sd(x) is nothing but rounding the
 * values are the means and nothing is added.  O(n^2 + n n_draws). */
void draws_add(struct draws *draws, const double *x, const double *z, double *ret_value);

/* m points at once: ret_mean [m * n_draws], ret_var [m]; scratch [m * draws_scratch()]. */
size_t draws_scratch(const struct draws *draws);
void draws_at_many(const struct draws *draws, size_t m, const double *x, double *scratch, double *ret_mean,
                   double *ret_var);

#endif
