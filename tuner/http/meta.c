#include "tuner/http/handlers.h"
#include "tuner/http/openapi_yaml.h"

/* GET /healthz: the process answers. */
enum status handle_health(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    buf_text(httpd_reply(request), "{\"status\":\"ok\"}");
    return buf_status(httpd_reply(request), err);
}

/* GET /readyz: the journal can be read. */
enum status handle_ready(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    struct buf none = BUF_INIT;
    enum status s = journal_reader_audit(http->reader, 0, &none, err);
    buf_done(&none);
    return s == STATUS_NOT_FOUND ? handle_health(request, context, err) : s;
}

/* GET /metrics: Prometheus text. */
enum status handle_metrics(struct httpd_request *request, void *context, struct err *err)
{
    struct tuner_http *http = context;
    struct buf *reply = httpd_reply(request);
    httpd_write_metrics(atomic_load(&http->httpd), "trimtabd", reply);
    struct tuner_counts campaigns = tuner_counts(http->tuner);
    buf_printf(reply,
               "# HELP trimtabd_campaigns campaigns by state\n# TYPE trimtabd_campaigns gauge\n"
               "trimtabd_campaigns{state=\"active\"} %zu\n",
               campaigns.active);
    buf_printf(reply, "trimtabd_campaigns{state=\"waiting_for_api\"} %zu\ntrimtabd_campaigns{state=\"all\"} %zu\n",
               campaigns.waiting, campaigns.all);
    httpd_reply_type(request, "text/plain; version=0.0.4");
    return buf_status(reply, err);
}

/* GET /openapi.yaml */
enum status handle_openapi(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    buf_text(httpd_reply(request), TUNER_OPENAPI);
    httpd_reply_type(request, "application/yaml");
    return buf_status(httpd_reply(request), err);
}
