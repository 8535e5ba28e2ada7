/* bench_retry - a client that loses nothing: every request has a name and is repeated until it is answered.
 *   bench_retry --port N --experiment EXP --requests 500
 * Request i ranks for unit u(i mod units) under the id r-i and then posts two events of it; whatever happens to the
 * server meanwhile, its counts must end as if each had been sent once.  SIGTERM: no further requests; those that were
 * begun are finished, and the output says how many there were.  Exit code 1 when a request is refused. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/core/clock.h"
#include "base/core/opt.h"
#include "base/httpc/httpc.h"

enum { THREADS = 12, PATIENCE = 2000 };

static int64_t port = 0, requests = 500, units = 80;
static const char *experiment = "feed";
static _Atomic int64_t next_request, repeats, refused;
static atomic_bool stopping; /* lock-free: the handler may set it */

static void stop(int unused)
{
    (void)unused;
    atomic_store(&stopping, true);
}

/* The next request's number, or -1: there is none. */
static int64_t take(void)
{
    if (atomic_load(&stopping) || atomic_load(&refused))
        return -1;
    const int64_t i = atomic_fetch_add(&next_request, 1);
    return i < requests ? i : -1;
}

/* Until there is an answer; false when it is a refusal. */
static bool post(struct httpc *client, const char *path, const struct buf *body)
{
    for (int attempt = 0; attempt < PATIENCE; attempt++) {
        struct json *answer = NULL;
        struct err err = ERR_INIT;
        enum status s = httpc_json(client, "POST", path, body->data, body->length, &answer, &err);
        json_free(answer);
        if (s == STATUS_OK)
            return true;
        if (s != STATUS_UNAVAILABLE && s != STATUS_TIMEOUT) {
            fprintf(stderr, "bench_retry: %s: %s\n", path, err.text);
            return false;
        }
        atomic_fetch_add(&repeats, 1);
        clock_sleep_ms(10);
    }
    fprintf(stderr, "bench_retry: %s: no answer after %d attempts\n", path, PATIENCE);
    return false;
}

static bool play(struct httpc *client, int64_t i)
{
    struct buf body = BUF_INIT;
    long long n = (long long)i;
    buf_printf(&body, "{\"experiment\":\"%s\",\"unit\":\"u%lld\",\"request_id\":\"r-%lld\",\"k\":%lld,\"candidates\":[",
               experiment, (long long)(i % units), n, 1 + n % 4);
    for (long long c = 0; c < 6; c++)
        buf_printf(&body, "%s\"%lld\"", c ? "," : "", (n * 7 + c * 31) % 500);
    buf_text(&body, "]}");
    bool ok = post(client, "/v1/rank", &body);
    buf_clear(&body);
    buf_printf(&body,
               "{\"events\":[{\"event_id\":\"a%lld\",\"request_id\":\"r-%lld\",\"type\":\"click\",\"item\":\"1\"},"
               "{\"event_id\":\"b%lld\",\"request_id\":\"r-%lld\",\"type\":\"pay\",\"value\":%lld.25}]}",
               n, n, n, n, n % 13);
    ok = ok && post(client, "/v1/events", &body);
    buf_done(&body);
    return ok;
}

static void *client_main(void *unused)
{
    char url[64];
    struct httpc *client = NULL;
    (void)unused;
    snprintf(url, sizeof url, "http://127.0.0.1:%lld", (long long)port);
    if (httpc_new(&(struct httpc_options){.base_url = url, .total_ms = 3000}, &client, NULL) != STATUS_OK) {
        atomic_fetch_add(&refused, 1);
        return NULL;
    }
    for (int64_t i; (i = take()) >= 0;) {
        if (!play(client, i))
            atomic_fetch_add(&refused, 1);
    }
    httpc_free(client);
    return NULL;
}

static int run(int n, char **operands)
{
    pthread_t threads[THREADS];
    (void)n;
    (void)operands;
    signal(SIGTERM, stop);
    if (httpc_init(NULL) != STATUS_OK)
        return EXIT_FAILED;
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, client_main, NULL) != 0)
            return EXIT_FAILED;
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const int64_t begun = atomic_load(&next_request);
    printf("%lld requests answered, %lld repetitions\n", (long long)(begun < requests ? begun : requests),
           (long long)atomic_load(&repeats));
    return atomic_load(&refused) ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        {"port", OPT_INT, &port, "N", "of the daemon", 1, 65535},
        {"experiment", OPT_TEXT, &experiment, "EXP", "with an open round", 0, 0},
        {"requests", OPT_INT, &requests, "N", "rank requests, two events each", 1, 1e9},
        {"units", OPT_INT, &units, "N", "different ones", 1, 1e9},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "repeats each request until it is answered", OPTIONS, 0, 0, run}, {0}};
    return opt_main("bench_retry", "a patient client of the experiment API", COMMANDS, argc, argv);
}
