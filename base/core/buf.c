#include "base/core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"

void buf_done(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

bool buf_reserve(struct buf *buf, size_t n)
{
    if (buf->failed)
        return false;
    if (n < buf->capacity - buf->length)
        return true;
    size_t capacity = buf->capacity < 128 ? 128 : buf->capacity;
    while (capacity - buf->length <= n && capacity < (size_t)-1 / 2)
        capacity *= 2;
    char *data = capacity - buf->length > n ? mem_resize(buf->data, capacity, 1) : NULL;
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    data[buf->length] = '\0';
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0 || !buf_reserve(buf, n))
        return;
    memcpy(buf->data + buf->length, bytes, n);
    buf->length += n;
    buf->data[buf->length] = '\0';
}

void buf_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0 && buf_reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->length, (size_t)n + 1, format, again);
        buf->length += (size_t)n;
    }
    va_end(again);
}

const char *buf_string(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    if (buf->failed || (buf->data == NULL && !buf_reserve(buf, 0)))
        return NULL;
    char *data = buf->data;
    *buf = (struct buf)BUF_INIT;
    return data;
}

enum status buf_status(const struct buf *buf, struct err *err)
{
    return buf->failed ? err_no_memory(err) : STATUS_OK;
}
