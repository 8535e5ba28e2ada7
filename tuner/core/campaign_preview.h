/* campaign_preview.h - the warm start: what logged requests, ranked again, say about weights that nobody has met yet.
 *
 * Before the first fit the campaign asks the experiment API for previews (trend.h) of a fixed set of weights: scrambled
 * Sobol points of the whole space, a function of the seed, and for each head that is tuned the control with its weight
 * at either end of its range.  A feature of a point is, for each head, the mean probability of what these weights put
 * on top relative to the control's, minus 1; its overlap is the share of the control's items that stay on top.  The
 * ends say how much of what is shown a weight can replace at all: one that replaces nothing is redundant.  All is
 * journalled and told to the optimizer; an API without them, or one with too few requests to go by, is asked again
 * after the next round, and the campaign goes on without. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_PREVIEW_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_PREVIEW_H

#include "tuner/core/campaign_setup.h"

enum { CAMPAIGN_PREVIEWS = 256, CAMPAIGN_PREVIEW_REQUESTS = 100 /* fewer say too little */ };

static const double CAMPAIGN_REDUNDANT = 0.01; /* turnover below which a weight is called redundant */

struct campaign_previews {
    size_t n, dim, n_heads;
    int64_t requests; /* that were ranked again */
    double *x;        /* [n * dim] of the cube, the ends last; owned */
    double *feature;  /* [n * n_heads]; owned */
    double *overlap;  /* [n]; owned */
};

/* Whether there are weights in the space that previews could tell of. */
bool campaign_previews_possible(const struct campaign_setup *setup);
/* The points, features 0. */
MUST_CHECK enum status campaign_previews_plan(const struct campaign_setup *setup, uint64_t seed,
                                              struct campaign_previews **ret, struct err *err);
/* Room for n points, zeroed; NULL when out of memory. */
struct campaign_previews *campaign_previews_new(size_t n, size_t dim, size_t n_heads);
/* NULL is fine. */
void campaign_previews_free(struct campaign_previews *previews);
/* Point i: shown [n_heads] under it, reference [n_heads] under the control. */
void campaign_previews_set(struct campaign_previews *previews, size_t i, const double *shown, const double *reference,
                           double overlap);
/* For each head the largest share of what is shown that its weight can replace from the control, NaN where it is not
 * tuned: ret [n_heads]. */
void campaign_previews_turnover(const struct campaign_previews *previews, const struct campaign_setup *setup,
                                double *ret);

#endif
