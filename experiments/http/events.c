/* POST /v1/events */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/json/json.h"
#include "base/stats/moments.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"

enum { MAX_EVENTS = 1000 };

struct events_call {
    struct store_job job;
    struct service *service;
    struct httpd_request *request;
    struct json *body;
    size_t n;
    struct store_event *events; /* [n]; texts borrowed from the body */
    struct event_counts counts;
};

static void events_free(struct events_call *call)
{
    json_free(call->body);
    mem_free(call->events);
    mem_free(call);
}

/* By request id, or by experiment, round, arm and unit. */
static enum status decode_place(const struct json_at *at, const struct store *store, struct store_event *ret,
                                struct err *err)
{
    struct json_at experiment;
    TRY(definition_id(at, "request_id", JSON_OPTIONAL, &ret->request_name, err));
    TRY(json_member(at, "experiment", JSON_OPTIONAL, &experiment, err));
    if (ret->request_name && experiment.value)
        return json_refuse(&experiment, err, "is given beside request_id: allowed is one of the two");
    if (ret->request_name) {
        ret->opened = request_id_open(ret->request_name, store_signing_key(store), &ret->request);
        return STATUS_OK;
    }
    if (!experiment.value)
        return json_refuse(at, err, "has neither request_id nor experiment, round, arm and unit");
    TRY(definition_id(at, "experiment", JSON_REQUIRED, &ret->experiment, err));
    TRY(definition_id(at, "arm", JSON_REQUIRED, &ret->arm, err));
    TRY(definition_id(at, "unit", JSON_REQUIRED, &ret->unit, err));
    return json_get_int(at, "round", JSON_REQUIRED, 1, UINT32_MAX, &ret->round, err);
}

/* What this server ranked is exposed already; what others ranked says how many items were shown. */
static enum status check_exposure(const struct json_at *at, const struct store_event *event, double value,
                                  struct err *err)
{
    if (strcmp(event->type, EVENT_EXPOSURE) != 0)
        return STATUS_OK;
    if (!event->experiment)
        return json_refuse(at, err,
                           "is an exposure with a request_id: what /v1/rank served is one already; others name "
                           "experiment, round, arm and unit");
    if (!(value >= 0.0 && value <= 10000.0) || floor(value) < value)
        return json_refuse(at, err, "is an exposure of value %g: the number of items shown, 0 to 10000, is expected",
                           value);
    return STATUS_OK;
}

static enum status decode_event(const struct json_at *at, struct service *service, int64_t now_ms,
                                struct store_event *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"event_id", "request_id", "item",  "type", "value", "position",
                                          "ts",       "experiment", "round", "arm",  "unit",  NULL};
    const char *event_id = NULL;
    double value = 1;
    *ret = (struct store_event){.position = -1, .at_ms = now_ms};
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_id(at, "event_id", JSON_REQUIRED, &event_id, err));
    ret->key = event_key(service->store, event_id);
    TRY(decode_place(at, service->store, ret, err));
    TRY(definition_id(at, "item", JSON_OPTIONAL, &ret->item, err));
    TRY(definition_id(at, "type", JSON_REQUIRED, &ret->type, err));
    TRY(json_get_number(at, "value", JSON_OPTIONAL, -1e6, 1e6, &value, err));
    ret->value = llround(value * MOMENTS_SCALE);
    TRY(check_exposure(at, ret, value, err));
    TRY(json_get_int(at, "position", JSON_OPTIONAL, 0, 1000000, &ret->position, err));
    return json_get_int(at, "ts", JSON_OPTIONAL, 0, INT64_C(1) << 47, &ret->at_ms, err);
}

static enum status decode(struct events_call *call, struct err *err)
{
    static const char *const MEMBERS[] = {"events", NULL};
    struct json_at events, item = {0};
    TRY(endpoint_parse_body(call->request, &call->body, err));
    struct json_at root = json_root(call->body);
    TRY(json_only(&root, MEMBERS, err));
    TRY(json_member(&root, "events", JSON_REQUIRED, &events, err));
    TRY(json_array(&events, MAX_EVENTS, &call->n, err));
    if (call->n == 0)
        return json_refuse(&events, err, "is empty: allowed are 1 to %d events", MAX_EVENTS);
    call->events = mem_alloc(call->n, sizeof *call->events);
    if (!call->events)
        return err_no_memory(err);
    int64_t now_ms = store_now_ms(call->service->store);
    while (json_next(&events, &item))
        TRY(decode_event(&item, call->service, now_ms, &call->events[item.index], err));
    return STATUS_OK;
}

static enum status events_run(struct store *store, void *context, struct err *err)
{
    struct events_call *call = context;
    struct json_writer w;
    TRY(store_ingest(store, call->n, call->events, &call->counts, err));
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    json_write_key(&w, "accepted");
    json_write_int(&w, call->counts.accepted);
    json_write_key(&w, "duplicates");
    json_write_int(&w, call->counts.duplicates);
    json_write_key(&w, "late");
    json_write_int(&w, call->counts.late);
    json_write_key(&w, "orphans");
    json_write_int(&w, call->counts.orphans);
    json_write_object_end(&w);
    return STATUS_OK;
}

static void events_done(void *context, enum status s, const struct err *err)
{
    struct events_call *call = context;
    struct service *service = call->service;
    struct httpd_request *request = call->request;
    if (s == STATUS_OK) {
        atomic_fetch_add(&service->events_accepted, call->counts.accepted);
        atomic_fetch_add(&service->events_duplicate, call->counts.duplicates);
        atomic_fetch_add(&service->events_late, call->counts.late);
        atomic_fetch_add(&service->events_orphan, call->counts.orphans);
    }
    events_free(call);
    httpd_finish(request, s, err);
}

enum status endpoint_events(struct httpd_request *request, void *context, struct err *err)
{
    struct events_call *call = mem_alloc(1, sizeof *call);
    if (!call)
        return err_no_memory(err);
    call->service = context;
    call->request = request;
    enum status s = decode(call, err);
    if (s == STATUS_OK) {
        httpd_defer(request);
        call->job = (struct store_job){.run = events_run, .done = events_done, .context = call};
        s = store_submit(call->service->store, &call->job, err);
    }
    if (s != STATUS_OK)
        events_free(call);
    return s;
}
