/* httpd.h - an HTTP server over libmicrohttpd: limits before work, routes as a table, replies at once or later.
 *
 *   READING --body complete--> handler --> REPLIED
 *      |                          '------> DEFERRED --httpd_finish (any thread)--> REPLIED
 *      |           '-> STREAMING --pull returns false, client gone, httpd_stop--> over
 *      '--too large 413, too slow: dropped
 * A handler returns a status: not STATUS_OK becomes {"error":{"code":"INVALID","message":"..."}} with status_http(); a
 * 503 carries Retry-After: 1.
 * To defer it calls httpd_defer() first and returns STATUS_OK; httpd_finish() must then be called exactly once, perhaps
 * before the handler has returned.  A handler that defers and then returns a failure is answered with it, and
 * httpd_finish() must not be called.  A request is valid until it is answered.  Handlers run on the server's threads
 * and must not block.  HEAD is answered as GET without a body; unknown path 404, wrong method 405 with Allow.
 *
 * Every answer carries X-Request-Id: the client's, if it has at most 64 of A-Za-z0-9._:-, else a new one.
 *
 * Limits come before work: a body longer than the route's cap is refused from its Content-Length, or where the cap is
 * passed when it has none; a request that is not complete after deadline_ms is dropped, however steadily it trickles;
 * a kept-alive connection may be idle for 30 s; clients beyond max_connections wait until one closes.  A path segment
 * is decoded after the path was split, so "a%2Fb" is one segment.
 *
 * Who may: without a token file everyone on this machine may do everything, only loopback can be bound, and a request
 * whose Host or Origin is not this machine is refused, so that no web page in the operator's browser reaches the API.
 * With one, a route with a scope needs "Authorization: Bearer TOKEN" or "X-API-Key: TOKEN". */
#ifndef TRIMTAB_BASE_HTTPD_HTTPD_H
#define TRIMTAB_BASE_HTTPD_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/opt.h"

struct httpd;
struct httpd_request;

typedef enum status httpd_handler(struct httpd_request *request, void *context, struct err *err);

struct httpd_route {
    const char *method;
    const char *path; /* "/v1/experiments/{exp}/rounds/{n}"; literal segments win over parameters by table order */
    httpd_handler *handler;
    size_t max_body;   /* bytes; 0: no body */
    const char *scope; /* NULL: open to all; "*": any token; else the token must have it */
};

enum { HTTPD_ID_MAX = 64 };

/* A request that was answered with 5xx; borrowed during the call. */
struct httpd_failure {
    const char *id, *method;
    const char *route; /* its path as in the table, so without ids of users; "" where no row fits */
    const char *reason;
    int code;
    int64_t took_ms;
};

struct httpd_options {
    const char *listen;                                      /* "127.0.0.1:8470", "[::1]:0" */
    const char *token_file, *tls_cert, *tls_key;             /* NULL: none; without tokens only loopback may be bound */
    const struct httpd_route *routes;                        /* ends with {0}; borrowed */
    void *context;                                           /* for the handlers */
    void (*on_failure)(const struct httpd_failure *failure); /* NULL: nobody is told; any thread, must not block */
    unsigned threads;                                        /* 0: 2 */
    unsigned max_connections;                                /* 0: 1024 */
    int64_t deadline_ms;                                     /* to receive a whole request; 0: 10000 */
    int64_t stop_ms;                                         /* how long httpd_stop lets replies leave; 0: 2000 */
};

/* An on_failure for daemons: one log line, at most 20 a second; the next one says how many were left out.  Not of
 * /readyz. */
void httpd_log_failure(const struct httpd_failure *failure);

struct httpd_counts {
    int64_t by_class[6]; /* [2] = 2xx; [0] unused */
    int64_t in_flight;
};

/* The flags both daemons share; an entry list for a struct opt table. */
#define HTTPD_OPTIONS(o)                                                                                               \
    {"listen", OPT_TEXT, &(o).listen, "ADDRESS:PORT", "where the API listens", 0, 0},                                  \
        {"token-file", OPT_TEXT, &(o).token_file, "FILE", "bearer tokens: lines 'scope[,scope] token'", 0, 0},         \
        {"tls-cert", OPT_TEXT, &(o).tls_cert, "FILE", "certificate chain (PEM)", 0, 0},                                \
    {                                                                                                                  \
        "tls-key", OPT_TEXT, &(o).tls_key, "FILE", "private key (PEM)", 0, 0                                           \
    }

MUST_CHECK enum status httpd_start(const struct httpd_options *options, struct httpd **ret, struct err *err);
int httpd_port(const struct httpd *httpd);
/* Read the token file and the certificate again (SIGHUP); what cannot be read stays as it was.  Open connections keep
 * the certificate they began with.  Not from two threads at once, nor during httpd_stop. */
MUST_CHECK enum status httpd_reload(struct httpd *httpd, struct err *err);
struct httpd_counts httpd_counts(struct httpd *httpd);
/* The counts as Prometheus text, under names that begin with the program's: the same of every daemon. */
void httpd_write_metrics(struct httpd *httpd, const char *program, struct buf *ret);
/* Stop accepting, end the streams, wait for deferred requests, let replies leave for at most stop_ms, stop.  Whoever
 * finishes the deferred ones must still run.  NULL is fine. */
void httpd_stop(struct httpd *httpd);

/* Borrowed until the request is answered.  Absent: NULL. */
const char *httpd_param(const struct httpd_request *request, const char *name);
/* Decoded; "" for a name without a value. */
const char *httpd_query(const struct httpd_request *request, const char *name);
const char *httpd_header(const struct httpd_request *request, const char *name);
const char *httpd_body(const struct httpd_request *request, size_t *ret_n);
bool httpd_has_scope(const struct httpd_request *request, const char *scope);

/* The reply: STATUS_OK gives 200 unless set; JSON unless the type is set (static string). */
struct buf *httpd_reply(struct httpd_request *request);
void httpd_reply_code(struct httpd_request *request, int http);
void httpd_reply_type(struct httpd_request *request, const char *content_type);
/* Copied; at most 8. */
MUST_CHECK enum status httpd_reply_header(struct httpd_request *request, const char *name, const char *value,
                                          struct err *err);
void httpd_defer(struct httpd_request *request);
/* Any thread; err's line is the message when s is not STATUS_OK. */
void httpd_finish(struct httpd_request *request, enum status s, const struct err *err);

/* An answer without an end, for server-sent events.  pull() is called on a server's thread, never twice at once: it
 * appends what is new to chunk (perhaps nothing) and returns whether more may come; it must not block.  It is called
 * at once, then every period_ms, and after httpd_stream_wake(). */
struct httpd_stream {
    bool (*pull)(void *context, struct buf *chunk);
    void (*done)(void *context); /* may be NULL; called once, whatever ended the stream; no pull follows */
    void *context;
    int64_t period_ms; /* 0: only when woken */
};

/* From a handler, which then returns STATUS_OK: answer with a stream (text/event-stream unless the type is set, which
 * also gets a comment line after 15 s of silence).  At most half of max_connections may stream: STATUS_UNAVAILABLE, and
 * done() is not called. */
MUST_CHECK enum status httpd_stream(struct httpd_request *request, const struct httpd_stream *stream, struct err *err);
/* Pull every stream soon.  Any thread; never from inside pull(). */
void httpd_stream_wake(struct httpd *httpd);

#endif
