/* The optimizer as a campaign sees it: asks, recommendations, stopping, diagnostics, refusals, determinism. */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/optimizer.h"

enum { DIM = 3, MAX = 16 };

/* A smooth hill at (.3, .6, .45) of height 1; the constraint cuts x_0 > 0.8. */
static double hill(const double *x)
{
    const double a = x[0] - 0.3, b = x[1] - 0.6, c = x[2] - 0.45;
    return exp(-4.0 * a * a - 3.0 * b * b - 2.0 * c * c);
}

struct told {
    size_t n;
    double x[MAX * DIM], y[2 * MAX], cov[2 * MAX * MAX];
    bool failed[MAX];
};

static struct told measure(size_t n, const double *x, size_t n_outcomes, double sd, struct rng *rng)
{
    struct told t = {.n = n};
    memcpy(t.x, x, n * DIM * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        t.y[i] = hill(x + i * DIM) + sd * rng_normal(rng);
        t.y[n + i] = x[i * DIM] - 0.8 + 0.1 * sd * rng_normal(rng);
        for (size_t k = 0; k < n_outcomes; k++)
            t.cov[(k * n + i) * n + i] = sd * sd * (k == 0 ? 1.0 : 0.01);
    }
    return t;
}

static enum status tell(struct optimizer *o, const struct told *t, struct err *err)
{
    const struct optimizer_round round = {t->n, t->x, t->y, t->cov, t->failed};
    return optimizer_tell(o, &round, err);
}

static struct optimizer *make(const struct optimizer_config *config)
{
    struct optimizer *o = NULL;
    struct err err = ERR_INIT;
    assert_ok(optimizer_new(config, &o, &err), &err);
    return o;
}

static void play(struct optimizer *o, size_t rounds, size_t n_outcomes, double sd, uint64_t seed)
{
    struct rng rng;
    struct err err = ERR_INIT;
    double x[MAX * DIM];
    rng_init(&rng, seed, 0, 0);
    for (size_t r = 0; r < rounds; r++) {
        const size_t n = r == 0 ? 8 : 4;
        assert_ok(optimizer_ask(o, n, 0, NULL, x, &err), &err);
        for (size_t i = 0; i < n * DIM; i++)
            assert_true(x[i] >= 0.0 && x[i] <= 1.0);
        const struct told t = measure(n, x, n_outcomes, sd, &rng);
        assert_ok(tell(o, &t, &err), &err);
    }
}

static void test_finds_the_hill(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"log-nei", "kg", "thompson", "ucb", "mixed"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct optimizer *o =
            make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 2, .seed = 7, .acquisition = NAMES[i]});
        struct optimizer_choice best, seen;
        struct err err = ERR_INIT;
        play(o, 6, 2, 0.02, 3);
        assert_ok(optimizer_best(o, &best, &err), &err);
        assert_ok(optimizer_recommend(o, 0, NULL, &seen, &err), &err);
        assert_true(hill(best.x) > 0.97);
        assert_true(hill(seen.x) > 0.93);
        assert_true(best.mean >= seen.mean - 1e-12 && best.feasible >= 0.98 && seen.feasible >= 0.95 &&
                    seen.candidate < 28);
        assert_false(best.is_control);
        optimizer_free(o);
    }
}

/* Same tells, same asks, to the bit; the order of points inside a round does not matter. */
static void test_deterministic(void **state)
{
    (void)state;
    const struct optimizer_config config = {.dim = DIM, .n_outcomes = 2, .seed = 9};
    struct optimizer *a = make(&config), *b = make(&config);
    struct rng rng;
    struct err err = ERR_INIT;
    double x[MAX * DIM], xa[4 * DIM], xb[4 * DIM];
    rng_init(&rng, 1, 2, 3);
    for (size_t i = 0; i < 10 * DIM; i++)
        x[i] = rng_uniform(&rng);
    const struct told t = measure(10, x, 2, 0.1, &rng);
    struct told reversed = {.n = 10};
    for (size_t i = 0; i < 10; i++) {
        const size_t j = 9 - i;
        memcpy(reversed.x + i * DIM, t.x + j * DIM, DIM * sizeof *x);
        for (size_t k = 0; k < 2; k++) {
            reversed.y[k * 10 + i] = t.y[k * 10 + j];
            for (size_t m = 0; m < 10; m++)
                reversed.cov[(k * 10 + i) * 10 + m] = t.cov[(k * 10 + j) * 10 + 9 - m];
        }
    }
    assert_ok(tell(a, &t, &err), &err);
    assert_ok(tell(b, &reversed, &err), &err);
    assert_ok(optimizer_ask(a, 4, 0, NULL, xa, &err), &err);
    assert_ok(optimizer_ask(b, 4, 0, NULL, xb, &err), &err);
    assert_memory_equal(xa, xb, sizeof xa);
    struct optimizer_choice ca, cb;
    assert_ok(optimizer_recommend(a, 0, NULL, &ca, &err), &err);
    assert_ok(optimizer_recommend(b, 0, NULL, &cb, &err), &err);
    assert_memory_equal(ca.x, cb.x, sizeof ca.x);
    assert_int_equal(ca.candidate, 9 - cb.candidate);
    optimizer_free(a);
    optimizer_free(b);
}

/* Where nothing beats a known control, the control is what is recommended. */
static void test_known_control(void **state)
{
    (void)state;
    const double control[DIM] = {0.3, 0.6, 0.45};
    struct optimizer *o = make(&(struct optimizer_config){
        .dim = DIM, .n_outcomes = 1, .seed = 4, .control = control, .control_known = true, .round_variance = true});
    struct optimizer_choice choice;
    struct err err = ERR_INIT;
    struct rng rng;
    double x[MAX * DIM];
    assert_ok(optimizer_recommend(o, 0, NULL, &choice, &err), &err);
    assert_true(choice.is_control);
    rng_init(&rng, 2, 0, 0);
    for (size_t r = 0; r < 3; r++) {
        assert_ok(optimizer_ask(o, 6, 0, NULL, x, &err), &err);
        struct told t = measure(6, x, 1, 0.02, &rng);
        for (size_t i = 0; i < 6; i++)
            t.y[i] -= 1.0; /* the control is the top */
        assert_ok(tell(o, &t, &err), &err);
    }
    assert_ok(optimizer_recommend(o, 0, NULL, &choice, &err), &err);
    assert_true(choice.is_control);
    assert_memory_equal(choice.x, control, sizeof control);
    assert_close(choice.mean, 0.0, 0.0);
    double mean, sd, feasible;
    const struct optimizer_posterior posterior = {&mean, &sd, NULL, &feasible};
    assert_ok(optimizer_posterior(o, 1, control, &posterior, &err), &err);
    assert_close(mean, 0.0, 1e-9);
    assert_close(sd, 0.0, 1e-4);
    assert_close(feasible, 1.0, 0.0);
    optimizer_free(o);
}

static void test_stopping(void **state)
{
    (void)state;
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 5});
    struct optimizer_choice choice;
    struct optimizer_stop early, late;
    struct err err = ERR_INIT;
    play(o, 1, 1, 0.02, 3);
    assert_ok(optimizer_recommend(o, 0, NULL, &choice, &err), &err);
    assert_ok(optimizer_stop_test(o, 0.02, choice.x, &early, &err), &err);
    assert_true(early.probability > 0.5 && !early.stop && early.rounds == 1);
    play(o, 7, 1, 0.02, 8);
    assert_ok(optimizer_best(o, &choice, &err), &err);
    assert_ok(optimizer_stop_test(o, 0.1, choice.x, &late, &err), &err);
    assert_true(late.probability < early.probability && late.expected < early.expected && late.rounds == 8);
    assert_refused(optimizer_stop_test(o, -1.0, choice.x, &late, &err), STATUS_INVALID, &err, "delta");
    optimizer_free(o);
}

static void test_diagnostics(void **state)
{
    (void)state;
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 5});
    struct optimizer_diagnostics d;
    struct optimizer_hyper hyper;
    struct err err = ERR_INIT;
    double residual[64];
    play(o, 8, 1, 0.05, 3);
    assert_ok(optimizer_diagnose(o, 0, residual, &d, &err), &err);
    assert_int_equal(d.n, 36);
    assert_int_equal(d.rounds, 8);
    assert_true(d.mean_square > 0.3 && d.mean_square < 2.5 && d.coverage95 > 0.75);
    double squares = 0.0;
    for (size_t i = 0; i < 36; i++)
        squares += residual[i] * residual[i] / 36.0;
    assert_close(squares, d.mean_square, 1e-12);
    assert_ok(optimizer_hyper(o, 0, &hyper, &err), &err);
    assert_true(hyper.lengthscale[0] > 0.05 && hyper.outputscale > 0.05 && isfinite(hyper.log_evidence));
    assert_refused(optimizer_hyper(o, 1, &hyper, &err), STATUS_INVALID, &err, "outcome is 1");
    optimizer_free(o);
}

static void test_pending(void **state)
{
    (void)state;
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 5});
    struct err err = ERR_INIT;
    double one[DIM], two[DIM], design[4 * DIM], later[2 * DIM];
    assert_ok(optimizer_ask(o, 4, 0, NULL, design, &err), &err);
    assert_ok(optimizer_ask(o, 2, 2, design, later, &err), &err);
    assert_memory_equal(later, design + 2 * DIM, sizeof later); /* the design goes on where it stopped */
    play(o, 2, 1, 0.05, 3);
    assert_ok(optimizer_ask(o, 1, 0, NULL, one, &err), &err);
    assert_ok(optimizer_ask(o, 1, 1, one, two, &err), &err);
    double apart = 0.0;
    for (size_t k = 0; k < DIM; k++)
        apart += fabs(one[k] - two[k]);
    assert_true(apart > 0.01);
    optimizer_free(o);
}

static void test_failed_and_unknown(void **state)
{
    (void)state;
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 2, .seed = 5});
    struct optimizer_choice choice;
    struct optimizer_hyper hyper;
    struct err err = ERR_INIT;
    struct rng rng;
    double x[MAX * DIM];
    rng_init(&rng, 4, 0, 0);
    assert_ok(optimizer_ask(o, 12, 0, NULL, x, &err), &err);
    struct told t = measure(12, x, 2, 0.05, &rng);
    for (size_t i = 0; i < 12; i++) {
        t.failed[i] = i % 4 == 1;
        t.cov[i * 12 + i] = nan("");
        if (t.failed[i])
            t.y[i] = nan("");
    }
    assert_ok(tell(o, &t, &err), &err);
    assert_ok(optimizer_recommend(o, 0, NULL, &choice, &err), &err);
    assert_true(choice.candidate < 12 && choice.candidate % 4 != 1);
    assert_ok(optimizer_hyper(o, 0, &hyper, &err), &err);
    assert_true(hyper.noise > 0.0);
    assert_ok(optimizer_ask(o, 4, 0, NULL, x, &err), &err);
    optimizer_free(o);
    /* only failures: the design goes on */
    o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 5});
    assert_ok(optimizer_ask(o, 4, 0, NULL, x, &err), &err);
    t = measure(2, x, 1, 0.05, &rng);
    t.failed[0] = t.failed[1] = true;
    assert_ok(tell(o, &t, &err), &err);
    double next[DIM];
    assert_ok(optimizer_ask(o, 1, 0, NULL, next, &err), &err);
    assert_memory_equal(next, x + 2 * DIM, sizeof next);
    assert_refused(optimizer_recommend(o, 0, NULL, &choice, &err), STATUS_INVALID, &err, "no result");
    optimizer_free(o);
}

static void test_integers(void **state)
{
    (void)state;
    const uint32_t levels[DIM] = {0, 6, 2};
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1, .seed = 5, .levels = levels});
    struct optimizer_choice choice;
    struct err err = ERR_INIT;
    struct rng rng;
    double x[MAX * DIM];
    rng_init(&rng, 4, 0, 0);
    for (size_t r = 0; r < 4; r++) {
        assert_ok(optimizer_ask(o, 4, 0, NULL, x, &err), &err);
        for (size_t i = 0; i < 4; i++) {
            const double level = x[i * DIM + 1] * 5.0;
            assert_close(level, round(level), 1e-12);
            assert_true(x[i * DIM + 2] <= 0.0 || x[i * DIM + 2] >= 1.0);
        }
        const struct told t = measure(4, x, 1, 0.02, &rng);
        assert_ok(tell(o, &t, &err), &err);
    }
    assert_ok(optimizer_best(o, &choice, &err), &err);
    assert_close(choice.x[1] * 5.0, round(choice.x[1] * 5.0), 1e-12);
    optimizer_free(o);
}

/* Five levels, three of them known to be bad, two alike and each measured once with much noise: the knowledge gradient
 * measures one of those two again, and with its answer still running the other one. */
static void test_kg_repeats_contenders(void **state)
{
    (void)state;
    const uint32_t levels[] = {5};
    struct optimizer *o =
        make(&(struct optimizer_config){.dim = 1, .n_outcomes = 1, .seed = 5, .levels = levels, .acquisition = "kg"});
    const double x[] = {0.0, 0.25, 0.5, 0.75, 1.0}, y[] = {-2.0, 0.1, 0.0, -2.0, -2.0};
    double cov[25] = {0}, first, second;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < 5; i++)
        cov[i * 6] = i == 1 || i == 2 ? 0.25 : 1e-6;
    assert_ok(optimizer_tell(o, &(struct optimizer_round){5, x, y, cov, NULL}, &err), &err);
    assert_ok(optimizer_ask(o, 1, 0, NULL, &first, &err), &err);
    assert_true(fabs(first - 0.25) < 1e-9 || fabs(first - 0.5) < 1e-9);
    assert_ok(optimizer_ask(o, 1, 1, &first, &second, &err), &err);
    assert_close(first + second, 0.75, 1e-12);
    optimizer_free(o);
}

/* The next point after n told ones; NULL: the default acquisition. */
static void next_after(size_t n, const char *acquisition, bool control_known, double *ret)
{
    const double control[DIM] = {0.5, 0.5, 0.5};
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM,
                                                          .n_outcomes = 1,
                                                          .seed = 5,
                                                          .control = control_known ? control : NULL,
                                                          .control_known = control_known,
                                                          .acquisition = acquisition});
    struct err err = ERR_INIT;
    struct rng rng;
    double x[MAX * DIM];
    rng_init(&rng, 4, 0, 0);
    for (size_t i = 0; i < n * DIM; i++)
        x[i] = rng_uniform(&rng);
    const struct told t = measure(n, x, 1, 0.1, &rng);
    assert_ok(tell(o, &t, &err), &err);
    assert_ok(optimizer_ask(o, 1, 0, NULL, ret, &err), &err);
    optimizer_free(o);
}

/* Every fourth point is the knowledge gradient's, counted through rounds of one; without a known control that is the
 * default. */
static void test_mixed(void **state)
{
    (void)state;
    double mixed[DIM], log_nei[DIM], kg[DIM], unnamed[DIM];
    for (size_t n = 8; n < 12; n++) {
        next_after(n, "mixed", false, mixed);
        next_after(n, "log-nei", false, log_nei);
        next_after(n, "kg", false, kg);
        next_after(n, NULL, false, unnamed);
        assert_memory_equal(mixed, n % 4 == 3 ? kg : log_nei, sizeof mixed);
        assert_memory_equal(mixed, unnamed, sizeof mixed);
    }
    next_after(11, NULL, true, unnamed);
    next_after(11, "log-nei", true, log_nei);
    assert_memory_equal(unnamed, log_nei, sizeof unnamed);
}

static void refuse_config(const struct optimizer_config *config, const char *text)
{
    struct optimizer *o = NULL;
    struct err err = ERR_INIT;
    assert_refused(optimizer_new(config, &o, &err), STATUS_INVALID, &err, text);
    assert_null(o);
}

static void test_config_refused(void **state)
{
    (void)state;
    const double bad[] = {0.5, nan("")};
    refuse_config(&(struct optimizer_config){.dim = 0, .n_outcomes = 1}, "dim is 0");
    refuse_config(&(struct optimizer_config){.dim = 61, .n_outcomes = 1}, "1 to 60");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 9}, "n_outcomes is 9");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 1, .control_known = true}, "control");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 1, .control = bad}, "control[1]");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 2, .thresholds = bad + 1}, "thresholds[0]");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 1, .acquisition = "best"}, "log-nei");
    refuse_config(&(struct optimizer_config){.dim = 2, .n_outcomes = 1, .hyper_prior = "flat"}, "gamma");
}

static void refuse_tell(struct optimizer *o, const struct told *t, enum status want, const char *text)
{
    struct err err = ERR_INIT;
    assert_refused(tell(o, t, &err), want, &err, text);
    assert_int_equal(optimizer_n_points(o), 0);
}

static void test_tell_refused(void **state)
{
    (void)state;
    struct optimizer *o = make(&(struct optimizer_config){.dim = DIM, .n_outcomes = 1});
    struct rng rng;
    const double x[2 * DIM] = {.1, .2, .3, .4, .5, .6};
    rng_init(&rng, 4, 0, 0);
    const struct told good = measure(2, x, 1, 0.05, &rng);
    struct told t = good;
    t.n = 0;
    refuse_tell(o, &t, STATUS_INVALID, "0 points");
    t = good;
    t.x[4] = nan("");
    refuse_tell(o, &t, STATUS_INVALID, "point 1: coordinate 1");
    t = good;
    t.y[1] = HUGE_VAL;
    refuse_tell(o, &t, STATUS_INVALID, "point 1: outcome 0");
    t = good;
    t.cov[0] = -1.0;
    refuse_tell(o, &t, STATUS_INVALID, "noise variance");
    t = good;
    t.cov[1] = 0.001;
    refuse_tell(o, &t, STATUS_INVALID, "symmetric");
    t = good;
    t.cov[1] = t.cov[2] = 0.01;
    refuse_tell(o, &t, STATUS_NOT_PD, "semidefinite");
    t = good;
    t.cov[0] = nan("");
    t.cov[1] = t.cov[2] = 0.001;
    refuse_tell(o, &t, STATUS_INVALID, "unknown variance");
    double out[DIM];
    struct err err = ERR_INIT;
    assert_refused(optimizer_ask(o, 0, 0, NULL, out, &err), STATUS_INVALID, &err, "1 to 64");
    t.x[0] = nan("");
    assert_refused(optimizer_ask(o, 1, 1, t.x, out, &err), STATUS_INVALID, &err, "pending point 0");
    optimizer_free(o);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_hill),        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_known_control),         cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_diagnostics),           cmocka_unit_test(test_pending),
        cmocka_unit_test(test_failed_and_unknown),    cmocka_unit_test(test_integers),
        cmocka_unit_test(test_kg_repeats_contenders), cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_config_refused),        cmocka_unit_test(test_tell_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 ? failed : mem_outstanding() != 0;
}
