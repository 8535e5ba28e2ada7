/* world_lab.h - what every bench of a world begins with: the files, the ranker, the table of all newcomers'
 * probabilities, and the campaign joined with the experiment.
 *
 *   worlds/NAME.json            the world (docs/worlds.md)
 *   worlds/NAME.campaign.json   what is tuned in it: an ordinary campaign file (docs/campaign.md)
 *   RANKERS/NAME/model, dataset the ranker trained on its log (scripts/bench-campaign makes them)
 *   RANKERS/NAME/scores         that table, written by the first bench that needs it
 * Thread: immutable once open, may be shared. */
#ifndef TRIMTAB_TESTS_LIB_WORLD_LAB_H
#define TRIMTAB_TESTS_LIB_WORLD_LAB_H

#include "tests/lib/world_experiment.h"
#include "tests/lib/world_judge.h"
#include "tuner/core/campaign_setup.h"

struct world_lab {
    struct world_params params;
    struct campaign_config config;
    struct campaign_setup setup;
    double values[WORLD_MAX_HEADS]; /* of the objective, in the world's order of heads */
    struct world *world;            /* of play seed 0: what scores was made with */
    struct ranker *ranker;
    struct world_scores *scores;
};

/* worlds, rankers: folders.  Makes the table, where there is none yet, on n_threads threads: a minute of one core.  ret
 * is storage of the caller; to be given to world_lab_close() whatever happens. */
MUST_CHECK enum status world_lab_open(const char *worlds, const char *rankers, const char *name, size_t n_threads,
                                      struct world_lab *ret, struct err *err);
void world_lab_close(struct world_lab *lab);

/* Runs work(context, i) for i = 0 .. n - 1 on n_threads threads; the error of the first that fails. */
MUST_CHECK enum status world_lab_parallel(size_t n_threads, size_t n,
                                          enum status (*work)(void *context, size_t i, struct err *err), void *context,
                                          struct err *err);
/* A judge of the lab's campaign; span and n_seeds as in world_judge.h. */
MUST_CHECK enum status world_lab_judge(const struct world_lab *lab, const struct world_truth_span *span, size_t n_seeds,
                                       struct world_judge **ret, struct err *err);
/* The largest excess of a guardrail's true effect over its bound, in the direction that hurts; -INFINITY without
 * guardrails. */
double world_lab_excess(const struct world_lab *lab, const struct world_effect *effect);

#endif
