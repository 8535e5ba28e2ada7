/* The way between natural values and the cube, and what the scale of weights is fixed by. */
#include <math.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tuner/core/space.h"

static const struct space_param PARAMS[] = {
    {"click", SPACE_HEAD, 1.0, 2.5, -1.5, 1.0}, {"hide", SPACE_SWITCH, -1.0, 0.4, 0.0, 3.0},
    {"mix", SPACE_FLOAT, 1.0, 1.0, -2.0, 5.0},  {"rate", SPACE_LOG, 1.0, 1.0, 0.01, 10.0},
    {"depth", SPACE_INTEGER, 1.0, 1.0, 3, 12},  {"fixed", SPACE_FLOAT, 1.0, 1.0, 7.0, 7.0},
};
enum { N = sizeof PARAMS / sizeof *PARAMS };

static void test_decode(void **state)
{
    (void)state;
    const double cube[N] = {0.37, 0.81, 0.29, 0.63, 0.48, 0.5};
    double value[N], back[N];
    struct err err = ERR_INIT;
    assert_ok(space_check(N, PARAMS, &err), &err);
    space_decode(N, PARAMS, cube, value);
    assert_close(value[0], 2.5 * exp(-1.5 + 0.37 * 2.5), 1e-14);
    assert_close(value[1], -0.4 * 0.81 * 3.0, 1e-14);
    assert_close(value[2], -2.0 + 0.29 * 7.0, 1e-14);
    assert_close(value[3], pow(10.0, -2.0 + 0.63 * 3.0), 1e-13);
    assert_close(value[4], 7.0, 0.0); /* 3 + 0.48 * 9 = 7.32 */
    assert_close(value[5], 7.0, 0.0);
    assert_ok(space_encode(N, PARAMS, value, back, &err), &err);
    double snapped[N];
    memcpy(snapped, cube, sizeof cube);
    space_snap(N, PARAMS, snapped);
    for (size_t k = 0; k < N; k++)
        assert_close(back[k], snapped[k], 1e-14);
    assert_close(snapped[4], 4.0 / 9.0, 1e-15);
    uint32_t levels[N];
    space_levels(N, PARAMS, levels);
    assert_int_equal(levels[4], 10);
    assert_int_equal(levels[0], 0);
}

static void test_edges_stay_inside(void **state)
{
    (void)state;
    const double lo[N] = {0}, hi[N] = {1, 1, 1, 1, 1, 1};
    double value[N];
    space_decode(N, PARAMS, lo, value);
    assert_true(value[3] >= 0.01 && fabs(value[1]) < 1e-300);
    space_decode(N, PARAMS, hi, value);
    assert_true(value[3] <= 10.0);
}

static void refuse(struct space_param param, const char *text)
{
    struct err err = ERR_INIT;
    assert_refused(space_check(1, &param, &err), STATUS_INVALID, &err, text);
}

static void test_check(void **state)
{
    (void)state;
    refuse((struct space_param){"a", SPACE_FLOAT, 1, 1, 2, 1}, "ascending");
    refuse((struct space_param){"a", SPACE_FLOAT, 1, 1, 0, HUGE_VAL}, "finite");
    refuse((struct space_param){"a", SPACE_LOG, 1, 1, 0, 1}, "above 0");
    refuse((struct space_param){"a", SPACE_INTEGER, 1, 1, 0.5, 3}, "whole numbers");
    refuse((struct space_param){"a", SPACE_HEAD, 0.5, 1, 0, 1}, "sign");
    refuse((struct space_param){"a", SPACE_HEAD, 1, nan(""), 0, 1}, "scale");
    refuse((struct space_param){"a", SPACE_HEAD, 1, 1, -60, 1}, "-50 to 50");
    refuse((struct space_param){"a", SPACE_SWITCH, 1, 1, -1, 1}, "starts at 0");
}

static void refuse_value(size_t k, double value, const char *text)
{
    struct err err = ERR_INIT;
    double cube = 0.123;
    assert_refused(space_encode(1, &PARAMS[k], &value, &cube, &err), STATUS_INVALID, &err, text);
    assert_close(cube, 0.123, 0.0);
}

static void test_encode_refuses(void **state)
{
    (void)state;
    refuse_value(0, -1.0, "click is -1: a weight above 0");
    refuse_value(0, 0.0, "click");
    refuse_value(1, 0.2, "hide is 0.2: 0 or a weight below 0");
    refuse_value(3, 0.0, "rate is 0");
    refuse_value(2, nan(""), "mix");
}

static void test_heads(void **state)
{
    (void)state;
    const double weight[] = {0.0, -1.7, 0.9}, sd[] = {9.0, 0.11, 0.23}, mean[] = {0.5, 0.13, 0.31};
    const double none[] = {0.0, 0.0, 0.0};
    double share[3], scale;
    size_t head;
    struct err err = ERR_INIT;
    assert_ok(space_reference(3, weight, sd, &head, &err), &err);
    assert_int_equal(head, 2);
    assert_refused(space_reference(3, none, sd, &head, &err), STATUS_INVALID, &err, "no head");
    space_shares(3, weight, mean, share);
    assert_close(share[0], 0.0, 0.0);
    assert_close(share[1], 0.221 / (0.221 + 0.279), 1e-12);
    assert_close(share[1] + share[2], 1.0, 1e-15);
    space_shares(3, none, mean, share);
    assert_close(share[2], 0.0, 0.0);
    assert_ok(space_head_scale(-1.7, 0.13, &scale, &err), &err);
    assert_close(scale, 1.7, 0.0);
    assert_ok(space_head_scale(0.0, 0.16, &scale, &err), &err);
    assert_close(scale, 6.25, 1e-15);
    assert_refused(space_head_scale(0.0, 0.0, &scale, &err), STATUS_INVALID, &err, "one of them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode), cmocka_unit_test(test_edges_stay_inside),
        cmocka_unit_test(test_check),  cmocka_unit_test(test_encode_refuses),
        cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
