/* campaign_cap.h - max_turnover: no arm shows more than this share of items that the control would not show.
 *
 * What weights would put on top is known before anybody sees it: previews rank logged requests again
 * (campaign_preview.h). A campaign with a cap therefore asks for previews before its first round, and before each
 * explore round is put it asks for those of the round's new arms: each at full distance from the control and at smaller
 * and smaller shares of it.  An arm takes the largest share that keeps the cap.  That is exact, on the requests of that
 * moment; an arm that rides again, as incumbent or candidate, keeps the weights that were measured.  The search itself
 * is told the turnover of all weights previewed and of all arms told (optimizer_bound()), so what it proposes mostly
 * keeps the cap already. Equal weights do not ride in such a campaign: nothing bounds what they show.  Pure. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_CAP_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_CAP_H

#include "tuner/core/campaign.h"

enum { CAMPAIGN_CAP_SHARES = 24 };

/* Whether the file has a cap. */
bool campaign_cap_is_set(const struct campaign_config *config);
/* Weights of the new arms of the round that was planned, CAMPAIGN_CAP_SHARES each, the full distance first.  ret is
 * owned by the caller. */
MUST_CHECK enum status campaign_cap_plan(const struct campaign *campaign, struct campaign_previews **ret,
                                         struct err *err);
/* Moves these arms by the previews of that plan.  STATUS_UNPROCESSABLE: one cannot keep the cap. */
MUST_CHECK enum status campaign_cap_apply(struct campaign *campaign, const struct campaign_previews *previews,
                                          struct err *err);
/* Tells the optimizer what is known of turnover; nothing to do without a cap. */
MUST_CHECK enum status campaign_cap_tell(struct campaign *campaign, struct err *err);

#endif
