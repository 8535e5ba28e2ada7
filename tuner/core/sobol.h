/* sobol.h - scrambled Sobol points.
 *
 * Direction numbers of Joe & Kuo (2008); a random lower-triangular scramble of the digits and a random digital shift
 * (Matousek 1998, J. Complexity 14, 527-556) keep the net and make every point uniform.  Any 2^k points in a row from
 * the start are balanced.  GSL's generator has neither scrambling nor more than 40 dimensions.
 * Thread: owner only. */
#ifndef TRIMTAB_TUNER_CORE_SOBOL_H
#define TRIMTAB_TUNER_CORE_SOBOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/rng.h"

enum { SOBOL_MAX_DIM = 64, SOBOL_MAX_DRAWS = 128 };

struct sobol {
    size_t dim;
    uint32_t index;
    uint32_t state[SOBOL_MAX_DIM];
    uint32_t direction[SOBOL_MAX_DIM][32];
};

/* dim 1 .. SOBOL_MAX_DIM; the scramble is drawn from rng. */
void sobol_init(struct sobol *sobol, size_t dim, struct rng *rng);
/* The next point of the open cube / of the standard normal distribution, ret [dim]. */
void sobol_next(struct sobol *sobol, double *ret);
void sobol_next_normal(struct sobol *sobol, double *ret);

/* n_draws (up to SOBOL_MAX_DRAWS) joint draws of n_points standard normals, ret [n_points * n_draws]: quasi-random in
 * the first SOBOL_MAX_DIM points, independent beyond; in random order, so that two such sets can be combined. */
void sobol_normals(struct rng *rng, size_t n_points, size_t n_draws, double *ret);

#endif
