/* load.h - a small HTTP/1.1 load generator for the benches: one thread, epoll, n kept-alive connections to a loopback
 * port, one request in flight on each.
 *
 *   closed loop   a connection sends when it has its answer: how much the server can do
 *   open loop     request i is due at i / per_second, whatever became of the others, and its time counts from then:
 *                 what users see at that rate, with nothing omitted when the server stalls */
#ifndef TRIMTAB_TESTS_LIB_LOAD_H
#define TRIMTAB_TESTS_LIB_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

struct load {
    int port;
    size_t connections;
    int64_t requests;  /* at most */
    double seconds;    /* no request is sent later; 0: no such end */
    double per_second; /* 0: closed loop */
    const char *path;
    /* Appends the body of request number i; NULL: a GET. */
    void (*body)(void *context, int64_t i, struct buf *ret);
    /* Sees the body of each 200 answer; may be NULL. */
    void (*answer)(void *context, int64_t i, const char *body, size_t n);
    void *context;
};

struct load_result {
    int64_t ok, failed; /* answers 200, and all others */
    double seconds;
    double ms_median, ms_p99, ms_max;
    char first_failure[200];
};

/* Exits the program when it cannot connect. */
struct load_result load_run(const struct load *load);

#endif
