#include "base/httpd/httpd.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/httpd/internal.h"

enum { THREADS = 2, CONNECTIONS = 1024, DEADLINE_MS = 10000, STOP_MS = 2000 };

static void init_sync(struct httpd *httpd)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&httpd->settled, &monotonic);
    pthread_cond_init(&httpd->tick, &monotonic);
    pthread_cond_init(&httpd->room, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&httpd->mutex, NULL);
    pthread_mutex_init(&httpd->handing, NULL);
}

static char *copy_text(const char *text)
{
    return text != NULL ? mem_strdup(text) : NULL;
}

/* Numbers get their standard values, texts are copied: the caller's may go. */
static bool copy_options(struct httpd *httpd, const struct httpd_options *options)
{
    struct httpd_options *o = &httpd->options;
    *o = *options;
    o->threads = o->threads == 0 ? THREADS : o->threads;
    o->max_connections = o->max_connections == 0 ? CONNECTIONS : o->max_connections;
    if (o->max_connections < o->threads)
        o->max_connections = o->threads;
    o->deadline_ms = o->deadline_ms == 0 ? DEADLINE_MS : o->deadline_ms;
    o->stop_ms = o->stop_ms == 0 ? STOP_MS : o->stop_ms;
    httpd->max_streams = (o->max_connections + 1) / 2;
    httpd->deadline_ns = o->deadline_ms * 1000000;
    o->listen = copy_text(options->listen);
    o->token_file = copy_text(options->token_file);
    o->tls_cert = copy_text(options->tls_cert);
    o->tls_key = copy_text(options->tls_key);
    return o->listen != NULL && (o->token_file == NULL) == (options->token_file == NULL) &&
           (o->tls_cert == NULL) == (options->tls_cert == NULL) && (o->tls_key == NULL) == (options->tls_key == NULL);
}

static void free_text(const char *text)
{
    union {
        const char *text;
        char *block;
    } owned = {text};
    mem_free(owned.block);
}

static void httpd_free(struct httpd *httpd)
{
    if (httpd->listen_fd >= 0)
        close(httpd->listen_fd);
    tokens_free(httpd->tokens);
    free_text(httpd->options.listen);
    free_text(httpd->options.token_file);
    free_text(httpd->options.tls_cert);
    free_text(httpd->options.tls_key);
    pthread_mutex_destroy(&httpd->mutex);
    pthread_mutex_destroy(&httpd->handing);
    pthread_cond_destroy(&httpd->settled);
    pthread_cond_destroy(&httpd->tick);
    pthread_cond_destroy(&httpd->room);
    mem_free(httpd);
}

static void stop_watch(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    httpd->stopped = true;
    pthread_cond_signal(&httpd->tick);
    pthread_mutex_unlock(&httpd->mutex);
    pthread_join(httpd->watch, NULL);
}

static enum status start_threads(struct httpd *httpd, struct err *err)
{
    if (pthread_create(&httpd->watch, NULL, watch_main, httpd) != 0)
        return err_set(err, STATUS_UNAVAILABLE, "the watch thread of the HTTP server did not start");
    if (pthread_create(&httpd->accept, NULL, accept_main, httpd) == 0)
        return STATUS_OK;
    stop_watch(httpd);
    return err_set(err, STATUS_UNAVAILABLE, "the accept thread of the HTTP server did not start");
}

static enum status start(struct httpd *httpd, struct err *err)
{
    if (httpd->options.token_file != NULL)
        TRY(tokens_read(httpd->options.token_file, &httpd->tokens, err));
    TRY(listen_open(httpd->options.listen, httpd->tokens == NULL, &httpd->listen_fd, &httpd->port, err));
    TRY(server_start(httpd, err));
    const enum status s = start_threads(httpd, err);
    if (s != STATUS_OK)
        server_stop_all(httpd);
    return s;
}

enum status httpd_start(const struct httpd_options *options, struct httpd **ret, struct err *err)
{
    struct httpd *httpd = mem_alloc(1, sizeof *httpd);
    if (httpd == NULL)
        return err_no_memory(err);
    httpd->listen_fd = -1;
    httpd->id_seed = (uint64_t)clock_monotonic_ns() ^ rng_mix((uint64_t)getpid());
    init_sync(httpd);
    const enum status s = copy_options(httpd, options) ? start(httpd, err) : err_no_memory(err);
    if (s == STATUS_OK)
        *ret = httpd;
    else
        httpd_free(httpd);
    return s;
}

int httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

static enum status reload_tokens(struct httpd *httpd, struct err *err)
{
    struct tokens *fresh = NULL;
    TRY(tokens_read(httpd->options.token_file, &fresh, err));
    pthread_mutex_lock(&httpd->mutex);
    struct tokens *old = httpd->tokens;
    httpd->tokens = fresh;
    pthread_mutex_unlock(&httpd->mutex);
    tokens_free(old);
    return STATUS_OK;
}

enum status httpd_reload(struct httpd *httpd, struct err *err)
{
    if (httpd->options.token_file != NULL)
        TRY(reload_tokens(httpd, err));
    return httpd->options.tls_cert != NULL ? server_start(httpd, err) : STATUS_OK;
}

struct httpd_counts httpd_counts(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    const struct httpd_counts counts = httpd->counts;
    pthread_mutex_unlock(&httpd->mutex);
    return counts;
}

/* [m] held.  What is still being received was not accepted yet; MHD can also miss that such a client has left. */
static void hurry_clients(struct httpd *httpd)
{
    const int64_t until = clock_monotonic_ns() + HTTPD_HURRY_MS * INT64_C(1000000);
    for (struct connection *c = httpd->connections; c != NULL; c = c->next) {
        int64_t expires = atomic_load(&c->expires_ns);
        while (until < expires && expires != INT64_MAX &&
               !atomic_compare_exchange_weak(&c->expires_ns, &expires, until))
            continue;
    }
}

/* No time limit for handlers and deferred replies; replies that are being sent get stop_ms. */
static void settle(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    httpd->stopping = true;
    hurry_clients(httpd);
    for (struct httpd_request *r = httpd->streams; r != NULL; r = r->next)
        stream_rouse(r);
    while (httpd->busy > 0)
        pthread_cond_wait(&httpd->settled, &httpd->mutex);
    const int64_t end = clock_monotonic_ns() + httpd->options.stop_ms * 1000000;
    const struct timespec until = {end / 1000000000, end % 1000000000};
    while (httpd->counts.in_flight > 0) {
        if (pthread_cond_timedwait(&httpd->settled, &httpd->mutex, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&httpd->mutex);
}

void httpd_stop(struct httpd *httpd)
{
    if (httpd == NULL)
        return;
    accept_stop(httpd);
    settle(httpd);
    stop_watch(httpd);
    server_stop_all(httpd);
    httpd_free(httpd);
}
