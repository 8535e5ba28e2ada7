#include "tests/lib/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"

struct connection {
    int fd;
    int64_t request, from_ns; /* when its time begins */
    struct buf out, in;
};

struct running {
    const struct load *load;
    int epoll, timer; /* timer: of the open loop */
    int64_t start_ns, next, finished;
    /* A ring of load->connections places, n_idle of them taken: all take turns, or the server would close those that
     * an open loop has no need of. */
    struct connection **idle;
    size_t first_idle, n_idle;
    double *ms; /* [requests] */
    struct load_result result;
};

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static bool over(const struct running *r)
{
    const struct load *load = r->load;
    return r->next == load->requests ||
           (load->seconds > 0 && (double)(clock_monotonic_ns() - r->start_ns) > load->seconds * 1e9);
}

/* When the next request is due. */
static int64_t due_ns(const struct running *r)
{
    return r->start_ns + (r->load->per_second > 0 ? (int64_t)((double)r->next / r->load->per_second * 1e9) : 0);
}

static void send_on(struct running *r, struct connection *c)
{
    struct buf body = BUF_INIT;
    c->from_ns = r->load->per_second > 0 ? due_ns(r) : clock_monotonic_ns();
    c->request = r->next++;
    if (r->load->body)
        r->load->body(r->load->context, c->request, &body);
    buf_clear(&c->out);
    buf_printf(&c->out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\n\r\n",
               r->load->body ? "POST" : "GET", r->load->path, r->load->port, body.length);
    buf_add(&c->out, body.data, body.length);
    buf_done(&body);
    buf_clear(&c->in);
    for (size_t at = 0; at < c->out.length;) {
        ssize_t n = send(c->fd, c->out.data + at, c->out.length - at, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        at += (size_t)n;
    }
}

/* Sends what is due while a connection is free, and sets the timer for what comes next. */
static void send_due(struct running *r)
{
    while (r->n_idle > 0 && !over(r)) {
        const int64_t wait_ns = due_ns(r) - clock_monotonic_ns();
        if (wait_ns > 0) {
            const struct itimerspec at = {.it_value = {wait_ns / 1000000000, wait_ns % 1000000000}};
            timerfd_settime(r->timer, 0, &at, NULL);
            return;
        }
        struct connection *c = r->idle[r->first_idle];
        r->first_idle = (r->first_idle + 1) % r->load->connections;
        r->n_idle--;
        send_on(r, c);
    }
}

/* The body when the whole answer is there, else NULL. */
static const char *complete(const struct connection *c, size_t *ret_n)
{
    const char *end = c->in.length ? strstr(c->in.data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(c->in.data, "content-length:") : NULL;
    if (!length || length > end)
        return NULL;
    *ret_n = strtoul(length + 15, NULL, 10);
    return c->in.length - (size_t)(end + 4 - c->in.data) >= *ret_n ? end + 4 : NULL;
}

static void take_answer(struct running *r, struct connection *c, const char *body, size_t n)
{
    r->ms[r->finished++] = (double)(clock_monotonic_ns() - c->from_ns) * 1e-6;
    if (strncmp(c->in.data, "HTTP/1.1 200", 12) == 0) {
        r->result.ok++;
        if (r->load->answer)
            r->load->answer(r->load->context, c->request, body, n);
        return;
    }
    if (r->result.failed++ == 0)
        snprintf(r->result.first_failure, sizeof r->result.first_failure, "%.40s %.*s", c->in.data, (int)n, body);
}

static void receive(struct running *r, struct connection *c)
{
    size_t n = 0;
    if (!buf_reserve(&c->in, 65536))
        die("memory");
    ssize_t got = recv(c->fd, c->in.data + c->in.length, 65536, 0);
    if (got == 0)
        errno = ECONNRESET;
    if (got <= 0)
        die("recv");
    c->in.length += (size_t)got;
    c->in.data[c->in.length] = '\0';
    const char *body = complete(c, &n);
    if (!body)
        return;
    take_answer(r, c, body, n);
    r->idle[(r->first_idle + r->n_idle++) % r->load->connections] = c;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void loop(struct running *r)
{
    struct epoll_event events[64];
    uint64_t ticks;
    for (send_due(r); r->finished < r->next || !over(r); send_due(r)) {
        int n = epoll_wait(r->epoll, events, 64, 30000);
        if (n == 0)
            die("no answer for 30 s");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                receive(r, events[i].data.ptr);
            else if (read(r->timer, &ticks, sizeof ticks) < 0)
                die("timer");
        }
    }
}

struct load_result load_run(const struct load *load)
{
    struct running r = {
        .load = load, .epoll = epoll_create1(EPOLL_CLOEXEC), .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
    struct connection *all = mem_alloc(load->connections, sizeof *all);
    struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
    r.ms = mem_alloc((size_t)load->requests, sizeof *r.ms);
    r.idle = mem_alloc(load->connections, sizeof(void *));
    if (!all || !r.ms || !r.idle)
        die("memory");
    epoll_ctl(r.epoll, EPOLL_CTL_ADD, r.timer, &tick);
    for (size_t i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = dial(load->port);
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, all[i].fd, &event);
        r.idle[r.n_idle++] = &all[i];
    }
    r.start_ns = clock_monotonic_ns();
    loop(&r);
    r.result.seconds = (double)(clock_monotonic_ns() - r.start_ns) * 1e-9;
    if (r.finished == 0)
        die("no request was sent");
    qsort(r.ms, (size_t)r.finished, sizeof *r.ms, compare);
    r.result.ms_median = r.ms[r.finished / 2];
    r.result.ms_p99 = r.ms[r.finished * 99 / 100];
    r.result.ms_max = r.ms[r.finished - 1];
    for (size_t i = 0; i < load->connections; i++) {
        close(all[i].fd);
        buf_done(&all[i].out);
        buf_done(&all[i].in);
    }
    close(r.epoll);
    close(r.timer);
    mem_free(r.idle);
    mem_free(all);
    mem_free(r.ms);
    return r.result;
}
