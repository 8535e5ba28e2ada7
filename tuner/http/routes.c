#include <errno.h>
#include <stdlib.h>

#include "tuner/http/handlers.h"

enum { FILE_MAX = 256 * 1024, SMALL = 4096 };

const struct httpd_route TUNER_ROUTES[] = {
    {"GET", "/healthz", handle_health, 0, NULL},
    {"GET", "/readyz", handle_ready, 0, NULL},
    {"GET", "/metrics", handle_metrics, 0, "read"},
    {"GET", "/openapi.yaml", handle_openapi, 0, NULL},
    {"GET", "/v1/clock", handle_clock_get, 0, "read"},
    {"PUT", "/v1/clock", handle_clock_put, SMALL, "operate"},
    {"GET", "/v1/campaigns", handle_campaigns_get, 0, "read"},
    {"POST", "/v1/campaigns", handle_campaigns_post, FILE_MAX, "operate"},
    {"GET", "/v1/campaigns/{id}", handle_campaign_get, 0, "read"},
    {"GET", "/v1/campaigns/{id}/trials", handle_trials_get, 0, "read"},
    {"GET", "/v1/campaigns/{id}/trials/{n}", handle_trial_get, 0, "read"},
    {"GET", "/v1/campaigns/{id}/audit", handle_audit_get, 0, "read"},
    {"GET", "/v1/campaigns/{id}/events", handle_events_get, 0, "read"},
    {"POST", "/v1/campaigns/{id}/pause", handle_pause, SMALL, "operate"},
    {"POST", "/v1/campaigns/{id}/resume", handle_resume, SMALL, "operate"},
    {"POST", "/v1/campaigns/{id}/cancel", handle_cancel, SMALL, "operate"},
    {"POST", "/v1/campaigns/{id}/promote", handle_promote, SMALL, "promote"},
    {NULL, NULL, NULL, 0, NULL},
};

void tuner_http_changed(void *context)
{
    struct tuner_http *http = context;
    struct httpd *httpd = atomic_load(&http->httpd);
    if (httpd != NULL)
        httpd_stream_wake(httpd);
}

enum status path_number(const struct httpd_request *request, const char *name, int64_t *ret, struct err *err)
{
    const char *text = httpd_param(request, name);
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *text < '1' || *text > '9' || *end != '\0')
        return err_set(err, STATUS_NOT_FOUND, "%s in the path is \"%.40s\": allowed are whole numbers from 1", name,
                       text);
    *ret = value;
    return STATUS_OK;
}

static void finish(void *context, enum status s, const char *status, const struct err *err)
{
    struct httpd_request *request = context;
    if (s == STATUS_OK)
        buf_text(httpd_reply(request), status);
    httpd_finish(request, s, err);
}

enum status submit(struct httpd_request *request, struct tuner_http *http, const struct tuner_request *what,
                   struct err *err)
{
    struct tuner_request asked = *what;
    asked.done = finish;
    asked.context = request;
    if (what->kind == TUNER_LAUNCH)
        httpd_reply_code(request, 201);
    httpd_defer(request);
    return tuner_submit(http->tuner, &asked, err);
}
