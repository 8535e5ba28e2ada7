/* GET /healthz, /readyz, /metrics, /openapi.yaml */
#include "experiments/http/endpoints.h"
#include "experiments/http/openapi_yaml.h"

enum status endpoint_healthz(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    buf_text(httpd_reply(request), "{\"status\":\"ok\"}");
    return buf_status(httpd_reply(request), err);
}

enum status endpoint_readyz(struct httpd_request *request, void *context, struct err *err)
{
    struct service *service = context;
    TRY(store_check(service->store, err));
    struct scorer *scorer = service_scorer(service);
    buf_printf(httpd_reply(request), "{\"status\":\"ok\",\"model_hash\":\"%s\"}", scorer_hash(scorer));
    scorer_release(scorer);
    return buf_status(httpd_reply(request), err);
}

static void counter(struct buf *out, const char *name, const char *label, _Atomic int64_t *value)
{
    buf_printf(out, "trimtab_%s_total{result=\"%s\"} %lld\n", name, label, (long long)atomic_load(value));
}

static void write_model(struct buf *out, struct service *service)
{
    struct scorer *scorer = service_scorer(service);
    buf_printf(out,
               "# HELP trimtab_model_info the model that serves\n# TYPE trimtab_model_info gauge\n"
               "trimtab_model_info{hash=\"%s\"} 1\n",
               scorer_hash(scorer));
    scorer_release(scorer);
}

static void write_wal(struct buf *out, struct store *store)
{
    const struct store_wal wal = store_wal(store);
    buf_printf(out,
               "# HELP trimtab_wal_bytes size of the database's write-ahead log\n# TYPE trimtab_wal_bytes gauge\n"
               "trimtab_wal_bytes %lld\n",
               (long long)wal.bytes);
    buf_printf(out,
               "# HELP trimtab_wal_held whether the last checkpoint could not free the log\n"
               "# TYPE trimtab_wal_held gauge\ntrimtab_wal_held %d\n",
               wal.held);
    buf_printf(out,
               "# HELP trimtab_writes_unsynced jobs that were committed and wait for the disk\n"
               "# TYPE trimtab_writes_unsynced gauge\ntrimtab_writes_unsynced %zu\n",
               wal.unsynced);
    buf_printf(out,
               "# HELP trimtab_syncs_total syncs of the log\n# TYPE trimtab_syncs_total counter\n"
               "trimtab_syncs_total %lld\n",
               (long long)wal.n_syncs);
    buf_printf(out,
               "# HELP trimtab_sync_seconds_total time they took\n# TYPE trimtab_sync_seconds_total counter\n"
               "trimtab_sync_seconds_total %.9f\n",
               (double)wal.sync_ns * 1e-9);
}

enum status endpoint_metrics(struct httpd_request *request, void *context, struct err *err)
{
    struct service *service = context;
    struct buf *out = httpd_reply(request);
    httpd_reply_type(request, "text/plain; version=0.0.4");
    buf_text(out, "# HELP trimtab_ranks_total rank requests\n# TYPE trimtab_ranks_total counter\n");
    counter(out, "ranks", "arm", &service->ranks_served);
    counter(out, "ranks", "default", &service->ranks_default);
    counter(out, "ranks", "repeated", &service->ranks_repeated);
    buf_text(out, "# HELP trimtab_events_total events by what became of them\n# TYPE trimtab_events_total counter\n");
    counter(out, "events", "accepted", &service->events_accepted);
    counter(out, "events", "duplicate", &service->events_duplicate);
    counter(out, "events", "late", &service->events_late);
    counter(out, "events", "orphan", &service->events_orphan);
    buf_text(out, "# HELP trimtab_previews_total previews of weights\n# TYPE trimtab_previews_total counter\n");
    counter(out, "previews", "answered", &service->previews_answered);
    counter(out, "previews", "refused", &service->previews_refused);
    buf_printf(out,
               "# HELP trimtab_writes_waiting jobs that wait for the writer\n# TYPE trimtab_writes_waiting gauge\n"
               "trimtab_writes_waiting %zu\n",
               store_waiting(service->store));
    buf_printf(out,
               "# HELP trimtab_writes_failing whether the last write failed\n# TYPE trimtab_writes_failing gauge\n"
               "trimtab_writes_failing %d\n",
               store_check(service->store, NULL) != STATUS_OK);
    buf_printf(out,
               "# HELP trimtab_hot_bytes memory of the live rounds\n# TYPE trimtab_hot_bytes gauge\n"
               "trimtab_hot_bytes %zu\n",
               store_hot_bytes(service->store));
    write_wal(out, service->store);
    write_model(out, service);
    struct httpd *httpd = atomic_load(&service->httpd);
    if (httpd)
        httpd_write_metrics(httpd, "trimtab", out);
    return buf_status(out, err);
}

enum status endpoint_openapi(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    httpd_reply_type(request, "application/yaml");
    buf_add(httpd_reply(request), OPENAPI_YAML, sizeof OPENAPI_YAML - 1);
    return buf_status(httpd_reply(request), err);
}
