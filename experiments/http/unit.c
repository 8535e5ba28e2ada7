/* DELETE /v1/units/{unit}
 *
 * The search for a unit's rows takes many jobs (removal.h), each submitted when the one before it was committed.  One
 * unit is searched for at a time; the others wait in the service's queue, the first of which is the one at work.
 *
 *   handler --push--> queue, first? submit --> run --commit--> done: more to read? submit again
 *                                                              else pop, answer, submit the next */
#include <string.h>

#include "base/core/mem.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"
#include "experiments/store/removal.h"

struct unit_call {
    struct store_job job;
    struct service *service;
    struct httpd_request *request;
    struct removal *removal;
    bool found_all;
    struct unit_call *next;
};

static void unit_free(struct unit_call *call)
{
    removal_free(call->removal);
    mem_free(call);
}

/* Whether it is the first. */
static bool push(struct unit_call *call)
{
    struct service *service = call->service;
    pthread_mutex_lock(&service->units_mutex);
    struct unit_call **end = &service->units;
    while (*end)
        end = &(*end)->next;
    *end = call;
    bool first = service->units == call;
    pthread_mutex_unlock(&service->units_mutex);
    return first;
}

/* Takes the first away; the one behind it, or NULL. */
static struct unit_call *pop(struct service *service)
{
    pthread_mutex_lock(&service->units_mutex);
    struct unit_call *next = service->units = service->units->next;
    pthread_mutex_unlock(&service->units_mutex);
    return next;
}

static void submit_first(struct service *service, struct unit_call *first)
{
    struct err err = ERR_INIT;
    enum status s = STATUS_OK;
    while (first && (s = store_submit(service->store, &first->job, &err)) != STATUS_OK) {
        struct unit_call *refused = first;
        first = pop(service);
        httpd_finish(refused->request, s, &err);
        unit_free(refused);
    }
}

static void write_counts(const struct unit_call *call)
{
    const struct removal_counts counts = removal_result(call->removal);
    const struct {
        const char *key;
        int64_t n;
    } MEMBERS[] = {{"rounds", counts.rounds},
                   {"exposures", counts.exposures},
                   {"events", counts.events},
                   {"requests", counts.requests},
                   {"covariates", counts.covariates}};
    struct json_writer w;
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++) {
        json_write_key(&w, MEMBERS[i].key);
        json_write_int(&w, MEMBERS[i].n);
    }
    json_write_object_end(&w);
}

static enum status unit_run(struct store *store, void *context, struct err *err)
{
    struct unit_call *call = context;
    TRY(removal_step(store, call->removal, &call->found_all, err));
    if (call->found_all)
        write_counts(call);
    return STATUS_OK;
}

static void unit_done(void *context, enum status s, const struct err *err)
{
    struct unit_call *call = context;
    struct service *service = call->service;
    if (s == STATUS_OK && !call->found_all) {
        submit_first(service, call);
        return;
    }
    struct unit_call *next = pop(service);
    httpd_finish(call->request, s, err);
    unit_free(call);
    submit_first(service, next);
}

enum status endpoint_unit_delete(struct httpd_request *request, void *context, struct err *err)
{
    const char *unit = httpd_param(request, "unit");
    TRY(definition_check_id("unit", unit, err));
    struct unit_call *call = mem_alloc(1, sizeof *call);
    if (!call)
        return err_no_memory(err);
    call->service = context;
    call->request = request;
    call->job = (struct store_job){.run = unit_run, .done = unit_done, .context = call};
    enum status s = removal_new(unit, REMOVAL_ROWS_A_STEP, &call->removal, err);
    if (s != STATUS_OK) {
        unit_free(call);
        return s;
    }
    httpd_defer(request);
    if (push(call))
        submit_first(call->service, call);
    return STATUS_OK;
}
