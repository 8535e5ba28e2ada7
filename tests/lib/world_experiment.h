/* world_experiment.h - an experiment over a simulated world in this process: what trimtab-experimentd and
 * trimtab-traffic do together, without HTTP, disk or clock.
 *
 * The same parts work as behind the API: assign_arm() splits the people of a round by its salt, the ranker's
 * probabilities and utility_top() make each slate, visit.h answers it, population.h remembers, and moments.h turns the
 * totals of units into means and their covariance.  Rounds last whole days and follow each other without a gap; who
 * came in an earlier round comes back with what it left in memory.
 *
 * Metrics: one for each head, named like it: its events per unit.  Two experiments of one play seed meet the same
 * people with the same luck.  Thread: owner only; world parameters, ranker and scores may be shared. */
#ifndef TRIMTAB_TESTS_LIB_WORLD_EXPERIMENT_H
#define TRIMTAB_TESTS_LIB_WORLD_EXPERIMENT_H

#include "experiments/core/plan.h"
#include "experiments/traffic/world_ranked.h"
#include "tuner/core/campaign_preview.h"

struct world_experiment;

/* scores may be NULL; all but the play seed is borrowed. */
MUST_CHECK enum status world_experiment_open(const struct world_params *params, const struct ranker *ranker,
                                             const struct world_scores *scores, uint64_t play_seed,
                                             struct world_experiment **ret, struct err *err);
/* NULL is fine. */
void world_experiment_close(struct world_experiment *experiment);
/* Back to day 0: nobody was seen, nobody remembers. */
MUST_CHECK enum status world_experiment_rewind(struct world_experiment *experiment, struct err *err);

/* What GET /v1/experiments/{exp} tells a campaign. */
void world_experiment_facts(const struct world_experiment *experiment, struct campaign_experiment *ret);
/* Plays days in which everyone is served these weights, in the order of the world's heads, and nobody is counted. */
MUST_CHECK enum status world_experiment_idle(struct world_experiment *experiment, int days, const double *weights,
                                             struct err *err);
/* Plays days up to the plan's end_at_ms, at least one.  Arm 0 is the control.  *ret is owned by the caller: final
 * results under the number next_round. */
MUST_CHECK enum status world_experiment_play(struct world_experiment *experiment, const struct round_plan *plan,
                                             struct campaign_results **ret, struct err *err);
/* What POST /v1/experiments/{exp}/preview says after the days so far, by every seventh request of them up to a
 * thousand; *ret is the caller's. */
MUST_CHECK enum status world_experiment_preview(const struct world_experiment *experiment,
                                                const struct campaign_setup *setup, struct campaign_previews *previews,
                                                struct err *err);
/* Requests answered since it was opened. */
int64_t world_experiment_requests(const struct world_experiment *experiment);

#endif
