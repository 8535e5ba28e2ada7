/* bench_experimentd - ranks and events per second of the experiment API.
 *   bench_experimentd [--port N --experiment EXP]      a daemon that runs with an open round
 *   bench_experimentd                                  store, HTTP and a toy model inside this process
 * One line of JSON a measurement. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json.h"
#include "tests/lib/lab.h"
#include "tests/lib/load.h"

static int64_t port = 0, connections = 32, requests = 20000, candidates = 20, units = 5000, batch = 20;
static const char *experiment = "feed";

struct ids {
    char (*id)[80]; /* request ids that were answered */
    int64_t n;
};

static void rank_body(void *context, int64_t i, struct buf *ret)
{
    (void)context;
    buf_printf(ret, "{\"experiment\":\"%s\",\"unit\":\"unit-%lld\",\"context\":{},\"k\":10,\"candidates\":[",
               experiment, (long long)(i % units));
    for (int64_t c = 0; c < candidates; c++)
        buf_printf(ret, "%s\"%lld\"", c ? "," : "", (long long)((i * 7 + c * 131) % 7000));
    buf_text(ret, "]}");
}

static void keep_id(void *context, int64_t i, const char *body, size_t n)
{
    struct ids *ids = context;
    const char *id = memmem(body, n, "\"request_id\":\"", 14), *end = id ? strchr(id + 14, '"') : NULL;
    (void)i;
    if (end && end - id - 14 < 80)
        snprintf(ids->id[ids->n++], 80, "%.*s", (int)(end - id - 14), id + 14);
}

static void event_body(void *context, int64_t i, struct buf *ret)
{
    const struct ids *ids = context;
    buf_text(ret, "{\"events\":[");
    for (int64_t e = 0; e < batch; e++)
        buf_printf(ret, "%s{\"event_id\":\"e-%lld-%lld\",\"request_id\":\"%s\",\"item\":\"%lld\",\"type\":\"click\"}",
                   e ? "," : "", (long long)i, (long long)e, ids->id[(i * batch + e) % ids->n], (long long)e);
    buf_text(ret, "]}");
}

static void print(const char *what, const struct load_result *r, int64_t per_request)
{
    printf("{\"what\":\"%s\",\"per_second\":%.0f,\"requests\":%lld,\"failed\":%lld,\"connections\":%lld,"
           "\"ms_median\":%.2f,\"ms_p99\":%.2f,\"ms_max\":%.2f}\n",
           what, (double)(r->ok * per_request) / r->seconds, (long long)r->ok, (long long)r->failed,
           (long long)connections, r->ms_median, r->ms_p99, r->ms_max);
    if (r->failed)
        fprintf(stderr, "first failure: %s\n", r->first_failure);
    fflush(stdout);
}

static int measure(int at)
{
    struct ids ids = {mem_alloc((size_t)requests, 80), 0};
    if (!ids.id)
        return 1;
    struct load load = {at, (size_t)connections, requests, "/v1/rank", rank_body, keep_id, &ids};
    struct load_result ranks = load_run(&load);
    print("ranks", &ranks, 1);
    load = (struct load){at, (size_t)connections, requests / batch, "/v1/events", event_body, NULL, &ids};
    struct load_result events = load_run(&load);
    print("events", &events, batch);
    mem_free(ids.id);
    return ranks.failed || events.failed;
}

static void create(struct lab *lab)
{
    json_free(
        lab_json(lab, "PUT", "/v1/experiments/feed",
                 "{\"heads\":[\"click\",\"save\",\"hide\"],\"default_weights\":{\"click\":1},\"metrics\":["
                 "{\"name\":\"click\",\"kind\":\"mean\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"}},"
                 "{\"name\":\"ctr\",\"kind\":\"ratio\",\"numerator\":{\"event\":\"click\",\"aggregate\":\"count\"},"
                 "\"denominator\":\"impression\"}]}",
                 201));
    json_free(
        lab_json(lab, "PUT", "/v1/experiments/feed/rounds/1",
                 "{\"purpose\":\"explore\",\"salt\":\"s\",\"arms\":["
                 "{\"id\":\"control\",\"weights\":{\"click\":1},\"allocation\":0.5},"
                 "{\"id\":\"a1\",\"weights\":{\"save\":1},\"allocation\":0.5}],\"end\":{\"units_per_arm\":1000000}}",
                 201));
}

static int run(int n, char **operands)
{
    (void)n;
    (void)operands;
    if (port)
        return measure((int)port);
    struct lab lab = {0};
    lab_start(&lab, 1000000);
    create(&lab);
    int code = measure(httpd_port(lab.httpd));
    lab_remove(&lab);
    return code;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        {"port", OPT_INT, &port, "N", "of a daemon on this machine; 0: run the API inside", 0, 65535},
        {"experiment", OPT_TEXT, &experiment, "EXP", "with an open round", 0, 0},
        {"connections", OPT_INT, &connections, "N", "clients, one request in flight each", 1, 1000},
        {"requests", OPT_INT, &requests, "N", "rank requests; and as many events", 100, 1e8},
        {"candidates", OPT_INT, &candidates, "N", "of a rank request", 1, 1000},
        {"units", OPT_INT, &units, "N", "different ones", 1, 1e9},
        {"batch", OPT_INT, &batch, "N", "events of a request", 1, 1000},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "measures ranks and events per second", OPTIONS, 0, 0, run}, {0}};
    return opt_main("bench_experimentd", "load on the experiment API", COMMANDS, argc, argv);
}
