/* Thompson sampling: every point of the batch is the best candidate of one joint posterior draw.
 *
 * Candidates: scrambled Sobol points of the cube and steps around the best observed points.  One pass over them makes
 * as many joint draws as points are wanted (draws.h), of the objective's heaviest model and of every constraint; the
 * choice of a draw is its highest feasible candidate, or the one that violates least. Source: Thompson (1933); for
 * batches and constraints Hernandez-Lobato et al. (2017), Eriksson & Poloczek (2021). */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"
#include "tuner/core/design.h"
#include "tuner/core/draws.h"
#include "tuner/core/sobol.h"

enum { N_GLOBAL = 160, N_LOCAL = 96, N_CANDIDATES = N_GLOBAL + N_LOCAL, MAX_BASELINE = 8 };

static enum status make_candidates(const struct acquisition_problem *problem, struct rng *rng, double *ret_x,
                                   struct err *err)
{
    const size_t dim = problem->dim;
    double step[GP_MAX_DIM], *center = mem_alloc(MAX_BASELINE * dim, sizeof *center);
    size_t n_centers = 0;
    if (center == NULL)
        return err_no_memory(err);
    const enum status s = acquisition_baseline(problem, MAX_BASELINE, center, &n_centers, err);
    struct sobol sobol;
    sobol_init(&sobol, dim, rng);
    acquisition_step(problem, step);
    for (size_t i = 0; s == STATUS_OK && i < N_CANDIDATES; i++) {
        double *x = ret_x + i * dim;
        sobol_next(&sobol, x);
        for (size_t k = 0; i >= N_GLOBAL && n_centers > 0 && k < dim; k++) {
            const double move = (i % 2 == 0 ? 0.1 : 0.3) * fmin(step[k], 0.5) * rng_normal(rng);
            x[k] = fmin(fmax(center[i % n_centers * dim + k] + move, 0.0), 1.0);
        }
        design_snap(dim, problem->levels, x);
    }
    mem_free(center);
    return s;
}

/* The draws' values of an outcome at all candidates: ret [N_CANDIDATES * n]. */
static enum status sample(const struct gp *gp, size_t n, const double *x, struct rng *rng, double *z, double *ret,
                          struct err *err)
{
    struct draws draws;
    TRY(draws_init(&draws, gp, n, N_CANDIDATES, err));
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        for (size_t j = 0; j < n; j++)
            z[j] = rng_normal(rng);
        draws_add(&draws, x + i * gp->dim, z, ret + i * n);
    }
    draws_done(&draws);
    return STATUS_OK;
}

static enum status sample_all(const struct acquisition_problem *problem, size_t n, const double *x, struct rng *rng,
                              double *z, double *value, double *violation, struct err *err)
{
    double *outcome = mem_alloc(N_CANDIDATES * n, sizeof *outcome);
    if (outcome == NULL)
        return err_no_memory(err);
    enum status s = sample(problem->outcome[0]->model[0], n, x, rng, z, value, err);
    for (size_t k = 1; k < problem->n_outcomes && s == STATUS_OK; k++) {
        const double threshold = acquisition_threshold(problem, k);
        s = sample(problem->outcome[k]->model[0], n, x, rng, z, outcome, err);
        for (size_t i = 0; i < N_CANDIDATES * n; i++)
            violation[i] += fmax(outcome[i] - threshold, 0.0);
    }
    mem_free(outcome);
    return s;
}

/* No violation beats any; then the value decides.  A candidate is taken once. */
static size_t best_candidate(size_t n, size_t draw, const double *value, const double *violation, const bool *taken)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        if (taken[i])
            continue;
        const double v = value[i * n + draw], c = violation[i * n + draw];
        if (best == SIZE_MAX || c < violation[best * n + draw] ||
            (c <= violation[best * n + draw] && v > value[best * n + draw]))
            best = i;
    }
    return best;
}

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    const size_t dim = problem->dim;
    struct rng rng;
    bool taken[N_CANDIDATES] = {false};
    double *x = mem_alloc(N_CANDIDATES * dim + (2 * N_CANDIDATES + 1) * n, sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    double *value = x + N_CANDIDATES * dim, *violation = value + N_CANDIDATES * n, *z = violation + N_CANDIDATES * n;
    rng_init(&rng, problem->seed, rng_hash_text("thompson"), 0);
    enum status s = make_candidates(problem, &rng, x, err);
    if (s == STATUS_OK)
        s = sample_all(problem, n, x, &rng, z, value, violation, err);
    for (size_t j = 0; j < n && s == STATUS_OK; j++) {
        const size_t best = best_candidate(n, j, value, violation, taken);
        taken[best] = true;
        memcpy(ret_x + j * dim, x + best * dim, dim * sizeof *x);
    }
    mem_free(x);
    return s;
}

const struct acquisition ACQ_THOMPSON = {"thompson", choose};
