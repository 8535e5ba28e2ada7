/* status.h - the one list of outcomes.
 *
 * Every function of the tree that can fail returns `enum status`; STATUS_OK is zero.  The program reads the code, the
 * human reads the line in `struct err` (err.h).  Each code carries the HTTP status a server answers with, so a failure
 * deep in a library and the reply on the wire never disagree, and the text that starts its line. */
#ifndef TRIMTAB_BASE_CORE_STATUS_H
#define TRIMTAB_BASE_CORE_STATUS_H

/* X(code, HTTP status, text) */
#define STATUS_MAP(X)                                                                                                  \
    X(STATUS_OK, 200, "ok")                                                                                            \
    X(STATUS_INVALID, 400, "invalid input")                                                                            \
    X(STATUS_UNAUTHORIZED, 401, "unauthorized")                                                                        \
    X(STATUS_FORBIDDEN, 403, "forbidden")                                                                              \
    X(STATUS_NOT_FOUND, 404, "not found")                                                                              \
    X(STATUS_NOT_ALLOWED, 405, "method not allowed")                                                                   \
    X(STATUS_CONFLICT, 409, "conflict")                                                                                \
    X(STATUS_TOO_LARGE, 413, "too large")                                                                              \
    X(STATUS_UNPROCESSABLE, 422, "unprocessable")                                                                      \
    X(STATUS_NO_MEMORY, 503, "out of memory")                                                                          \
    X(STATUS_UNAVAILABLE, 503, "unavailable")                                                                          \
    X(STATUS_TIMEOUT, 504, "timeout")                                                                                  \
    X(STATUS_IO, 500, "input/output error")                                                                            \
    X(STATUS_CORRUPT, 500, "corrupt data")                                                                             \
    X(STATUS_NOT_PD, 500, "matrix is not positive definite")                                                           \
    X(STATUS_INTERNAL, 500, "internal error")

enum status {
#define STATUS_ENUM(code, http, text) code,
    STATUS_MAP(STATUS_ENUM)
#undef STATUS_ENUM
};

/* Every result of ours must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Return from the calling function when `expression` fails; for functions that hold nothing to release. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        enum status try_status_ = (expression);                                                                        \
        if (try_status_ != STATUS_OK)                                                                                  \
            return try_status_;                                                                                        \
    } while (0)

/* A static string; never NULL. */
const char *status_text(enum status s);
/* "INVALID", "NOT_FOUND": the code in JSON errors and logs. */
const char *status_name(enum status s);
int status_http(enum status s);
/* The status for an HTTP code that another server answered; unknown 4xx are INVALID, unknown 5xx UNAVAILABLE. */
enum status status_from_http(int http);

#endif
