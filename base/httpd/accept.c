/* The thread that accepts connections and hands them to MHD, in turn to each of its threads.
 *
 * MHD could listen itself, but then MHD_quiesce_daemon() is needed to stop it, and its threads race with that call for
 * the listening socket in their epoll sets: whoever comes second aborts the process ("Failed to remove listen FD from
 * epoll set", libmicrohttpd 0.9.75).  Here a server that is to get no more connections is simply given none, and a
 * client beyond max_connections waits in the backlog of the socket. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/core/clock.h"
#include "base/httpd/internal.h"

enum { PAUSE_MS = 100, BEGIN_MS = 1000 };

/* [m] held.  Until a connection closes, accepting ends or the time is over; false: the time. */
static bool wait_for_room(struct httpd *httpd, int64_t ms)
{
    const int64_t end = clock_monotonic_ns() + ms * 1000000;
    const struct timespec until = {end / 1000000000, end % 1000000000};
    return pthread_cond_timedwait(&httpd->room, &httpd->mutex, &until) == 0;
}

/* Counts one more connection as handed over, when there is room for it; false: the end.  MHD does not say when it had
 * no memory to begin one: what did not begin in BEGIN_MS never will. */
static bool take_place(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    while (!httpd->closing && httpd->n_connections + httpd->n_handed >= httpd->options.max_connections) {
        if (!wait_for_room(httpd, BEGIN_MS))
            httpd->n_handed = 0;
    }
    const bool going_on = !httpd->closing;
    if (going_on)
        httpd->n_handed++;
    pthread_mutex_unlock(&httpd->mutex);
    return going_on;
}

static void give_place_back(struct httpd *httpd, bool quiet_for_long)
{
    pthread_mutex_lock(&httpd->mutex);
    if (quiet_for_long)
        httpd->n_handed = 0;
    else if (httpd->n_handed > 0)
        httpd->n_handed--;
    pthread_mutex_unlock(&httpd->mutex);
}

/* A client that left again is nothing; for want of descriptors or memory, what closes next makes room. */
static void pause_after(struct httpd *httpd, int failure)
{
    if (failure == ECONNABORTED || failure == EAGAIN || failure == EINTR)
        return;
    pthread_mutex_lock(&httpd->mutex);
    if (!httpd->closing)
        (void)wait_for_room(httpd, PAUSE_MS);
    pthread_mutex_unlock(&httpd->mutex);
}

static void accept_one(struct httpd *httpd)
{
    struct sockaddr_storage storage;
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;
    const int fd = accept4(httpd->listen_fd, address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const int failure = errno;
    if (fd >= 0 && server_take(httpd, fd, address, length))
        return;
    give_place_back(httpd, false);
    if (fd < 0)
        pause_after(httpd, failure);
}

void *accept_main(void *context)
{
    struct httpd *httpd = context;
    struct pollfd listening = {httpd->listen_fd, POLLIN, 0};
    while (take_place(httpd)) {
        const int n = poll(&listening, 1, BEGIN_MS);
        if (n > 0)
            accept_one(httpd);
        else
            give_place_back(httpd, n == 0);
    }
    return NULL;
}

void accept_stop(struct httpd *httpd)
{
    pthread_mutex_lock(&httpd->mutex);
    httpd->closing = true;
    pthread_cond_signal(&httpd->room);
    pthread_mutex_unlock(&httpd->mutex);
    shutdown(httpd->listen_fd, SHUT_RDWR); /* ends poll() */
    pthread_join(httpd->accept, NULL);
}
