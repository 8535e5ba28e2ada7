/* campaign_round.h - planning a round: which arms ride, and how the users are split.
 *
 * Explore: control, the anchor (equal weights) where the file asks for it, from the second round on the incumbent (the
 * best evaluated arm; noisy expected improvement never replicates by itself), and new arms from the optimizer.  K arms
 * share one control, whose traffic that minimises the variance of their effects is sqrt(K) times an arm's: sqrt(K) / (K
 * + sqrt(K)) of it all. Confirm: control .4, candidate .4, equal weights .2 (none with a cap, campaign_cap.h), on users
 * no earlier round saw. Appends to
 * campaign->rounds and trials; a failure half way leaves a campaign that must be thrown away. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_ROUND_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_ROUND_H

#include "tuner/core/campaign.h"

MUST_CHECK enum status campaign_round_plan(struct campaign *campaign, const struct campaign_experiment *experiment,
                                           struct err *err);
/* Give the planned round the experiment's next number, a salt of that number and an end counted from now. */
void campaign_round_renumber(struct campaign *campaign, struct campaign_round *round,
                             const struct campaign_experiment *experiment);

/* Room for one more; NULL when out of memory. */
struct campaign_round *campaign_add_round(struct campaign *campaign);
struct campaign_trial *campaign_add_trial(struct campaign *campaign);

#endif
