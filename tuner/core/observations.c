#include "tuner/core/observations.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/linalg.h"

static const double MAX_COORDINATE = 1000.0; /* beyond it distances in the cube lose their digits */
static const double MAX_VALUE = 1e100;       /* its square is still finite */

void observations_init(struct observations *observations, size_t dim, size_t n_outcomes)
{
    memset(observations, 0, sizeof *observations);
    observations->dim = dim;
    observations->n_outcomes = n_outcomes;
}

void observations_done(struct observations *observations)
{
    mem_free(observations->x);
    mem_free(observations->y);
    mem_free(observations->failed);
    mem_free(observations->told);
    mem_free(observations->start);
    mem_free(observations->noise);
    mem_free(observations->noise_at);
    memset(observations, 0, sizeof *observations);
}

const double *observations_noise(const struct observations *observations, size_t round, size_t outcome)
{
    const size_t size = observations->start[round + 1] - observations->start[round];
    return observations->noise + observations->noise_at[round] + outcome * size * size;
}

static bool is_failed(const struct optimizer_round *round, size_t i)
{
    return round->failed != NULL && round->failed[i];
}

static enum status check_point(const struct observations *o, const struct optimizer_round *round, size_t i,
                               struct err *err)
{
    for (size_t k = 0; k < o->dim; k++) {
        const double x = round->x[i * o->dim + k];
        if (!(fabs(x) <= MAX_COORDINATE))
            return err_set(err, STATUS_INVALID, "point %zu: coordinate %zu is %g: allowed are -%g to %g", i, k, x,
                           MAX_COORDINATE, MAX_COORDINATE);
    }
    for (size_t k = 0; k < o->n_outcomes && !is_failed(round, i); k++) {
        const double y = round->y[k * round->n + i];
        if (!(fabs(y) <= MAX_VALUE))
            return err_set(err, STATUS_INVALID, "point %zu: outcome %zu is %g: a finite value within %g is expected", i,
                           k, y, MAX_VALUE);
    }
    return STATUS_OK;
}

/* One entry of a noise block.  An unknown variance has no covariances. */
static enum status check_entry(const struct optimizer_round *round, const double *cov, size_t outcome, size_t i,
                               size_t j, struct err *err)
{
    const size_t n = round->n;
    const double v = cov[i * n + j], mirror = cov[j * n + i];
    const bool unknown = isnan(cov[i * n + i]) || isnan(cov[j * n + j]);
    if (i == j) {
        if (v < 0.0 || isinf(v) || v > MAX_VALUE)
            return err_set(err, STATUS_INVALID, "point %zu: noise variance of outcome %zu is %g: allowed are 0 to %g",
                           i, outcome, v, MAX_VALUE);
        return STATUS_OK;
    }
    if (unknown && !(isnan(v) || (v >= 0.0 && v <= 0.0)))
        return err_set(err, STATUS_INVALID,
                       "points %zu and %zu: noise covariance of outcome %zu is %g beside an unknown variance: 0 or NaN "
                       "is expected",
                       i, j, outcome, v);
    if (!unknown && !(fabs(v - mirror) <= 1e-9 * sqrt(cov[i * n + i] * cov[j * n + j])))
        return err_set(err, STATUS_INVALID,
                       "points %zu and %zu: noise covariance of outcome %zu is %g and %g: a "
                       "symmetric matrix is expected",
                       i, j, outcome, v, mirror);
    return STATUS_OK;
}

static bool usable(const struct optimizer_round *round, const double *cov, size_t i)
{
    return !is_failed(round, i) && !isnan(cov[i * round->n + i]);
}

static enum status check_noise(const struct optimizer_round *round, size_t outcome, double *scratch, struct err *err)
{
    const size_t n = round->n;
    const double *cov = round->cov + outcome * n * n;
    double *known = scratch, *work = scratch + n * n;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        m += usable(round, cov, i);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (is_failed(round, i) || is_failed(round, j))
                continue;
            TRY(check_entry(round, cov, outcome, i, j, err));
            if (usable(round, cov, i) && usable(round, cov, j))
                known[at++] = cov[i * n + j];
        }
    }
    if (psd_check(m, known, work) != STATUS_OK)
        return err_set(err, STATUS_NOT_PD, "the noise covariance of outcome %zu is not positive semidefinite", outcome);
    return STATUS_OK;
}

static enum status check_round(const struct observations *o, const struct optimizer_round *round, struct err *err)
{
    if (round->n == 0)
        return err_set(err, STATUS_INVALID, "a round holds 0 points: at least 1 is expected");
    if (round->n > OPTIMIZER_MAX_POINTS - o->n)
        return err_set(err, STATUS_INVALID, "%zu points after %zu: allowed are %d in all", round->n, o->n,
                       OPTIMIZER_MAX_POINTS);
    for (size_t i = 0; i < round->n; i++)
        TRY(check_point(o, round, i, err));
    double *scratch = mem_alloc(2 * round->n * round->n, sizeof *scratch);
    if (scratch == NULL)
        return err_no_memory(err);
    enum status s = STATUS_OK;
    for (size_t k = 0; k < o->n_outcomes && s == STATUS_OK; k++)
        s = check_noise(round, k, scratch, err);
    mem_free(scratch);
    return s;
}

struct order {
    const struct optimizer_round *round;
    size_t dim, n_outcomes;
};

static int by_number(double a, double b)
{
    return (a > b) - (a < b);
}

static int canonical(const void *a, const void *b, void *context)
{
    const struct order *order = context;
    const size_t i = *(const size_t *)a, j = *(const size_t *)b, dim = order->dim, n = order->round->n;
    int c = 0;
    for (size_t k = 0; k < dim && c == 0; k++)
        c = by_number(order->round->x[i * dim + k], order->round->x[j * dim + k]);
    if (c == 0)
        c = (int)is_failed(order->round, i) - (int)is_failed(order->round, j);
    for (size_t k = 0; k < order->n_outcomes && c == 0 && !is_failed(order->round, i); k++)
        c = by_number(order->round->y[k * n + i], order->round->y[k * n + j]);
    for (size_t k = 0; k < order->n_outcomes && c == 0; k++)
        c = by_number(order->round->cov[(k * n + i) * n + i], order->round->cov[(k * n + j) * n + j]);
    return c != 0 ? c : (i > j) - (i < j);
}

static bool grow(void *block, size_t n, size_t size)
{
    void **p = block;
    void *moved = mem_resize(*p, n, size);
    if (moved != NULL)
        *p = moved;
    return moved != NULL;
}

static bool make_room(struct observations *o, size_t n)
{
    const size_t total = o->n + n, used = o->n_rounds > 0 ? o->noise_at[o->n_rounds] : 0;
    const bool ok = grow(&o->x, total * o->dim, sizeof *o->x) && grow(&o->y, total * o->n_outcomes, sizeof *o->y) &&
                    grow(&o->failed, total, sizeof *o->failed) && grow(&o->told, total, sizeof *o->told) &&
                    grow(&o->start, o->n_rounds + 2, sizeof *o->start) &&
                    grow(&o->noise_at, o->n_rounds + 2, sizeof *o->noise_at) &&
                    grow(&o->noise, used + o->n_outcomes * n * n, sizeof *o->noise);
    if (ok && o->n_rounds == 0)
        o->start[0] = o->noise_at[0] = 0;
    return ok;
}

static void copy_round(struct observations *o, const struct optimizer_round *round, const size_t *index)
{
    const size_t n = round->n, dim = o->dim;
    double *noise = o->noise + o->noise_at[o->n_rounds];
    for (size_t i = 0; i < n; i++) {
        const size_t from = index[i], to = o->n + i;
        memcpy(o->x + to * dim, round->x + from * dim, dim * sizeof *o->x);
        o->failed[to] = is_failed(round, from);
        o->told[to] = o->n + from;
        for (size_t k = 0; k < o->n_outcomes; k++) {
            o->y[to * o->n_outcomes + k] = o->failed[to] ? 0.0 : round->y[k * n + from];
            for (size_t j = 0; j < n; j++)
                noise[(k * n + i) * n + j] = round->cov[(k * n + from) * n + index[j]];
        }
    }
    o->n += n;
    o->n_rounds++;
    o->start[o->n_rounds] = o->n;
    o->noise_at[o->n_rounds] = o->noise_at[o->n_rounds - 1] + o->n_outcomes * n * n;
}

enum status observations_add(struct observations *observations, const struct optimizer_round *round, struct err *err)
{
    TRY(check_round(observations, round, err));
    size_t *index = mem_alloc(round->n, sizeof *index);
    if (index == NULL || !make_room(observations, round->n)) {
        mem_free(index);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < round->n; i++)
        index[i] = i;
    struct order order = {round, observations->dim, observations->n_outcomes};
    qsort_r(index, round->n, sizeof *index, canonical, &order);
    copy_round(observations, round, index);
    mem_free(index);
    return STATUS_OK;
}
