/* segments.h - whether probabilities are right for every kind of user, item or context, not only on average.
 *
 * Rows are grouped by the text of one categorical column; the SEGMENTS_MAX - 1 largest groups stand on their own, the
 * others are one, and so are the rows with an empty cell.  For a head in a group, with O positives observed and E
 * expected (the sum of p), the ratio R = E / O has the standard error of a ratio of sums over users,
 *
 *   se^2 = sum_u (e_u - R o_u)^2 / O^2         (delta method; users, not rows, are independent)
 *
 * Pure. */
#ifndef TRIMTAB_RANKER_SEGMENTS_H
#define TRIMTAB_RANKER_SEGMENTS_H

#include "ranker/dataset_internal.h"

enum { SEGMENTS_MAX = 32 };

struct segment_head {
    size_t positives;
    double expected, ratio, se; /* ratio and se NaN without positives */
};

struct segment {
    const char *name; /* borrowed from the dataset; NULL: an empty cell; "(others)" */
    size_t n;         /* rows */
    struct segment_head heads[DATASET_MAX_HEADS];
};

struct segments {
    size_t n;
    struct segment list[SEGMENTS_MAX]; /* the largest first, then "(others)" */
};

/* rows [n] of the log, labels [n] as the model's heads, p [n * n_heads].  The column is looked for in the context, the
 * users and the items, in this order.  STATUS_INVALID: there is none, or it is numeric. */
MUST_CHECK enum status segments_make(const struct dataset *dataset, const char *column, const uint32_t *rows, size_t n,
                                     size_t n_heads, const uint32_t *labels, const float *p, struct segments *ret,
                                     struct err *err);

#endif
