/* Bad requests over HTTP: status and words; and the endpoints around the rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

struct bad {
    const char *method, *path, *body;
    int http;
    const char *text;
};

static void refuse_all(struct lab *lab, size_t n, const struct bad *bad)
{
    for (size_t i = 0; i < n; i++)
        lab_refuses(lab, bad[i].method, bad[i].path, bad[i].body, bad[i].http, bad[i].text);
}

static void experiments_and_rounds(void **state)
{
    (void)state;
    static const char LACKS[] =
        "{\"heads\":[\"click\",\"share\"],\"default_weights\":{\"click\":1},\"metrics\":[{\"name\":\"m\","
        "\"kind\":\"mean\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"any\"}}]}";
    static const struct bad BEFORE[] = {
        {"PUT", "/v1/experiments/feed", "{\"heads\":", 400, "byte 9"},
        {"PUT", "/v1/experiments/feed", "", 400, "the body is missing"},
        {"PUT", "/v1/experiments/feed", "[]", 400, "the document is an array: expected an object"},
        {"PUT", "/v1/experiments/feed", LACKS, 422,
         "heads[1] is \"share\", which the model lacks: its heads are click, save, hide"},
        {"PUT", "/v1/experiments/a%20b", LAB_EXPERIMENT, 400, "experiment \"a b\" is no name"},
        {"GET", "/v1/experiments/feed", NULL, 404, "experiment feed does not exist"},
        {"PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 404, "experiment feed does not exist"},
        {"POST", "/v1/rank", "{\"experiment\":\"none\",\"unit\":\"u\",\"candidates\":[\"a\"]}", 404, "experiment none"},
    };
    struct lab lab = {0};
    lab_start(&lab, START);
    refuse_all(&lab, sizeof BEFORE / sizeof *BEFORE, BEFORE);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 200));
    static const struct bad AFTER[] = {
        {"PUT", "/v1/experiments/feed/rounds/2", LAB_ROUND, 409, "round 2 is not the next of feed: that is 1"},
        {"PUT", "/v1/experiments/feed/rounds/0", LAB_ROUND, 400, "round \"0\" is no round number"},
        {"PUT", "/v1/experiments/feed/rounds/01", LAB_ROUND, 400, "round \"01\" is no round number"},
        {"PUT", "/v1/experiments/feed/rounds/1x", LAB_ROUND, 400, "round \"1x\" is no round number"},
        {"PUT", "/v1/experiments/feed/rounds/99999999999", LAB_ROUND, 400, "is no round number"},
        {"GET", "/v1/experiments/feed/rounds/1/results", NULL, 404, "round 1 of experiment feed does not exist"},
        {"POST", "/v1/experiments/feed/rounds/1/stop", "{}", 404, "round 1"},
        {"DELETE", "/v1/experiments/feed", NULL, 405, "DELETE"},
        {"PUT", "/v1/experiments/feed",
         "{\"heads\":[\"click\"],\"default_weights\":{\"click\":1},\"metrics\":[{\"name\":\"m\","
         "\"kind\":\"mean\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"any\"}}]}",
         409, "experiment feed exists with another body"},
    };
    refuse_all(&lab, sizeof AFTER / sizeof *AFTER, AFTER);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 200));
    char other[1000];
    snprintf(other, sizeof other, "%s", LAB_ROUND);
    *strstr(other, "s1") = 't';
    lab_refuses(&lab, "PUT", "/v1/experiments/feed/rounds/1", other, 409, "round 1 of feed exists with another body");
    lab_refuses(&lab, "PUT", "/v1/experiments/feed/rounds/2", LAB_ROUND, 409, "round 1 of feed is still open");
    lab_refuses(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", "{\"why\":1}", 400,
                "why is unknown: known are reason");
    lab_remove(&lab);
}

#define RANK(members) "{\"experiment\":\"feed\",\"unit\":\"u\"," members "}"

static void ranks(void **state)
{
    (void)state;
    static const struct bad BAD[] = {
        {"POST", "/v1/rank", "", 400, "JSON is empty"},
        {"POST", "/v1/rank", RANK("\"candidates\":[]"), 400, "candidates is empty: allowed are 1 to 1000"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\",\"b\",\"a\"]"), 400, "candidates have \"a\" twice"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\",7]"), 400, "candidates[1] is a number: expected a string"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a b\"]"), 400, "candidates[0] is \"a b\""},
        {"POST", "/v1/rank", RANK("\"k\":5"), 400, "candidates is missing"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"k\":0"), 400, "k is 0: allowed are 1 to 1000"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"k\":2.5"), 400, "k is 2.5: expected a whole number"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"top\":2"), 400,
         "top is unknown: known are experiment, unit"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"context\":{\"unknown\":2}"), 400, "context.unknown"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"context\":{\"tab\":[]}"), 400,
         "context.tab is neither a number"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"request_id\":\"tt1.x\""), 400,
         "request_id starts with tt1."},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"request_id\":\"\""), 400, "request_id is \"\""},
        {"POST", "/v1/rank", "{\"experiment\":\"feed\",\"unit\":\"u v\",\"candidates\":[\"a\"]}", 400,
         "unit is \"u v\""},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"k\":NaN"), 400, "byte"},
        {"POST", "/v1/rank", RANK("\"candidates\":[\"a\"],\"k\":1,\"k\":2"), 400, "member \"k\" is there twice"},
    };
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    refuse_all(&lab, sizeof BAD / sizeof *BAD, BAD);
    struct buf many = BUF_INIT;
    buf_text(&many, "{\"experiment\":\"feed\",\"unit\":\"u\",\"k\":1000,\"candidates\":[\"i0\"");
    for (int i = 1; i < 1000; i++)
        buf_printf(&many, ",\"i%d\"", i);
    buf_text(&many, "]}");
    struct json *answer = lab_json(&lab, "POST", "/v1/rank", buf_string(&many), 200);
    assert_true(answer_number(answer, "items.999.p.hide") > 0);
    assert_true(isnan(answer_number(answer, "round")));
    json_free(answer);
    many.length -= 2;
    buf_text(&many, ",\"i1000\"]}");
    lab_refuses(&lab, "POST", "/v1/rank", buf_string(&many), 400, "candidates has 1001 elements");
    buf_clear(&many);
    for (int i = 0; i < 530000; i++)
        buf_char(&many, ' ');
    lab_refuses(&lab, "POST", "/v1/rank", buf_string(&many), 413, "the body is larger than 524288 bytes");
    buf_done(&many);
    lab_remove(&lab);
}

#define EVENTS(members) "{\"events\":[{" members "}]}"

static void events(void **state)
{
    (void)state;
    static const struct bad BAD[] = {
        {"POST", "/v1/events", "{}", 400, "events is missing"},
        {"POST", "/v1/events", "{\"events\":[]}", 400, "events is empty: allowed are 1 to 1000"},
        {"POST", "/v1/events", "{\"events\":{}}", 400, "events is an object: expected an array"},
        {"POST", "/v1/events", EVENTS("\"request_id\":\"r\",\"type\":\"click\""), 400, "events[0].event_id is missing"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"type\":\"click\""), 400,
         "events[0] has neither request_id nor"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\""), 400, "events[0].type is missing"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"a b\""), 400,
         "events[0].type is \"a b\""},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"experiment\":\"feed\",\"type\":\"a\""),
         400, "events[0].experiment is given beside request_id"},
        {"POST", "/v1/events",
         EVENTS("\"event_id\":\"e\",\"experiment\":\"feed\",\"arm\":\"a\",\"unit\":\"u\",\"type\":\"a\""), 400,
         "events[0].round is missing"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"a\",\"value\":1000001"), 400,
         "events[0].value is 1000001: allowed are -1000000 to 1000000"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"a\",\"ts\":-1"), 400,
         "events[0].ts is -1"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"a\",\"position\":-2"), 400,
         "events[0].position is -2"},
        {"POST", "/v1/events", EVENTS("\"event_id\":\"e\",\"request_id\":\"r\",\"type\":\"a\",\"kind\":1"), 400,
         "events[0].kind is unknown"},
    };
    struct lab lab = {0};
    lab_start(&lab, START);
    refuse_all(&lab, sizeof BAD / sizeof *BAD, BAD);
    struct buf many = BUF_INIT;
    buf_text(&many, "{\"events\":[");
    for (int i = 0; i < 1001; i++)
        buf_printf(&many, "%s{\"event_id\":\"e%d\",\"request_id\":\"r\",\"type\":\"a\"}", i ? "," : "", i);
    buf_text(&many, "]}");
    lab_refuses(&lab, "POST", "/v1/events", buf_string(&many), 400, "events has 1001 elements");
    buf_done(&many);
    lab_remove(&lab);
}

#define DEFAULT "/v1/experiments/feed/default"

static void default_weights_have_versions(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    static const char NEXT[] = "{\"weights\":{\"save\":2.25},\"if_version\":1,\"reason\":\"campaign 7\"}";
    struct json *answer = lab_json(&lab, "PUT", DEFAULT, NEXT, 200);
    assert_close(answer_number(answer, "version"), 2, 0);
    assert_close(answer_number(answer, "weights.save"), 2.25, 0);
    assert_close(answer_number(answer, "weights.click"), 0, 0);
    json_free(answer);
    lab_stop(&lab);
    lab_start(&lab, START);
    /* The retry of a client that missed the answer. */
    answer = lab_json(&lab, "PUT", DEFAULT, NEXT, 200);
    assert_close(answer_number(answer, "version"), 2, 0);
    json_free(answer);
    static const struct bad BAD[] = {
        {"PUT", DEFAULT, "{\"weights\":{\"save\":2},\"if_version\":1}", 409,
         "if_version is 1: the default weights of feed are at version 2"},
        {"PUT", DEFAULT, "{\"weights\":{\"save\":2.25},\"if_version\":3}", 409, "at version 2"},
        {"PUT", DEFAULT, "{\"weights\":{\"save\":0},\"if_version\":2}", 400, "weights has no weight but 0"},
        {"PUT", DEFAULT, "{\"weights\":{\"like\":1},\"if_version\":2}", 400,
         "weights.like is no head of the experiment"},
        {"PUT", DEFAULT, "{\"weights\":{\"save\":1}}", 400, "if_version is missing"},
        {"PUT", "/v1/experiments/none/default", NEXT, 404, "experiment none does not exist"},
    };
    refuse_all(&lab, sizeof BAD / sizeof *BAD, BAD);
    answer = lab_json(&lab, "GET", DEFAULT "/history", NULL, 200);
    assert_string_equal(answer_text(answer, "history.0.reason"), "campaign 7");
    assert_close(answer_number(answer, "history.1.weights.save"), 3.5, 0);
    assert_close(answer_number(answer, "history.1.version"), 1, 0);
    json_free(answer);
    answer = lab_rank(&lab, "u", "");
    assert_close(answer_number(answer, "items.0.utility"), 2.25 * answer_number(answer, "items.0.p.save"), 1e-7);
    json_free(answer);
    lab_remove(&lab);
}

static void clock_health_and_listing(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    static const struct bad BAD[] = {
        {"PUT", "/v1/clock", "{\"now_ms\":999999}", 400, "999999"},
        {"PUT", "/v1/clock", "{\"now\":1}", 400, "now is unknown"},
        {"GET", "/v1/nothing", NULL, 404, "/v1/nothing"},
    };
    refuse_all(&lab, sizeof BAD / sizeof *BAD, BAD);
    json_free(lab_json(&lab, "PUT", "/v1/clock", "{\"now_ms\":2000000}", 200));
    lab_stop(&lab);
    lab_start(&lab, START);
    struct json *answer = lab_json(&lab, "GET", "/v1/clock", NULL, 200);
    assert_close(answer_number(answer, "now_ms"), 2000000, 0);
    json_free(answer);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/one", LAB_EXPERIMENT, 201));
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    answer = lab_json(&lab, "GET", "/v1/experiments", NULL, 200);
    assert_string_equal(answer_text(answer, "experiments.1.experiment"), "feed");
    assert_close(answer_number(answer, "experiments.0.head_stats.save.mean"), 0.31 / 4, 1e-15);
    assert_close(answer_number(answer, "experiments.0.default.weights.hide"), -2, 0);
    assert_string_equal(answer_text(answer, "experiments.0.metrics.1.name"), "ctr");
    json_free(answer);
    json_free(lab_json(&lab, "GET", "/healthz", NULL, 200));
    json_free(lab_json(&lab, "GET", "/readyz", NULL, 200));
    struct buf text = BUF_INIT;
    json_free(lab_rank(&lab, "u", ""));
    lab_refuses(&lab, "POST", "/v1/rank", "{}", 400, "experiment is missing");
    assert_int_equal(lab_call(&lab, "GET", "/metrics", NULL, &text), 200);
    assert_non_null(strstr(buf_string(&text), "trimtab_ranks_total{result=\"default\"} 1\n"));
    buf_clear(&text);
    assert_int_equal(lab_call(&lab, "GET", "/openapi.yaml", NULL, &text), 200);
    assert_int_equal(strncmp(buf_string(&text), "openapi: 3.1", 12), 0);
    buf_done(&text);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments_and_rounds),
        cmocka_unit_test(ranks),
        cmocka_unit_test(events),
        cmocka_unit_test(default_weights_have_versions),
        cmocka_unit_test(clock_health_and_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
