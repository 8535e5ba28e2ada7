/* observations.h - every round told so far, checked and in canonical order.
 *
 * Rounds stand in the order of telling; the points of a round are sorted by coordinates, then values, so that their
 * order in the tell changes nothing.  `told` leads back: point i was the told[i]-th of all.
 * Thread: owner only. */
#ifndef TRIMTAB_TUNER_CORE_OBSERVATIONS_H
#define TRIMTAB_TUNER_CORE_OBSERVATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"
#include "tuner/core/optimizer.h"

struct observations {
    size_t dim, n_outcomes;
    size_t n, n_rounds;
    double *x;        /* [n * dim] */
    double *y;        /* [n * n_outcomes] */
    bool *failed;     /* [n] */
    size_t *told;     /* [n] */
    size_t *start;    /* [n_rounds + 1] */
    double *noise;    /* per round n_outcomes blocks, row-major; NaN on a diagonal: unknown */
    size_t *noise_at; /* [n_rounds + 1] where a round's blocks begin */
};

void observations_init(struct observations *observations, size_t dim, size_t n_outcomes);
void observations_done(struct observations *observations);
/* Checks and copies a round.  STATUS_INVALID, STATUS_NOT_PD and STATUS_NO_MEMORY change nothing. */
MUST_CHECK enum status observations_add(struct observations *observations, const struct optimizer_round *round,
                                        struct err *err);
/* The noise block of an outcome in a round, [size * size]. */
const double *observations_noise(const struct observations *observations, size_t round, size_t outcome);

#endif
