/* left_out.h - users whose rows a training must not see.
 *
 * For cross-fitting (Chernozhukov et al. 2018, "Double/debiased machine learning", section 3): whoever is judged is
 * scored by a model that has learnt from other people.  Of users left out the rows of the log are not trained on, not
 * held out for calibration and not counted in vocabularies, scales and rates; their features and histories, which are
 * no labels of those days, stay in the dataset, and to the model they are new users. */
#ifndef TRIMTAB_RANKER_LEFT_OUT_H
#define TRIMTAB_RANKER_LEFT_OUT_H

#include <stdbool.h>

#include "ranker/dataset.h"

struct left_out {
    bool *user; /* [users of the dataset]; NULL: nobody is left out */
    size_t n;
    uint64_t key; /* of the set, whatever the order */
};

/* A text file of user ids, one a line.  ret: to be given to left_out_done() if STATUS_OK.
 * STATUS_INVALID   a line that names no user of the dataset, or names one twice; no line at all */
MUST_CHECK enum status left_out_read(const char *path, const struct dataset *dataset, struct left_out *ret,
                                     struct err *err);
void left_out_done(struct left_out *left_out);

#endif
