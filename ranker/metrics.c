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

/* Fills the bins; returns the calibration error. */
static double fill_bins(const struct pair *pairs, size_t n, struct metrics_bin *bins)
{
    double error = 0.0;
    for (size_t b = 0; b < METRICS_BINS; b++) {
        const size_t first = b * n / METRICS_BINS, end = (b + 1) * n / METRICS_BINS;
        double sum = 0.0;
        bins[b] = (struct metrics_bin){.n = end - first};
        for (size_t i = first; i < end; i++) {
            sum += (double)pairs[i].p;
            bins[b].positives += pairs[i].y;
        }
        bins[b].expected = end == first ? nan("") : sum / (double)(end - first);
        error += fabs(sum - (double)bins[b].positives);
    }
    return error / (double)n;
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
    m.ece = fill_bins(pairs, n, m.bins);
    m.auc_interval = m.logloss_interval = m.ratio_interval = (struct metrics_interval){nan(""), nan("")};
    return m;
}

void metrics_interval(size_t positives, size_t n, double *ret_low, double *ret_high)
{
    const double z = 1.959963984540054, count = (double)n, share = n == 0 ? 0.0 : (double)positives / count;
    *ret_low = 0.0;
    *ret_high = 1.0;
    if (n == 0)
        return;
    const double scale = 1.0 + z * z / count, middle = share + z * z / (2.0 * count);
    const double half = z * sqrt(share * (1.0 - share) / count + z * z / (4.0 * count * count));
    *ret_low = positives == 0 ? 0.0 : (middle - half) / scale;
    *ret_high = positives == n ? 1.0 : (middle + half) / scale;
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
