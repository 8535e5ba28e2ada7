/* inputs.h - the encoded values of one side of the network's input for many rows, and the way from them to inputs.
 *
 * Categorical values become codes, numeric ones their piecewise linear inputs (features.h), pooled histories lists of
 * codes (pooled.h); all are made once, so a batch is gathered by copying.  Row i of the user and item sides is row i of
 * the dataset's table; of the context and cross sides it is the i-th of the rows given.  Thread: immutable once made.
 */
#ifndef TRIMTAB_RANKER_INPUTS_H
#define TRIMTAB_RANKER_INPUTS_H

#include "base/core/rng.h"
#include "ranker/features.h"
#include "ranker/pooled.h"

struct inputs {
    size_t n;
    size_t first, end; /* features of the side: list[first .. end) */
    size_t n_codes, n_numbers;
    uint32_t *codes; /* [n * n_codes], in the order of the features */
    float *numbers;  /* [n * n_numbers] */
    size_t n_pooled;
    struct pooled pooled[DATASET_MAX_HISTORIES]; /* of the features with SOURCE_HISTORY, in their order */
};

/* rows [n_rows] for context and cross; ignored for users and items. */
MUST_CHECK enum status inputs_new(const struct features *features, enum feature_side side,
                                  const struct dataset *dataset, const uint32_t *rows, size_t n_rows,
                                  struct inputs *ret, struct err *err);
void inputs_done(struct inputs *inputs);

/* The code of a user's or an item's id, 0 when the vocabulary lacks it or the ids are no feature. */
uint32_t inputs_id(const struct features *features, const struct inputs *inputs, size_t row);

/* Hides values at random in training: a chance of ids / 65536 for the user and the item, of others / 65536 else. */
struct inputs_hide {
    struct rng rng;
    uint32_t ids, others;
};

/* The inputs of one row into x (the network's whole input row; only this side is written) and the codes that were
 * used into codes [n_codes].  row == SIZE_MAX: everything is unknown.  hide may be NULL. */
void inputs_fill(const struct features *features, const struct inputs *inputs, size_t row, const float *embeddings,
                 struct inputs_hide *hide, float *x, uint32_t *codes);

#endif
