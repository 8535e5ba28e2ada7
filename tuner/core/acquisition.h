/* acquisition.h - which points to try next: named strategies, one per file.
 *
 *   mixed      acq_mixed.c     three of four points by log-nei, one by kg; the default without a known control
 *   log-nei    acq_log_nei.c   noisy expected improvement under constraints; the default with one (campaigns)
 *   kg         acq_kg.c        knowledge gradient: what improves the recommendation
 *   thompson   acq_thompson.c  the highest points of posterior sample paths
 *   ucb        acq_ucb.c       upper confidence bound, the rest of the batch pure exploration
 *
 * A problem is everything that is known; it is borrowed and not changed.  Every strategy fills a whole batch, takes the
 * pending points into account and is a function of the problem alone.  Adding one touches one line of acquisition.c. */
#ifndef TRIMTAB_TUNER_CORE_ACQUISITION_H
#define TRIMTAB_TUNER_CORE_ACQUISITION_H

#include "base/core/rng.h"
#include "tuner/core/search.h"
#include "tuner/core/surrogate.h"

struct acquisition_problem {
    size_t dim, n_outcomes;
    const struct surrogate *const *outcome; /* [n_outcomes] */
    const double *thresholds;               /* [n_outcomes - 1] in the outcomes' units */
    const uint32_t *levels;                 /* [dim] or NULL */
    bool control_known;                     /* value 0, feasible */
    const struct observations *observed;
    size_t n_pending;
    const double *pending; /* [n_pending * dim] */
    uint64_t seed;         /* of this ask */
};

struct acquisition {
    const char *name;
    /* ret_x [n * dim] */
    enum status (*choose)(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err);
};

extern const struct acquisition ACQ_LOG_NEI, ACQ_KG, ACQ_MIXED, ACQ_THOMPSON, ACQ_UCB;

/* STATUS_INVALID names the known ones. */
MUST_CHECK enum status acquisition_find(const char *name, const struct acquisition **ret, struct err *err);

/* Pieces that strategies share. */

/* The standardised threshold of an outcome. */
double acquisition_threshold(const struct acquisition_problem *problem, size_t outcome);
/* Mean log lengthscale of the objective's models as a natural step, ret [dim]. */
void acquisition_step(const struct acquisition_problem *problem, double *ret);
/* The observed points of the cube that may be the best: the highest by mean + sd and the chance to be feasible, at most
 * max of them, best first, into ret_x [max * dim]. */
MUST_CHECK enum status acquisition_baseline(const struct acquisition_problem *problem, size_t max, double *ret_x,
                                            size_t *ret_n, struct err *err);

#endif
