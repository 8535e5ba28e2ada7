#include "tuner/service/tuner.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/core/mem.h"
#include "tuner/service/tuner_internal.h"

enum { QUEUE_MAX = 256 };

struct queued {
    struct tuner_request request;
    char *body;
    struct queued *next;
};

struct item *tuner_add_item(struct tuner *tuner, int64_t id)
{
    struct item *item = mem_alloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->id = id;
    pthread_mutex_lock(&tuner->mutex);
    struct item **grown = mem_resize(tuner->items, tuner->n_items + 1, sizeof(struct item *));
    if (grown != NULL) {
        tuner->items = grown;
        grown[tuner->n_items++] = item;
    }
    pthread_mutex_unlock(&tuner->mutex);
    if (grown == NULL) {
        mem_free(item);
        return NULL;
    }
    return item;
}

void tuner_publish(struct tuner *tuner, struct item *item, char *status)
{
    pthread_mutex_lock(&tuner->mutex);
    char *old = item->status;
    item->status = status;
    item->version++;
    item->waiting = item->failures > 0;
    pthread_mutex_unlock(&tuner->mutex);
    mem_free(old);
    if (tuner->options.changed != NULL)
        tuner->options.changed(tuner->options.context);
}

void tuner_set_active(struct tuner *tuner, struct item *item, bool active)
{
    pthread_mutex_lock(&tuner->mutex);
    item->active = active;
    pthread_mutex_unlock(&tuner->mutex);
}

struct item *tuner_find(struct tuner *tuner, int64_t id)
{
    for (size_t i = 0; i < tuner->n_items; i++)
        if (tuner->items[i]->id == id)
            return tuner->items[i];
    return NULL;
}

static enum status take_head(void *context, const struct journal_head *head, struct err *err)
{
    struct tuner *tuner = context;
    struct item *item = tuner_add_item(tuner, head->id);
    if (item == NULL)
        return err_no_memory(err);
    item->active = head->active;
    item->created_ms = head->created_ms;
    item->updated_ms = head->updated_ms;
    (void)snprintf(item->experiment, sizeof item->experiment, "%s", head->experiment_id);
    item->status = mem_strdup(head->status);
    return item->status != NULL ? STATUS_OK : err_no_memory(err);
}

enum status tuner_new(const struct tuner_options *options, struct tuner **ret, struct err *err)
{
    struct tuner *tuner = mem_alloc(1, sizeof *tuner);
    if (tuner == NULL)
        return err_no_memory(err);
    tuner->options = *options;
    pthread_mutex_init(&tuner->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tuner->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    enum status s = journal_open(options->path, &tuner->journal, err);
    if (s == STATUS_OK)
        s = journal_list(tuner->journal, 0, take_head, tuner, err);
    if (s != STATUS_OK) {
        tuner_free(tuner);
        return s;
    }
    *ret = tuner;
    return STATUS_OK;
}

void tuner_free(struct tuner *tuner)
{
    if (tuner == NULL)
        return;
    tuner_stop(tuner);
    for (size_t i = 0; i < tuner->n_items; i++) {
        tuner_unload(tuner->items[i]);
        mem_free(tuner->items[i]->status);
        mem_free(tuner->items[i]);
    }
    mem_free(tuner->items);
    journal_close(tuner->journal);
    pthread_cond_destroy(&tuner->wake);
    pthread_mutex_destroy(&tuner->mutex);
    mem_free(tuner);
}

static struct queued *take_request(struct tuner *tuner)
{
    pthread_mutex_lock(&tuner->mutex);
    struct queued *queued = tuner->first;
    if (queued != NULL) {
        tuner->first = queued->next;
        tuner->n_queued--;
    }
    if (tuner->first == NULL)
        tuner->last = NULL;
    pthread_mutex_unlock(&tuner->mutex);
    return queued;
}

static void answer(struct tuner *tuner, struct queued *queued)
{
    struct err err = ERR_INIT;
    struct item *item = NULL;
    enum status s = tuner_answer(tuner, &queued->request, &item, &err);
    queued->request.done(queued->request.context, s, s == STATUS_OK ? item->status : NULL, &err);
    mem_free(queued->body);
    mem_free(queued);
}

int64_t tuner_turn(struct tuner *tuner, bool all)
{
    struct queued *queued;
    while ((queued = take_request(tuner)) != NULL)
        answer(tuner, queued);
    int64_t next = -1;
    for (size_t i = 0; i < tuner->n_items; i++) {
        struct item *item = tuner->items[i];
        if (item->active && (all || item->due_ns <= clock_monotonic_ns()))
            tuner_step(tuner, item);
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
    struct tuner *tuner = context;
    pthread_mutex_lock(&tuner->mutex);
    while (!tuner->stopping) {
        pthread_mutex_unlock(&tuner->mutex);
        int64_t next = tuner_turn(tuner, false);
        pthread_mutex_lock(&tuner->mutex);
        if (tuner->stopping || tuner->first != NULL || next == 0)
            continue;
        int64_t until = clock_monotonic_ns() + (next < 0 || next > 1000 ? 1000 : next + 1) * 1000000;
        struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
        pthread_cond_timedwait(&tuner->wake, &tuner->mutex, &at);
    }
    pthread_mutex_unlock(&tuner->mutex);
    struct queued *queued;
    while ((queued = take_request(tuner)) != NULL)
        answer(tuner, queued);
    return NULL;
}

enum status tuner_start(struct tuner *tuner, struct err *err)
{
    assert(!tuner->running);
    if (pthread_create(&tuner->thread, NULL, run, tuner) != 0)
        return err_set(err, STATUS_UNAVAILABLE, "cannot start the service thread");
    tuner->running = true;
    return STATUS_OK;
}

void tuner_stop(struct tuner *tuner)
{
    pthread_mutex_lock(&tuner->mutex);
    tuner->stopping = true;
    pthread_cond_signal(&tuner->wake);
    pthread_mutex_unlock(&tuner->mutex);
    if (tuner->running)
        pthread_join(tuner->thread, NULL);
    tuner->running = false;
    struct queued *queued;
    while ((queued = take_request(tuner)) != NULL) {
        struct err err = ERR_INIT;
        enum status s = err_set(&err, STATUS_UNAVAILABLE, "trimtabd is stopping: ask again");
        queued->request.done(queued->request.context, s, NULL, &err);
        mem_free(queued->body);
        mem_free(queued);
    }
}

enum status tuner_submit(struct tuner *tuner, const struct tuner_request *request, struct err *err)
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
    pthread_mutex_lock(&tuner->mutex);
    bool refuse = tuner->stopping || tuner->n_queued == QUEUE_MAX;
    if (!refuse) {
        if (tuner->last != NULL)
            tuner->last->next = queued;
        else
            tuner->first = queued;
        tuner->last = queued;
        tuner->n_queued++;
        pthread_cond_signal(&tuner->wake);
    }
    pthread_mutex_unlock(&tuner->mutex);
    if (!refuse)
        return STATUS_OK;
    mem_free(queued);
    mem_free(body);
    return err_set(err, STATUS_UNAVAILABLE, "trimtabd is stopping or has %d requests waiting: ask again", QUEUE_MAX);
}

enum status tuner_status(struct tuner *tuner, int64_t campaign, struct buf *ret, uint64_t *ret_version, struct err *err)
{
    pthread_mutex_lock(&tuner->mutex);
    struct item *item = tuner_find(tuner, campaign);
    bool there = item != NULL && item->status != NULL;
    if (there) {
        buf_text(ret, item->status);
        if (ret_version != NULL)
            *ret_version = item->version;
    }
    pthread_mutex_unlock(&tuner->mutex);
    if (!there)
        return err_set(err, STATUS_NOT_FOUND, "there is no campaign %lld", (long long)campaign);
    return buf_status(ret, err);
}

struct tuner_counts tuner_counts(struct tuner *tuner)
{
    struct tuner_counts counts = {0, 0, 0};
    pthread_mutex_lock(&tuner->mutex);
    counts.all = tuner->n_items;
    for (size_t i = 0; i < tuner->n_items; i++) {
        counts.active += tuner->items[i]->active;
        counts.waiting += tuner->items[i]->active && tuner->items[i]->waiting;
    }
    pthread_mutex_unlock(&tuner->mutex);
    return counts;
}

enum status tuner_list(struct tuner *tuner, struct buf *ret, struct err *err)
{
    bool comma = false;
    buf_text(ret, "{\"campaigns\":[");
    pthread_mutex_lock(&tuner->mutex);
    for (size_t i = tuner->n_items; i-- > 0;) {
        if (tuner->items[i]->status == NULL)
            continue;
        if (comma)
            buf_char(ret, ',');
        buf_text(ret, tuner->items[i]->status);
        comma = true;
    }
    pthread_mutex_unlock(&tuner->mutex);
    buf_text(ret, "]}");
    return buf_status(ret, err);
}
