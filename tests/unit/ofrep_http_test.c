/* OpenFeature over HTTP, and exposures that clients with their own ranker report. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

#define FLAG "/ofrep/v1/evaluate/flags/feed"
#define FLAGS "/ofrep/v1/evaluate/flags"
#define RESULTS "/v1/experiments/feed/rounds/1/results"

static void open_feed(struct lab *lab, bool round)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    if (round)
        json_free(lab_json(lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
}

static struct json *evaluate(struct lab *lab, const char *unit)
{
    char body[100];
    snprintf(body, sizeof body, "{\"context\":{\"targetingKey\":\"%s\",\"country\":\"nz\"}}", unit);
    return lab_json(lab, "POST", FLAG, body, 200);
}

static void a_flag_is_an_experiment(void **state)
{
    (void)state;
    struct lab lab = {0};
    open_feed(&lab, false);
    struct json *flag = evaluate(&lab, "u1");
    assert_string_equal(answer_text(flag, "key"), "feed");
    assert_string_equal(answer_text(flag, "reason"), "STATIC");
    assert_string_equal(answer_text(flag, "variant"), "default");
    assert_close(answer_number(flag, "value.save"), 3.5, 0);
    json_free(flag);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
    int seen[3] = {0};
    for (int u = 0; u < 60; u++) {
        char unit[20];
        snprintf(unit, sizeof unit, "u%d", u);
        flag = evaluate(&lab, unit);
        struct json *ranked = lab_rank(&lab, unit, "");
        const char *arm = answer_text(flag, "variant");
        const int a = strcmp(arm, "control") == 0 ? 0 : strcmp(arm, "a1") == 0 ? 1 : 2;
        const double save[3] = {0, 2, 3.5};
        assert_string_equal(arm, answer_text(ranked, "arm"));
        assert_string_equal(arm, answer_text(flag, "metadata.arm"));
        assert_string_equal(answer_text(flag, "reason"), a < 2 ? "SPLIT" : "STATIC");
        assert_close(answer_number(flag, "value.save"), save[a], 0);
        assert_close(answer_number(flag, "metadata.round"), a < 2 ? 1 : 0, 0);
        seen[a]++;
        json_free(ranked);
        json_free(flag);
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    flag = lab_json(&lab, "POST", FLAGS, "{\"context\":{\"targetingKey\":\"u1\"}}", 200);
    assert_string_equal(answer_text(flag, "flags.0.key"), "feed");
    json_free(flag);
    lab_remove(&lab);
}

static void refuses(struct lab *lab, const char *path, const char *body, int http, const char *code)
{
    struct json *json = lab_json(lab, "POST", path, body, http);
    assert_string_equal(answer_text(json, "errorCode"), code);
    assert_true(strlen(answer_text(json, "errorDetails")) > 5);
    json_free(json);
}

static void refusals_have_the_protocols_form(void **state)
{
    (void)state;
    struct lab lab = {0};
    open_feed(&lab, false);
    refuses(&lab, "/ofrep/v1/evaluate/flags/none", "{\"context\":{\"targetingKey\":\"u\"}}", 404, "FLAG_NOT_FOUND");
    static const struct {
        const char *body, *code;
    } CASES[] = {
        {"{", "PARSE_ERROR"},
        {"{}", "INVALID_CONTEXT"},
        {"[]", "INVALID_CONTEXT"},
        {"{\"context\":[]}", "INVALID_CONTEXT"},
        {"{\"context\":{}}", "TARGETING_KEY_MISSING"},
        {"{\"context\":{\"targetingKey\":7}}", "INVALID_CONTEXT"},
        {"{\"context\":{\"targetingKey\":\"\"}}", "INVALID_CONTEXT"},
        {"{\"context\":{\"targetingKey\":\"a b\"}}", "INVALID_CONTEXT"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        refuses(&lab, FLAG, CASES[i].body, 400, CASES[i].code);
        refuses(&lab, FLAGS, CASES[i].body, 400, CASES[i].code);
    }
    lab_remove(&lab);
}

/* 256 texts and numbers; what is neither does not count. */
static void a_context_may_be_large(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct buf body = BUF_INIT;
    open_feed(&lab, false);
    buf_text(&body, "{\"context\":{\"nested\":{},\"flag\":true,\"targetingKey\":\"u1\"");
    for (int i = 1; i < 256; i++)
        buf_printf(&body, ",\"a%d\":%d", i, i);
    buf_text(&body, "}}");
    json_free(lab_json(&lab, "POST", FLAG, buf_string(&body), 200));
    body.length -= 2;
    buf_text(&body, ",\"more\":1}}");
    refuses(&lab, FLAG, buf_string(&body), 400, "INVALID_CONTEXT");
    refuses(&lab, FLAGS, buf_string(&body), 400, "INVALID_CONTEXT");
    buf_done(&body);
    lab_remove(&lab);
}

/* Shows 3 items to the unit with its arm's weights; the arm, "default" when it is in none. */
static void expose(struct lab *lab, const char *unit, char ret_arm[20])
{
    char id[40], more[200];
    struct json *flag = evaluate(lab, unit);
    snprintf(ret_arm, 20, "%s", answer_text(flag, "metadata.arm"));
    json_free(flag);
    if (strcmp(ret_arm, "default") == 0)
        return;
    snprintf(id, sizeof id, "x-%s", unit);
    snprintf(more, sizeof more,
             ",\"type\":\"exposure\",\"value\":3,\"experiment\":\"feed\",\"round\":1,\"arm\":\"%s\",\"unit\":\"%s\"",
             ret_arm, unit);
    char body[400];
    snprintf(body, sizeof body, "{\"events\":[{\"event_id\":\"%s\"%s}]}", id, more);
    struct json *answer = lab_json(lab, "POST", "/v1/events", body, 200);
    assert_close(answer_number(answer, "accepted"), 1, 0);
    json_free(answer);
}

static void click(struct lab *lab, const char *unit, const char *arm, int accepted, int late)
{
    char body[300];
    snprintf(
        body, sizeof body,
        "{\"events\":[{\"event_id\":\"c-%s\",\"type\":\"click\",\"experiment\":\"feed\",\"round\":1,\"arm\":\"%s\","
        "\"unit\":\"%s\"}]}",
        unit, arm, unit);
    struct json *answer = lab_json(lab, "POST", "/v1/events", body, 200);
    assert_close(answer_number(answer, "accepted"), accepted, 0);
    assert_close(answer_number(answer, "late"), late, 0);
    json_free(answer);
}

/* The same users, once ranked by the server and once by themselves: the same totals, also after a restart. */
static void exposures_by_event_count_like_ranked_ones(void **state)
{
    (void)state;
    static const char *const SAME[] = {"arms.0.units",         "arms.1.units",          "arms.0.requests",
                                       "arms.0.impressions",   "arms.1.impressions",    "arms.0.metrics.0.sum",
                                       "arms.1.metrics.0.sum", "arms.0.metrics.1.mean", "arms.1.metrics.1.mean",
                                       "arms.0.metrics.0.mean"};
    struct lab ranked = {0}, own = {0};
    open_feed(&ranked, true);
    open_feed(&own, true);
    for (int u = 0; u < 40; u++) {
        char unit[20], arm[20];
        snprintf(unit, sizeof unit, "u%d", u);
        json_free(lab_rank(&ranked, unit, ""));
        expose(&own, unit, arm);
        if (u % 3 == 0 && strcmp(arm, "default") != 0) {
            click(&ranked, unit, arm, 1, 0);
            click(&own, unit, arm, 1, 0);
        }
    }
    lab_stop(&own);
    lab_start(&own, START);
    struct json *a = lab_json(&ranked, "GET", RESULTS, NULL, 200), *b = lab_json(&own, "GET", RESULTS, NULL, 200);
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++)
        assert_close(answer_number(b, SAME[i]), answer_number(a, SAME[i]), 0);
    assert_true(answer_number(a, "arms.0.metrics.0.sum") > 0);
    json_free(a);
    json_free(b);
    lab_remove(&ranked);
    lab_remove(&own);
}

/* In the washout a unit is served and not counted; a restart finds its exposure event and goes on. */
static void a_washout_survives_a_restart(void **state)
{
    (void)state;
    struct lab lab = {0};
    char body[1000], unit[20], arm[20];
    const char *end = strrchr(LAB_ROUND, '0'); /* the last 0, of washout_ms */
    assert_non_null(end);
    snprintf(body, sizeof body, "%.*s1000}", (int)(end - LAB_ROUND), LAB_ROUND);
    open_feed(&lab, false);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1", body, 201));
    for (int u = 0; u < 10; u++) {
        snprintf(unit, sizeof unit, "u%d", u);
        expose(&lab, unit, arm);
    }
    lab_stop(&lab);
    lab_start(&lab, START);
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_close(answer_number(results, "arms.0.units") + answer_number(results, "arms.1.units"), 0, 0);
    json_free(results);
    lab_remove(&lab);
}

static void send(struct lab *lab, const char *event, const char *outcome)
{
    char body[400];
    snprintf(body, sizeof body, "{\"events\":[{\"type\":\"exposure\",%s}]}", event);
    struct json *answer = lab_json(lab, "POST", "/v1/events", body, 200);
    if (isnan(answer_number(answer, outcome)) || answer_number(answer, outcome) < 1)
        fail_msg("%s is not counted as %s", event, outcome);
    json_free(answer);
}

static void exposures_that_do_not_count(void **state)
{
    (void)state;
    struct lab lab = {0};
    char arm[20] = "default", unit[20] = "", event[200];
    open_feed(&lab, true);
    for (int u = 0; strcmp(arm, "default") == 0; u++) {
        snprintf(unit, sizeof unit, "u%d", u);
        expose(&lab, unit, arm);
    }
    const char *other = strcmp(arm, "control") == 0 ? "a1" : "control";
    snprintf(event, sizeof event,
             "\"event_id\":\"x-%s\",\"experiment\":\"feed\",\"round\":1,\"arm\":\"%s\",\"unit\":\"%s\"", unit, arm,
             unit);
    send(&lab, event, "duplicates");
    snprintf(event, sizeof event,
             "\"event_id\":\"y\",\"experiment\":\"feed\",\"round\":1,\"arm\":\"%s\",\"unit\":\"%s\"", other, unit);
    send(&lab, event, "orphans"); /* another arm than the unit's */
    send(&lab, "\"event_id\":\"z\",\"experiment\":\"feed\",\"round\":2,\"arm\":\"a1\",\"unit\":\"u\"", "orphans");
    send(&lab, "\"event_id\":\"z\",\"experiment\":\"none\",\"round\":1,\"arm\":\"a1\",\"unit\":\"u\"", "orphans");
    struct json *results = lab_json(&lab, "GET", RESULTS, NULL, 200);
    assert_close(answer_number(results, "arms.0.units") + answer_number(results, "arms.1.units"), 1, 0);
    assert_close(answer_number(results, "orphan"), 1, 0);
    json_free(results);
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{\"reason\":\"enough\"}", 200));
    snprintf(event, sizeof event,
             "\"event_id\":\"w\",\"experiment\":\"feed\",\"round\":1,\"arm\":\"%s\",\"unit\":\"%s\"", arm, unit);
    send(&lab, event, "late");
    static const struct {
        const char *event, *text;
    } REFUSED[] = {
        {"\"request_id\":\"r\"", "an exposure with a request_id"},
        {"\"experiment\":\"feed\",\"round\":1,\"arm\":\"a1\",\"unit\":\"u\",\"value\":-1", "value -1"},
        {"\"experiment\":\"feed\",\"round\":1,\"arm\":\"a1\",\"unit\":\"u\",\"value\":2.5", "value 2.5"},
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        char body[300];
        snprintf(body, sizeof body, "{\"events\":[{\"event_id\":\"v\",\"type\":\"exposure\",%s}]}", REFUSED[i].event);
        lab_refuses(&lab, "POST", "/v1/events", body, 400, REFUSED[i].text);
    }
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_is_an_experiment),      cmocka_unit_test(refusals_have_the_protocols_form),
        cmocka_unit_test(a_context_may_be_large),       cmocka_unit_test(exposures_by_event_count_like_ranked_ones),
        cmocka_unit_test(a_washout_survives_a_restart), cmocka_unit_test(exposures_that_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
