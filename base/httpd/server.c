#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/httpd/internal.h"

enum { PEM_MAX = 1 << 20, MEMORY_PER_CONNECTION = 32 << 10 };

static enum status read_pem(const char *path, char **ret, struct err *err)
{
    struct buf text = BUF_INIT;
    const enum status s = file_read(path, PEM_MAX, &text, err);
    if (s == STATUS_OK)
        *ret = buf_take(&text);
    buf_done(&text);
    return s;
}

static enum status read_tls(struct server *server, const struct httpd_options *o, struct err *err)
{
    if (o->tls_cert == NULL && o->tls_key == NULL)
        return STATUS_OK;
    if (o->tls_cert == NULL || o->tls_key == NULL)
        return err_set(err, STATUS_INVALID, "--tls-cert and --tls-key belong together: %s is missing",
                       o->tls_cert == NULL ? "--tls-cert" : "--tls-key");
    TRY(read_pem(o->tls_cert, &server->cert, err));
    return read_pem(o->tls_key, &server->key, err);
}

static enum status not_started(const struct httpd *httpd, const struct server *server, struct err *err)
{
    const struct httpd_options *o = &httpd->options;
    if (server->cert != NULL)
        return err_set(err, STATUS_INVALID, "%s is not a PEM certificate chain that fits the PEM key in %s",
                       o->tls_cert, o->tls_key);
    return err_set(err, STATUS_UNAVAILABLE, "the HTTP server on %s did not start", o->listen);
}

static struct MHD_Daemon *start_mhd(struct httpd *httpd, const struct server *server)
{
    const struct httpd_options *o = &httpd->options;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)watch_on_connection, httpd},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_on_line, httpd},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_on_completed, httpd},
        {MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL},
        /* MHD divides it among its threads; accept.c keeps the real limit, however the connections are spread. */
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->max_connections * o->threads, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, HTTPD_IDLE_MS / 1000, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION, NULL},
        {server->cert != NULL ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, server->cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_END, 0, NULL},
    };
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ITC | (server->cert != NULL ? MHD_USE_TLS : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, request_on_data, httpd, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static void server_done(struct server *server)
{
    mem_free(server->cert);
    mem_free(server->key);
}

static enum status start(struct httpd *httpd, struct server *server, struct err *err)
{
    TRY(read_tls(server, &httpd->options, err));
    server->mhd = start_mhd(httpd, server);
    return server->mhd != NULL ? STATUS_OK : not_started(httpd, server, err);
}

/* [handing] held.  Stops the retired ones whose last client has gone. */
static void reap(struct httpd *httpd)
{
    size_t kept = 0;
    for (size_t i = 0; i < httpd->n_servers; i++) {
        struct server *server = &httpd->servers[i];
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
        const bool current = i + 1 == httpd->n_servers;
        if (current || info == NULL || info->num_connections > 0) {
            httpd->servers[kept++] = *server;
            continue;
        }
        MHD_stop_daemon(server->mhd);
        server_done(server);
    }
    httpd->n_servers = kept;
}

/* [handing] held. */
static enum status start_next(struct httpd *httpd, struct err *err)
{
    reap(httpd);
    if (httpd->n_servers == HTTPD_SERVERS_MAX)
        return err_set(err, STATUS_CONFLICT, "connections of %d earlier certificates are still open; try again later",
                       HTTPD_SERVERS_MAX);
    struct server server = {0};
    const enum status s = start(httpd, &server, err);
    if (s == STATUS_OK)
        httpd->servers[httpd->n_servers++] = server;
    else
        server_done(&server);
    return s;
}

enum status server_start(struct httpd *httpd, struct err *err)
{
    pthread_mutex_lock(&httpd->handing);
    const enum status s = start_next(httpd, err);
    pthread_mutex_unlock(&httpd->handing);
    return s;
}

bool server_take(struct httpd *httpd, int fd, const struct sockaddr *address, socklen_t length)
{
    pthread_mutex_lock(&httpd->handing);
    struct MHD_Daemon *mhd = httpd->servers[httpd->n_servers - 1].mhd;
    const bool taken = MHD_add_connection(mhd, fd, address, length) == MHD_YES;
    pthread_mutex_unlock(&httpd->handing);
    return taken;
}

void server_stop_all(struct httpd *httpd)
{
    for (size_t i = 0; i < httpd->n_servers; i++) {
        MHD_stop_daemon(httpd->servers[i].mhd);
        server_done(&httpd->servers[i]);
    }
    httpd->n_servers = 0;
}
