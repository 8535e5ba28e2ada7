#include "tuner/cli/view.h"

#include <float.h>
#include <math.h>

struct json_at view_member(const struct json_at *at, const char *key)
{
    struct json_at member = {0};
    if (at->value == NULL || json_member(at, key, JSON_OPTIONAL, &member, NULL) != STATUS_OK ||
        (member.value != NULL && json_is_null(&member)))
        return (struct json_at){0};
    return member;
}

double view_value(const struct json_at *at)
{
    double x = nan("");
    return at->value != NULL && json_number(at, -DBL_MAX, DBL_MAX, &x, NULL) == STATUS_OK ? x : nan("");
}

double view_number(const struct json_at *at, const char *key)
{
    const struct json_at member = view_member(at, key);
    return view_value(&member);
}

int64_t view_int(const struct json_at *at, const char *key, int64_t otherwise)
{
    const struct json_at member = view_member(at, key);
    int64_t x = otherwise;
    if (member.value == NULL || json_int(&member, INT64_MIN, INT64_MAX, &x, NULL) != STATUS_OK)
        return otherwise;
    return x;
}

bool view_bool(const struct json_at *at, const char *key)
{
    const struct json_at member = view_member(at, key);
    bool x = false;
    return member.value != NULL && json_bool(&member, &x, NULL) == STATUS_OK && x;
}

const char *view_text(const struct json_at *at, const char *key)
{
    const struct json_at member = view_member(at, key);
    const char *text = "";
    if (member.value == NULL || json_string(&member, SIZE_MAX, &text, NULL) != STATUS_OK)
        return "";
    return text;
}

bool view_next(const struct json_at *container, struct json_at *item)
{
    return container->value != NULL && json_next(container, item);
}
