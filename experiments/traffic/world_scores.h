/* world_scores.h - a ranker's probabilities for all newcomers of a world, in one table.
 *
 * To the ranker a newcomer is a persona (segment and declared interest), a tab and an hour (world.h), so there are only
 *   segments * categories * tabs * 24 * items * heads
 * different probabilities: 46 million floats, 184 MB in the shipped worlds, some 20 s of one core.  They depend on the
 * world's file and the model, not on the play seed, so any number of plays on any number of threads can share them, and
 * their digits are those of ranker_score() on the candidates of one request.  Users of the log have histories of their
 * own and are not in the table.
 * Thread: parts may be filled at the same time; immutable and shared once all are. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_SCORES_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_SCORES_H

#include "experiments/world/visit.h"
#include "ranker/ranker.h"

struct world_scores;

/* Both are borrowed.  STATUS_UNPROCESSABLE: the ranker lacks a head of the world. */
MUST_CHECK enum status world_scores_new(const struct world *world, const struct ranker *ranker,
                                        struct world_scores **ret, struct err *err);
/* NULL is fine. */
void world_scores_free(struct world_scores *scores);
/* Part `part` of `parts`, part < parts. */
MUST_CHECK enum status world_scores_fill(struct world_scores *scores, size_t part, size_t parts, struct err *err);
/* The filled table in a file, for programs that come back to the world; native byte order, made and read on one
 * machine. read: STATUS_NOT_FOUND; STATUS_CONFLICT when it is of another model or world. */
MUST_CHECK enum status world_scores_write(const struct world_scores *scores, const char *path, struct err *err);
MUST_CHECK enum status world_scores_read(struct world_scores *scores, const char *path, struct err *err);
/* Whether the visit's user is in the table. */
bool world_scores_has(const struct world_scores *scores, const struct world_visit *visit);
/* The visit's candidates, ret_p [candidates * heads] in the order of the world's heads; the user is in the table. */
void world_scores_get(const struct world_scores *scores, const struct world_visit *visit, float *ret_p);

/* The ranker's head of each of the world's, ret_column [n_heads]. */
MUST_CHECK enum status world_scores_heads(const struct world_params *params, const struct ranker *ranker,
                                          size_t *ret_column, struct err *err);

#endif
