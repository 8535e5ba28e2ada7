/* world_run.h - a world played in this process, without HTTP: the same visits, the same luck, at a few microseconds a
 * request.  What a policy (a weight vector over a ranker's probabilities, say) does to people is found by playing it.
 *
 * Totals are kept per user, so means, covariances and differences of two policies between the same people can be
 * computed by the caller.  Row u - first of the totals holds: requests, impressions, then the events of every head.
 * Thread: one run belongs to one thread; runs may share the world. */
#ifndef TRIMTAB_EXPERIMENTS_WORLD_WORLD_RUN_H
#define TRIMTAB_EXPERIMENTS_WORLD_WORLD_RUN_H

#include "experiments/world/population.h"

enum { WORLD_RUN_REQUESTS, WORLD_RUN_IMPRESSIONS, WORLD_RUN_HEADS };

/* Fills ret_shown [params.show] from the visit's candidates, the first one on top; *ret_n <= params.show. */
typedef enum status world_policy(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                                 struct err *err);

/* Sees every answered request; NULL in most runs. */
typedef enum status world_witness(void *context, const struct world_visit *before, size_t n, const uint32_t *shown,
                                  const struct world_response *response, struct err *err);

struct world_run {
    const struct world *world;
    int day, n_days; /* days day .. day + n_days - 1, memories empty at the start */
    world_policy *policy;
    world_witness *witness;
    void *context; /* of both */
};

/* Users of a run: the numbers first .. first + n - 1 who may show up in it. */
void world_run_users(const struct world_run *run, int64_t *ret_first, size_t *ret_n);
/* totals [n_users * (2 + n_heads)], added to.  Fails only as the policy or the witness fails, or without memory. */
MUST_CHECK enum status world_run(const struct world_run *run, double *totals, struct err *err);

#endif
