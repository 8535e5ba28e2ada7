#include "tuner/service/service.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/core/mem.h"
#include "tuner/service/service_internal.h"

enum { QUEUE_MAX = 256 };

struct queued {
    struct service_request request;
    char *body;
    struct queued *next;
};

struct item *service_add_item(struct service *service, int64_t id)
{
    struct item *item = mem_alloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->id = id;
    pthread_mutex_lock(&service->mutex);
    struct item **grown = mem_resize(service->items, service->n_items + 1, sizeof(struct item *));
    if (grown != NULL) {
        service->items = grown;
        grown[service->n_items++] = item;
    }
    pthread_mutex_unlock(&service->mutex);
    if (grown == NULL) {
        mem_free(item);
        return NULL;
    }
    return item;
}

void service_publish(struct service *service, struct item *item, char *status)
{
    pthread_mutex_lock(&service->mutex);
    char *old = item->status;
    item->status = status;
    item->version++;
    item->waiting = item->failures > 0;
    pthread_mutex_unlock(&service->mutex);
    mem_free(old);
    if (service->options.changed != NULL)
        service->options.changed(service->options.context);
}

struct item *service_find(struct service *service, int64_t id)
{
    for (size_t i = 0; i < service->n_items; i++)
        if (service->items[i]->id == id)
            return service->items[i];
    return NULL;
}

static enum status take_head(void *context, const struct store_head *head, struct err *err)
{
    struct service *service = context;
    struct item *item = service_add_item(service, head->id);
    if (item == NULL)
        return err_no_memory(err);
    item->active = head->active;
    item->created_ms = head->created_ms;
    item->updated_ms = head->updated_ms;
    (void)snprintf(item->experiment, sizeof item->experiment, "%s", head->experiment_id);
    item->status = mem_strdup(head->status);
    return item->status != NULL ? STATUS_OK : err_no_memory(err);
}

enum status service_new(const struct service_options *options, struct service **ret, struct err *err)
{
    struct service *service = mem_alloc(1, sizeof *service);
    if (service == NULL)
        return err_no_memory(err);
    service->options = *options;
    pthread_mutex_init(&service->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&service->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    enum status s = store_open(options->path, &service->store, err);
    if (s == STATUS_OK)
        s = store_list(service->store, 0, take_head, service, err);
    if (s != STATUS_OK) {
        service_free(service);
        return s;
    }
    *ret = service;
    return STATUS_OK;
}

void service_free(struct service *service)
{
    if (service == NULL)
        return;
    service_stop(service);
    for (size_t i = 0; i < service->n_items; i++) {
        service_unload(service->items[i]);
        mem_free(service->items[i]->status);
        mem_free(service->items[i]);
    }
    mem_free(service->items);
    store_close(service->store);
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->mutex);
    mem_free(service);
}

static struct queued *take_request(struct service *service)
{
    pthread_mutex_lock(&service->mutex);
    struct queued *queued = service->first;
    if (queued != NULL) {
        service->first = queued->next;
        service->n_queued--;
    }
    if (service->first == NULL)
        service->last = NULL;
    pthread_mutex_unlock(&service->mutex);
    return queued;
}

static void answer(struct service *service, struct queued *queued)
{
    struct err err = ERR_INIT;
    struct item *item = NULL;
    enum status s = service_answer(service, &queued->request, &item, &err);
    queued->request.done(queued->request.context, s, s == STATUS_OK ? item->status : NULL, &err);
    mem_free(queued->body);
    mem_free(queued);
}

int64_t service_turn(struct service *service, bool all)
{
    struct queued *queued;
    while ((queued = take_request(service)) != NULL)
        answer(service, queued);
    int64_t next = -1;
    for (size_t i = 0; i < service->n_items; i++) {
        struct item *item = service->items[i];
        if (item->active && (all || item->due_ns <= clock_monotonic_ns()))
            service_step(service, item);
        if (!item->active)
            continue;
        int64_t wait = (item->due_ns - clock_monotonic_ns()) / 1000000;
        wait = wait < 0 ? 0 : wait;
        next = next < 0 || wait < next ? wait : next;
    }
    return next;
}

static void *run(void *context)
{
    struct service *service = context;
    pthread_mutex_lock(&service->mutex);
    while (!service->stopping) {
        pthread_mutex_unlock(&service->mutex);
        int64_t next = service_turn(service, false);
        pthread_mutex_lock(&service->mutex);
        if (service->stopping || service->first != NULL || next == 0)
            continue;
        int64_t until = clock_monotonic_ns() + (next < 0 || next > 1000 ? 1000 : next + 1) * 1000000;
        struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
        pthread_cond_timedwait(&service->wake, &service->mutex, &at);
    }
    pthread_mutex_unlock(&service->mutex);
    struct queued *queued;
    while ((queued = take_request(service)) != NULL)
        answer(service, queued);
    return NULL;
}

enum status service_start(struct service *service, struct err *err)
{
    assert(!service->running);
    if (pthread_create(&service->thread, NULL, run, service) != 0)
        return err_set(err, STATUS_UNAVAILABLE, "cannot start the service thread");
    service->running = true;
    return STATUS_OK;
}

void service_stop(struct service *service)
{
    pthread_mutex_lock(&service->mutex);
    service->stopping = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->mutex);
    if (service->running)
        pthread_join(service->thread, NULL);
    service->running = false;
    struct queued *queued;
    while ((queued = take_request(service)) != NULL) {
        struct err err = ERR_INIT;
        enum status s = err_set(&err, STATUS_UNAVAILABLE, "trimtabd is stopping: ask again");
        queued->request.done(queued->request.context, s, NULL, &err);
        mem_free(queued->body);
        mem_free(queued);
    }
}

enum status service_submit(struct service *service, const struct service_request *request, struct err *err)
{
    struct queued *queued = mem_alloc(1, sizeof *queued);
    char *body = request->body == NULL ? NULL : mem_strndup(request->body, request->n);
    if (queued == NULL || (request->body != NULL && body == NULL)) {
        mem_free(queued);
        mem_free(body);
        return err_no_memory(err);
    }
    *queued = (struct queued){*request, body, NULL};
    queued->request.body = body;
    pthread_mutex_lock(&service->mutex);
    bool refuse = service->stopping || service->n_queued == QUEUE_MAX;
    if (!refuse) {
        if (service->last != NULL)
            service->last->next = queued;
        else
            service->first = queued;
        service->last = queued;
        service->n_queued++;
        pthread_cond_signal(&service->wake);
    }
    pthread_mutex_unlock(&service->mutex);
    if (!refuse)
        return STATUS_OK;
    mem_free(queued);
    mem_free(body);
    return err_set(err, STATUS_UNAVAILABLE, "trimtabd is stopping or has %d requests waiting: ask again", QUEUE_MAX);
}

enum status service_status(struct service *service, int64_t campaign, struct buf *ret, uint64_t *ret_version,
                           struct err *err)
{
    pthread_mutex_lock(&service->mutex);
    struct item *item = service_find(service, campaign);
    bool there = item != NULL && item->status != NULL;
    if (there) {
        buf_text(ret, item->status);
        if (ret_version != NULL)
            *ret_version = item->version;
    }
    pthread_mutex_unlock(&service->mutex);
    if (!there)
        return err_set(err, STATUS_NOT_FOUND, "there is no campaign %lld", (long long)campaign);
    return buf_status(ret, err);
}

struct service_counts service_counts(struct service *service)
{
    struct service_counts counts = {0, 0, 0};
    pthread_mutex_lock(&service->mutex);
    counts.all = service->n_items;
    for (size_t i = 0; i < service->n_items; i++) {
        counts.active += service->items[i]->active;
        counts.waiting += service->items[i]->active && service->items[i]->waiting;
    }
    pthread_mutex_unlock(&service->mutex);
    return counts;
}

enum status service_list(struct service *service, struct buf *ret, struct err *err)
{
    bool comma = false;
    buf_text(ret, "{\"campaigns\":[");
    pthread_mutex_lock(&service->mutex);
    for (size_t i = service->n_items; i-- > 0;) {
        if (service->items[i]->status == NULL)
            continue;
        if (comma)
            buf_char(ret, ',');
        buf_text(ret, service->items[i]->status);
        comma = true;
    }
    pthread_mutex_unlock(&service->mutex);
    buf_text(ret, "]}");
    return buf_status(ret, err);
}
