/* evaluate.h - the quality of a model on days of a dataset, head by head (metrics.h).
 *
 * With options.daily it is that of a model which is calibrated again every day (recalibrate.h): each day is judged with
 * what the day before it was calibrated to, the first day is only that, and all days judged are pooled.  So intervals
 * know that a user who comes on several days is one. */
#ifndef TRIMTAB_RANKER_EVALUATE_H
#define TRIMTAB_RANKER_EVALUATE_H

#include "ranker/metrics.h"
#include "ranker/model.h"
#include "ranker/segments.h"

struct evaluate_options {
    int32_t first_day, last_day; /* both 0: every day */
    size_t threads;              /* 0: 1 */
    size_t replicates;           /* of the bootstrap over users (bootstrap.h); 0: no intervals */
    uint64_t seed;               /* of the bootstrap */
    const char *segment;         /* a categorical column, or NULL */
    bool daily;                  /* each day calibrated on the one before it */
    enum calibration_kind kind;  /* of daily */
};

/* Heads are the model's; the dataset must have them too.
 * ret [model->shape.heads]; ret_segments may be NULL without options->segment.  STATUS_INVALID: a head or column is
 * missing, or the days hold no rows, or daily has a single day. */
MUST_CHECK enum status evaluate(const struct model *model, const struct dataset *dataset,
                                const struct evaluate_options *options, struct metrics *ret,
                                struct segments *ret_segments, struct err *err);

#endif
