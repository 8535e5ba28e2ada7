/* trimtabd's parts and the real experiment API, both over HTTP with their own threads: what one writes the other reads.
 */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/files.h"
#include "tests/lib/lab.h"
#include "tuner/daemon/door.h"
#include "tuner/http/tuner_http.h"

enum { START = 1700000000, SETTLE = 1000, UNITS = 24 };

static const char CAMPAIGN[] =
    "{\"name\":\"lab\",\"experiment\":\"feed\",\"seed\":5,\"objective\":[{\"metric\":\"clicks\",\"value\":1}],"
    "\"guardrails\":[{\"metric\":\"ctr\",\"min_relative\":-0.3}],\"control\":\"default\","
    "\"rounds\":{\"max\":1,\"arms\":3,\"units_per_arm\":24,\"settle_ms\":1000},\"anchors\":[\"equal\"],"
    "\"confirm\":{\"units_per_arm\":24},\"promote\":\"auto\",\"create\":%s}";

struct world {
    struct lab lab;
    struct door door;
    struct tuner_http http;
    struct httpd *httpd;
    struct httpc *client;
    char *folder, path[256], url[64], experiments[64];
    struct clock clock;
    int units, events;
};

static void start_tuner(struct world *w)
{
    struct err err = ERR_INIT;
    snprintf(w->experiments, sizeof w->experiments, "http://127.0.0.1:%d", httpd_port(w->lab.httpd));
    assert_ok(door_open(&w->door, w->experiments, NULL, &err), &err);
    clock_init_real(&w->clock);
    w->folder = files_folder();
    struct tuner_options options = {.path = files_path(w->folder, "trimtab.db", w->path, sizeof w->path),
                                    .address = w->experiments,
                                    .door = {door_request, &w->door},
                                    .clock = &w->clock,
                                    .poll_ms = 5,
                                    .context = &w->http,
                                    .changed = tuner_http_changed};
    assert_ok(tuner_new(&options, &w->http.tuner, &err), &err);
    assert_ok(journal_reader_open(w->path, &w->http.reader, &err), &err);
    w->http.clock = &w->clock;
    struct httpd_options http = {.listen = "127.0.0.1:0", .routes = TUNER_ROUTES, .context = &w->http};
    assert_ok(httpd_start(&http, &w->httpd, &err), &err);
    atomic_store(&w->http.httpd, w->httpd);
    assert_ok(tuner_start(w->http.tuner, &err), &err);
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d", httpd_port(w->httpd));
    assert_ok(httpc_new(&(struct httpc_options){.base_url = w->url}, &w->client, &err), &err);
}

static void stop_tuner(struct world *w)
{
    tuner_stop(w->http.tuner);
    atomic_store(&w->http.httpd, NULL);
    httpc_free(w->client);
    httpd_stop(w->httpd);
    journal_reader_close(w->http.reader);
    tuner_free(w->http.tuner);
    door_close(&w->door);
    files_remove(w->folder);
}

static struct json *ask(struct world *w, const char *method, const char *path, const char *body, int want)
{
    struct buf answer = BUF_INIT;
    struct json *json = NULL;
    struct err err = ERR_INIT;
    int http = 0;
    enum status ignored =
        httpc_request(w->client, method, path, body, body == NULL ? 0 : strlen(body), &http, &answer, NULL);
    (void)ignored;
    if (http != want)
        fail_msg("%s %s: %d, not %d: %s", method, path, http, want, buf_string(&answer));
    assert_ok(json_parse(buf_string(&answer), answer.length, NULL, &json, &err), &err);
    buf_done(&answer);
    return json;
}

/* How an arm's users click: the truth of this world. */
static int clicks_of(const char *arm, int unit)
{
    bool good = strcmp(arm, "a1") == 0 || strcmp(arm, "candidate") == 0;
    return (good ? 9 : strcmp(arm, "equal") == 0 ? 4 : 6) + unit % 3 - 1;
}

/* One user: a ranking and some clicks.  False: no round is open. */
static bool play(struct world *w, struct buf *events)
{
    char unit[32];
    snprintf(unit, sizeof unit, "u%d", w->units);
    struct json *answer = lab_rank(&w->lab, unit, "");
    bool open = !isnan(answer_number(answer, "round"));
    for (int i = 0; open && i < clicks_of(answer_text(answer, "arm"), w->units); i++)
        buf_printf(events, "%s{\"event_id\":\"e%d\",\"item\":\"i1\",\"type\":\"click\",\"request_id\":\"%s\"}",
                   events->length == 0 ? "" : ",", w->events++, answer_text(answer, "request_id"));
    w->units++;
    json_free(answer);
    return open;
}

/* Users until the round has all it wants, their events, and the time it settles in. */
static void play_round(struct world *w, int round)
{
    struct buf events = BUF_INIT, body = BUF_INIT;
    for (int i = 0; i < 1000 && play(w, &events); i++)
        ;
    buf_printf(&body, "{\"events\":[%s]}", buf_string(&events));
    struct json *counts = lab_json(&w->lab, "POST", "/v1/events", buf_string(&body), 200);
    assert_close(answer_number(counts, "late"), 0, 0);
    json_free(counts);
    buf_clear(&body);
    buf_printf(&body, "{\"now_ms\":%d}", START + round * 2 * SETTLE);
    json_free(lab_json(&w->lab, "PUT", "/v1/clock", buf_string(&body), 200));
    buf_done(&body);
    buf_done(&events);
}

static void wait_for(struct world *w, const char *state, double round)
{
    for (int i = 0; i < 500; i++) {
        struct json *status = ask(w, "GET", "/v1/campaigns/1", NULL, 200);
        bool there = strcmp(answer_text(status, "state"), state) == 0 &&
                     (round == 0 || strstr(answer_text(status, "note"), "is measuring") != NULL ||
                      strstr(answer_text(status, "note"), "is confirming") != NULL);
        if (i == 499)
            print_error("%s: %s\n", answer_text(status, "state"), answer_text(status, "note"));
        json_free(status);
        if (there)
            return;
        clock_sleep_ms(5);
    }
    fail();
}

/* What was known of the users before: most of what tells them apart (clicks_of). */
static void post_covariates(struct world *w)
{
    struct buf body = BUF_INIT;
    json_free(lab_json(&w->lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    buf_text(&body, "{\"covariates\":[");
    for (int u = 0; u < 400; u++)
        buf_printf(&body, "%s{\"unit\":\"u%d\",\"values\":{\"clicks\":%g}}", u == 0 ? "" : ",", u,
                   u % 3 + 0.5 * (u / 3 % 2));
    buf_text(&body, "]}");
    json_free(lab_json(&w->lab, "POST", "/v1/experiments/feed/covariates", buf_string(&body), 200));
    buf_done(&body);
}

/* Returns the standard error of the first new arm. */
static double check_trials(struct world *w, bool cuped)
{
    struct json *trials = ask(w, "GET", "/v1/campaigns/1/trials", NULL, 200);
    const double se = answer_number(trials, "trials.2.objective_se");
    assert_true(answer_flag(trials, "trials.2.cuped") == cuped);
    assert_string_equal(answer_text(trials, "trials.0.arm"), "control");
    assert_string_equal(answer_text(trials, "trials.6.state"), "done");
    assert_close(answer_number(trials, "trials.2.objective"), 0.5, 0.1);
    assert_true(answer_number(trials, "trials.0.units") >= UNITS);
    assert_close(answer_number(trials, "trials.2.weights.save") / answer_number(trials, "trials.5.weights.save"), 1, 0);
    json_free(trials);
    struct json *trial = ask(w, "GET", "/v1/campaigns/1/trials/6", NULL, 200);
    assert_string_equal(answer_text(trial, "origin"), "candidate");
    json_free(trial);
    return se;
}

static double run_campaign(bool covariates)
{
    static struct world w;
    w = (struct world){.units = 0};
    char file[2000];
    gsl_set_error_handler_off();
    lab_start(&w.lab, START);
    start_tuner(&w);
    snprintf(file, sizeof file, CAMPAIGN, LAB_EXPERIMENT);
    json_free(ask(&w, "POST", "/v1/campaigns", file, 422));
    if (covariates)
        post_covariates(&w);
    struct json *status = ask(&w, "POST", "/v1/campaigns?create=true", file, 201);
    assert_string_equal(answer_text(status, "state"), "starting");
    json_free(status);
    wait_for(&w, "running", 1);
    play_round(&w, 1);
    wait_for(&w, "confirming", 2);
    play_round(&w, 2);
    wait_for(&w, "promoted", 0);
    status = ask(&w, "GET", "/v1/campaigns/1", NULL, 200);
    assert_close(answer_number(status, "winner.confirmed.vs_control.lift"), 0.5, 0.1);
    assert_true(answer_number(status, "winner.confirmed.vs_equal.lo") > 0.5);
    struct json *feed = lab_json(&w.lab, "GET", "/v1/experiments/feed", NULL, 200);
    assert_close(answer_number(feed, "default.weights.save"), answer_number(status, "winner.weights.save"), 0);
    assert_close(answer_number(feed, "default.version"), answer_number(status, "default_version_after"), 0);
    json_free(feed);
    json_free(status);
    const double se = check_trials(&w, covariates);
    stop_tuner(&w);
    lab_remove(&w.lab);
    return se;
}

static void a_campaign_over_http(void **state)
{
    (void)state;
    assert_true(run_campaign(false) > 0.0);
}

/* The same users with what was known of them before: the same campaign, with less noise. */
static void covariates_take_noise_out(void **state)
{
    (void)state;
    const double plain = run_campaign(false), adjusted = run_campaign(true);
    assert_true(adjusted > 0.0 && adjusted < 0.6 * plain);
}

/* Of the last six requests' worth of previews: what arm n of the campaign replaces now, by the real endpoint. */
static double turnover_now(struct world *w, const struct json *trials, int n)
{
    char path[64];
    struct buf body = BUF_INIT;
    static const char *const HEADS[] = {"click", "save", "hide"};
    buf_text(&body, "{\"weights\":[{");
    for (int h = 0; h < 3; h++) {
        (void)snprintf(path, sizeof path, "trials.%d.weights.%s", n, HEADS[h]);
        buf_printf(&body, "%s\"%s\":%.17g", h > 0 ? "," : "", HEADS[h], answer_number(trials, path));
    }
    buf_text(&body, "}]}"); /* against the default, which is the control */
    struct json *answer = lab_json(&w->lab, "POST", "/v1/experiments/feed/preview", buf_string(&body), 200);
    const double overlap = answer_number(answer, "previews.0.overlap");
    json_free(answer);
    buf_done(&body);
    return 1.0 - overlap;
}

/* A campaign with a cap waits for requests, and none of its arms is above the cap by the endpoint. */
static void a_cap_on_turnover(void **state)
{
    (void)state;
    static struct world w;
    w = (struct world){.units = 0};
    char plain[2000], file[2200];
    gsl_set_error_handler_off();
    lab_start(&w.lab, START);
    start_tuner(&w);
    snprintf(plain, sizeof plain, CAMPAIGN, LAB_EXPERIMENT);
    const char *anchors = strstr(plain, ",\"anchors\":[\"equal\"]");
    snprintf(file, sizeof file, "%.*s,\"max_turnover\":0.1%s", (int)(anchors - plain), plain,
             anchors + strlen(",\"anchors\":[\"equal\"]"));
    json_free(ask(&w, "POST", "/v1/campaigns?create=true", file, 201));
    struct buf none = BUF_INIT;
    while (w.units < 150) /* before any round */
        assert_false(play(&w, &none));
    wait_for(&w, "running", 1);
    struct json *trials = ask(&w, "GET", "/v1/campaigns/1/trials", NULL, 200);
    for (int n = 1; n <= 3; n++) {
        char path[64];
        (void)snprintf(path, sizeof path, "trials.%d.turnover", n);
        const double turnover = turnover_now(&w, trials, n);
        assert_true(turnover > 0.02 && turnover <= 0.1 + 1e-9);
        /* Some requests came after the arms were checked. */
        assert_close(answer_number(trials, path) - turnover + 1, 1, 0.03);
    }
    json_free(trials);
    buf_done(&none);
    stop_tuner(&w);
    lab_remove(&w.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_campaign_over_http),
                                       cmocka_unit_test(covariates_take_noise_out),
                                       cmocka_unit_test(a_cap_on_turnover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
