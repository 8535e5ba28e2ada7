/* Caps that the round before decides: the quantile, what it is taken of, and what becomes of it over HTTP. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/stats/quantile.h"
#include "experiments/core/caps.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

static double quantile_of(const double *x, size_t n, double q)
{
    double copy[100];
    memcpy(copy, x, n * sizeof *x);
    return quantile_select(copy, n, q);
}

/* Definition 1: the smallest x with a share of at least q not above it. */
static void quantiles_are_the_inverse_of_the_distribution(void **state)
{
    (void)state;
    const double x[] = {7, 3, 9, 1, 5, 8, 2, 10, 4, 6};
    for (int i = 1; i <= 10; i++) {
        assert_close(quantile_of(x, 10, i / 10.0), i, 0);
        assert_close(quantile_of(x, 10, i / 10.0 - 0.04), i, 0);
    }
    double hundred[100];
    for (int i = 0; i < 100; i++)
        hundred[i] = (double)(i * 37 % 100 + 1);
    for (int i = 1; i <= 100; i++)
        assert_close(quantile_of(hundred, 100, i / 100.0), i, 0);
    const double ties[] = {2, 0, 0, 2, 0};
    assert_close(quantile_of(ties, 5, 0.6), 0, 0);
    assert_close(quantile_of(ties, 5, 0.61), 2, 0);
    assert_close(quantile_of(ties, 1, 0.5), 2, 0);
}

/* One metric, the sum of "watch"; unit u of `units` watches (-1)^u value(u), the last `held` are held back. */
static void play(struct tally *t, uint32_t units, uint32_t held, int64_t scale)
{
    static const struct experiment_plan PLAN = {
        .n_metrics = 1,
        .metrics = {{.event = "watch", .aggregate = AGGREGATE_SUM, .attribution_ms = 9, .cap = 5 * MOMENTS_SCALE}}};
    struct layout layout;
    struct err err = ERR_INIT;
    layout_make(&PLAN, &layout);
    assert_ok(tally_init(t, &layout, 2, &err), &err);
    assert_ok(tally_extend(t, true, 0, &err), &err);
    for (uint32_t u = 0; u < units; u++) {
        const int64_t value = (u % 2 != 0 ? -1 : 1) * (int64_t)(u + 1) * scale;
        enum event_outcome outcome;
        uint32_t unit;
        assert_ok(tally_add_unit(t, u + held >= units ? 2 : u % 2, &unit, &err), &err);
        tally_expose(t, unit, 0, 1);
        if (scale > 0)
            assert_ok(tally_event(t, unit, "watch", value, 1, 1, &outcome, &err), &err);
    }
}

static int64_t cap_after(uint32_t units, uint32_t held, int64_t scale, double quantile)
{
    struct tally t = {0};
    struct err err = ERR_INIT;
    int64_t cap = -1;
    play(&t, units, held, scale);
    assert_ok(caps_after(&t, 0, quantile, 77, &cap, &err), &err);
    tally_done(&t);
    return cap;
}

static void caps_are_of_what_units_of_arms_had(void **state)
{
    (void)state;
    assert_int_equal(cap_after(2000, 0, MOMENTS_SCALE, 0.99),
                     1980 * MOMENTS_SCALE); /* of sizes, and before its own cap */
    assert_int_equal(cap_after(2000, 500, MOMENTS_SCALE, 0.99), 1485 * MOMENTS_SCALE); /* nobody held back */
    assert_int_equal(cap_after(1000, 0, 3, 0.5), 1500);
    assert_int_equal(cap_after(999, 0, 3, 0.5), 77);
    assert_int_equal(cap_after(1500, 501, 3, 0.5), 77);
    assert_int_equal(cap_after(1000, 0, 0, 0.99), MOMENTS_LIMIT);
}

/* Exposures and one event of the units first .. end - 1: those below `heavy` have `much`, the others 1. */
static void send(struct lab *lab, int n, int first, int end, int heavy, int much)
{
    struct buf body = BUF_INIT;
    buf_text(&body, "{\"events\":[");
    for (int u = first; u < end; u++) {
        char unit[20], arm[40];
        snprintf(unit, sizeof unit, "unit-%d", u);
        lab_arm(lab, unit, arm, sizeof arm);
        for (int e = 0; e < 2; e++)
            buf_printf(&body,
                       "%s{\"event_id\":\"%d-%d-%d\",\"type\":\"%s\",\"value\":%d,\"experiment\":\"feed\",\"round\":%d,"
                       "\"arm\":\"%s\",\"unit\":\"%s\"}",
                       body.length > 12 ? "," : "", n, u, e, e ? "watch" : "exposure", e ? (u < heavy ? much : 1) : 3,
                       n, arm, unit);
    }
    buf_text(&body, "]}");
    json_free(lab_json(lab, "POST", "/v1/events", body.data, 200));
    buf_done(&body);
}

static void send_round(struct lab *lab, int n, int units, int heavy, int much)
{
    for (int first = 0; first < units; first += 500)
        send(lab, n, first, first + 500 < units ? first + 500 : units, heavy, much);
}

static void open_round(struct lab *lab, int n)
{
    char path[80], body[300];
    snprintf(path, sizeof path, "/v1/experiments/feed/rounds/%d", n);
    snprintf(body, sizeof body,
             "{\"purpose\":\"explore\",\"salt\":\"s%d\",\"end\":{\"units_per_arm\":100000},\"arms\":["
             "{\"id\":\"control\",\"weights\":{\"click\":1},\"allocation\":0.5},"
             "{\"id\":\"a1\",\"weights\":{\"click\":2},\"allocation\":0.5}]}",
             n);
    json_free(lab_json(lab, "PUT", path, body, 201));
}

static void close_round(struct lab *lab, int n)
{
    char path[80];
    snprintf(path, sizeof path, "/v1/experiments/feed/rounds/%d/stop", n);
    json_free(lab_json(lab, "POST", path, NULL, 200));
}

/* The cap in the results, NAN for null, and the sum over both arms. */
static double cap_of(struct lab *lab, int n, double *ret_sum)
{
    char path[80];
    snprintf(path, sizeof path, "/v1/experiments/feed/rounds/%d/results", n);
    struct json *results = lab_json(lab, "GET", path, NULL, 200);
    struct json_at root = json_root(results), caps, watch;
    assert_ok(json_member(&root, "caps", JSON_REQUIRED, &caps, NULL), NULL);
    assert_ok(json_member(&caps, "watch", JSON_REQUIRED, &watch, NULL), NULL);
    const double cap = json_is_null(&watch) ? nan("") : answer_number(results, "caps.watch");
    *ret_sum = answer_number(results, "arms.0.metrics.0.sum") + answer_number(results, "arms.1.metrics.0.sum");
    json_free(results);
    return cap;
}

static void a_round_is_capped_by_the_one_before(void **state)
{
    (void)state;
    static const char EXPERIMENT[] =
        "{\"heads\":[\"click\",\"save\",\"hide\"],\"default_weights\":{\"click\":1},\"metrics\":[{\"name\":\"watch\","
        "\"kind\":\"mean\",\"numerator\":{\"event\":\"watch\",\"aggregate\":\"sum\"},\"cap\":{\"quantile\":0.99}}]}";
    struct lab lab = {0};
    double sum = 0;
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", EXPERIMENT, 201));
    open_round(&lab, 1);
    send_round(&lab, 1, 1500, 20, 50); /* more than one of a hundred have 50 */
    assert_true(isnan(cap_of(&lab, 1, &sum)));
    assert_close(sum, 1480 + 20 * 50, 1e-9);
    close_round(&lab, 1);
    open_round(&lab, 2);
    send_round(&lab, 2, 1200, 10, 900); /* fewer than one of a hundred have 900 */
    for (int restart = 0; restart < 2; restart++) {
        assert_close(cap_of(&lab, 2, &sum), 50, 0);
        assert_close(sum, 1190 + 10 * 50, 1e-9);
        lab_stop(&lab);
        lab_start(&lab, START);
    }
    close_round(&lab, 2);
    open_round(&lab, 3);
    send_round(&lab, 3, 500, 10, 900); /* too few to say something */
    assert_close(cap_of(&lab, 3, &sum), 1, 0);
    close_round(&lab, 3);
    open_round(&lab, 4);
    assert_close(cap_of(&lab, 4, &sum), 1, 0);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_the_inverse_of_the_distribution),
        cmocka_unit_test(caps_are_of_what_units_of_arms_had),
        cmocka_unit_test(a_round_is_capped_by_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
