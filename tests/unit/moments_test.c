#include "base/stats/moments.h"

#include <math.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/stats/chi2.h"
#include "base/stats/effects.h"
#include "tests/lib/check.h"

enum { COLUMNS = 3, UNITS = 400 };

/* Two-pass sums in long double: the reference. */
static long double naive_cov(int64_t (*x)[COLUMNS], size_t n, size_t j, size_t k)
{
    long double mj = 0, mk = 0, s = 0;
    for (size_t u = 0; u < n; u++) {
        mj += (long double)x[u][j] / (long double)n;
        mk += (long double)x[u][k] / (long double)n;
    }
    for (size_t u = 0; u < n; u++)
        s += ((long double)x[u][j] - mj) * ((long double)x[u][k] - mk);
    return s / (long double)(n - 1) / 1e12L;
}

/* Values far from zero with a small spread: sums of squares in doubles would lose every digit of the variance. */
static void covariances_keep_their_digits_far_from_zero(void **state)
{
    (void)state;
    static int64_t x[UNITS][COLUMNS];
    struct rng rng;
    struct err err = ERR_INIT;
    struct moments m;
    rng_init(&rng, check_seed(), 3, 1);
    assert_ok(moments_init(&m, COLUMNS, &err), &err);
    for (size_t u = 0; u < UNITS; u++) {
        moments_add_unit(&m);
        for (size_t step = 0; step < 2 * COLUMNS; step++) {
            int64_t to = INT64_C(93000000000001) + (int64_t)rng_below(&rng, 5000003);
            moments_change(&m, x[u], step % COLUMNS, to);
            x[u][step % COLUMNS] = to;
        }
    }
    for (size_t j = 0; j < COLUMNS; j++) {
        for (size_t k = 0; k < COLUMNS; k++)
            assert_close(moments_sample_cov(&m, j, k), (double)naive_cov(x, UNITS, j, k), 1e-12);
    }
    assert_close(moments_sample_cov(&m, 0, MOMENTS_ONE), 0.0, 0.0);
    moments_done(&m);
}

/* Six units, by hand: N = 3 1 4 1 5 9, D = 2 7 1 8 2 8.  R = 23/28; z_u = (N_u - R D_u) / (28/6);
 * Var = sum z^2 / 5 / 6 (z sums to 0).  The mean of N has S(N,N)/6 = 8.9666../6 and covariance S(N, z)/6 with R. */
static void ratio_and_mean_by_hand(void **state)
{
    (void)state;
    const int64_t n[] = {3, 1, 4, 1, 5, 9}, d[] = {2, 7, 1, 8, 2, 8};
    struct moments m;
    struct err err = ERR_INIT;
    assert_ok(moments_init(&m, 2, &err), &err);
    double zz = 0, nz = 0, r = 23.0 / 28.0;
    for (size_t u = 0; u < 6; u++) {
        int64_t x[2] = {0, 0};
        moments_add_unit(&m);
        moments_change(&m, x, 0, n[u] * MOMENTS_SCALE);
        x[0] = n[u] * MOMENTS_SCALE;
        moments_change(&m, x, 1, d[u] * MOMENTS_SCALE);
        double z = ((double)n[u] - r * (double)d[u]) * 6.0 / 28.0;
        zz += z * z;
        nz += z * ((double)n[u] - 23.0 / 6.0);
    }
    const struct moments_ratio ratios[] = {{0, 1}, {0, MOMENTS_ONE}};
    double mean[2], cov[4];
    moments_ratios(&m, 2, ratios, mean, cov);
    assert_close(mean[0], r, 1e-15);
    assert_close(mean[1], 23.0 / 6.0, 1e-15);
    assert_close(cov[0], zz / 30.0, 1e-14);
    assert_close(cov[1], nz / 30.0, 1e-14);
    assert_close(cov[2], nz / 30.0, 1e-14);
    assert_close(cov[3], 269.0 / 6.0 / 30.0, 1e-14); /* sum N^2 - 23^2/6 = 133 - 529/6 */
    moments_done(&m);
}

static void what_cannot_be_known_is_nan(void **state)
{
    (void)state;
    const struct moments_ratio ratios[] = {{0, 1}, {0, MOMENTS_ONE}};
    const int64_t zero[2] = {0, 0};
    double mean[2], cov[4];
    struct moments m;
    struct err err = ERR_INIT;
    assert_ok(moments_init(&m, 2, &err), &err);
    moments_ratios(&m, 2, ratios, mean, cov);
    assert_true(isnan(mean[0]) && isnan(mean[1]) && isnan(cov[3]));
    moments_add_unit(&m);
    moments_change(&m, zero, 0, 7 * MOMENTS_SCALE);
    moments_ratios(&m, 2, ratios, mean, cov);
    assert_true(isnan(mean[0]) && isnan(cov[0]) && isnan(cov[3]));
    assert_close(mean[1], 7.0, 0.0);
    moments_add_unit(&m);
    moments_ratios(&m, 2, ratios, mean, cov);
    assert_true(isnan(cov[0]) && isnan(cov[1]) && isnan(cov[2]));
    assert_close(cov[3], 12.25, 1e-15); /* S = 24.5 of {7, 0}, over n = 2 */
    moments_done(&m);
}

/* 95 % intervals of relative effects of a mean and of a ratio, over simulated experiments with heavy-tailed, correlated
 * per-unit totals: between 93.5 and 96.5 %. */
struct coverage {
    size_t covered, cases;
};

static void simulate_arm(struct rng *rng, double lift, size_t units, double *mean, double *cov)
{
    struct moments m;
    struct err err = ERR_INIT;
    assert_ok(moments_init(&m, 2, &err), &err);
    for (size_t u = 0; u < units; u++) {
        int64_t x[2] = {0, 0};
        double activity = rng_gamma(rng, 0.7), rate = 0.3 * lift * (0.4 + rng_uniform(rng) * 1.2);
        int64_t shown = 1 + (int64_t)(activity * 9.0), clicks = 0;
        for (int64_t i = 0; i < shown; i++)
            clicks += rng_uniform(rng) < rate;
        moments_add_unit(&m);
        moments_change(&m, x, 0, clicks * MOMENTS_SCALE);
        x[0] = clicks * MOMENTS_SCALE;
        moments_change(&m, x, 1, shown * MOMENTS_SCALE);
    }
    const struct moments_ratio ratios[] = {{0, MOMENTS_ONE}, {0, 1}};
    moments_ratios(&m, 2, ratios, mean, cov);
    moments_done(&m);
}

static void relative_effects_cover(void **state)
{
    (void)state;
    size_t cases = check_cases(300, 2000), covered[2] = {0, 0};
    const double lift = 1.08;
    struct rng rng;
    rng_init(&rng, check_seed(), 71, 5);
    for (size_t r = 0; r < cases; r++) {
        double mean[4], cov[8], effect[2], out[4];
        simulate_arm(&rng, 1.0, 300, mean, cov);
        simulate_arm(&rng, lift, 300, mean + 2, cov + 4);
        effects_relative(2, 2, 0, mean, cov, effect, out);
        for (size_t i = 0; i < 2; i++)
            covered[i] += fabs(effect[i] - (lift - 1.0)) <= 1.959963984540054 * sqrt(out[i * 2 + i]);
    }
    /* 1.5 % where the simulation itself knows the coverage that well (2000 cases), its own noise otherwise. */
    double slack = fmax(0.015, 3.3 * sqrt(0.95 * 0.05 / (double)cases));
    for (size_t i = 0; i < 2; i++)
        assert_true(fabs((double)covered[i] / (double)cases - 0.95) <= slack);
}

static void allocations_fail_cleanly(void **state)
{
    (void)state;
    int64_t before = mem_outstanding();
    for (int64_t n = 0; n < 2; n++) {
        struct moments m;
        mem_fault_after(n);
        assert_int_equal(moments_init(&m, 5, NULL), STATUS_NO_MEMORY);
        mem_fault_after(-1);
    }
    assert_int_equal(mem_outstanding(), before);
}

/* Tail values from tables in Abramowitz & Stegun 26.8 and, with more digits, from the closed forms
 * Q(x, 2) = exp(-x/2) and Q(x, 4) = exp(-x/2)(1 + x/2). */
static void chi_square_tail(void **state)
{
    (void)state;
    assert_close(chi2_tail(3.7, 2), exp(-1.85), 1e-13);
    assert_close(chi2_tail(11.3, 4), exp(-5.65) * 6.65, 1e-13);
    assert_close(chi2_tail(3.841458820694124, 1), 0.05, 1e-12);
    assert_true(isnan(chi2_tail(-1, 2)) && isnan(chi2_tail(1, 0)) && isnan(chi2_tail(nan(""), 2)));
}

/* 1000 units over shares .2 .3 .1 (and one arm that was stopped): e = 333.3 500 166.7, X^2 = 4.083 + 0.968 + 0.427. */
static void sample_ratio_by_hand(void **state)
{
    (void)state;
    const int64_t observed[] = {370, 478, 999, 152};
    const double share[] = {0.2, 0.3, 0.0, 0.1};
    struct sample_ratio r = sample_ratio_check(4, observed, share);
    double e[] = {1000.0 / 3, 500, 1000.0 / 6};
    double x2 = pow(370 - e[0], 2) / e[0] + pow(478 - e[1], 2) / e[1] + pow(152 - e[2], 2) / e[2];
    assert_close(r.chi2, x2, 1e-12);
    assert_int_equal(r.df, 2);
    assert_close(r.p, exp(-x2 / 2), 1e-12);
    assert_true(isnan(sample_ratio_check(2, (int64_t[]){0, 0}, share).p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covariances_keep_their_digits_far_from_zero),
        cmocka_unit_test(ratio_and_mean_by_hand),
        cmocka_unit_test(what_cannot_be_known_is_nan),
        cmocka_unit_test(relative_effects_cover),
        cmocka_unit_test(allocations_fail_cleanly),
        cmocka_unit_test(chi_square_tail),
        cmocka_unit_test(sample_ratio_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
