/* Who takes part in an experiment, over HTTP: layers, eligibility, the holdback; and the carry-over from the round
 * before. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };

/* LAB_EXPERIMENT with more members. */
static void put_experiment(struct lab *lab, const char *name, const char *more, int want)
{
    char path[100], body[1600];
    snprintf(path, sizeof path, "/v1/experiments/%s", name);
    snprintf(body, sizeof body, "{%s,%s", more, LAB_EXPERIMENT + 1);
    json_free(lab_json(lab, "PUT", path, body, want));
}

static void put_round(struct lab *lab, const char *name, int n)
{
    char path[100], body[500];
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%d", name, n);
    snprintf(body, sizeof body,
             "{\"purpose\":\"explore\",\"salt\":\"s%d\",\"arms\":[{\"id\":\"control\",\"weights\":{\"click\":1},"
             "\"allocation\":0.5},{\"id\":\"a1\",\"weights\":{\"save\":2},\"allocation\":0.5}],"
             "\"end\":{\"units_per_arm\":100000}}",
             n);
    json_free(lab_json(lab, "PUT", path, body, 201));
}

/* The arm of a unit as a client with its own ranker is told. */
static void flag(struct lab *lab, const char *name, const char *unit, const char *attributes, char ret[40])
{
    char path[100], body[300];
    snprintf(path, sizeof path, "/ofrep/v1/evaluate/flags/%s", name);
    snprintf(body, sizeof body, "{\"context\":{\"targetingKey\":\"%s\"%s}}", unit, attributes);
    struct json *answer = lab_json(lab, "POST", path, body, 200);
    snprintf(ret, 40, "%s", answer_text(answer, "variant"));
    json_free(answer);
}

static double result(struct lab *lab, int n, const char *path)
{
    char address[80];
    snprintf(address, sizeof address, "/v1/experiments/feed/rounds/%d/results", n);
    struct json *results = lab_json(lab, "GET", address, NULL, 200);
    const double x = answer_number(results, path);
    json_free(results);
    return x;
}

static void experiments_of_a_layer_exclude_each_other(void **state)
{
    (void)state;
    enum { UNITS = 300 };
    struct lab lab = {0};
    lab_start(&lab, START);
    put_experiment(&lab, "feed", "\"layer\":{\"name\":\"home\",\"from\":0,\"to\":0.5}", 201);
    put_experiment(&lab, "search", "\"layer\":{\"name\":\"home\",\"from\":0.5,\"to\":0.8}", 201);
    put_experiment(&lab, "mail", "\"layer\":{\"name\":\"other\",\"from\":0,\"to\":1}", 201);
    put_experiment(&lab, "third", "\"layer\":{\"name\":\"home\",\"from\":0.75,\"to\":1}", 409);
    put_experiment(&lab, "third", "\"layer\":{\"name\":\"home\",\"from\":0.8,\"to\":1}", 201);
    put_experiment(&lab, "feed", "\"layer\":{\"name\":\"home\",\"from\":0,\"to\":0.5}", 200); /* not with itself */
    put_round(&lab, "feed", 1);
    put_round(&lab, "search", 1);
    put_round(&lab, "mail", 1);
    int in_feed = 0, in_search = 0, a1 = 0;
    for (int u = 0; u < UNITS; u++) {
        char unit[20], feed[40], search[40], mail[40];
        snprintf(unit, sizeof unit, "unit-%d", u);
        flag(&lab, "feed", unit, "", feed);
        flag(&lab, "search", unit, "", search);
        flag(&lab, "mail", unit, "", mail);
        const bool f = strcmp(feed, "default") != 0, s = strcmp(search, "default") != 0;
        assert_false(f && s);
        assert_string_not_equal(mail, "default");
        in_feed += f;
        in_search += s;
        a1 += f && strcmp(feed, "a1") == 0;
    }
    /* Shares within 4 standard errors, also those of the arms inside the layer. */
    assert_true(fabs(in_feed / (double)UNITS - 0.5) < 4 * sqrt(0.25 / UNITS));
    assert_true(fabs(in_search / (double)UNITS - 0.3) < 4 * sqrt(0.21 / UNITS));
    assert_true(fabs(a1 / (double)in_feed - 0.5) < 4 * sqrt(0.25 / in_feed));
    lab_remove(&lab);
}

static void who_is_not_eligible_gets_the_default(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        bool may;
    } CASES[] = {
        {"\"country\":\"at\",\"age\":18", true},
        {"\"age\":64.5,\"country\":\"de\",\"shoe\":44", true},
        {"\"country\":\"fr\",\"age\":30", false},
        {"\"country\":\"at\",\"age\":17.9", false},
        {"\"country\":\"at\",\"age\":65", false},
        {"\"country\":\"at\"", false},
        {"\"country\":\"at\",\"age\":\"30\"", false},
        {"\"country\":7,\"age\":30", false},
        {"\"shoe\":1", false},
    };
    struct lab lab = {0};
    lab_start(&lab, START);
    put_experiment(
        &lab, "feed",
        "\"eligibility\":[{\"attribute\":\"country\",\"in\":[\"de\",\"at\"]},{\"attribute\":\"age\",\"min\":18,"
        "\"max\":64.5}]",
        201);
    put_round(&lab, "feed", 1);
    int counted = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char unit[20], more[200], arm[40];
        snprintf(unit, sizeof unit, "unit-%zu", i);
        snprintf(more, sizeof more, ",\"attributes\":{%s}", CASES[i].attributes);
        struct json *answer = lab_rank(&lab, unit, more);
        assert_int_equal(strcmp(answer_text(answer, "arm"), "default") != 0, CASES[i].may);
        json_free(answer);
        snprintf(more, sizeof more, ",%s", CASES[i].attributes);
        flag(&lab, "feed", unit, more, arm);
        assert_int_equal(strcmp(arm, "default") != 0, CASES[i].may);
        counted += CASES[i].may;
    }
    assert_close(result(&lab, 1, "arms.0.units") + result(&lab, 1, "arms.1.units"), counted, 0);
    lab_refuses(&lab, "POST", "/v1/rank",
                "{\"experiment\":\"feed\",\"unit\":\"u\",\"candidates\":[\"x\"],\"attributes\":{\"age\":[]}}", 400,
                "attributes.age is neither a number nor a text");
    lab_remove(&lab);
}

/* The weights that rank a unit show in the utility: of item i1 they are the weighted sum of its probabilities. */
static double weight_shown(const struct json *answer)
{
    const double save = answer_number(answer, "items.0.p.save"), hide = answer_number(answer, "items.0.p.hide");
    return answer_number(answer, "items.0.utility") - answer_number(answer, "items.0.p.click") - 3.5 * save + 2 * hide;
}

/* Three clicks a unit of the holdback and one of the others, all named as asked for; ret_held: how many are held back.
 */
static void play(struct lab *lab, int n, int units, int *ret_held)
{
    *ret_held = 0;
    for (int u = 0; u < units; u++) {
        char unit[20], id[40], more[200];
        snprintf(unit, sizeof unit, "unit-%d", u);
        struct json *answer = lab_rank(lab, unit, "");
        const bool held = strcmp(answer_text(answer, "arm"), "holdback") == 0;
        assert_true(!held || fabs(weight_shown(answer)) < 1e-6);
        for (int i = 0; i < (held ? 3 : 1); i++) {
            snprintf(id, sizeof id, "e%d-%d-%d", n, u, i);
            if (i == 1)
                snprintf(more, sizeof more,
                         ",\"experiment\":\"feed\",\"round\":%d,\"arm\":\"holdback\",\"unit\":\"%s\"", n, unit);
            else
                snprintf(more, sizeof more, ",\"request_id\":\"%s\"", answer_text(answer, "request_id"));
            lab_event(lab, id, more, 1, 0, 0, 0);
        }
        *ret_held += held;
        json_free(answer);
    }
}

static void the_held_back_keep_the_first_weights(void **state)
{
    (void)state;
    enum { UNITS = 60 };
    struct lab lab = {0};
    int held = 0, again = 0, before = 0;
    lab_start(&lab, START);
    put_experiment(&lab, "feed", "\"holdback\":{\"share\":0.2}", 201);
    json_free(
        lab_json(&lab, "PUT", "/v1/experiments/feed/default", "{\"weights\":{\"hide\":1},\"if_version\":1}", 200));
    for (int u = 0; u < UNITS; u++) { /* no round is open: served, not counted */
        char unit[20];
        snprintf(unit, sizeof unit, "unit-%d", u);
        struct json *answer = lab_rank(&lab, unit, "");
        const bool first = strcmp(answer_text(answer, "arm"), "holdback") == 0;
        assert_true(isnan(answer_number(answer, "round")));
        assert_true(first == (fabs(weight_shown(answer)) < 1e-6));
        before += first;
        json_free(answer);
        char body[80];
        snprintf(body, sizeof body, "{\"context\":{\"targetingKey\":\"%s\"}}", unit);
        answer = lab_json(&lab, "POST", "/ofrep/v1/evaluate/flags/feed", body, 200);
        assert_string_equal(answer_text(answer, "reason"), "STATIC");
        json_free(answer);
    }
    put_round(&lab, "feed", 1);
    play(&lab, 1, UNITS, &held);
    assert_true(held == before && held > 4 && held < 24);
    for (int restart = 0; restart < 2; restart++) {
        assert_close(result(&lab, 1, "holdback.share"), 0.2, 0);
        assert_close(result(&lab, 1, "holdback.units"), held, 0);
        assert_close(result(&lab, 1, "holdback.requests"), held, 0);
        assert_close(result(&lab, 1, "holdback.impressions"), 3 * held, 0);
        assert_close(result(&lab, 1, "arms.0.units") + result(&lab, 1, "arms.1.units"), UNITS - held, 0);
        assert_close(result(&lab, 1, "holdback.mean.0"), 3, 1e-12);
        assert_close(result(&lab, 1, "holdback.relative.0"), 1.0 / 3 - 1, 1e-12); /* the control on the holdback */
        assert_close(result(&lab, 1, "holdback.absolute.0"), -2, 1e-12);
        assert_close(result(&lab, 1, "sample_ratio.df"), 1, 0);
        lab_stop(&lab);
        lab_start(&lab, START);
    }
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    put_round(&lab, "feed", 2);
    play(&lab, 2, UNITS, &again);
    assert_int_equal(again, held);
    lab_refuses(&lab, "PUT", "/v1/experiments/feed/rounds/3",
                "{\"purpose\":\"explore\",\"salt\":\"s\",\"arms\":[{\"id\":\"control\",\"weights\":{\"click\":1},"
                "\"allocation\":0.5},{\"id\":\"holdback\",\"weights\":{\"click\":1},\"allocation\":0.5}],"
                "\"end\":{\"units_per_arm\":1}}",
                400, "\"holdback\": that name is kept");
    lab_remove(&lab);
}

/* One request for a whole round: an exposure of every unit, and clicks of those whose digit sum says so. */
static void play_at_once(struct lab *lab, int n, int units, bool carried)
{
    struct buf body = BUF_INIT;
    buf_text(&body, "{\"events\":[");
    for (int u = 0; u < units; u++) {
        char unit[20], arm[40], was[40];
        snprintf(unit, sizeof unit, "unit-%d", u);
        lab_arm(lab, unit, arm, sizeof arm);
        snprintf(was, sizeof was, "%s", assign_hash("s1", unit).u < 0.5 ? "control" : "a1");
        const bool click = u * 7919 % 10 < (carried && strcmp(was, "a1") == 0 ? 6 : 4);
        for (int e = 0; e < 1 + click; e++)
            buf_printf(&body,
                       "%s{\"event_id\":\"%d-%d-%d\",\"type\":\"%s\",\"value\":3,\"experiment\":\"feed\",\"round\":%d,"
                       "\"arm\":\"%s\",\"unit\":\"%s\"}",
                       body.length > 12 ? "," : "", n, u, e, e ? "click" : "exposure", n, arm, unit);
    }
    buf_text(&body, "]}");
    struct json *counts = lab_json(lab, "POST", "/v1/events", body.data, 200);
    assert_close(answer_number(counts, "orphans"), 0, 0);
    json_free(counts);
    buf_done(&body);
}

static void what_the_round_before_left_shows(void **state)
{
    (void)state;
    enum { UNITS = 600 };
    static const char RESULTS[] = "/v1/experiments/feed/rounds/2/results";
    for (int carried = 0; carried < 2; carried++) {
        struct lab lab = {0};
        struct buf one = BUF_INIT, two = BUF_INIT;
        lab_start(&lab, START);
        json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
        put_round(&lab, "feed", 1);
        assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, &one), 200);
        assert_non_null(strstr(buf_string(&one), "\"carry_over\":null"));
        json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
        put_round(&lab, "feed", 2);
        assert_true(isnan(result(&lab, 2, "carry_over.metrics.0.p"))); /* too few */
        play_at_once(&lab, 2, UNITS, carried);
        assert_close(result(&lab, 2, "carry_over.round_before"), 1, 0);
        assert_close(result(&lab, 2, "carry_over.metrics.0.df"), 1, 0);
        const double p = result(&lab, 2, "carry_over.metrics.0.p");
        assert_true(carried ? p < 1e-4 : p > 0.01);
        json_free(lab_json(&lab, "DELETE", "/v1/units/unit-3", NULL, 200));
        assert_int_equal(lab_call(&lab, "GET", RESULTS, NULL, &one), 200);
        lab_stop(&lab);
        lab_start(&lab, START);
        assert_int_equal(lab_call(&lab, "GET", RESULTS, NULL, &two), 200);
        assert_string_equal(buf_string(&one), buf_string(&two));
        buf_done(&one);
        buf_done(&two);
        lab_remove(&lab);
    }
}

/* The same salt twice: arms are those of the round before, and an effect would look like a carry-over. */
static void rounds_of_one_salt_tell_nothing(void **state)
{
    (void)state;
    struct lab lab = {0};
    char body[1000];
    struct buf results = BUF_INIT;
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    for (int n = 1; n <= 2; n++) {
        snprintf(body, sizeof body, "/v1/experiments/feed/rounds/%d", n);
        json_free(lab_json(&lab, "PUT", body, LAB_ROUND, 201));
        json_free(lab_rank(&lab, "u1", ""));
        json_free(lab_json(&lab, "POST",
                           n == 1 ? "/v1/experiments/feed/rounds/1/stop" : "/v1/experiments/feed/rounds/2/stop", NULL,
                           200));
        snprintf(body, sizeof body, "{\"now_ms\":%d}", START + 1000 * n);
        json_free(lab_json(&lab, "PUT", "/v1/clock", body, 200));
    }
    assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/2/results", NULL, &results), 200);
    assert_non_null(strstr(buf_string(&results), "\"carry_over\":null"));
    buf_done(&results);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments_of_a_layer_exclude_each_other),
        cmocka_unit_test(who_is_not_eligible_gets_the_default),
        cmocka_unit_test(the_held_back_keep_the_first_weights),
        cmocka_unit_test(what_the_round_before_left_shows),
        cmocka_unit_test(rounds_of_one_salt_tell_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
