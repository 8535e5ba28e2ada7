/* Tests and bounds made of an effect and its standard error, and effects with less noise: confidence sequences,
 * non-inferiority, Holm, chi-square, CUPED. */
#include <math.h>

#include "base/stats/chi2.h"
#include "base/stats/confseq.h"
#include "base/stats/cuped.h"
#include "base/stats/holm.h"
#include "base/stats/noninferiority.h"
#include "tests/golden/inference.h"
#include "tests/lib/check.h"

#define COUNT(x) (sizeof(x) / sizeof *(x))

static const struct confseq_arm BIG = {4000, 700};

static void sequences_reach_as_far_as_the_mixture(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(GOLDEN_SEQUENCE); i++)
        assert_close(confseq_factor(GOLDEN_SEQUENCE[i][0], GOLDEN_SEQUENCE[i][1]), GOLDEN_SEQUENCE[i][2], 1e-12);
    struct confseq_arm control = {3351, 100};
    struct confseq_bounds b = confseq_bounds(0.037, 0.011, BIG, control, 0.05);
    assert_close(b.lower, 0.037 - 0.011 * GOLDEN_SEQUENCE[1][2], 1e-12);
    assert_close(b.upper, 0.037 + 0.011 * GOLDEN_SEQUENCE[1][2], 1e-12);
}

static void no_bounds_before_the_burn_in(void **state)
{
    (void)state;
    const struct confseq_arm least = {CONFSEQ_MIN_UNITS, CONFSEQ_MIN_EVENTS};
    assert_true(confseq_begun(least, BIG) && confseq_begun(BIG, least));
    const struct confseq_arm early[] = {{CONFSEQ_MIN_UNITS - 1, 900}, {5000, CONFSEQ_MIN_EVENTS - 1}};
    for (size_t i = 0; i < COUNT(early); i++) {
        assert_true(isnan(confseq_bounds(0.1, 0.2, early[i], BIG, 0.05).lower));
        assert_true(isnan(confseq_bounds(0.1, 0.2, BIG, early[i], 0.05).upper));
    }
    assert_true(isnan(confseq_bounds(nan(""), 0.2, BIG, BIG, 0.05).lower));
    assert_true(isnan(confseq_bounds(0.1, nan(""), BIG, BIG, 0.05).upper));
}

static void a_guardrail_has_three_answers(void **state)
{
    (void)state;
    static const enum noninferiority ANSWER[] = {NONINFERIORITY_HOLDS, NONINFERIORITY_BROKEN, NONINFERIORITY_BROKEN,
                                                 NONINFERIORITY_INCONCLUSIVE, NONINFERIORITY_BROKEN};
    for (size_t i = 0; i < COUNT(GOLDEN_NONINFERIORITY); i++) {
        const double *g = GOLDEN_NONINFERIORITY[i];
        struct noninferiority_p p = noninferiority_test(g[0], g[1], (struct noninferiority_bound){g[2], false});
        assert_close(p.holds / g[3], 1.0, 1e-11);
        assert_close(p.broken / g[4], 1.0, 1e-11);
        assert_int_equal(noninferiority_answer(p, 0.05), ANSWER[i]);
        struct noninferiority_p mirror = noninferiority_test(-g[0], g[1], (struct noninferiority_bound){-g[2], true});
        assert_close(mirror.holds / p.holds, 1.0, 1e-11);
        assert_close(mirror.broken / p.broken, 1.0, 1e-11);
    }
    struct noninferiority_p none = noninferiority_test(0.1, 0.0, (struct noninferiority_bound){0.0, true});
    assert_true(isnan(none.holds) && isnan(none.broken));
    assert_int_equal(noninferiority_answer(none, 0.05), NONINFERIORITY_INCONCLUSIVE);
}

static void an_interval_answers_when_all_of_it_agrees(void **state)
{
    (void)state;
    const struct noninferiority_bound loss = {-0.02, false}, rise = {0.03, true};
    assert_int_equal(noninferiority_within(-0.019, 0.4, loss), NONINFERIORITY_HOLDS);
    assert_int_equal(noninferiority_within(-0.4, -0.021, loss), NONINFERIORITY_BROKEN);
    assert_int_equal(noninferiority_within(-0.03, 0.01, loss), NONINFERIORITY_INCONCLUSIVE);
    assert_int_equal(noninferiority_within(-0.4, 0.029, rise), NONINFERIORITY_HOLDS);
    assert_int_equal(noninferiority_within(0.031, 0.4, rise), NONINFERIORITY_BROKEN);
    assert_int_equal(noninferiority_within(0.01, 0.04, rise), NONINFERIORITY_INCONCLUSIVE);
    assert_int_equal(noninferiority_within(nan(""), nan(""), rise), NONINFERIORITY_INCONCLUSIVE);
    assert_string_equal(noninferiority_name(NONINFERIORITY_HOLDS), "holds");
    assert_string_equal(noninferiority_name(NONINFERIORITY_BROKEN), "broken");
    assert_string_equal(noninferiority_name(NONINFERIORITY_INCONCLUSIVE), "inconclusive");
}

static void holm_is_the_closed_test(void **state)
{
    (void)state;
    enum { N = COUNT(GOLDEN_HOLM) };
    double p[N + 1], adjusted[N + 1];
    size_t order[N + 1];
    for (size_t i = 0; i < N; i++)
        p[i] = GOLDEN_HOLM[i][0];
    holm_adjust(N, p, order, adjusted);
    for (size_t i = 0; i < N; i++)
        assert_close(adjusted[i], GOLDEN_HOLM[i][1], 1e-14);
    /* A test that could not be made takes its place in the family, and the result may overwrite the p-values. */
    p[N] = nan("");
    holm_adjust(N + 1, p, order, p);
    assert_close(p[7], (N + 1) * GOLDEN_HOLM[7][0], 1e-14);
    assert_true(isnan(p[N]));
}

static void chi_square_tails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(GOLDEN_CHI2); i++)
        assert_close(chi2_tail(GOLDEN_CHI2[i][0], GOLDEN_CHI2[i][1]) / GOLDEN_CHI2[i][2], 1.0, 1e-11);
    const int64_t seen[] = {411, 297, 0, 308};
    const double share[] = {0.4, 0.3, 0.0, 0.3};
    struct sample_ratio r = sample_ratio_check(4, seen, share);
    assert_close(r.chi2, 4.6 * 4.6 / 406.4 + 7.8 * 7.8 / 304.8 + 3.2 * 3.2 / 304.8, 1e-12);
    assert_int_equal(r.df, 2);
}

enum { CLICKS, SHOWN, BEFORE, RATE, COLUMNS, ARMS = 3 };

static void set(struct moments *m, int64_t *x, size_t column, double value)
{
    int64_t to = llround(value * MOMENTS_SCALE);
    moments_change(m, x, column, to);
    x[column] = to;
}

static void init_arms(struct moments *arms)
{
    struct err err = ERR_INIT;
    for (size_t a = 0; a < ARMS; a++)
        assert_ok(moments_init(&arms[a], COLUMNS, &err), &err);
}

static void release_arms(struct moments *arms)
{
    for (size_t a = 0; a < ARMS; a++)
        moments_done(&arms[a]);
}

static void make_golden_arms(struct moments *arms)
{
    init_arms(arms);
    for (size_t u = 0; u < COUNT(GOLDEN_CUPED_UNIT); u++) {
        const double *unit = GOLDEN_CUPED_UNIT[u];
        struct moments *m = &arms[(size_t)unit[0]];
        int64_t x[COLUMNS] = {0};
        moments_add_unit(m);
        for (size_t c = 0; c < COLUMNS; c++)
            set(m, x, c, unit[1 + c]);
    }
}

/* Of the clicks and of the clicks per impression. */
static void adjust(const struct moments *arms, const size_t *covariates, struct cuped_fit *fits, double *mean,
                   double *cov)
{
    const struct moments_ratio ratios[2] = {{CLICKS, MOMENTS_ONE}, {CLICKS, SHOWN}};
    const struct cuped_metric metrics[2] = {{ratios[0], covariates[0]}, {ratios[1], covariates[1]}};
    const struct moments *all[ARMS];
    double plain[ARMS * 2], plain_cov[ARMS * 4];
    for (size_t a = 0; a < ARMS; a++) {
        all[a] = &arms[a];
        moments_ratios(&arms[a], 2, ratios, plain + a * 2, plain_cov + a * 4);
    }
    cuped_adjust(ARMS, all, 2, metrics, plain, plain_cov, fits, mean, cov);
}

static void cuped_is_the_regression_of_the_units(void **state)
{
    (void)state;
    struct moments arms[ARMS];
    struct cuped_fit fits[2];
    double mean[ARMS * 2], cov[ARMS * 4];
    make_golden_arms(arms);
    adjust(arms, (const size_t[]){BEFORE, RATE}, fits, mean, cov);
    for (size_t i = 0; i < 2; i++) {
        assert_close(fits[i].theta, GOLDEN_CUPED_FIT[i][0], 1e-12);
        assert_close(fits[i].reduction, GOLDEN_CUPED_FIT[i][1], 1e-12);
    }
    for (size_t k = 0; k < ARMS * 2; k++)
        assert_close(mean[k], GOLDEN_CUPED_ARM[k / 2][k % 2], 1e-12);
    for (size_t k = 0; k < ARMS * 4; k++)
        assert_close(cov[k] / GOLDEN_CUPED_ARM[k / 4][2 + k % 4], 1, 1e-11);
    release_arms(arms);
}

/* A covariate that is the metric itself takes all of its variance out. */
static void a_perfect_covariate_leaves_no_noise(void **state)
{
    (void)state;
    struct moments arms[ARMS];
    struct cuped_fit fits[2];
    double mean[ARMS * 2], cov[ARMS * 4];
    make_golden_arms(arms);
    adjust(arms, (const size_t[]){CLICKS, RATE}, fits, mean, cov);
    assert_close(fits[0].theta, 1, 1e-12);
    assert_close(fits[0].reduction, 1, 1e-12);
    assert_close(mean[0], mean[2], 1e-12);
    assert_close(cov[0], 0, 1e-12);
    release_arms(arms);
}

/* Nothing known before the round, and an arm without units. */
static void without_anything_known_nothing_changes(void **state)
{
    (void)state;
    struct moments arms[ARMS];
    struct cuped_fit fits[2];
    double mean[ARMS * 2], cov[ARMS * 4];
    init_arms(arms);
    for (size_t u = 0; u < 6; u++) {
        int64_t x[COLUMNS] = {0};
        moments_add_unit(&arms[u % 2]);
        set(&arms[u % 2], x, CLICKS, (double)u);
        set(&arms[u % 2], x, SHOWN, 7);
    }
    adjust(arms, (const size_t[]){BEFORE, RATE}, fits, mean, cov);
    assert_close(fits[0].theta, 0, 0);
    assert_close(fits[1].reduction, 0, 0);
    assert_close(mean[0], 2, 1e-15);      /* 0 2 4 */
    assert_close(cov[0], 4.0 / 3, 1e-15); /* S = 4 over 3 units */
    assert_true(isnan(mean[4]) && isnan(cov[8]));
    release_arms(arms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_reach_as_far_as_the_mixture),
        cmocka_unit_test(no_bounds_before_the_burn_in),
        cmocka_unit_test(a_guardrail_has_three_answers),
        cmocka_unit_test(an_interval_answers_when_all_of_it_agrees),
        cmocka_unit_test(holm_is_the_closed_test),
        cmocka_unit_test(chi_square_tails),
        cmocka_unit_test(cuped_is_the_regression_of_the_units),
        cmocka_unit_test(a_perfect_covariate_leaves_no_noise),
        cmocka_unit_test(without_anything_known_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
