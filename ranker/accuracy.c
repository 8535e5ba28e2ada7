#include "ranker/accuracy.h"

#include <math.h>

#include "base/core/mem.h"

static double logit(float p)
{
    return log((double)p) - log1p(-(double)p);
}

static void add_differences(struct accuracy *accuracy, size_t n, const float *a, const float *b)
{
    for (size_t i = 0; i < n; i++) {
        const double difference = logit(a[i]) - logit(b[i]);
        accuracy->probability = fmax(accuracy->probability, fabs((double)a[i] - (double)b[i]));
        accuracy->logit = fmax(accuracy->logit, fabs(difference));
        accuracy->logit_squares += difference * difference;
    }
    accuracy->n += n;
}

static void value(size_t n, size_t heads, const double *mean, const float *p, double *to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = 0.0;
        for (size_t h = 0; h < heads; h++)
            to[i] += (double)p[i * heads + h] / mean[h];
    }
}

/* How many candidates are ranked before candidate i. */
static size_t rank_of(size_t n, const double *values, size_t i)
{
    size_t before = 0;
    for (size_t j = 0; j < n; j++)
        before += values[j] > values[i] || (values[j] >= values[i] && j < i) ? 1 : 0;
    return before;
}

static void add_ranking(struct accuracy *accuracy, size_t n, const double *a, const double *b)
{
    const size_t top = n < ACCURACY_TOP ? n : ACCURACY_TOP;
    size_t shared = 0;
    double balance = 0.0;
    for (size_t i = 0; i < n; i++) {
        const size_t rank = rank_of(n, a, i), other = rank_of(n, b, i);
        shared += rank < top && other < top ? 1 : 0;
        accuracy->first += rank == 0 && other == 0 ? 1.0 : 0.0;
        for (size_t j = 0; j < i; j++) {
            const double agree = (a[i] - a[j]) * (b[i] - b[j]);
            balance += agree > 0.0 ? 1.0 : agree < 0.0 ? -1.0 : 0.0;
        }
    }
    accuracy->overlap += (double)shared / (double)top;
    accuracy->tau += balance / ((double)n * (double)(n - 1) / 2.0);
    accuracy->requests++;
}

enum status accuracy_add(struct accuracy *accuracy, size_t n, size_t heads, const double *mean, const float *a,
                         const float *b, struct err *err)
{
    double *values = mem_alloc(2 * n, sizeof *values);
    if (values == NULL)
        return err_no_memory(err);
    add_differences(accuracy, n * heads, a, b);
    value(n, heads, mean, a, values);
    value(n, heads, mean, b, values + n);
    add_ranking(accuracy, n, values, values + n);
    mem_free(values);
    return STATUS_OK;
}
