/* POST /v1/experiments/{exp}/preview: equal to what /v1/rank then answers, each refusal, the queue, stopping, and
 * rankings and other models meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000, UNITS = 60, K = 3, HEADS = 3 };
static const char EXPERIMENT[] = "/v1/experiments/feed", PREVIEW[] = "/v1/experiments/feed/preview";
static const char *const NAMES[HEADS] = {"click", "save", "hide"};

static struct fake_model other_order(void)
{
    return (struct fake_model){.hash = "00000000000000000000000000000000000000000000000000000000000000b0",
                               .heads = {"hide", "more", "save", "click"},
                               .shift = 77};
}

static void open_lab(struct lab *lab)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", EXPERIMENT, LAB_EXPERIMENT, 201));
}

static void rank_units(struct lab *lab, int from, int to, const char *more)
{
    char unit[20];
    for (int u = from; u < to; u++) {
        snprintf(unit, sizeof unit, "u%d", u);
        json_free(lab_rank(lab, unit, more));
    }
}

/* What /v1/rank shows every unit now: means by head, and the items. */
struct shown {
    double p[HEADS];
    bool items[UNITS][6]; /* i1 .. i5 */
};

static void see(struct lab *lab, struct shown *ret)
{
    char unit[20], path[40];
    *ret = (struct shown){0};
    for (int u = 0; u < UNITS; u++) {
        snprintf(unit, sizeof unit, "u%d", u);
        struct json *answer = lab_rank(lab, unit, "");
        for (int i = 0; i < K; i++) {
            snprintf(path, sizeof path, "items.%d.id", i);
            ret->items[u][answer_text(answer, path)[1] - '0'] = true;
            for (int h = 0; h < HEADS; h++) {
                snprintf(path, sizeof path, "items.%d.p.%s", i, NAMES[h]);
                ret->p[h] += answer_number(answer, path) / K / UNITS;
            }
        }
        json_free(answer);
    }
}

static double overlap(const struct shown *a, const struct shown *b)
{
    double common = 0;
    for (int u = 0; u < UNITS; u++) {
        for (int i = 1; i <= 5; i++)
            common += a->items[u][i] && b->items[u][i];
    }
    return common / K / UNITS;
}

static void assert_shown(const struct json *preview, const char *where, const struct shown *want)
{
    char path[40];
    for (int h = 0; h < HEADS; h++) {
        snprintf(path, sizeof path, "%s.shown.%d", where, h);
        assert_close(answer_number(preview, path), want->p[h], 1e-8);
    }
}

static void set_default(struct lab *lab, const char *weights)
{
    char path[100], body[200];
    snprintf(path, sizeof path, "%s/default", EXPERIMENT);
    struct json *experiment = lab_json(lab, "GET", EXPERIMENT, NULL, 200);
    snprintf(body, sizeof body, "{\"weights\":%s,\"if_version\":%.0f}", weights,
             answer_number(experiment, "default.version"));
    json_free(experiment);
    json_free(lab_json(lab, "PUT", path, body, 200));
}

static void check_against_rank(struct fake_model *model)
{
    static const char *const WEIGHTS[] = {"{\"save\":1}", "{\"click\":0.3,\"save\":1,\"hide\":-4}", "{\"hide\":-1}"};
    static struct shown reference, shown;
    struct lab lab = {.model = model};
    char body[300], where[20], path[40];
    open_lab(&lab);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
    rank_units(&lab, 0, UNITS / 2, ""); /* of either arm, or of the default */
    rank_units(&lab, UNITS / 2, UNITS, ",\"forced_arm\":\"a1\"");
    json_free(lab_json(&lab, "POST", "/v1/rank", /* shows all, whatever the weights */
                       "{\"experiment\":\"feed\",\"unit\":\"u1\",\"k\":3,\"candidates\":[\"i1\",\"i2\",\"i3\"]}", 200));
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    snprintf(body, sizeof body, "{\"weights\":[%s,%s,%s]}", WEIGHTS[0], WEIGHTS[1], WEIGHTS[2]);
    struct json *preview = lab_json(&lab, "POST", PREVIEW, body, 200);
    assert_string_equal(answer_text(preview, "experiment"), "feed");
    assert_close(answer_number(preview, "requests"), UNITS, 0);
    for (int h = 0; h < HEADS; h++) {
        snprintf(path, sizeof path, "heads.%d", h);
        assert_string_equal(answer_text(preview, path), NAMES[h]);
    }
    see(&lab, &reference);
    assert_shown(preview, "reference", &reference);
    for (int w = 0; w < 3; w++) {
        set_default(&lab, WEIGHTS[w]);
        see(&lab, &shown);
        snprintf(where, sizeof where, "previews.%d", w);
        assert_shown(preview, where, &shown);
        snprintf(path, sizeof path, "%s.overlap", where);
        assert_close(answer_number(preview, path), overlap(&shown, &reference), 1e-12);
        assert_true(answer_number(preview, path) < 1);
    }
    json_free(preview);
    /* The default is {"hide":-1} now, and each unit was ranked five times under different weights: the same sample. */
    snprintf(body, sizeof body, "{\"weights\":[%s]}", WEIGHTS[2]);
    preview = lab_json(&lab, "POST", PREVIEW, body, 200);
    assert_close(answer_number(preview, "requests"), 5 * UNITS, 0);
    assert_shown(preview, "reference", &shown);
    assert_close(answer_number(preview, "previews.0.overlap"), 1, 1e-12);
    json_free(preview);
    snprintf(body, sizeof body, "{\"weights\":[%s],\"reference\":%s}", WEIGHTS[1], WEIGHTS[0]);
    preview = lab_json(&lab, "POST", PREVIEW, body, 200);
    set_default(&lab, WEIGHTS[0]);
    see(&lab, &shown);
    assert_shown(preview, "reference", &shown);
    json_free(preview);
    lab_remove(&lab);
}

static void it_is_what_rank_answers(void **state)
{
    (void)state;
    struct fake_model model = other_order();
    check_against_rank(NULL);
    check_against_rank(&model);
}

static void without_a_sample_it_is_empty(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct buf text = BUF_INIT;
    open_lab(&lab);
    assert_int_equal(lab_call(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", &text), 200);
    assert_string_equal(buf_string(&text),
                        "{\"experiment\":\"feed\",\"requests\":0,\"heads\":[\"click\",\"save\",\"hide\"],"
                        "\"reference\":{\"shown\":[]},\"previews\":[]}");
    buf_done(&text);
    lab_remove(&lab);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text;
    } CASES[] = {
        {NULL, ""},
        {"", ""},
        {"[]", "object"},
        {"{}", "weights is missing"},
        {"{\"weights\":{\"click\":1}}", "weights"},
        {"{\"weights\":[]}", "weights is empty: allowed are 1 to 64 objects of weights"},
        {"{\"weights\":[1]}", "weights[0]"},
        {"{\"weights\":[{\"click\":1},{}]}", "weights[1] has no weight but 0"},
        {"{\"weights\":[{\"click\":0,\"save\":-0.0}]}", "weights[0] has no weight but 0"},
        {"{\"weights\":[{\"click\":1},{\"like\":1}]}",
         "weights[1].like is no head of the experiment: heads are click, save, hide"},
        {"{\"weights\":[{\"click\":\"1\"}]}", "weights[0].click"},
        {"{\"weights\":[{\"click\":null}]}", "weights[0].click"},
        {"{\"weights\":[{\"click\":1e999}]}", ""},
        {"{\"weights\":[{\"click\":1e13}]}", "weights[0].click is 10000000000000"},
        {"{\"weights\":[{\"click\":NaN}]}", ""},
        {"{\"weights\":[{\"click\":1,\"click\":2}]}", ""},
        {"{\"weights\":[{\"click\":1}],\"reference\":{\"like\":1}}", "reference.like is no head"},
        {"{\"weights\":[{\"click\":1}],\"reference\":{\"save\":0}}", "reference has no weight but 0"},
        {"{\"weights\":[{\"click\":1}],\"reference\":null}", "reference"},
        {"{\"weights\":[{\"click\":1}],\"k\":3}", "k"},
    };
    struct lab lab = {0};
    struct buf many = BUF_INIT;
    open_lab(&lab);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        lab_refuses(&lab, "POST", PREVIEW, CASES[i].body, 400, CASES[i].text);
    for (int n = 64; n <= 65; n++) {
        buf_clear(&many);
        buf_text(&many, "{\"weights\":[");
        for (int i = 1; i <= n; i++)
            buf_printf(&many, "%s{\"save\":%d}", i > 1 ? "," : "", i);
        buf_text(&many, "]}");
        if (n == 64)
            json_free(lab_json(&lab, "POST", PREVIEW, buf_string(&many), 200));
        else
            lab_refuses(&lab, "POST", PREVIEW, buf_string(&many), 400, "weights");
    }
    buf_clear(&many);
    while (many.length <= 128 * 1024)
        buf_char(&many, ' ');
    lab_refuses(&lab, "POST", PREVIEW, buf_string(&many), 413, "larger than 131072 bytes");
    lab_refuses(&lab, "POST", "/v1/experiments/nobody/preview", "{\"weights\":[{\"click\":1}]}", 404, "nobody");
    lab_refuses(&lab, "GET", PREVIEW, NULL, 405, "POST");
    buf_done(&many);
    lab_remove(&lab);
}

/* A client of its own that asks once. */
struct asking {
    pthread_t thread;
    int port, http;
};

static void *ask(void *context)
{
    struct asking *a = context;
    static const char BODY[] = "{\"weights\":[{\"save\":1}]}";
    struct httpc *client = NULL;
    struct buf answer = BUF_INIT;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", a->port);
    if (httpc_new(&(struct httpc_options){.base_url = url}, &client, NULL) == STATUS_OK) {
        enum status ignored = httpc_request(client, "POST", PREVIEW, BODY, strlen(BODY), &a->http, &answer, NULL);
        (void)ignored;
    }
    buf_done(&answer);
    httpc_free(client);
    return NULL;
}

/* Holds the worker at its sample, asks n times and returns when n - 1 wait. */
static void hold(struct lab *lab, size_t n, struct asking *asking)
{
    struct preview_worker *worker = &lab->service.preview_worker;
    rank_units(lab, 0, 5, "");
    pthread_mutex_lock(&lab->service.preview_samples.mutex);
    for (size_t i = 0, waiting = 0; i < n; i++) {
        asking[i] = (struct asking){.port = httpd_port(lab->httpd)};
        assert_int_equal(pthread_create(&asking[i].thread, NULL, ask, &asking[i]), 0);
        do {
            clock_sleep_ms(1);
            pthread_mutex_lock(&worker->mutex);
            waiting = worker->started && worker->n_waiting == i;
            pthread_mutex_unlock(&worker->mutex);
        } while (!waiting);
    }
}

static void let_go(struct lab *lab, size_t n, struct asking *asking)
{
    pthread_mutex_unlock(&lab->service.preview_samples.mutex);
    for (size_t i = 0; i < n; i++) {
        pthread_join(asking[i].thread, NULL);
        assert_int_equal(asking[i].http, 200);
    }
}

static void more_than_the_queue_holds_is_refused(void **state)
{
    (void)state;
    enum { N = 1 + PREVIEW_MAX_WAITING };
    struct asking asking[N];
    struct lab lab = {0};
    struct buf text = BUF_INIT;
    open_lab(&lab);
    hold(&lab, N, asking);
    lab_refuses(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", 503, "4 previews wait already: try again");
    assert_int_equal(lab_call(&lab, "GET", EXPERIMENT, NULL, NULL), 200); /* others are served meanwhile */
    let_go(&lab, N, asking);
    json_free(lab_json(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", 200));
    assert_int_equal(lab_call(&lab, "GET", "/metrics", NULL, &text), 200);
    assert_non_null(strstr(buf_string(&text), "trimtab_previews_total{result=\"answered\"} 6\n"));
    assert_non_null(strstr(buf_string(&text), "trimtab_previews_total{result=\"refused\"} 1\n"));
    buf_done(&text);
    lab_remove(&lab);
}

static void *stop(void *context)
{
    struct lab *lab = context;
    httpd_stop(lab->httpd);
    return NULL;
}

static void what_waits_is_answered_before_the_end(void **state)
{
    (void)state;
    enum { N = 3 };
    struct asking asking[N];
    struct lab lab = {0};
    pthread_t stopping;
    open_lab(&lab);
    hold(&lab, N, asking);
    assert_int_equal(pthread_create(&stopping, NULL, stop, &lab), 0);
    clock_sleep_ms(20); /* likely inside; either way everyone is answered */
    let_go(&lab, N, asking);
    pthread_join(stopping, NULL);
    lab.httpd = NULL;
    lab_remove(&lab);
}

static void *rank_on(void *context)
{
    struct asking *a = context;
    static const char BODY[] = "{\"experiment\":\"feed\",\"unit\":\"u1\",\"candidates\":[\"i1\",\"i2\"],\"k\":1}";
    struct httpc *client = NULL;
    struct buf answer = BUF_INIT;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", a->port);
    a->http = 200;
    if (httpc_new(&(struct httpc_options){.base_url = url}, &client, NULL) != STATUS_OK)
        a->http = 0;
    for (int i = 0; i < 700 && a->http == 200; i++) {
        enum status ignored = httpc_request(client, "POST", "/v1/rank", BODY, strlen(BODY), &a->http, &answer, NULL);
        (void)ignored;
    }
    buf_done(&answer);
    httpc_free(client);
    return NULL;
}

/* Every sample is of one model: i1 and i2 of one unit have one probability each, so a mean tells the model. */
static void rankings_and_models_go_on_meanwhile(void **state)
{
    (void)state;
    struct fake_model models[2] = {FAKE_MODEL, other_order()};
    struct asking ranking[2];
    struct lab lab = {.model = &models[0]};
    struct err err = ERR_INIT;
    open_lab(&lab);
    for (size_t i = 0; i < 2; i++) {
        ranking[i] = (struct asking){.port = httpd_port(lab.httpd)};
        assert_int_equal(pthread_create(&ranking[i].thread, NULL, rank_on, &ranking[i]), 0);
    }
    for (int i = 1; i <= 20; i++) {
        if (i % 4 == 0)
            assert_ok(service_swap(&lab.service, fake_scorer(&models[i / 4 % 2]), &err), &err);
        struct json *preview = lab_json(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", 200);
        if (answer_number(preview, "requests") > 0) {
            const double i1 = (double)fake_p(models[i / 4 % 2].shift, "u1", "i1", i / 4 % 2 ? 3 : 0);
            const double i2 = (double)fake_p(models[i / 4 % 2].shift, "u1", "i2", i / 4 % 2 ? 3 : 0);
            assert_close(answer_number(preview, "previews.0.shown.0"), i1 > i2 ? i1 : i2, 1e-9);
        }
        json_free(preview);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(ranking[i].thread, NULL);
        assert_int_equal(ranking[i].http, 200);
    }
    assert_ok(service_swap(&lab.service, fake_scorer(&models[0]), &err), &err);
    struct json *preview = lab_json(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", 200);
    assert_close(answer_number(preview, "requests"), 0, 0);
    json_free(preview);
    lab_remove(&lab);
}

static struct lab *swapping;

/* The other model takes over while a request is scored. */
static void swap_now(void)
{
    static struct fake_model other;
    struct err err = ERR_INIT;
    other = other_order();
    assert_ok(service_swap(&swapping->service, fake_scorer(&other), &err), &err);
}

static void a_request_of_the_model_before_is_not_taken(void **state)
{
    (void)state;
    struct fake_model model = FAKE_MODEL;
    struct lab lab = {.model = &model};
    model.scoring = swap_now;
    swapping = &lab;
    open_lab(&lab);
    for (int requests = 0; requests < 2; requests++) { /* the second is ranked by the other model */
        rank_units(&lab, 0, 1, "");
        struct json *preview = lab_json(&lab, "POST", PREVIEW, "{\"weights\":[{\"click\":1}]}", 200);
        assert_close(answer_number(preview, "requests"), requests, 0);
        json_free(preview);
    }
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_rank_answers),
        cmocka_unit_test(without_a_sample_it_is_empty),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(more_than_the_queue_holds_is_refused),
        cmocka_unit_test(what_waits_is_answered_before_the_end),
        cmocka_unit_test(rankings_and_models_go_on_meanwhile),
        cmocka_unit_test(a_request_of_the_model_before_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
