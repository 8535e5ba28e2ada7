/* GET and PUT /v1/clock */
#include "base/json/json.h"
#include "experiments/http/endpoints.h"

static void write_clock(struct httpd_request *request, struct store *store)
{
    struct json_writer w;
    json_writer_init(&w, httpd_reply(request));
    json_write_object(&w);
    json_write_key(&w, "now_ms");
    json_write_int(&w, store_now_ms(store));
    json_write_object_end(&w);
}

enum status endpoint_clock_get(struct httpd_request *request, void *context, struct err *err)
{
    struct service *service = context;
    (void)err;
    write_clock(request, service->store);
    return STATUS_OK;
}

static enum status put_run(struct store *store, struct call *call, struct err *err)
{
    static const char *const MEMBERS[] = {"now_ms", NULL};
    struct json_at root;
    int64_t now_ms = 0;
    TRY(call_body(call, &root, err));
    TRY(json_only(&root, MEMBERS, err));
    TRY(json_get_int(&root, "now_ms", JSON_REQUIRED, 0, INT64_C(1) << 47, &now_ms, err));
    TRY(store_set_clock(store, now_ms, err));
    write_clock(call->request, store);
    return STATUS_OK;
}

enum status endpoint_clock_put(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, put_run, err);
}
