/* workers.h - a small pool of threads for numbered tasks.
 *
 * Which thread takes which task is left open, so a task must write only what belongs to its number; then results do not
 * depend on the number of threads.  A round of tasks ends with its last task: a thread that the system has not run yet
 * is not waited for, as others take its share.  Thread: one caller of workers_run() at a time. */
#ifndef TRIMTAB_RANKER_WORKERS_H
#define TRIMTAB_RANKER_WORKERS_H

#include <stddef.h>

#include "base/core/err.h"

enum { WORKERS_MAX = 64 };

struct workers;

/* threads 1 .. WORKERS_MAX, the caller among them. */
MUST_CHECK enum status workers_new(size_t threads, struct workers **ret, struct err *err);
void workers_free(struct workers *workers); /* NULL is fine */
/* Runs task(context, 0 .. n - 1), in any order, and returns when all are done. */
void workers_run(struct workers *workers, size_t n, void (*task)(void *context, size_t i), void *context);

#endif
