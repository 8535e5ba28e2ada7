/* campaign_findings.h - what a campaign learns: results become rows and tells, tells become recommendation, stopping
 * probability, drift verdict and the winner's three lifts.
 *
 * The winner's lifts answer three questions.  raw: what the arm showed in the rounds that chose it (inverse-variance
 * mean; biased upward by the choice).  model: what the Gaussian process believes of it, before the confirmation.
 * confirmed: what it showed on fresh users.  Against equal weights raw and confirmed take the equal arm of the round as
 * control; the model's is the difference of two lifts against the control, from their joint posterior. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_FINDINGS_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_FINDINGS_H

#include "tuner/core/campaign.h"

/* Fill the trial rows of a round from its final results. */
MUST_CHECK enum status campaign_record(struct campaign *campaign, size_t round, struct err *err);
/* Tell the optimizer a recorded explore round: every arm that has a place in the space, with the covariance between
 * them.  A guardrail that could not be measured is told as known to within 10 (1000 %), which is nothing. */
MUST_CHECK enum status campaign_tell(struct campaign *campaign, size_t round, struct err *err);
/* Best, stop, drift and the trials' model columns, from all rounds told (at least one). */
MUST_CHECK enum status campaign_analyse(struct campaign *campaign, struct err *err);
/* The drift verdict alone, where a point was repeated (campaign_drift.c). */
MUST_CHECK enum status campaign_test_drift(struct campaign *campaign, struct err *err);
/* The winner's raw and model-based lifts for memory.candidate. */
MUST_CHECK enum status campaign_weigh(struct campaign *campaign, struct err *err);
/* Its confirmed lifts and guardrails from a final confirmation round, and the verdict with its reason. */
MUST_CHECK enum status campaign_judge(struct campaign *campaign, size_t round, bool *ret_promote, char *ret_reason,
                                      struct err *err);

#endif
