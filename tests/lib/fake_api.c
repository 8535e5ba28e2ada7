#include "tests/lib/fake_api.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/digest.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/json/json_write.h"
#include "base/stats/effects.h"

enum { M = 3 };
static const char *const HEADS[FAKE_HEADS] = {"click", "save", "hide"};
static const double HEAD_MEAN[FAKE_HEADS] = {0.31, 0.043, 0.0173}, HEAD_SD[FAKE_HEADS] = {0.21, 0.031, 0.011};
static const double BASE[M] = {3.1, 0.43, 0.17};         /* metric means under the control */
static const double BEST[FAKE_HEADS] = {0, 0.62, -0.41}; /* u* */
static const double SLOPE[M] = {0.0, 0.05, 0.11};        /* of each metric along u_save - u_hide */

void fake_api_init(struct fake_api *api)
{
    *api = (struct fake_api){.reads_to_final = 2,
                             .seed = 77,
                             .noise = 1,
                             .gain = 0.09,
                             .peak = 1,
                             .events = 1,
                             .logged = -1,
                             .now_ms = 1700000000000,
                             .die_at = -1,
                             .exists = true,
                             .default_version = 7,
                             .default_weight = {1, 3.5, -2}};
}

void fake_api_done(struct fake_api *api)
{
    for (size_t r = 0; r < api->n_rounds; r++) {
        mem_free(api->round[r].body);
        buf_done(&api->round[r].results);
    }
}

void fake_api_revive(struct fake_api *api)
{
    api->dead = false;
    api->die_at = -1;
}

/* u against the plug-in weights of objective click 1, save .5 and a hide control weight of -20. */
static void log_ratios(const double *weight, double *u)
{
    static const double CONTROL[FAKE_HEADS] = {1 / 0.31, 0.5 / 0.043, -20};
    for (int h = 0; h < FAKE_HEADS; h++) {
        double ratio = weight[h] / weight[0] / (CONTROL[h] / CONTROL[0]);
        u[h] = ratio > 0 ? log(ratio) : -6;
    }
}

static double true_mean(const struct fake_api *api, const double *weight, int m)
{
    double u[FAKE_HEADS], distance = 0, start = 0;
    log_ratios(weight, u);
    for (int h = 0; h < FAKE_HEADS; h++) {
        distance += (u[h] - api->peak * BEST[h]) * (u[h] - api->peak * BEST[h]);
        start += api->peak * api->peak * BEST[h] * BEST[h];
    }
    double quality = m == 2 ? 0 : api->gain * (start - distance);
    return BASE[m] * exp(fmax(quality, -1) + api->peak * SLOPE[m] * (u[1] - u[2]));
}

double fake_api_truth(const struct fake_api *api, const double *weight)
{
    return true_mean(api, weight, 0) / BASE[0] - 1 + 0.5 * (true_mean(api, weight, 1) / BASE[1] - 1);
}

static int refuse(struct buf *ret, int http, const char *line)
{
    buf_clear(ret);
    buf_printf(ret, "{\"error\":{\"code\":\"X\",\"message\":\"%s\"}}", line);
    return http;
}

static struct fake_round *find_round(struct fake_api *api, int64_t number)
{
    for (size_t r = 0; r < api->n_rounds; r++)
        if (api->round[r].number == number)
            return &api->round[r];
    return NULL;
}

static int get_experiment(struct fake_api *api, struct buf *ret)
{
    if (!api->exists)
        return refuse(ret, 404, "no experiment feed");
    buf_printf(ret, "{\"experiment\":\"feed\",\"heads\":[\"click\",\"save\",\"hide\"],\"now_ms\":%lld,\"head_stats\":{",
               (long long)api->now_ms);
    for (int h = 0; h < FAKE_HEADS; h++)
        buf_printf(ret, "%s\"%s\":{\"mean\":%.17g,\"sd\":%.17g}", h ? "," : "", HEADS[h], HEAD_MEAN[h], HEAD_SD[h]);
    buf_text(ret, "},\"metrics\":[");
    for (int m = 0; m < M; m++)
        buf_printf(ret,
                   "%s{\"name\":\"%s\",\"kind\":\"mean\",\"numerator\":{\"event\":\"%s\",\"aggregate\":\"count\"}}",
                   m ? "," : "", HEADS[m], HEADS[m]);
    buf_printf(ret, "],\"default\":{\"version\":%lld,\"weights\":{\"click\":%.17g,\"save\":%.17g,\"hide\":%.17g}}",
               (long long)api->default_version, api->default_weight[0], api->default_weight[1], api->default_weight[2]);
    const struct fake_round *last = api->n_rounds > 0 ? &api->round[api->n_rounds - 1] : NULL;
    buf_printf(ret, ",\"next_round\":%lld,\"open_round\":", last == NULL ? 1 : (long long)last->number + 1);
    if (last != NULL && !last->final)
        buf_printf(ret, "{\"round\":%lld,\"campaign\":\"%s\",\"state\":\"open\"}}", (long long)last->number,
                   last->campaign);
    else
        buf_text(ret, "null}");
    return 200;
}

static enum status read_arms(const struct json_at *root, struct fake_round *round, struct err *err)
{
    struct json_at arms, item = {0}, weights;
    double sum = 0;
    TRY(json_member(root, "arms", JSON_REQUIRED, &arms, err));
    TRY(json_array(&arms, FAKE_ARMS, &round->n_arms, err));
    for (size_t a = 0; json_next(&arms, &item); a++) {
        const char *id = NULL;
        TRY(json_get_string(&item, "id", JSON_REQUIRED, CAMPAIGN_NAME - 1, &id, err));
        snprintf(round->arm[a], sizeof round->arm[a], "%s", id);
        TRY(json_get_number(&item, "allocation", JSON_REQUIRED, 1e-9, 1, &round->allocation[a], err));
        sum += round->allocation[a];
        TRY(json_member(&item, "weights", JSON_REQUIRED, &weights, err));
        for (int h = 0; h < FAKE_HEADS; h++)
            TRY(json_get_number(&weights, HEADS[h], JSON_OPTIONAL, -1e9, 1e9, &round->weight[a][h], err));
    }
    return sum <= 1 + 1e-9 ? STATUS_OK : err_set(err, STATUS_INVALID, "allocations sum to %.12f", sum);
}

static enum status read_round(const struct json_at *root, struct fake_round *round, struct err *err)
{
    static const char *const KNOWN[] = {"purpose",   "campaign",   "salt", "exclude_seen", "arms", "end",
                                        "settle_ms", "washout_ms", NULL};
    const char *text = NULL;
    struct json_at end;
    TRY(json_only(root, KNOWN, err));
    TRY(json_get_string(root, "campaign", JSON_REQUIRED, CAMPAIGN_TEXT - 1, &text, err));
    snprintf(round->campaign, sizeof round->campaign, "%s", text);
    TRY(json_get_string(root, "salt", JSON_REQUIRED, 128, &text, err));
    TRY(json_get_string(root, "purpose", JSON_REQUIRED, 64, &text, err));
    round->is_confirm = strcmp(text, "confirm") == 0;
    TRY(json_get_bool(root, "exclude_seen", JSON_REQUIRED, &round->exclude_seen, err));
    TRY(json_member(root, "end", JSON_REQUIRED, &end, err));
    round->units_per_arm = 1000;
    TRY(json_get_int(&end, "units_per_arm", JSON_OPTIONAL, 1, 1000000, &round->units_per_arm, err));
    TRY(json_get_int(&end, "at_ms", JSON_OPTIONAL, round->opened_ms + 1, INT64_MAX, &round->at_ms, err));
    return read_arms(root, round, err);
}

static int put_round(struct fake_api *api, int64_t number, const char *body, size_t n, struct buf *ret)
{
    struct fake_round *old = find_round(api, number);
    if (old != NULL && (strlen(old->body) != n || memcmp(old->body, body, n) != 0))
        return refuse(ret, 409, "another body");
    if (old != NULL) {
        buf_printf(ret, "{\"experiment\":\"feed\",\"round\":%lld,\"state\":\"open\",\"opened_ms\":%lld}",
                   (long long)number, (long long)old->opened_ms);
        return 200;
    }
    const struct fake_round *last = api->n_rounds > 0 ? &api->round[api->n_rounds - 1] : NULL;
    if ((last != NULL && !last->final) || number != (last == NULL ? 1 : last->number + 1))
        return refuse(ret, 409, "another round is open, or not the next number");
    struct json *json = NULL;
    struct err err = ERR_INIT;
    struct fake_round *round = &api->round[api->n_rounds];
    *round = (struct fake_round){.number = number, .opened_ms = api->now_ms};
    enum status s = json_parse(body, n, NULL, &json, &err);
    if (s == STATUS_OK) {
        struct json_at root = json_root(json);
        s = read_round(&root, round, &err);
    }
    json_free(json);
    if (s != STATUS_OK)
        return refuse(ret, status_http(s), err.text);
    round->body = mem_strndup(body, n);
    if (round->body == NULL)
        return refuse(ret, 503, "out of memory");
    api->n_rounds++;
    buf_printf(ret, "{\"experiment\":\"feed\",\"round\":%lld,\"state\":\"open\",\"opened_ms\":%lld}", (long long)number,
               (long long)round->opened_ms);
    return 201;
}

/* Means and their covariance for an arm of n users: sd of a user about the mean, correlated .3 between metrics. */
static void draw(const struct fake_api *api, const struct fake_round *round, size_t a, int64_t n, double *mean,
                 double *cov)
{
    struct rng rng;
    rng_init(&rng, api->seed, (uint64_t)round->number, a);
    double shared = rng_normal(&rng);
    bool worse = round->is_confirm && strcmp(round->arm[a], "candidate") == 0;
    for (int i = 0; i < M; i++) {
        double se = api->noise * BASE[i] / sqrt((double)n);
        mean[i] = true_mean(api, round->weight[a], i) * (worse ? 1 + (i == 2 ? api->bad_hide : api->bad_confirm) : 1) +
                  se * (sqrt(.3) * shared + sqrt(.7) * rng_normal(&rng));
        for (int j = 0; j < M; j++)
            cov[i * M + j] = (i == j ? 1 : .3) * api->noise * api->noise * BASE[i] * BASE[j] / (double)n;
    }
}

static void write_arm(struct json_writer *w, const struct fake_round *round, size_t a, int64_t units,
                      const double *mean, const double *cov)
{
    json_write_object(w);
    json_write_key(w, "id");
    json_write_string(w, round->arm[a]);
    json_write_key(w, "stopped");
    json_write_bool(w, round->arm_stopped[a]);
    json_write_key(w, "units");
    json_write_int(w, units);
    json_write_key(w, "requests");
    json_write_int(w, 3 * units);
    json_write_key(w, "impressions");
    json_write_int(w, 30 * units);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (int m = 0; m < M; m++) {
        json_write_object(w);
        json_write_key(w, "name");
        json_write_string(w, HEADS[m]);
        json_write_key(w, "mean");
        json_write_number(w, mean[m]);
        json_write_key(w, "se");
        json_write_number(w, sqrt(cov[m * M + m]));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key(w, "cov");
    json_write_array(w);
    for (int i = 0; i < M; i++) {
        json_write_array(w);
        for (int j = 0; j < M; j++)
            json_write_number(w, cov[i * M + j]);
        json_write_array_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

static void write_results(const struct fake_api *api, const struct fake_round *round, bool final, struct buf *ret)
{
    struct json_writer w;
    double mean[M], cov[M * M], control[M] = {0};
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "arms");
    json_write_array(&w);
    for (size_t a = 0; a < round->n_arms; a++) {
        int64_t units = final ? round->units_per_arm : 1 + round->units_per_arm / 4 * round->reads;
        draw(api, round, a, units, mean, cov);
        for (int m = 0; m < M && a == 0; m++)
            control[m] = fmax(0, floor(api->events * mean[m] * (double)units));
        write_arm(&w, round, a, units, mean, cov);
    }
    json_write_array_end(&w);
    uint8_t digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    digest_sha256(ret->data, ret->length, digest);
    digest_hex(digest, DIGEST_SIZE, hex);
    json_write_raw(&w, "\"experiment\":\"feed\",\"metrics\":[\"click\",\"save\",\"hide\"]");
    buf_printf(ret, ",\"round\":%lld,\"campaign\":\"%s\",\"purpose\":\"%s\",\"state\":\"%s\",\"final\":%s",
               (long long)round->number, round->campaign, round->is_confirm ? "confirm" : "explore",
               final ? "final" : "open", final ? "true" : "false");
    buf_printf(ret, ",\"end_reason\":%s,\"opened_ms\":%lld,\"closed_ms\":%s%lld,\"digest\":%s%s%s",
               !final           ? "null"
               : round->stopped ? "\"stopped\""
                                : "\"units\"",
               (long long)round->opened_ms, final ? "" : "null,\"x\":", (long long)round->opened_ms + 3600000,
               final ? "\"" : "null,\"y\":\"", hex, "\"");
    buf_printf(ret, ",\"sample_ratio\":{\"chi2\":1.5,\"df\":2,\"p\":0.47},\"effects\":{\"control_events\":{");
    for (int m = 0; m < M; m++)
        buf_printf(ret, "%s\"%s\":%.0f", m ? "," : "", HEADS[m], control[m]);
    buf_text(ret, "}}}");
}

void fake_api_stranger(struct fake_api *api, bool final)
{
    struct fake_round *round = &api->round[api->n_rounds];
    *round = (struct fake_round){.number = (int64_t)api->n_rounds + 1,
                                 .final = final,
                                 .n_arms = 2,
                                 .units_per_arm = 500,
                                 .campaign = "stranger"};
    for (size_t a = 0; a < 2; a++)
        for (int h = 0; h < FAKE_HEADS; h++)
            round->weight[a][h] = 1 + (double)a;
    (void)snprintf(round->arm[0], sizeof round->arm[0], "control");
    (void)snprintf(round->arm[1], sizeof round->arm[1], "b");
    round->body = mem_strdup("{}");
    if (final)
        write_results(api, round, true, &round->results);
    api->n_rounds++;
}

static int get_results(struct fake_api *api, int64_t number, struct buf *ret)
{
    struct fake_round *round = find_round(api, number);
    if (round == NULL)
        return refuse(ret, 404, "no such round");
    round->reads++;
    if (!round->final && (round->reads >= api->reads_to_final || round->stopped)) {
        round->final = true;
        api->now_ms += 3600000;
        write_results(api, round, true, &round->results);
        if (round->results.failed) { /* as if nothing had happened */
            buf_done(&round->results);
            round->results = (struct buf)BUF_INIT;
            round->final = false;
            api->now_ms -= 3600000;
            return refuse(ret, 503, "out of memory");
        }
    }
    if (round->final)
        buf_add(ret, round->results.data, round->results.length);
    else
        write_results(api, round, false, ret);
    return 200;
}

/* POST .../rounds/{n}/arms/{arm}/stop; tail is "/arms/{arm}/stop". */
static int stop_arm(struct fake_round *round, const char *tail, struct buf *ret)
{
    for (size_t a = 0; a < round->n_arms; a++) {
        char path[CAMPAIGN_NAME + 16];
        (void)snprintf(path, sizeof path, "/arms/%s/stop", round->arm[a]);
        if (strcmp(tail, path) != 0)
            continue;
        round->arm_stops++;
        if (round->final)
            return refuse(ret, 409, "the round has ended");
        round->arm_stopped[a] = true;
        buf_text(ret, "{}");
        return 200;
    }
    return refuse(ret, 404, "no such arm");
}

static int put_default(struct fake_api *api, const char *body, size_t n, struct buf *ret)
{
    struct json *json = NULL;
    struct json_at root, weights;
    struct err err = ERR_INIT;
    int64_t version = 0;
    double weight[FAKE_HEADS] = {0};
    enum status s = json_parse(body, n, NULL, &json, &err);
    if (s == STATUS_OK) {
        root = json_root(json);
        s = json_get_int(&root, "if_version", JSON_REQUIRED, 0, INT64_MAX, &version, &err);
    }
    if (s == STATUS_OK)
        s = json_member(&root, "weights", JSON_REQUIRED, &weights, &err);
    for (int h = 0; h < FAKE_HEADS && s == STATUS_OK; h++)
        s = json_get_number(&weights, HEADS[h], JSON_REQUIRED, -1e9, 1e9, &weight[h], &err);
    json_free(json);
    if (s != STATUS_OK)
        return refuse(ret, status_http(s), err.text);
    bool again = version + 1 == api->default_version && memcmp(weight, api->default_weight, sizeof weight) == 0;
    if (version != api->default_version && !again)
        return refuse(ret, 409, "if_version is not the current version");
    if (!again) {
        memcpy(api->default_weight, weight, sizeof weight);
        api->default_version++;
        api->default_puts++;
    }
    buf_printf(ret, "{\"version\":%lld}", (long long)api->default_version);
    return 200;
}

/* What is shown follows the log ratios: more of what weighs more. */
static void write_shown(struct buf *ret, const double *weight)
{
    double u[FAKE_HEADS];
    log_ratios(weight, u);
    buf_text(ret, "\"shown\":[");
    for (int h = 0; h < FAKE_HEADS; h++)
        buf_printf(ret, "%s%.17g", h > 0 ? "," : "", HEAD_MEAN[h] * (1 + 0.1 * tanh(u[h]) - 0.03 * tanh(u[1] - u[2])));
    buf_char(ret, ']');
}

static enum status read_weights(const struct json_at *at, double *ret, struct err *err)
{
    TRY(json_object(at, err));
    for (int h = 0; h < FAKE_HEADS; h++)
        TRY(json_get_number(at, HEADS[h], JSON_REQUIRED, -1e9, 1e9, &ret[h], err));
    return STATUS_OK;
}

static enum status write_previews(const struct json_at *root, bool replaces_all, struct buf *ret, struct err *err)
{
    struct json_at reference, list, item = {0};
    double weight[FAKE_HEADS], u[FAKE_HEADS];
    size_t n;
    TRY(json_member(root, "reference", JSON_REQUIRED, &reference, err));
    TRY(read_weights(&reference, weight, err));
    buf_text(ret, "\"heads\":[\"click\",\"save\",\"hide\"],\"reference\":{");
    write_shown(ret, weight);
    buf_text(ret, "},\"previews\":[");
    TRY(json_member(root, "weights", JSON_REQUIRED, &list, err));
    TRY(json_array(&list, 64, &n, err));
    for (size_t i = 0; json_next(&list, &item); i++) {
        TRY(read_weights(&item, weight, err));
        buf_printf(ret, "%s{", i > 0 ? "," : "");
        write_shown(ret, weight);
        log_ratios(weight, u); /* hide can move next to nothing here */
        const double gone = 0.5 * fmin(fabs(u[1]) / 1.5, 1) + 0.004 * fmin(fabs(u[2]) / 1.5, 1);
        buf_printf(ret, ",\"overlap\":%.17g}", replaces_all ? 0 : 1 - gone);
    }
    buf_text(ret, "]}");
    return STATUS_OK;
}

static int post_preview(struct fake_api *api, const char *body, size_t n, struct buf *ret)
{
    struct json *json = NULL;
    struct err err = ERR_INIT;
    api->previews++;
    if (api->logged < 0)
        return refuse(ret, 404, "no previews here");
    enum status s = json_parse(body, n, NULL, &json, &err);
    buf_printf(ret, "{\"experiment\":\"feed\",\"requests\":%lld,", (long long)api->logged);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = write_previews(&root, api->replaces_all, ret, &err);
    }
    json_free(json);
    return s == STATUS_OK ? 200 : refuse(ret, status_http(s), err.text);
}

static int serve(struct fake_api *api, const char *method, const char *path, const char *body, size_t n,
                 struct buf *ret)
{
    long long number = 0;
    int end = 0;
    bool get = strcmp(method, "GET") == 0;
    if (strcmp(path, "/v1/experiments/feed") == 0) {
        if (get)
            return get_experiment(api, ret);
        api->exists = true;
        buf_text(ret, "{}");
        return 201;
    }
    if (strcmp(path, "/v1/experiments/feed/default") == 0)
        return put_default(api, body, n, ret);
    if (strcmp(path, "/v1/experiments/feed/preview") == 0)
        return post_preview(api, body, n, ret);
    if (sscanf(path, "/v1/experiments/feed/rounds/%lld%n", &number, &end) == 1) {
        if (path[end] == '\0')
            return put_round(api, number, body, n, ret);
        if (strcmp(path + end, "/results") == 0)
            return get_results(api, number, ret);
        struct fake_round *round = find_round(api, number);
        if (strcmp(path + end, "/stop") == 0 && round != NULL) {
            round->stopped = true;
            buf_text(ret, "{}");
            return 200;
        }
        if (round != NULL && strncmp(path + end, "/arms/", 6) == 0)
            return stop_arm(round, path + end, ret);
    }
    return refuse(ret, 404, "no such path");
}

static enum status request(void *context, const char *method, const char *path, const char *body, size_t n,
                           int *ret_http, struct buf *ret_body, struct err *err)
{
    struct fake_api *api = context;
    bool dies = api->requests++ == api->die_at;
    *ret_http = 0;
    buf_clear(ret_body);
    if (api->dead || (dies && !api->die_after)) {
        api->dead = true;
        return err_set(err, STATUS_UNAVAILABLE, "http://fake: connection refused");
    }
    int http = api->script == NULL ? 0 : api->script(api->script_context, method, path, ret_body);
    if (http == 0)
        http = serve(api, method, path, body, n, ret_body);
    if (dies) {
        api->dead = true;
        buf_clear(ret_body);
        return err_set(err, STATUS_UNAVAILABLE, "http://fake: connection lost");
    }
    *ret_http = http;
    TRY(buf_status(ret_body, err));
    return http < 400 ? STATUS_OK : err_set(err, status_from_http(http), "%s", buf_string(ret_body));
}

struct client_door fake_api_door(struct fake_api *api)
{
    return (struct client_door){request, api};
}
