/* PUT /v1/experiments/{exp}/default, GET .../default/history */
#include "base/json/json.h"
#include "experiments/http/endpoints.h"

static enum status put_run(struct store *store, struct call *call, struct err *err)
{
    static const char *const MEMBERS[] = {"weights", "if_version", "reason", NULL};
    struct json_at root;
    struct default_change change = {.reason = ""};
    TRY(call_body(call, &root, err));
    TRY(json_only(&root, MEMBERS, err));
    TRY(json_member(&root, "weights", JSON_REQUIRED, &change.weights, err));
    TRY(json_get_int(&root, "if_version", JSON_REQUIRED, 1, INT64_C(1) << 52, &change.if_version, err));
    TRY(json_get_string(&root, "reason", JSON_OPTIONAL, 500, &change.reason, err));
    return store_default_put(store, call->experiment, &change, httpd_reply(call->request), err);
}

enum status endpoint_default_put(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, put_run, err);
}

static enum status history_run(struct store *store, struct call *call, struct err *err)
{
    return store_default_history(store, call->experiment, httpd_reply(call->request), err);
}

enum status endpoint_default_history(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, history_run, err);
}
