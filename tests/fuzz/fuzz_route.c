/* What a stranger's bytes reach first: the first line is a request target, the second a Host, the third an Origin, the
 * rest a token file. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/httpd/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct httpd_route ROUTES[] = {
    {"GET", "/v1/campaigns", NULL, 0, NULL},
    {"GET", "/v1/campaigns/active", NULL, 0, NULL},
    {"GET", "/v1/campaigns/{id}", NULL, 0, NULL},
    {"POST", "/v1/campaigns/{id}/pause", NULL, 0, NULL},
    {"PUT", "/v1/experiments/{exp}/rounds/{n}", NULL, 0, NULL},
    {"POST", "/v1/experiments/{exp}/rounds/{n}/arms/{arm}/stop", NULL, 0, NULL},
    {"GET", "/", NULL, 0, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

static void check_match(const struct route_match *match)
{
    if (match->route == NULL)
        return;
    assert(match->allow[0] != '\0');
    for (size_t i = 0; i < match->n_params; i++) {
        assert(match->params[i].value[0] != '\0');
        assert(memchr(match->params[i].name, '{', match->params[i].name_length) == NULL);
    }
}

static void route(const char *line)
{
    static const char *const METHODS[] = {"GET", "HEAD", "PUT", "POST", "DELETE", ""};
    struct route_target target;
    struct err err = ERR_INIT;
    if (route_target_init(&target, line, &err) == STATUS_OK) {
        for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
            struct route_match match;
            route_find(ROUTES, METHODS[i], &target, &match);
            check_match(&match);
        }
    } else {
        assert(err.text[0] != '\0');
    }
    route_target_done(&target);
}

static void tokens(const char *text, size_t n)
{
    struct tokens *list = NULL;
    char scopes[SCOPES_MAX];
    if (tokens_parse("file", text, n, &list, NULL) != STATUS_OK)
        return;
    tokens_find(list, "a token that is in no file", scopes);
    assert(scopes[0] == '\0');
    tokens_find(list, "abcdefghijklmnop", scopes);
    assert(!tokens_scope_in(scopes, ""));
    tokens_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    assert(text != NULL);
    char *lines[3] = {text, NULL, NULL}, *rest = text;
    for (size_t i = 0; i < 3 && rest != NULL; i++) {
        lines[i] = rest;
        rest = strchr(rest, '\n');
        if (rest != NULL)
            *rest++ = '\0';
    }
    route(lines[0]);
    if (lines[1] != NULL && origin_is_local(lines[1], lines[2]))
        assert(lines[1][0] == '[' || lines[1][0] == '1' || lines[1][0] == 'l' || lines[1][0] == 'L');
    if (rest != NULL)
        tokens(rest, strlen(rest));
    mem_free(text);
    return 0;
}
