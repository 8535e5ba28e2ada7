/* lesson.h - what a training learns from: its rows, the heads' labels of them, and the day that is held out.
 *
 * The last day is held out; of a single day its last fifth.  `fit` are the rows before, `held` those of that day, `all`
 * both.  Where negatives are sampled (train.h), fit and all lack the rows that no head keeps, held never does.
 * Rates are of all rows, before sampling. */
#ifndef TRIMTAB_RANKER_LESSON_H
#define TRIMTAB_RANKER_LESSON_H

#include "ranker/architecture.h"
#include "ranker/train.h"

struct lesson_rows {
    uint32_t *rows; /* [n] of the log, in order of time */
    size_t n;
};

struct lesson {
    const struct dataset *dataset;         /* borrowed */
    const char *names[DATASET_MAX_HEADS];  /* of the model's heads, borrowed */
    struct targets targets, whole_targets; /* of training; of the held-out rows: all negatives */
    int32_t first_day, last_day, held_day;
    struct lesson_rows all, fit, held;
    bool constant[DATASET_MAX_HEADS]; /* heads that cannot be learnt */
    double rates[DATASET_MAX_HEADS];
    uint32_t pooled; /* bit k: history k is pooled */
};

/* ret: storage of the caller, to be given to lesson_done() whatever happens.  STATUS_INVALID as train(). */
MUST_CHECK enum status lesson_make(const struct dataset *dataset, const struct train_options *options,
                                   struct lesson *ret, struct err *err);
void lesson_done(struct lesson *lesson);

/* The rows of the days first .. last: *ret [*ret_n], owned by the caller. */
MUST_CHECK enum status lesson_days(const struct dataset *dataset, int32_t first_day, int32_t last_day, uint32_t **ret,
                                   size_t *ret_n, struct err *err);

#endif
