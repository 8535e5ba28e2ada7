#include "tuner/service/campaign_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double ANY = 1e9;
static const int64_t MS_MAX = INT64_C(400) * 86400000; /* ms; 400 days */
static const int64_t UNITS_MAX = 1000000000;

/* [A-Za-z0-9_.:-]{1,64} */
static bool is_id(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");
    return n >= 1 && n < CAMPAIGN_NAME && text[n] == '\0';
}

static enum status get_id(const struct json_at *at, const char *key, char *ret, struct err *err)
{
    struct json_at member;
    const char *text = NULL;
    TRY(json_member(at, key, JSON_REQUIRED, &member, err));
    TRY(json_string(&member, 256, &text, err));
    if (!is_id(text))
        return json_refuse(&member, err, "is \"%s\": allowed are 1 to 64 of A-Z a-z 0-9 _ . : -", text);
    snprintf(ret, CAMPAIGN_NAME, "%s", text);
    return STATUS_OK;
}

/* The array member `key`, absent: no items. */
static enum status get_list(const struct json_at *at, const char *key, enum json_need need, size_t max,
                            struct json_at *ret, size_t *ret_n, struct err *err)
{
    *ret_n = 0;
    TRY(json_member(at, key, need, ret, err));
    return ret->value == NULL ? STATUS_OK : json_array(ret, max, ret_n, err);
}

static enum status decode_objective(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    static const char *const KNOWN[] = {"metric", "value", NULL};
    struct json_at list, item = {0};
    bool any = false;
    TRY(get_list(root, "objective", JSON_REQUIRED, CAMPAIGN_MAX_METRICS, &list, &ret->n_objective, err));
    for (size_t i = 0; json_next(&list, &item); i++) {
        struct campaign_objective *to = &ret->objective[i];
        TRY(json_only(&item, KNOWN, err));
        TRY(get_id(&item, "metric", to->metric, err));
        TRY(json_get_number(&item, "value", JSON_REQUIRED, -ANY, ANY, &to->value, err));
        any = any || to->value != 0;
        for (size_t j = 0; j < i; j++)
            if (strcmp(ret->objective[j].metric, to->metric) == 0)
                return json_refuse(&item, err, "names metric \"%s\" a second time", to->metric);
    }
    return any ? STATUS_OK : json_refuse(&list, err, "needs at least one metric whose value is not 0");
}

static enum status decode_guardrail(const struct json_at *item, struct campaign_guardrail *ret, struct err *err)
{
    static const char *const KNOWN[] = {"metric", "max_relative", "min_relative", "scale", NULL};
    double most = nan(""), least = nan("");
    struct json_at scale;
    TRY(json_only(item, KNOWN, err));
    TRY(get_id(item, "metric", ret->metric, err));
    TRY(json_get_number(item, "max_relative", JSON_OPTIONAL, 0, 1000, &most, err));
    TRY(json_get_number(item, "min_relative", JSON_OPTIONAL, -1, 0, &least, err));
    if (isnan(most) == isnan(least))
        return json_refuse(item, err, "needs one of max_relative and min_relative, not %s",
                           isnan(most) ? "none" : "both");
    ret->is_max = !isnan(most);
    ret->bound = ret->is_max ? most : least;
    TRY(json_member(item, "scale", JSON_OPTIONAL, &scale, err));
    if (scale.value == NULL)
        return STATUS_OK;
    return json_number(&scale, 1e-12, ANY, &ret->scale, err);
}

static enum status decode_guardrails(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at list, item = {0};
    TRY(get_list(root, "guardrails", JSON_OPTIONAL, CAMPAIGN_MAX_GUARDRAILS, &list, &ret->n_guardrails, err));
    for (size_t i = 0; i < ret->n_guardrails && json_next(&list, &item); i++) {
        struct campaign_guardrail *to = &ret->guardrail[i];
        TRY(decode_guardrail(&item, to, err));
        for (size_t j = 0; j < i; j++)
            if (ret->guardrail[j].is_max == to->is_max && strcmp(ret->guardrail[j].metric, to->metric) == 0)
                return json_refuse(&item, err, "bounds metric \"%s\" a second time", to->metric);
    }
    return STATUS_OK;
}

/* +1 or -1. */
static enum status get_sign(const struct json_at *item, double *ret, struct err *err)
{
    struct json_at sign;
    int64_t value = 0;
    TRY(json_member(item, "sign", JSON_OPTIONAL, &sign, err));
    if (sign.value == NULL)
        return STATUS_OK;
    TRY(json_int(&sign, -1, 1, &value, err));
    if (value == 0)
        return json_refuse(&sign, err, "is 0: allowed are 1 and -1");
    *ret = (double)value;
    return STATUS_OK;
}

/* A member that belongs to the other kind of head. */
static enum status forbid(const struct json_at *item, const char *key, const char *why, struct err *err)
{
    struct json_at member;
    TRY(json_member(item, key, JSON_OPTIONAL, &member, err));
    return member.value == NULL ? STATUS_OK : json_refuse(&member, err, "%s", why);
}

static enum status get_range(const struct json_at *item, struct campaign_head *ret, struct err *err)
{
    if (ret->is_switch) {
        TRY(forbid(item, "lo", "goes with a head that is no switch: a switch has max", err));
        TRY(forbid(item, "hi", "goes with a head that is no switch: a switch has max", err));
        ret->hi = 3;
        return json_get_number(item, "max", JSON_OPTIONAL, 0.001, 1000, &ret->hi, err);
    }
    TRY(forbid(item, "max", "goes with \"switch\":true: other heads have lo and hi", err));
    ret->lo = -1.5;
    ret->hi = 1.5;
    TRY(json_get_number(item, "lo", JSON_OPTIONAL, -20, 0, &ret->lo, err));
    TRY(json_get_number(item, "hi", JSON_OPTIONAL, 0, 20, &ret->hi, err));
    return ret->lo < ret->hi ? STATUS_OK
                             : json_refuse(item, err, "has lo %g and hi %g: lo must be below hi", ret->lo, ret->hi);
}

static enum status decode_head(const struct json_at *item, const struct campaign_config *config,
                               struct campaign_head *ret, struct err *err)
{
    static const char *const KNOWN[] = {"head", "sign", "switch", "lo", "hi", "max", "control_weight", NULL};
    struct json_at weight;
    TRY(json_only(item, KNOWN, err));
    TRY(get_id(item, "head", ret->head, err));
    TRY(get_sign(item, &ret->sign, err));
    TRY(json_get_bool(item, "switch", JSON_OPTIONAL, &ret->is_switch, err));
    TRY(get_range(item, ret, err));
    TRY(json_member(item, "control_weight", JSON_OPTIONAL, &weight, err));
    if (weight.value == NULL)
        return STATUS_OK;
    if (config->control != CONTROL_PLUG_IN)
        return json_refuse(&weight, err, "goes with \"control\":\"plug-in\" only");
    ret->has_control_weight = true;
    TRY(json_number(&weight, -ANY, ANY, &ret->control_weight, err));
    if (ret->control_weight * ret->sign < 0)
        return json_refuse(&weight, err, "is %g, but the sign of the head is %g", ret->control_weight, ret->sign);
    return STATUS_OK;
}

static enum status decode_heads(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at list, item = {0};
    TRY(get_list(root, "heads", JSON_OPTIONAL, CAMPAIGN_MAX_HEADS, &list, &ret->n_heads, err));
    if (list.value != NULL && ret->n_heads == 0)
        return json_refuse(&list, err, "is empty: leave it out to tune every head with a control weight");
    for (size_t i = 0; i < ret->n_heads && json_next(&list, &item); i++) {
        TRY(decode_head(&item, ret, &ret->head[i], err));
        for (size_t j = 0; j < i; j++)
            if (strcmp(ret->head[j].head, ret->head[i].head) == 0)
                return json_refuse(&item, err, "names head \"%s\" a second time", ret->head[i].head);
    }
    return STATUS_OK;
}

static enum status get_kind(const struct json_at *item, enum space_kind *ret, struct err *err)
{
    struct json_at kind;
    const char *text = NULL;
    TRY(json_member(item, "kind", JSON_REQUIRED, &kind, err));
    TRY(json_string(&kind, 64, &text, err));
    static const struct {
        const char *text;
        enum space_kind kind;
    } KINDS[] = {{"float", SPACE_FLOAT}, {"log", SPACE_LOG}, {"integer", SPACE_INTEGER}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strcmp(KINDS[i].text, text) == 0) {
            *ret = KINDS[i].kind;
            return STATUS_OK;
        }
    return json_refuse(&kind, err, "is \"%s\": allowed are float, log and integer", text);
}

static enum status decode_param(const struct json_at *item, struct campaign_param *ret, struct err *err)
{
    static const char *const KNOWN[] = {"name", "kind", "lo", "hi", "control", NULL};
    TRY(json_only(item, KNOWN, err));
    TRY(get_id(item, "name", ret->name, err));
    TRY(get_kind(item, &ret->kind, err));
    double least = ret->kind == SPACE_LOG ? 1e-12 : -ANY;
    TRY(json_get_number(item, "lo", JSON_REQUIRED, least, ANY, &ret->lo, err));
    TRY(json_get_number(item, "hi", JSON_REQUIRED, least, ANY, &ret->hi, err));
    if (!(ret->lo < ret->hi))
        return json_refuse(item, err, "has lo %g and hi %g: lo must be below hi", ret->lo, ret->hi);
    TRY(json_get_number(item, "control", JSON_REQUIRED, ret->lo, ret->hi, &ret->control, err));
    if (ret->kind == SPACE_INTEGER &&
        (floor(ret->lo) < ret->lo || floor(ret->hi) < ret->hi || floor(ret->control) < ret->control))
        return json_refuse(item, err, "is of kind integer: lo, hi and control must be whole numbers");
    if (ret->kind == SPACE_INTEGER && ret->hi - ret->lo > 1000000)
        return json_refuse(item, err, "has %g levels: an integer may have at most 1000001", ret->hi - ret->lo + 1);
    return STATUS_OK;
}

static enum status decode_params(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at list, item = {0};
    TRY(get_list(root, "params", JSON_OPTIONAL, CAMPAIGN_MAX_PARAMS, &list, &ret->n_params, err));
    for (size_t i = 0; i < ret->n_params && json_next(&list, &item); i++) {
        TRY(decode_param(&item, &ret->param[i], err));
        for (size_t j = 0; j < i; j++)
            if (strcmp(ret->param[j].name, ret->param[i].name) == 0)
                return json_refuse(&item, err, "names parameter \"%s\" a second time", ret->param[i].name);
    }
    return STATUS_OK;
}

static enum status decode_weights(const struct json_at *control, struct campaign_config *ret, struct err *err)
{
    static const char *const KNOWN[] = {"weights", NULL};
    struct json_at weights, item = {0};
    bool any = false;
    TRY(json_only(control, KNOWN, err));
    TRY(json_member(control, "weights", JSON_REQUIRED, &weights, err));
    TRY(json_object(&weights, err));
    while (json_next(&weights, &item)) {
        if (ret->n_weights == CAMPAIGN_MAX_HEADS)
            return json_refuse(&weights, err, "has more than %d members", CAMPAIGN_MAX_HEADS);
        struct campaign_weight *to = &ret->weight[ret->n_weights++];
        if (!is_id(item.key))
            return json_refuse(&item, err, "is no name of a head: allowed are 1 to 64 of A-Z a-z 0-9 _ . : -");
        snprintf(to->head, sizeof to->head, "%s", item.key);
        TRY(json_number(&item, -ANY, ANY, &to->weight, err));
        any = any || to->weight != 0;
    }
    return any ? STATUS_OK : json_refuse(&weights, err, "needs at least one weight that is not 0");
}

static enum status decode_control(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at control;
    const char *text = NULL;
    TRY(json_member(root, "control", JSON_OPTIONAL, &control, err));
    if (control.value == NULL)
        return STATUS_OK;
    if (json_object(&control, NULL) == STATUS_OK) {
        ret->control = CONTROL_WEIGHTS;
        return decode_weights(&control, ret, err);
    }
    if (json_string(&control, 64, &text, NULL) == STATUS_OK) {
        ret->control = strcmp(text, "default") == 0 ? CONTROL_DEFAULT : CONTROL_PLUG_IN;
        if (ret->control == CONTROL_DEFAULT || strcmp(text, "plug-in") == 0)
            return STATUS_OK;
        return json_refuse(&control, err, "is \"%s\": allowed are \"plug-in\", \"default\" and {\"weights\":{..}}",
                           text);
    }
    return json_refuse(&control, err, "must be \"plug-in\", \"default\" or {\"weights\":{..}}");
}

static enum status get_ending(const struct json_at *at, struct campaign_ending *ret, struct err *err)
{
    TRY(json_get_int(at, "units_per_arm", JSON_OPTIONAL, 2, UNITS_MAX, &ret->units_per_arm, err));
    TRY(json_get_int(at, "duration_ms", JSON_OPTIONAL, 1, MS_MAX, &ret->duration_ms, err));
    if (ret->units_per_arm == 0 && ret->duration_ms == 0)
        return json_refuse(at, err, "needs units_per_arm, duration_ms or both");
    return STATUS_OK;
}

static enum status decode_rounds(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    static const char *const KNOWN[] = {"max", "arms", "units_per_arm", "duration_ms", "settle_ms", "washout_ms", NULL};
    struct json_at rounds;
    int64_t max = 0, arms = 0;
    TRY(json_member(root, "rounds", JSON_REQUIRED, &rounds, err));
    TRY(json_object(&rounds, err));
    TRY(json_only(&rounds, KNOWN, err));
    TRY(json_get_int(&rounds, "max", JSON_REQUIRED, 1, CAMPAIGN_MAX_ROUNDS, &max, err));
    /* The anchor and the incumbent leave room for a new arm. */
    TRY(json_get_int(&rounds, "arms", JSON_REQUIRED, ret->anchor_equal ? 3 : 2, CAMPAIGN_MAX_ARMS - 1, &arms, err));
    TRY(get_ending(&rounds, &ret->round_end, err));
    TRY(json_get_int(&rounds, "settle_ms", JSON_OPTIONAL, 0, MS_MAX, &ret->settle_ms, err));
    TRY(json_get_int(&rounds, "washout_ms", JSON_OPTIONAL, 0, MS_MAX, &ret->washout_ms, err));
    ret->rounds_max = (size_t)max;
    ret->arms = (size_t)arms;
    return STATUS_OK;
}

static enum status decode_anchors(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at list, item = {0};
    const char *text = NULL;
    size_t n = 0;
    TRY(get_list(root, "anchors", JSON_OPTIONAL, 1, &list, &n, err));
    ret->anchor_equal = n == 1;
    if (n == 0)
        return STATUS_OK;
    json_next(&list, &item);
    TRY(json_string(&item, 64, &text, err));
    return strcmp(text, "equal") == 0 ? STATUS_OK : json_refuse(&item, err, "is \"%s\": allowed is \"equal\"", text);
}

static enum status decode_confirm(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    static const char *const KNOWN[] = {"units_per_arm", "duration_ms", "exclude_seen", NULL};
    struct json_at confirm;
    ret->exclude_seen = true;
    TRY(json_member(root, "confirm", JSON_REQUIRED, &confirm, err));
    TRY(json_object(&confirm, err));
    TRY(json_only(&confirm, KNOWN, err));
    TRY(get_ending(&confirm, &ret->confirm_end, err));
    return json_get_bool(&confirm, "exclude_seen", JSON_OPTIONAL, &ret->exclude_seen, err);
}

static enum status decode_stop(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    static const char *const KNOWN[] = {"delta", "harm", NULL};
    struct json_at stop;
    ret->delta = 0.005;
    ret->harm = 0.2;
    TRY(json_member(root, "stop", JSON_OPTIONAL, &stop, err));
    if (stop.value == NULL)
        return STATUS_OK;
    TRY(json_object(&stop, err));
    TRY(json_only(&stop, KNOWN, err));
    TRY(json_get_number(&stop, "delta", JSON_OPTIONAL, 0, ANY, &ret->delta, err));
    return json_get_number(&stop, "harm", JSON_OPTIONAL, 0, ANY, &ret->harm, err);
}

static enum status decode_promote(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at promote;
    const char *text = NULL;
    TRY(json_member(root, "promote", JSON_OPTIONAL, &promote, err));
    if (promote.value == NULL)
        return STATUS_OK;
    TRY(json_string(&promote, 64, &text, err));
    ret->promote_auto = strcmp(text, "auto") == 0;
    if (ret->promote_auto || strcmp(text, "ask") == 0)
        return STATUS_OK;
    return json_refuse(&promote, err, "is \"%s\": allowed are \"auto\" and \"ask\"", text);
}

/* What it needs of the other members is here: previews, and no arm that nothing bounds. */
static enum status decode_cap(const struct json_at *root, struct campaign_config *ret, struct err *err)
{
    struct json_at cap;
    TRY(json_member(root, "max_turnover", JSON_OPTIONAL, &cap, err));
    if (cap.value == NULL)
        return STATUS_OK;
    TRY(json_number(&cap, 0.01, 1, &ret->max_turnover, err));
    if (!ret->warm_start)
        return json_refuse(&cap, err, "goes without \"warm_start\":false: previews say what weights would show");
    if (ret->anchor_equal)
        return json_refuse(&cap, err, "goes without \"anchors\":[\"equal\"]: nothing bounds what equal weights show");
    if (ret->n_guardrails == CAMPAIGN_MAX_GUARDRAILS)
        return json_refuse(&cap, err, "goes with at most %d guardrails", CAMPAIGN_MAX_GUARDRAILS - 1);
    return STATUS_OK;
}

enum status campaign_file_decode(const struct json_at *root, struct campaign_config *ret, bool *ret_has_create,
                                 struct err *err)
{
    static const char *const KNOWN[] = {"name",    "experiment", "seed",       "objective",    "guardrails", "heads",
                                        "params",  "control",    "rounds",     "anchors",      "confirm",    "stop",
                                        "promote", "cuped",      "warm_start", "max_turnover", "create",     NULL};
    struct campaign_config config = {.cuped = true, .warm_start = true};
    struct json_at create;
    int64_t seed = 1;
    TRY(json_object(root, err));
    TRY(json_only(root, KNOWN, err));
    TRY(get_id(root, "name", config.name, err));
    TRY(get_id(root, "experiment", config.experiment, err));
    TRY(json_get_int(root, "seed", JSON_OPTIONAL, 0, INT64_MAX, &seed, err));
    config.seed = (uint64_t)seed;
    TRY(decode_objective(root, &config, err));
    TRY(decode_guardrails(root, &config, err));
    TRY(decode_control(root, &config, err));
    TRY(decode_heads(root, &config, err));
    TRY(decode_params(root, &config, err));
    TRY(decode_anchors(root, &config, err));
    TRY(decode_rounds(root, &config, err));
    TRY(decode_confirm(root, &config, err));
    TRY(decode_stop(root, &config, err));
    TRY(decode_promote(root, &config, err));
    TRY(json_get_bool(root, "cuped", JSON_OPTIONAL, &config.cuped, err));
    TRY(json_get_bool(root, "warm_start", JSON_OPTIONAL, &config.warm_start, err));
    TRY(decode_cap(root, &config, err));
    TRY(json_member(root, "create", JSON_OPTIONAL, &create, err));
    if (create.value != NULL)
        TRY(json_object(&create, err));
    *ret = config;
    *ret_has_create = create.value != NULL;
    return STATUS_OK;
}
