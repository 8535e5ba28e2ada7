/* population.h - who comes on which day, and what they remember of the last one.
 *
 * A user comes on the day of arrival; on each later day d, at most next_day.max days after it, with probability
 *   sigmoid(start + activity a_u + satisfaction m_u - fatigue (d - arrival))
 * m_u = memory m_u + (1 - memory) (mean of S - reference over the day's slates) is updated by every visit and starts
 * at 0.  So a policy that annoys people loses their later visits.
 * Thread: population_day on one thread while no visit is played; population_remember from any thread, one per user. */
#ifndef TRIMTAB_EXPERIMENTS_WORLD_POPULATION_H
#define TRIMTAB_EXPERIMENTS_WORLD_POPULATION_H

#include "experiments/world/visit.h"

struct population;

struct visitor {
    int64_t user;
    int hour; /* of the first session */
};

MUST_CHECK enum status population_new(const struct world *world, struct population **ret, struct err *err);
/* NULL is fine. */
void population_free(struct population *population);
/* Visitors of a day ordered by (hour, user); borrowed until the next call.  Days in any order; O(next_day.max *
 * new_per_day). */
MUST_CHECK enum status population_day(struct population *population, int day, const struct visitor **ret, size_t *ret_n,
                                      struct err *err);
/* After the visit is over (or cut short): update m_u. */
void population_remember(struct population *population, const struct world_visit *visit);

#endif
