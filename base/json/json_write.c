#include "base/json/json_write.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"

void json_writer_init(struct json_writer *w, struct buf *buf)
{
    *w = (struct json_writer){buf, false, 0};
}

static void separate(struct json_writer *w)
{
    if (w->comma)
        buf_char(w->buf, ',');
    w->comma = true;
}

static void open_with(struct json_writer *w, char c)
{
    separate(w);
    buf_char(w->buf, c);
    w->comma = false;
    w->depth++;
}

static void close_with(struct json_writer *w, char c)
{
    assert(w->depth > 0);
    buf_char(w->buf, c);
    w->comma = true;
    w->depth--;
}

void json_write_object(struct json_writer *w)
{
    open_with(w, '{');
}

void json_write_object_end(struct json_writer *w)
{
    close_with(w, '}');
}

void json_write_array(struct json_writer *w)
{
    open_with(w, '[');
}

void json_write_array_end(struct json_writer *w)
{
    close_with(w, ']');
}

static void quote(struct buf *buf, const char *text)
{
    buf_char(buf, '"');
    for (const char *start = text;; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(buf, start, (size_t)(text - start));
        if (c == '\0')
            break;
        if (c == '"' || c == '\\')
            buf_printf(buf, "\\%c", c);
        else
            buf_printf(buf, "\\u%04x", c);
        start = text + 1;
    }
    buf_char(buf, '"');
}

void json_write_key(struct json_writer *w, const char *key)
{
    assert(w->depth > 0);
    separate(w);
    quote(w->buf, key);
    buf_char(w->buf, ':');
    w->comma = false;
}

void json_write_string(struct json_writer *w, const char *text)
{
    if (!text) {
        json_write_null(w);
        return;
    }
    separate(w);
    quote(w->buf, text);
}

void json_write_number(struct json_writer *w, double x)
{
    char text[40] = "null";
    for (int digits = 15; isfinite(x) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double back = strtod(text, NULL);
        if (memcmp(&back, &x, sizeof x) == 0)
            break;
    }
    json_write_raw(w, text);
}

void json_write_int(struct json_writer *w, int64_t x)
{
    separate(w);
    buf_printf(w->buf, "%lld", (long long)x);
}

void json_write_bool(struct json_writer *w, bool x)
{
    json_write_raw(w, x ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, "null");
}

void json_write_key_int(struct json_writer *w, const char *key, int64_t x)
{
    json_write_key(w, key);
    json_write_int(w, x);
}

void json_write_key_number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

void json_write_key_text(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

void json_write_key_bool(struct json_writer *w, const char *key, bool x)
{
    json_write_key(w, key);
    json_write_bool(w, x);
}

void json_write_key_null(struct json_writer *w, const char *key)
{
    json_write_key(w, key);
    json_write_null(w);
}

void json_write_vector(struct json_writer *w, size_t n, const double *x)
{
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_number(w, x[i]);
    json_write_array_end(w);
}

void json_write_square(struct json_writer *w, size_t n, const double *x)
{
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_vector(w, n, x + i * n);
    json_write_array_end(w);
}

void json_write_raw(struct json_writer *w, const char *json)
{
    separate(w);
    buf_text(w->buf, json);
}

static int compare_members(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static enum status write_node(struct json_writer *w, const cJSON *v, bool sorted, struct err *err);

static enum status write_sorted(struct json_writer *w, const cJSON *object, struct err *err)
{
    size_t n = 0, i = 0;
    for (const cJSON *item = object->child; item; item = item->next)
        n++;
    const cJSON **members = mem_alloc(n, sizeof *members);
    if (!members)
        return err_no_memory(err);
    for (const cJSON *item = object->child; item; item = item->next)
        members[i++] = item;
    qsort(members, n, sizeof *members, compare_members);
    enum status s = STATUS_OK;
    for (i = 0; i < n && s == STATUS_OK; i++) {
        json_write_key(w, members[i]->string);
        s = write_node(w, members[i], true, err);
    }
    mem_free(members);
    return s;
}

static enum status write_container(struct json_writer *w, const cJSON *v, bool sorted, struct err *err)
{
    bool object = cJSON_IsObject(v);
    open_with(w, object ? '{' : '[');
    if (object && sorted) {
        TRY(write_sorted(w, v, err));
    } else {
        for (const cJSON *item = v->child; item; item = item->next) {
            if (object)
                json_write_key(w, item->string);
            TRY(write_node(w, item, sorted, err));
        }
    }
    close_with(w, object ? '}' : ']');
    return STATUS_OK;
}

static enum status write_node(struct json_writer *w, const cJSON *v, bool sorted, struct err *err)
{
    if (cJSON_IsObject(v) || cJSON_IsArray(v))
        return write_container(w, v, sorted, err);
    if (cJSON_IsString(v))
        json_write_string(w, v->valuestring);
    else if (cJSON_IsNumber(v))
        json_write_number(w, v->valuedouble);
    else if (cJSON_IsBool(v))
        json_write_bool(w, cJSON_IsTrue(v));
    else
        json_write_null(w);
    return STATUS_OK;
}

void json_write_value(struct json_writer *w, const struct json_at *at)
{
    /* Unsorted writing allocates only in the buffer, which remembers its own failure. */
    enum status s = write_node(w, (const cJSON *)(const void *)at->value, false, NULL);
    assert(s == STATUS_OK);
    (void)s;
}

enum status json_write_canonical(struct json_writer *w, const struct json_at *at, struct err *err)
{
    TRY(write_node(w, (const cJSON *)(const void *)at->value, true, err));
    return buf_status(w->buf, err);
}
