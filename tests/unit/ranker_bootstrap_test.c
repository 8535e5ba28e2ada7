/* Intervals by resampling users: against theory where there is some, and wider when rows of a user are alike. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/core/rng.h"
#include "ranker/bootstrap.h"

enum { USERS = 500, ROWS_EACH = 8, ROWS = USERS * ROWS_EACH };

struct data {
    float p[ROWS];
    uint32_t labels[ROWS], users[ROWS];
};

/* p uniform, labels drawn from p; alike: the rows of a user are copies of one. */
static void make(struct data *d, bool alike)
{
    struct rng rng;
    rng_init(&rng, check_seed(), 21, 22);
    for (size_t i = 0; i < ROWS; i++) {
        const bool copy = alike && i % ROWS_EACH != 0;
        d->p[i] = copy ? d->p[i - 1] : (float)(0.02 + 0.96 * rng_uniform(&rng));
        d->labels[i] = copy ? d->labels[i - 1] : rng_uniform(&rng) < (double)d->p[i] ? 2u : 0u;
        d->users[i] = (uint32_t)(3 * (i / ROWS_EACH)); /* numbers with gaps */
    }
}

static struct metrics measure(const struct data *d, uint64_t seed)
{
    struct err err = ERR_INIT;
    struct metrics m;
    const struct bootstrap bootstrap = {400, seed, d->users, 3 * USERS};
    assert_ok(metrics_of(d->p, 1, d->labels, 1, ROWS, &m, &err), &err);
    assert_true(isnan(m.auc_interval.low));
    assert_ok(bootstrap_intervals(&bootstrap, d->p, 1, d->labels, 1, ROWS, &m, &err), &err);
    return m;
}

static double width(struct metrics_interval interval)
{
    return interval.high - interval.low;
}

static bool holds(struct metrics_interval interval, double value)
{
    return interval.low < value && value < interval.high;
}

/* Independent rows: the mean loss has the standard error of a mean. */
static void test_width_is_that_of_theory(void **state)
{
    (void)state;
    struct data d;
    make(&d, false);
    const struct metrics m = measure(&d, 5);
    double squares = 0.0;
    for (size_t i = 0; i < ROWS; i++) {
        const double p = (double)d.p[i], loss = d.labels[i] != 0 ? -log(p) : -log1p(-p);
        squares += (loss - m.logloss) * (loss - m.logloss);
    }
    const double se = sqrt(squares / ROWS / ROWS);
    assert_true(fabs(width(m.logloss_interval) / (2.0 * 1.96 * se) - 1.0) < 0.2);
    assert_true(holds(m.logloss_interval, m.logloss));
    assert_true(holds(m.auc_interval, m.auc));
    assert_true(holds(m.ratio_interval, m.expected_over_observed));
}

/* Eight copies of each row tell no more than one: sqrt(8) times as wide. */
static void test_users_are_resampled(void **state)
{
    (void)state;
    struct data alike, apart;
    make(&alike, true);
    make(&apart, false);
    const struct metrics a = measure(&alike, 5), b = measure(&apart, 5);
    assert_true(fabs(width(a.logloss_interval) / width(b.logloss_interval) / sqrt(8.0) - 1.0) < 0.3);
    assert_true(width(a.auc_interval) > 2.0 * width(b.auc_interval));
}

static void test_seed_decides(void **state)
{
    (void)state;
    struct data d;
    make(&d, false);
    const struct metrics a = measure(&d, 5), b = measure(&d, 5), c = measure(&d, 6);
    assert_memory_equal(&a.auc_interval, &b.auc_interval, sizeof a.auc_interval);
    assert_memory_not_equal(&a.auc_interval, &c.auc_interval, sizeof a.auc_interval);
}

static void test_head_without_positives(void **state)
{
    (void)state;
    struct data d;
    make(&d, false);
    memset(d.labels, 0, sizeof d.labels);
    const struct metrics m = measure(&d, 5);
    assert_true(isnan(m.auc_interval.low) && isnan(m.ratio_interval.high));
    assert_true(holds(m.logloss_interval, m.logloss));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width_is_that_of_theory),
        cmocka_unit_test(test_users_are_resampled),
        cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_head_without_positives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
