/* describe.h - a status document and a trial as text for people.  Pure: JSON in, text out. */
#ifndef TRIMTAB_TUNER_CLI_DESCRIBE_H
#define TRIMTAB_TUNER_CLI_DESCRIBE_H

#include "base/core/buf.h"
#include "base/json/json.h"

/* The whole status document. */
void describe_status(struct buf *to, const struct json_at *status);
/* The best trial so far and, once there is one, the candidate for promotion. */
void describe_best(struct buf *to, const struct json_at *status);
/* "round 3/6 explore, 8 arms, 1234 units, best +1.8 % [+0.6, +3.0] (trial 10)": one line without a newline; what
 * `watch` prints.  units: with the number of users so far. */
void describe_progress(struct buf *to, const struct json_at *status, bool units);
/* "promoted: ..." or what else ended the campaign. */
void describe_end(struct buf *to, const struct json_at *status);
/* "  drift ..." with a newline; nothing while no arm was repeated. */
void describe_drift(struct buf *to, const struct json_at *status);
/* One trial with its metrics and guardrails. */
void describe_trial(struct buf *to, const struct json_at *trial);

#endif
