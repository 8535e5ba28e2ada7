/* The drift test against numpy and scipy 1.10 (stats.chi2, stats.ncx2) on the formula of drift.h. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/drift.h"

static const double EFFECT[] = {.031, -.012, .047, .008, -.009, -.021};
static const double COV[] = {0.001445, -0.00058,  7.5e-05,   0.000146,  -9e-05,   -0.000121, -0.00058,  0.00191,
                             5.3e-05,  0.000353,  -0.000273, 0.000281,  7.5e-05,  5.3e-05,   0.000508,  -3.8e-05,
                             -0.00026, -8.3e-05,  0.000146,  0.000353,  -3.8e-05, 0.00069,   -0.000129, -1.6e-05,
                             -9e-05,   -0.000273, -0.00026,  -0.000129, 0.000821, 0.000221,  -0.000121, 0.000281,
                             -8.3e-05, -1.6e-05,  0.000221,  0.000544};

static void test_golden(void **state)
{
    (void)state;
    struct drift_verdict v;
    struct err err = ERR_INIT;
    assert_ok(drift_test(2, 3, EFFECT, COV, &v, &err), &err);
    assert_close(v.statistic, 2.208008655029261, 1e-10);
    assert_int_equal(v.df, 4);
    assert_close(v.p, 0.6975633285153209, 1e-10);
    assert_close(v.detectable, 0.13149956860226505, 1e-8);
    assert_false(v.drifted);
    double missing[6];
    memcpy(missing, EFFECT, sizeof missing);
    missing[3] = nan("");
    assert_ok(drift_test(2, 3, missing, COV, &v, &err), &err);
    assert_close(v.statistic, 1.7566387678202717, 1e-10);
    assert_int_equal(v.df, 3);
    assert_close(v.p, 0.6244159689053892, 1e-10);
    assert_close(v.detectable, 0.13136754501927062, 1e-8);
}

/* A shift of the size it calls detectable, in the value it sees worst, is found 80 times in 100; none, 5 times. */
static void count(double shift_in_detectable, double lo, double hi)
{
    enum { RUNS = 1000 };
    double chol[36], effect[6];
    struct rng rng;
    struct drift_verdict v;
    rng_init(&rng, 17, 0, 0);
    memset(chol, 0, sizeof chol);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = COV[i * 6 + j];
            for (size_t k = 0; k < j; k++)
                sum -= chol[i * 6 + k] * chol[j * 6 + k];
            chol[i * 6 + j] = i == j ? sqrt(sum) : sum / chol[j * 6 + j];
        }
    }
    assert_int_equal(drift_test(2, 3, EFFECT, COV, &v, NULL), STATUS_OK);
    const double shift = shift_in_detectable * v.detectable;
    int found = 0;
    for (int r = 0; r < RUNS; r++) {
        double z[6];
        for (size_t i = 0; i < 6; i++)
            z[i] = rng_normal(&rng);
        for (size_t i = 0; i < 6; i++) {
            effect[i] = i % 2 == 0 ? 0.4 : -0.2; /* the anchors' own effects do not matter */
            for (size_t k = 0; k <= i; k++)
                effect[i] += chol[i * 6 + k] * z[k];
        }
        effect[4] += shift; /* the value with the smallest P_ii */
        assert_int_equal(drift_test(2, 3, effect, COV, &v, NULL), STATUS_OK);
        found += v.drifted;
    }
    assert_true(found >= lo * RUNS && found <= hi * RUNS);
}

static void test_rates(void **state)
{
    (void)state;
    count(0.0, 0.035, 0.065);
    count(1.0, 0.77, 0.84);
}

/* How often each verdict is given where one anchor rides in 6 rounds, each measured to within 1: its effect in round 4
 * is `jump` off, and it moves by `step` from round to round. */
static void advise(double jump, double step, double *ret_share)
{
    enum { RUNS = 1000, T = 6, ODD = 4 };
    double effect[T], cov[T * T] = {0.0};
    struct rng rng;
    rng_init(&rng, 23, 0, 0);
    memset(ret_share, 0, 3 * sizeof *ret_share);
    for (size_t t = 0; t < T; t++)
        cov[t * T + t] = 1.0;
    for (int i = 0; i < RUNS; i++) {
        struct drift_verdict v;
        enum drift_advice advice;
        size_t odd;
        for (size_t t = 0; t < T; t++)
            effect[t] = 3.7 + rng_normal(&rng) + step * (double)t + (t == ODD ? jump : 0.0);
        assert_int_equal(drift_test(1, T, effect, cov, &v, NULL), STATUS_OK);
        assert_int_equal(drift_advise(1, T, effect, cov, &v, &advice, &odd, NULL), STATUS_OK);
        assert_true((advice == DRIFT_POOL) == !v.drifted);
        assert_true((advice == DRIFT_DISCARD) == (odd != SIZE_MAX));
        ret_share[advice] += advice != DRIFT_DISCARD || jump <= 0.0 || odd == ODD ? 1.0 / RUNS : 0.0;
    }
}

static void test_advice(void **state)
{
    (void)state;
    double share[3];
    advise(0.0, 0.0, share);
    assert_true(share[DRIFT_POOL] > 0.93 && share[DRIFT_DISCARD] < 0.015);
    advise(6.0, 0.0, share);
    assert_true(share[DRIFT_DISCARD] > 0.85);
    advise(0.0, 1.5, share);
    assert_true(share[DRIFT_TASKS] > 0.85);
    assert_string_equal(drift_advice_text(DRIFT_TASKS), "round-as-task");
}

/* Of two rounds none is the odd one; a round without repeats is not counted. */
static void test_advice_needs_three_rounds(void **state)
{
    (void)state;
    const double two[] = {0.0, nan(""), 9.0}, three[] = {0.0, 9.0, nan(""), 0.1};
    double cov[16] = {0.0};
    struct drift_verdict v;
    enum drift_advice advice;
    size_t odd;
    for (size_t i = 0; i < 9; i += 4)
        cov[i] = 1.0;
    assert_int_equal(drift_test(1, 3, two, cov, &v, NULL), STATUS_OK);
    assert_int_equal(drift_advise(1, 3, two, cov, &v, &advice, &odd, NULL), STATUS_OK);
    assert_int_equal(advice, DRIFT_TASKS);
    memset(cov, 0, sizeof cov);
    for (size_t i = 0; i < 16; i += 5)
        cov[i] = 1.0;
    assert_int_equal(drift_test(1, 4, three, cov, &v, NULL), STATUS_OK);
    assert_int_equal(drift_advise(1, 4, three, cov, &v, &advice, &odd, NULL), STATUS_OK);
    assert_int_equal(advice, DRIFT_DISCARD);
    assert_int_equal(odd, 1);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_refuses(void **state)
{
    (void)state;
    struct drift_verdict v;
    struct err err = ERR_INIT;
    const double once[] = {.1, nan(""), nan(""), .2}, infinite[] = {HUGE_VAL, .1, .2, .3};
    const double eye[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    const double negative[] = {1, 0, 2, 0, 0, 1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1};
    assert_refused(drift_test(2, 1, EFFECT, COV, &v, &err), STATUS_INVALID, &err, "at least 2");
    assert_refused(drift_test(2, 2, once, eye, &v, &err), STATUS_INVALID, &err, "no anchor");
    assert_refused(drift_test(2, 2, infinite, eye, &v, &err), STATUS_INVALID, &err, "finite");
    assert_refused(drift_test(2, 2, EFFECT, negative, &v, &err), STATUS_INVALID, &err, "eigenvalue");
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_rates),
        cmocka_unit_test(test_advice),  cmocka_unit_test(test_advice_needs_three_rounds),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
