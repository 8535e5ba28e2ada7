/* pooled.h - a user's history as inputs: the mean of learnt embeddings of the items that ended it.
 *
 *   x = 1/n (e_1 + .. + e_n)
 *
 * over the n of the user's last POOLED_ITEMS events of one kind whose items the vocabulary has.
 *
 * Zaheer et al. 2017, "Deep sets"; Covington et al. 2016, "Deep neural networks for YouTube recommendations" (3.2). An
 * item that is there twice counts twice.  A pooled history is a categorical feature of the user (features.h) whose code
 * stands for a list of rows of its embedding table instead of for one row.  List 0 holds row 0 only, the learned
 * default: it is that of users who are unknown, hidden in training, or have no such history; list u + 1 is that of user
 * u.
 *
 * The gradient of row r of the table is the sum over the lists' rows that are r of 1/n times that of x.  Every history
 * ends before the log begins, so nothing can leak from labels.  Thread: immutable once made. */
#ifndef TRIMTAB_RANKER_POOLED_H
#define TRIMTAB_RANKER_POOLED_H

#include "ranker/features.h"

enum { POOLED_ITEMS = 50 };

struct pooled {
    size_t n;       /* lists: users + 1 */
    size_t *starts; /* [n + 1]: rows[starts[l] .. starts[l + 1]) are those of list l */
    uint32_t *rows;
};

/* How many of a user's events count; *ret_first is the first of them in history->items. */
size_t pooled_events(const struct history *history, size_t user, size_t *ret_first);

/* Every user's list of a feature with SOURCE_HISTORY. O(users * POOLED_ITEMS). */
MUST_CHECK enum status pooled_new(const struct feature *feature, const struct dataset *dataset, struct pooled *ret,
                                  struct err *err);
void pooled_done(struct pooled *pooled);

/* The code of a user: the list, or 0 where it is empty. */
uint32_t pooled_code(const struct pooled *pooled, size_t user);
/* The rows of the table that a code stands for: at least one. */
const uint32_t *pooled_rows(const struct pooled *pooled, uint32_t code, size_t *ret_n);
/* x [width] = the mean of a list's rows of the table. */
void pooled_mean(const struct pooled *pooled, uint32_t code, const float *table, size_t width, float *x);
/* gradient [rows * width] += what x's gradient dx [width] is for the list's rows. */
void pooled_gradient(const struct pooled *pooled, uint32_t code, const float *dx, size_t width, float *gradient);

#endif
