/* Adam: against its formula, PyTorch's steps, and what it does with what is very small. */
#include "tests/lib/check.h"

#include <math.h>

#include "base/core/rng.h"
#include "ranker/adam.h"
#include "tests/golden/network.h"

/* Four steps of PyTorch's AdamW. */
static void test_golden_adam(void **state)
{
    (void)state;
    float theta[5], m[5] = {0.0f}, v[5] = {0.0f}, gradient[5];
    for (size_t i = 0; i < 5; i++)
        theta[i] = (float)GOLDEN_ADAM_START[i];
    for (size_t step = 0; step < 4; step++) {
        for (size_t i = 0; i < 5; i++)
            gradient[i] = (float)GOLDEN_ADAM_GRADIENTS[step * 5 + i];
        adam_update(&(struct adam){GOLDEN_ADAM[0], GOLDEN_ADAM[1], step + 1}, 5, gradient, theta, m, v);
        for (size_t i = 0; i < 5; i++)
            assert_close((double)theta[i], GOLDEN_ADAM_AFTER[step * 5 + i], 1e-6);
    }
}

static void test_adam(void **state)
{
    (void)state;
    float theta[1] = {0.7f}, m[1] = {0}, v[1] = {0};
    const float g1[1] = {0.31f}, g2[1] = {-0.05f};
    adam_update(&(struct adam){0.013, 0.2, 1}, 1, g1, theta, m, v);
    double expected = 0.7 * (1.0 - 0.013 * 0.2) - 0.013 * 0.31 / (0.31 + 1e-8);
    assert_close((double)theta[0], expected, 1e-6);
    adam_update(&(struct adam){0.013, 0.2, 2}, 1, g2, theta, m, v);
    const double m2 = 0.9 * 0.1 * 0.31 + 0.1 * -0.05, v2 = 0.999 * 0.001 * 0.31 * 0.31 + 0.001 * 0.05 * 0.05;
    expected = expected * (1.0 - 0.013 * 0.2) - 0.013 * (m2 / (1.0 - 0.81)) / (sqrt(v2 / (1.0 - 0.998001)) + 1e-8);
    assert_close((double)theta[0], expected, 1e-6);
}

/* The digits of a parameter do not depend on how many others are updated with it. */
static void test_adam_of_many(void **state)
{
    (void)state;
    enum { N = 100 };
    float gradient[N], theta[N], m[N] = {0.0f}, v[N] = {0.0f}, alone[N], m1[N] = {0.0f}, v1[N] = {0.0f};
    struct rng rng;
    rng_init(&rng, check_seed(), 3, 4);
    for (size_t i = 0; i < N; i++)
        theta[i] = alone[i] = (float)rng_normal(&rng);
    for (size_t step = 1; step < 4; step++) {
        const struct adam adam = {0.01, 0.1, step};
        for (size_t i = 0; i < N; i++)
            gradient[i] = (float)rng_normal(&rng);
        adam_update(&adam, N, gradient, theta, m, v);
        for (size_t i = 0; i < N; i++)
            adam_update(&adam, 1, gradient + i, alone + i, m1 + i, v1 + i);
    }
    assert_memory_equal(theta, alone, sizeof theta);
    assert_memory_equal(m, m1, sizeof m);
    assert_memory_equal(v, v1, sizeof v);
}

/* Moments of a weight whose gradient has become 0 end as 0, not as denormals, which are slow. */
static void test_adam_ends_at_zero(void **state)
{
    (void)state;
    float theta[1] = {0.7f}, m[1] = {0.0f}, v[1] = {0.0f};
    const float gradient[1] = {0.31f}, none[1] = {0.0f}, tiny[1] = {-1e-16f};
    adam_update(&(struct adam){0.01, 0.0, 1}, 1, gradient, theta, m, v);
    for (size_t step = 2; step < 1000; step++)
        adam_update(&(struct adam){0.01, 0.0, step}, 1, none, theta, m, v);
    assert_true(m[0] == 0.0f && v[0] > 0.0f);
    v[0] = 0.0f;
    adam_update(&(struct adam){0.01, 0.0, 1}, 1, tiny, theta, m, v);
    assert_true(m[0] < 0.0f && v[0] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_adam),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adam_of_many),
        cmocka_unit_test(test_adam_ends_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
