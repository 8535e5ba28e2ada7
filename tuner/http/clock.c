#include "base/json/json_write.h"
#include "tuner/http/handlers.h"

/* GET /v1/clock */
enum status handle_clock_get(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    struct json_writer w;
    json_writer_init(&w, httpd_reply(request));
    json_write_object(&w);
    json_write_key(&w, "now_ms");
    json_write_int(&w, clock_now_ms(http->clock));
    json_write_object_end(&w);
    return buf_status(httpd_reply(request), err);
}

/* PUT /v1/clock {"now_ms":T}, with --fake-clock only. */
enum status handle_clock_put(struct httpd_request *request, void *context, struct err *err)
{
    static const char *const KNOWN[] = {"now_ms", NULL};
    struct tuner_http *http = context;
    struct json *json = NULL;
    int64_t now = 0;
    size_t n = 0;
    const char *body = httpd_body(request, &n);
    TRY(json_parse(body, n, NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = json_object(&root, err);
    if (s == STATUS_OK)
        s = json_only(&root, KNOWN, err);
    if (s == STATUS_OK)
        s = json_get_int(&root, "now_ms", JSON_REQUIRED, 0, INT64_MAX, &now, err);
    json_free(json);
    TRY(s);
    TRY(clock_set(http->clock, now, err));
    return handle_clock_get(request, context, err);
}
