#include "tests/lib/lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/fake_scorer.h"

void lab_start(struct lab *lab, int64_t now_ms)
{
    struct err err = ERR_INIT;
    char url[64];
    if (lab->folder[0] == '\0') {
        snprintf(lab->folder, sizeof lab->folder, "/tmp/trimtab_experiments_XXXXXX");
        assert_non_null(mkdtemp(lab->folder));
    }
    clock_init_fake(&lab->clock, now_ms);
    struct store_options options = {.folder = lab->folder, .clock = &lab->clock, .hot_max = lab->hot_max};
    assert_ok(store_open(&options, &lab->store, &err), &err);
    service_init(&lab->service, lab->store);
    assert_ok(service_swap(&lab->service, fake_scorer(lab->model ? lab->model : &FAKE_MODEL), &err), &err);
    struct httpd_options http = {.listen = "127.0.0.1:0", .routes = SERVICE_ROUTES, .context = &lab->service};
    assert_ok(httpd_start(&http, &lab->httpd, &err), &err);
    atomic_store(&lab->service.httpd, lab->httpd);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", httpd_port(lab->httpd));
    assert_ok(httpc_init(&err), &err);
    assert_ok(httpc_new(&(struct httpc_options){.base_url = url}, &lab->client, &err), &err);
}

void lab_stop(struct lab *lab)
{
    httpc_free(lab->client);
    httpd_stop(lab->httpd);
    service_done(&lab->service);
    store_close(lab->store);
}

void lab_remove(struct lab *lab)
{
    static const char *const FILES[] = {"experiments.db", "experiments.db-wal", "experiments.db-shm"};
    lab_stop(lab);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", lab->folder, FILES[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(lab->folder), 0);
    lab->folder[0] = '\0';
}

int lab_call(struct lab *lab, const char *method, const char *path, const char *body, struct buf *ret)
{
    struct buf answer = BUF_INIT;
    int http = 0;
    enum status ignored =
        httpc_request(lab->client, method, path, body, body ? strlen(body) : 0, &http, ret ? ret : &answer, NULL);
    (void)ignored;
    buf_done(&answer);
    return http;
}

struct json *lab_json(struct lab *lab, const char *method, const char *path, const char *body, int want)
{
    struct buf answer = BUF_INIT;
    struct json *json = NULL;
    struct err err = ERR_INIT;
    int http = lab_call(lab, method, path, body, &answer);
    if (http != want)
        fail_msg("%s %s: %d, not %d: %s", method, path, http, want, buf_string(&answer));
    assert_ok(json_parse(answer.data, answer.length, NULL, &json, &err), &err);
    buf_done(&answer);
    return json;
}

void lab_refuses(struct lab *lab, const char *method, const char *path, const char *body, int want, const char *text)
{
    struct json *json = lab_json(lab, method, path, body, want);
    const char *message = answer_text(json, "error.message");
    if (!strstr(message, text))
        fail_msg("%s %s: \"%s\" does not contain \"%s\"", method, path, message, text);
    json_free(json);
}

/* Follows the path in steps; every step's parent must stay where it is, so the nodes live in an array. */
static struct json_at follow(const struct json *json, const char *path, struct json_at steps[16])
{
    size_t depth = 0;
    steps[0] = json_root(json);
    while (*path && depth < 15) {
        char word[64];
        size_t n = strcspn(path, "."), index = 0;
        struct json_at item = {0};
        bool found = false;
        snprintf(word, sizeof word, "%.*s", (int)n, path);
        index = strtoul(word, NULL, 10);
        while (!found && json_next(&steps[depth], &item))
            found = item.key ? strcmp(item.key, word) == 0 : item.index == index;
        if (!found)
            fail_msg("the answer has no %s", path);
        steps[++depth] = item;
        path += n + (path[n] == '.');
    }
    return steps[depth];
}

double answer_number(const struct json *json, const char *path)
{
    struct json_at steps[16];
    struct err err = ERR_INIT;
    struct json_at at = follow(json, path, steps);
    double x = nan("");
    if (!json_is_null(&at))
        assert_ok(json_number(&at, -HUGE_VAL, HUGE_VAL, &x, &err), &err);
    return x;
}

bool answer_flag(const struct json *json, const char *path)
{
    struct json_at steps[16];
    struct err err = ERR_INIT;
    struct json_at at = follow(json, path, steps);
    bool flag = false;
    assert_ok(json_bool(&at, &flag, &err), &err);
    return flag;
}

const char *answer_text(const struct json *json, const char *path)
{
    struct json_at steps[16];
    struct err err = ERR_INIT;
    struct json_at at = follow(json, path, steps);
    const char *text = NULL;
    if (!json_is_null(&at))
        assert_ok(json_string(&at, 1 << 20, &text, &err), &err);
    return text;
}

const char LAB_EXPERIMENT[] =
    "{\"unit_type\":\"user\",\"timezone\":\"UTC\",\"heads\":[\"click\",\"save\",\"hide\"],"
    "\"default_weights\":{\"click\":1.0,\"save\":3.5,\"hide\":-2.0},"
    "\"metrics\":[{\"name\":\"clicks\",\"kind\":\"mean\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"},"
    "\"denominator\":\"unit\",\"attribution_s\":100,\"cap\":null,\"direction\":\"up\"},"
    "{\"name\":\"ctr\",\"kind\":\"ratio\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"},"
    "\"denominator\":\"impression\",\"attribution_s\":100,\"direction\":\"up\",\"guardrail\":{\"effect\":\"absolute\","
    "\"margin\":0.5}}]}";
const char LAB_ROUND[] =
    "{\"purpose\":\"explore\",\"campaign\":\"c1\",\"salt\":\"s1\",\"arms\":["
    "{\"id\":\"control\",\"weights\":{\"click\":1.0},\"allocation\":0.4},"
    "{\"id\":\"a1\",\"weights\":{\"save\":2.0,\"hide\":-0.5},\"params\":{\"x\":3},\"allocation\":0.4}],"
    "\"end\":{\"units_per_arm\":20},\"settle_ms\":500,\"washout_ms\":0}";

struct json *lab_rank(struct lab *lab, const char *unit, const char *more)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"experiment\":\"feed\",\"unit\":\"%s\",\"candidates\":[\"i1\",\"i2\",\"i3\",\"i4\",\"i5\"],\"k\":3%s}",
             unit, more);
    return lab_json(lab, "POST", "/v1/rank", body, 200);
}

void lab_event(struct lab *lab, const char *event_id, const char *more, int accepted, int duplicates, int late,
               int orphans)
{
    char body[600];
    snprintf(body, sizeof body, "{\"events\":[{\"event_id\":\"%s\",\"item\":\"i1\",\"type\":\"click\"%s}]}", event_id,
             more);
    struct json *counts = lab_json(lab, "POST", "/v1/events", body, 200);
    assert_close(answer_number(counts, "accepted"), accepted, 0);
    assert_close(answer_number(counts, "duplicates"), duplicates, 0);
    assert_close(answer_number(counts, "late"), late, 0);
    assert_close(answer_number(counts, "orphans"), orphans, 0);
    json_free(counts);
}

void lab_arm(struct lab *lab, const char *unit, char *ret, size_t size)
{
    struct view *view = NULL;
    struct key128 key;
    struct err err = ERR_INIT;
    assert_ok(store_view(lab->store, "feed", &view, &err), &err);
    snprintf(ret, size, "%s", view_arm_id(view, view_assign(view, unit, &key)));
    view_release(view);
}
