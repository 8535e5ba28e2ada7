/* evaluate.h - the quality of a model on days of a dataset, head by head (metrics.h). */
#ifndef TRIMTAB_RANKER_EVALUATE_H
#define TRIMTAB_RANKER_EVALUATE_H

#include "ranker/metrics.h"
#include "ranker/model.h"

/* Heads are the model's; the dataset must have them too. first_day and last_day both 0: every day.
 * ret [model->shape.heads].  STATUS_INVALID: a head or column is missing, or the days hold no rows. */
MUST_CHECK enum status evaluate(const struct model *model, const struct dataset *dataset, int32_t first_day,
                                int32_t last_day, size_t threads, struct metrics *ret, struct err *err);

#endif
