/* The players' side of the experiment API against a small server of the test: equal statistics whatever the number of
 * threads and without HTTP, retries with the same ids, rubbish, and the clock. */
#include "tests/lib/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/httpc/httpc.h"
#include "base/httpd/httpd.h"
#include "base/json/json_write.h"
#include "experiments/traffic/world_player.h"
#include "experiments/world/world_run.h"

enum fault { FAULT_NONE, FAULT_AWAY, FAULT_NOT_JSON, FAULT_WRONG_ITEM, FAULT_TWICE, FAULT_REFUSED };

/* Shows the last k candidates in reverse order. */
struct server {
    struct httpd *httpd;
    pthread_mutex_t lock;
    enum fault fault;
    int away_every; /* every n-th call is answered 503; 0: none */
    int64_t calls, ranks, events, now_ms;
    int64_t in_flight, moved_in_flight; /* rank and event calls; seen when the clock moved */
    int64_t ranks_outside;              /* ranks that came while no round was open */
    bool round_open;
    int64_t open_at_ms, close_at_ms; /* the round is open in between; 0: for ever */
    uint64_t id_hash;                /* of the event ids, order-free */
};

static void enter(struct server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->calls++;
    server->round_open =
        server->now_ms >= server->open_at_ms && (server->close_at_ms == 0 || server->now_ms < server->close_at_ms);
}

static enum status leave(struct server *server, enum status s)
{
    (void)pthread_mutex_unlock(&server->lock);
    return s;
}

static bool away(struct server *server)
{
    return server->fault == FAULT_AWAY || (server->away_every > 0 && server->calls % server->away_every == 0);
}

static enum status answer_rank(struct server *server, const struct json_at *root, struct buf *reply, struct err *err)
{
    struct json_at candidates, item = {0};
    const char *ids[WORLD_MAX_CANDIDATES], *unit;
    size_t n;
    int64_t k;
    TRY(json_get_string(root, "unit", JSON_REQUIRED, 128, &unit, err));
    TRY(json_get_int(root, "k", JSON_REQUIRED, 1, 100, &k, err));
    TRY(json_member(root, "candidates", JSON_REQUIRED, &candidates, err));
    TRY(json_array(&candidates, WORLD_MAX_CANDIDATES, &n, err));
    for (size_t i = 0; json_next(&candidates, &item); i++)
        TRY(json_string(&item, 128, &ids[i], err));
    server->ranks++;
    server->ranks_outside += server->round_open ? 0 : 1;
    buf_printf(reply, "{\"request_id\":\"r\",\"round\":%s,\"arm\":\"a\",\"items\":[",
               server->round_open ? "1" : "null");
    for (size_t j = 0; j < (size_t)k; j++) {
        const char *id = server->fault == FAULT_TWICE ? ids[0] : ids[n - 1 - j];
        buf_printf(reply, "%s{\"id\":\"%s\",\"utility\":1}", j > 0 ? "," : "",
                   server->fault == FAULT_WRONG_ITEM && j == 1 ? "i77777" : id);
    }
    buf_text(reply, "]}");
    return STATUS_OK;
}

static enum status answer_events(struct server *server, const struct json_at *root, struct buf *reply, struct err *err)
{
    struct json_at events, item = {0};
    size_t n;
    TRY(json_member(root, "events", JSON_REQUIRED, &events, err));
    TRY(json_array(&events, 1000, &n, err));
    while (json_next(&events, &item)) {
        const char *id;
        TRY(json_get_string(&item, "event_id", JSON_REQUIRED, 128, &id, err));
        server->id_hash += rng_hash_text(id);
    }
    server->events += (int64_t)n;
    buf_printf(reply, "{\"accepted\":%zu,\"duplicates\":0,\"late\":0,\"orphans\":0}", n);
    return STATUS_OK;
}

typedef enum status answer_call(struct server *server, const struct json_at *root, struct buf *reply, struct err *err);

static enum status handle_post(struct httpd_request *request, struct server *server, answer_call *answer,
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
    struct server *server = context;
    (void)err;
    enter(server);
    buf_printf(httpd_reply(request),
               "{\"experiment\":\"feed\",\"now_ms\":%lld,\"open_round\":", (long long)server->now_ms);
    buf_text(httpd_reply(request), server->round_open ? "{\"round\":1,\"purpose\":\"explore\",\"state\":\"open\","
                                                        "\"end\":{\"at_ms\":123},\"units\":4}}"
                                                      : "null}");
    return leave(server, STATUS_OK);
}

static enum status handle_get_clock(struct httpd_request *request, void *context, struct err *err)
{
    struct server *server = context;
    (void)err;
    enter(server);
    buf_printf(httpd_reply(request), "{\"now_ms\":%lld}", (long long)server->now_ms);
    return leave(server, STATUS_OK);
}

static enum status handle_set_clock(struct httpd_request *request, void *context, struct err *err)
{
    struct server *server = context;
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

static void server_start(struct server *server)
{
    struct err err = ERR_INIT;
    const struct httpd_options options = {.listen = "127.0.0.1:0", .routes = ROUTES, .context = server};
    assert_int_equal(pthread_mutex_init(&server->lock, NULL), 0);
    assert_ok(httpd_start(&options, &server->httpd, &err), &err);
}

static void server_stop(struct server *server)
{
    httpd_stop(server->httpd);
    (void)pthread_mutex_destroy(&server->lock);
}

/* A world small enough for a test: some 90 users a day. */
static struct world *small_world(void)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct world_params params;
    struct world *world = NULL;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, &err), &err);
    assert_ok(world_params_decode(text.data, text.length, &params, &err), &err);
    buf_done(&text);
    params.log_users = 200;
    params.new_users_per_day = 60;
    assert_ok(world_open(&params, 7, &world, &err), &err);
    return world;
}

static struct player_options player_options(const struct server *server, char url[64], size_t n_threads)
{
    (void)snprintf(url, 64, "http://127.0.0.1:%d", httpd_port(server->httpd));
    return (struct player_options){.client = {.base_url = url, .experiment = "feed", .give_up_ms = 60000, .seed = 3},
                                   .n_threads = n_threads,
                                   .quiet = true};
}

static enum status last_ones(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                             struct err *err)
{
    (void)context;
    (void)err;
    const struct world_params *p = world_params(visit->world);
    *ret_n = (size_t)p->show;
    for (size_t j = 0; j < *ret_n; j++)
        ret_shown[j] = visit->candidates[(size_t)p->candidates - 1 - j];
    return STATUS_OK;
}

static struct world_play_counts run_in_process(const struct world *world, int n_days)
{
    struct err err = ERR_INIT;
    const struct world_run run = {world, 0, n_days, last_ones, NULL, NULL};
    const size_t width = WORLD_RUN_HEADS + world_params(world)->n_heads;
    struct world_play_counts sum = {0};
    int64_t first;
    size_t n;
    world_run_users(&run, &first, &n);
    double *totals = mem_alloc(n * width, sizeof *totals);
    assert_ok(world_run(&run, totals, &err), &err);
    for (const double *t = totals; t < totals + n * width; t += width) {
        sum.requests += (int64_t)t[WORLD_RUN_REQUESTS];
        sum.impressions += (int64_t)t[WORLD_RUN_IMPRESSIONS];
        for (size_t h = 0; h < world_params(world)->n_heads; h++)
            sum.events[h] += (int64_t)t[WORLD_RUN_HEADS + h];
    }
    mem_free(totals);
    return sum;
}

static struct world_play_counts run_over_http(struct server *server, const struct world *world, int n_days,
                                              size_t n_threads)
{
    struct err err = ERR_INIT;
    char url[64];
    struct player player;
    struct world_play_counts counts;
    const struct player_options options = player_options(server, url, n_threads);
    assert_ok(player_init(&player, &options, &err), &err);
    assert_ok(world_play(&player, world, n_days, &counts, &err), &err);
    player_done(&player);
    return counts;
}

static void check_equal(const struct world_play_counts *a, const struct world_play_counts *b)
{
    assert_int_equal(a->requests, b->requests);
    assert_int_equal(a->impressions, b->impressions);
    for (size_t h = 0; h < WORLD_MAX_HEADS; h++)
        assert_int_equal(a->events[h], b->events[h]);
}

static void test_same_users_with_and_without_http(void **state)
{
    (void)state;
    struct world *world = small_world();
    const struct world_play_counts want = run_in_process(world, 3);
    uint64_t id_hash = 0;
    assert_true(want.requests > 200 && want.events[0] > 100);
    for (size_t n_threads = 1; n_threads <= 9; n_threads += 4) {
        struct server server = {.now_ms = world_day_ms(world, 0) - 5000};
        server_start(&server);
        const struct world_play_counts got = run_over_http(&server, world, 3, n_threads);
        check_equal(&got, &want);
        assert_int_equal(server.ranks, want.requests);
        assert_int_equal(server.now_ms, world_day_ms(world, 3));
        assert_int_equal(server.moved_in_flight, 0);
        assert_true(id_hash == 0 || id_hash == server.id_hash);
        id_hash = server.id_hash;
        server_stop(&server);
    }
    world_close(world);
}

static void test_a_server_that_comes_and_goes(void **state)
{
    (void)state;
    struct world *world = small_world();
    const struct world_play_counts want = run_in_process(world, 1);
    struct server server = {.away_every = 29};
    server_start(&server);
    const struct world_play_counts got = run_over_http(&server, world, 1, 8);
    check_equal(&got, &want);
    assert_int_equal(server.ranks, want.requests);
    assert_true(server.calls > want.requests + 10);
    server_stop(&server);
    world_close(world);
}

/* What becomes of a play against a server with a fault. */
static void check_fault(enum fault fault, int64_t give_up_ms, enum status want, const char *text)
{
    struct err err = ERR_INIT;
    struct world *world = small_world();
    struct server server = {.fault = fault};
    struct player player;
    char url[64];
    server_start(&server);
    struct player_options options = player_options(&server, url, 2);
    options.client.give_up_ms = give_up_ms;
    assert_ok(player_init(&player, &options, &err), &err);
    assert_refused(world_play(&player, world, 1, NULL, &err), want, &err, text);
    player_done(&player);
    server_stop(&server);
    world_close(world);
}

static void test_faults(void **state)
{
    (void)state;
    check_fault(FAULT_AWAY, 120, STATUS_UNAVAILABLE, "gave up after");
    check_fault(FAULT_NOT_JSON, 120, STATUS_CORRUPT, "It works!");
    check_fault(FAULT_WRONG_ITEM, 120, STATUS_CORRUPT, "items[1] is i77777: not one of the candidates");
    check_fault(FAULT_TWICE, 120, STATUS_CORRUPT, "repeats the item");
    check_fault(FAULT_REFUSED, 60000, STATUS_UNPROCESSABLE, "tab is \"nowhere\"");
}

static void test_only_in_rounds(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct world *world = small_world();
    const int64_t noon = world_day_ms(world, 0) + 43200000;
    struct server server = {.now_ms = noon - 100000, .open_at_ms = noon};
    struct player player;
    char url[64];
    struct world_play_counts counts;
    server_start(&server);
    struct player_options options = player_options(&server, url, 4);
    options.only_in_rounds = options.until_idle = true;
    options.idle_s = 0.25;
    assert_ok(player_init(&player, &options, &err), &err);
    server.close_at_ms = noon + 6 * 3600000; /* from 18:00 on nobody is played */
    assert_ok(world_play(&player, world, 0, &counts, &err), &err);
    assert_true(counts.requests > 0 && server.ranks == counts.requests);
    assert_int_equal(server.ranks_outside, 0);
    assert_true(server.now_ms >= server.close_at_ms);
    player_done(&player);
    server_stop(&server);
    world_close(world);
}

static void test_stop_flag(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct world *world = small_world();
    struct server server = {.fault = FAULT_AWAY};
    struct player player;
    char url[64];
    atomic_bool stop = false;
    server_start(&server);
    struct player_options options = player_options(&server, url, 4);
    options.client.stop = &stop;
    assert_ok(player_init(&player, &options, &err), &err);
    atomic_store(&stop, true);
    assert_ok(world_play(&player, world, 0, NULL, &err), &err);
    assert_int_equal(server.ranks, 0);
    player_done(&player);
    server_stop(&server);
    world_close(world);
}

static void test_names(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct client *client = NULL;
    struct client_options options = {.base_url = "http://127.0.0.1:1", .experiment = "a/b"};
    assert_refused(client_new(&options, &client, &err), STATUS_INVALID, &err, "experiment is \"a/b\"");
    options.experiment = "feed";
    options.base_url = "127.0.0.1:1";
    assert_refused(client_new(&options, &client, &err), STATUS_INVALID, &err, "127.0.0.1:1");
}

static int init(void **state)
{
    (void)state;
    return httpc_init(NULL) == STATUS_OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_users_with_and_without_http),
        cmocka_unit_test(test_a_server_that_comes_and_goes),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_only_in_rounds),
        cmocka_unit_test(test_stop_flag),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
