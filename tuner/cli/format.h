/* format.h - numbers as people read them.  Pure: all append to a buf.
 *
 * An effect is a share: 0.018 is printed as +1.8 %, with its 95 % interval as "+1.8 % [+0.6, +3.0]"; two digits when
 * the interval is narrower than one per cent.  What is not known is "-". */
#ifndef TRIMTAB_TUNER_CLI_FORMAT_H
#define TRIMTAB_TUNER_CLI_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/core/buf.h"
#include "base/json/json.h"

/* 97.5 % point of the standard normal: an estimate -+ this many standard errors is its 95 % interval. */
#define FORMAT_Z95 1.959963984540054

/* "+1.8 % [+0.6, +3.0]"; "+1.8 %" when the interval is not known or a point. */
void format_lift(struct buf *to, double lift, double lo, double hi);
/* The same from a standard error. */
void format_lift_se(struct buf *to, double lift, double se);
/* {"lift","lo","hi"} of a status document. */
void format_lift_of(struct buf *to, const struct json_at *lift);
/* "0.98", "> 0.99", "< 0.01". */
void format_probability(struct buf *to, double p);
/* "12.3 %" of a share. */
void format_turnover(struct buf *to, double share);
/* "click 1, save 3.5, hide -2" of {"click":1,...}. */
void format_weights(struct buf *to, const struct json_at *weights);
/* "2026-05-01 12:00:00" UTC. */
void format_time(struct buf *to, int64_t ms);
void format_number(struct buf *to, double x, int digits); /* significant ones */
void format_count(struct buf *to, int64_t n);             /* -1: "-" */
/* Control characters, which could steer a terminal, become '?'. */
void format_text(struct buf *to, const char *text);

#endif
