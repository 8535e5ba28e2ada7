#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/httpd/internal.h"

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* The client has until then to bring the whole request. */
static void expect_request(struct httpd *httpd, struct connection *connection)
{
    const int64_t until = clock_monotonic_ns() + httpd->deadline_ns;
    if (until < atomic_load(&connection->expires_ns))
        atomic_store(&connection->expires_ns, until);
}

void *request_on_line(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct httpd *httpd = context;
    struct httpd_request *request = mem_alloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->httpd = httpd;
    request->mhd = mhd;
    request->connection = connection_of(mhd);
    request->line = mem_strdup(target != NULL ? target : "");
    if (request->connection == NULL || request->line == NULL) {
        mem_free(request->line);
        mem_free(request);
        return NULL;
    }
    expect_request(httpd, request->connection);
    pthread_mutex_lock(&httpd->mutex);
    httpd->counts.in_flight++;
    pthread_mutex_unlock(&httpd->mutex);
    return request;
}

void request_on_completed(void *context, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode why)
{
    (void)mhd;
    (void)why;
    struct httpd *httpd = context;
    struct httpd_request *request = *state;
    *state = NULL;
    if (request == NULL)
        return;
    stream_done(request);
    atomic_store(&request->connection->expires_ns,
                 clock_monotonic_ns() + HTTPD_IDLE_MS * INT64_C(1000000) + httpd->deadline_ns);
    pthread_mutex_lock(&httpd->mutex);
    httpd->counts.in_flight--;
    if (request->busy)
        httpd->busy--;
    pthread_cond_broadcast(&httpd->settled);
    pthread_mutex_unlock(&httpd->mutex);
    reply_done(request);
    buf_done(&request->body);
    route_target_done(&request->target);
    mem_free(request->line);
    mem_free(request);
}

static enum status refuse_origin(const struct httpd_request *request, struct err *err)
{
    if (origin_is_local(httpd_header(request, "Host"), httpd_header(request, "Origin")))
        return STATUS_OK;
    return err_set(err, STATUS_FORBIDDEN,
                   "without tokens this server answers only this machine: the Host and Origin of "
                   "the request are another's");
}

static enum status check_token(struct httpd_request *request, const char *scope, struct err *err)
{
    const char *header = httpd_header(request, "Authorization"), *token = httpd_header(request, "X-API-Key");
    if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0)
        token = header + 7;
    if (token != NULL) {
        pthread_mutex_lock(&request->httpd->mutex);
        tokens_find(request->httpd->tokens, token, request->scopes);
        pthread_mutex_unlock(&request->httpd->mutex);
    }
    if (scope == NULL)
        return STATUS_OK;
    if (request->scopes[0] == '\0')
        return err_set(err, STATUS_UNAUTHORIZED,
                       "a known token is needed: Authorization: Bearer TOKEN (or X-API-Key: TOKEN)");
    if (strcmp(scope, "*") != 0 && !tokens_scope_in(request->scopes, scope))
        return err_set(err, STATUS_FORBIDDEN, "the token has the scope %s; this needs %s", request->scopes, scope);
    return STATUS_OK;
}

static enum status find_route(struct httpd_request *request, const char *method, struct err *err)
{
    TRY(route_target_init(&request->target, request->line, err));
    route_find(request->httpd->options.routes, method, &request->target, &request->match);
    if (request->match.route != NULL)
        return STATUS_OK;
    if (request->match.allow[0] == '\0')
        return err_set(err, STATUS_NOT_FOUND, "there is no %.200s here", request->line);
    TRY(httpd_reply_header(request, "Allow", request->match.allow, err));
    return err_set(err, STATUS_NOT_ALLOWED, "%s is not for this address; allowed: %s", method, request->match.allow);
}

/* Of the Content-Length header; 0 when there is none.  MHD has refused bad numbers. */
static uint64_t announced_length(const struct httpd_request *request)
{
    const char *text = httpd_header(request, "Content-Length");
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static enum status too_large(const struct httpd_request *request, struct err *err)
{
    const size_t max = request->match.route->max_body;
    if (max == 0)
        return err_set(err, STATUS_TOO_LARGE, "this request takes no body");
    return err_set(err, STATUS_TOO_LARGE, "the body is larger than %zu bytes", max);
}

static enum status check_head(struct httpd_request *request, const char *method, struct err *err)
{
    struct httpd *httpd = request->httpd;
    pthread_mutex_lock(&httpd->mutex);
    const bool stopping = httpd->stopping;
    request->open = httpd->tokens == NULL;
    pthread_mutex_unlock(&httpd->mutex);
    if (stopping)
        return err_set(err, STATUS_UNAVAILABLE, "the server is stopping");
    if (request->open)
        TRY(refuse_origin(request, err));
    TRY(find_route(request, method, err));
    if (!request->open)
        TRY(check_token(request, request->match.route->scope, err));
    return announced_length(request) > request->match.route->max_body ? too_large(request, err) : STATUS_OK;
}

/* The client's name for the request, so that its log and ours can be put side by side, or a new one. */
static void choose_id(struct httpd_request *request)
{
    struct httpd *httpd = request->httpd;
    const char *theirs = httpd_header(request, "X-Request-Id");
    const size_t n = theirs != NULL ? strlen(theirs) : 0;
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
    if (n > 0 && n <= HTTPD_ID_MAX && strspn(theirs, ALLOWED) == n)
        memcpy(request->id, theirs, n + 1);
    else
        (void)snprintf(request->id, sizeof request->id, "%016" PRIx64,
                       rng_mix(httpd->id_seed + atomic_fetch_add(&httpd->n_ids, 1)));
}

/* The headers are complete.  A refused request with a short body is still read to its end: closing earlier would reset
 * the connection, and the client might never see why. */
static enum MHD_Result begin(struct httpd_request *request, const char *method)
{
    request->begun = true;
    request->began_ns = clock_monotonic_ns();
    request->method = method;
    choose_id(request);
    request->last = framing_check(request->mhd, &request->refusal) != STATUS_OK;
    if (request->last)
        return reply_send(request, STATUS_INVALID, &request->refusal);
    request->refusal.status = check_head(request, method, &request->refusal);
    const bool waits = httpd_header(request, "Expect") != NULL;
    if (request->refusal.status != STATUS_OK && (waits || announced_length(request) > HTTPD_DRAIN_MAX))
        return reply_send(request, request->refusal.status, &request->refusal);
    return MHD_YES;
}

static enum MHD_Result receive(struct httpd_request *request, const char *data, size_t *n)
{
    const size_t length = *n;
    *n = 0;
    if (request->refusal.status == STATUS_OK && request->body.length + length > request->match.route->max_body)
        request->refusal.status = too_large(request, &request->refusal);
    if (request->refusal.status == STATUS_OK) {
        buf_add(&request->body, data, length);
        request->refusal.status = buf_status(&request->body, &request->refusal);
        return MHD_YES;
    }
    request->dropped += length;
    return request->dropped <= HTTPD_DRAIN_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result answer(struct httpd_request *request, enum status s, const struct err *err)
{
    struct httpd *httpd = request->httpd;
    const enum MHD_Result result = reply_send(request, s, err);
    pthread_mutex_lock(&httpd->mutex);
    if (request->busy)
        httpd->busy--;
    request->busy = false;
    pthread_cond_broadcast(&httpd->settled);
    pthread_mutex_unlock(&httpd->mutex);
    return result;
}

/* Whether the handler may run; from here to the queued reply httpd_stop waits. */
static bool become_busy(struct httpd_request *request)
{
    struct httpd *httpd = request->httpd;
    pthread_mutex_lock(&httpd->mutex);
    request->busy = !httpd->stopping;
    if (request->busy)
        httpd->busy++;
    pthread_mutex_unlock(&httpd->mutex);
    return request->busy;
}

/* The reply is due now, unless it is deferred and not yet finished: then the connection sleeps. */
static bool ready_or_suspend(struct httpd_request *request, bool failed)
{
    pthread_mutex_lock(&request->httpd->mutex);
    const bool sleep = request->deferral == DEFERRAL_ASKED && !failed;
    if (sleep) {
        MHD_suspend_connection(request->mhd);
        request->deferral = DEFERRAL_SUSPENDED;
    }
    pthread_mutex_unlock(&request->httpd->mutex);
    return !sleep;
}

static enum MHD_Result run_handler(struct httpd_request *request)
{
    struct err err = ERR_INIT;
    request->complete = true;
    atomic_store(&request->connection->expires_ns, INT64_MAX);
    if (request->refusal.status == STATUS_OK && !become_busy(request))
        request->refusal.status = err_set(&request->refusal, STATUS_UNAVAILABLE, "the server is stopping");
    if (request->refusal.status != STATUS_OK)
        return answer(request, request->refusal.status, &request->refusal);
    const enum status s = request->match.route->handler(request, request->httpd->options.context, &err);
    if (!ready_or_suspend(request, s != STATUS_OK))
        return MHD_YES;
    if (s == STATUS_OK && request->deferral == DEFERRAL_FINISHED)
        return answer(request, request->outcome.status, &request->outcome);
    return answer(request, s, &err);
}

enum MHD_Result request_on_data(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *n, void **state)
{
    (void)context;
    (void)mhd;
    (void)url;
    (void)version;
    struct httpd_request *request = *state;
    if (request == NULL)
        return MHD_NO;
    if (!request->begun)
        return begin(request, method);
    if (*n > 0)
        return receive(request, data, n);
    if (!request->complete)
        return run_handler(request);
    /* MHD calls again once the connection was resumed. */
    if (!ready_or_suspend(request, false))
        return MHD_YES;
    return answer(request, request->outcome.status, &request->outcome);
}

void httpd_defer(struct httpd_request *request)
{
    pthread_mutex_lock(&request->httpd->mutex);
    request->deferral = DEFERRAL_ASKED;
    pthread_mutex_unlock(&request->httpd->mutex);
}

void httpd_finish(struct httpd_request *request, enum status s, const struct err *err)
{
    struct httpd *httpd = request->httpd;
    pthread_mutex_lock(&httpd->mutex);
    if (err != NULL)
        request->outcome = *err;
    request->outcome.status = s;
    const bool sleeping = request->deferral == DEFERRAL_SUSPENDED;
    request->deferral = DEFERRAL_FINISHED;
    if (sleeping)
        MHD_resume_connection(request->mhd);
    pthread_mutex_unlock(&httpd->mutex);
}

const char *httpd_param(const struct httpd_request *request, const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < request->match.n_params; i++) {
        const struct route_pair *p = &request->match.params[i];
        if (p->name_length == n && memcmp(p->name, name, n) == 0)
            return p->value;
    }
    return NULL;
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
    for (size_t i = 0; i < request->target.n_queries; i++) {
        if (strcmp(request->target.queries[i].name, name) == 0)
            return request->target.queries[i].value;
    }
    return NULL;
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const char *httpd_body(const struct httpd_request *request, size_t *ret_n)
{
    *ret_n = request->body.length;
    return buf_string(&request->body);
}

bool httpd_has_scope(const struct httpd_request *request, const char *scope)
{
    return request->open || tokens_scope_in(request->scopes, scope);
}
