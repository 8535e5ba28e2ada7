/* evaluate.h - the quality of a model on days of a dataset, head by head (metrics.h). */
#ifndef TRIMTAB_RANKER_EVALUATE_H
#define TRIMTAB_RANKER_EVALUATE_H

#include "ranker/metrics.h"
#include "ranker/model.h"

struct evaluate_options {
    int32_t first_day, last_day; /* both 0: every day */
    size_t threads;              /* 0: 1 */
    size_t replicates;           /* of the bootstrap over users (bootstrap.h); 0: no intervals */
    uint64_t seed;               /* of the bootstrap */
};

/* Heads are the model's; the dataset must have them too.
 * ret [model->shape.heads].  STATUS_INVALID: a head or column is missing, or the days hold no rows. */
MUST_CHECK enum status evaluate(const struct model *model, const struct dataset *dataset,
                                const struct evaluate_options *options, struct metrics *ret, struct err *err);

#endif
