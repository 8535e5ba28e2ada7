/* What previews say: interpolation and its slopes, and a Gaussian process with a part linear in them, against the same
 * covariance put together by hand and against differences. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/design.h"
#include "tuner/core/draws.h"
#include "tuner/core/gp.h"
#include "tuner/core/linalg.h"
#include "tuner/core/optimizer.h"
#include "tuner/core/trend.h"

enum { DIM = 3, WIDTH = 2, N_PREVIEWS = 200 };
static const double CONTROL[DIM] = {0.3, 0.5, 0.0};

/* Two smooth functions, not 0 at the control: the interpolation takes that off. */
static void shown(const double *x, double *ret)
{
    ret[0] = 0.4 * x[0] - 0.3 * x[1] * x[1] + 0.2 * sin(2.0 * x[2]);
    ret[1] = -0.5 * exp(-x[0] - x[2]) + 0.3 * x[1];
}

static struct trend *make_trend(void)
{
    struct err err = ERR_INIT;
    struct trend *trend = NULL;
    struct rng rng;
    double x[N_PREVIEWS * DIM], value[N_PREVIEWS * WIDTH];
    rng_init(&rng, 5, 0, 0);
    design_sobol(N_PREVIEWS, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < N_PREVIEWS; i++)
        shown(x + i * DIM, value + i * WIDTH);
    assert_ok(trend_new(DIM, WIDTH, N_PREVIEWS, x, value, CONTROL, &trend, &err), &err);
    return trend;
}

static void test_interpolation(void **state)
{
    (void)state;
    struct trend *trend = make_trend();
    struct rng rng;
    double zero[WIDTH], at_control[WIDTH], got[WIDTH], want[WIDTH];
    shown(CONTROL, zero);
    trend_at(trend, 1, CONTROL, at_control);
    rng_init(&rng, 6, 0, 0);
    for (size_t i = 0; i < 200; i++) {
        const double x[DIM] = {rng_uniform(&rng), rng_uniform(&rng), rng_uniform(&rng)};
        shown(x, want);
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
    struct trend *trend = make_trend();
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
    double x[N_PREVIEWS * DIM], value[N_PREVIEWS * WIDTH], got[WIDTH], zero[WIDTH], want[WIDTH], squares = 0.0;
    rng_init(&rng, 5, 0, 0);
    shown(CONTROL, zero);
    design_sobol(N_PREVIEWS, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < N_PREVIEWS; i++) {
        shown(x + i * DIM, value + i * WIDTH);
        value[i * WIDTH] += 0.003 * rng_normal(&rng);
    }
    assert_ok(trend_new(DIM, WIDTH, N_PREVIEWS, x, value, CONTROL, &trend, &err), &err);
    for (size_t i = 0; i < 200; i++) {
        const double point[DIM] = {rng_uniform(&rng), rng_uniform(&rng), rng_uniform(&rng)};
        shown(point, want);
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
    assert_refused(trend_new(DIM, 1, 1, x, value, CONTROL, &trend, &err), STATUS_INVALID, &err, "allowed are 2 to 512");
    assert_refused(trend_new(DIM, 33, 4, x, value, CONTROL, &trend, &err), STATUS_INVALID, &err, "of 1 to 32");
    value[2] = nan("");
    assert_refused(trend_new(DIM, 1, 4, x, value, CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "previewed point 2: value 0 is");
    value[2] = 3.0;
    x[4] = HUGE_VAL;
    assert_refused(trend_new(DIM, 1, 4, x, value, CONTROL, &trend, &err), STATUS_INVALID, &err,
                   "previewed point 1: coordinate 1 is");
    x[4] = 0.5;
    value[0] = value[1] = value[2] = value[3] = 0.0; /* a head that no weights move */
    assert_ok(trend_new(DIM, 1, 4, x, value, CONTROL, &trend, &err), &err);
    trend_free(trend);
}

/* ---- the Gaussian process */

enum { N = 9 };
static const size_t ONE_ROUND[] = {0, N}, TWO_ROUNDS[] = {0, 4, N};
static const bool TOLD[N] = {false};

struct lab {
    struct trend *trend;
    double x[N * DIM], y[N], noise[N * N], feature[N * WIDTH];
};

static void lab_init(struct lab *lab)
{
    struct rng rng;
    lab->trend = make_trend();
    rng_init(&rng, 8, 0, 0);
    for (size_t i = 0; i < N * DIM; i++)
        lab->x[i] = rng_uniform(&rng);
    for (size_t i = 0; i < N; i++) {
        lab->y[i] = rng_normal(&rng);
        for (size_t j = 0; j < N; j++)
            lab->noise[i * N + j] = i == j ? 0.09 + 0.01 * (double)i : 0.03;
    }
    trend_at(lab->trend, N, lab->x, lab->feature);
}

static struct gp_data lab_data(const struct lab *lab, bool control)
{
    return (struct gp_data){.n = N,
                            .dim = DIM,
                            .x = lab->x,
                            .y = lab->y,
                            .n_rounds = 1,
                            .start = ONE_ROUND,
                            .noise = lab->noise,
                            .unknown = TOLD,
                            .control = control ? CONTROL : NULL,
                            .mean_sd = 0.7,
                            .trend = lab->trend,
                            .trend_unit = 3.0};
}

static struct gp_hyper lab_hyper(bool rounds)
{
    struct gp_hyper hyper = {.kernel = KERNEL_MATERN52, .round_effect = rounds};
    for (size_t k = 0; k < DIM; k++)
        hyper.theta[k] = log(0.4 + 0.2 * (double)k);
    hyper.theta[DIM + GP_SCALE] = log(0.8);
    hyper.theta[DIM + GP_MISFIT] = log(0.05);
    hyper.theta[DIM + GP_NOISE] = log(0.1);
    hyper.theta[DIM + GP_ROUND] = log(0.2);
    hyper.theta[DIM + GP_TREND] = log(0.6);
    return hyper;
}

/* tau^2 u^2 g g' of the observations is a covariance like any other: told as noise, the evidence is the same. */
static void test_evidence(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    for (int control = 0; control < 2; control++) {
        struct gp_data with = lab_data(&lab, control == 1), without = with;
        const struct gp_hyper hyper = lab_hyper(false);
        struct gp_work *work = NULL;
        double noise[N * N], value, want;
        for (size_t i = 0; i < N * N; i++)
            noise[i] = lab.noise[i] + 0.36 * 9.0 * dot(WIDTH, lab.feature + i / N * WIDTH, lab.feature + i % N * WIDTH);
        without.trend = NULL;
        without.noise = noise;
        assert_int_equal(gp_work_new(&without, &work, NULL), STATUS_OK);
        assert_int_equal(gp_evidence(work, &hyper, &want, NULL), STATUS_OK);
        gp_work_free(work);
        assert_int_equal(gp_work_new(&with, &work, NULL), STATUS_OK);
        assert_int_equal(gp_evidence(work, &hyper, &value, NULL), STATUS_OK);
        gp_work_free(work);
        assert_close(value, want, 1e-10);
    }
    trend_free(lab.trend);
}

static void test_evidence_gradient(void **state)
{
    (void)state;
    struct lab lab;
    double noise[N * N], *to = noise;
    lab_init(&lab);
    for (size_t r = 0; r < 2; r++) {
        for (size_t i = TWO_ROUNDS[r]; i < TWO_ROUNDS[r + 1]; i++) {
            for (size_t j = TWO_ROUNDS[r]; j < TWO_ROUNDS[r + 1]; j++)
                *to++ = lab.noise[i * N + j];
        }
    }
    for (int control = 0; control < 2; control++) {
        struct gp_data data = lab_data(&lab, control == 1);
        struct gp_hyper hyper = lab_hyper(true);
        struct gp_work *work = NULL;
        double gradient[DIM + GP_EXTRAS], value, up, down;
        data.n_rounds = 2;
        data.start = TWO_ROUNDS;
        data.noise = noise;
        assert_int_equal(gp_work_new(&data, &work, NULL), STATUS_OK);
        assert_int_equal(gp_evidence(work, &hyper, &value, gradient), STATUS_OK);
        for (size_t k = 0; k < DIM + GP_EXTRAS; k++) {
            const double h = 1e-5, here = hyper.theta[k];
            hyper.theta[k] = here + h;
            assert_int_equal(gp_evidence(work, &hyper, &up, NULL), STATUS_OK);
            hyper.theta[k] = here - h;
            assert_int_equal(gp_evidence(work, &hyper, &down, NULL), STATUS_OK);
            hyper.theta[k] = here;
            assert_close(gradient[k], (up - down) / (2.0 * h), 2e-8);
        }
        assert_true(fabs(gradient[DIM + GP_TREND]) > 1e-3);
        gp_work_free(work);
    }
    trend_free(lab.trend);
}

static struct gp *lab_fit(const struct lab *lab, bool control)
{
    const struct gp_data data = lab_data(lab, control);
    const struct gp_hyper hyper = lab_hyper(false);
    struct gp_work *work = NULL;
    struct gp *gp = NULL;
    struct err err = ERR_INIT;
    assert_ok(gp_work_new(&data, &work, &err), &err);
    assert_ok(gp_fit(work, &hyper, &gp, &err), &err);
    gp_work_free(work);
    return gp;
}

/* The prior covariance, written out. */
static double prior(const struct lab *lab, const double *a, const double *b)
{
    double r2 = 0.0, ga[WIDTH], gb[WIDTH];
    for (size_t k = 0; k < DIM; k++)
        r2 += pow((a[k] - b[k]) / (0.4 + 0.2 * (double)k), 2.0);
    const double q = sqrt(5.0 * r2);
    trend_at(lab->trend, 1, a, ga);
    trend_at(lab->trend, 1, b, gb);
    return 0.64 * (1.0 + q + q * q / 3.0) * exp(-q) + 0.49 + 0.36 * 9.0 * dot(WIDTH, ga, gb);
}

/* Rasmussen & Williams, eq. 2.23 and 2.24, with and without the control as one exact observation. */
static void test_prediction(void **state)
{
    (void)state;
    static const double NEW[2 * DIM] = {0.1, 0.9, 0.6, 0.8, 0.2, 0.3};
    struct lab lab;
    lab_init(&lab);
    for (size_t control = 0; control < 2; control++) {
        const size_t m = N + control;
        double points[(N + 1) * DIM], k[(N + 1) * (N + 1)], y[N + 1] = {0.0}, cross[2 * (N + 1)], solved[2 * (N + 1)];
        double mean[2], var[2], cov[4];
        struct gp *gp = lab_fit(&lab, control == 1);
        struct err err = ERR_INIT;
        memcpy(points, lab.x, sizeof lab.x);
        memcpy(points + N * DIM, CONTROL, sizeof CONTROL);
        memcpy(y, lab.y, sizeof lab.y);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < m; j++) {
                k[i * m + j] = prior(&lab, points + i * DIM, points + j * DIM);
                if (i < N && j < N)
                    k[i * m + j] += lab.noise[i * N + j] + (i == j ? 0.0025 + 1e-8 * 0.64 : 0.0);
            }
            for (size_t p = 0; p < 2; p++)
                cross[i * 2 + p] = solved[i * 2 + p] = prior(&lab, points + i * DIM, NEW + p * DIM);
        }
        assert_int_equal(chol_factor(m, k), STATUS_OK);
        chol_solve(m, k, 2, solved);
        assert_ok(gp_predict(gp, 2, NEW, mean, var, cov, &err), &err);
        for (size_t p = 0; p < 2; p++) {
            double want = 0.0;
            for (size_t i = 0; i < m; i++)
                want += solved[i * 2 + p] * y[i];
            assert_close(mean[p], want, 1e-9);
            for (size_t q = 0; q < 2; q++) {
                want = prior(&lab, NEW + p * DIM, NEW + q * DIM);
                for (size_t i = 0; i < m; i++)
                    want -= cross[i * 2 + p] * solved[i * 2 + q];
                assert_close(cov[p * 2 + q], want, 1e-9);
            }
            assert_close(var[p], cov[p * 3], 1e-12);
        }
        gp_free(gp);
    }
    trend_free(lab.trend);
}

static void test_draws(void **state)
{
    (void)state;
    struct lab lab;
    lab_init(&lab);
    struct gp *gp = lab_fit(&lab, true);
    struct draws draws;
    const double z[] = {0.7, -1.3}, by_mean[] = {0.61, -1.27}, by_var = 0.83, added[] = {.219, .643, .581};
    double x[] = {.774, .305, .452}, f[2], mean[2], many[2], var, var_many, gradient[3] = {0}, scratch[64];
    assert_int_equal(draws_init(&draws, gp, 2, 1, NULL), STATUS_OK);
    draws_at(&draws, added, mean, &var);
    draws_add(&draws, added, z, f);
    for (size_t j = 0; j < 2; j++)
        assert_close(f[j], mean[j] + sqrt(var) * z[j], 1e-12);
    draws_at(&draws, added, mean, &var);
    for (size_t j = 0; j < 2; j++)
        assert_close(mean[j], f[j], 1e-8); /* what was told is kept */
    draws_at(&draws, x, mean, &var);
    assert_true(draws_scratch(&draws) <= 64);
    draws_at_many(&draws, 1, x, scratch, many, &var_many);
    assert_close(var_many, var, 1e-12);
    assert_close(many[1], mean[1], 1e-12);
    draws_gradient(&draws, by_mean, by_var, gradient);
    for (size_t k = 0; k < 3; k++) {
        const double h = 1e-6, here = x[k];
        double value[2];
        for (int side = 0; side < 2; side++) {
            x[k] = here + (side == 0 ? h : -h);
            draws_at(&draws, x, mean, &var);
            value[side] = by_mean[0] * mean[0] + by_mean[1] * mean[1] + by_var * var;
        }
        x[k] = here;
        assert_close(gradient[k], (value[0] - value[1]) / (2.0 * h), 1e-7);
    }
    draws_done(&draws);
    gp_free(gp);
    trend_free(lab.trend);
}

/* ---- the optimizer: what is linear in the previews is known after a few arms */

static double error_after_one_round(bool previews)
{
    enum { ARMS = 8, POINTS = 100 };
    struct err err = ERR_INIT;
    struct rng rng;
    struct optimizer *optimizer = NULL;
    const struct optimizer_config config = {
        .dim = DIM, .n_outcomes = 1, .seed = 3, .control = CONTROL, .control_known = true};
    double x[N_PREVIEWS * DIM], value[N_PREVIEWS * WIDTH], y[ARMS], cov[ARMS * ARMS] = {0.0}, zero[WIDTH], g[WIDTH];
    assert_ok(optimizer_new(&config, &optimizer, &err), &err);
    rng_init(&rng, 5, 0, 0);
    design_sobol(N_PREVIEWS, DIM, 0, NULL, &rng, x);
    shown(CONTROL, zero);
    for (size_t i = 0; i < N_PREVIEWS; i++) {
        shown(x + i * DIM, value + i * WIDTH);
        for (size_t h = 0; h < WIDTH; h++)
            value[i * WIDTH + h] -= zero[h];
    }
    const struct optimizer_previews told = {N_PREVIEWS, WIDTH, x, value};
    if (previews)
        assert_ok(optimizer_preview(optimizer, &told, &err), &err);
    assert_ok(optimizer_ask(optimizer, ARMS, 0, NULL, x, &err), &err);
    for (size_t i = 0; i < ARMS; i++) {
        shown(x + i * DIM, g);
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
        shown(x + i * DIM, g);
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

/* ---- the bound: an objective that grows with the distance from the control meets a bound that does too */

static double distance(const double *x)
{
    double sum = 0.0;
    for (size_t k = 0; k < DIM; k++)
        sum += (x[k] - CONTROL[k]) * (x[k] - CONTROL[k]);
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
        .dim = DIM, .n_outcomes = 1, .seed = 3, .control = CONTROL, .control_known = true};
    double x[N_PREVIEWS * DIM], value[N_PREVIEWS], y[ARMS], cov[ARMS * ARMS] = {0.0}, farthest = 0.0;
    struct rng rng;
    assert_ok(optimizer_new(&config, &optimizer, &err), &err);
    rng_init(&rng, 5, 0, 0);
    design_sobol(N_PREVIEWS, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < N_PREVIEWS; i++)
        value[i] = distance(x + i * DIM);
    if (most < 10.0) { /* a second one replaces the first */
        assert_ok(optimizer_bound(optimizer, N_PREVIEWS, x, value, 0.1, &err), &err);
        assert_ok(optimizer_bound(optimizer, N_PREVIEWS, x, value, most, &err), &err);
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
    assert_ok(optimizer_stop_test(optimizer, 0.01, CONTROL, &stop, &err), &err);
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

static int setup(void **state)
{
    (void)state;
    (void)gsl_set_error_handler_off();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpolation),
        cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_waves),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_gradient),
        cmocka_unit_test(test_prediction),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_what_is_shown_explains),
        cmocka_unit_test(test_a_bound_is_kept),
        cmocka_unit_test(test_control_is_needed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
