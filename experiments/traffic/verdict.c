#include "experiments/traffic/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/utility.h"

enum { STREAM_BOOTSTRAP = 500 };

/* z_0.975 + z_0.8 = 1.959964 + 0.841621 */
static const double POWER_FACTOR = 2.801585;

static const enum verdict_weights PAIRS[VERDICT_PAIRS][2] = {
    {VERDICT_CANDIDATE, VERDICT_CONTROL}, {VERDICT_CANDIDATE, VERDICT_EQUAL}, {VERDICT_CONTROL, VERDICT_EQUAL}};

/* Sums over users of events and of "has at least one". */
struct sums {
    double events[VERDICT_WEIGHTS][DATASET_MAX_HEADS];
    double active[VERDICT_WEIGHTS][DATASET_MAX_HEADS];
};

/* Statistics of one sample: the weighted sum of a pair, then each head's volume and propensity. */
enum { STATISTICS = 1 + 2 * DATASET_MAX_HEADS };

struct bootstrap {
    const struct slates *slates;
    const struct verdict_question *question;
    size_t n_heads, n_users, n_replicates;
    uint16_t *events;  /* [user][weights][head] */
    double *replicate; /* [pair][statistic][replicate] */
};

/* Adds the labels of the slate's two best under weights a to a user's row. */
static void show(const struct bootstrap *b, const struct slate *slate, const float *p, uint16_t *user_events)
{
    const char *items[SLATE_SIZE];
    struct utility_entry best[SLATE_SIZE];
    slates_items(b->slates, slate, items);
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++) {
        const size_t n = utility_top(SLATE_SIZE, b->n_heads, b->question->weights[a], p, items, SLATE_SHOWN, best);
        for (size_t j = 0; j < n; j++) {
            const uint32_t labels = dataset_row(b->slates->dataset, slate->rows[best[j].index]).labels;
            for (size_t h = 0; h < b->n_heads; h++)
                user_events[a * b->n_heads + h] = (uint16_t)(user_events[a * b->n_heads + h] + (labels >> h & 1U));
        }
    }
}

static size_t show_all(const struct bootstrap *b, const float *p)
{
    size_t n_slates = 0;
    for (size_t u = 0; u < b->n_users; u++) {
        const struct slate_user *user = &b->slates->confirmation[u];
        for (size_t i = 0; i < user->n; i++, n_slates++)
            show(b, &b->slates->slates[user->first + i], p + n_slates * SLATE_SIZE * b->n_heads,
                 b->events + u * VERDICT_WEIGHTS * b->n_heads);
    }
    return n_slates;
}

static void add_user(const struct bootstrap *b, size_t user, struct sums *sums)
{
    const uint16_t *events = b->events + user * VERDICT_WEIGHTS * b->n_heads;
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++) {
        for (size_t h = 0; h < b->n_heads; h++) {
            const uint16_t n = events[a * b->n_heads + h];
            sums->events[a][h] += n;
            sums->active[a][h] += n > 0 ? 1.0 : 0.0;
        }
    }
}

static double relative(double a, double b)
{
    return b > 0.0 ? a / b - 1.0 : nan("");
}

static void statistics(const struct bootstrap *b, const struct sums *sums, enum verdict_pair pair,
                       double ret[STATISTICS])
{
    const enum verdict_weights a = PAIRS[pair][0], c = PAIRS[pair][1];
    ret[0] = 0.0;
    for (size_t h = 0; h < b->n_heads; h++) {
        ret[1 + 2 * h] = relative(sums->events[a][h], sums->events[c][h]);
        ret[2 + 2 * h] = relative(sums->active[a][h], sums->active[c][h]);
        if (fpclassify(b->question->values[h]) != FP_ZERO)
            ret[0] += b->question->values[h] * ret[1 + 2 * h];
    }
}

static double *replicates_of(const struct bootstrap *b, size_t pair, size_t statistic)
{
    return b->replicate + (pair * STATISTICS + statistic) * b->n_replicates;
}

static void resample(const struct bootstrap *b, uint64_t seed)
{
    for (size_t r = 0; r < b->n_replicates; r++) {
        struct rng rng;
        struct sums sums = {.events = {{0.0}}};
        rng_init(&rng, seed, STREAM_BOOTSTRAP, r);
        for (size_t i = 0; i < b->n_users; i++)
            add_user(b, (size_t)rng_below(&rng, b->n_users), &sums);
        for (size_t pair = 0; pair < VERDICT_PAIRS; pair++) {
            double values[STATISTICS];
            statistics(b, &sums, (enum verdict_pair)pair, values);
            for (size_t i = 0; i < 1 + 2 * b->n_heads; i++)
                replicates_of(b, pair, i)[r] = values[i];
        }
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile of sorted values, linear between order statistics. */
static double quantile(const double *sorted, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static struct verdict_lift summarize(double lift, double *replicates, size_t n)
{
    const double none = nan("");
    struct verdict_lift result = {lift, none, none, none, none, 0};
    double sum = 0.0, squares = 0.0;
    size_t m = 0;
    for (size_t r = 0; r < n; r++) {
        if (isfinite(replicates[r]))
            replicates[m++] = replicates[r];
    }
    result.replicates = m;
    if (m < 2)
        return result;
    for (size_t r = 0; r < m; r++)
        sum += replicates[r];
    for (size_t r = 0; r < m; r++)
        squares += (replicates[r] - sum / (double)m) * (replicates[r] - sum / (double)m);
    qsort(replicates, m, sizeof *replicates, by_value);
    result.se = sqrt(squares / (double)(m - 1));
    result.lo = quantile(replicates, m, 0.025);
    result.hi = quantile(replicates, m, 0.975);
    result.detectable = POWER_FACTOR * result.se;
    return result;
}

static void judge(const struct bootstrap *b, uint64_t seed, struct verdict *ret)
{
    struct sums sums = {.events = {{0.0}}};
    for (size_t u = 0; u < b->n_users; u++)
        add_user(b, u, &sums);
    memcpy(ret->events, sums.events, sizeof ret->events);
    memcpy(ret->active_users, sums.active, sizeof ret->active_users);
    resample(b, seed);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++) {
        double values[STATISTICS];
        statistics(b, &sums, (enum verdict_pair)pair, values);
        ret->total[pair] = summarize(values[0], replicates_of(b, pair, 0), b->n_replicates);
        for (size_t h = 0; h < b->n_heads; h++) {
            const size_t v = 1 + 2 * h, q = 2 + 2 * h;
            ret->volume[pair][h] = summarize(values[v], replicates_of(b, pair, v), b->n_replicates);
            ret->propensity[pair][h] = summarize(values[q], replicates_of(b, pair, q), b->n_replicates);
        }
    }
}

enum status verdict_compute(const struct slates *slates, const float *p, const struct verdict_question *question,
                            size_t n_replicates, uint64_t seed, struct verdict *ret, struct err *err)
{
    struct bootstrap b = {.slates = slates,
                          .question = question,
                          .n_heads = dataset_n_heads(slates->dataset),
                          .n_users = slates->n_confirmation,
                          .n_replicates = n_replicates};
    b.events = mem_alloc(b.n_users * VERDICT_WEIGHTS * b.n_heads, sizeof *b.events);
    b.replicate = mem_alloc((size_t)VERDICT_PAIRS * STATISTICS * n_replicates, sizeof *b.replicate);
    enum status s = STATUS_OK;
    if (b.events == NULL || b.replicate == NULL) {
        s = err_no_memory(err);
        goto done;
    }
    *ret = (struct verdict){.n_users = b.n_users, .n_heads = b.n_heads, .n_replicates = n_replicates};
    ret->n_slates = show_all(&b, p);
    judge(&b, seed, ret);
done:
    mem_free(b.events);
    mem_free(b.replicate);
    return s;
}

const char *verdict_pair_name(enum verdict_pair pair)
{
    static const char *const names[VERDICT_PAIRS] = {"vs_control", "vs_equal", "control_vs_equal"};
    return names[pair];
}

const enum verdict_weights *verdict_pair_weights(enum verdict_pair pair)
{
    return PAIRS[pair];
}
