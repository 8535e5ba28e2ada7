#include "experiments/traffic/client.h"

#include <stdio.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/httpc/httpc.h"
#include "base/json/json_write.h"

enum { MAX_RUBBISH = 5, MAX_BATCH = 1000, PAUSE_SLICE_MS = 100, MAX_EXPERIMENT = 64, PATH_SIZE = 128 };

struct client {
    struct httpc *httpc;
    char experiment[MAX_EXPERIMENT + 1];
    int64_t give_up_ms;
    const atomic_bool *stop;
    uint64_t seed;
    struct buf body;
    struct client_counts counts;
};

static bool is_id(const char *text)
{
    const size_t n = strlen(text);
    return n > 0 && n <= MAX_EXPERIMENT &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-") == n;
}

enum status client_new(const struct client_options *options, struct client **ret, struct err *err)
{
    if (!is_id(options->experiment))
        return err_set(err, STATUS_INVALID,
                       "experiment is \"%.80s\": allowed are 1 to 64 letters, digits, '_', '.', ':' and '-'",
                       options->experiment);
    struct client *client = mem_alloc(1, sizeof *client);
    if (client == NULL)
        return err_no_memory(err);
    const struct httpc_options http = {
        .base_url = options->base_url, .token_file = options->token_file, .ca_file = options->ca_file};
    const enum status s = httpc_new(&http, &client->httpc, err);
    if (s != STATUS_OK) {
        mem_free(client);
        return s;
    }
    memcpy(client->experiment, options->experiment, strlen(options->experiment) + 1);
    client->give_up_ms = options->give_up_ms;
    client->stop = options->stop;
    client->seed = options->seed;
    *ret = client;
    return STATUS_OK;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    httpc_free(client->httpc);
    buf_done(&client->body);
    mem_free(client);
}

const struct client_counts *client_counts(const struct client *client)
{
    return &client->counts;
}

static bool stopped(const struct client *client)
{
    return client->stop != NULL && atomic_load(client->stop);
}

static void pause_ms(const struct client *client, int64_t ms)
{
    for (; ms > 0 && !stopped(client); ms -= PAUSE_SLICE_MS)
        clock_sleep_ms(ms < PAUSE_SLICE_MS ? ms : PAUSE_SLICE_MS);
}

/* Reads an answer into what the caller wants; STATUS_CORRUPT when it is not what it should be. */
typedef enum status read_answer(const struct json_at *root, void *ret, struct err *err);

static enum status call_once(struct client *client, const char *method, const char *path, read_answer *read, void *ret,
                             struct err *err)
{
    struct json *json = NULL;
    const bool body = client->body.length > 0;
    client->counts.calls++;
    TRY(httpc_json(client->httpc, method, path, body ? client->body.data : NULL, client->body.length, &json, err));
    const struct json_at root = json_root(json);
    enum status s = STATUS_OK;
    if (read != NULL && read(&root, ret, err) != STATUS_OK)
        s = err_wrap(err, STATUS_CORRUPT, "%s %s: the answer is not understood", method, path);
    json_free(json);
    return s;
}

static bool worth_another(enum status s, unsigned *rubbish)
{
    if (s == STATUS_UNAVAILABLE || s == STATUS_TIMEOUT)
        return true;
    if (s == STATUS_CORRUPT || s == STATUS_IO || s == STATUS_INTERNAL || s == STATUS_TOO_LARGE)
        return ++*rubbish < MAX_RUBBISH;
    return false;
}

/* Sends client->body until there is an answer; see the table in the header. */
static enum status call(struct client *client, const char *method, const char *path, read_answer *read, void *ret,
                        struct err *err)
{
    unsigned rubbish = 0;
    TRY(buf_status(&client->body, err));
    const int64_t start = clock_monotonic_ns();
    for (unsigned attempt = 0;; attempt++) {
        const enum status s = call_once(client, method, path, read, ret, err);
        const int64_t waited_ms = (clock_monotonic_ns() - start) / 1000000;
        if (s == STATUS_OK || !worth_another(s, &rubbish) || stopped(client))
            return s;
        if (waited_ms > client->give_up_ms)
            return err_wrap(err, s, "gave up after %lld s", (long long)(waited_ms / 1000));
        client->counts.retries++;
        pause_ms(client, httpc_backoff_ms(attempt, client->seed + (uint64_t)client->counts.calls));
    }
}

static void member(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

static void write_rank(const struct client *client, const struct client_rank *rank, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_object(&w);
    member(&w, "experiment", client->experiment);
    member(&w, "request_id", rank->request_id);
    member(&w, "unit", rank->unit);
    if (rank->user != NULL)
        member(&w, "user", rank->user);
    json_write_key(&w, "context");
    json_write_object(&w);
    for (size_t i = 0; i < rank->n_context; i++) {
        json_write_key(&w, rank->context[i].name);
        if (rank->context[i].text != NULL)
            json_write_string(&w, rank->context[i].text);
        else
            json_write_number(&w, rank->context[i].number);
    }
    json_write_object_end(&w);
    json_write_key(&w, "candidates");
    json_write_array(&w);
    for (size_t i = 0; i < rank->n_candidates; i++)
        json_write_string(&w, rank->candidates[i]);
    json_write_array_end(&w);
    json_write_key(&w, "k");
    json_write_int(&w, (int64_t)rank->k);
    json_write_object_end(&w);
}

struct rank_answer {
    const struct client_rank *rank;
    size_t n;
    uint32_t *order;
    bool in_round;
};

static enum status read_item(const struct json_at *item, struct rank_answer *answer, struct err *err)
{
    const char *id;
    TRY(json_get_string(item, "id", JSON_REQUIRED, 128, &id, err));
    const struct client_rank *rank = answer->rank;
    for (uint32_t c = 0; c < rank->n_candidates; c++) {
        if (strcmp(rank->candidates[c], id) != 0)
            continue;
        for (size_t j = 0; j < answer->n; j++) {
            if (answer->order[j] == c)
                return json_refuse(item, err, "repeats the item %s", id);
        }
        answer->order[answer->n++] = c;
        return STATUS_OK;
    }
    return json_refuse(item, err, "is %s: not one of the candidates", id);
}

static enum status read_rank(const struct json_at *root, void *ret, struct err *err)
{
    struct rank_answer *answer = ret;
    struct json_at items, round, item = {0};
    size_t n;
    answer->n = 0;
    TRY(json_member(root, "items", JSON_REQUIRED, &items, err));
    TRY(json_array(&items, answer->rank->k, &n, err));
    while (json_next(&items, &item))
        TRY(read_item(&item, answer, err));
    TRY(json_member(root, "round", JSON_REQUIRED, &round, err));
    answer->in_round = !json_is_null(&round);
    return STATUS_OK;
}

enum status client_rank(struct client *client, const struct client_rank *rank, size_t *ret_n, uint32_t *ret_order,
                        struct err *err)
{
    struct rank_answer answer = {.rank = rank};
    answer.order = ret_order;
    buf_clear(&client->body);
    write_rank(client, rank, &client->body);
    TRY(call(client, "POST", "/v1/rank", read_rank, &answer, err));
    client->counts.ranks++;
    client->counts.in_round += answer.in_round ? 1 : 0;
    *ret_n = answer.n;
    return STATUS_OK;
}

static enum status read_events(const struct json_at *root, void *ret, struct err *err)
{
    static const char *const names[] = {"accepted", "duplicates", "late", "orphans"};
    int64_t *counts = ret;
    for (size_t i = 0; i < 4; i++)
        TRY(json_get_int(root, names[i], JSON_REQUIRED, 0, MAX_BATCH, &counts[i], err));
    return STATUS_OK;
}

static void write_events(size_t n, const struct client_event *events, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_object(&w);
    json_write_key(&w, "events");
    json_write_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_write_object(&w);
        member(&w, "event_id", events[i].id);
        member(&w, "request_id", events[i].request_id);
        member(&w, "item", events[i].item);
        member(&w, "type", events[i].type);
        json_write_key(&w, "position");
        json_write_int(&w, events[i].position);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
}

enum status client_events(struct client *client, size_t n, const struct client_event *events, struct err *err)
{
    for (size_t at = 0; at < n; at += MAX_BATCH) {
        const size_t batch = n - at < MAX_BATCH ? n - at : MAX_BATCH;
        int64_t counts[4] = {0};
        buf_clear(&client->body);
        write_events(batch, events + at, &client->body);
        TRY(call(client, "POST", "/v1/events", read_events, counts, err));
        client->counts.events += (int64_t)batch;
        client->counts.accepted += counts[0];
        client->counts.duplicates += counts[1];
        client->counts.late += counts[2];
        client->counts.orphans += counts[3];
    }
    return STATUS_OK;
}

static enum status read_open_round(const struct json_at *round, struct client_round *ret, struct err *err)
{
    const char *purpose, *state;
    struct json_at end;
    TRY(json_get_int(round, "round", JSON_REQUIRED, 0, INT64_MAX, &ret->round, err));
    TRY(json_get_string(round, "purpose", JSON_REQUIRED, sizeof ret->purpose - 1, &purpose, err));
    TRY(json_get_string(round, "state", JSON_REQUIRED, 16, &state, err));
    TRY(json_get_int(round, "units", JSON_OPTIONAL, 0, INT64_MAX, &ret->units, err));
    TRY(json_member(round, "end", JSON_OPTIONAL, &end, err));
    if (end.value != NULL && !json_is_null(&end))
        TRY(json_get_int(&end, "at_ms", JSON_OPTIONAL, 0, INT64_MAX, &ret->end_ms, err));
    (void)snprintf(ret->purpose, sizeof ret->purpose, "%s", purpose);
    ret->open = strcmp(state, "open") == 0;
    ret->settling = !ret->open;
    return STATUS_OK;
}

static enum status read_round(const struct json_at *root, void *ret, struct err *err)
{
    struct client_round *round = ret;
    struct json_at open;
    *round = (struct client_round){.exists = true};
    TRY(json_get_int(root, "now_ms", JSON_REQUIRED, 0, INT64_MAX, &round->now_ms, err));
    TRY(json_member(root, "open_round", JSON_REQUIRED, &open, err));
    return json_is_null(&open) ? STATUS_OK : read_open_round(&open, round, err);
}

enum status client_round(struct client *client, struct client_round *ret, struct err *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/v1/experiments/%s", client->experiment);
    buf_clear(&client->body);
    const enum status s = call(client, "GET", path, read_round, ret, err);
    if (s == STATUS_NOT_FOUND) {
        *ret = (struct client_round){.exists = false};
        return STATUS_OK;
    }
    return s;
}

static enum status read_clock(const struct json_at *root, void *ret, struct err *err)
{
    return json_get_int(root, "now_ms", JSON_REQUIRED, 0, INT64_MAX, ret, err);
}

enum status client_clock(struct client *client, int64_t *ret_now_ms, struct err *err)
{
    buf_clear(&client->body);
    return call(client, "GET", "/v1/clock", read_clock, ret_now_ms, err);
}

enum status client_set_clock(struct client *client, int64_t now_ms, struct err *err)
{
    buf_clear(&client->body);
    buf_printf(&client->body, "{\"now_ms\":%lld}", (long long)now_ms);
    const enum status s = call(client, "PUT", "/v1/clock", NULL, NULL, err);
    return s == STATUS_OK ? s : err_wrap(err, s, "move the clock of the experiment API (it needs --fake-clock)");
}
