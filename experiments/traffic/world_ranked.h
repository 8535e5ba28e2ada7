/* world_ranked.h - a policy for world_run.h: a ranker's probabilities, a weight vector, the order of their utility; the
 * same arithmetic as behind POST /v1/rank, without HTTP.
 *
 * Candidates and luck are functions of (user, day, session, request), not of the weights, so a request that comes again
 * under other weights needs no second scoring: probabilities are kept, some 400 bytes a request.  The first run over a
 * set of users costs a ranking each; later ones a few microseconds a request.  With a table of all newcomers
 * (world_scores.h) only requests of the log's users are scored and kept.
 * Thread: owner only (one per thread; world and ranker may be shared). */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_RANKED_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_RANKED_H

#include "experiments/traffic/world_scores.h"
#include "experiments/world/world_run.h"

struct world_ranked;

/* All borrowed; scores may be NULL.  STATUS_UNPROCESSABLE: the ranker lacks a head of the world. */
MUST_CHECK enum status world_ranked_new(const struct world *world, const struct ranker *ranker,
                                        const struct world_scores *scores, struct world_ranked **ret, struct err *err);
/* NULL is fine. */
void world_ranked_free(struct world_ranked *ranked);
/* weights [world's n_heads], in the order of the world's heads. */
void world_ranked_set(struct world_ranked *ranked, const double *weights);
/* A world_policy; context is the struct world_ranked. */
MUST_CHECK enum status world_ranked_policy(void *context, const struct world_visit *visit, size_t *ret_n,
                                           uint32_t *ret_shown, struct err *err);
/* Probabilities of the last request that the policy ranked, [candidates * n_heads]; until the next one. */
const float *world_ranked_last(const struct world_ranked *ranked);
/* The ranker's mean probability of each of the world's heads (plug-in weights are made of them); ret [n_heads]. */
void world_ranked_means(const struct world_ranked *ranked, double *ret);

#endif
