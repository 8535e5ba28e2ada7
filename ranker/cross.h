/* cross.h - numbers that depend on a user and a candidate together: the user's history by category and by item.
 *
 * Number 0 is log(1 + exposures of the candidate's category); then for every further kind k of history log(1 + events
 * of kind k in the category) and their rate with the user's own rate as prior; last log(1 + exposures of the item
 * itself). A dataset without histories has none; without a category column, or for an item whose category is empty, the
 * numbers of the category are empty (NaN).
 *
 * A tally holds the counts of one user while candidates are looked up: cross_begin() walks the user's history once,
 * cross_values() is O(kinds), and cross_end() walks it again to clear.  Thread: a tally belongs to one thread. */
#ifndef TRIMTAB_RANKER_CROSS_H
#define TRIMTAB_RANKER_CROSS_H

#include "ranker/dataset_internal.h"

enum { CROSS_MAX = 2 * DATASET_MAX_HISTORIES };

struct cross_tally {
    const struct dataset *dataset; /* borrowed */
    size_t n;                      /* numbers of a pair */
    size_t user;
    const uint32_t *categories;                 /* [n_items] codes, NULL without a category */
    const double *rates[DATASET_MAX_HISTORIES]; /* [n_users] the user's own rate of kind k > 0 */
    uint32_t *by_category;                      /* [texts * kinds] */
    uint32_t *by_item;                          /* [n_items] exposures */
};

size_t cross_count(const struct dataset *dataset);
/* "cross.category.like.rate" */
void cross_name(const struct dataset *dataset, size_t cross, char *ret, size_t size);

MUST_CHECK enum status cross_init(struct cross_tally *tally, const struct dataset *dataset, struct err *err);
void cross_done(struct cross_tally *tally);
void cross_begin(struct cross_tally *tally, size_t user);
void cross_end(struct cross_tally *tally);
/* ret [n]. */
void cross_values(const struct cross_tally *tally, size_t item, double *ret);

/* The numbers of many rows of the log: *ret [n_rows * cross_count], owned by the caller. */
MUST_CHECK enum status cross_rows(const struct dataset *dataset, const uint32_t *rows, size_t n_rows, double **ret,
                                  struct err *err);

#endif
