/* What previews say, interpolated, and its slopes. */
#include <math.h>

#include <gsl/gsl_errno.h>

#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tests/lib/trend_lab.h"
#include "tuner/core/design.h"

enum { DIM = TREND_LAB_DIM, WIDTH = TREND_LAB_WIDTH };

static void test_interpolation(void **state)
{
    (void)state;
    struct trend *trend = trend_lab_new();
    struct rng rng;
    double zero[WIDTH], at_control[WIDTH], got[WIDTH], want[WIDTH];
    trend_lab_shown(TREND_LAB_CONTROL, zero);
    trend_at(trend, 1, TREND_LAB_CONTROL, at_control);
    rng_init(&rng, 6, 0, 0);
    for (size_t i = 0; i < 200; i++) {
        const double x[DIM] = {rng_uniform(&rng), rng_uniform(&rng), rng_uniform(&rng)};
        trend_lab_shown(x, want);
        trend_at(trend, 1, x, got);
        for (size_t h = 0; h < WIDTH; h++)
            assert_close(got[h], want[h] - zero[h], 0.01);
    }
    for (size_t h = 0; h < WIDTH; h++)
        assert_close(at_control[h], 0.0, 0.0);
    assert_int_equal(trend_n_features(trend), WIDTH);
    assert_int_equal(trend_n_features(NULL), 0);
    trend_free(trend);
}

static void test_slopes(void **state)
{
    (void)state;
    struct trend *trend = trend_lab_new();
    double x[DIM] = {0.77, 0.31, 0.45}, slopes[WIDTH * DIM], up[WIDTH], down[WIDTH];
    trend_slopes(trend, x, slopes);
    for (size_t k = 0; k < DIM; k++) {
        const double h = 1e-5, here = x[k];
        x[k] = here + h;
        trend_at(trend, 1, x, up);
        x[k] = here - h;
        trend_at(trend, 1, x, down);
        x[k] = here;
        for (size_t j = 0; j < WIDTH; j++)
            assert_close(slopes[j * DIM + k], (up[j] - down[j]) / (2.0 * h), 1e-8);
    }
    trend_free(trend);
}

/* Cosines of one coordinate each, with their slopes; fewer of them where there are many coordinates. */
static void test_waves(void **state)
{
    (void)state;
    enum { WIDE = 20 };
    struct err err = ERR_INIT;
    struct trend *trend = NULL;
    const double x[DIM] = {0.77, 0.31, 0.45}, pi = 3.14159265358979323846;
    double value[8 * DIM], slopes[8 * DIM * DIM];
    assert_ok(trend_new_waves(DIM, &trend, &err), &err);
    assert_int_equal(trend_n_features(trend), 8 * DIM);
    trend_at(trend, 1, x, value);
    trend_slopes(trend, x, slopes);
    for (size_t j = 0; j < 8 * DIM; j++) {
        const double h = (double)(j % 8 + 1), height = sqrt(2.0 / (DIM * h));
        assert_close(value[j], height * cos(pi * h * x[j / 8]), 1e-13);
        for (size_t k = 0; k < DIM; k++)
            assert_close(slopes[j * DIM + k], k == j / 8 ? -pi * h * height * sin(pi * h * x[k]) : 0.0, 1e-12);
    }
    trend_free(trend);
    assert_ok(trend_new_waves(WIDE, &trend, &err), &err);
    assert_int_equal(trend_n_features(trend), 4 * WIDE);
    trend_free(trend);
}

/* An error of the values is no step: without the nugget the noise would be followed. */
static void test_jitter(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct trend *trend = NULL;
    struct rng rng;
    double x[TREND_LAB_PREVIEWS * DIM], value[TREND_LAB_PREVIEWS * WIDTH], got[WIDTH], zero[WIDTH], want[WIDTH],
        squares = 0.0;
    rng_init(&rng, 5, 0, 0);
    trend_lab_shown(TREND_LAB_CONTROL, zero);
    design_sobol(TREND_LAB_PREVIEWS, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < TREND_LAB_PREVIEWS; i++) {
        trend_lab_shown(x + i * DIM, value + i * WIDTH);
        value[i * WIDTH] += 0.003 * rng_normal(&rng);
    }
    assert_ok(trend_new(DIM, WIDTH, TREND_LAB_PREVIEWS, x, value, TREND_LAB_CONTROL, &trend, &err), &err);
    for (size_t i = 0; i < 200; i++) {
        const double point[DIM] = {rng_uniform(&rng), rng_uniform(&rng), rng_uniform(&rng)};
        trend_lab_shown(point, want);
        trend_at(trend, 1, point, got);
        squares += (got[0] - want[0] + zero[0]) * (got[0] - want[0] + zero[0]);
    }
    assert_true(sqrt(squares / 200.0) < 0.01);
    trend_free(trend);
}

static void test_refusals(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct trend *trend = NULL;
    double x[4 * DIM] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0.0, 0.5}, value[4] = {1.0, 2.0, 3.0, 4.0};
    assert_refused(trend_new(DIM, 1, 1, x, value, TREND_LAB_CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "allowed are 2 to 512");
    assert_refused(trend_new(DIM, 33, 4, x, value, TREND_LAB_CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "of 1 to 32");
    value[2] = nan("");
    assert_refused(trend_new(DIM, 1, 4, x, value, TREND_LAB_CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "previewed point 2: value 0 is");
    value[2] = 3.0;
    x[4] = HUGE_VAL;
    assert_refused(trend_new(DIM, 1, 4, x, value, TREND_LAB_CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "previewed point 1: coordinate 1 is");
    x[4] = 0.5;
    value[0] = value[1] = value[2] = value[3] = 0.0; /* a head that no weights move */
    assert_ok(trend_new(DIM, 1, 4, x, value, TREND_LAB_CONTROL, &trend, &err), &err);
    trend_free(trend);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpolation), cmocka_unit_test(test_slopes),   cmocka_unit_test(test_waves),
        cmocka_unit_test(test_jitter),        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
