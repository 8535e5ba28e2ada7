/* article.h: volumes, propensities and their paired intervals against figures by hand and the delta method. */
#include "tests/lib/check.h"

#include <math.h>

#include "base/core/rng.h"
#include "tests/lib/article.h"

enum { USERS = 4, TYPES = 2, WIDTH = WORLD_RUN_HEADS + TYPES };

/* Requests, impressions, two types; the last user never came. */
static const double A[USERS * WIDTH] = {2, 4, 3, 0, 1, 2, 1, 1, 3, 6, 0, 0, 0, 0, 0, 0},
                              B[USERS * WIDTH] = {2, 4, 1, 0, 2, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void make(const double *totals, size_t n_users, size_t n_types, struct article_way *ret)
{
    struct err err = ERR_INIT;
    assert_ok(article_way_new(n_users, n_types, ret, &err), &err);
    article_way_add(ret, totals);
}

static void test_figures(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct article_way a, b;
    struct article_comparison c;
    make(A, USERS, TYPES, &a);
    make(B, USERS, TYPES, &b);
    assert_ok(article_compare(&a, &b, 200, 1, &c, &err), &err);
    assert_int_equal(c.n_users, 3);
    assert_close(c.requests.a, 6.0 / 3.0, 1e-12);
    assert_close(c.requests.b, 4.0 / 2.0, 1e-12);
    assert_close(c.volume[0].a, 4.0 / 6.0, 1e-12);
    assert_close(c.volume[0].b, 2.0 / 4.0, 1e-12);
    assert_close(c.volume[0].value, 4.0 / 3.0 - 1.0, 1e-12);
    assert_close(c.per_user[0].a, 4.0 / 3.0, 1e-12);
    assert_close(c.per_user[0].b, 2.0 / 2.0, 1e-12);
    assert_close(c.per_user[1].a, 1.0 / 3.0, 1e-12);
    assert_close(c.propensity[0].a, 2.0 / 3.0, 1e-12);
    assert_close(c.propensity[0].b, 2.0 / 2.0, 1e-12);
    assert_close(c.propensity[1].a, 1.0 / 3.0, 1e-12);
    assert_true(isnan(c.volume[1].value) && isnan(c.volume[1].lo)); /* nothing to compare with */
    double effects[TYPES];
    const uint8_t part[USERS] = {1, 0, 1, 0};
    article_volumes(&a, &b, NULL, 0, effects);
    assert_close(effects[0], 1.0 / 3.0, 1e-12);
    article_volumes(&a, &b, part, 1, effects);
    assert_close(effects[0], (3.0 / 5.0) / (1.0 / 2.0) - 1.0, 1e-12);
    article_way_done(&a);
    article_way_done(&b);
}

/* A second play of the same changes no figure: sums over plays on both sides. */
static void test_plays_are_averaged(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct article_way a, b;
    struct article_comparison once, twice;
    make(A, USERS, TYPES, &a);
    make(B, USERS, TYPES, &b);
    assert_ok(article_compare(&a, &b, 50, 1, &once, &err), &err);
    article_way_add(&a, A);
    article_way_add(&b, B);
    assert_ok(article_compare(&a, &b, 50, 1, &twice, &err), &err);
    assert_close(twice.volume[0].a, once.volume[0].a, 1e-12);
    assert_close(twice.propensity[0].a, once.propensity[0].a, 1e-12);
    assert_close(twice.volume[0].hi, once.volume[0].hi, 1e-12);
    article_way_add(&a, B); /* not the same */
    assert_ok(article_compare(&a, &b, 50, 1, &twice, &err), &err);
    assert_close(twice.volume[0].a, (4.0 + 4.0 + 2.0) / (6.0 + 6.0 + 4.0), 1e-12);
    assert_close(twice.propensity[0].a, 6.0 / 8.0, 1e-12);
    article_way_done(&a);
    article_way_done(&b);
}

/* 2000 users with a rate of their own, under both ways: the interval has the length of the delta method for a ratio of
 * paired sums (docs/statistics.md), which is far from that of independent samples. */
static void test_intervals_are_paired(void **state)
{
    (void)state;
    enum { N = 2000, W = WORLD_RUN_HEADS + 1 };
    static double a[N * W], b[N * W];
    struct err err = ERR_INIT;
    struct rng rng;
    struct article_way way_a, way_b;
    struct article_comparison c;
    double sum_a = 0.0, sum_b = 0.0, squares = 0.0;
    rng_init(&rng, check_seed(), 1, 2);
    for (size_t u = 0; u < N; u++) {
        const double rate = 4.0 * rng_gamma(&rng, 1.0);
        a[u * W] = b[u * W] = 3.0;
        b[u * W + 2] = floor(rate * 3.0);
        a[u * W + 2] = b[u * W + 2] + (rng_uniform(&rng) < 0.3 ? 1.0 : 0.0);
        sum_a += a[u * W + 2];
        sum_b += b[u * W + 2];
    }
    for (size_t u = 0; u < N; u++) {
        const double d = (a[u * W + 2] - sum_a / sum_b * b[u * W + 2]) / sum_b;
        squares += d * d;
    }
    make(a, N, 1, &way_a);
    make(b, N, 1, &way_b);
    assert_ok(article_compare(&way_a, &way_b, 2000, check_seed(), &c, &err), &err);
    assert_close(c.volume[0].value, sum_a / sum_b - 1.0, 1e-12);
    assert_close((c.volume[0].hi - c.volume[0].lo) / (2.0 * 1.959964 * sqrt(squares)), 1.0, 0.08);
    assert_close(0.5 * (c.volume[0].hi + c.volume[0].lo), c.volume[0].value, 0.005);
    assert_close(c.requests.hi - c.requests.lo, 0.0, 0.0);
    article_way_done(&way_a);
    article_way_done(&way_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_plays_are_averaged),
        cmocka_unit_test(test_intervals_are_paired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
