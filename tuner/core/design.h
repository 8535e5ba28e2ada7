/* design.h - the first points, before there is a model.
 *
 * Scrambled Sobol in the cube, bent so that the control is the median of every coordinate:
 *     u < 1/2:  x = 2 u c,     else  x = c + (2 u - 1)(1 - c),   c = control cut to [1/4, 3/4]
 * (half of the points lie on either side of the control; a control at the edge does not pull half of them there). */
#ifndef TRIMTAB_TUNER_CORE_DESIGN_H
#define TRIMTAB_TUNER_CORE_DESIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/rng.h"

/* n points into ret [n * dim]; the first `skip` points of the sequence are left out (they were asked before).
 * control [dim] or NULL: the middle.  The scramble is a function of rng. */
void design_sobol(size_t n, size_t dim, size_t skip, const double *control, struct rng *rng, double *ret);
/* Snap the integer coordinates of x [dim] to their levels (optimizer.h); levels may be NULL. */
void design_snap(size_t dim, const uint32_t *levels, double *x);

#endif
