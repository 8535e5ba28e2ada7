/* draws_lab.h - slopes of draws.h against differences. */
#ifndef TRIMTAB_TESTS_LIB_DRAWS_LAB_H
#define TRIMTAB_TESTS_LIB_DRAWS_LAB_H

#include "tuner/core/draws.h"

/* Of two draws: a weighted sum of their means and the variance, at x [dim]. */
void draws_lab_check_gradient(struct draws *draws, size_t dim, const double *x);

#endif
