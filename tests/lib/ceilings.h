/* ceilings.h - what the machine can do at most, measured in the same run: an HTTP server that does nothing, and SQLite
 * that does nothing but commit. */
#ifndef TRIMTAB_TESTS_LIB_CEILINGS_H
#define TRIMTAB_TESTS_LIB_CEILINGS_H

#include <stdint.h>
#include <sys/types.h>

/* libmicrohttpd alone, in a process of its own: reads a body and answers {}.  *ret_port is where. */
pid_t ceiling_http_start(int *ret_port);
void ceiling_http_stop(pid_t server);

struct ceiling_sqlite {
    double rows_per_second, cpu_us; /* cpu_us: a row */
    double ms_median, ms_p99;       /* of a transaction, its checkpoint included */
};
/* Rows of the events table, rows_a_commit a transaction, synchronous=FULL, in a file beside `folder`, for so long. */
struct ceiling_sqlite ceiling_sqlite_run(const char *folder, int64_t rows_a_commit, double seconds);

#endif
