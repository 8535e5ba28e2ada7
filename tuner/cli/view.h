/* view.h - lenient reading of a server's answer: what is missing, null or of another type is "not there".
 *
 * A command-line program must show what it understands of an answer, also that of a newer server; strict reading
 * belongs where a wrong value would be acted on.  Everything is borrowed from the document; a json_at must not outlive
 * the one it was taken from. */
#ifndef TRIMTAB_TUNER_CLI_VIEW_H
#define TRIMTAB_TUNER_CLI_VIEW_H

#include "base/json/json.h"

/* .value is NULL when it is not there; the functions below take such a value, too. */
struct json_at view_member(const struct json_at *at, const char *key);
double view_number(const struct json_at *at, const char *key); /* else NaN */
int64_t view_int(const struct json_at *at, const char *key, int64_t otherwise);
bool view_bool(const struct json_at *at, const char *key);        /* else false */
const char *view_text(const struct json_at *at, const char *key); /* else "" */
/* json_next() that takes a value that is not there. */
bool view_next(const struct json_at *container, struct json_at *item);
/* The value itself as a number, else NaN. */
double view_value(const struct json_at *at);

#endif
