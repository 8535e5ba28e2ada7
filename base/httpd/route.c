#include "base/httpd/route.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Bytes of the UTF-8 character at s, 0 when it is not one.  RFC 3629, section 4: no overlong forms, no surrogates. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    const size_t n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                     : (s[0] & 0xF0) == 0xE0        ? 3
                     : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                    : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    const bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    const bool beyond = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    return overlong || beyond ? 0 : n;
}

static bool is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        const size_t n = utf8_length(s);
        if (n == 0)
            return false;
        s += n;
    }
    return true;
}

enum status route_decode(char *text, struct err *err)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        const int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return err_set(err, STATUS_INVALID,
                           "the address holds a bad escape: %% needs two hexadecimal digits, not 00");
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    if (!is_utf8(text))
        return err_set(err, STATUS_INVALID, "the address is not UTF-8");
    return STATUS_OK;
}

static enum status split_path(struct route_target *target, char *path, struct err *err)
{
    if (path[0] != '/')
        return err_set(err, STATUS_INVALID, "the address does not start with /");
    for (char *at = path; at != NULL;) {
        char *segment = at + 1;
        at = strchr(segment, '/');
        if (at != NULL)
            *at = '\0';
        if (target->n_segments == ROUTE_MAX_SEGMENTS)
            return err_set(err, STATUS_INVALID, "the address has more than %d segments", ROUTE_MAX_SEGMENTS);
        TRY(route_decode(segment, err));
        target->segments[target->n_segments++] = segment;
    }
    return STATUS_OK;
}

static enum status add_query(struct route_target *target, char *word, struct err *err)
{
    if (target->n_queries == ROUTE_MAX_QUERIES)
        return err_set(err, STATUS_INVALID, "the address has more than %d query parameters", ROUTE_MAX_QUERIES);
    for (char *c = word; *c != '\0'; c++) {
        if (*c == '+')
            *c = ' ';
    }
    char *value = strchr(word, '=');
    if (value != NULL)
        *value++ = '\0';
    TRY(route_decode(word, err));
    if (value != NULL)
        TRY(route_decode(value, err));
    target->queries[target->n_queries++] = (struct route_pair){word, strlen(word), value != NULL ? value : ""};
    return STATUS_OK;
}

enum status route_target_init(struct route_target *ret, const char *target, struct err *err)
{
    *ret = (struct route_target){0};
    ret->text = mem_strdup(target);
    if (ret->text == NULL)
        return err_no_memory(err);
    char *query = strchr(ret->text, '?');
    if (query != NULL)
        *query++ = '\0';
    TRY(split_path(ret, ret->text, err));
    while (query != NULL) {
        char *word = query;
        query = strchr(query, '&');
        if (query != NULL)
            *query++ = '\0';
        if (*word != '\0')
            TRY(add_query(ret, word, err));
    }
    return STATUS_OK;
}

void route_target_done(struct route_target *target)
{
    mem_free(target->text);
    *target = (struct route_target){0};
}

static bool match_segment(const char *pattern, size_t length, const char *segment, struct route_match *match)
{
    if (length < 2 || pattern[0] != '{')
        return strlen(segment) == length && memcmp(segment, pattern, length) == 0;
    if (segment[0] == '\0' || match->n_params == ROUTE_MAX_PARAMS)
        return false;
    match->params[match->n_params++] = (struct route_pair){pattern + 1, length - 2, segment};
    return true;
}

static bool match_path(const char *pattern, const struct route_target *target, struct route_match *match)
{
    match->n_params = 0;
    for (size_t i = 0; i < target->n_segments; i++) {
        if (*pattern != '/')
            return false;
        pattern++;
        const size_t length = strcspn(pattern, "/");
        if (!match_segment(pattern, length, target->segments[i], match))
            return false;
        pattern += length;
    }
    return *pattern == '\0';
}

static void allow_add(struct route_match *match, const char *method)
{
    if (strstr(match->allow, method) != NULL)
        return;
    const size_t used = strlen(match->allow);
    snprintf(match->allow + used, sizeof match->allow - used, "%s%s%s", used > 0 ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

void route_find(const struct httpd_route *routes, const char *method, const struct route_target *target,
                struct route_match *ret)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    *ret = (struct route_match){0};
    for (const struct httpd_route *route = routes; route->method != NULL; route++) {
        struct route_match match = {0};
        if (!match_path(route->path, target, &match))
            continue;
        allow_add(ret, route->method);
        if (ret->route != NULL || strcmp(route->method, wanted) != 0)
            continue;
        ret->route = route;
        ret->n_params = match.n_params;
        memcpy(ret->params, match.params, sizeof match.params);
    }
}
