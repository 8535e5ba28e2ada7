/* What a bench reports: order statistics, ratios within repeats, and that all ways to score agree. */
#include "tests/lib/check.h"

#include <math.h>

#include "base/core/mem.h"
#include "ranker/bench_network.h"

static void test_summary(void **state)
{
    (void)state;
    const double odd[5] = {7.0, 3.0, 11.0, 3.0, 5.0}, even[4] = {8.0, 2.0, 6.0, 3.0};
    assert_close(bench_summarize(odd, 5).min, 3.0, 0.0);
    assert_close(bench_summarize(odd, 5).median, 5.0, 0.0);
    assert_close(bench_summarize(odd, 5).max, 11.0, 0.0);
    assert_close(bench_summarize(even, 4).median, 4.5, 0.0);
    assert_close(bench_summarize(even, 1).median, 8.0, 0.0);
}

/* The median of the ratios, not the ratio of the medians: here 2 and not 1. */
static void test_ratio_is_taken_within_a_repeat(void **state)
{
    (void)state;
    const double a[3] = {2.0, 20.0, 9.0}, b[3] = {1.0, 10.0, 9.0};
    assert_close(bench_ratio(a, b, 3), 2.0, 1e-15);
}

static void test_shape(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct network_shape shape = {0};
    assert_ok(bench_network_shape("288-256-128-5x64", &shape, &err), &err);
    assert_int_equal(shape.width, 288);
    assert_int_equal(shape.hidden1, 256);
    assert_int_equal(shape.hidden2, 128);
    assert_int_equal(shape.heads, 5);
    assert_int_equal(shape.tower, 64);
    static const char *const BAD[] = {"",          "288",        "288-256-128-5x64 ", "0-1-1-1x1",
                                      "1-1-1-0x1", "1-1-1-17x1", "288-256-128-5*64",  "a-1-1-1x1"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_refused(bench_network_shape(BAD[i], &shape, &err), STATUS_INVALID, &err, "is not a network");
}

struct log {
    size_t n_runs, n_prepared, n_last, repeats;
};

static void prepare(void *context, size_t n, size_t repeat)
{
    struct log *log = context;
    log->n_prepared++;
    log->n_last = n;
    log->repeats = repeat + 1;
}

static void count(void *context, size_t n)
{
    struct log *log = context;
    assert_int_equal(n, log->n_last);
    log->n_runs++;
}

static void test_plan(void **state)
{
    (void)state;
    struct log log = {0};
    const size_t sizes[2] = {1, 50};
    const struct bench_subject subject = {
        .name = "x", .kernel = "y", .context = &log, .prepare = prepare, .run = count};
    double us[2 * 3];
    for (size_t i = 0; i < 6; i++)
        us[i] = nan("");
    bench_run(&(struct bench_plan){&subject, 1, sizes, 2, 3}, us);
    assert_int_equal(log.n_prepared, 6);
    assert_int_equal(log.n_runs, 12);
    assert_int_equal(log.repeats, 3);
    for (size_t i = 0; i < 6; i++)
        assert_true(us[i] >= 0.0);
}

/* The kernels, the stored shares of the first layer and the forward pass of training compute the same logits. */
static void test_ways_agree(void **state)
{
    (void)state;
    const struct network_shape shape = {.width = 37, .hidden1 = 50, .hidden2 = 33, .tower = 41, .heads = 3};
    const double b4[3] = {0.5, -1.0, -3.0};
    struct err err = ERR_INIT;
    struct bench_network *bench = NULL;
    struct bench_subject subjects[BENCH_NETWORK_SUBJECTS];
    struct rng rng;
    float *theta = mem_alloc(network_layout(&shape).n, sizeof *theta);
    assert_non_null(theta);
    rng_init(&rng, check_seed(), 1, 2);
    network_init(&shape, &rng, b4, theta);
    assert_ok(bench_network_new(&shape, theta, kernel_best(), NULL, 101, check_seed(), &bench, &err), &err);
    const double difference = bench_network_difference(bench);
    assert_true(difference >= 0.0 && difference < 1e-5);
    assert_int_equal(bench_network_subjects(bench, subjects), 5);
    assert_close(subjects[2].flops - subjects[0].flops, 2.0 * 37.0 * 50.0, 0.0);
    assert_close(subjects[0].flops, 2.0 * (50.0 * 33.0 + 34.0 * 123.0), 0.0);
    assert_true(isnan(bench_peak(KERNEL_REFERENCE.spin, KERNEL_REFERENCE.spin_flops)));
    bench_network_free(bench);
    mem_free(theta);
}

/* Half precision beside single: four ways, and logits that differ, but by little. */
static void test_half(void **state)
{
    (void)state;
    const struct network_shape shape = {.width = 37, .hidden1 = 50, .hidden2 = 33, .tower = 41, .heads = 3};
    struct err err = ERR_INIT;
    struct bench_network *bench = NULL;
    struct bench_subject subjects[BENCH_NETWORK_SUBJECTS];
    float *theta = mem_alloc(network_layout(&shape).n, sizeof *theta);
    assert_non_null(theta);
    bench_network_weights(&shape, check_seed(), theta);
    assert_ok(bench_network_new(&shape, theta, kernel_best(), &HALF_REFERENCE, 101, check_seed(), &bench, &err), &err);
    const double difference = bench_network_difference(bench);
    assert_true(difference > 1e-6 && difference < 1e-2);
    assert_int_equal(bench_network_subjects(bench, subjects), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(subjects[i].half == (i % 2 == 0));
        assert_string_equal(subjects[i].name, i < 2 ? "held" : "all");
        assert_string_equal(subjects[i].kernel, i % 2 == 0 ? "reference" : kernel_best()->name);
    }
    bench_network_free(bench);
    mem_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),    cmocka_unit_test(test_ratio_is_taken_within_a_repeat),
        cmocka_unit_test(test_shape),      cmocka_unit_test(test_plan),
        cmocka_unit_test(test_ways_agree), cmocka_unit_test(test_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
