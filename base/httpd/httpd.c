#include "base/httpd/httpd.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/httpd/internal.h"

enum { THREADS = 2, CONNECTIONS = 1024, DEADLINE_MS = 10000, PEM_MAX = 1 << 20, MEMORY_PER_CONNECTION = 32 << 10 };

static enum status read_pem(const char *path, char **ret, struct err *err)
{
    struct buf text = BUF_INIT;
    const enum status s = file_read(path, PEM_MAX, &text, err);
    if (s == STATUS_OK)
        *ret = buf_take(&text);
    buf_done(&text);
    return s;
}

static enum status read_tls(struct httpd *httpd, const struct httpd_options *o, struct err *err)
{
    if (o->tls_cert == NULL && o->tls_key == NULL)
        return STATUS_OK;
    if (o->tls_cert == NULL || o->tls_key == NULL)
        return err_set(err, STATUS_INVALID, "--tls-cert and --tls-key belong together: %s is missing",
                       o->tls_cert == NULL ? "--tls-cert" : "--tls-key");
    TRY(read_pem(o->tls_cert, &httpd->tls_cert, err));
    return read_pem(o->tls_key, &httpd->tls_key, err);
}

static enum status start_mhd(struct httpd *httpd, struct err *err)
{
    const struct httpd_options *o = &httpd->options;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)watch_on_connection, httpd},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_on_line, httpd},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_on_completed, httpd},
        {MHD_OPTION_LISTEN_SOCKET, httpd->listen_fd, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, o->max_connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, HTTPD_IDLE_MS / 1000, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION, NULL},
        {MHD_OPTION_END, 0, NULL}, /* or the certificate */
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    if (httpd->tls_cert != NULL) {
        flags |= MHD_USE_TLS;
        items[8] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, httpd->tls_cert};
        items[9] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, httpd->tls_key};
    }
    httpd->mhd =
        MHD_start_daemon(flags, 0, NULL, NULL, request_on_data, httpd, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    if (httpd->mhd != NULL)
        return STATUS_OK;
    return err_set(err, STATUS_INVALID, "the HTTP server on %s did not start%s%s%s%s", o->listen,
                   httpd->tls_cert != NULL ? ": is " : "", httpd->tls_cert != NULL ? o->tls_cert : "",
                   httpd->tls_cert != NULL ? " a PEM certificate chain with the key in " : "",
                   httpd->tls_cert != NULL ? o->tls_key : "");
}

static void init_sync(struct httpd *httpd)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&httpd->settled, &monotonic);
    pthread_cond_init(&httpd->tick, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&httpd->mutex, NULL);
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
    mem_free(httpd->tls_cert);
    mem_free(httpd->tls_key);
    free_text(httpd->options.listen);
    free_text(httpd->options.token_file);
    free_text(httpd->options.tls_cert);
    free_text(httpd->options.tls_key);
    pthread_mutex_destroy(&httpd->mutex);
    pthread_cond_destroy(&httpd->settled);
    pthread_cond_destroy(&httpd->tick);
    mem_free(httpd);
}

static enum status start(struct httpd *httpd, struct err *err)
{
    if (httpd->options.token_file != NULL)
        TRY(tokens_read(httpd->options.token_file, &httpd->tokens, err));
    TRY(read_tls(httpd, &httpd->options, err));
    TRY(listen_open(httpd->options.listen, httpd->tokens == NULL, &httpd->listen_fd, &httpd->port, err));
    TRY(start_mhd(httpd, err));
    if (pthread_create(&httpd->watch, NULL, watch_main, httpd) == 0)
        return STATUS_OK;
    MHD_stop_daemon(httpd->mhd);
    httpd->listen_fd = -1; /* MHD closed it */
    return err_set(err, STATUS_UNAVAILABLE, "the watch thread of the HTTP server did not start");
}

enum status httpd_start(const struct httpd_options *options, struct httpd **ret, struct err *err)
{
    struct httpd *httpd = mem_alloc(1, sizeof *httpd);
    if (httpd == NULL)
        return err_no_memory(err);
    httpd->listen_fd = -1;
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

enum status httpd_reload(struct httpd *httpd, struct err *err)
{
    if (httpd->options.token_file == NULL)
        return STATUS_OK;
    struct tokens *fresh = NULL;
    TRY(tokens_read(httpd->options.token_file, &fresh, err));
    pthread_mutex_lock(&httpd->mutex);
    struct tokens *old = httpd->tokens;
    httpd->tokens = fresh;
    pthread_mutex_unlock(&httpd->mutex);
    tokens_free(old);
    return STATUS_OK;
}

struct httpd_counts httpd_counts(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    const struct httpd_counts counts = httpd->counts;
    pthread_mutex_unlock(&httpd->mutex);
    return counts;
}

/* No time limit for handlers and deferred replies; those that are being sent or received get HTTPD_STOP_MS. */
static void settle(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    httpd->stopping = true;
    for (struct httpd_request *r = httpd->streams; r != NULL; r = r->next)
        stream_rouse(r);
    while (httpd->busy > 0)
        pthread_cond_wait(&httpd->settled, &httpd->mutex);
    const int64_t end = clock_monotonic_ns() + HTTPD_STOP_MS * INT64_C(1000000);
    const struct timespec until = {end / 1000000000, end % 1000000000};
    while (httpd->counts.in_flight > 0) {
        if (pthread_cond_timedwait(&httpd->settled, &httpd->mutex, &until) != 0)
            break;
    }
    httpd->stopped = true;
    pthread_cond_signal(&httpd->tick);
    pthread_mutex_unlock(&httpd->mutex);
}

void httpd_stop(struct httpd *httpd)
{
    if (httpd == NULL)
        return;
    /* The descriptor is ours again, to be closed after MHD has stopped (httpd_free). */
    httpd->listen_fd = MHD_quiesce_daemon(httpd->mhd);
    settle(httpd);
    pthread_join(httpd->watch, NULL);
    MHD_stop_daemon(httpd->mhd);
    httpd_free(httpd);
}
