#include "tuner/client/client_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/httpc/httpc.h"
#include "base/json/json_write.h"

int64_t client_backoff_ms(unsigned failures, uint64_t seed)
{
    return httpc_backoff_ms(failures, seed);
}

/* The verdict on a failed request; s is its status and http what the server said, 0 for nothing. */
static enum client_verdict verdict(enum status s, int http)
{
    if (s == STATUS_OK)
        return CLIENT_OK;
    bool ours = http >= 400 && http < 500 && http != 401 && http != 403 && http != 408 && http != 429;
    if (!ours)
        return CLIENT_LATER;
    return http == 404 ? CLIENT_MISSING : http == 409 ? CLIENT_TAKEN : CLIENT_REFUSED;
}

enum client_verdict client_ask(const struct client_door *door, const char *method, const char *path, const char *body,
                               struct buf *ret_body, struct err *err)
{
    int http = 0;
    enum status s =
        door->request(door->context, method, path, body, body == NULL ? 0 : strlen(body), &http, ret_body, err);
    return verdict(s, http);
}

/* The integer member of a short answer. */
static enum client_verdict ask_int(const struct client_door *door, const char *method, const char *path,
                                   const char *body, const char *key, int64_t *ret, struct err *err)
{
    struct buf answer = BUF_INIT;
    struct json *json = NULL;
    enum client_verdict v = client_ask(door, method, path, body, &answer, err);
    if (v == CLIENT_OK) {
        enum status s = json_parse(buf_string(&answer), answer.length, NULL, &json, err);
        if (s == STATUS_OK) {
            struct json_at root = json_root(json);
            s = json_get_int(&root, key, JSON_REQUIRED, 0, INT64_MAX, ret, err);
        }
        if (s != STATUS_OK) {
            (void)err_wrap(err, STATUS_CORRUPT, "answer to %s %s", method, path);
            v = CLIENT_LATER;
        }
        json_free(json);
    }
    buf_done(&answer);
    return v;
}

enum client_verdict client_create(const struct client_door *door, const char *experiment, const char *body,
                                  struct err *err)
{
    char path[200];
    struct buf answer = BUF_INIT;
    snprintf(path, sizeof path, "/v1/experiments/%s", experiment);
    enum client_verdict v = client_ask(door, "PUT", path, body, &answer, err);
    buf_done(&answer);
    return v;
}

enum client_verdict client_experiment(const struct client_door *door, const char *experiment, struct buf *ret_body,
                                      struct campaign_experiment *ret, struct err *err)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/experiments/%s", experiment);
    enum client_verdict v = client_ask(door, "GET", path, NULL, ret_body, err);
    if (v != CLIENT_OK)
        return v;
    if (client_decode_experiment(buf_string(ret_body), ret_body->length, ret, err) == STATUS_OK)
        return CLIENT_OK;
    (void)err_wrap(err, STATUS_CORRUPT, "answer to GET %s", path);
    return CLIENT_LATER;
}

enum client_verdict client_open(const struct client_door *door, const char *experiment, int64_t round, const char *body,
                                int64_t *ret_opened_ms, struct err *err)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%lld", experiment, (long long)round);
    return ask_int(door, "PUT", path, body, "opened_ms", ret_opened_ms, err);
}

enum client_verdict client_results(const struct client_door *door, const char *experiment, int64_t round,
                                   struct buf *ret_body, struct campaign_results **ret, struct err *err)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%lld/results", experiment, (long long)round);
    enum client_verdict v = client_ask(door, "GET", path, NULL, ret_body, err);
    if (v != CLIENT_OK)
        return v;
    if (client_decode_results(buf_string(ret_body), ret_body->length, ret, err) == STATUS_OK)
        return CLIENT_OK;
    (void)err_wrap(err, STATUS_CORRUPT, "answer to GET %s", path);
    return CLIENT_LATER;
}

static enum client_verdict post_stop(const struct client_door *door, const char *path, const char *reason,
                                     struct err *err)
{
    struct buf body = BUF_INIT, answer = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, "reason");
    json_write_string(&w, reason);
    json_write_object_end(&w);
    enum client_verdict v = CLIENT_LATER;
    if (buf_status(&body, err) == STATUS_OK)
        v = client_ask(door, "POST", path, buf_string(&body), &answer, err);
    buf_done(&body);
    buf_done(&answer);
    return v;
}

enum client_verdict client_stop(const struct client_door *door, const char *experiment, int64_t round,
                                const char *reason, struct err *err)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%lld/stop", experiment, (long long)round);
    return post_stop(door, path, reason, err);
}

enum client_verdict client_stop_arm(const struct client_door *door, const char *experiment, int64_t round,
                                    const char *arm, const char *reason, struct err *err)
{
    char path[300];
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%lld/arms/%s/stop", experiment, (long long)round, arm);
    return post_stop(door, path, reason, err);
}

enum client_verdict client_set_default(const struct client_door *door, const char *experiment, const char *body,
                                       int64_t *ret_version, struct err *err)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/experiments/%s/default", experiment);
    return ask_int(door, "PUT", path, body, "version", ret_version, err);
}
