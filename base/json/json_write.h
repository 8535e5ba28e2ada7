/* json_write.h - JSON into a struct buf, streaming.
 *
 * The writer sets commas itself; a member is json_write_key() followed by one value.  Wrong nesting is the caller's bug
 * (assert).  Out of memory shows in buf_status().  Numbers are the shortest of %.15g, %.16g, %.17g that reads back
 * equal; non-finite numbers become null.  Thread: owner only. */
#ifndef TRIMTAB_BASE_JSON_JSON_WRITE_H
#define TRIMTAB_BASE_JSON_JSON_WRITE_H

#include "base/core/buf.h"
#include "base/json/json.h"

struct json_writer {
    struct buf *buf; /* borrowed */
    bool comma;      /* the next key or value needs one */
    size_t depth;
};

void json_writer_init(struct json_writer *w, struct buf *buf);
void json_write_object(struct json_writer *w);
void json_write_object_end(struct json_writer *w);
void json_write_array(struct json_writer *w);
void json_write_array_end(struct json_writer *w);
void json_write_key(struct json_writer *w, const char *key);
void json_write_string(struct json_writer *w, const char *text); /* NULL: null */
void json_write_number(struct json_writer *w, double x);
void json_write_int(struct json_writer *w, int64_t x);
void json_write_bool(struct json_writer *w, bool x);
void json_write_null(struct json_writer *w);
/* A whole member. */
void json_write_key_int(struct json_writer *w, const char *key, int64_t x);
void json_write_key_number(struct json_writer *w, const char *key, double x);
void json_write_key_text(struct json_writer *w, const char *key, const char *text); /* NULL: null */
void json_write_key_bool(struct json_writer *w, const char *key, bool x);
void json_write_key_null(struct json_writer *w, const char *key);
/* x [n], and x [n * n] as an array of rows. */
void json_write_vector(struct json_writer *w, size_t n, const double *x);
void json_write_square(struct json_writer *w, size_t n, const double *x);
/* Valid JSON text as it is. */
void json_write_raw(struct json_writer *w, const char *json);
/* A parsed value, compact, members in their order. */
void json_write_value(struct json_writer *w, const struct json_at *at);
/* The same with members sorted by bytes: equal text = same body; digest input.  STATUS_NO_MEMORY. */
MUST_CHECK enum status json_write_canonical(struct json_writer *w, const struct json_at *at, struct err *err);

#endif
