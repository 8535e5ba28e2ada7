/* history.h - numbers derived from what users did before the log begins.
 *
 * With c_0 the number of exposures and c_k the number of events of kind k > 0 (both of one user or of one item):
 *
 *   history.<kind 0>        log(1 + c_0)
 *   history.<kind k>.rate   (c_k + s g_k) / (c_0 + s),   g_k = sum c_k / sum c_0 over everything,  s = HISTORY_PRIOR
 *
 * so a user without history has the rate of all.  The same for one user within one category of items, there with the
 * user's own rate as g_k (history_rate).  No row of the log enters, so nothing can leak from labels. Pure. */
#ifndef TRIMTAB_RANKER_HISTORY_H
#define TRIMTAB_RANKER_HISTORY_H

#include "base/core/err.h"
#include "ranker/dataset_internal.h"

#define HISTORY_PRIOR 10.0

/* Adds the derived columns of users and items. O(history). */
MUST_CHECK enum status history_derive(struct dataset *dataset, struct err *err);

/* (count + HISTORY_PRIOR * prior) / (exposures + HISTORY_PRIOR) */
double history_rate(double count, double exposures, double prior);

#endif
