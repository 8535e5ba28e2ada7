/* The Gaussian process against an independent computation (tests/golden/gp.py), its gradient against differences, draws
 * against refits. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/golden/gp.h"
#include "tests/lib/check.h"
#include "tests/lib/draws_lab.h"
#include "tuner/core/draws.h"
#include "tuner/core/gp.h"
#include "tuner/core/gp_hyper.h"
#include "tuner/core/thin.h"

static struct gp_data golden_data(bool control)
{
    return (struct gp_data){.n = GOLDEN_N,
                            .dim = GOLDEN_DIM,
                            .x = GOLDEN_X,
                            .y = GOLDEN_Y,
                            .n_rounds = GOLDEN_ROUNDS,
                            .start = GOLDEN_START,
                            .noise = GOLDEN_NOISE,
                            .unknown = GOLDEN_UNKNOWN,
                            .control = control ? GOLDEN_CONTROL : NULL,
                            .mean_sd = GOLDEN_MEAN_SD};
}

static struct gp_hyper golden_hyper(bool squared_exponential, bool rounds)
{
    struct gp_hyper hyper = {.kernel = squared_exponential ? KERNEL_SE : KERNEL_MATERN52, .round_effect = rounds};
    for (size_t k = 0; k < GOLDEN_DIM; k++)
        hyper.theta[k] = log(GOLDEN_LENGTHSCALE[k]);
    hyper.theta[GOLDEN_DIM + GP_SCALE] = log(GOLDEN_SCALE);
    hyper.theta[GOLDEN_DIM + GP_MISFIT] = log(GOLDEN_MISFIT);
    hyper.theta[GOLDEN_DIM + GP_NOISE] = log(GOLDEN_NOISE_SD);
    hyper.theta[GOLDEN_DIM + GP_ROUND] = log(GOLDEN_ROUND);
    hyper.theta[GOLDEN_DIM + GP_WARP] = log(0.7); /* read only where the data has a top */
    return hyper;
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOLDEN / sizeof *GOLDEN; i++) {
        const struct gp_data data = golden_data(GOLDEN[i].control);
        const struct gp_hyper hyper = golden_hyper(GOLDEN[i].squared_exponential, GOLDEN[i].rounds);
        struct gp_work *work = NULL;
        struct gp *gp = NULL;
        struct err err = ERR_INIT;
        double evidence, mean[2], var[2], cov[4];
        assert_ok(gp_work_new(&data, &work, &err), &err);
        assert_int_equal(gp_evidence(work, &hyper, &evidence, NULL), STATUS_OK);
        assert_close(evidence, GOLDEN[i].evidence, 1e-10);
        assert_ok(gp_fit(work, &hyper, &gp, &err), &err);
        assert_close(gp->log_evidence, GOLDEN[i].evidence, 1e-10);
        assert_ok(gp_predict(gp, 2, GOLDEN_NEW_X, mean, var, cov, &err), &err);
        for (size_t k = 0; k < 2; k++) {
            assert_close(mean[k], GOLDEN[i].mean[k], 1e-10);
            assert_close(var[k], GOLDEN[i].cov[3 * k], 1e-10);
        }
        for (size_t k = 0; k < 4; k++)
            assert_close(cov[k], GOLDEN[i].cov[k], 1e-10);
        if (GOLDEN[i].control) {
            assert_ok(gp_predict(gp, 1, GOLDEN_CONTROL, mean, var, NULL, &err), &err);
            assert_close(mean[0], 0.0, 1e-12);
            assert_close(var[0], 0.0, 1e-10);
        }
        gp_free(gp);
        gp_work_free(work);
    }
}

static void check_evidence_gradient(const struct gp_data *data, struct gp_hyper hyper)
{
    struct gp_work *work = NULL;
    double gradient[GP_MAX_DIM + GP_EXTRAS], value, up, down;
    assert_int_equal(gp_work_new(data, &work, NULL), STATUS_OK);
    assert_int_equal(gp_evidence(work, &hyper, &value, gradient), STATUS_OK);
    for (size_t k = 0; k < GOLDEN_DIM + GP_EXTRAS; k++) {
        const double h = 1e-5, here = hyper.theta[k];
        hyper.theta[k] = here + h;
        assert_int_equal(gp_evidence(work, &hyper, &up, NULL), STATUS_OK);
        hyper.theta[k] = here - h;
        assert_int_equal(gp_evidence(work, &hyper, &down, NULL), STATUS_OK);
        hyper.theta[k] = here;
        assert_close(gradient[k], (up - down) / (2.0 * h), 2e-8);
    }
    gp_work_free(work);
}

static void test_evidence_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        struct gp_data data = golden_data((i & 1) != 0);
        data.warp_top = (i & 8) != 0 ? 1.9 : 0.0;
        check_evidence_gradient(&data, golden_hyper((i & 2) != 0, (i & 4) != 0));
    }
}

static void test_warp(void **state)
{
    (void)state;
    for (double rate = 1e-6; rate < 20.0; rate *= 7.3) {
        const struct warp warp = {1.3, rate}, up = {1.3, rate * exp(1e-5)}, down = {1.3, rate * exp(-1e-5)};
        for (double z = -40.0; z < 1.3; z += 0.37) {
            double slope, inverse_slope, slope_up, slope_down, by_value, by_log_slope;
            const double w = warp_value(&warp, z, &slope);
            assert_close(warp_inverse(&warp, w, &inverse_slope), z, 1e-9);
            assert_close(slope * inverse_slope, 1.0, 1e-9);
            assert_close(slope, (warp_value(&warp, z + 1e-5, NULL) - warp_value(&warp, z - 1e-5, NULL)) / 2e-5, 1e-6);
            const double w_up = warp_value(&up, z, &slope_up), w_down = warp_value(&down, z, &slope_down);
            warp_by_rate(&warp, z, &by_value, &by_log_slope);
            assert_close(by_value, (w_up - w_down) / 2e-5, 1e-6);
            assert_close(by_log_slope, log(slope_up / slope_down) / 2e-5, 1e-6);
        }
    }
    assert_close(warp_value(&(struct warp){1.3, 0.0}, -2.7, NULL), -2.7, 0.0);
    assert_true(isinf(warp_value(&(struct warp){1.3, 0.5}, 3.4, NULL)));
}

/* The density of the values told is that of the warped ones times the slopes. */
static void test_warped_evidence(void **state)
{
    (void)state;
    struct gp_data data = golden_data(false);
    const struct warp warp = {1.9, 0.7};
    const struct gp_hyper hyper = golden_hyper(false, true);
    double y[GOLDEN_N], slope[GOLDEN_N], noise[64], log_slope = 0.0, want, got, *to = noise;
    const double *from = data.noise;
    for (size_t i = 0; i < GOLDEN_N; i++) {
        y[i] = warp_value(&warp, data.y[i], &slope[i]);
        log_slope += log(slope[i]);
    }
    for (size_t r = 0; r < GOLDEN_ROUNDS; r++) {
        for (size_t i = data.start[r]; i < data.start[r + 1]; i++) {
            for (size_t j = data.start[r]; j < data.start[r + 1]; j++)
                *to++ = *from++ * slope[i] * slope[j];
        }
    }
    struct gp_data by_hand = data;
    struct gp_work *work = NULL;
    by_hand.y = y;
    by_hand.noise = noise;
    assert_int_equal(gp_work_new(&by_hand, &work, NULL), STATUS_OK);
    assert_int_equal(gp_evidence(work, &hyper, &want, NULL), STATUS_OK);
    gp_work_free(work);
    data.warp_top = warp.top;
    assert_int_equal(gp_work_new(&data, &work, NULL), STATUS_OK);
    assert_int_equal(gp_evidence(work, &hyper, &got, NULL), STATUS_OK);
    gp_work_free(work);
    assert_close(got, want + log_slope, 1e-11);
}

static void test_prior_gradient(void **state)
{
    (void)state;
    const struct gp_data data = golden_data(false);
    const char *const names[] = {"dimension-scaled", "gamma"};
    for (size_t i = 0; i < 2; i++) {
        struct hyper_prior prior;
        assert_int_equal(hyper_prior_init(&prior, names[i], &data, true, NULL), STATUS_OK);
        struct gp_hyper hyper = golden_hyper(false, true);
        double gradient[GP_MAX_DIM + GP_EXTRAS] = {0};
        (void)hyper_prior_density(&prior, hyper.theta, gradient);
        for (size_t k = 0; k < GOLDEN_DIM + GP_EXTRAS; k++) {
            const double h = 1e-5, here = hyper.theta[k];
            hyper.theta[k] = here + h;
            const double up = hyper_prior_density(&prior, hyper.theta, NULL);
            hyper.theta[k] = here - h;
            const double down = hyper_prior_density(&prior, hyper.theta, NULL);
            hyper.theta[k] = here;
            assert_close(gradient[k], (up - down) / (2.0 * h), 1e-7);
        }
    }
    struct hyper_prior prior;
    struct err err = ERR_INIT;
    assert_refused(hyper_prior_init(&prior, "flat", &data, false, &err), STATUS_INVALID, &err, "dimension-scaled");
}

static struct gp *fit_golden(bool control)
{
    const struct gp_data data = golden_data(control);
    const struct gp_hyper hyper = golden_hyper(false, false);
    struct gp_work *work = NULL;
    struct gp *gp = NULL;
    assert_int_equal(gp_work_new(&data, &work, NULL), STATUS_OK);
    assert_int_equal(gp_fit(work, &hyper, &gp, NULL), STATUS_OK);
    gp_work_free(work);
    return gp;
}

/* Conditioning on two added points is the textbook formula on the joint posterior of three. */
static void check_draws(bool control)
{
    struct gp *gp = fit_golden(control);
    struct draws draws;
    const double x[] = {.219, .643, .581, .774, .305, .452, .5, .41, .63};
    const double z[2][3] = {{0.7, -1.3, 0.2}, {-0.4, 0.9, 1.6}};
    double mean[3], cov[9], f[2][3], got[3], var;
    assert_int_equal(gp_predict(gp, 3, x, mean, NULL, cov, NULL), STATUS_OK);
    assert_int_equal(draws_init(&draws, gp, 3, 2, NULL), STATUS_OK);
    draws_add(&draws, x, z[0], f[0]);
    draws_add(&draws, x + 3, z[1], f[1]);
    draws_at(&draws, x + 6, got, &var);
    const double l00 = sqrt(cov[0]), l10 = cov[3] / l00, l11 = sqrt(cov[4] - l10 * l10);
    const double l20 = cov[6] / l00, l21 = (cov[7] - l20 * l10) / l11;
    for (size_t j = 0; j < 3; j++) {
        assert_close(f[0][j], mean[0] + l00 * z[0][j], 1e-9);
        assert_close(f[1][j], mean[1] + l10 * z[0][j] + l11 * z[1][j], 1e-9);
        assert_close(got[j], mean[2] + l20 * z[0][j] + l21 * z[1][j], 1e-9);
    }
    assert_close(var, cov[8] - l20 * l20 - l21 * l21, 1e-9);
    double scratch[2 * (2 * 10 + 4)], many_mean[6], many_var[2];
    draws_at_many(&draws, 2, x + 3, scratch, many_mean, many_var);
    for (size_t j = 0; j < 3; j++) {
        assert_close(many_mean[j], f[1][j], 1e-7); /* the added point itself */
        assert_close(many_mean[3 + j], got[j], 1e-10);
    }
    assert_close(many_var[1], var, 1e-10);
    draws_done(&draws);
    gp_free(gp);
}

static void test_draws(void **state)
{
    (void)state;
    check_draws(false);
    check_draws(true);
}

static void test_draws_gradient(void **state)
{
    (void)state;
    struct gp *gp = fit_golden(true);
    struct draws draws;
    const double z[] = {0.7, -1.3}, added[] = {.219, .643, .581}, x[] = {.774, .305, .452};
    double f[2];
    assert_int_equal(draws_init(&draws, gp, 2, 1, NULL), STATUS_OK);
    draws_add(&draws, added, z, f);
    draws_lab_check_gradient(&draws, 3, x);
    draws_done(&draws);
    gp_free(gp);
}

/* MAP finds a better place than its starts and finds it again. */
static void test_map(void **state)
{
    (void)state;
    const struct gp_data data = golden_data(false);
    struct hyper_prior prior;
    struct gp_work *work = NULL;
    struct hyper_fit one, again, more;
    assert_int_equal(hyper_prior_init(&prior, NULL, &data, true, NULL), STATUS_OK);
    assert_int_equal(gp_work_new(&data, &work, NULL), STATUS_OK);
    assert_int_equal(hyper_map(work, &prior, KERNEL_MATERN52, 1, &one, NULL), STATUS_OK);
    assert_int_equal(hyper_map(work, &prior, KERNEL_MATERN52, 1, &again, NULL), STATUS_OK);
    assert_int_equal(hyper_map(work, &prior, KERNEL_MATERN52, 3, &more, NULL), STATUS_OK);
    assert_memory_equal(&one, &again, sizeof one);
    assert_true(more.log_posterior >= one.log_posterior);
    double evidence, gradient[GP_MAX_DIM + GP_EXTRAS];
    assert_int_equal(gp_evidence(work, &more.hyper, &evidence, gradient), STATUS_OK);
    assert_close(evidence + hyper_prior_density(&prior, more.hyper.theta, gradient), more.log_posterior, 1e-12);
    for (size_t k = 0; k < GOLDEN_DIM + GP_EXTRAS; k++)
        assert_close(gradient[k], 0.0, 0.05); /* no bound is active here */
    gp_work_free(work);
}

/* Every other point of the golden data: 0, 2 | 4 | 6. */
static void test_thin(void **state)
{
    (void)state;
    const struct gp_data data = golden_data(true);
    struct thin thin;
    assert_int_equal(thin_init(&thin, &data, 4, NULL), STATUS_OK);
    const struct gp_data *part = &thin.data;
    assert_true(part->n == 4 && part->n_rounds == 3 && part->control == data.control);
    assert_true(part->start[1] == 2 && part->start[2] == 3 && part->start[3] == 4);
    for (size_t i = 0; i < 4; i++) {
        assert_close(part->y[i], data.y[2 * i], 0.0);
        assert_memory_equal(part->x + i * data.dim, data.x + 2 * i * data.dim, data.dim * sizeof *data.x);
        assert_int_equal(part->unknown[i], data.unknown[2 * i]);
    }
    const double want[] = {data.noise[0], data.noise[2], data.noise[6], data.noise[8], data.noise[12], data.noise[16]};
    assert_memory_equal(part->noise, want, sizeof want);
    thin_done(&thin);
    assert_int_equal(thin_init(&thin, &data, 1, NULL), STATUS_OK);
    assert_true(thin.data.n == 1 && thin.data.n_rounds == 1); /* rounds without points fall away */
    thin_done(&thin);
}

/* The vectorised exponential against libm's, in place, over the whole range and across blocks. */
static void test_kernel_shape(void **state)
{
    (void)state;
    enum { N = 1001 };
    double r2[N], value[N], slope[N];
    for (size_t i = 0; i < N; i++)
        r2[i] = value[i] = i == 0 ? 0.0 : pow(10.0, -9.0 + 13.5 * (double)i / N);
    kernel_shape(KERNEL_MATERN52, N, value, value, slope);
    for (size_t i = 0; i < N; i++) {
        const double q = sqrt(5.0 * r2[i]), e = exp(-q);
        assert_true(fabs(value[i] - (1.0 + q + q * q / 3.0) * e) <= 1e-15 * value[i]);
        assert_true(fabs(slope[i] + 5.0 / 6.0 * (1.0 + q) * e) <= 1e-15 * -slope[i]);
    }
    kernel_shape(KERNEL_SE, N, r2, value, NULL);
    for (size_t i = 0; i < N && r2[i] < 1400.0; i++)
        assert_true(fabs(value[i] - exp(-0.5 * r2[i])) <= 1e-15 * value[i]);
    double far = 1e12;
    kernel_shape(KERNEL_MATERN52, 1, &far, &far, NULL);
    assert_true(far >= 0.0 && far < 1e-290);
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct gp_data data = golden_data(true);
    const struct gp_hyper hyper = golden_hyper(false, true);
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct gp_work *work = NULL;
        struct gp *gp = NULL;
        mem_fault_after(n);
        enum status s = gp_work_new(&data, &work, NULL);
        if (s == STATUS_OK)
            s = gp_fit(work, &hyper, &gp, NULL);
        tripped = mem_fault_tripped();
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        mem_fault_after(-1);
        gp_free(gp);
        gp_work_free(work);
        assert_int_equal(mem_outstanding(), before);
    }
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),          cmocka_unit_test(test_evidence_gradient),
        cmocka_unit_test(test_prior_gradient),  cmocka_unit_test(test_draws),
        cmocka_unit_test(test_draws_gradient),  cmocka_unit_test(test_map),
        cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_warp),
        cmocka_unit_test(test_warped_evidence), cmocka_unit_test(test_thin),
        cmocka_unit_test(test_kernel_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
