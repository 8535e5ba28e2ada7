/* world_verdict.h - the truth about three weight vectors in a world, in the words of verdict.h.
 *
 * Where the log's verdict must infer from a few hundred people, a world can be asked: everyone of a play seed is played
 * under the candidate, the control and equal weights (world_truth.h).  The intervals are 1.96 standard errors over
 * people; more days or other seeds make them as narrow as patience allows. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_VERDICT_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_VERDICT_H

#include "experiments/traffic/verdict.h"
#include "experiments/traffic/world_truth.h"

struct world_verdict {
    const struct world_params *params; /* borrowed */
    struct verdict_question question;  /* in the order of the world's heads */
    size_t n_units[VERDICT_WEIGHTS];
    double sums[VERDICT_WEIGHTS][WORLD_TRUTH_WIDTH];
    struct world_effect effects[VERDICT_PAIRS];
};

MUST_CHECK enum status world_verdict_compute(struct world_truth *truth, const struct world_params *params,
                                             const struct verdict_question *question, struct world_verdict *ret,
                                             struct err *err);
/* docs/traffic.md describes the members. */
void world_verdict_write_json(const struct world_verdict *verdict, struct buf *buf);
void world_verdict_write_text(const struct world_verdict *verdict, struct buf *buf);

#endif
