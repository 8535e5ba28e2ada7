/* The optimizer on data that is hard on a Gaussian process: whatever is told, every ask is inside the cube and finite.
 */
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/optimizer.h"

enum { MAX_DIM = 20, MAX_N = 64 };

struct data {
    size_t n, dim;
    double x[MAX_N * MAX_DIM], y[MAX_N], cov[MAX_N * MAX_N];
};

/* A bowl with its top at (.4, .4, ...), noise of 0.05. */
static void make(struct data *d, size_t n, size_t dim, uint64_t seed)
{
    struct rng rng;
    memset(d, 0, sizeof *d);
    d->n = n;
    d->dim = dim;
    rng_init(&rng, seed, n, dim);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < dim; k++) {
            d->x[i * dim + k] = rng_uniform(&rng);
            d->y[i] -= pow(d->x[i * dim + k] - 0.4, 2.0) / (double)dim;
        }
        d->y[i] += 0.05 * rng_normal(&rng);
        d->cov[i * n + i] = 0.05 * 0.05;
    }
}

static struct optimizer *told(const struct data *d)
{
    struct optimizer *o = NULL;
    struct err err = ERR_INIT;
    assert_ok(optimizer_new(&(struct optimizer_config){.dim = d->dim, .n_outcomes = 1, .seed = 5}, &o, &err), &err);
    assert_ok(optimizer_tell(o, &(struct optimizer_round){d->n, d->x, d->y, d->cov, NULL}, &err), &err);
    return o;
}

/* Four arms and a recommendation with finite moments; ret_arms [4 * dim] may be NULL. */
static struct optimizer_choice works(const struct data *d, double *ret_arms)
{
    struct optimizer *o = told(d);
    struct optimizer_choice best;
    struct optimizer_diagnostics diagnostics;
    struct err err = ERR_INIT;
    double arms[4 * MAX_DIM];
    assert_ok(optimizer_ask(o, 4, 0, NULL, arms, &err), &err);
    for (size_t i = 0; i < 4 * d->dim; i++)
        assert_true(arms[i] >= 0.0 && arms[i] <= 1.0);
    assert_ok(optimizer_best(o, &best, &err), &err);
    assert_true(isfinite(best.mean) && isfinite(best.sd) && best.sd >= 0.0);
    assert_ok(optimizer_diagnose(o, 0, NULL, &diagnostics, &err), &err);
    assert_true(isfinite(diagnostics.log_density));
    if (ret_arms != NULL)
        memcpy(ret_arms, arms, 4 * d->dim * sizeof *arms);
    optimizer_free(o);
    return best;
}

static void test_dimensions(void **state)
{
    (void)state;
    static struct data d;
    for (size_t dim = 1; dim <= MAX_DIM; dim++) {
        make(&d, 1, dim, 1);
        works(&d, NULL);
        make(&d, 2 * dim + 2, dim, 2);
        works(&d, NULL);
    }
}

/* In other units the same points are asked for, to the bit where the factor is a power of two. */
static void test_scales(void **state)
{
    (void)state;
    static struct data d, scaled;
    double arms[4 * MAX_DIM], other[4 * MAX_DIM];
    make(&d, 24, 3, 3);
    const struct optimizer_choice best = works(&d, arms);
    for (int power = -27; power <= 27; power += 54) { /* about 1e-8 and 1e8 */
        scaled = d;
        for (size_t i = 0; i < d.n; i++) {
            scaled.y[i] = ldexp(d.y[i], power);
            scaled.cov[i * d.n + i] = ldexp(d.cov[i * d.n + i], 2 * power);
        }
        const struct optimizer_choice there = works(&scaled, other);
        assert_memory_equal(other, arms, 12 * sizeof *arms);
        assert_close(ldexp(there.mean, -power), best.mean, 1e-12);
    }
    scaled = d;
    for (size_t i = 0; i < d.n; i++)
        scaled.y[i] += 1e6; /* a level far above the variation */
    assert_close(works(&scaled, NULL).mean - 1e6, best.mean, 1e-3);
}

static void test_constant(void **state)
{
    (void)state;
    static struct data d;
    static const double VALUES[] = {0.0, 7.3, -1e8, 1e-8};
    for (size_t v = 0; v < sizeof VALUES / sizeof *VALUES; v++) {
        for (int noise = 0; noise < 3; noise++) { /* exact, told, unknown */
            make(&d, 20, 2, 4);
            for (size_t i = 0; i < d.n; i++) {
                d.y[i] = VALUES[v];
                d.cov[i * d.n + i] = noise == 0 ? 0.0 : noise == 1 ? 0.01 : nan("");
            }
            const struct optimizer_choice best = works(&d, NULL);
            assert_true(fabs(best.mean - VALUES[v]) <= 0.2 + 1e-6 * fabs(VALUES[v]));
        }
    }
}

/* The same point again and again: exact, with noise, and contradicting itself although told as exact. */
static void test_duplicates(void **state)
{
    (void)state;
    static struct data d;
    for (int kind = 0; kind < 3; kind++) {
        make(&d, 30, 2, 5);
        for (size_t i = 10; i < 30; i++) {
            memcpy(d.x + i * 2, d.x, 2 * sizeof *d.x);
            d.y[i] = kind == 0 ? d.y[0] : d.y[i];
        }
        for (size_t i = 0; i < 30; i++)
            d.cov[i * 30 + i] = kind == 1 ? 0.0025 : 0.0;
        works(&d, NULL);
    }
}

/* One absurdly bad value does not move the recommendation far. */
static void test_outlier(void **state)
{
    (void)state;
    static struct data d;
    make(&d, 40, 2, 6);
    d.y[7] = -1e3;
    const struct optimizer_choice best = works(&d, NULL);
    assert_true(fabs(best.x[0] - 0.4) < 0.25 && fabs(best.x[1] - 0.4) < 0.25);
    d.y[7] = 1e3; /* an absurdly good one is believed or not, but nothing breaks */
    works(&d, NULL);
    d.y[7] = 1e100;
    works(&d, NULL);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dimensions), cmocka_unit_test(test_scales),  cmocka_unit_test(test_constant),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_outlier),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 ? failed : mem_outstanding() != 0;
}
