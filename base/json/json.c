#include "base/json/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "base/core/mem.h"
#include "base/json/scan.h"

enum { DEPTH_STANDARD = 32, DEPTH_CAP = 512, PATH_SIZE = 200 };

struct json {
    cJSON *root;
};

static const cJSON *node(const struct json_at *at)
{
    return (const cJSON *)(const void *)at->value;
}

static struct json_at at_node(const cJSON *value, const struct json_at *up, const char *key, size_t index)
{
    return (struct json_at){(const struct json_value *)(const void *)value, up, key, index};
}

static void *hook_alloc(size_t n)
{
    return mem_alloc(n, 1);
}

/* cJSON's allocator is process-wide state; it is set once, before the first parse. */
static void set_hooks(void)
{
    cJSON_Hooks hooks = {hook_alloc, mem_free};
    cJSON_InitHooks(&hooks);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorting keeps hostile objects at O(n log n). */
static enum status refuse_duplicates(const cJSON *value, struct err *err)
{
    size_t n = 0;
    for (const cJSON *item = value->child; item; item = item->next, n++)
        TRY(refuse_duplicates(item, err));
    if (!cJSON_IsObject(value) || n < 2)
        return STATUS_OK;
    const char **keys = mem_alloc(n, sizeof *keys);
    if (!keys)
        return err_no_memory(err);
    size_t i = 0;
    for (const cJSON *item = value->child; item; item = item->next)
        keys[i++] = item->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    enum status s = STATUS_OK;
    for (i = 1; i < n && s == STATUS_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            s = err_set(err, STATUS_INVALID, "JSON member \"%.100s\" is there twice: allowed is once", keys[i]);
    mem_free(keys);
    return s;
}

enum status json_parse(const char *bytes, size_t n, const struct json_limits *limits, struct json **ret,
                       struct err *err)
{
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, set_hooks);
    size_t depth = limits && limits->max_depth ? limits->max_depth : DEPTH_STANDARD;
    if (n == 0)
        return err_set(err, STATUS_INVALID, "JSON is empty: expected a value");
    TRY(scan_json(bytes, n, depth < DEPTH_CAP ? depth : DEPTH_CAP, err));
    struct json *json = mem_alloc(1, sizeof *json);
    if (!json)
        return err_no_memory(err);
    /* The scan accepted the text, so only memory is left to fail. */
    json->root = cJSON_ParseWithLengthOpts(bytes, n, NULL, 0);
    enum status s = json->root ? refuse_duplicates(json->root, err) : err_no_memory(err);
    if (s != STATUS_OK) {
        json_free(json);
        return s;
    }
    *ret = json;
    return STATUS_OK;
}

void json_free(struct json *json)
{
    if (!json)
        return;
    cJSON_Delete(json->root);
    mem_free(json);
}

struct json_at json_root(const struct json *json)
{
    return at_node(json->root, NULL, NULL, 0);
}

static size_t path_text(const struct json_at *at, char *ret)
{
    if (!at->up)
        return 0;
    size_t n = path_text(at->up, ret);
    int more = at->key ? snprintf(ret + n, PATH_SIZE - n, "%s%.60s", n ? "." : "", at->key)
                       : snprintf(ret + n, PATH_SIZE - n, "[%zu]", at->index);
    n += (size_t)more;
    return n < PATH_SIZE ? n : PATH_SIZE - 1;
}

enum status(json_refuse)(const struct json_at *at, struct err *err, const char *format, ...)
{
    char path[PATH_SIZE] = "", text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (path_text(at, path) == 0)
        snprintf(path, sizeof path, "the document");
    return err_set(err, STATUS_INVALID, "%s %s", path, text);
}

static enum status refuse_kind(const struct json_at *at, const char *want, struct err *err)
{
    const cJSON *v = node(at);
    const char *is = cJSON_IsObject(v)   ? "an object"
                     : cJSON_IsArray(v)  ? "an array"
                     : cJSON_IsString(v) ? "a string"
                     : cJSON_IsNumber(v) ? "a number"
                     : cJSON_IsBool(v)   ? "a boolean"
                                         : "null";
    return json_refuse(at, err, "is %s: expected %s", is, want);
}

bool json_is_null(const struct json_at *at)
{
    return cJSON_IsNull(node(at));
}

enum status json_number(const struct json_at *at, double min, double max, double *ret, struct err *err)
{
    if (!cJSON_IsNumber(node(at)))
        return refuse_kind(at, "a number", err);
    double x = node(at)->valuedouble;
    if (!(x >= min && x <= max))
        return json_refuse(at, err, "is %.15g: allowed are %.15g to %.15g", x, min, max);
    *ret = x;
    return STATUS_OK;
}

enum status json_int(const struct json_at *at, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
    if (!cJSON_IsNumber(node(at)))
        return refuse_kind(at, "a whole number", err);
    double x = node(at)->valuedouble;
    if (fabs(x) > 9007199254740991.0 || floor(x) < x)
        return json_refuse(at, err, "is %.17g: expected a whole number of magnitude at most 2^53 - 1", x);
    int64_t i = (int64_t)x;
    if (i < min || i > max)
        return json_refuse(at, err, "is %lld: allowed are %lld to %lld", (long long)i, (long long)min, (long long)max);
    *ret = i;
    return STATUS_OK;
}

enum status json_bool(const struct json_at *at, bool *ret, struct err *err)
{
    if (!cJSON_IsBool(node(at)))
        return refuse_kind(at, "true or false", err);
    *ret = cJSON_IsTrue(node(at));
    return STATUS_OK;
}

enum status json_string(const struct json_at *at, size_t max_length, const char **ret, struct err *err)
{
    if (!cJSON_IsString(node(at)))
        return refuse_kind(at, "a string", err);
    size_t n = strlen(node(at)->valuestring);
    if (n > max_length)
        return json_refuse(at, err, "has %zu bytes: allowed are at most %zu", n, max_length);
    *ret = node(at)->valuestring;
    return STATUS_OK;
}

enum status json_array(const struct json_at *at, size_t max_items, size_t *ret_n, struct err *err)
{
    if (!cJSON_IsArray(node(at)))
        return refuse_kind(at, "an array", err);
    size_t n = 0;
    for (const cJSON *item = node(at)->child; item; item = item->next)
        n++;
    if (n > max_items)
        return json_refuse(at, err, "has %zu elements: allowed are at most %zu", n, max_items);
    *ret_n = n;
    return STATUS_OK;
}

enum status json_object(const struct json_at *at, struct err *err)
{
    return cJSON_IsObject(node(at)) ? STATUS_OK : refuse_kind(at, "an object", err);
}

enum status json_numbers(const struct json_at *at, double min, double max_value, size_t max, double *ret, size_t *ret_n,
                         struct err *err)
{
    size_t n = 0;
    double x = 0;
    struct json_at item = {0};
    TRY(json_array(at, max, &n, err));
    while (json_next(at, &item))
        TRY(json_number(&item, min, max_value, &x, err));
    item = (struct json_at){0};
    while (json_next(at, &item))
        ret[item.index] = node(&item)->valuedouble;
    *ret_n = n;
    return STATUS_OK;
}

enum status json_member(const struct json_at *at, const char *key, enum json_need need, struct json_at *ret,
                        struct err *err)
{
    TRY(json_object(at, err));
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node(at), key);
    struct json_at member = at_node(item, at, key, 0);
    if (!item && need == JSON_REQUIRED)
        return json_refuse(&member, err, "is missing");
    *ret = member;
    return STATUS_OK;
}

enum status json_get_number(const struct json_at *at, const char *key, enum json_need need, double min, double max,
                            double *ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? json_number(&member, min, max, ret, err) : STATUS_OK;
}

enum status json_get_int(const struct json_at *at, const char *key, enum json_need need, int64_t min, int64_t max,
                         int64_t *ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? json_int(&member, min, max, ret, err) : STATUS_OK;
}

enum status json_get_bool(const struct json_at *at, const char *key, enum json_need need, bool *ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? json_bool(&member, ret, err) : STATUS_OK;
}

enum status json_get_string(const struct json_at *at, const char *key, enum json_need need, size_t max_length,
                            const char **ret, struct err *err)
{
    struct json_at member;
    TRY(json_member(at, key, need, &member, err));
    return member.value ? json_string(&member, max_length, ret, err) : STATUS_OK;
}

bool json_next(const struct json_at *container, struct json_at *item)
{
    const cJSON *next = item->value ? node(item)->next : node(container)->child;
    if (!next)
        return false;
    *item = at_node(next, container, next->string, item->value ? item->index + 1 : 0);
    return true;
}

enum status json_only(const struct json_at *at, const char *const *names, struct err *err)
{
    TRY(json_object(at, err));
    struct json_at item = {0};
    while (json_next(at, &item)) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], item.key) != 0)
            i++;
        if (names[i])
            continue;
        char known[220] = "";
        size_t n = 0;
        for (i = 0; names[i] && n < sizeof known; i++)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", names[i]);
        return json_refuse(&item, err, "is unknown: known are %s", known);
    }
    return STATUS_OK;
}
