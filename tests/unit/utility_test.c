/* utility: order, ties, NaN, invariance to the order of the input, checks of weights. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/rng.h"
#include "ranker/utility.h"

static void test_order_and_ties(void **state)
{
    (void)state;
    const char *const ids[] = {"delta", "bravo", "alpha", "charlie"};
    const float p[] = {0.25f, 0.5f, 0.125f, 0.75f, 0.125f, 0.75f, 0.5f, 0.0625f};
    const double w[] = {1.5, -0.5};
    struct utility_entry top[4];
    assert_int_equal(utility_top(4, 2, w, p, ids, 4, top), 4);
    const uint32_t want[] = {3, 0, 2, 1}; /* .71875, .125, then a tie at -.1875: alpha before bravo */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(top[i].index, want[i]);
    assert_close(top[0].utility, 0.71875, 1e-15);
    assert_close(top[3].utility, -0.1875, 1e-15);
    assert_int_equal(utility_top(4, 2, w, p, ids, 2, top), 2);
    assert_int_equal(top[0].index, 3);
    assert_int_equal(top[1].index, 0);
    assert_int_equal(utility_top(4, 2, w, p, ids, 0, top), 0);
    assert_int_equal(utility_top(0, 2, w, p, ids, 3, top), 0);
}

static void test_not_finite_is_last(void **state)
{
    (void)state;
    const char *const ids[] = {"a", "b", "c"};
    const float p[] = {nanf(""), 0.1f, INFINITY};
    const double w[] = {1.0};
    struct utility_entry top[3];
    assert_int_equal(utility_top(3, 1, w, p, ids, 3, top), 3);
    assert_int_equal(top[0].index, 1);
    assert_int_equal(top[1].index, 0);
    assert_int_equal(top[2].index, 2);
}

/* A full sort by selection, with the rule written independently. */
static void check_against_selection(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, 3, 5);
    enum { N = 37, H = 3 };
    char names[N][8];
    const char *ids[N], *shuffled_ids[N];
    float p[N * H], shuffled_p[N * H];
    double w[H];
    for (size_t h = 0; h < H; h++)
        w[h] = rng_normal(&rng);
    uint32_t order[N];
    for (uint32_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "i%u", (unsigned)i);
        ids[i] = names[i];
        order[i] = i;
        for (size_t h = 0; h < H; h++)
            p[i * H + h] = (float)rng_below(&rng, 3) / 2.0f; /* few values: many ties */
    }
    rng_shuffle(&rng, N, order);
    for (size_t i = 0; i < N; i++) {
        shuffled_ids[i] = ids[order[i]];
        memcpy(shuffled_p + i * H, p + order[i] * H, H * sizeof *p);
    }
    struct utility_entry a[N], b[N];
    const size_t k = 1 + (size_t)rng_below(&rng, N);
    assert_int_equal(utility_top(N, H, w, p, ids, N, a), N);
    assert_int_equal(utility_top(N, H, w, shuffled_p, shuffled_ids, k, b), k);
    for (size_t i = 0; i < k; i++)
        assert_string_equal(ids[a[i].index], shuffled_ids[b[i].index]);
    for (size_t i = 1; i < N; i++) {
        const double u = a[i - 1].utility, v = a[i].utility;
        assert_true(u > v || (u >= v && strcmp(ids[a[i - 1].index], ids[a[i].index]) < 0));
    }
}

static void test_order_of_input_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(200, 2000); seed++)
        check_against_selection(seed);
}

static void test_weights(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const char *const names[] = {"click", "hide"};
    const double good[] = {0.0, -2.5}, zero[] = {0.0, -0.0}, bad[] = {1.0, (double)INFINITY};
    assert_ok(utility_check_weights(2, good, names, &err), &err);
    assert_refused(utility_check_weights(2, zero, names, &err), STATUS_INVALID, &err, "at least one");
    assert_refused(utility_check_weights(2, bad, names, &err), STATUS_INVALID, &err, "hide");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_ties),
        cmocka_unit_test(test_not_finite_is_last),
        cmocka_unit_test(test_order_of_input_does_not_matter),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
