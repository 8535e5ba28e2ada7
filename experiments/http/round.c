/* PUT /v1/experiments/{exp}/rounds/{n}, POST .../stop, POST .../arms/{arm}/stop, GET .../results */
#include "base/json/json.h"
#include "experiments/http/endpoints.h"

static void write_info(const struct call *call, const struct round_info *info)
{
    struct json_writer w;
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    json_write_key(&w, "experiment");
    json_write_string(&w, call->experiment);
    json_write_key(&w, "round");
    json_write_int(&w, call->round);
    json_write_key(&w, "state");
    json_write_string(&w, info->state);
    json_write_key(&w, "opened_ms");
    json_write_int(&w, info->opened_ms);
    json_write_object_end(&w);
}

static enum status put_run(struct store *store, struct call *call, struct err *err)
{
    struct round_info info = {0};
    struct json_at root;
    TRY(call_body(call, &root, err));
    TRY(store_round_put(store, call->experiment, call->round, &root, &info, err));
    if (info.is_new)
        httpd_reply_code(call->request, 201);
    write_info(call, &info);
    return STATUS_OK;
}

enum status endpoint_round_put(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, put_run, err);
}

/* {"reason":".."}, optional as a whole. */
static enum status read_reason(const struct call *call, const char **ret, struct err *err)
{
    static const char *const MEMBERS[] = {"reason", NULL};
    if (!call->body)
        return STATUS_OK;
    struct json_at root = json_root(call->body);
    TRY(json_only(&root, MEMBERS, err));
    return json_get_string(&root, "reason", JSON_OPTIONAL, 500, ret, err);
}

static enum status stop_run(struct store *store, struct call *call, struct err *err)
{
    struct round_info info = {0};
    const char *reason = "";
    TRY(read_reason(call, &reason, err));
    TRY(store_round_stop(store, call->experiment, call->round, reason, &info, err));
    write_info(call, &info);
    return STATUS_OK;
}

enum status endpoint_round_stop(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, stop_run, err);
}

static enum status arm_run(struct store *store, struct call *call, struct err *err)
{
    struct round_info info = {0};
    const char *reason = "";
    TRY(read_reason(call, &reason, err));
    TRY(store_arm_stop(store, call->experiment, call->round, httpd_param(call->request, "arm"), reason, &info, err));
    write_info(call, &info);
    return STATUS_OK;
}

enum status endpoint_arm_stop(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, arm_run, err);
}

static enum status results_run(struct store *store, struct call *call, struct err *err)
{
    return store_results(store, call->experiment, call->round, httpd_reply(call->request), err);
}

enum status endpoint_results(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, results_run, err);
}
