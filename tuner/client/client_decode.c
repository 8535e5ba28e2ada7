#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "tuner/client/client.h"

static const double ANY = 1e300;

/* A member that may be absent or null: *ret stays then. */
static enum status number_or_null(const struct json_at *at, const char *key, double min, double max, double *ret,
                                  struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, JSON_OPTIONAL, &member, err));
    if (member.value == NULL || json_is_null(&member))
        return STATUS_OK;
    return json_number(&member, min, max, ret, err);
}

static enum status copy_text(const struct json_at *at, const char *key, size_t size, char *ret, struct err *err)
{
    const char *text = NULL;
    TRY(json_get_string(at, key, JSON_REQUIRED, size - 1, &text, err));
    snprintf(ret, size, "%s", text);
    return STATUS_OK;
}

static enum status text_or_null(const struct json_at *at, const char *key, size_t size, char *ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, JSON_OPTIONAL, &member, err));
    if (member.value == NULL || json_is_null(&member))
        return STATUS_OK;
    return copy_text(at, key, size, ret, err);
}

static enum status int_or_null(const struct json_at *at, const char *key, int64_t *ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, JSON_OPTIONAL, &member, err));
    if (member.value == NULL || json_is_null(&member))
        return STATUS_OK;
    return json_int(&member, 0, INT64_MAX, ret, err);
}

/* The experiment. */

static enum status decode_heads(const struct json_at *root, struct campaign_experiment *ret, struct err *err)
{
    struct json_at heads, stats, item = {0};
    TRY(json_member(root, "heads", JSON_REQUIRED, &heads, err));
    TRY(json_array(&heads, CAMPAIGN_MAX_HEADS, &ret->n_heads, err));
    TRY(json_member(root, "head_stats", JSON_REQUIRED, &stats, err));
    TRY(json_object(&stats, err));
    for (size_t h = 0; json_next(&heads, &item); h++) {
        const char *name = NULL;
        struct json_at stat;
        TRY(json_string(&item, CAMPAIGN_NAME - 1, &name, err));
        snprintf(ret->head[h], sizeof ret->head[h], "%s", name);
        TRY(json_member(&stats, name, JSON_REQUIRED, &stat, err));
        TRY(json_get_number(&stat, "mean", JSON_REQUIRED, 0, 1, &ret->head_mean[h], err));
        TRY(json_get_number(&stat, "sd", JSON_REQUIRED, 0, 1, &ret->head_sd[h], err));
    }
    return ret->n_heads > 0 ? STATUS_OK : json_refuse(&heads, err, "is empty: at least one head is needed");
}

static enum status decode_metrics(const struct json_at *root, struct campaign_experiment *ret, struct err *err)
{
    struct json_at metrics, item = {0};
    TRY(json_member(root, "metrics", JSON_REQUIRED, &metrics, err));
    TRY(json_array(&metrics, CAMPAIGN_MAX_METRICS, &ret->n_metrics, err));
    for (size_t m = 0; json_next(&metrics, &item); m++) {
        struct json_at numerator;
        TRY(copy_text(&item, "name", CAMPAIGN_NAME, ret->metric[m].name, err));
        TRY(json_member(&item, "numerator", JSON_REQUIRED, &numerator, err));
        TRY(copy_text(&numerator, "event", CAMPAIGN_NAME, ret->metric[m].event, err));
    }
    return STATUS_OK;
}

static enum status decode_default(const struct json_at *root, struct campaign_experiment *ret, struct err *err)
{
    struct json_at current, weights;
    TRY(json_member(root, "default", JSON_REQUIRED, &current, err));
    TRY(json_get_int(&current, "version", JSON_REQUIRED, 0, INT64_MAX, &ret->default_version, err));
    TRY(json_member(&current, "weights", JSON_REQUIRED, &weights, err));
    for (size_t h = 0; h < ret->n_heads; h++)
        TRY(number_or_null(&weights, ret->head[h], -ANY, ANY, &ret->default_weight[h], err));
    return STATUS_OK;
}

static enum status decode_open_round(const struct json_at *root, struct campaign_experiment *ret, struct err *err)
{
    struct json_at open;
    TRY(json_member(root, "open_round", JSON_OPTIONAL, &open, err));
    if (open.value == NULL || json_is_null(&open))
        return STATUS_OK;
    ret->round_open = true;
    TRY(json_get_int(&open, "round", JSON_REQUIRED, 0, INT64_MAX, &ret->open_round, err));
    return text_or_null(&open, "campaign", sizeof ret->open_campaign, ret->open_campaign, err);
}

static enum status decode_experiment(const struct json_at *root, struct campaign_experiment *ret, struct err *err)
{
    TRY(json_object(root, err));
    TRY(copy_text(root, "experiment", sizeof ret->name, ret->name, err));
    TRY(decode_heads(root, ret, err));
    TRY(decode_metrics(root, ret, err));
    TRY(decode_default(root, ret, err));
    TRY(decode_open_round(root, ret, err));
    TRY(json_get_int(root, "now_ms", JSON_REQUIRED, 0, INT64_MAX, &ret->now_ms, err));
    return json_get_int(root, "next_round", JSON_REQUIRED, 0, INT64_MAX, &ret->next_round, err);
}

enum status client_decode_experiment(const char *text, size_t n, struct campaign_experiment *ret, struct err *err)
{
    struct json *json = NULL;
    struct campaign_experiment experiment = {.n_heads = 0};
    enum status s = json_parse(text, n, NULL, &json, err);
    if (s == STATUS_OK) {
        struct json_at root = json_root(json);
        s = decode_experiment(&root, &experiment, err);
    }
    json_free(json);
    if (s == STATUS_NO_MEMORY)
        return s;
    if (s != STATUS_OK)
        return err_wrap(err, STATUS_CORRUPT, "not an experiment of the API");
    *ret = experiment;
    return STATUS_OK;
}

/* Results of a round. */

static enum status decode_arm_metrics(const struct json_at *arm, struct campaign_results *ret, size_t a,
                                      struct err *err)
{
    struct json_at metrics, item = {0};
    size_t n = 0, m_all = ret->n_metrics;
    TRY(json_member(arm, "metrics", JSON_REQUIRED, &metrics, err));
    TRY(json_array(&metrics, m_all, &n, err));
    if (n != m_all)
        return json_refuse(&metrics, err, "has %zu entries: one for each of the %zu metrics is needed", n, m_all);
    for (size_t m = 0; json_next(&metrics, &item); m++) {
        char name[CAMPAIGN_NAME];
        TRY(copy_text(&item, "name", sizeof name, name, err));
        if (strcmp(name, ret->metric[m]) != 0)
            return json_refuse(&item, err, "is metric \"%s\", in its place is \"%s\"", name, ret->metric[m]);
        ret->mean[a * m_all + m] = nan("");
        TRY(number_or_null(&item, "mean", -ANY, ANY, &ret->mean[a * m_all + m], err));
    }
    return STATUS_OK;
}

static enum status decode_row(const struct json_at *row, size_t n, double *ret, struct err *err)
{
    struct json_at item = {0};
    size_t found = 0;
    TRY(json_array(row, n, &found, err));
    if (found != n)
        return json_refuse(row, err, "has %zu numbers: %zu are needed", found, n);
    for (size_t j = 0; json_next(row, &item); j++) {
        ret[j] = nan("");
        if (!json_is_null(&item))
            TRY(json_number(&item, -ANY, ANY, &ret[j], err));
    }
    return STATUS_OK;
}

/* Symmetric with a diagonal that is not negative. */
static enum status check_cov(const struct json_at *at, size_t n, const double *cov, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double a = cov[i * n + j], b = cov[j * n + i];
            if (i == j && a < 0)
                return json_refuse(at, err, "has the variance %g: allowed is 0 or more", a);
            bool both = isfinite(a) && isfinite(b);
            if (isfinite(a) != isfinite(b) || (both && fabs(a - b) > 1e-9 * fmax(fabs(a), fabs(b))))
                return json_refuse(at, err, "is not symmetric: [%zu][%zu] is %g, [%zu][%zu] is %g", i, j, a, j, i, b);
        }
    return STATUS_OK;
}

/* to [n * n] */
static enum status decode_cov(const struct json_at *arm, size_t n, double *to, struct err *err)
{
    struct json_at cov, row = {0};
    size_t found = 0;
    TRY(json_member(arm, "cov", JSON_REQUIRED, &cov, err));
    TRY(json_array(&cov, n, &found, err));
    if (found != n)
        return json_refuse(&cov, err, "has %zu rows: %zu are needed", found, n);
    for (size_t i = 0; json_next(&cov, &row); i++)
        TRY(decode_row(&row, n, to + i * n, err));
    return check_cov(&cov, n, to, err);
}

static enum status decode_arm(const struct json_at *arm, struct campaign_results *ret, size_t a, struct err *err)
{
    struct campaign_results_arm *to = &ret->arm[a];
    TRY(copy_text(arm, "id", sizeof to->id, to->id, err));
    TRY(json_get_bool(arm, "stopped", JSON_OPTIONAL, &to->stopped, err));
    TRY(json_get_int(arm, "units", JSON_REQUIRED, 0, INT64_MAX, &to->units, err));
    TRY(json_get_int(arm, "requests", JSON_OPTIONAL, 0, INT64_MAX, &to->requests, err));
    TRY(json_get_int(arm, "impressions", JSON_OPTIONAL, 0, INT64_MAX, &to->impressions, err));
    TRY(decode_arm_metrics(arm, ret, a, err));
    return decode_cov(arm, ret->n_metrics, ret->cov + a * ret->n_metrics * ret->n_metrics, err);
}

/* The arms of "cuped", in the order of the arms. */
static enum status decode_cuped(const struct json_at *root, struct campaign_results *ret, struct err *err)
{
    struct json_at cuped, arms, arm = {0}, mean;
    size_t found = 0;
    const size_t n = ret->n_metrics;
    TRY(json_member(root, "cuped", JSON_OPTIONAL, &cuped, err));
    if (cuped.value == NULL || json_is_null(&cuped))
        return STATUS_OK;
    TRY(json_object(&cuped, err));
    TRY(json_member(&cuped, "arms", JSON_REQUIRED, &arms, err));
    TRY(json_array(&arms, ret->n_arms, &found, err));
    if (found != ret->n_arms)
        return json_refuse(&arms, err, "has %zu entries: one for each of the %zu arms is needed", found, ret->n_arms);
    TRY(campaign_results_adjust(ret, err));
    for (size_t a = 0; json_next(&arms, &arm); a++) {
        char id[CAMPAIGN_NAME];
        TRY(copy_text(&arm, "id", sizeof id, id, err));
        if (strcmp(id, ret->arm[a].id) != 0)
            return json_refuse(&arm, err, "is arm \"%s\", in its place is \"%s\"", id, ret->arm[a].id);
        TRY(json_member(&arm, "mean", JSON_REQUIRED, &mean, err));
        TRY(decode_row(&mean, n, ret->adjusted_mean + a * n, err));
        TRY(decode_cov(&arm, n, ret->adjusted_cov + a * n * n, err));
    }
    return STATUS_OK;
}

static enum status decode_effects(const struct json_at *root, struct campaign_results *ret, struct err *err)
{
    struct json_at effects, events;
    TRY(json_member(root, "effects", JSON_REQUIRED, &effects, err));
    TRY(json_member(&effects, "control_events", JSON_REQUIRED, &events, err));
    TRY(json_object(&events, err));
    for (size_t m = 0; m < ret->n_metrics; m++)
        TRY(number_or_null(&events, ret->metric[m], 0, ANY, &ret->control_events[m], err));
    return STATUS_OK;
}

static enum status decode_state(const struct json_at *root, struct campaign_results *ret, struct err *err)
{
    static const char *const ENDS[] = {[END_UNITS] = "units", [END_TIME] = "time", [END_STOPPED] = "stopped"};
    char end[CAMPAIGN_NAME] = "";
    struct json_at ratio;
    ret->sample_ratio_p = nan("");
    TRY(json_get_int(root, "round", JSON_REQUIRED, 0, INT64_MAX, &ret->round, err));
    TRY(copy_text(root, "campaign", sizeof ret->campaign, ret->campaign, err));
    TRY(copy_text(root, "state", sizeof ret->state, ret->state, err));
    TRY(json_get_bool(root, "final", JSON_REQUIRED, &ret->final, err));
    TRY(text_or_null(root, "end_reason", sizeof end, end, err));
    for (size_t i = END_UNITS; i <= END_STOPPED; i++)
        if (strcmp(end, ENDS[i]) == 0)
            ret->end = (enum campaign_end)i;
    TRY(int_or_null(root, "opened_ms", &ret->opened_ms, err));
    TRY(int_or_null(root, "closed_ms", &ret->closed_ms, err));
    TRY(text_or_null(root, "digest", sizeof ret->digest, ret->digest, err));
    TRY(json_member(root, "sample_ratio", JSON_OPTIONAL, &ratio, err));
    if (ratio.value != NULL && !json_is_null(&ratio))
        TRY(number_or_null(&ratio, "p", 0, 1, &ret->sample_ratio_p, err));
    return STATUS_OK;
}

static enum status decode_parts(const struct json_at *root, const struct json_at *metrics, const struct json_at *arms,
                                struct campaign_results *ret, struct err *err)
{
    struct json_at item = {0};
    for (size_t m = 0; json_next(metrics, &item); m++) {
        const char *name = NULL;
        TRY(json_string(&item, CAMPAIGN_NAME - 1, &name, err));
        snprintf(ret->metric[m], sizeof ret->metric[m], "%s", name);
    }
    item = (struct json_at){0};
    for (size_t a = 0; json_next(arms, &item); a++)
        TRY(decode_arm(&item, ret, a, err));
    TRY(decode_cuped(root, ret, err));
    TRY(decode_effects(root, ret, err));
    return decode_state(root, ret, err);
}

static enum status decode_results(const struct json_at *root, struct campaign_results **ret, struct err *err)
{
    struct json_at metrics, arms;
    size_t n_metrics = 0, n_arms = 0;
    TRY(json_object(root, err));
    TRY(json_member(root, "metrics", JSON_REQUIRED, &metrics, err));
    TRY(json_array(&metrics, CAMPAIGN_MAX_METRICS, &n_metrics, err));
    TRY(json_member(root, "arms", JSON_REQUIRED, &arms, err));
    TRY(json_array(&arms, CAMPAIGN_MAX_ARMS, &n_arms, err));
    if (n_arms < 2)
        return json_refuse(&arms, err, "has %zu entries: at least 2 are needed", n_arms);
    struct campaign_results *results = campaign_results_new(n_arms, n_metrics);
    if (results == NULL)
        return err_no_memory(err);
    enum status s = decode_parts(root, &metrics, &arms, results, err);
    if (s == STATUS_OK)
        *ret = results;
    else
        campaign_results_free(results);
    return s;
}

enum status client_decode_results(const char *text, size_t n, struct campaign_results **ret, struct err *err)
{
    struct json *json = NULL;
    enum status s = json_parse(text, n, NULL, &json, err);
    if (s == STATUS_OK) {
        struct json_at root = json_root(json);
        s = decode_results(&root, ret, err);
    }
    json_free(json);
    if (s == STATUS_OK || s == STATUS_NO_MEMORY)
        return s;
    return err_wrap(err, STATUS_CORRUPT, "not results of the API");
}
