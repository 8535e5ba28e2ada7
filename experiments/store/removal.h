/* removal.h - a unit that asks to be forgotten, found in steps and deleted at once.
 *
 * Raw rows have no index by unit: it would cost every event a random page.  So they are read from the first to the
 * last, a bounded number a step, and between two steps the writer serves others.  Reading changes nothing; what was
 * found is deleted in the last step, one transaction.  A kill in between leaves the unit whole, and the client, who was
 * not answered, repeats.
 *
 *   UNITS   the units of final rounds, for the name; live rounds know theirs
 *   ROWS    the exposures and events of each round the unit is in
 *   DELETE  in the step that came to the end of all of them
 *
 * Rows are only appended, so a step goes on behind the last.  Two things can move: a round becomes final, and the unit
 * is forgotten by somebody else and comes again under another number; both are seen and start the search over.
 *
 * Forgotten is: names, exposures, events with their ids, replies to requests, covariates; in live rounds its part of
 * every sum, exactly (tally.h), and its place among the seen units.  A number without a name stays in each round, so
 * that the numbers of the others stay what they are.  Results of final rounds are sums that were published: they and
 * their digests stay.  Thread: the steps run on the writer. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_REMOVAL_H
#define TRIMTAB_EXPERIMENTS_STORE_REMOVAL_H

#include "experiments/store/store.h"

struct removal;
struct removal_counts {
    int64_t rounds, exposures, events, requests, covariates; /* rows deleted; rounds the unit was in */
};

enum { REMOVAL_ROWS_A_STEP = 20000 }; /* some milliseconds */

/* unit is copied; a step reads at most so many rows. */
MUST_CHECK enum status removal_new(const char *unit, int64_t rows_a_step, struct removal **ret, struct err *err);
void removal_free(struct removal *removal); /* NULL is fine */
/* [writer] One step; *ret_done: it was the last.  Of a unit that is nowhere all counts are 0. */
MUST_CHECK enum status removal_step(struct store *store, struct removal *removal, bool *ret_done, struct err *err);
struct removal_counts removal_result(const struct removal *removal);

#endif
