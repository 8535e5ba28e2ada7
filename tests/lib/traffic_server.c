#include "tests/lib/traffic_server.h"

#include <stdio.h>

#include "base/core/rng.h"
#include "base/json/json.h"
#include "tests/lib/check.h"

enum { MAX_CANDIDATES = 200 };

static void enter(struct traffic_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->calls++;
}

static enum status leave(struct traffic_server *server, enum status s)
{
    (void)pthread_mutex_unlock(&server->lock);
    return s;
}

static bool is_open(const struct traffic_server *server)
{
    return server->now_ms >= server->open_at_ms && (server->close_at_ms == 0 || server->now_ms < server->close_at_ms);
}

static bool away(struct traffic_server *server)
{
    return server->fault == FAULT_AWAY || (server->away_every > 0 && server->calls % server->away_every == 0);
}

static enum status answer_rank(struct traffic_server *server, const struct json_at *root, struct buf *reply,
                               struct err *err)
{
    struct json_at candidates, item = {0};
    const char *ids[MAX_CANDIDATES], *unit, *user;
    size_t n;
    int64_t k;
    TRY(json_get_string(root, "unit", JSON_REQUIRED, 128, &unit, err));
    TRY(json_get_string(root, "user", JSON_REQUIRED, 128, &user, err));
    TRY(json_get_int(root, "k", JSON_REQUIRED, 1, 100, &k, err));
    TRY(json_member(root, "candidates", JSON_REQUIRED, &candidates, err));
    TRY(json_array(&candidates, MAX_CANDIDATES, &n, err));
    for (size_t i = 0; json_next(&candidates, &item); i++)
        TRY(json_string(&item, 128, &ids[i], err));
    server->ranks++;
    server->unit_hash += rng_mix(rng_hash_text(unit) ^ rng_mix(rng_hash_text(user)));
    server->ranks_outside += is_open(server) ? 0 : 1;
    buf_printf(reply, "{\"request_id\":\"r\",\"round\":%s,\"arm\":\"a\",\"items\":[", is_open(server) ? "1" : "null");
    for (size_t j = 0; j < (size_t)k; j++) {
        const char *id = server->fault == FAULT_TWICE ? ids[0] : ids[n - 1 - j];
        buf_printf(reply, "%s{\"id\":\"%s\",\"utility\":1}", j > 0 ? "," : "",
                   server->fault == FAULT_WRONG_ITEM && j == 1 ? "i77777" : id);
    }
    buf_text(reply, "]}");
    return STATUS_OK;
}

static enum status answer_events(struct traffic_server *server, const struct json_at *root, struct buf *reply,
                                 struct err *err)
{
    struct json_at events, item = {0};
    size_t n;
    TRY(json_member(root, "events", JSON_REQUIRED, &events, err));
    TRY(json_array(&events, 1000, &n, err));
    while (json_next(&events, &item)) {
        const char *id;
        TRY(json_get_string(&item, "event_id", JSON_REQUIRED, 128, &id, err));
        server->event_hash += rng_hash_text(id);
    }
    server->events += (int64_t)n;
    buf_printf(reply, "{\"accepted\":%zu,\"duplicates\":0,\"late\":0,\"orphans\":0}", n);
    return STATUS_OK;
}

typedef enum status answer_call(struct traffic_server *server, const struct json_at *root, struct buf *reply,
                                struct err *err);

static enum status handle_post(struct httpd_request *request, struct traffic_server *server, answer_call *answer,
                               struct err *err)
{
    size_t n;
    struct json *json = NULL;
    const char *body = httpd_body(request, &n);
    enter(server);
    server->in_flight++;
    enum status s = json_parse(body, n, NULL, &json, err);
    if (s == STATUS_OK && server->fault == FAULT_REFUSED)
        s = err_set(err, STATUS_UNPROCESSABLE, "tab is \"nowhere\"");
    else if (s == STATUS_OK && away(server))
        s = err_set(err, STATUS_UNAVAILABLE, "not now");
    else if (s == STATUS_OK && server->fault == FAULT_NOT_JSON)
        buf_text(httpd_reply(request), "<html>It works!</html>");
    else if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = answer(server, &root, httpd_reply(request), err);
    }
    json_free(json);
    server->in_flight--;
    return leave(server, s);
}

static enum status handle_rank(struct httpd_request *request, void *context, struct err *err)
{
    return handle_post(request, context, answer_rank, err);
}

static enum status handle_events(struct httpd_request *request, void *context, struct err *err)
{
    return handle_post(request, context, answer_events, err);
}

static enum status handle_state(struct httpd_request *request, void *context, struct err *err)
{
    struct traffic_server *server = context;
    (void)err;
    enter(server);
    buf_printf(httpd_reply(request),
               "{\"experiment\":\"feed\",\"now_ms\":%lld,\"open_round\":", (long long)server->now_ms);
    if (is_open(server))
        buf_printf(httpd_reply(request),
                   "{\"round\":1,\"purpose\":\"%s\",\"state\":\"open\",\"end\":{\"at_ms\":%lld},\"units\":4}}",
                   server->purpose != NULL ? server->purpose : "explore", (long long)server->end_ms);
    else
        buf_text(httpd_reply(request), "null}");
    return leave(server, STATUS_OK);
}

static enum status handle_get_clock(struct httpd_request *request, void *context, struct err *err)
{
    struct traffic_server *server = context;
    (void)err;
    enter(server);
    buf_printf(httpd_reply(request), "{\"now_ms\":%lld}", (long long)server->now_ms);
    return leave(server, STATUS_OK);
}

static enum status handle_set_clock(struct httpd_request *request, void *context, struct err *err)
{
    struct traffic_server *server = context;
    size_t n;
    long long now = 0;
    enter(server);
    if (sscanf(httpd_body(request, &n), "{\"now_ms\":%lld}", &now) != 1 || now < server->now_ms)
        return leave(server, err_set(err, STATUS_INVALID, "now_ms is %lld", now));
    server->now_ms = now;
    server->moved_in_flight += server->in_flight;
    buf_text(httpd_reply(request), "{}");
    return leave(server, STATUS_OK);
}

static const struct httpd_route ROUTES[] = {
    {"POST", "/v1/rank", handle_rank, 65536, NULL},         {"POST", "/v1/events", handle_events, 1 << 20, NULL},
    {"GET", "/v1/experiments/feed", handle_state, 0, NULL}, {"GET", "/v1/clock", handle_get_clock, 0, NULL},
    {"PUT", "/v1/clock", handle_set_clock, 100, NULL},      {0},
};

void traffic_server_start(struct traffic_server *server)
{
    struct err err = ERR_INIT;
    const struct httpd_options options = {.listen = "127.0.0.1:0", .routes = ROUTES, .context = server};
    assert_int_equal(pthread_mutex_init(&server->lock, NULL), 0);
    assert_ok(httpd_start(&options, &server->httpd, &err), &err);
}

void traffic_server_stop(struct traffic_server *server)
{
    httpd_stop(server->httpd);
    (void)pthread_mutex_destroy(&server->lock);
}

void traffic_server_url(const struct traffic_server *server, char ret[64])
{
    (void)snprintf(ret, 64, "http://127.0.0.1:%d", httpd_port(server->httpd));
}
