/* campaign_file.h - the campaign file: JSON to struct campaign_config.
 *
 * Unknown members, wrong types, values out of range and members that do not go together are refused with the path, the
 * value and what is allowed.  docs/campaign.md describes every field; a test holds the two together.  What only the
 * experiment knows (heads, metrics, signs of control weights) is checked by campaign_setup_make(). */
#ifndef TRIMTAB_TUNER_SERVICE_CAMPAIGN_FILE_H
#define TRIMTAB_TUNER_SERVICE_CAMPAIGN_FILE_H

#include "base/json/json.h"
#include "tuner/core/campaign_config.h"

/* *ret_has_create: the file holds a "create" object.  STATUS_INVALID. */
MUST_CHECK enum status campaign_file_decode(const struct json_at *root, struct campaign_config *ret,
                                            bool *ret_has_create, struct err *err);

#endif
