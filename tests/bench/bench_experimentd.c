/* bench_experimentd - what a trimtab-experimentd on this machine can do: scripts/bench-experimentd starts one, with the
 * experiments "feed" and "many", each with an open round of the salt "s" and two arms of a half.
 *
 *   http, sqlite   ceilings: an empty HTTP server under the same bodies; SQLite committing the same rows, a thousand a
 *                  transaction, and (commit) ten, as many as under the mixed load: the least that its times can be
 *   ranks, events  closed loop: how much
 *   mixed          open loop at --event-rate and --rank-rate: the times of both
 *   sync           meanwhile: what a bare sync of a page takes on the same disk
 *   round          --round-units units come into "many"; its results; a unit forgotten
 *
 * One line of JSON each, with the goals of its figures; met is null where the run was not what the goal is about.
 * cpu_us is the daemon's (of a ceiling: the empty server's), an operation: an event, not a
 * request of --batch events; of the mixed load all of its CPU time over either kind.  The load generator runs on the
 * same cores. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/httpc/httpc.h"
#include "experiments/core/assign.h"
#include "tests/lib/ceilings.h"
#include "tests/lib/disk_probe.h"
#include "tests/lib/load.h"
#include "tests/lib/watch_process.h"

static int64_t port = 0, pid = 0, connections = 32, candidates = 200, units = 5000, batch = 20, stored = 0;
static int64_t event_rate = 10000, rank_rate = 1000, round_units = 100000;
static double seconds = 4, event_seconds = 0;
static const char *data = "";

static char wal[300], file[300];
static bool good = true;

enum { CEILING_SECONDS = 10 };

struct ids {
    char (*id)[80]; /* request ids that were answered */
    int64_t n, max, first_event;
};

static void rank_body(void *context, int64_t i, struct buf *ret)
{
    (void)context;
    buf_printf(ret, "{\"experiment\":\"feed\",\"unit\":\"unit-%lld\",\"k\":20,\"candidates\":[",
               (long long)(i % units));
    for (int64_t c = 0; c < candidates; c++)
        buf_printf(ret, "%s\"%lld\"", c ? "," : "", (long long)((i * 7 + c) % 500));
    buf_text(ret, "]}");
}

static void keep_id(void *context, int64_t i, const char *body, size_t n)
{
    struct ids *ids = context;
    const char *id = memmem(body, n, "\"request_id\":\"", 14), *end = id ? strchr(id + 14, '"') : NULL;
    (void)i;
    if (end && end - id - 14 < 80 && ids->n < ids->max)
        snprintf(ids->id[ids->n++], 80, "%.*s", (int)(end - id - 14), id + 14);
}

static void events_of(struct ids *ids, int64_t i, int64_t n, struct buf *ret)
{
    buf_text(ret, "{\"events\":[");
    for (int64_t e = i * n; e < (i + 1) * n; e++)
        buf_printf(ret, "%s{\"event_id\":\"e-%lld\",\"request_id\":\"%s\",\"item\":\"%lld\",\"type\":\"click\"}",
                   e > i * n ? "," : "", (long long)(ids->first_event + e), ids->id[e % ids->n], (long long)(e % 20));
    buf_text(ret, "]}");
}

static void event_body(void *context, int64_t i, struct buf *ret)
{
    events_of(context, i, batch, ret);
}

/* Many at once: to fill the store. */
static void fill_body(void *context, int64_t i, struct buf *ret)
{
    events_of(context, i, 1000, ret);
}

/* A thousand new units of "many". */
static void exposure_body(void *context, int64_t i, struct buf *ret)
{
    (void)context;
    buf_text(ret, "{\"events\":[");
    for (int64_t u = i * 1000; u < (i + 1) * 1000; u++) {
        char unit[32];
        snprintf(unit, sizeof unit, "m%lld", (long long)u);
        buf_printf(ret,
                   "%s{\"event_id\":\"x%lld\",\"type\":\"exposure\",\"value\":10,\"experiment\":\"many\",\"round\":1,"
                   "\"arm\":\"%s\",\"unit\":\"%s\"}",
                   u > i * 1000 ? "," : "", (long long)u, assign_hash("s", unit).u < 0.5 ? "control" : "a1", unit);
    }
    buf_text(ret, "]}");
}

struct goal {
    const char *what, *figure;
    bool at_least;
    double bound;
    const char *of; /* what the run must be like */
};
static const struct goal GOALS[] = {
    {"ranks", "per_second", true, 2000, "200 candidates, top 20"},
    {"events", "per_second", true, 20000, "5 minutes, 10 million ids stored"},
    {"mixed_events", "ms_p99", false, 20, "10 000 events and 1000 ranks a second"},
    {"mixed_events", "wal_mb_max", false, 256, "10 000 events and 1000 ranks a second"},
    {"mixed_ranks", "ms_p99", false, 20, "10 000 events and 1000 ranks a second"},
    {"mixed_ranks", "wal_mb_max", false, 256, "10 000 events and 1000 ranks a second"},
    {"results", "ms_p99", false, 50, "1 million units"},
};

static bool comparable(const struct goal *goal)
{
    if (strcmp(goal->what, "events") == 0)
        return event_seconds >= 300 && stored >= 10000000;
    if (strcmp(goal->what, "results") == 0)
        return round_units >= 1000000;
    if (strncmp(goal->what, "mixed", 5) == 0)
        return event_rate >= 10000 && rank_rate >= 1000;
    return candidates >= 200;
}

struct figure {
    const char *name;
    double value;
};

static const double *find_figure(size_t n, const struct figure *figures, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(figures[i].name, name) == 0)
            return &figures[i].value;
    }
    return NULL;
}

static void print_goals(const char *what, size_t n, const struct figure *figures)
{
    size_t printed = 0;
    for (size_t g = 0; g < sizeof GOALS / sizeof *GOALS; g++) {
        const struct goal *goal = &GOALS[g];
        const double *value = strcmp(goal->what, what) == 0 ? find_figure(n, figures, goal->figure) : NULL;
        if (!value)
            continue;
        const bool met = goal->at_least ? *value >= goal->bound : *value < goal->bound;
        printf("%s{\"figure\":\"%s\",\"%s\":%g,\"of\":\"%s\",\"met\":%s}", printed++ ? "," : ",\"goals\":[",
               goal->figure, goal->at_least ? "at_least" : "below", goal->bound, goal->of,
               !comparable(goal) ? "null"
               : met             ? "true"
                                 : "false");
    }
    printf("%s", printed ? "]" : "");
}

static void print(const char *what, const struct load_result *r, const struct watch_result *w, int64_t per_request)
{
    const double n = (double)(r->ok * per_request), wal_mb = (double)w->file_bytes_max / 1e6;
    const struct figure figures[] = {{"per_second", n / r->seconds}, {"ms_p99", r->ms_p99}, {"wal_mb_max", wal_mb}};
    printf("{\"what\":\"%s\",\"per_second\":%.0f,\"cpu_us\":%.1f,\"cpu_cores\":%.2f,\"seconds\":%.1f,\"operations\":%."
           "0f,\"failed\":%lld,"
           "\"ms_median\":%.2f,\"ms_p99\":%.2f,\"ms_max\":%.2f,\"rss_mb\":%.0f,\"wal_mb_max\":%.0f",
           what, n / r->seconds, w->cpu_seconds / n * 1e6, w->cpu_seconds / r->seconds, r->seconds, n,
           (long long)r->failed, r->ms_median, r->ms_p99, r->ms_max, (double)w->rss_bytes_max / 1e6, wal_mb);
    print_goals(what, sizeof figures / sizeof *figures, figures);
    printf("}\n");
    if (r->failed)
        fprintf(stderr, "%s: first failure: %s\n", what, r->first_failure);
    good = good && r->failed == 0;
    fflush(stdout);
}

static struct load closed(const char *path, void (*body)(void *, int64_t, struct buf *), void *context)
{
    return (struct load){.port = (int)port,
                         .connections = (size_t)connections,
                         .requests = 100000000,
                         .seconds = seconds,
                         .path = path,
                         .body = body,
                         .context = context};
}

static void measure(const char *what, const struct load *load, int64_t of, int64_t per_request)
{
    struct load bounded = *load;
    if (bounded.requests > 20000 * (int64_t)(load->seconds + 1) && load->seconds > 0)
        bounded.requests = 20000 * (int64_t)(load->seconds + 1); /* room for the times of that many */
    struct watch *watch = watch_start(of, wal);
    const struct load_result r = load_run(&bounded);
    const struct watch_result w = watch_stop(watch);
    print(what, &r, &w, per_request);
}

static void ceiling_sqlite(const char *what, int64_t rows, double enough)
{
    const struct ceiling_sqlite s = ceiling_sqlite_run(data, rows, enough);
    printf("{\"what\":\"%s\",\"per_second\":%.0f,\"cpu_us\":%.2f,\"rows_a_commit\":%lld,\"ms_median\":%.2f,\"ms_p99\":%"
           ".2f}\n",
           what, s.rows_per_second, s.cpu_us, (long long)rows, s.ms_median, s.ms_p99);
    fflush(stdout);
}

/* A short look is enough: nothing in them changes with time. */
static void ceilings(struct ids *ids)
{
    int at = 0;
    const double enough = seconds < CEILING_SECONDS ? seconds : CEILING_SECONDS;
    const pid_t server = ceiling_http_start(&at);
    struct load load = closed("/", rank_body, NULL);
    load.port = at;
    load.seconds = enough;
    measure("ceiling_http_ranks", &load, server, 1);
    load.body = event_body;
    load.context = ids;
    measure("ceiling_http_events", &load, server, batch);
    ceiling_http_stop(server);
    ceiling_sqlite("ceiling_sqlite", 1000, enough);
    ceiling_sqlite("ceiling_commit", 10, enough);
}

/* A number of /metrics. */
static int64_t metric(struct httpc *client, const char *name)
{
    struct buf text = BUF_INIT;
    int http = 0;
    if (httpc_request(client, "GET", "/metrics", NULL, 0, &http, &text, NULL) != STATUS_OK)
        exit(EXIT_FAILED);
    const char *at = strstr(buf_string(&text), name);
    at = at ? strstr(at + 1, name) : NULL; /* HELP, TYPE, the value */
    at = at ? strstr(at + 1, name) : NULL;
    const int64_t value = at ? strtoll(at + strlen(name), NULL, 10) : -1;
    buf_done(&text);
    return value;
}

struct size {
    int64_t hot, disk;
};

/* Once the WAL is in the file: the writer does that when it is idle for a second. */
static struct size size_now(struct httpc *client)
{
    for (int i = 0; i < 200 && watch_file_bytes(wal) > 0; i++)
        clock_sleep_ms(50);
    return (struct size){metric(client, "trimtab_hot_bytes"), watch_file_bytes(file)};
}

static void print_size(const char *what, struct size from, struct size to, int64_t n)
{
    printf("{\"what\":\"bytes_%s\",\"n\":%lld,\"memory\":%.1f,\"disk\":%.1f}\n", what, (long long)n,
           (double)(to.hot - from.hot) / (double)n, (double)(to.disk - from.disk) / (double)n);
    fflush(stdout);
}

static void fill(struct httpc *client, struct ids *ids)
{
    struct load load = closed("/v1/events", fill_body, ids);
    load.connections = 4;
    load.seconds = 0;
    load.requests = stored / 1000;
    const struct size before = size_now(client);
    measure("events_stored", &load, pid, 1000);
    print_size("event", before, size_now(client), stored);
    ids->first_event += stored;
}

struct mixed {
    struct load load;
    struct load_result result;
};

static void *mixed_main(void *context)
{
    struct mixed *m = context;
    m->result = load_run(&m->load);
    return NULL;
}

static void mix(struct ids *ids)
{
    struct mixed part[2] = {{.load = closed("/v1/events", event_body, ids)},
                            {.load = closed("/v1/rank", rank_body, NULL)}};
    const double rate[2] = {(double)event_rate / (double)batch, (double)rank_rate};
    pthread_t thread[2];
    struct watch *watch = watch_start(pid, wal);
    struct disk_probe *probe = disk_probe_start(data);
    for (size_t i = 0; i < 2; i++) {
        part[i].load.connections = 256;
        part[i].load.per_second = rate[i];
        part[i].load.requests = (int64_t)(rate[i] * seconds);
        part[i].load.seconds = 0;
        if (pthread_create(&thread[i], NULL, mixed_main, &part[i]) != 0)
            exit(EXIT_FAILED);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    const struct disk_probe_result sync = disk_probe_stop(probe);
    const struct watch_result w = watch_stop(watch);
    print("mixed_events", &part[0].result, &w, batch);
    print("mixed_ranks", &part[1].result, &w, 1);
    printf("{\"what\":\"ceiling_sync\",\"n\":%lld,\"ms_median\":%.2f,\"ms_p99\":%.2f,\"ms_max\":%.2f}\n",
           (long long)sync.n, sync.ms_median, sync.ms_p99, sync.ms_max);
    fflush(stdout);
    ids->first_event += part[0].result.ok * batch;
}

static void forget(struct httpc *client)
{
    struct buf answer = BUF_INIT;
    int http = 0;
    const int64_t start_ns = clock_monotonic_ns();
    const enum status s = httpc_request(client, "DELETE", "/v1/units/m7", NULL, 0, &http, &answer, NULL);
    printf("{\"what\":\"forget_a_unit\",\"ms\":%.1f,\"answer\":%s}\n", (double)(clock_monotonic_ns() - start_ns) * 1e-6,
           s == STATUS_OK ? buf_string(&answer) : "null");
    good = good && s == STATUS_OK;
    buf_done(&answer);
}

static void round_of_many(struct httpc *client)
{
    struct load load = closed("/v1/events", exposure_body, NULL);
    const struct size before = size_now(client);
    load.connections = 4;
    load.seconds = 0;
    load.requests = round_units / 1000;
    measure("units_come", &load, pid, 1000);
    print_size("unit", before, size_now(client), round_units);
    load = (struct load){
        .port = (int)port, .connections = 1, .requests = 50, .path = "/v1/experiments/many/rounds/1/results"};
    measure("results", &load, pid, 1);
    forget(client);
}

static int run(int n, char **operands)
{
    struct ids ids = {NULL, 0, 200000, 0};
    char url[64];
    struct httpc *client = NULL;
    (void)n, (void)operands;
    event_seconds = event_seconds > 0 ? event_seconds : seconds;
    ids.id = mem_alloc((size_t)ids.max, 80);
    snprintf(wal, sizeof wal, "%s/experiments.db-wal", data);
    snprintf(file, sizeof file, "%s/experiments.db", data);
    snprintf(url, sizeof url, "http://127.0.0.1:%lld", (long long)port);
    if (!ids.id || httpc_init(NULL) != STATUS_OK ||
        httpc_new(&(struct httpc_options){.base_url = url, .total_ms = 60000}, &client, NULL) != STATUS_OK)
        return EXIT_FAILED;
    struct load load = closed("/v1/rank", rank_body, &ids);
    load.answer = keep_id;
    measure("ranks", &load, pid, 1);
    ceilings(&ids);
    if (stored > 0)
        fill(client, &ids);
    load = closed("/v1/events", event_body, &ids);
    load.seconds = event_seconds;
    measure("events", &load, pid, batch);
    ids.first_event += INT64_C(1000000000);
    mix(&ids);
    round_of_many(client);
    httpc_free(client);
    mem_free(ids.id);
    return good ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        {"port", OPT_INT, &port, "N", "of the daemon", 1, 65535},
        {"pid", OPT_INT, &pid, "N", "of the daemon", 1, 1e9},
        {"data", OPT_TEXT, &data, "FOLDER", "of the daemon", 0, 0},
        {"seconds", OPT_REAL, &seconds, "S", "of each measurement; default 4", 0.5, 3600},
        {"event-seconds", OPT_REAL, &event_seconds, "S", "of the event load; default as the others", 0, 3600},
        {"stored", OPT_INT, &stored, "N", "events stored before events are measured; default 0", 0, 1e8},
        {"round-units", OPT_INT, &round_units, "N", "of the round whose results are timed; default 100000", 1000, 1e7},
        {"event-rate", OPT_INT, &event_rate, "N", "events a second, mixed; default 10000", 100, 1e6},
        {"rank-rate", OPT_INT, &rank_rate, "N", "ranks a second, mixed; default 1000", 10, 1e5},
        {"connections", OPT_INT, &connections, "N", "closed loop; default 32", 1, 1000},
        {"candidates", OPT_INT, &candidates, "N", "of a rank request; default 200", 1, 500},
        {"units", OPT_INT, &units, "N", "of feed; default 5000", 1, 1e9},
        {"batch", OPT_INT, &batch, "N", "events of a request; default 20", 1, 1000},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {{NULL, "", "one line of JSON a measurement", OPTIONS, 0, 0, run},
                                                  {0}};
    return opt_main("bench_experimentd", "load on the experiment API", COMMANDS, argc, argv);
}
