/* campaign_harm.h - an arm that surely harms its users is stopped before its round ends.
 *
 * While a round is open its results are read again and again, so a fixed interval would stop harmless arms sooner or
 * later; the bounds here are confidence sequences (base/stats/confseq.h), which hold at every look.  An arm harms when
 *   the upper bound of its objective is below -harm  (stop.harm of the file, 0.2: a fifth worse than the control), or
 *   the lower bound of a guardrail, as "<= threshold", is above the threshold.
 * Equal weights are there to be compared with, and known to be worse: they are not stopped, as a baseline that stops at
 * a low flatters the candidate and ends its confirmation early.  The bounds are of the effect so far: one that fades as
 * users return is judged by what it is now.  Both rules need 1 000 units of the arm and of the control and 100 events
 * of the control, the burn-in of the sequences; per arm and outcome at most 5 % of arms that harm no more than that are
 * stopped.
 *
 * The decision is a function of the last results and is not journalled: after a crash they are read and judged again,
 * and stopping an arm twice is stopping it once.  Its users get the default weights from then on.  What it showed is
 * told to the optimizer like any other arm: that it was stopped at a low makes it look a little worse than it is.
 * Pure. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_HARM_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_HARM_H

#include "tuner/core/campaign.h"

/* Set harmful_arm and harm from the last results of the open round.  STATUS_NO_MEMORY. */
MUST_CHECK enum status campaign_find_harm(struct campaign *campaign, struct err *err);

#endif
