#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/httpd/internal.h"

/* [m] held. */
static void connection_listed(struct httpd *httpd, struct connection *c, int fd)
{
    c->fd = fd;
    atomic_store(&c->expires_ns, clock_monotonic_ns() + httpd->deadline_ns);
    c->next = httpd->connections;
    c->link = &httpd->connections;
    if (c->next != NULL)
        c->next->link = &c->next;
    httpd->connections = c;
}

static void connection_started(struct httpd *httpd, struct MHD_Connection *mhd, void **ret)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = info != NULL ? mem_alloc(1, sizeof *c) : NULL;
    *ret = c;
    pthread_mutex_lock(&httpd->mutex);
    httpd->n_connections++;
    if (httpd->n_handed > 0)
        httpd->n_handed--;
    if (c != NULL) /* else its requests are refused */
        connection_listed(httpd, c, info->connect_fd);
    pthread_mutex_unlock(&httpd->mutex);
}

void watch_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                         enum MHD_ConnectionNotificationCode what)
{
    struct httpd *httpd = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_started(httpd, mhd, socket_context);
        return;
    }
    struct connection *c = *socket_context;
    *socket_context = NULL;
    pthread_mutex_lock(&httpd->mutex);
    httpd->n_connections--;
    pthread_cond_signal(&httpd->room);
    if (c != NULL) {
        *c->link = c->next;
        if (c->next != NULL)
            c->next->link = c->link;
    }
    pthread_mutex_unlock(&httpd->mutex);
    mem_free(c);
}

/* MHD sees the end of input and cleans up; it closes the descriptor only after the connection left the list. */
static void drop_expired(struct httpd *httpd, int64_t now)
{
    for (struct connection *c = httpd->connections; c != NULL; c = c->next) {
        if (now < atomic_load(&c->expires_ns))
            continue;
        shutdown(c->fd, SHUT_RDWR);
        atomic_store(&c->expires_ns, INT64_MAX);
    }
}

/* A sleeping stream sends nothing, so nobody else would notice that its client went away. */
static bool client_gone(const struct httpd_request *request)
{
    struct pollfd p = {request->connection->fd, POLLRDHUP, 0};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static int64_t due_after(const struct httpd_request *request, int64_t now)
{
    const int64_t silence = atomic_load(&request->sent_ns) + HTTPD_SILENCE_MS * INT64_C(1000000);
    const int64_t period = request->stream.period_ms * INT64_C(1000000);
    const int64_t pulled = atomic_load(&request->pulled_ns) + period;
    if (period == 0 || silence < pulled)
        return silence;
    return pulled > now ? pulled : now;
}

/* Wakes the streams that are due; returns when the next one will be.  A stream that is awake is being pulled now, so
 * its turn comes a period later. */
static int64_t rouse_due(struct httpd *httpd, int64_t now)
{
    int64_t next = now + HTTPD_TICK_MS * INT64_C(1000000);
    for (struct httpd_request *r = httpd->streams; r != NULL; r = r->next) {
        int64_t due = due_after(r, now);
        r->gone = r->gone || (r->asleep && client_gone(r));
        if (r->asleep && (r->gone || due <= now))
            stream_rouse(r);
        if (due <= now && r->stream.period_ms > 0)
            due = now + r->stream.period_ms * 1000000;
        if (due > now && due < next)
            next = due;
    }
    return next;
}

void *watch_main(void *context)
{
    struct httpd *httpd = context;
    pthread_mutex_lock(&httpd->mutex);
    while (!httpd->stopped) {
        const int64_t now = clock_monotonic_ns();
        drop_expired(httpd, now);
        const int64_t next = rouse_due(httpd, now);
        const struct timespec until = {next / 1000000000, next % 1000000000};
        pthread_cond_timedwait(&httpd->tick, &httpd->mutex, &until);
    }
    pthread_mutex_unlock(&httpd->mutex);
    return NULL;
}
