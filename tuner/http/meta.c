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
    struct httpd_counts counts = httpd_counts(atomic_load(&http->httpd));
    buf_text(reply, "# TYPE trimtabd_http_requests_total counter\n");
    for (int i = 1; i < 6; i++)
        buf_printf(reply, "trimtabd_http_requests_total{class=\"%dxx\"} %lld\n", i, (long long)counts.by_class[i]);
    buf_printf(reply, "# TYPE trimtabd_http_in_flight gauge\ntrimtabd_http_in_flight %lld\n",
               (long long)counts.in_flight);
    struct tuner_counts campaigns = tuner_counts(http->tuner);
    buf_printf(reply, "# TYPE trimtabd_campaigns gauge\ntrimtabd_campaigns{state=\"active\"} %zu\n", campaigns.active);
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
