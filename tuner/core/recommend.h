/* recommend.h - which point to ship: the highest posterior mean among points that are jointly feasible with probability
 * of at least RECOMMEND_FEASIBLE; of RECOMMEND_ANYWHERE where the whole cube is searched, because the highest of very
 * many points is found where the constraints' models err.
 *
 * Among given candidates that is a comparison.  Over the cube it is a search (search.h) for the highest
 *     mean(x) - PENALTY max(0, ln MARGIN - ln P(feasible | x))^2
 * with MARGIN a little above that bar, so that the penalty's slack ends above it; the observed points compete. */
#ifndef TRIMTAB_TUNER_CORE_RECOMMEND_H
#define TRIMTAB_TUNER_CORE_RECOMMEND_H

#include "tuner/core/acquisition.h"

static const double RECOMMEND_FEASIBLE = 0.95;
static const double RECOMMEND_ANYWHERE = 0.98;

struct recommendation {
    double mean, var, feasible; /* of the point, in the objective's units */
    size_t index;               /* of the candidates; SIZE_MAX: none */
};

/* P(all constraints hold) at m points, outcomes independent: ret [m]; ones without constraints. */
MUST_CHECK enum status recommend_feasible(const struct acquisition_problem *problem, size_t m, const double *x,
                                          double *ret, struct err *err);
/* Best of m candidates x [m * dim]; skip [m] may be NULL.  Without a feasible one: the most likely to be feasible. */
MUST_CHECK enum status recommend_among(const struct acquisition_problem *problem, size_t m, const double *x,
                                       const bool *skip, struct recommendation *ret, struct err *err);
/* Best of the cube, ret_x [dim]; index SIZE_MAX.  Where no point reaches RECOMMEND_ANYWHERE the lower bar counts. */
MUST_CHECK enum status recommend_anywhere(const struct acquisition_problem *problem, double *ret_x,
                                          struct recommendation *ret, struct err *err);

#endif
