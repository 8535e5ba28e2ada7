/* The life of rounds over HTTP: ranking, events, ends, frozen results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/digest.h"
#include "ranker/utility.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_scorer.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

#define RESULTS "/v1/experiments/feed/rounds/1/results"

static void open_feed(struct lab *lab)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
}

static void set_clock(struct lab *lab, int64_t now_ms)
{
    char body[60];
    snprintf(body, sizeof body, "{\"now_ms\":%lld}", (long long)now_ms);
    json_free(lab_json(lab, "PUT", "/v1/clock", body, 200));
}

/* A copy of LAB_ROUND with one word replaced. */
static const char *round_with(const char *word, const char *with)
{
    static char text[1000];
    const char *at = strstr(LAB_ROUND, word);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - LAB_ROUND), LAB_ROUND, with, at + strlen(word));
    return text;
}

static double result(struct lab *lab, const char *path)
{
    struct json *results = lab_json(lab, "GET", RESULTS, NULL, 200);
    double x = answer_number(results, path);
    json_free(results);
    return x;
}

/* The first unit u0, u1, ... that the round would put into the arm. */
static void unit_in(struct lab *lab, const char *arm, char ret[20])
{
    struct view *view = NULL;
    struct key128 key;
    struct err err = ERR_INIT;
    assert_ok(store_view(lab->store, "feed", &view, &err), &err);
    for (int u = 0; u < 1000; u++) {
        snprintf(ret, 20, "u%d", u);
        if (strcmp(view_arm_id(view, view_assign(view, ret, &key)), arm) == 0)
            break;
    }
    view_release(view);
}

/* The request id as a member of an event. */
static const char *by_request(const struct json *answer)
{
    static char text[200];
    snprintf(text, sizeof text, ",\"request_id\":\"%s\"", answer_text(answer, "request_id"));
    return text;
}

/* The reply holds the best three by the arm's weights, with the model's probabilities. */
static void check_order(const struct json *answer, const char *user, const double *weights)
{
    const char *ids[] = {"i1", "i2", "i3", "i4", "i5"};
    float p[15];
    struct utility_entry order[5];
    for (size_t i = 0; i < 15; i++)
        p[i] = fake_p(0, user, ids[i / 3], i % 3);
    assert_int_equal(utility_top(5, 3, weights, p, ids, 3, order), 3);
    for (size_t i = 0; i < 3; i++) {
        char path[40];
        snprintf(path, sizeof path, "items.%zu.id", i);
        assert_string_equal(answer_text(answer, path), ids[order[i].index]);
        snprintf(path, sizeof path, "items.%zu.utility", i);
        assert_close(answer_number(answer, path), order[i].utility, 1e-8);
        snprintf(path, sizeof path, "items.%zu.p.save", i);
        assert_close(answer_number(answer, path), (double)p[order[i].index * 3 + 1], 1e-8);
    }
}

static void a_round_from_ranking_to_frozen_results(void **state)
{
    (void)state;
    struct lab lab = {0};
    const double weights[3][3] = {{1, 0, 0}, {0, 2, -0.5}, {1, 3.5, -2}};
    open_feed(&lab);
    size_t arms[3] = {0};
    bool open = true;
    for (int u = 0; u < 200; u++) {
        char unit[20], id[20];
        snprintf(unit, sizeof unit, "unit-%d", u);
        snprintf(id, sizeof id, "e%d", u);
        struct json *answer = lab_rank(&lab, unit, "");
        const char *arm = answer_text(answer, "arm");
        size_t a = strcmp(arm, "control") == 0 ? 0 : strcmp(arm, "a1") == 0 ? 1 : 2;
        check_order(answer, unit, weights[a]);
        arms[a]++;
        open = !isnan(answer_number(answer, "round"));
        assert_true(open || a == 2);
        if (a < 2 && u % 3 == 0) {
            lab_event(&lab, id, by_request(answer), 1, 0, 0, 0);
            lab_event(&lab, id, by_request(answer), 0, 1, 0, 0);
        }
        json_free(answer);
    }
    assert_false(open);
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_string_equal(answer_text(results, "state"), "settling");
    assert_string_equal(answer_text(results, "end_reason"), "units");
    assert_close(answer_number(results, "arms.0.units"), (double)arms[0], 0);
    assert_close(answer_number(results, "arms.1.impressions"), 3.0 * (double)arms[1], 0);
    assert_true(arms[0] >= 20 && arms[1] >= 20 && (arms[0] == 20 || arms[1] == 20));
    double clicks = answer_number(results, "arms.0.metrics.0.sum");
    assert_close(answer_number(results, "arms.0.metrics.0.mean"), clicks / (double)arms[0], 1e-12);
    assert_close(answer_number(results, "arms.0.metrics.1.mean"), clicks / (3.0 * (double)arms[0]), 1e-12);
    assert_close(answer_number(results, "arms.1.params.x"), 3, 0);
    /* Too few units for bounds, and the guardrail is not tested before the round is final. */
    assert_close(answer_number(results, "effects.always_valid.level"), 0.95, 0);
    assert_true(isnan(answer_number(results, "effects.always_valid.relative_lower.0")));
    assert_string_equal(answer_text(results, "guardrails.0.metric"), "ctr");
    assert_close(answer_number(results, "guardrails.0.at_least"), -0.5, 0);
    assert_true(isnan(answer_number(results, "guardrails.0.p_holds")));
    assert_string_equal(answer_text(results, "guardrails.0.always_valid"), "inconclusive");
    json_free(results);
    set_clock(&lab, START + 500);
    struct buf one = BUF_INIT, two = BUF_INIT;
    assert_int_equal(lab_call(&lab, "GET", RESULTS, NULL, &one), 200);
    assert_non_null(strstr(buf_string(&one), "\"final\":true"));
    results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_string_equal(answer_text(results, "guardrails.0.answer"), "holds");
    assert_close(answer_number(results, "guardrails.0.estimate"), answer_number(results, "effects.absolute.1"), 0);
    assert_true(answer_number(results, "guardrails.0.p_holds_adjusted") < 1e-9);
    json_free(results);
    lab_stop(&lab);
    lab_start(&lab, START);
    assert_int_equal(lab_call(&lab, "GET", RESULTS, NULL, &two), 200);
    assert_string_equal(buf_string(&one), buf_string(&two));
    buf_done(&one);
    buf_done(&two);
    lab_remove(&lab);
}

/* The digest is the SHA-256 of the body with null in its place. */
static void the_digest_can_be_checked(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct buf body = BUF_INIT, plain = BUF_INIT;
    uint8_t digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    open_feed(&lab);
    json_free(lab_rank(&lab, "u1", ""));
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{\"reason\":\"enough\"}", 200));
    set_clock(&lab, START + 500);
    assert_int_equal(lab_call(&lab, "GET", RESULTS, NULL, &body), 200);
    const char *at = strstr(body.data, "\"digest\":\"");
    assert_non_null(at);
    buf_add(&plain, body.data, (size_t)(at + 9 - body.data));
    buf_text(&plain, "null");
    buf_text(&plain, at + 9 + 66);
    digest_sha256(plain.data, plain.length, digest);
    digest_hex(digest, DIGEST_SIZE, hex);
    assert_memory_equal(at + 10, hex, 64);
    buf_done(&body);
    buf_done(&plain);
    lab_remove(&lab);
}

static void a_named_request_is_answered_once(void **state)
{
    (void)state;
    struct lab lab = {0};
    open_feed(&lab);
    static const char BODY[] =
        "{\"experiment\":\"feed\",\"unit\":\"u1\",\"candidates\":[\"x\",\"y\"],\"request_id\":\"r-1\"}";
    static const char SAME[] =
        "{\"request_id\":\"r-1\",\"unit\":\"u1\",\"candidates\":[\"x\",\"y\"],\"experiment\":\"feed\"}";
    struct buf one = BUF_INIT, two = BUF_INIT;
    assert_int_equal(lab_call(&lab, "POST", "/v1/rank", BODY, &one), 200);
    lab_stop(&lab);
    lab_start(&lab, START);
    assert_int_equal(lab_call(&lab, "POST", "/v1/rank", SAME, &two), 200);
    assert_string_equal(buf_string(&one), buf_string(&two));
    assert_close(result(&lab, "arms.0.requests") + result(&lab, "arms.1.requests"), 1, 0);
    lab_event(&lab, "e1", ",\"request_id\":\"r-1\"", 1, 0, 0, 0);
    assert_close(result(&lab, "arms.0.metrics.0.sum") + result(&lab, "arms.1.metrics.0.sum"), 1, 0);
    lab_refuses(&lab, "POST", "/v1/rank",
                "{\"experiment\":\"feed\",\"unit\":\"u2\",\"candidates\":[\"x\",\"y\"],\"request_id\":\"r-1\"}", 409,
                "request_id r-1 was used with another body");
    buf_done(&one);
    buf_done(&two);
    lab_remove(&lab);
}

static void events_find_their_place(void **state)
{
    (void)state;
    struct lab lab = {0};
    char unit[20], more[300], other[20];
    open_feed(&lab);
    unit_in(&lab, "a1", unit);
    unit_in(&lab, "default", other);
    struct json *answer = lab_rank(&lab, unit, ""), *outside = lab_rank(&lab, other, "");
    const char *id = by_request(answer);
    /* By time: 100 s of attribution. */
    snprintf(more, sizeof more, "%s,\"ts\":%d", id, START + 100000);
    lab_event(&lab, "e1", more, 1, 0, 0, 0);
    snprintf(more, sizeof more, "%s,\"ts\":%d", id, START + 100001);
    lab_event(&lab, "e2", more, 0, 0, 1, 0);
    lab_event(&lab, "e2", more, 0, 1, 0, 0);
    /* A type without a metric; a request outside the arms. */
    assert_int_equal(lab_call(&lab, "POST", "/v1/events",
                              "{\"events\":[{\"event_id\":\"e3\",\"request_id\":\"nobody\",\"type\":\"zap\"}]}", NULL),
                     200);
    lab_event(&lab, "e4", by_request(outside), 1, 0, 0, 0);
    /* Unknown and forged requests. */
    lab_event(&lab, "e5", ",\"request_id\":\"r-77\"", 0, 0, 0, 1);
    snprintf(more, sizeof more, "%s", by_request(answer));
    char *digit = strstr(more, "tt1.") + 20;
    *digit = *digit == 'A' ? 'B' : 'A';
    lab_event(&lab, "e6", more, 0, 0, 0, 1);
    /* By unit: its own arm, another arm, a unit that was never exposed. */
    snprintf(more, sizeof more, ",\"experiment\":\"feed\",\"round\":1,\"arm\":\"a1\",\"unit\":\"%s\",\"value\":3",
             unit);
    lab_event(&lab, "e7", more, 1, 0, 0, 0);
    snprintf(more, sizeof more, ",\"experiment\":\"feed\",\"round\":1,\"arm\":\"control\",\"unit\":\"%s\"", unit);
    lab_event(&lab, "e8", more, 0, 0, 0, 1);
    lab_event(&lab, "e9", more, 0, 0, 0, 1);
    lab_event(&lab, "e10", ",\"experiment\":\"feed\",\"round\":1,\"arm\":\"a1\",\"unit\":\"never\"", 0, 0, 0, 1);
    lab_event(&lab, "e11", ",\"experiment\":\"feed\",\"round\":2,\"arm\":\"a1\",\"unit\":\"u\"", 0, 0, 0, 1);
    assert_close(result(&lab, "arms.1.metrics.0.sum"), 2, 0);
    assert_close(result(&lab, "arms.1.metrics.0.events"), 2, 0);
    assert_close(result(&lab, "late"), 1, 0);
    assert_close(result(&lab, "orphan"), 3, 0);
    assert_close(result(&lab, "multi_arm_units"), 1, 0);
    assert_close(result(&lab, "watermark"), START + 100000, 0);
    /* Frozen: later events are late, and change nothing. */
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{}", 200));
    lab_event(&lab, "e12", by_request(answer), 1, 0, 0, 0);
    set_clock(&lab, START + 500);
    lab_event(&lab, "e13", by_request(answer), 0, 0, 1, 0);
    assert_close(result(&lab, "arms.1.metrics.0.sum"), 3, 0);
    json_free(answer);
    json_free(outside);
    lab_remove(&lab);
}

/* Whoever tests an arm sees it, under any unit, and leaves no trace in the round. */
static void a_forced_arm_is_never_counted(void **state)
{
    (void)state;
    const double weights[3] = {0, 2, -0.5};
    struct lab lab = {0};
    char unit[20];
    open_feed(&lab);
    unit_in(&lab, "control", unit);
    struct json *answer = lab_rank(&lab, unit, ",\"forced_arm\":\"a1\"");
    assert_string_equal(answer_text(answer, "arm"), "a1");
    check_order(answer, unit, weights);
    lab_event(&lab, "e1", by_request(answer), 1, 0, 0, 0);
    json_free(answer);
    struct buf one = BUF_INIT, two = BUF_INIT;
    const char body[] = "{\"experiment\":\"feed\",\"unit\":\"tester\",\"candidates\":[\"i1\"],\"request_id\":\"r1\","
                        "\"forced_arm\":\"control\"}";
    assert_int_equal(lab_call(&lab, "POST", "/v1/rank", body, &one), 200);
    assert_int_equal(lab_call(&lab, "POST", "/v1/rank", body, &two), 200);
    assert_non_null(strstr(buf_string(&one), "\"arm\":\"control\",\"forced\":true"));
    assert_string_equal(buf_string(&one), buf_string(&two));
    lab_event(&lab, "e2", ",\"request_id\":\"r1\"", 1, 0, 0, 0);
    buf_done(&one);
    buf_done(&two);
    for (int a = 0; a < 2; a++) {
        assert_close(result(&lab, a ? "arms.1.units" : "arms.0.units"), 0, 0);
        assert_close(result(&lab, a ? "arms.1.requests" : "arms.0.requests"), 0, 0);
        assert_close(result(&lab, a ? "arms.1.metrics.0.sum" : "arms.0.metrics.0.sum"), 0, 0);
    }
    lab_refuses(&lab, "POST", "/v1/rank",
                "{\"experiment\":\"feed\",\"unit\":\"u\",\"candidates\":[\"i1\"],\"forced_arm\":\"a9\"}", 404,
                "forced_arm \"a9\" is in no open round of experiment feed");
    lab_remove(&lab);
}

static void the_first_minutes_can_be_left_out(void **state)
{
    (void)state;
    struct lab lab = {0};
    char unit[20];
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1",
                       round_with("\"washout_ms\":0", "\"washout_ms\":60"), 201));
    unit_in(&lab, "a1", unit);
    struct json *early = lab_rank(&lab, unit, "");
    assert_string_equal(answer_text(early, "arm"), "a1");
    lab_event(&lab, "e1", by_request(early), 1, 0, 0, 0);
    assert_close(result(&lab, "arms.1.units"), 0, 0);
    set_clock(&lab, START + 60);
    struct json *answer = lab_rank(&lab, unit, "");
    lab_event(&lab, "e2", by_request(answer), 1, 0, 0, 0);
    lab_event(&lab, "e3", by_request(early), 1, 0, 0, 0);
    lab_stop(&lab);
    lab_start(&lab, START);
    assert_close(result(&lab, "arms.1.units"), 1, 0);
    assert_close(result(&lab, "arms.1.requests"), 1, 0);
    assert_close(result(&lab, "arms.1.metrics.0.sum"), 1, 0);
    json_free(early);
    json_free(answer);
    lab_remove(&lab);
}

static void seen_units_can_be_excluded(void **state)
{
    (void)state;
    struct lab lab = {0};
    open_feed(&lab);
    char seen[20], fresh[20] = "";
    unit_in(&lab, "a1", seen);
    json_free(lab_rank(&lab, seen, ""));
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{}", 200));
    set_clock(&lab, START + 500);
    char body[1000];
    snprintf(body, sizeof body, "%s", round_with("\"s1\"", "\"s2\",\"exclude_seen\":true"));
    char *half = strstr(body, "0.4}");
    memcpy(half, "0.6}", 4);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/2", body, 201));
    lab_stop(&lab);
    lab_start(&lab, START);
    struct json *answer = lab_rank(&lab, seen, "");
    assert_string_equal(answer_text(answer, "arm"), "default");
    assert_close(answer_number(answer, "round"), 2, 0);
    json_free(answer);
    for (int u = 0; u < 20; u++) {
        snprintf(fresh, sizeof fresh, "fresh-%d", u);
        answer = lab_rank(&lab, fresh, "");
        assert_string_not_equal(answer_text(answer, "arm"), "default");
        json_free(answer);
    }
    lab_remove(&lab);
}

static void a_stopped_arm_gets_the_default(void **state)
{
    (void)state;
    struct lab lab = {0};
    char unit[20], other[20];
    open_feed(&lab);
    unit_in(&lab, "a1", unit);
    unit_in(&lab, "control", other);
    json_free(lab_rank(&lab, unit, ""));
    for (int again = 0; again < 2; again++)
        json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/arms/a1/stop", "{\"reason\":\"bad\"}", 200));
    lab_refuses(&lab, "POST", "/v1/experiments/feed/rounds/1/arms/zz/stop", "{}", 404, "arm zz of round 1");
    lab_stop(&lab);
    lab_start(&lab, START);
    struct json *answer = lab_rank(&lab, unit, "");
    assert_string_equal(answer_text(answer, "arm"), "default");
    json_free(answer);
    for (int i = 0; i < 20; i++) { /* the end waits for the arm that is left only */
        char name[20];
        snprintf(name, sizeof name, "more-%d", i);
        json_free(lab_rank(&lab, name, ""));
    }
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_close(answer_number(results, "arms.1.units"), 1, 0);
    assert_true(isnan(answer_number(results, "sample_ratio.p")));
    json_free(results);
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/arms/control/stop", "", 200));
    results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_string_equal(answer_text(results, "end_reason"), "stopped");
    json_free(results);
    lab_remove(&lab);
}

static void a_round_ends_by_the_clock(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1",
                       round_with("{\"units_per_arm\":20}", "{\"at_ms\":1000700}"), 201));
    set_clock(&lab, START + 699);
    struct json *feed = lab_json(&lab, "GET", "/v1/experiments/feed", NULL, 200);
    assert_string_equal(answer_text(feed, "open_round.state"), "open");
    assert_close(answer_number(feed, "open_round.end.at_ms"), 1000700, 0);
    json_free(feed);
    set_clock(&lab, START + 700);
    feed = lab_json(&lab, "GET", "/v1/experiments/feed", NULL, 200);
    assert_string_equal(answer_text(feed, "open_round.state"), "settling");
    json_free(feed);
    lab_refuses(&lab, "PUT", "/v1/experiments/feed/rounds/2", LAB_ROUND, 409, "round 1 of feed is still settling");
    set_clock(&lab, START + 1200);
    feed = lab_json(&lab, "GET", "/v1/experiments/feed", NULL, 200);
    assert_true(isnan(answer_number(feed, "open_round")));
    assert_close(answer_number(feed, "next_round"), 2, 0);
    assert_close(answer_number(feed, "now_ms"), START + 1200, 0);
    json_free(feed);
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_string_equal(answer_text(results, "end_reason"), "time");
    assert_close(answer_number(results, "closed_ms"), START + 700, 0);
    assert_close(answer_number(results, "as_of"), START + 1200, 0);
    json_free(results);
    lab_remove(&lab);
}

static void without_settling_a_round_is_final_at_once(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1",
                       round_with("{\"units_per_arm\":20},\"settle_ms\":500", "{\"units_per_arm\":1},\"settle_ms\":0"),
                       201));
    char unit[20];
    unit_in(&lab, "a1", unit);
    json_free(lab_rank(&lab, unit, ""));
    unit_in(&lab, "control", unit);
    struct json *answer = lab_rank(&lab, unit, "");
    assert_string_equal(answer_text(answer, "arm"), "control"); /* the unit that ends the round still belongs to it */
    json_free(answer);
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_string_equal(answer_text(results, "state"), "final");
    assert_close(answer_number(results, "arms.0.units"), 1, 0);
    assert_true(isnan(answer_number(results, "effects.relative.0")));
    json_free(results);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1",
                       round_with("{\"units_per_arm\":20},\"settle_ms\":500", "{\"units_per_arm\":1},\"settle_ms\":0"),
                       200));
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{}", 200));
    lab_remove(&lab);
}

/* With no room left, units of the round go on, new ones get the default, and events wait. */
static void a_full_store_serves_the_default(void **state)
{
    (void)state;
    struct lab lab = {.hot_max = 1};
    char unit[20], other[20];
    open_feed(&lab);
    unit_in(&lab, "a1", unit);
    unit_in(&lab, "control", other);
    struct json *answer = lab_rank(&lab, unit, ""); /* the first: nothing was held before it */
    assert_string_equal(answer_text(answer, "arm"), "a1");
    json_free(answer);
    answer = lab_rank(&lab, other, "");
    assert_string_equal(answer_text(answer, "arm"), "default");
    json_free(answer);
    answer = lab_rank(&lab, unit, "");
    assert_string_equal(answer_text(answer, "arm"), "a1");
    json_free(answer);
    lab_refuses(&lab, "POST", "/v1/events",
                "{\"events\":[{\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"click\"}]}", 503,
                "all they may: end one or raise --hot-mb");
    assert_close(result(&lab, "arms.0.units"), 0, 0);
    assert_close(result(&lab, "arms.1.requests"), 2, 0);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_from_ranking_to_frozen_results),
        cmocka_unit_test(the_digest_can_be_checked),
        cmocka_unit_test(a_named_request_is_answered_once),
        cmocka_unit_test(events_find_their_place),
        cmocka_unit_test(a_forced_arm_is_never_counted),
        cmocka_unit_test(the_first_minutes_can_be_left_out),
        cmocka_unit_test(seen_units_can_be_excluded),
        cmocka_unit_test(a_stopped_arm_gets_the_default),
        cmocka_unit_test(a_round_ends_by_the_clock),
        cmocka_unit_test(without_settling_a_round_is_final_at_once),
        cmocka_unit_test(a_full_store_serves_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
