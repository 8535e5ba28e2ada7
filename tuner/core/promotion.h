/* promotion.h - lifts with their intervals, and the decision to ship.
 *
 * A candidate was chosen because it looked best, so what it showed while it was chosen is too good on average.  Its
 * confirmation round ran on fresh users after the choice: that one interval is honest, and only it decides.
 *   promote  <=>  the 95 % interval of the confirmed lift against the control lies above zero,
 *                 and every guardrail holds with probability >= 0.95 in the confirmation,
 *                 and the users split as the allocations say (sample-ratio p >= 1e-4).
 * Pure. */
#ifndef TRIMTAB_TUNER_CORE_PROMOTION_H
#define TRIMTAB_TUNER_CORE_PROMOTION_H

#include "tuner/core/campaign_config.h"

/* known false: the numbers mean nothing. */
struct promotion_lift {
    bool known;
    double lift, se, lo, hi; /* lo, hi = lift -+ 1.959964 se */
};
/* Not known unless both numbers are finite. */
struct promotion_lift promotion_lift(double lift, double se);

/* Inverse-variance mean of independent lifts: how an arm that rode in several rounds did.  Start with {0}. */
struct promotion_pool {
    double weight, sum;
};
void promotion_pool_add(struct promotion_pool *pool, double lift, double se);
struct promotion_lift promotion_pooled(const struct promotion_pool *pool);

struct promotion_guardrail {
    const char *metric; /* borrowed */
    struct promotion_lift effect;
    double bound;
    bool is_max;
    double holds; /* probability */
};

struct promotion_evidence {
    struct promotion_lift against_control; /* confirmed */
    double sample_ratio_p;                 /* NaN: not tested */
    bool cut_short;                        /* the round was stopped by hand */
    size_t n_guardrails;
    const struct promotion_guardrail *guardrail;
};

/* reason [CAMPAIGN_LINE] is one plain line either way. */
bool promotion_decide(const struct promotion_evidence *evidence, char *ret_reason);

#endif
