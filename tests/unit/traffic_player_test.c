/* The players' side of the experiment API against a small server of the test: equal statistics whatever the number of
 * threads and without HTTP, retries with the same ids, rubbish, and the clock. */
#include "tests/lib/check.h"

#include "tests/lib/traffic_server.h"

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/httpc/httpc.h"
#include "experiments/traffic/world_player.h"
#include "experiments/world/world_run.h"

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

static struct player_options player_options(const struct traffic_server *server, char url[64], size_t n_threads)
{
    traffic_server_url(server, url);
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

static struct world_play_counts run_over_http(struct traffic_server *server, const struct world *world, int n_days,
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
        struct traffic_server server = {.now_ms = world_day_ms(world, 0) - 5000};
        traffic_server_start(&server);
        const struct world_play_counts got = run_over_http(&server, world, 3, n_threads);
        check_equal(&got, &want);
        assert_int_equal(server.ranks, want.requests);
        assert_int_equal(server.now_ms, world_day_ms(world, 3));
        assert_int_equal(server.moved_in_flight, 0);
        assert_true(id_hash == 0 || id_hash == server.event_hash);
        id_hash = server.event_hash;
        traffic_server_stop(&server);
    }
    world_close(world);
}

static void test_a_server_that_comes_and_goes(void **state)
{
    (void)state;
    struct world *world = small_world();
    const struct world_play_counts want = run_in_process(world, 1);
    struct traffic_server server = {.away_every = 29};
    traffic_server_start(&server);
    const struct world_play_counts got = run_over_http(&server, world, 1, 8);
    check_equal(&got, &want);
    assert_int_equal(server.ranks, want.requests);
    assert_true(server.calls > want.requests + 10);
    traffic_server_stop(&server);
    world_close(world);
}

/* What becomes of a play against a server with a fault. */
static void check_fault(enum traffic_fault fault, int64_t give_up_ms, enum status want, const char *text)
{
    struct err err = ERR_INIT;
    struct world *world = small_world();
    struct traffic_server server = {.fault = fault};
    struct player player;
    char url[64];
    traffic_server_start(&server);
    struct player_options options = player_options(&server, url, 2);
    options.client.give_up_ms = give_up_ms;
    assert_ok(player_init(&player, &options, &err), &err);
    assert_refused(world_play(&player, world, 1, NULL, &err), want, &err, text);
    player_done(&player);
    traffic_server_stop(&server);
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
    struct traffic_server server = {.now_ms = noon - 100000, .open_at_ms = noon};
    struct player player;
    char url[64];
    struct world_play_counts counts;
    traffic_server_start(&server);
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
    traffic_server_stop(&server);
    world_close(world);
}

static void test_stop_flag(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct world *world = small_world();
    struct traffic_server server = {.fault = FAULT_AWAY};
    struct player player;
    char url[64];
    atomic_bool stop = false;
    traffic_server_start(&server);
    struct player_options options = player_options(&server, url, 4);
    options.client.stop = &stop;
    assert_ok(player_init(&player, &options, &err), &err);
    atomic_store(&stop, true);
    assert_ok(world_play(&player, world, 0, NULL, &err), &err);
    assert_int_equal(server.ranks, 0);
    player_done(&player);
    traffic_server_stop(&server);
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
