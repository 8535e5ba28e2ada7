/* What previews are to the optimizer: features of the objective, and a bound that points must keep. */
#include <math.h>

#include <gsl/gsl_errno.h>

#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tests/lib/trend_lab.h"
#include "tuner/core/design.h"
#include "tuner/core/optimizer.h"

enum { DIM = TREND_LAB_DIM, WIDTH = TREND_LAB_WIDTH };

/* What is linear in the previews is known after a few arms. */
static double error_after_one_round(bool previews)
{
    enum { ARMS = 8, POINTS = 100 };
    struct err err = ERR_INIT;
    struct rng rng;
    struct optimizer *optimizer = NULL;
    const struct optimizer_config config = {
        .dim = DIM, .n_outcomes = 1, .seed = 3, .control = TREND_LAB_CONTROL, .control_known = true};
    double x[TREND_LAB_PREVIEWS * DIM], value[TREND_LAB_PREVIEWS * WIDTH], y[ARMS], cov[ARMS * ARMS] = {0.0},
                                                                                               zero[WIDTH], g[WIDTH];
    assert_ok(optimizer_new(&config, &optimizer, &err), &err);
    rng_init(&rng, 5, 0, 0);
    design_sobol(TREND_LAB_PREVIEWS, DIM, 0, NULL, &rng, x);
    trend_lab_shown(TREND_LAB_CONTROL, zero);
    for (size_t i = 0; i < TREND_LAB_PREVIEWS; i++) {
        trend_lab_shown(x + i * DIM, value + i * WIDTH);
        for (size_t h = 0; h < WIDTH; h++)
            value[i * WIDTH + h] -= zero[h];
    }
    const struct optimizer_previews told = {TREND_LAB_PREVIEWS, WIDTH, x, value};
    if (previews)
        assert_ok(optimizer_preview(optimizer, &told, &err), &err);
    assert_ok(optimizer_ask(optimizer, ARMS, 0, NULL, x, &err), &err);
    for (size_t i = 0; i < ARMS; i++) {
        trend_lab_shown(x + i * DIM, g);
        y[i] = 0.8 * (g[0] - zero[0]) - 0.5 * (g[1] - zero[1]) + 0.01 * rng_normal(&rng);
        cov[i * ARMS + i] = 1e-4;
    }
    const struct optimizer_round round = {ARMS, x, y, cov, NULL};
    assert_ok(optimizer_tell(optimizer, &round, &err), &err);
    if (previews) { /* the coefficients of y above, with errors that fit */
        double worth[WIDTH], sd[WIDTH];
        assert_ok(optimizer_preview_worth(optimizer, 0, worth, sd, &err), &err);
        assert_true(fabs(worth[0] - 0.8) < 3.0 * sd[0] && fabs(worth[1] + 0.5) < 3.0 * sd[1]);
        assert_true(sd[0] < 0.15 && sd[1] < 0.15);
    }
    double squares = 0.0, mean[POINTS];
    const struct optimizer_posterior ret = {.mean = mean};
    design_sobol(POINTS, DIM, 0, NULL, &rng, x);
    assert_ok(optimizer_posterior(optimizer, POINTS, x, &ret, &err), &err);
    for (size_t i = 0; i < POINTS; i++) {
        trend_lab_shown(x + i * DIM, g);
        squares += pow(mean[i] - 0.8 * (g[0] - zero[0]) + 0.5 * (g[1] - zero[1]), 2.0);
    }
    optimizer_free(optimizer);
    return sqrt(squares / POINTS);
}

static void test_what_is_shown_explains(void **state)
{
    (void)state;
    const double with = error_after_one_round(true), without = error_after_one_round(false);
    assert_true(with < 0.01);
    assert_true(with < 0.5 * without);
}

/* An objective that grows with the distance from the control meets a bound that does too */

static double distance(const double *x)
{
    double sum = 0.0;
    for (size_t k = 0; k < DIM; k++)
        sum += (x[k] - TREND_LAB_CONTROL[k]) * (x[k] - TREND_LAB_CONTROL[k]);
    return sqrt(sum);
}

/* Of the points asked for after one round, the farthest and how many lie beyond `most`; *ret_gain: what is left to
 * find. */
static double farthest_asked(double most, size_t *ret_beyond, double *ret_gain)
{
    enum { ARMS = 8 };
    struct err err = ERR_INIT;
    struct optimizer *optimizer = NULL;
    const struct optimizer_config config = {
        .dim = DIM, .n_outcomes = 1, .seed = 3, .control = TREND_LAB_CONTROL, .control_known = true};
    double x[TREND_LAB_PREVIEWS * DIM], value[TREND_LAB_PREVIEWS], y[ARMS], cov[ARMS * ARMS] = {0.0}, farthest = 0.0;
    struct rng rng;
    assert_ok(optimizer_new(&config, &optimizer, &err), &err);
    rng_init(&rng, 5, 0, 0);
    design_sobol(TREND_LAB_PREVIEWS, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < TREND_LAB_PREVIEWS; i++)
        value[i] = distance(x + i * DIM);
    if (most < 10.0) { /* a second one replaces the first */
        assert_ok(optimizer_bound(optimizer, TREND_LAB_PREVIEWS, x, value, 0.1, &err), &err);
        assert_ok(optimizer_bound(optimizer, TREND_LAB_PREVIEWS, x, value, most, &err), &err);
    }
    assert_ok(optimizer_ask(optimizer, ARMS, 0, NULL, x, &err), &err);
    for (size_t i = 0; i < ARMS; i++) {
        y[i] = 0.1 * distance(x + i * DIM);
        cov[i * ARMS + i] = 1e-6;
    }
    const struct optimizer_round round = {ARMS, x, y, cov, NULL};
    struct optimizer_stop stop;
    assert_ok(optimizer_tell(optimizer, &round, &err), &err);
    assert_ok(optimizer_ask(optimizer, ARMS, 0, NULL, x, &err), &err);
    assert_ok(optimizer_stop_test(optimizer, 0.01, TREND_LAB_CONTROL, &stop, &err), &err);
    *ret_gain = stop.expected;
    *ret_beyond = 0;
    for (size_t i = 0; i < ARMS; i++) {
        farthest = fmax(farthest, distance(x + i * DIM));
        *ret_beyond += distance(x + i * DIM) > most + 0.02;
    }
    optimizer_free(optimizer);
    return farthest;
}

static void test_a_bound_is_kept(void **state)
{
    (void)state;
    size_t beyond;
    double gain, free_gain;
    const double free = farthest_asked(100.0, &beyond, &free_gain);
    assert_true(free > 1.0);
    const double kept = farthest_asked(0.5, &beyond, &gain);
    assert_true(kept > 0.4);
    assert_int_equal(beyond, 0);
    assert_close(gain, 0.05, 0.02); /* what the bound leaves, of the control's 0 */
    assert_true(free_gain > 0.09);
}

static void test_control_is_needed(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct optimizer *optimizer = NULL;
    const struct optimizer_config config = {.dim = 1, .n_outcomes = 1};
    const double x[] = {0.0, 1.0};
    double worth[1];
    const struct optimizer_previews previews = {2, 1, x, x};
    assert_ok(optimizer_new(&config, &optimizer, &err), &err);
    assert_refused(optimizer_preview(optimizer, &previews, &err), STATUS_INVALID, &err, "control_known");
    assert_refused(optimizer_bound(optimizer, 2, x, x, 0.5, &err), STATUS_INVALID, &err, "known control");
    assert_refused(optimizer_preview_worth(optimizer, 0, worth, worth, &err), STATUS_INVALID, &err, "without previews");
    optimizer_free(optimizer);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_shown_explains),
        cmocka_unit_test(test_a_bound_is_kept),
        cmocka_unit_test(test_control_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
