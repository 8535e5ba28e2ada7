/* gp_hyper.h - which hyper-parameters: priors and the maximum of the posterior density (MAP).
 *
 * Priors act on theta (gp.h), y standardised to unit variance.  By name:
 *   "dimension-scaled"  l_k ~ LogNormal(sqrt 2 + ln(dim) / 2, sqrt 3)  Hvarfner, Hellsten & Nardi (2024), eq. 4; the
 *                       density is that of l itself, so the mode is exp(mean - 3) = 0.2 sqrt(dim); ln s ~ Normal(0, 1)
 *   "gamma"             l_k ~ Gamma(3, 6),  s^2 ~ Gamma(2, 0.15)
 *                       the former default of BoTorch (Balandat et al. 2020)
 *   both                misfit ln m ~ Normal(ln 0.02, 1), noise that was not told ln u ~ Normal(-2, 1), round effect
 *                       ln w ~ Normal(ln 0.03, 1), trend ln tau ~ Normal(ln 0.5, 0.7)
 * Parameters that the data cannot speak of are fixed (`active`).  The search starts from several lengthscales and goes
 * up by L-BFGS (climb.h); the highest end wins.  Deterministic. */
#ifndef TRIMTAB_TUNER_CORE_GP_HYPER_H
#define TRIMTAB_TUNER_CORE_GP_HYPER_H

#include "tuner/core/gp.h"

enum hyper_prior_kind { HYPER_PRIOR_NORMAL, HYPER_PRIOR_GAMMA };

/* Of one theta.  NORMAL: mean a, sd b of theta.  GAMMA: shape a, rate b of exp(power theta), density of that value. */
struct hyper_prior_entry {
    enum hyper_prior_kind kind;
    double a, b, power;
    double lo, hi; /* bounds of theta; lo == hi: fixed */
};
struct hyper_prior {
    size_t dim;
    bool round_effect;
    struct hyper_prior_entry entry[GP_MAX_DIM + GP_EXTRAS];
};

/* name NULL: the default.  Points with unknown noise make ln u active, round_effect ln w.  STATUS_INVALID names the
 * known priors. */
MUST_CHECK enum status hyper_prior_init(struct hyper_prior *prior, const char *name, const struct gp_data *data,
                                        bool round_effect, struct err *err);
/* ln density up to a constant; its derivatives are added to gradient [dim + GP_EXTRAS] unless NULL. */
double hyper_prior_density(const struct hyper_prior *prior, const double *theta, double *gradient);

struct hyper_fit {
    struct gp_hyper hyper;
    double log_posterior; /* ln evidence + ln prior */
};
/* n_starts 1 .. 3, or 0: only from `ret`, of an earlier search (on a part of the data).  STATUS_NOT_PD where no start
 * has a finite density. */
MUST_CHECK enum status hyper_map(struct gp_work *work, const struct hyper_prior *prior, enum kernel_kind kernel,
                                 size_t n_starts, struct hyper_fit *ret, struct err *err);

#endif
