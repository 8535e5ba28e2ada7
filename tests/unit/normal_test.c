/* Normal tails against scipy 1.10 (special.log_ndtr, special.erfcx, stats.norm) and, at -40.3, the asymptotic series of
 * 1 - x R(x); Sobol points against the definition of a net. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/design.h"
#include "tuner/core/normal.h"
#include "tuner/core/sobol.h"

static void test_tails(void **state)
{
    (void)state;
    static const struct {
        double z, log_ndtr, log_h, slope;
    } CASES[] = {
        {-40.3, -816.6609047866409, -820.3584846946097, 40.34953651242433},
        {-9.7, -50.24642392772925, -52.53896425169773, 9.900055111749877},
        {-2.37, -4.722373593748298, -5.816942265456109, 2.987893642351415},
        {-0.83, -1.593223126357158, -2.1717245039661117, 1.7833638381692116},
        {0.41, -0.41688452280182897, -0.45096765937873146, 1.0346706221263005},
        {2.9, -0.0018675560981809213, 1.0648975036361985, 0.34411992618441317},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        double slope;
        assert_close(log_ndtr(CASES[i].z, NULL), CASES[i].log_ndtr, 1e-12);
        assert_close(log_h(CASES[i].z, &slope), CASES[i].log_h, 1e-11);
        assert_close(slope, CASES[i].slope, 1e-9);
        const double h = exp(CASES[i].log_h);
        assert_true(fabs(normal_h(CASES[i].z) - h) <= 1e-12 * h || (CASES[i].z < -8.0 && h < 1e-16));
    }
    assert_close(normal_h(1e3), 1e3, 0.0);
    assert_close(log_h(-1e6, NULL), -0.5e12 - 0.91893853320467274 - 2.0 * log(1e6), 1e-15);
}

static void test_slopes(void **state)
{
    (void)state;
    for (double z = -30.0; z < 6.0; z += 0.37) {
        const double h = 1e-5;
        double slope;
        (void)log_ndtr(z, &slope);
        assert_close(slope, (log_ndtr(z + h, NULL) - log_ndtr(z - h, NULL)) / (2.0 * h), 1e-7);
        (void)log_h(z, &slope);
        assert_close(slope, (log_h(z + h, NULL) - log_h(z - h, NULL)) / (2.0 * h), 1e-7);
    }
}

static void test_quantile(void **state)
{
    (void)state;
    static const double CASES[][2] = {{1e-9, -5.9978070150076865},  {.00137, -2.9954947700578014},
                                      {.0731, -1.4530855592528094}, {.417, -0.2095742228896493},
                                      {.883, 1.1901180418964232},   {.99921, 3.159573946768083}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_close(normal_quantile(CASES[i][0]), CASES[i][1], 1e-9);
}

/* Every coordinate of the first 2^k points falls once into each of 2^k equal cells, and every pair of dimensions 1 and
 * 2 is a (0, k, 2)-net: one point in each elementary box of area 2^-k. */
static void test_sobol_net(void **state)
{
    (void)state;
    enum { K = 7, N = 1 << K };
    struct sobol sobol;
    struct rng rng;
    static double x[N][SOBOL_MAX_DIM];
    rng_init(&rng, 11, 0, 0);
    sobol_init(&sobol, SOBOL_MAX_DIM, &rng);
    for (size_t i = 0; i < N; i++)
        sobol_next(&sobol, x[i]);
    for (size_t k = 0; k < SOBOL_MAX_DIM; k++) {
        bool seen[N] = {false};
        for (size_t i = 0; i < N; i++) {
            const size_t cell = (size_t)(x[i][k] * N);
            assert_true(x[i][k] > 0.0 && x[i][k] < 1.0);
            assert_false(seen[cell]);
            seen[cell] = true;
        }
    }
    for (size_t split = 0; split <= K; split++) {
        bool seen[N] = {false};
        for (size_t i = 0; i < N; i++) {
            const size_t a = (size_t)(x[i][0] * (double)(1U << split));
            const size_t b = (size_t)(x[i][1] * (double)(1U << (K - split)));
            const size_t cell = a << (K - split) | b;
            assert_false(seen[cell]);
            seen[cell] = true;
        }
    }
}

/* The mean over 2^10 scrambled points of a product function is far closer to 1 than random points come (sd 0.016). */
static void test_sobol_integrates(void **state)
{
    (void)state;
    struct sobol sobol;
    struct rng rng;
    double u[5], sum = 0.0;
    rng_init(&rng, 5, 0, 0);
    sobol_init(&sobol, 5, &rng);
    for (int i = 0; i < 1024; i++) {
        double product = 1.0;
        sobol_next(&sobol, u);
        for (size_t k = 0; k < 5; k++)
            product *= 1.0 + (2.0 * u[k] - 1.0) * 0.6;
        sum += product / 1024.0;
    }
    assert_close(sum, 1.0, 2e-3);
}

static void test_design(void **state)
{
    (void)state;
    const double control[] = {0.3, 0.95};
    double x[64 * 2], tail[32 * 2];
    struct rng rng;
    rng_init(&rng, 3, 0, 0);
    design_sobol(64, 2, 0, control, &rng, x);
    size_t below[2] = {0};
    for (size_t i = 0; i < 64; i++) {
        below[0] += x[2 * i] < 0.3 ? 1 : 0;
        below[1] += x[2 * i + 1] < 0.75 ? 1 : 0; /* the control is cut to [1/4, 3/4] */
    }
    assert_int_equal(below[0], 32);
    assert_int_equal(below[1], 32);
    rng_init(&rng, 3, 0, 0);
    design_sobol(32, 2, 32, control, &rng, tail);
    assert_memory_equal(tail, x + 64, sizeof tail);
    const uint32_t levels[] = {5, 0};
    double p[] = {0.37, 0.37};
    design_snap(2, levels, p);
    assert_close(p[0], 0.25, 0.0);
    assert_close(p[1], 0.37, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tails),     cmocka_unit_test(test_slopes),           cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_sobol_net), cmocka_unit_test(test_sobol_integrates), cmocka_unit_test(test_design),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
