#include <errno.h>
#include <stdlib.h>

#include "base/core/mem.h"
#include "base/json/json.h"
#include "experiments/http/endpoints.h"

struct pending {
    struct call call;
    call_function *run;
};

static void pending_free(struct pending *pending)
{
    json_free(pending->call.body);
    mem_free(pending);
}

static enum status pending_run(struct store *store, void *context, struct err *err)
{
    struct pending *pending = context;
    return pending->run(store, &pending->call, err);
}

static void pending_done(void *context, enum status s, const struct err *err)
{
    struct pending *pending = context;
    struct httpd_request *request = pending->call.request;
    pending_free(pending);
    httpd_finish(request, s, err);
}

enum status endpoint_parse_body(const struct httpd_request *request, struct json **ret, struct err *err)
{
    size_t n = 0;
    const char *body = httpd_body(request, &n);
    return json_parse(body, n, NULL, ret, err);
}

enum status call_body(const struct call *call, struct json_at *ret, struct err *err)
{
    if (!call->body)
        return err_set(err, STATUS_INVALID, "the body is missing: a JSON object is expected");
    *ret = json_root(call->body);
    return STATUS_OK;
}

static enum status read_round(const struct httpd_request *request, int64_t *ret, struct err *err)
{
    const char *text = httpd_param(request, "n");
    if (!text)
        return STATUS_OK;
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0 || n > UINT32_MAX)
        return err_set(err, STATUS_INVALID, "round \"%.40s\" is no round number: allowed are 1 to %u", text,
                       UINT32_MAX);
    *ret = n;
    return STATUS_OK;
}

enum status call_start(struct httpd_request *request, struct service *service, call_function *run, struct err *err)
{
    size_t n = 0;
    struct pending *pending = mem_alloc(1, sizeof *pending);
    if (!pending)
        return err_no_memory(err);
    struct call *call = &pending->call;
    pending->run = run;
    call->job = (struct store_job){.run = pending_run, .done = pending_done, .context = pending};
    call->service = service;
    call->request = request;
    call->experiment = httpd_param(request, "exp");
    (void)httpd_body(request, &n);
    enum status s = read_round(request, &call->round, err);
    if (s == STATUS_OK && n > 0)
        s = endpoint_parse_body(request, &call->body, err);
    if (s == STATUS_OK) {
        httpd_defer(request);
        s = store_submit(service->store, &call->job, err);
    }
    if (s != STATUS_OK)
        pending_free(pending);
    return s;
}
