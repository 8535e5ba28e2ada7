/* buf.h - a growable byte string.
 *
 * Invariants: data is NUL-terminated (readable as a C string) unless it is NULL with length 0; a failed append sets
 * `failed`, keeps what is there and makes later appends do nothing, so a writer checks once at the end (buf_status).
 * Thread: owner only. */
#ifndef TRIMTAB_BASE_CORE_BUF_H
#define TRIMTAB_BASE_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

struct buf {
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
};

#define BUF_INIT                                                                                                       \
    {                                                                                                                  \
        NULL, 0, 0, false                                                                                              \
    }

void buf_done(struct buf *buf);
/* Length 0, memory kept, `failed` reset. */
void buf_clear(struct buf *buf);
/* Make room for n more bytes and the NUL; false when out of memory. */
bool buf_reserve(struct buf *buf, size_t n);
void buf_add(struct buf *buf, const void *bytes, size_t n);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* The data as a C string, "" when empty; borrowed until the next change. */
const char *buf_string(const struct buf *buf);
/* Hand the data over: the caller frees it with mem_free; buf is empty afterwards.  NULL when failed. */
char *buf_take(struct buf *buf);
MUST_CHECK enum status buf_status(const struct buf *buf, struct err *err);

#endif
