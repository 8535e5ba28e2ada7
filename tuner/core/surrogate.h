/* surrogate.h - what is believed about one outcome: Gaussian processes on standardised values.
 *
 *     standardised = (y - center) / scale
 * center and scale are mean and standard deviation of the values told (with a known control: 0 and their root mean
 * square).  A failed point is taken into the objective as a bad one, at the lowest value told with a standard deviation
 * of 0.3 in standardised units; outcomes of constraints leave it out.
 *
 * Without a known control several models speak for the objective: Matern 5/2 and the same with a sum of functions of
 * single coordinates (trend_new_waves) where points are asked for, the pair; and with the squared exponential as the
 * third where the question is only which point is best (optimizer_best, _recommend), the panel.  They are weighted by
 *     w_i ~ (p(y | theta_i) p(theta_i)) ^ 1/2        theta_i the maximum of each
 * The power: a maximum stands for its surroundings, so the odds between models are tempered (fractional Bayes factors,
 * O'Hagan 1995).  Up to PAIR_MOST and PANEL_MOST observations; else, and for constraints, one model is fitted.
 * Thread: immutable once fitted. */
#ifndef TRIMTAB_TUNER_CORE_SURROGATE_H
#define TRIMTAB_TUNER_CORE_SURROGATE_H

#include "tuner/core/gp.h"
#include "tuner/core/observations.h"

enum { SURROGATE_MAX_MODELS = 8 };

enum surrogate_models { SURROGATE_ONE, SURROGATE_PAIR, SURROGATE_PANEL };

struct surrogate_options {
    const char *hyper_prior;
    const double *control; /* NULL: f(control) = 0 is not known */
    bool round_effect;
    const struct trend *trend; /* NULL: none; must outlive the surrogate */
    enum surrogate_models models;
};

struct surrogate {
    double center, scale;
    size_t n_models;
    double weight[SURROGATE_MAX_MODELS]; /* sum 1 */
    struct gp *model[SURROGATE_MAX_MODELS];
    struct trend *waves; /* of the panel; NULL: none */
    struct gp_data data; /* standardised; the arrays below */
    double *x, *y, *noise;
    bool *unknown;
    size_t *start;
    size_t *row; /* which of the observations each point is */
};

/* Whether there is a point to fit to. */
bool surrogate_possible(const struct observations *observations);
/* STATUS_INVALID (a prior without that name), STATUS_NOT_PD, STATUS_NO_MEMORY. */
MUST_CHECK enum status surrogate_fit(const struct observations *observations, size_t outcome,
                                     const struct surrogate_options *options, struct surrogate **ret_surrogate,
                                     struct err *err);
void surrogate_free(struct surrogate *surrogate);
/* Posterior of the outcome, in its units, at m points: ret_mean [m], ret_var [m], ret_cov [m * m], each may be NULL. */
MUST_CHECK enum status surrogate_predict(const struct surrogate *surrogate, size_t m, const double *x, double *ret_mean,
                                         double *ret_var, double *ret_cov, struct err *err);

/* P(outcome <= threshold), in its units, at m points: ret_p [m]. */
MUST_CHECK enum status surrogate_below(const struct surrogate *surrogate, size_t m, const double *x, double threshold,
                                       double *ret_p, struct err *err);

#endif
