/* err.h - the line for the human.
 *
 * A failing function writes one line with err_set(); callers add context in front with err_wrap(); main() or the HTTP
 * layer prints it once.  A library never logs an error it returns.  Every function here takes err == NULL: a caller
 * that needs only the status passes NULL.  A line names the field, the value and what is allowed, and where it helps,
 * what to do next. */
#ifndef TRIMTAB_BASE_CORE_ERR_H
#define TRIMTAB_BASE_CORE_ERR_H

#include "base/core/status.h"

struct err {
    enum status status;
    char text[512];
};

#define ERR_INIT                                                                                                       \
    {                                                                                                                  \
        STATUS_OK, ""                                                                                                  \
    }

/* Sets status and line (cut at the buffer's end); returns s so that callers write `return err_set(...)`. */
enum status err_set(struct err *err, enum status s, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "<format>: " in front of the line there is; returns s. */
enum status err_wrap(struct err *err, enum status s, const char *format, ...) PRINTF_LIKE(3, 4);
/* err_set with ": strerror(errno)" behind the line; STATUS_IO unless errno says better (EACCES, ENOENT, ENOMEM). */
enum status err_errno(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* "out of memory", the only line that needs no context. */
enum status err_no_memory(struct err *err);

/* The static analyzer sees one file at a time and would think that a failure may be STATUS_OK. */
#ifdef __clang_analyzer__
#define err_set(err, s, ...) ((void)(err_set)((err), (s), __VA_ARGS__), (s))
#define err_wrap(err, s, ...) ((void)(err_wrap)((err), (s), __VA_ARGS__), (s))
#define err_errno(...) ((void)(err_errno)(__VA_ARGS__), STATUS_IO)
#define err_no_memory(err) ((void)(err_no_memory)(err), STATUS_NO_MEMORY)
#endif

#endif
