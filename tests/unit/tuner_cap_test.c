/* max_turnover through the whole service: no arm shows more that is new than the file allows, a restart changes
 * nothing, and a campaign that cannot be held to it waits or ends with a line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"
#include "tuner/core/campaign_cap.h"

static const double CAP = 0.2;

static int start(void **state)
{
    (void)tuner_world_setup(state);
    ((struct tuner_world *)*state)->api.logged = 1000;
    return 0;
}

static void launch(struct tuner_world *w)
{
    char file[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"anchors\":[\"equal\"],", "\"max_turnover\":0.2,", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
}

static double number(const struct json_at *at, const char *key)
{
    struct json_at member;
    double x = nan("");
    assert_int_equal(json_member(at, key, JSON_REQUIRED, &member, NULL), STATUS_OK);
    return json_number(&member, -1e9, 1e9, &x, NULL) == STATUS_OK ? x : nan("");
}

/* What the endpoint says of a trial's weights. */
static double turnover_of(struct tuner_world *w, const struct json_at *trial)
{
    struct buf body = BUF_INIT, answer = BUF_INIT;
    struct json_at weights, list, item = {0};
    struct json *json = NULL;
    size_t n = 0;
    int http = 0;
    assert_int_equal(json_member(trial, "weights", JSON_REQUIRED, &weights, NULL), STATUS_OK);
    buf_text(&body, "{\"reference\":{\"click\":1,\"save\":1,\"hide\":-1},\"weights\":[{");
    while (json_next(&weights, &item)) {
        double x = 0;
        assert_int_equal(json_number(&item, -1e9, 1e9, &x, NULL), STATUS_OK);
        buf_printf(&body, "%s\"%s\":%.17g", n++ > 0 ? "," : "", item.key, x);
    }
    buf_text(&body, "}]}");
    const struct client_door door = fake_api_door(&w->api);
    assert_int_equal(door.request(door.context, "POST", "/v1/experiments/feed/preview", buf_string(&body), body.length,
                                  &http, &answer, NULL),
                     STATUS_OK);
    assert_int_equal(http, 200);
    assert_int_equal(json_parse(buf_string(&answer), answer.length, NULL, &json, NULL), STATUS_OK);
    const struct json_at root = json_root(json);
    assert_int_equal(json_member(&root, "previews", JSON_REQUIRED, &list, NULL), STATUS_OK);
    item = (struct json_at){0};
    assert_true(json_next(&list, &item));
    const double overlap = number(&item, "overlap");
    json_free(json);
    buf_done(&body);
    buf_done(&answer);
    return 1.0 - overlap;
}

static void no_arm_is_above_the_cap(void **state)
{
    struct tuner_world *w = *state;
    struct buf text = BUF_INIT;
    struct json *json = NULL;
    struct json_at list, trial = {0};
    launch(w);
    while (w->api.n_rounds < 1 || w->api.round[0].reads < 1)
        tuner_world_turn(w);
    assert_close(WORLD_NUMBER(w, "max_turnover"), CAP, 0);
    while (!tuner_world_is(w, 1, "running") || strstr(w->status, "\"live\":{") == NULL)
        tuner_world_turn(w);
    assert_true(tuner_world_says(w, "\"turnover\":0,") || tuner_world_says(w, "\"turnover\":0}"));
    tuner_world_run(w, "promoted");
    tuner_world_trials(w, &text);
    assert_int_equal(json_parse(buf_string(&text), text.length, NULL, &json, NULL), STATUS_OK);
    const struct json_at root = json_root(json);
    assert_int_equal(json_member(&root, "trials", JSON_REQUIRED, &list, NULL), STATUS_OK);
    size_t n = 0, at_the_cap = 0, in_between = 0;
    while (json_next(&list, &trial)) {
        const double turnover = turnover_of(w, &trial);
        assert_true(turnover <= CAP + 1e-9);
        assert_close(number(&trial, "turnover") + 1, turnover + 1, 1e-9);
        at_the_cap += turnover > 0.9 * CAP;
        in_between += turnover > 0.1 * CAP && turnover <= 0.9 * CAP;
        n++;
    }
    assert_int_equal(n, 3 * 6 + 2); /* the confirmation has no equal weights */
    assert_true(at_the_cap >= 5);   /* the best lies beyond */
    assert_true(in_between >= 3);
    json_free(json);
    buf_done(&text);
}

static void run_to_the_end(struct tuner_world *w, int every, struct buf *ret_trials)
{
    launch(w);
    for (int i = 0; i < 400 && !tuner_world_is(w, 1, "promoted"); i++) {
        if (every > 0 && i % every == 0)
            tuner_world_restart(w);
        tuner_world_turn(w);
    }
    assert_true(tuner_world_is(w, 1, "promoted"));
    tuner_world_trials(w, ret_trials);
}

static void a_restart_changes_nothing(void **state)
{
    struct buf once = BUF_INIT, restarted = BUF_INIT;
    run_to_the_end(*state, 0, &once);
    tuner_world_end(*state);
    (void)start(state);
    run_to_the_end(*state, 3, &restarted);
    assert_string_equal(buf_string(&once), buf_string(&restarted));
    buf_done(&once);
    buf_done(&restarted);
}

static void an_api_without_previews_is_refused(void **state)
{
    struct tuner_world *w = *state;
    w->api.logged = -1;
    launch(w);
    tuner_world_run(w, "failed");
    assert_true(tuner_world_says(w, "max_turnover is 0.2, but what weights would show is not known: "));
    assert_true(tuner_world_says(w, "no previews here"));
    assert_int_equal(w->api.n_rounds, 0);
}

static void turns(struct tuner_world *w, int n)
{
    for (int i = 0; i < n; i++)
        tuner_world_turn(w);
    (void)tuner_world_is(w, 1, "running"); /* reads the status */
}

static void too_few_requests_are_waited_for(void **state)
{
    struct tuner_world *w = *state;
    w->api.logged = 99;
    launch(w);
    turns(w, 12);
    assert_true(tuner_world_says(w, "max_turnover waits for logged requests: "));
    assert_true(tuner_world_says(w, "99 logged requests, wanted are 100"));
    assert_int_equal(w->api.n_rounds, 0);
    w->api.logged = 100;
    while (w->api.n_rounds < 1)
        tuner_world_turn(w);
    w->api.logged = 0; /* the API was started anew between two rounds */
    while (w->api.n_rounds < 2 && strstr(w->status, "waits for logged") == NULL)
        turns(w, 1);
    assert_int_equal(w->api.n_rounds, 1);
    w->api.logged = 500;
    tuner_world_run(w, "promoted");
}

static void a_cap_that_no_weights_keep(void **state)
{
    struct tuner_world *w = *state;
    launch(w);
    while (w->api.previews < 5)
        tuner_world_turn(w);
    w->api.replaces_all = true;
    tuner_world_run(w, "failed");
    assert_true(
        tuner_world_says(w, "max_turnover is 0.2, which no weights keep: arm a1 replaces 1 of what the control shows"));
    assert_int_equal(w->api.n_rounds, 0);
}

static int busy(void *context, const char *method, const char *path, struct buf *body)
{
    int *left = context;
    if (strcmp(method, "POST") != 0 || strstr(path, "/preview") == NULL || *left == 0)
        return 0;
    --*left;
    buf_text(body, "busy");
    return 503;
}

/* Without a cap the campaign would go on without previews after four of these. */
static void an_api_that_is_down_is_waited_for(void **state)
{
    struct tuner_world *w = *state;
    int left = 9;
    w->api.script = busy;
    w->api.script_context = &left;
    launch(w);
    tuner_world_run(w, "promoted");
    assert_int_equal(left, 0);
    assert_close(WORLD_NUMBER(w, "warm_start", "requests"), 1000, 0);
}

/* While the arms of a planned round are being checked. */
static void people_may_step_in(void **state)
{
    struct tuner_world *w = *state;
    launch(w);
    while (w->api.previews < 5)
        tuner_world_turn(w);
    assert_int_equal(tuner_world_ask(w, TUNER_PAUSE, 1, 0), STATUS_OK);
    turns(w, 5);
    assert_int_equal(w->api.n_rounds, 0);
    tuner_world_restart(w);
    assert_int_equal(tuner_world_ask(w, TUNER_RESUME, 1, 0), STATUS_OK);
    while (w->api.n_rounds < 1)
        tuner_world_turn(w);
    assert_int_equal(tuner_world_ask(w, TUNER_CANCEL, 1, 0), STATUS_OK);
    tuner_world_run(w, "cancelled");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, start, tuner_world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(no_arm_is_above_the_cap),
        CASE(a_restart_changes_nothing),
        CASE(an_api_without_previews_is_refused),
        CASE(too_few_requests_are_waited_for),
        CASE(a_cap_that_no_weights_keep),
        CASE(an_api_that_is_down_is_waited_for),
        CASE(people_may_step_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
