#include "ranker/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "base/core/mem.h"

struct pair {
    float p;
    uint32_t y;
    size_t row;
};

static int compare(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    if (a->p < b->p || a->p > b->p)
        return a->p < b->p ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Mann-Whitney: sum over positives of the number of negatives before them, half of those at the same p. */
static double auc_of(const struct pair *pairs, size_t n, size_t positives)
{
    double sum = 0.0, negatives_before = 0.0;
    for (size_t i = 0; i < n;) {
        double plus = 0.0, minus = 0.0;
        size_t j = i;
        for (; j < n && pairs[j].p <= pairs[i].p; j++) {
            plus += (double)pairs[j].y;
            minus += 1.0 - (double)pairs[j].y;
        }
        sum += plus * (negatives_before + 0.5 * minus);
        negatives_before += minus;
        i = j;
    }
    return sum / ((double)positives * negatives_before); /* 0/0 is NaN */
}

static double ece_of(const struct pair *pairs, size_t n)
{
    double sum = 0.0;
    for (size_t bin = 0; bin < METRICS_BINS; bin++) {
        double difference = 0.0;
        for (size_t i = bin * n / METRICS_BINS; i < (bin + 1) * n / METRICS_BINS; i++)
            difference += (double)pairs[i].p - (double)pairs[i].y;
        sum += fabs(difference);
    }
    return sum / (double)n;
}

static double entropy(double rate)
{
    return rate > 0.0 && rate < 1.0 ? -rate * log(rate) - (1.0 - rate) * log(1.0 - rate) : 0.0;
}

static struct metrics compute(const struct pair *pairs, size_t n)
{
    struct metrics m = {.n = n};
    double expected = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double p = (double)pairs[i].p;
        m.positives += pairs[i].y;
        m.logloss -= pairs[i].y != 0 ? log(p) : log1p(-p);
        expected += p;
    }
    m.logloss /= (double)n;
    m.constant_logloss = entropy((double)m.positives / (double)n);
    m.expected_over_observed = m.positives == 0 ? nan("") : expected / (double)m.positives;
    m.auc = m.positives == 0 || m.positives == n ? nan("") : auc_of(pairs, n, m.positives);
    m.ece = ece_of(pairs, n);
    return m;
}

enum status metrics_of(const float *p, size_t stride, const uint32_t *labels, size_t head, size_t n,
                       struct metrics *ret, struct err *err)
{
    struct pair *pairs = mem_alloc(n, sizeof *pairs);
    if (pairs == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct pair){p[i * stride], labels[i] >> head & 1u, i};
    qsort(pairs, n, sizeof *pairs, compare);
    *ret = compute(pairs, n);
    mem_free(pairs);
    return STATUS_OK;
}
