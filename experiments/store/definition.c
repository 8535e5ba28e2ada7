#include "experiments/store/definition.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/stats/moments.h"

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_.:-", c) != NULL;
}

/* "." and ".." would be no segments of an address: clients take them out (RFC 3986, 5.2.4). */
static bool is_name(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0' && name_char(text[n]))
        n++;
    return text[n] == '\0' && n > 0 && n < PLAN_NAME_SIZE && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Bytes above 0x7f are parts of UTF-8 characters, which json_parse has checked. */
static bool is_id(const char *text)
{
    size_t n = 0;
    while ((unsigned char)text[n] > ' ' && text[n] != 0x7f)
        n++;
    return text[n] == '\0' && n > 0 && n < PLAN_TEXT_SIZE;
}

enum status definition_check_name(const char *what, const char *text, struct err *err)
{
    if (is_name(text))
        return STATUS_OK;
    return err_set(err, STATUS_INVALID,
                   "%s \"%.80s\" is no name: allowed are 1 to 64 of A-Z a-z 0-9 _ . : -, not . or ..", what, text);
}

enum status definition_check_id(const char *what, const char *text, struct err *err)
{
    if (is_id(text))
        return STATUS_OK;
    return err_set(err, STATUS_INVALID, "%s is no id: allowed are 1 to 128 bytes of printable text without blanks",
                   what);
}

static enum status name_value(const struct json_at *at, char ret[PLAN_NAME_SIZE], struct err *err)
{
    const char *text = "";
    TRY(json_string(at, 4096, &text, err));
    if (!is_name(text))
        return json_refuse(at, err, "is \"%.80s\": allowed are 1 to 64 of A-Z a-z 0-9 _ . : -, not . or ..", text);
    memcpy(ret, text, strlen(text) + 1);
    return STATUS_OK;
}

enum status definition_name(const struct json_at *at, const char *key, enum json_need need, char ret[PLAN_NAME_SIZE],
                            struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? name_value(&member, ret, err) : STATUS_OK;
}

enum status definition_id_value(const struct json_at *at, const char **ret, struct err *err)
{
    const char *text = "";
    TRY(json_string(at, 4096, &text, err));
    if (!is_id(text))
        return json_refuse(at, err, "is \"%.80s\": allowed are 1 to 128 bytes of printable text without blanks", text);
    *ret = text;
    return STATUS_OK;
}

enum status definition_id(const struct json_at *at, const char *key, enum json_need need, const char **ret,
                          struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? definition_id_value(&member, ret, err) : STATUS_OK;
}

/* One of a list of words. */
static enum status choice(const struct json_at *at, const char *key, enum json_need need, const char *const *words,
                          size_t *ret, struct err *err)
{
    struct json_at member;
    const char *text = "";
    char known[160] = "";
    TRY(json_member(at, key, need, &member, err));
    if (!member.value)
        return STATUS_OK;
    TRY(json_string(&member, 4096, &text, err));
    for (size_t i = 0, n = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return STATUS_OK;
        }
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", words[i]);
    }
    return json_refuse(&member, err, "is \"%.80s\": allowed are %s", text, known);
}

static const char *const AGGREGATES[] = {"count", "sum", "any", NULL};
static const char *const KINDS[] = {"mean", "proportion", "ratio", NULL};
static const char *const DENOMINATORS[] = {"unit", "request", "impression", "event", NULL};
static const char *const DIRECTIONS[] = {"up", "down", NULL};
static const char *const UNIT_IDS[] = {"plain", "hashed", NULL};
static const char *const EFFECTS[] = {"relative", "absolute", NULL};

static enum status metric_numerator(const struct json_at *at, struct metric *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"event", "aggregate", NULL};
    struct json_at numerator;
    size_t aggregate = AGGREGATE_COUNT;
    TRY(json_member(at, "numerator", JSON_REQUIRED, &numerator, err));
    TRY(json_only(&numerator, MEMBERS, err));
    TRY(definition_name(&numerator, "event", JSON_REQUIRED, ret->event, err));
    if (strcmp(ret->event, "exposure") == 0)
        return json_refuse(&numerator, err, "counts \"exposure\", which is no engagement: use denominator request");
    TRY(choice(&numerator, "aggregate", JSON_REQUIRED, AGGREGATES, &aggregate, err));
    ret->aggregate = (enum metric_aggregate)aggregate;
    if (ret->kind == METRIC_PROPORTION && ret->aggregate != AGGREGATE_ANY) {
        struct json_at member;
        TRY(json_member(&numerator, "aggregate", JSON_REQUIRED, &member, err));
        return json_refuse(&member, err, "is \"%s\": a proportion needs any", AGGREGATES[aggregate]);
    }
    return STATUS_OK;
}

static enum status metric_denominator(const struct json_at *at, struct metric *ret, struct err *err)
{
    struct json_at member;
    size_t denominator = PER_UNIT;
    TRY(choice(at, "denominator", ret->kind == METRIC_RATIO ? JSON_REQUIRED : JSON_OPTIONAL, DENOMINATORS, &denominator,
               err));
    ret->denominator = (enum metric_denominator)denominator;
    TRY(json_member(at, "denominator", JSON_OPTIONAL, &member, err));
    if ((ret->kind == METRIC_RATIO) == (ret->denominator == PER_UNIT))
        return json_refuse(&member, err, "is \"%s\": a %s has %s", DENOMINATORS[denominator], KINDS[ret->kind],
                           ret->kind == METRIC_RATIO ? "request, impression or event" : "unit");
    if (ret->denominator == PER_EVENT)
        return definition_name(at, "denominator_event", JSON_REQUIRED, ret->denominator_event, err);
    TRY(json_member(at, "denominator_event", JSON_OPTIONAL, &member, err));
    return member.value ? json_refuse(&member, err, "is allowed with denominator event only") : STATUS_OK;
}

/* {"quantile":q}: the cap is that of the round before (caps.h). */
static enum status metric_cap_quantile(const struct json_at *at, struct metric *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"quantile", NULL};
    TRY(json_only(at, MEMBERS, err));
    if (ret->aggregate == AGGREGATE_ANY)
        return json_refuse(at, err, "is a quantile of what is 0 or 1: a metric with aggregate any has no use for it");
    return json_get_number(at, "quantile", JSON_REQUIRED, 0.5, 0.9999, &ret->cap_quantile, err);
}

static enum status metric_limits(const struct json_at *at, struct metric *ret, struct err *err)
{
    struct json_at member;
    int64_t attribution_s = 86400;
    double cap = 0;
    TRY(json_get_int(at, "attribution_s", JSON_OPTIONAL, 1, 366 * 86400, &attribution_s, err));
    ret->attribution_ms = attribution_s * 1000;
    ret->cap = MOMENTS_LIMIT;
    ret->cap_quantile = 0.0;
    TRY(json_member(at, "cap", JSON_OPTIONAL, &member, err));
    if (!member.value || json_is_null(&member))
        return STATUS_OK;
    if (json_object(&member, NULL) == STATUS_OK)
        return metric_cap_quantile(&member, ret, err);
    TRY(json_number(&member, 1.0 / MOMENTS_SCALE, (double)MOMENTS_LIMIT / MOMENTS_SCALE, &cap, err));
    ret->cap = llround(cap * MOMENTS_SCALE);
    return STATUS_OK;
}

static enum status metric_guardrail(const struct json_at *at, struct metric *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"effect", "margin", NULL};
    struct json_at guardrail;
    size_t effect = 0;
    TRY(json_member(at, "guardrail", JSON_OPTIONAL, &guardrail, err));
    ret->guardrail = GUARDRAIL_NONE;
    ret->margin = 0;
    if (!guardrail.value)
        return STATUS_OK;
    TRY(json_only(&guardrail, MEMBERS, err));
    TRY(choice(&guardrail, "effect", JSON_REQUIRED, EFFECTS, &effect, err));
    ret->guardrail = effect == 0 ? GUARDRAIL_RELATIVE : GUARDRAIL_ABSOLUTE;
    return json_get_number(&guardrail, "margin", JSON_REQUIRED, 0, 1e8, &ret->margin, err);
}

static enum status decode_metric(const struct json_at *at, struct metric *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"name",          "kind", "numerator", "denominator", "denominator_event",
                                          "attribution_s", "cap",  "direction", "guardrail",   NULL};
    size_t kind = METRIC_MEAN, direction = 0;
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_name(at, "name", JSON_REQUIRED, ret->name, err));
    TRY(choice(at, "kind", JSON_REQUIRED, KINDS, &kind, err));
    ret->kind = (enum metric_kind)kind;
    TRY(metric_numerator(at, ret, err));
    TRY(metric_denominator(at, ret, err));
    TRY(metric_limits(at, ret, err));
    TRY(choice(at, "direction", JSON_OPTIONAL, DIRECTIONS, &direction, err));
    ret->up = direction == 0;
    return metric_guardrail(at, ret, err);
}

static enum status decode_heads(const struct json_at *at, struct experiment_plan *ret, struct err *err)
{
    struct json_at heads, item = {0};
    TRY(json_member(at, "heads", JSON_REQUIRED, &heads, err));
    TRY(json_array(&heads, PLAN_MAX_HEADS, &ret->n_heads, err));
    if (ret->n_heads == 0)
        return json_refuse(&heads, err, "is empty: allowed are 1 to %d heads", PLAN_MAX_HEADS);
    while (json_next(&heads, &item)) {
        TRY(name_value(&item, ret->heads[item.index], err));
        for (size_t i = 0; i < item.index; i++)
            if (strcmp(ret->heads[i], ret->heads[item.index]) == 0)
                return json_refuse(&item, err, "is \"%s\" again: allowed is once", ret->heads[i]);
    }
    return STATUS_OK;
}

static enum status decode_metrics(const struct json_at *at, struct experiment_plan *ret, struct err *err)
{
    struct json_at metrics, item = {0};
    TRY(json_member(at, "metrics", JSON_REQUIRED, &metrics, err));
    TRY(json_array(&metrics, PLAN_MAX_METRICS, &ret->n_metrics, err));
    if (ret->n_metrics == 0)
        return json_refuse(&metrics, err, "is empty: allowed are 1 to %d metrics", PLAN_MAX_METRICS);
    while (json_next(&metrics, &item)) {
        TRY(decode_metric(&item, &ret->metrics[item.index], err));
        for (size_t i = 0; i < item.index; i++)
            if (strcmp(ret->metrics[i].name, ret->metrics[item.index].name) == 0)
                return json_refuse(&item, err, "has the name \"%s\" again: allowed is once", ret->metrics[i].name);
    }
    return STATUS_OK;
}

static enum status decode_layer(const struct json_at *at, struct layer_part *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"name", "from", "to", NULL};
    struct json_at layer;
    ret->from = 0;
    ret->to = 1;
    TRY(json_member(at, "layer", JSON_OPTIONAL, &layer, err));
    if (!layer.value)
        return STATUS_OK;
    TRY(json_only(&layer, MEMBERS, err));
    TRY(definition_name(&layer, "name", JSON_REQUIRED, ret->name, err));
    TRY(json_get_number(&layer, "from", JSON_REQUIRED, 0, 1, &ret->from, err));
    TRY(json_get_number(&layer, "to", JSON_REQUIRED, 0, 1, &ret->to, err));
    if (ret->from < ret->to)
        return STATUS_OK;
    return json_refuse(&layer, err, "is from %g to %g: from must be below to", ret->from, ret->to);
}

static enum status decode_values(const struct json_at *in, struct eligibility_rule *ret, struct err *err)
{
    struct json_at item = {0};
    TRY(json_array(in, PLAN_MAX_VALUES, &ret->n_values, err));
    if (ret->n_values == 0)
        return json_refuse(in, err, "is empty: allowed are 1 to %d texts", PLAN_MAX_VALUES);
    while (json_next(in, &item)) {
        const char *text = "";
        TRY(json_string(&item, PLAN_NAME_SIZE - 1, &text, err));
        memcpy(ret->values[item.index], text, strlen(text) + 1);
    }
    return STATUS_OK;
}

/* {"attribute":..,"in":[..]} or {"attribute":..,"min":..,"max":..} */
static enum status decode_rule(const struct json_at *at, struct eligibility_rule *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"attribute", "in", "min", "max", NULL};
    struct json_at in, min, max;
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_name(at, "attribute", JSON_REQUIRED, ret->attribute, err));
    TRY(json_member(at, "in", JSON_OPTIONAL, &in, err));
    TRY(json_member(at, "min", JSON_OPTIONAL, &min, err));
    TRY(json_member(at, "max", JSON_OPTIONAL, &max, err));
    if ((in.value != NULL) == (min.value || max.value))
        return json_refuse(at, err, "needs either in, or min, max or both");
    if (in.value)
        return decode_values(&in, ret, err);
    ret->min = -1e300;
    ret->max = 1e300;
    TRY(json_get_number(at, "min", JSON_OPTIONAL, -1e300, 1e300, &ret->min, err));
    return json_get_number(at, "max", JSON_OPTIONAL, ret->min, 1e300, &ret->max, err);
}

static enum status decode_rules(const struct json_at *at, struct experiment_plan *ret, struct err *err)
{
    struct json_at rules, item = {0};
    TRY(json_member(at, "eligibility", JSON_OPTIONAL, &rules, err));
    if (!rules.value)
        return STATUS_OK;
    TRY(json_array(&rules, PLAN_MAX_RULES, &ret->n_rules, err));
    while (json_next(&rules, &item))
        TRY(decode_rule(&item, &ret->rules[item.index], err));
    return STATUS_OK;
}

/* {"share":..}, 0.02 without one */
static enum status decode_holdback(const struct json_at *at, double *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"share", NULL};
    struct json_at holdback;
    TRY(json_member(at, "holdback", JSON_OPTIONAL, &holdback, err));
    if (!holdback.value)
        return STATUS_OK;
    *ret = 0.02;
    TRY(json_only(&holdback, MEMBERS, err));
    return json_get_number(&holdback, "share", JSON_OPTIONAL, 0.001, 0.5, ret, err);
}

enum status definition_experiment(const struct json_at *at, struct experiment_plan *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"unit_type", "unit_ids", "timezone",    "heads",    "default_weights",
                                          "metrics",   "layer",    "eligibility", "holdback", NULL};
    struct experiment_plan plan = {.unit_type = "user", .timezone = "UTC"};
    const char *timezone = plan.timezone;
    size_t unit_ids = 0;
    struct json_at weights;
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_name(at, "unit_type", JSON_OPTIONAL, plan.unit_type, err));
    TRY(json_get_string(at, "timezone", JSON_OPTIONAL, PLAN_NAME_SIZE - 1, &timezone, err));
    memmove(plan.timezone, timezone, strlen(timezone) + 1);
    TRY(choice(at, "unit_ids", JSON_OPTIONAL, UNIT_IDS, &unit_ids, err));
    plan.hash_units = unit_ids == 1;
    TRY(decode_heads(at, &plan, err));
    TRY(json_member(at, "default_weights", JSON_REQUIRED, &weights, err));
    TRY(definition_weights(&weights, &plan, plan.default_weights, err));
    TRY(decode_metrics(at, &plan, err));
    TRY(decode_layer(at, &plan.layer, err));
    TRY(decode_rules(at, &plan, err));
    TRY(decode_holdback(at, &plan.holdback, err));
    *ret = plan;
    return STATUS_OK;
}

static enum status refuse_head(const struct json_at *at, const struct experiment_plan *experiment, struct err *err)
{
    char known[400] = "";
    for (size_t i = 0, n = 0; i < experiment->n_heads && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", experiment->heads[i]);
    return json_refuse(at, err, "is no head of the experiment: heads are %s", known);
}

enum status definition_weights(const struct json_at *at, const struct experiment_plan *experiment,
                               double ret[PLAN_MAX_HEADS], struct err *err)
{
    double weights[PLAN_MAX_HEADS] = {0};
    struct json_at item = {0};
    bool any = false;
    TRY(json_object(at, err));
    while (json_next(at, &item)) {
        size_t h = 0;
        while (h < experiment->n_heads && strcmp(experiment->heads[h], item.key) != 0)
            h++;
        if (h == experiment->n_heads)
            return refuse_head(&item, experiment, err);
        TRY(json_number(&item, -1e12, 1e12, &weights[h], err));
        any = any || fpclassify(weights[h]) != FP_ZERO;
    }
    if (!any)
        return json_refuse(at, err, "has no weight but 0: at least one must not be 0");
    memcpy(ret, weights, sizeof weights);
    return STATUS_OK;
}

void definition_write_weights(struct json_writer *w, const struct experiment_plan *experiment, const double *weights)
{
    json_write_object(w);
    for (size_t h = 0; h < experiment->n_heads; h++) {
        json_write_key(w, experiment->heads[h]);
        json_write_number(w, weights[h]);
    }
    json_write_object_end(w);
}
