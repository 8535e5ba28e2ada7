/* httpc.h - a blocking HTTP client over libcurl: one handle a thread, connections kept alive.
 *
 * STATUS_UNAVAILABLE  could not connect, connection lost, end_ns  STATUS_TIMEOUT  no answer in time: retry makes sense
 * STATUS_CORRUPT      not JSON where JSON is expected (the line shows the first bytes)
 * STATUS_TOO_LARGE    the answer exceeds max_response           else: status_from_http() with the server's own message
 * No redirects, no proxies; http and https only.  Lines about the transport start with the address.  Call httpc_init()
 * once in main before threads start.  Thread: owner only. */
#ifndef TRIMTAB_BASE_HTTPC_HTTPC_H
#define TRIMTAB_BASE_HTTPC_HTTPC_H

#include <stdatomic.h>

#include "base/core/buf.h"
#include "base/json/json.h"

struct httpc;

struct httpc_options {
    const char *base_url;   /* "http://127.0.0.1:8470" */
    const char *token_file; /* a file holding one token, closed to group and others; NULL: none */
    const char *ca_file;    /* NULL: the system's */
    int64_t connect_ms;     /* 0: 2000 */
    int64_t total_ms;       /* 0: 10000 */
    size_t max_response;    /* 0: 16 MB */
    /* Within a second of this clock_monotonic_ns() requests are given up; NULL or 0: never. */
    const _Atomic int64_t *end_ns;
};

MUST_CHECK enum status httpc_init(struct err *err);
/* STATUS_INVALID for an address that is not http://HOST[:PORT][/PATH] or https://...; the token file's troubles. */
MUST_CHECK enum status httpc_new(const struct httpc_options *options, struct httpc **ret, struct err *err);
void httpc_free(struct httpc *httpc);
/* path starts with '/'; body may be NULL.  ret_body is cleared and filled, also with an HTTP error's text; *ret_http is
 * 0 when none came. */
MUST_CHECK enum status httpc_request(struct httpc *httpc, const char *method, const char *path, const char *body,
                                     size_t n, int *ret_http, struct buf *ret_body, struct err *err);
/* The same with the answer parsed; the caller frees *ret. */
MUST_CHECK enum status httpc_json(struct httpc *httpc, const char *method, const char *path, const char *body, size_t n,
                                  struct json **ret, struct err *err);
/* Wait before attempt 0, 1, ...: 100 ms * 2^attempt, at most 10 s, times 0.5 to 1 chosen by seed. */
int64_t httpc_backoff_ms(unsigned attempt, uint64_t seed);

#endif
