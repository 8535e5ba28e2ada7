/* metrics: by hand, and against their definitions. */
#include "tests/lib/check.h"

#include <math.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/metrics.h"

static void test_metrics(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct metrics m;
    /* pairs (positive, negative): .7 beats .2 .7(half) .1, .3 beats .2 .1, .7 again: 2.5 + 2 + 2.5 of 9 */
    const float p[] = {0.7f, 0.2f, 0.3f, 0.7f, 0.1f, 0.7f};
    const uint32_t labels[] = {4, 3, 4, 0, 0, 4};
    assert_ok(metrics_of(p, 1, labels, 2, 6, &m, &err), &err);
    assert_int_equal(m.positives, 3);
    assert_close(m.auc, 7.0 / 9.0, 1e-12);
    assert_close(m.logloss, -(2 * log(0.7) + log(0.3) + log(0.8) + log(0.3) + log(0.9)) / 6.0, 1e-6);
    assert_close(m.constant_logloss, log(2.0), 1e-12);
    assert_close(m.expected_over_observed, 2.7 / 3.0, 1e-6);
    /* 15 bins over 6 rows: one row each */
    assert_close(m.ece, (0.1 + 0.2 + 0.7 + 0.3 + 0.3 + 0.7) / 6.0, 1e-6);
    assert_ok(metrics_of(p, 1, labels, 5, 6, &m, &err), &err);
    assert_true(isnan(m.auc) && isnan(m.expected_over_observed));
}

/* Bins hold many rows: errors within a bin cancel. */
static void test_calibration_error_averages_in_bins(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct metrics m;
    enum { N = METRICS_BINS * 4 };
    float p[N];
    uint32_t labels[N];
    for (size_t i = 0; i < N; i++) {
        p[i] = (float)(i / 4 + 1) / 32.0f;
        labels[i] = i % 4 == 3;
    }
    assert_ok(metrics_of(p, 1, labels, 0, N, &m, &err), &err);
    double expected = 0.0;
    for (size_t b = 0; b < METRICS_BINS; b++)
        expected += fabs((double)(b + 1) / 32.0 - 0.25) / METRICS_BINS;
    assert_close(m.ece, expected, 1e-6);
    for (size_t b = 0; b < METRICS_BINS; b++) {
        assert_int_equal(m.bins[b].n, 4);
        assert_int_equal(m.bins[b].positives, 1);
        assert_close(m.bins[b].expected, (double)(b + 1) / 32.0, 1e-7);
    }
}

/* The ends of Wilson's interval solve (x - p)^2 = z^2 x (1 - x) / n. */
static void test_interval(void **state)
{
    (void)state;
    double low, high;
    metrics_interval(7, 40, &low, &high);
    const double z = 1.959963984540054, p = 7.0 / 40.0;
    assert_close((low - p) * (low - p), z * z * low * (1.0 - low) / 40.0, 1e-12);
    assert_close((high - p) * (high - p), z * z * high * (1.0 - high) / 40.0, 1e-12);
    assert_true(low < p && p < high);
    metrics_interval(0, 40, &low, &high);
    assert_close(low, 0.0, 0.0);
    assert_close(high, z * z / (40.0 + z * z), 1e-12);
    metrics_interval(40, 40, &low, &high);
    assert_close(high, 1.0, 0.0);
    metrics_interval(0, 0, &low, &high);
    assert_close(low, 0.0, 0.0);
    assert_close(high, 1.0, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_calibration_error_averages_in_bins),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
