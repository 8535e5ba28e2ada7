/* search.h - the highest point of a function over the cube: many candidates, a few climbs.
 *
 * Candidates: scrambled Sobol points of the whole cube, and around each centre (good points already known) normal steps
 * of several sizes, some in a few coordinates only.  The best candidates that are not close to each other are climbed
 * with gradients (climb.h), the integer coordinates kept; then single steps of the integer coordinates are tried.
 * Deterministic: the random numbers are those of the caller's rng. */
#ifndef TRIMTAB_TUNER_CORE_SEARCH_H
#define TRIMTAB_TUNER_CORE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/rng.h"
#include "tuner/core/climb.h"

struct search_target {
    void *context;
    void (*score)(void *context, size_t m, const double *x, double *ret_value); /* [m * dim] -> [m] */
    climb_fn climb;
};

struct search {
    size_t dim;
    const uint32_t *levels;   /* [dim], NULL: all continuous */
    size_t n_global, n_local; /* candidates over the cube; around all centres together */
    size_t n_centers;
    const double *centers;          /* [n_centers * dim] */
    const double *step;             /* [dim] a natural step, such as a lengthscale */
    size_t n_climbs, n_evaluations; /* climbs and evaluations of each */
    double tolerance;
};

/* The candidates of a search alone, ret [(n_global + n_local) * dim]. */
void search_candidates(const struct search *search, struct rng *rng, double *ret);
/* The highest point found, ret_x [dim], and its value.  STATUS_NO_MEMORY. */
MUST_CHECK enum status search_maximise(const struct search *search, const struct search_target *target, struct rng *rng,
                                       double *ret_x, double *ret_value, struct err *err);

#endif
