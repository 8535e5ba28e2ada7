#include "experiments/http/preview.h"

#include <string.h>

#include "base/core/mem.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"

struct preview_call {
    struct preview_call *next;
    struct service *service;
    struct httpd_request *request;
    struct view *view;
    struct preview_question question;
    struct preview_snapshot sample;
};

static void call_free(struct preview_call *call)
{
    view_release(call->view);
    mem_free(call);
}

enum status preview_decode(const struct json_at *root, const struct view *view, struct preview_question *ret,
                           struct err *err)
{
    static const char *const MEMBERS[] = {"weights", "reference", NULL};
    struct experiment_plan plan = {.n_heads = view->n_heads};
    struct json_at weights, reference, item = {0};
    size_t n = 0;
    memcpy(plan.heads, view->heads, sizeof plan.heads);
    TRY(json_only(root, MEMBERS, err));
    TRY(json_member(root, "weights", JSON_REQUIRED, &weights, err));
    TRY(json_array(&weights, PREVIEW_MAX_WEIGHTS, &n, err));
    if (n == 0)
        return json_refuse(&weights, err, "is empty: allowed are 1 to %d objects of weights", PREVIEW_MAX_WEIGHTS);
    while (json_next(&weights, &item))
        TRY(definition_weights(&item, &plan, ret->previews[1 + item.index].weights, err));
    TRY(json_member(root, "reference", JSON_OPTIONAL, &reference, err));
    if (reference.value)
        TRY(definition_weights(&reference, &plan, ret->previews[0].weights, err));
    else
        memcpy(ret->previews[0].weights, view->default_weights, sizeof ret->previews[0].weights);
    ret->n = n + 1;
    return STATUS_OK;
}

static void write_shown(struct json_writer *w, const struct preview_snapshot *sample, const struct preview *preview)
{
    json_write_key(w, "shown");
    json_write_vector(w, sample->n > 0 ? sample->n_heads : 0, preview->shown);
}

static void write_reply(const struct preview_call *call)
{
    const struct preview_snapshot *sample = &call->sample;
    struct json_writer w;
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    json_write_key_text(&w, "experiment", call->view->name);
    json_write_key_int(&w, "requests", (int64_t)sample->n);
    json_write_key(&w, "heads");
    json_write_array(&w);
    for (size_t h = 0; h < call->view->n_heads; h++)
        json_write_string(&w, call->view->heads[h]);
    json_write_array_end(&w);
    json_write_key(&w, "reference");
    json_write_object(&w);
    write_shown(&w, sample, &call->question.previews[0]);
    json_write_object_end(&w);
    json_write_key(&w, "previews");
    json_write_array(&w);
    for (size_t i = 1; i < call->question.n && sample->n > 0; i++) {
        json_write_object(&w);
        write_shown(&w, sample, &call->question.previews[i]);
        json_write_key_number(&w, "overlap", call->question.previews[i].overlap);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
}

static void answer(struct preview_call *call)
{
    struct httpd_request *request = call->request;
    struct err err = ERR_INIT;
    preview_snapshot_take(&call->service->preview_samples, call->view, &call->sample);
    preview_estimate(&call->sample, call->question.n, call->question.previews);
    write_reply(call);
    preview_snapshot_done(&call->sample);
    atomic_fetch_add(&call->service->previews_answered, 1);
    call_free(call);
    const enum status s = buf_status(httpd_reply(request), &err);
    httpd_finish(request, s, &err);
}

/* Waits for the next; NULL: the worker ends. */
static struct preview_call *next_call(struct preview_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->waiting && !worker->stopping)
        pthread_cond_wait(&worker->wake, &worker->mutex);
    struct preview_call *call = worker->waiting;
    if (call) {
        worker->waiting = call->next;
        worker->n_waiting--;
    }
    pthread_mutex_unlock(&worker->mutex);
    return call;
}

static void *work(void *context)
{
    struct preview_call *call = NULL;
    while ((call = next_call(context)) != NULL)
        answer(call);
    return NULL;
}

void preview_worker_init(struct preview_worker *worker)
{
    *worker = (struct preview_worker){.started = false};
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
}

void preview_worker_done(struct preview_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    if (worker->started)
        (void)pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
}

static enum status enqueue(struct preview_worker *worker, struct preview_call *call, struct err *err)
{
    if (worker->n_waiting == PREVIEW_MAX_WAITING)
        return err_set(err, STATUS_UNAVAILABLE, "%d previews wait already: try again", PREVIEW_MAX_WAITING);
    if (!worker->started && pthread_create(&worker->thread, NULL, work, worker) != 0)
        return err_set(err, STATUS_UNAVAILABLE, "no thread for previews could be started: try again");
    worker->started = true;
    struct preview_call **end = &worker->waiting;
    while (*end)
        end = &(*end)->next;
    *end = call;
    worker->n_waiting++;
    pthread_cond_signal(&worker->wake);
    return STATUS_OK;
}

static enum status submit(struct preview_worker *worker, struct preview_call *call, struct err *err)
{
    httpd_defer(call->request);
    pthread_mutex_lock(&worker->mutex);
    const enum status s = enqueue(worker, call, err);
    pthread_mutex_unlock(&worker->mutex);
    return s;
}

static enum status prepare(struct preview_call *call, struct err *err)
{
    struct json *body = NULL;
    TRY(store_view(call->service->store, httpd_param(call->request, "exp"), &call->view, err));
    TRY(endpoint_parse_body(call->request, &body, err));
    const struct json_at root = json_root(body);
    const enum status s = preview_decode(&root, call->view, &call->question, err);
    json_free(body);
    return s;
}

enum status endpoint_preview(struct httpd_request *request, void *context, struct err *err)
{
    struct service *service = context;
    struct preview_call *call = mem_alloc(1, sizeof *call);
    if (!call)
        return err_no_memory(err);
    call->service = service;
    call->request = request;
    enum status s = prepare(call, err);
    if (s == STATUS_OK) {
        s = submit(&service->preview_worker, call, err);
        if (s != STATUS_OK)
            atomic_fetch_add(&service->previews_refused, 1);
    }
    if (s != STATUS_OK)
        call_free(call);
    return s;
}
