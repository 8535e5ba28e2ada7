#include "base/stats/effects.h"

#include <math.h>

#include "base/core/rng.h"
#include "tests/golden/effects.h"
#include "tests/lib/check.h"

static void assert_all_close(size_t n, const double *a, const double *b)
{
    for (size_t i = 0; i < n; i++)
        assert_close(a[i] / b[i], 1.0, 1e-12);
}

static void effects_match_exact_arithmetic(void **state)
{
    (void)state;
    enum { E = GOLDEN_EFFECTS };
    double effect[E], cov[E * E], value[E / GOLDEN_METRICS], value_cov[E / GOLDEN_METRICS * (E / GOLDEN_METRICS)];
    effects_absolute(GOLDEN_ARMS, GOLDEN_METRICS, GOLDEN_CONTROL, GOLDEN_MEAN, GOLDEN_COV, effect, cov);
    assert_all_close(E, effect, GOLDEN_ABSOLUTE);
    assert_all_close((size_t)E * E, cov, GOLDEN_ABSOLUTE_COV);
    effects_relative(GOLDEN_ARMS, GOLDEN_METRICS, GOLDEN_CONTROL, GOLDEN_MEAN, GOLDEN_COV, effect, cov);
    assert_all_close(E, effect, GOLDEN_RELATIVE);
    assert_all_close((size_t)E * E, cov, GOLDEN_RELATIVE_COV);
    effects_combine(GOLDEN_ARMS - 1, GOLDEN_METRICS, effect, cov, GOLDEN_WEIGHT, value, value_cov);
    assert_all_close(GOLDEN_ARMS - 1, value, GOLDEN_VALUE);
    assert_all_close((size_t)(GOLDEN_ARMS - 1) * (GOLDEN_ARMS - 1), value_cov, GOLDEN_VALUE_COV);
}

/* Metric 1 of the control is 0, arm 2 lacks the variance of metric 0: those effects are NaN with their rows and
 * columns, the others are as they were. */
static void unknown_values_stay_apart(void **state)
{
    (void)state;
    enum { M = 2, E = 4 };
    const double mean[] = {0.37, 0.0, 0.41, 0.23, 0.39, 0.29};
    const double cov[] = {2e-4, 3e-5, 3e-5, 1e-4, 3e-4, 2e-5, 2e-5, 5e-4, nan(""), nan(""), nan(""), 7e-4};
    double effect[E], out[E * E], value[2], value_cov[4];
    effects_relative(3, M, 0, mean, cov, effect, out);
    assert_close(effect[0], 0.41 / 0.37 * (1 - 2e-4 / (0.37 * 0.37)) - 1, 1e-14);
    assert_true(isnan(effect[1]) && isnan(effect[2]) && isnan(effect[3]));
    for (size_t i = 0; i < (size_t)E * E; i++)
        assert_int_equal(isnan(out[i]) != 0, i != 0);
    effects_absolute(3, M, 0, mean, cov, effect, out);
    assert_true(isnan(effect[2]));
    assert_close(effect[3], 0.29, 1e-14);
    for (size_t i = 0; i < E; i++)
        assert_int_equal(isnan(out[i * E + 3]) != 0, i == 2);
    const double weight[] = {0.0, 1.7};
    effects_combine(2, M, effect, out, weight, value, value_cov);
    assert_close(value[1], 1.7 * 0.29, 1e-14);
    assert_close(value_cov[3], 1.7 * 1.7 * (7e-4 + 1e-4), 1e-14);
}

/* Draw normal means around known truths: the intervals cover as they claim, the second-order term takes the bias out,
 * and two arms are as correlated through their control as the matrix says. */
static void intervals_cover_and_arms_share_the_control(void **state)
{
    (void)state;
    enum { ARMS = 3, E = 2 };
    const size_t n = check_cases(200, 2000) * 100;
    const double truth[ARMS] = {0.31, 0.34, 0.29}, sd[ARMS] = {0.012, 0.015, 0.011};
    size_t covered = 0;
    double sum[E] = {0}, cross = 0, claimed = 0;
    struct rng rng;
    rng_init(&rng, check_seed(), 17, 4);
    for (size_t r = 0; r < n; r++) {
        double mean[ARMS], cov[ARMS], effect[E], out[E * E];
        for (size_t a = 0; a < ARMS; a++) {
            mean[a] = truth[a] + sd[a] * rng_normal(&rng);
            cov[a] = sd[a] * sd[a];
        }
        effects_relative(ARMS, 1, 0, mean, cov, effect, out);
        for (size_t e = 0; e < E; e++) {
            effect[e] -= truth[e + 1] / truth[0] - 1;
            sum[e] += effect[e];
            covered += fabs(effect[e]) <= 1.959963984540054 * sqrt(out[e * E + e]);
        }
        cross += effect[0] * effect[1];
        claimed += out[1];
    }
    double cases = (double)n;
    assert_true(fabs((double)covered / (E * cases) - 0.95) < 0.01);
    /* The bias without the correction would be m/c V_c/c^2 = 0.0016; the standard error of this mean is 0.0004. */
    assert_true(fabs(sum[0] / cases) < 0.0012 && fabs(sum[1] / cases) < 0.0012);
    assert_close(cross / claimed, 1.0, 0.06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_match_exact_arithmetic),
        cmocka_unit_test(unknown_values_stay_apart),
        cmocka_unit_test(intervals_cover_and_arms_share_the_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
