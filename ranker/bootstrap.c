#include "ranker/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"

struct row {
    float p;
    uint32_t y, unit;
    double loss;
};

enum { AUC, LOGLOSS, RATIO, N_VALUES };

/* What a run needs; users are numbered anew, only those that occur. */
struct run {
    const struct bootstrap *bootstrap;
    size_t n, n_users;
    struct row *rows;  /* [n] by growing p */
    uint32_t *weights; /* [n_users] */
    uint32_t *users;   /* [n_units] new numbers + 1, 0 for who does not occur */
    double *values;    /* [N_VALUES * replicates] */
};

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    return (a->p > b->p) - (a->p < b->p);
}

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void fill_rows(struct run *r, const float *p, size_t stride, const uint32_t *labels, size_t head)
{
    for (size_t i = 0; i < r->n; i++) {
        uint32_t *user = &r->users[r->bootstrap->units[i]];
        if (*user == 0)
            *user = (uint32_t)++r->n_users;
        const uint32_t y = labels[i] >> head & 1u;
        const double q = (double)p[i * stride];
        r->rows[i] = (struct row){p[i * stride], y, *user - 1, y != 0 ? -log(q) : -log1p(-q)};
    }
    qsort(r->rows, r->n, sizeof *r->rows, compare_rows);
}

/* The metrics with every row counted as often as its user was drawn. */
static void weigh(const struct run *r, double ret[N_VALUES])
{
    double pairs = 0.0, positives = 0.0, negatives = 0.0, loss = 0.0, expected = 0.0;
    for (size_t i = 0; i < r->n;) {
        double plus = 0.0, minus = 0.0;
        const float p = r->rows[i].p;
        for (; i < r->n && r->rows[i].p <= p; i++) {
            const struct row *row = &r->rows[i];
            const double w = (double)r->weights[row->unit];
            plus += row->y != 0 ? w : 0.0;
            minus += row->y != 0 ? 0.0 : w;
            loss += w * row->loss;
        }
        expected += (double)p * (plus + minus);
        pairs += plus * (negatives + 0.5 * minus);
        positives += plus;
        negatives += minus;
    }
    ret[AUC] = positives > 0.0 && negatives > 0.0 ? pairs / (positives * negatives) : nan("");
    ret[LOGLOSS] = positives + negatives > 0.0 ? loss / (positives + negatives) : nan("");
    ret[RATIO] = positives > 0.0 ? expected / positives : nan("");
}

static void draw(const struct run *r, size_t replicate)
{
    struct rng rng;
    rng_init(&rng, r->bootstrap->seed, r->n_users, replicate);
    memset(r->weights, 0, r->n_users * sizeof *r->weights);
    for (size_t i = 0; i < r->n_users; i++)
        r->weights[rng_below(&rng, r->n_users)]++;
}

/* Of the values that are numbers; sorts them. */
static struct metrics_interval percentiles(double *values, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i]))
            values[kept++] = values[i];
    }
    if (kept == 0)
        return (struct metrics_interval){nan(""), nan("")};
    qsort(values, kept, sizeof *values, compare_numbers);
    const double last = (double)(kept - 1);
    return (struct metrics_interval){values[(size_t)(0.025 * last + 0.5)], values[(size_t)(0.975 * last + 0.5)]};
}

static void run_all(struct run *r, struct metrics *ret)
{
    const size_t n = r->bootstrap->replicates;
    for (size_t replicate = 0; replicate < n; replicate++) {
        double values[N_VALUES];
        draw(r, replicate);
        weigh(r, values);
        for (size_t v = 0; v < N_VALUES; v++)
            r->values[v * n + replicate] = values[v];
    }
    ret->auc_interval = percentiles(r->values + AUC * n, n);
    ret->logloss_interval = percentiles(r->values + LOGLOSS * n, n);
    ret->ratio_interval = percentiles(r->values + RATIO * n, n);
}

enum status bootstrap_intervals(const struct bootstrap *bootstrap, const float *p, size_t stride,
                                const uint32_t *labels, size_t head, size_t n, struct metrics *ret, struct err *err)
{
    struct run r = {.bootstrap = bootstrap, .n = n};
    enum status s = STATUS_OK;
    r.rows = mem_alloc(n, sizeof *r.rows);
    r.weights = mem_alloc(bootstrap->n_units, sizeof *r.weights);
    r.users = mem_alloc(bootstrap->n_units, sizeof *r.users);
    r.values = mem_alloc(N_VALUES * bootstrap->replicates, sizeof *r.values);
    if (r.rows == NULL || r.weights == NULL || r.users == NULL || r.values == NULL) {
        s = err_no_memory(err);
    } else {
        fill_rows(&r, p, stride, labels, head);
        run_all(&r, ret);
    }
    mem_free(r.rows);
    mem_free(r.weights);
    mem_free(r.users);
    mem_free(r.values);
    return s;
}
