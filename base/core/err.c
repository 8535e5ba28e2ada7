#include "base/core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line whatever was quoted in it: names of members and paths may hold any byte. */
PRINTF_LIKE(2, 0)
static void err_vprint(struct err *err, const char *format, va_list args)
{
    if (vsnprintf(err->text, sizeof err->text, format, args) < 0)
        err->text[0] = '\0';
    for (char *c = err->text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
}

enum status(err_set)(struct err *err, enum status s, const char *format, ...)
{
    if (err == NULL)
        return s;
    va_list args;
    va_start(args, format);
    err_vprint(err, format, args);
    va_end(args);
    err->status = s;
    return s;
}

static void append(struct err *err, const char *separator, const char *text)
{
    size_t used = strlen(err->text);
    if (used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - used, "%s%s", separator, text);
}

enum status(err_wrap)(struct err *err, enum status s, const char *format, ...)
{
    if (err == NULL)
        return s;
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    err_vprint(err, format, args);
    va_end(args);
    append(err, ": ", inner[0] != '\0' ? inner : status_text(s));
    err->status = s;
    return s;
}

static enum status status_of_errno(int code)
{
    switch (code) {
    case ENOMEM:
        return STATUS_NO_MEMORY;
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_FORBIDDEN;
    default:
        return STATUS_IO;
    }
}

enum status(err_errno)(struct err *err, const char *format, ...)
{
    int code = errno;
    enum status s = status_of_errno(code);
    if (err == NULL)
        return s;
    va_list args;
    va_start(args, format);
    err_vprint(err, format, args);
    va_end(args);
    char reason[128];
    /* GNU strerror_r: returns the text, which may or may not be in the buffer. */
    append(err, ": ", strerror_r(code, reason, sizeof reason));
    err->status = s;
    return s;
}

enum status(err_no_memory)(struct err *err)
{
    return err_set(err, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}
