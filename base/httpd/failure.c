#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/httpd/httpd.h"

/* A full disk fails thousands of requests a second; the log must not fill what is left of it. */
enum { LINES_A_SECOND = 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int64_t second;           /* the one that is counted */
static unsigned lines, left_out; /* in it; since the last line */

/* Whether this one is logged; *ret_left_out: how many were not, to be told with it. */
static bool admit(unsigned *ret_left_out)
{
    const int64_t now = clock_monotonic_ns() / 1000000000;
    pthread_mutex_lock(&mutex);
    if (now != second) {
        second = now;
        lines = 0;
    }
    const bool admitted = lines < LINES_A_SECOND;
    lines += admitted ? 1 : 0;
    left_out += admitted ? 0 : 1;
    *ret_left_out = left_out;
    if (admitted)
        left_out = 0;
    pthread_mutex_unlock(&mutex);
    return admitted;
}

void httpd_log_failure(const struct httpd_failure *failure)
{
    char code[16], took[24], others[16];
    unsigned n;
    if (strcmp(failure->route, "/readyz") == 0 || !admit(&n)) /* its 503 is an answer */
        return;
    (void)snprintf(code, sizeof code, "%d", failure->code);
    (void)snprintf(took, sizeof took, "%" PRId64, failure->took_ms);
    (void)snprintf(others, sizeof others, "%u", n);
    log_event(LOG_WARN, "request failed", "request", failure->id, "method", failure->method, "route", failure->route,
              "status", code, "ms", took, "reason", failure->reason, n > 0 ? "not_logged" : NULL, others, NULL);
}
