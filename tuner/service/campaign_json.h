/* campaign_json.h - a campaign as people and programs read it: the status document and one document a trial, as
 * docs/openapi/tuner.yaml describes them.  Functions of the campaign alone but for the note and the times. */
#ifndef TRIMTAB_TUNER_SERVICE_CAMPAIGN_JSON_H
#define TRIMTAB_TUNER_SERVICE_CAMPAIGN_JSON_H

#include "base/json/json_write.h"
#include "tuner/core/campaign.h"

MUST_CHECK enum status campaign_json_status(const struct campaign *campaign, const char *note, int64_t created_ms,
                                            int64_t updated_ms, struct buf *ret, struct err *err);
MUST_CHECK enum status campaign_json_trial(const struct campaign *campaign, const struct campaign_trial *trial,
                                           struct buf *ret, struct err *err);

#endif
