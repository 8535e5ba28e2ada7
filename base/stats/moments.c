#include "base/stats/moments.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "base/core/mem.h"

static size_t triangle(size_t j, size_t k)
{
    return j >= k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j;
}

enum status moments_init(struct moments *m, size_t n_columns, struct err *err)
{
    *m = (struct moments){.n_columns = n_columns};
    m->sum = mem_alloc(n_columns, sizeof *m->sum);
    m->cross = mem_alloc(n_columns * (n_columns + 1) / 2, sizeof *m->cross);
    if (m->sum && m->cross)
        return STATUS_OK;
    moments_done(m);
    return err_no_memory(err);
}

void moments_done(struct moments *m)
{
    mem_free(m->sum);
    mem_free(m->cross);
    *m = (struct moments){0};
}

void moments_add_unit(struct moments *m)
{
    m->n++;
}

void moments_remove_unit(struct moments *m)
{
    m->n--;
}

void moments_change(struct moments *m, const int64_t *x, size_t column, int64_t value)
{
    assert(value >= -MOMENTS_LIMIT && value <= MOMENTS_LIMIT);
    int128 delta = (int128)value - x[column];
    m->sum[column] += delta;
    for (size_t k = 0; k < m->n_columns; k++) {
        if (k != column)
            m->cross[triangle(column, k)] += delta * x[k];
    }
    /* x'^2 - x^2 = (x' - x)(x' + x) */
    m->cross[triangle(column, column)] += delta * ((int128)value + x[column]);
}

double moments_sum(const struct moments *m, size_t column)
{
    return column == MOMENTS_ONE ? (double)m->n : (double)m->sum[column] / MOMENTS_SCALE;
}

static int128 floor_div(int128 a, int64_t n)
{
    int128 q = a / n;
    return a % n < 0 ? q - 1 : q;
}

/* Centring by the whole part of the means is exact in integers and leaves remainders r below n, so nothing cancels:
 *   sum (x - mx)(y - my) - r_x r_y / n,   m = floor(sum / n),  r = sum - n m. */
double moments_sample_cov(const struct moments *m, size_t j, size_t k)
{
    if (m->n < 2)
        return nan("");
    if (j == MOMENTS_ONE || k == MOMENTS_ONE)
        return 0.0;
    int128 mx = floor_div(m->sum[j], m->n), my = floor_div(m->sum[k], m->n);
    int128 rx = m->sum[j] - mx * m->n, ry = m->sum[k] - my * m->n;
    int128 centred = m->cross[triangle(j, k)] - my * m->sum[j] - mx * m->sum[k] + mx * my * m->n;
    double n = (double)m->n;
    double s = ((double)centred - (double)rx * (double)ry / n) / (n - 1.0);
    return s / ((double)MOMENTS_SCALE * MOMENTS_SCALE);
}

static double ratio_cov(const struct moments *m, const struct moments_ratio *a, double ra,
                        const struct moments_ratio *b, double rb)
{
    double s = moments_sample_cov(m, a->numerator, b->numerator) -
               rb * moments_sample_cov(m, a->numerator, b->denominator) -
               ra * moments_sample_cov(m, a->denominator, b->numerator) +
               ra * rb * moments_sample_cov(m, a->denominator, b->denominator);
    double n = (double)m->n;
    return s * n / (moments_sum(m, a->denominator) * moments_sum(m, b->denominator));
}

void moments_ratios(const struct moments *m, size_t n_ratios, const struct moments_ratio *ratios, double *ret_mean,
                    double *ret_cov)
{
    for (size_t i = 0; i < n_ratios; i++) {
        double d = moments_sum(m, ratios[i].denominator);
        ret_mean[i] = fpclassify(d) == FP_ZERO ? nan("") : moments_sum(m, ratios[i].numerator) / d;
    }
    for (size_t i = 0; i < n_ratios; i++) {
        for (size_t j = 0; j < n_ratios; j++) {
            bool known = !isnan(ret_mean[i]) && !isnan(ret_mean[j]);
            ret_cov[i * n_ratios + j] =
                known ? ratio_cov(m, &ratios[i], ret_mean[i], &ratios[j], ret_mean[j]) : nan("");
        }
    }
}
