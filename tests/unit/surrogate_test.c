/* The panel of models that judges which point is best: who is on it, who is believed, and what that is worth. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/design.h"
#include "tuner/core/gp_hyper.h"
#include "tuner/core/optimizer.h"
#include "tuner/core/surrogate.h"

enum { DIM = 5, N = 60, MAX = 300, NEW = 200 };

/* A sum of functions of single coordinates. */
static double separable(const double *x)
{
    double sum = 0.0;
    for (size_t k = 0; k < DIM; k++)
        sum += sin(7.0 * x[k] + (double)k) + 0.5 * cos(15.0 * x[k]);
    return sum;
}

/* Smooth, and no such sum. */
static double smooth(const double *x)
{
    return sin(2.0 * (x[0] + x[1] - x[2])) + cos(2.5 * (x[1] + x[3] * x[4]));
}

static void observe(size_t n, double (*f)(const double *x), struct observations *ret)
{
    static double x[MAX * DIM], y[MAX], cov[MAX * MAX];
    struct rng rng;
    struct err err = ERR_INIT;
    rng_init(&rng, 11, 0, 0);
    design_sobol(n, DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < n; i++) {
        y[i] = f(x + i * DIM) + 0.05 * rng_normal(&rng);
        for (size_t j = 0; j < n; j++)
            cov[i * n + j] = i == j ? 0.0025 : 0.0;
    }
    observations_init(ret, DIM, 1);
    assert_ok(observations_add(ret, &(struct optimizer_round){n, x, y, cov, NULL}, &err), &err);
}

static struct surrogate *fit(const struct observations *o, enum surrogate_models models, const double *control)
{
    struct surrogate *s = NULL;
    struct err err = ERR_INIT;
    assert_ok(surrogate_fit(o, 0, &(struct surrogate_options){.models = models, .control = control}, &s, &err), &err);
    return s;
}

/* Root mean square error at new points. */
static double error_of(const struct surrogate *s, double (*f)(const double *x))
{
    static double x[NEW * DIM], mean[NEW], var[NEW];
    struct rng rng;
    struct err err = ERR_INIT;
    double squares = 0.0;
    rng_init(&rng, 12, 0, 0);
    for (size_t i = 0; i < NEW * DIM; i++)
        x[i] = rng_uniform(&rng);
    assert_ok(surrogate_predict(s, NEW, x, mean, var, NULL, &err), &err);
    for (size_t i = 0; i < NEW; i++) {
        assert_true(var[i] > 0.0);
        squares += (mean[i] - f(x + i * DIM)) * (mean[i] - f(x + i * DIM));
    }
    return sqrt(squares / NEW);
}

/* Matern 5/2, with waves, squared exponential: the weights are the square roots of the odds.  The pair is without the
 * last. */
static void test_weights(void **state)
{
    (void)state;
    struct observations o;
    observe(N, separable, &o);
    struct surrogate *one = fit(&o, SURROGATE_ONE, NULL), *panel = fit(&o, SURROGATE_PANEL, NULL);
    struct surrogate *pair = fit(&o, SURROGATE_PAIR, NULL);
    assert_true(one->n_models == 1 && one->waves == NULL && panel->n_models == 3);
    assert_close(one->weight[0], 1.0, 0.0);
    assert_close(panel->weight[0] + panel->weight[1] + panel->weight[2], 1.0, 1e-14);
    assert_true(panel->weight[1] > 0.99);
    assert_int_equal(pair->n_models, 2);
    assert_close(pair->weight[1] / pair->weight[0], panel->weight[1] / panel->weight[0], 1e-9);
    assert_true(panel->model[0]->hyper.kernel == KERNEL_MATERN52 && panel->model[2]->hyper.kernel == KERNEL_SE);
    assert_true(panel->model[1]->n_features == 8 * DIM && panel->model[2]->n_features == 0);
    assert_memory_equal(one->model[0]->hyper.theta, panel->model[0]->hyper.theta, (DIM + GP_EXTRAS) * sizeof(double));
    surrogate_free(one);
    surrogate_free(pair);
    surrogate_free(panel);
    observations_done(&o);
}

/* What it is for: fewer errors where a member knows more, hardly any more where it does not. */
static void test_errors(void **state)
{
    (void)state;
    double (*const f[])(const double *x) = {separable, smooth};
    const double most[] = {0.5, 0.95};
    for (size_t i = 0; i < 2; i++) {
        struct observations o;
        observe(N, f[i], &o);
        struct surrogate *one = fit(&o, SURROGATE_ONE, NULL), *panel = fit(&o, SURROGATE_PANEL, NULL);
        assert_true(error_of(panel, f[i]) < most[i] * error_of(one, f[i]));
        surrogate_free(one);
        surrogate_free(panel);
        observations_done(&o);
    }
}

/* On a surface where more than one is believed. */
static void test_odds(void **state)
{
    (void)state;
    struct observations o;
    struct hyper_prior prior;
    observe(N, smooth, &o);
    struct surrogate *s = fit(&o, SURROGATE_PANEL, NULL);
    double density[3];
    for (size_t i = 0; i < 3; i++) {
        struct gp_data data = s->data;
        data.trend = i == 1 ? s->waves : NULL;
        assert_int_equal(hyper_prior_init(&prior, NULL, &data, false, NULL), STATUS_OK);
        density[i] = s->model[i]->log_evidence + hyper_prior_density(&prior, s->model[i]->hyper.theta, NULL);
    }
    assert_true(s->weight[0] > 1e-3 && s->weight[1] > 1e-3 && s->weight[2] > 1e-3);
    assert_close(log(s->weight[1] / s->weight[0]), 0.5 * (density[1] - density[0]), 1e-9);
    assert_close(log(s->weight[2] / s->weight[0]), 0.5 * (density[2] - density[0]), 1e-9);
    surrogate_free(s);
    observations_done(&o);
}

/* The panel is asked which point is best: here one model alone would not know. */
static void test_best(void **state)
{
    (void)state;
    struct observations o;
    struct optimizer *optimizer = NULL;
    struct optimizer_choice anywhere, among;
    struct err err = ERR_INIT;
    double x[NEW * DIM], top = -HUGE_VAL;
    struct rng rng;
    observe(N, separable, &o);
    assert_ok(optimizer_new(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 3}, &optimizer, &err),
              &err);
    assert_ok(optimizer_tell(optimizer, &(struct optimizer_round){N, o.x, o.y, o.noise, NULL}, &err), &err);
    rng_init(&rng, 13, 0, 0);
    for (size_t i = 0; i < NEW; i++) {
        for (size_t k = 0; k < DIM; k++)
            x[i * DIM + k] = rng_uniform(&rng);
        top = fmax(top, separable(x + i * DIM));
    }
    assert_ok(optimizer_best(optimizer, &anywhere, &err), &err);
    assert_ok(optimizer_recommend(optimizer, NEW, x, &among, &err), &err);
    assert_true(separable(anywhere.x) > top + 0.5);
    assert_true(among.candidate < NEW && separable(x + among.candidate * DIM) >= top);
    assert_close(among.mean, top, 0.15);
    optimizer_free(optimizer);
    observations_done(&o);
}

/* What points are asked for by: the pair, which knows more of this surface than one model. */
static void test_asks(void **state)
{
    (void)state;
    struct observations o;
    struct optimizer *optimizer = NULL;
    struct err err = ERR_INIT;
    double x[NEW * DIM], mean[NEW], sd[NEW], squares = 0.0;
    struct rng rng;
    observe(N, separable, &o);
    assert_ok(optimizer_new(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 3}, &optimizer, &err),
              &err);
    assert_ok(optimizer_tell(optimizer, &(struct optimizer_round){N, o.x, o.y, o.noise, NULL}, &err), &err);
    rng_init(&rng, 12, 0, 0);
    for (size_t i = 0; i < NEW * DIM; i++)
        x[i] = rng_uniform(&rng);
    assert_ok(optimizer_posterior(optimizer, NEW, x, &(struct optimizer_posterior){.mean = mean, .sd = sd}, &err),
              &err);
    for (size_t i = 0; i < NEW; i++)
        squares += (mean[i] - separable(x + i * DIM)) * (mean[i] - separable(x + i * DIM));
    struct surrogate *one = fit(&o, SURROGATE_ONE, NULL);
    assert_true(sqrt(squares / NEW) < 0.5 * error_of(one, separable));
    surrogate_free(one);
    optimizer_free(optimizer);
    observations_done(&o);
}

/* Not with a known control, and not with many points. */
static void test_no_panel(void **state)
{
    (void)state;
    const double control[DIM] = {0.5, 0.5, 0.5, 0.5, 0.5};
    struct observations o;
    observe(N, smooth, &o);
    struct surrogate *s = fit(&o, SURROGATE_PANEL, control);
    assert_int_equal(s->n_models, 1);
    surrogate_free(s);
    observations_done(&o);
    observe(101, smooth, &o);
    s = fit(&o, SURROGATE_PAIR, NULL);
    assert_int_equal(s->n_models, 1);
    surrogate_free(s);
    observations_done(&o);
    observe(257, smooth, &o);
    s = fit(&o, SURROGATE_PANEL, NULL);
    assert_int_equal(s->n_models, 1);
    surrogate_free(s);
    observations_done(&o);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights), cmocka_unit_test(test_errors),   cmocka_unit_test(test_odds),
        cmocka_unit_test(test_best),    cmocka_unit_test(test_no_panel), cmocka_unit_test(test_asks),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 ? failed : mem_outstanding() != 0;
}
