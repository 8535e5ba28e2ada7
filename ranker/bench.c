#include "ranker/bench.h"

#include <math.h>

#include "base/core/clock.h"

static double time_one(const struct bench_subject *subject, size_t n, size_t repeat)
{
    if (subject->prepare != NULL)
        subject->prepare(subject->context, n, repeat);
    subject->run(subject->context, n);
    const int64_t start = clock_monotonic_ns();
    subject->run(subject->context, n);
    return (double)(clock_monotonic_ns() - start) / 1e3;
}

void bench_run(const struct bench_plan *plan, double *us)
{
    for (size_t repeat = 0; repeat < plan->repeats; repeat++) {
        for (size_t size = 0; size < plan->n_sizes; size++) {
            for (size_t s = 0; s < plan->n_subjects; s++)
                us[(s * plan->n_sizes + size) * plan->repeats + repeat] =
                    time_one(&plan->subjects[s], plan->sizes[size], repeat);
        }
    }
}

/* value(i) is a[i], or a[i] / b[i] when there is a b; the k-th smallest of n.  O(n^2), without storage. */
static double order_statistic(const double *a, const double *b, size_t n, size_t k)
{
    double found = nan("");
    for (size_t i = 0; i < n; i++) {
        const double value = b == NULL ? a[i] : a[i] / b[i];
        size_t below = 0, up_to = 0;
        for (size_t j = 0; j < n; j++) {
            const double other = b == NULL ? a[j] : a[j] / b[j];
            below += other < value ? 1 : 0;
            up_to += other <= value ? 1 : 0;
        }
        if (below <= k && k < up_to)
            found = value;
    }
    return found;
}

static double median(const double *a, const double *b, size_t n)
{
    return (order_statistic(a, b, n, (n - 1) / 2) + order_statistic(a, b, n, n / 2)) / 2.0;
}

struct bench_summary bench_summarize(const double *values, size_t n)
{
    return (struct bench_summary){order_statistic(values, NULL, n, 0), median(values, NULL, n),
                                  order_statistic(values, NULL, n, n - 1)};
}

double bench_ratio(const double *a, const double *b, size_t n)
{
    return median(a, b, n);
}

double bench_peak(float (*spin)(size_t steps), size_t spin_flops)
{
    enum { TRIES = 10, STEPS = 1000000 };
    double ns[TRIES];
    volatile float kept = 0.0f;
    if (spin == NULL)
        return nan("");
    for (size_t i = 0; i < TRIES; i++) {
        const int64_t start = clock_monotonic_ns();
        kept = kept + spin(STEPS);
        ns[i] = (double)(clock_monotonic_ns() - start);
    }
    return (double)spin_flops * STEPS / bench_summarize(ns, TRIES).min;
}
