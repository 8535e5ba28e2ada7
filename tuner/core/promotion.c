#include "tuner/core/promotion.h"

#include <math.h>
#include <stdio.h>

static const double HOLDS = 0.95, SAMPLE_RATIO = 1e-4;
static const double Z95 = 1.959963984540054; /* Phi^-1(0.975) */

struct promotion_lift promotion_lift(double lift, double se)
{
    if (!isfinite(lift) || !isfinite(se))
        return (struct promotion_lift){false, 0, 0, 0, 0};
    return (struct promotion_lift){true, lift, se, lift - Z95 * se, lift + Z95 * se};
}

void promotion_pool_add(struct promotion_pool *pool, double lift, double se)
{
    if (!isfinite(lift) || !isfinite(se) || !(se > 0))
        return;
    pool->weight += 1 / (se * se);
    pool->sum += lift / (se * se);
}

struct promotion_lift promotion_pooled(const struct promotion_pool *pool)
{
    if (!(pool->weight > 0))
        return (struct promotion_lift){false, 0, 0, 0, 0};
    return promotion_lift(pool->sum / pool->weight, sqrt(1 / pool->weight));
}

static bool guardrail_holds(const struct promotion_guardrail *guardrail, char *reason)
{
    if (guardrail->holds >= HOLDS) /* false for NaN */
        return true;
    if (!guardrail->effect.known)
        snprintf(reason, CAMPAIGN_LINE, "guardrail %s could not be measured in the confirmation round",
                 guardrail->metric);
    else
        snprintf(
            reason, CAMPAIGN_LINE,
            "guardrail %s (%s %+.2f %%) holds only with probability %.3f in the confirmation (effect %+.2f %%, 95 %% "
            "interval %+.2f to %+.2f %%): 0.95 is needed",
            guardrail->metric, guardrail->is_max ? "at most" : "at least", 100 * guardrail->bound, guardrail->holds,
            100 * guardrail->effect.lift, 100 * guardrail->effect.lo, 100 * guardrail->effect.hi);
    return false;
}

bool promotion_decide(const struct promotion_evidence *evidence, char *ret_reason)
{
    const struct promotion_lift *lift = &evidence->against_control;
    if (evidence->cut_short) {
        snprintf(ret_reason, CAMPAIGN_LINE, "the confirmation round was stopped by hand before its end");
        return false;
    }
    if (!lift->known) {
        snprintf(ret_reason, CAMPAIGN_LINE, "the confirmation round gave no lift that could be computed");
        return false;
    }
    if (evidence->sample_ratio_p < SAMPLE_RATIO) { /* false for NaN */
        snprintf(ret_reason, CAMPAIGN_LINE,
                 "users of the confirmation round did not split as allocated (p = %.1e): its effects cannot be trusted",
                 evidence->sample_ratio_p);
        return false;
    }
    if (!(lift->lo > 0)) {
        snprintf(
            ret_reason, CAMPAIGN_LINE,
            "confirmed lift against control is %+.2f %% (95 %% interval %+.2f to %+.2f %%): the interval is not above "
            "zero",
            100 * lift->lift, 100 * lift->lo, 100 * lift->hi);
        return false;
    }
    for (size_t g = 0; g < evidence->n_guardrails; g++)
        if (!guardrail_holds(&evidence->guardrail[g], ret_reason))
            return false;
    snprintf(ret_reason, CAMPAIGN_LINE,
             "confirmed lift against control is %+.2f %% (95 %% interval %+.2f to %+.2f %%)%s", 100 * lift->lift,
             100 * lift->lo, 100 * lift->hi, evidence->n_guardrails > 0 ? " and every guardrail holds" : "");
    return true;
}
