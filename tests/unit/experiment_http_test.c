#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ranker/utility.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_scorer.h"
#include "tests/lib/lab.h"

static const char EXPERIMENT[] =
    "{\"unit_type\":\"user\",\"timezone\":\"UTC\",\"heads\":[\"click\",\"save\",\"hide\"],"
    "\"default_weights\":{\"click\":1.0,\"save\":3.5,\"hide\":-2.0},"
    "\"metrics\":[{\"name\":\"clicks\",\"kind\":\"mean\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"},"
    "\"denominator\":\"unit\",\"attribution_s\":100,\"cap\":null,\"direction\":\"up\"},"
    "{\"name\":\"ctr\",\"kind\":\"ratio\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"},"
    "\"denominator\":\"impression\",\"attribution_s\":100,\"direction\":\"up\"}]}";
static const char ROUND[] =
    "{\"purpose\":\"explore\",\"campaign\":\"c1\",\"salt\":\"s1\",\"arms\":["
    "{\"id\":\"control\",\"weights\":{\"click\":1.0},\"allocation\":0.4},"
    "{\"id\":\"a1\",\"weights\":{\"save\":2.0,\"hide\":-0.5},\"params\":{\"x\":3},\"allocation\":0.4}],"
    "\"end\":{\"units_per_arm\":20},\"settle_ms\":500,\"washout_ms\":0}";

enum { START = 1000000 };

static void put_experiment_and_round(struct lab *lab)
{
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed", EXPERIMENT, 201));
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed/rounds/1", ROUND, 201));
}

static struct json *rank(struct lab *lab, const char *unit, const char *more)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"experiment\":\"feed\",\"unit\":\"%s\",\"candidates\":[\"i1\",\"i2\",\"i3\",\"i4\",\"i5\"],\"k\":3%s}",
             unit, more);
    return lab_json(lab, "POST", "/v1/rank", body, 200);
}

/* The reply holds the best three by the arm's weights, with the model's probabilities. */
static void check_order(const struct json *answer, const char *user, const double *weights)
{
    const char *ids[] = {"i1", "i2", "i3", "i4", "i5"};
    float p[15];
    struct utility_entry order[5];
    for (size_t i = 0; i < 15; i++)
        p[i] = fake_p(user, ids[i / 3], i % 3);
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
    lab_start(&lab, START);
    const double weights[3][3] = {{1, 0, 0}, {0, 2, -0.5}, {1, 3.5, -2}};
    put_experiment_and_round(&lab);
    size_t arms[3] = {0};
    bool open = true;
    for (int u = 0; u < 200; u++) {
        char unit[20], event[300];
        snprintf(unit, sizeof unit, "unit-%d", u);
        struct json *answer = rank(&lab, unit, "");
        const char *arm = answer_text(answer, "arm");
        size_t a = strcmp(arm, "control") == 0 ? 0 : strcmp(arm, "a1") == 0 ? 1 : 2;
        check_order(answer, unit, weights[a]);
        arms[a]++;
        open = !isnan(answer_number(answer, "round"));
        if (!open)
            assert_int_equal(a, 2);
        if (a < 2 && u % 3 == 0) {
            snprintf(event, sizeof event,
                     "{\"events\":[{\"event_id\":\"e%d\",\"request_id\":\"%s\",\"item\":\"i1\",\"type\":\"click\"},"
                     "{\"event_id\":\"e%d\",\"request_id\":\"%s\",\"item\":\"i1\",\"type\":\"click\"}]}",
                     u, answer_text(answer, "request_id"), u, answer_text(answer, "request_id"));
            struct json *counts = lab_json(&lab, "POST", "/v1/events", event, 200);
            assert_close(answer_number(counts, "accepted"), 1, 0);
            assert_close(answer_number(counts, "duplicates"), 1, 0);
            json_free(counts);
        }
        json_free(answer);
    }
    assert_false(open);
    struct json *results = lab_json(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    assert_string_equal(answer_text(results, "state"), "settling");
    assert_string_equal(answer_text(results, "end_reason"), "units");
    assert_close(answer_number(results, "arms.0.units"), (double)arms[0], 0);
    assert_close(answer_number(results, "arms.1.impressions"), 3.0 * (double)arms[1], 0);
    assert_true(arms[0] >= 20 && arms[1] >= 20 && (arms[0] == 20 || arms[1] == 20));
    double clicks = answer_number(results, "arms.0.metrics.0.sum");
    assert_close(answer_number(results, "arms.0.metrics.0.mean"), clicks / (double)arms[0], 1e-12);
    assert_close(answer_number(results, "arms.0.metrics.1.mean"), clicks / (3.0 * (double)arms[0]), 1e-12);
    json_free(results);
    json_free(lab_json(&lab, "PUT", "/v1/clock", "{\"now_ms\":1000500}", 200));
    struct buf one = BUF_INIT, two = BUF_INIT;
    assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, &one), 200);
    assert_non_null(strstr(buf_string(&one), "\"final\":true"));
    lab_stop(&lab);
    lab_start(&lab, START);
    assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, &two), 200);
    assert_string_equal(buf_string(&one), buf_string(&two));
    buf_done(&one);
    buf_done(&two);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_from_ranking_to_frozen_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
