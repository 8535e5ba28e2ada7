/* optimizer.h - what a campaign (or any script) asks: which points next, what is known, which point to ship, when to
 * stop.  The facade over space-free Bayesian optimization: everything here lives in the unit cube; space.h translates.
 *
 * Outcome 0 is the objective and is MAXIMISED.  Outcomes 1 .. n_outcomes - 1 are constraints: a point is feasible when
 * every one of them is <= its threshold.  Each outcome has its own Gaussian process (gp.h): Matern-5/2 with ARD, a
 * constant mean under a prior, the noise of each round as a full block (its arms share one control), a small inferred
 * misfit and, where asked for, an inferred between-round variance.
 *
 * Life:  optimizer_new -> optimizer_tell (a whole round) -> optimizer_ask / _posterior / _recommend / ... -> _free.
 * Models are fitted on first use after a tell and kept until the next tell.
 *
 * Determinism: every result is a function of the config and of the rounds told, in their order; the order of points
 * inside a round changes nothing (they are sorted first).  Random streams are hash(seed, rounds told, purpose).
 * Cost: a fit is O(n^3) per likelihood, the number of likelihoods falls with n; ask adds O(n^2) per candidate.
 * Thread: owner only (first use after a tell fits), and one optimizer at a time in a process: OpenBLAS without threads,
 * as Debian builds it, keeps its buffers without locks.  All arrays are row-major; x is [n * dim].
 * Errors: STATUS_INVALID names the value and changes nothing; STATUS_NO_MEMORY; STATUS_NOT_PD when a noise block is
 * not positive semidefinite. */
#ifndef TRIMTAB_TUNER_CORE_OPTIMIZER_H
#define TRIMTAB_TUNER_CORE_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum { OPTIMIZER_MAX_DIM = 60, OPTIMIZER_MAX_OUTCOMES = 8, OPTIMIZER_MAX_POINTS = 4000, OPTIMIZER_MAX_ASK = 64 };

struct optimizer_config {
    size_t dim;               /* 1 .. OPTIMIZER_MAX_DIM */
    size_t n_outcomes;        /* 1 .. OPTIMIZER_MAX_OUTCOMES */
    uint64_t seed;            /* of every random choice */
    const double *control;    /* [dim] in the cube, the centre of the first design; NULL: the middle of the cube */
    bool control_known;       /* every outcome is exactly 0 at `control` (relative effects); needs control */
    bool round_variance;      /* infer a between-round variance that vanishes at the control */
    const double *thresholds; /* [n_outcomes - 1], NULL: zeros */
    const uint32_t *levels;   /* [dim] number of equally spaced values of an integer parameter, 0: continuous; NULL */
    const char *hyper_prior;  /* "dimension-scaled" (default) or "gamma"; NULL: default (gp_hyper.h) */
    const char *acquisition;  /* a name of acquisition.h; NULL: its default */
};

struct optimizer;

/* config is copied.  ret_optimizer is owned by the caller, untouched on failure. */
MUST_CHECK enum status optimizer_new(const struct optimizer_config *config, struct optimizer **ret_optimizer,
                                     struct err *err);
void optimizer_free(struct optimizer *optimizer); /* NULL is fine */

/* One round of results, borrowed.  Points may lie outside the cube (a baseline); the search stays inside. */
struct optimizer_round {
    size_t n;
    const double *x;   /* [n * dim] */
    const double *y;   /* [n_outcomes * n]: outcome k of point i at k * n + i */
    const double *cov; /* [n_outcomes * n * n]: the noise covariance of each outcome; a NaN on a diagonal: that noise is
                          unknown and inferred (its off-diagonals must be 0 or NaN); 0: exact */
    const bool *failed; /* [n], NULL: none; a failed point has no y, the search treats it as a bad one */
};
MUST_CHECK enum status optimizer_tell(struct optimizer *optimizer, const struct optimizer_round *round,
                                      struct err *err);

/* What logged requests say about n points, relative to the control (trend.h): one part of every outcome becomes linear
 * in it.  Replaces earlier previews; copied.  Needs control_known.  Errors of trend_new(). */
struct optimizer_previews {
    size_t n, n_features;
    const double *x;     /* [n * dim] */
    const double *value; /* [n * n_features] */
};
MUST_CHECK enum status optimizer_preview(struct optimizer *optimizer, const struct optimizer_previews *previews,
                                         struct err *err);

/* A function that is known without noise and must stay at or below `most` in what is asked for and in what stop_test
 * hopes for: n points with its values.  0 at the control.  Replaces the one before; takes the place of an outcome.
 * Points told and the choice among them are not held to it.  Needs control_known and n_outcomes below the limit. */
MUST_CHECK enum status optimizer_bound(struct optimizer *optimizer, size_t n, const double *x, const double *value,
                                       double most, struct err *err);

/* What one unit of each preview is worth in an outcome, as far as it is known: ret_mean, ret_sd [n_features].
 * STATUS_INVALID without previews. */
MUST_CHECK enum status optimizer_preview_worth(struct optimizer *optimizer, size_t outcome, double *ret_mean,
                                               double *ret_sd, struct err *err);

/* n new points of the cube into ret_x [n * dim], given the points that are still running (pending [n_pending * dim],
 * may be NULL).  Without any told point: scrambled Sobol around the control (design.h), the first of them the control
 * itself unless control_known. */
MUST_CHECK enum status optimizer_ask(struct optimizer *optimizer, size_t n, size_t n_pending, const double *pending,
                                     double *ret_x, struct err *err);

/* The joint posterior of the true outcomes (without noise and round effects) at n points.  Any pointer may be NULL. */
struct optimizer_posterior {
    double *mean;     /* [n_outcomes * n] */
    double *sd;       /* [n_outcomes * n] */
    double *cov;      /* [n_outcomes * n * n] */
    double *feasible; /* [n] probability that all constraints hold jointly (outcomes are modelled independently) */
};
MUST_CHECK enum status optimizer_posterior(struct optimizer *optimizer, size_t n, const double *x,
                                           const struct optimizer_posterior *ret, struct err *err);

/* Which point to ship.  Candidates: n_candidates points x, or (NULL) every evaluated, not failed point of the cube.
 * The best posterior mean among those that are jointly feasible with probability >= 0.95; where none is (or, with
 * control_known, where none has a positive mean), the control: is_control, mean 0 with control_known; without a known
 * control the point most likely to be feasible is returned instead and `feasible` says how likely. */
struct optimizer_choice {
    double x[OPTIMIZER_MAX_DIM];
    double mean, sd, feasible;
    size_t candidate; /* index into the candidates; with NULL: index of the told point in order of telling */
    bool is_control;
};
MUST_CHECK enum status optimizer_recommend(struct optimizer *optimizer, size_t n_candidates, const double *x,
                                           struct optimizer_choice *ret, struct err *err);
/* The same over the whole cube: may extrapolate.  candidate is SIZE_MAX unless the winner was evaluated. */
MUST_CHECK enum status optimizer_best(struct optimizer *optimizer, struct optimizer_choice *ret, struct err *err);

/* P(max over the cube of feasible f - f(recommended) > delta) by joint posterior draws over a fixed candidate set
 * (stopping.h).  stop: that is below 0.05 after at least three rounds. */
struct optimizer_stop {
    double probability; /* of a gain above delta that is still to be found */
    double expected;    /* mean of the gain still to be found */
    size_t rounds;
    bool stop;
};
MUST_CHECK enum status optimizer_stop_test(struct optimizer *optimizer, double delta, const double *recommended,
                                           struct optimizer_stop *ret, struct err *err);

/* Leave-one-round-out of one outcome with the fitted hyper-parameters kept: how well the other rounds predict this
 * one.  residual [n_points] (NULL: not wanted) is whitened within each round, in order of telling; failed points
 * get NaN. */
struct optimizer_diagnostics {
    size_t n, rounds;
    double mean_square; /* of the standardised residuals: about 1 when the model is right */
    double coverage95;  /* share of observations inside their 95 % prediction interval */
    double log_density; /* mean log predictive density of an observation, in the outcome's units */
};
MUST_CHECK enum status optimizer_diagnose(struct optimizer *optimizer, size_t outcome, double *residual,
                                          struct optimizer_diagnostics *ret, struct err *err);

/* What was told and what was learnt, for records and dashboards. */
size_t optimizer_n_points(const struct optimizer *optimizer);
size_t optimizer_n_rounds(const struct optimizer *optimizer);
struct optimizer_hyper {
    double lengthscale[OPTIMIZER_MAX_DIM];       /* cube units */
    double outputscale, noise, misfit, round_sd; /* standard deviations in the outcome's units; 0 where not inferred */
    double log_evidence;
};
MUST_CHECK enum status optimizer_hyper(struct optimizer *optimizer, size_t outcome, struct optimizer_hyper *ret,
                                       struct err *err);

#endif
