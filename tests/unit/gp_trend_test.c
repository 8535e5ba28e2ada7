/* A Gaussian process with a part linear in what previews say, against the same covariance put together by hand and
 * against differences. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tests/lib/draws_lab.h"
#include "tests/lib/trend_lab.h"
#include "tuner/core/draws.h"
#include "tuner/core/gp.h"
#include "tuner/core/linalg.h"

enum { DIM = TREND_LAB_DIM, WIDTH = TREND_LAB_WIDTH, N = 9 };
static const size_t ONE_ROUND[] = {0, N}, TWO_ROUNDS[] = {0, 4, N};
static const bool TOLD[N] = {false};

struct lab {
    struct trend *trend;
    double x[N * DIM], y[N], noise[N * N], feature[N * WIDTH];
};

static void lab_init(struct lab *lab)
{
    struct rng rng;
    lab->trend = trend_lab_new();
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
                            .control = control ? TREND_LAB_CONTROL : NULL,
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
        memcpy(points + N * DIM, TREND_LAB_CONTROL, sizeof TREND_LAB_CONTROL);
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
    const double z[] = {0.7, -1.3}, added[] = {.219, .643, .581}, x[] = {.774, .305, .452};
    double f[2], mean[2], many[2], var, var_many, scratch[64];
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
    draws_lab_check_gradient(&draws, DIM, x);
    draws_done(&draws);
    gp_free(gp);
    trend_free(lab.trend);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_gradient),
        cmocka_unit_test(test_prediction),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
