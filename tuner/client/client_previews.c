#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "tuner/client/client_internal.h"

/* POST /v1/experiments/{exp}/preview: what weights would show, by logged requests ranked again. */

enum { AT_ONCE = 64 }; /* weights of one request */

static void write_weights(struct json_writer *w, const struct campaign_setup *setup, const struct campaign_point *point)
{
    json_write_object(w);
    for (size_t h = 0; h < setup->n_heads; h++)
        json_write_key_number(w, setup->head[h], point->weight[h]);
    json_write_object_end(w);
}

static enum status make_body(const struct campaign_setup *setup, size_t n, const double *x, struct buf *ret,
                             struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "reference");
    write_weights(&w, setup, &setup->control);
    json_write_key(&w, "weights");
    json_write_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct campaign_point point;
        campaign_setup_decode(setup, x + i * setup->dim, &point);
        write_weights(&w, setup, &point);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return buf_status(ret, err);
}

static enum status check_heads(const struct json_at *root, const struct campaign_setup *setup, struct err *err)
{
    struct json_at heads, item = {0};
    size_t n;
    TRY(json_member(root, "heads", JSON_REQUIRED, &heads, err));
    TRY(json_array(&heads, CAMPAIGN_MAX_HEADS, &n, err));
    for (size_t h = 0; json_next(&heads, &item); h++) {
        const char *name = NULL;
        TRY(json_string(&item, CAMPAIGN_NAME - 1, &name, err));
        if (h >= setup->n_heads || strcmp(name, setup->head[h]) != 0)
            return json_refuse(&item, err, "is \"%s\": the experiment's heads in their order are expected", name);
    }
    return n == setup->n_heads ? STATUS_OK : json_refuse(&heads, err, "has %zu heads of %zu", n, setup->n_heads);
}

static enum status get_shown(const struct json_at *at, size_t n, double *ret, struct err *err)
{
    struct json_at shown;
    size_t found = 0;
    TRY(json_member(at, "shown", JSON_REQUIRED, &shown, err));
    TRY(json_numbers(&shown, 0.0, 1.0, n, ret, &found, err));
    return found == n ? STATUS_OK : json_refuse(&shown, err, "has %zu numbers: one a head is expected", found);
}

/* With too few requests nothing else is read. */
static enum status decode(const struct json_at *root, const struct campaign_setup *setup, size_t first, size_t n,
                          struct campaign_previews *previews, struct err *err)
{
    struct json_at reference, list, item = {0};
    double under_control[CAMPAIGN_MAX_HEADS], shown[CAMPAIGN_MAX_HEADS], overlap;
    size_t found;
    TRY(json_get_int(root, "requests", JSON_REQUIRED, 0, INT64_MAX, &previews->requests, err));
    if (previews->requests < CAMPAIGN_PREVIEW_REQUESTS)
        return STATUS_OK;
    TRY(check_heads(root, setup, err));
    TRY(json_member(root, "reference", JSON_REQUIRED, &reference, err));
    TRY(get_shown(&reference, setup->n_heads, under_control, err));
    TRY(json_member(root, "previews", JSON_REQUIRED, &list, err));
    TRY(json_array(&list, n, &found, err));
    if (found != n)
        return json_refuse(&list, err, "has %zu previews of %zu", found, n);
    for (size_t i = first; json_next(&list, &item); i++) {
        TRY(get_shown(&item, setup->n_heads, shown, err));
        TRY(json_get_number(&item, "overlap", JSON_REQUIRED, 0.0, 1.0, &overlap, err));
        campaign_previews_set(previews, i, shown, under_control, overlap);
    }
    return STATUS_OK;
}

enum status client_decode_previews(const char *text, size_t length, const struct campaign_setup *setup, size_t first,
                                   size_t n, struct campaign_previews *previews, struct err *err)
{
    struct json *json = NULL;
    TRY(json_parse(text, length, NULL, &json, err));
    const struct json_at root = json_root(json);
    const enum status s = decode(&root, setup, first, n, previews, err);
    json_free(json);
    return s;
}

static enum client_verdict ask_some(const struct client_door *door, const char *path,
                                    const struct campaign_setup *setup, size_t first, size_t n,
                                    struct campaign_previews *previews, struct err *err)
{
    struct buf body = BUF_INIT, answer = BUF_INIT;
    enum client_verdict v = CLIENT_LATER;
    if (make_body(setup, n, previews->x + first * setup->dim, &body, err) == STATUS_OK)
        v = client_ask(door, "POST", path, buf_string(&body), &answer, err);
    if (v == CLIENT_OK &&
        client_decode_previews(buf_string(&answer), answer.length, setup, first, n, previews, err) != STATUS_OK) {
        (void)err_wrap(err, STATUS_CORRUPT, "answer to POST %s", path);
        v = CLIENT_LATER;
    }
    buf_done(&body);
    buf_done(&answer);
    return v;
}

enum client_verdict client_previews(const struct client_door *door, const struct campaign *campaign,
                                    struct campaign_previews *previews, struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    char path[200];
    enum client_verdict v = CLIENT_OK;
    snprintf(path, sizeof path, "/v1/experiments/%s/preview", campaign->config.experiment);
    for (size_t first = 0; first < previews->n && v == CLIENT_OK; first += AT_ONCE) {
        const size_t n = previews->n - first < AT_ONCE ? previews->n - first : AT_ONCE;
        v = ask_some(door, path, setup, first, n, previews, err);
        if (v == CLIENT_OK && previews->requests < CAMPAIGN_PREVIEW_REQUESTS) {
            (void)err_set(err, STATUS_NOT_FOUND, "POST %s: %lld logged requests, wanted are %d", path,
                          (long long)previews->requests, CAMPAIGN_PREVIEW_REQUESTS);
            v = CLIENT_MISSING;
        }
    }
    return v;
}
