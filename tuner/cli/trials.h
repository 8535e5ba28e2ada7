/* trials.h - a list of trials as text and as CSV.  Pure: JSON in, text out. */
#ifndef TRIMTAB_TUNER_CLI_TRIALS_H
#define TRIMTAB_TUNER_CLI_TRIALS_H

#include "base/core/buf.h"
#include "base/json/json.h"

/* root: {"trials":[..]}. */
void trials_text(struct buf *to, const struct json_at *root);
/* RFC 4180 with a header row; numbers with all their digits, unknown values empty.  Columns: those of every trial, then
 * weight:HEAD, param:NAME, and for each metric mean:M, se:M, effect:M, effect_se:M, in the order in which they first
 * appear.  canonical: without times and digest.  STATUS_NO_MEMORY. */
MUST_CHECK enum status trials_csv(struct buf *to, const struct json_at *root, bool canonical, struct err *err);

#endif
