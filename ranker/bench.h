/* bench.h - how long several ways to score take, side by side in one run.
 *
 * Every repeat measures every subject at every size, one after the other, so that whatever disturbs the machine meets
 * all of them; each timed run follows an untimed one of the same, so caches are as warm as in a busy server.  Ratios
 * are taken within a repeat.  Times are microseconds of the monotonic clock. */
#ifndef TRIMTAB_RANKER_BENCH_H
#define TRIMTAB_RANKER_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

struct bench_subject {
    const char *name;   /* what is done */
    const char *kernel; /* by what */
    bool half;          /* in half precision */
    double flops;       /* multiplications and additions for a candidate, those of the layers' products */
    void *context;
    void (*prepare)(void *context, size_t n, size_t repeat); /* not timed; may be NULL */
    void (*run)(void *context, size_t n);                    /* scores n candidates */
};

struct bench_plan {
    const struct bench_subject *subjects;
    size_t n_subjects;
    const size_t *sizes; /* candidates a request */
    size_t n_sizes;
    size_t repeats; /* at least 1 */
};

/* us [(subject * n_sizes + size) * repeats + repeat]. */
void bench_run(const struct bench_plan *plan, double *us);

struct bench_summary {
    double min, median, max;
};
struct bench_summary bench_summarize(const double *values, size_t n);
/* The median of a / b, pair by pair. */
double bench_ratio(const double *a, const double *b, size_t n);

/* GFLOP/s of one core on registers alone (a kernel's spin), the best of ten tries of some milliseconds; NaN without
 * a spin. */
double bench_peak(float (*spin)(size_t steps), size_t spin_flops);

#endif
