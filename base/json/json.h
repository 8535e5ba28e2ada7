/* json.h - strict reading of JSON.
 *
 * json_parse() refuses what cJSON lets pass (duplicate keys, 01, 1e999, bad UTF-8, lone surrogates, trailing text) in
 * one linear scan before cJSON sees the text.  A `struct json_at` is a value and the way to it, so an error names the
 * full path: "arms[2].allocation is 1.5: allowed are 0 to 1".  It is a small value that lives on the stack; `up` must
 * outlive it, and everything is borrowed from the `struct json`.  A document is immutable: threads may share it.
 * Readers fail with STATUS_INVALID; ret is untouched on failure, and also when an optional member is absent. */
#ifndef TRIMTAB_BASE_JSON_JSON_H
#define TRIMTAB_BASE_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct json;       /* a parsed document, owned */
struct json_value; /* one value inside it, borrowed */

struct json_limits {
    size_t max_depth; /* of nested arrays and objects; 0: 32 */
};

struct json_at {
    const struct json_value *value;
    const struct json_at *up; /* NULL at the root */
    const char *key;          /* member name, NULL for an array element */
    size_t index;
};

enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

/* O(n log n).  limits may be NULL.  STATUS_INVALID names the byte offset; STATUS_NO_MEMORY. */
MUST_CHECK enum status json_parse(const char *bytes, size_t n, const struct json_limits *limits, struct json **ret,
                                  struct err *err);
void json_free(struct json *json);
struct json_at json_root(const struct json *json);

/* STATUS_INVALID with "<path> <message>"; for the checks a caller makes itself. */
enum status json_refuse(const struct json_at *at, struct err *err, const char *format, ...) PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__ /* as in err.h */
#define json_refuse(...) ((void)(json_refuse)(__VA_ARGS__), STATUS_INVALID)
#endif

/* The value itself. */
bool json_is_null(const struct json_at *at);
MUST_CHECK enum status json_number(const struct json_at *at, double min, double max, double *ret, struct err *err);
/* Exact; refuses fractions and magnitudes above 2^53 - 1. */
MUST_CHECK enum status json_int(const struct json_at *at, int64_t min, int64_t max, int64_t *ret, struct err *err);
MUST_CHECK enum status json_bool(const struct json_at *at, bool *ret, struct err *err);
/* max_length in bytes; borrowed; never holds an inner NUL (\u0000 is refused by json_parse). */
MUST_CHECK enum status json_string(const struct json_at *at, size_t max_length, const char **ret, struct err *err);
MUST_CHECK enum status json_array(const struct json_at *at, size_t max_items, size_t *ret_n, struct err *err);
MUST_CHECK enum status json_object(const struct json_at *at, struct err *err);
/* Appends nothing: fills ret[max] and *ret_n; each within min..max_value. */
MUST_CHECK enum status json_numbers(const struct json_at *at, double min, double max_value, size_t max, double *ret,
                                    size_t *ret_n, struct err *err);

/* A member of an object.  Absent and optional: STATUS_OK with ret->value == NULL.  O(members). */
MUST_CHECK enum status json_member(const struct json_at *at, const char *key, enum json_need need, struct json_at *ret,
                                   struct err *err);
MUST_CHECK enum status json_get_number(const struct json_at *at, const char *key, enum json_need need, double min,
                                       double max, double *ret, struct err *err);
MUST_CHECK enum status json_get_int(const struct json_at *at, const char *key, enum json_need need, int64_t min,
                                    int64_t max, int64_t *ret, struct err *err);
MUST_CHECK enum status json_get_bool(const struct json_at *at, const char *key, enum json_need need, bool *ret,
                                     struct err *err);
MUST_CHECK enum status json_get_string(const struct json_at *at, const char *key, enum json_need need,
                                       size_t max_length, const char **ret, struct err *err);

/* Walk an array or object: start with *item = {0}; false at the end.  O(1) a step.
 *   struct json_at item = {0};
 *   while (json_next(&array, &item)) ... */
bool json_next(const struct json_at *container, struct json_at *item);

/* Refuse members of an object that are not in names (ends with NULL); the line names the field and the known ones. */
MUST_CHECK enum status json_only(const struct json_at *at, const char *const *names, struct err *err);

#endif
