#include "tests/lib/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"

struct connection {
    int fd;
    int64_t request, sent_ns;
    struct buf out, in;
};

struct running {
    const struct load *load;
    int epoll;
    int64_t next, finished;
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

static void send_next(struct running *r, struct connection *c)
{
    if (r->next == r->load->requests)
        return;
    struct buf body = BUF_INIT;
    c->request = r->next++;
    r->load->body(r->load->context, c->request, &body);
    buf_clear(&c->out);
    buf_printf(&c->out, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\n\r\n", r->load->path,
               r->load->port, body.length);
    buf_add(&c->out, body.data, body.length);
    buf_done(&body);
    buf_clear(&c->in);
    c->sent_ns = clock_monotonic_ns();
    for (size_t at = 0; at < c->out.length;) {
        ssize_t n = send(c->fd, c->out.data + at, c->out.length - at, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        at += (size_t)n;
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
    r->ms[r->finished++] = (double)(clock_monotonic_ns() - c->sent_ns) * 1e-6;
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
    if (got <= 0)
        die("recv");
    c->in.length += (size_t)got;
    c->in.data[c->in.length] = '\0';
    const char *body = complete(c, &n);
    if (!body)
        return;
    take_answer(r, c, body, n);
    send_next(r, c);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void loop(struct running *r)
{
    struct epoll_event events[64];
    while (r->finished < r->load->requests) {
        int n = epoll_wait(r->epoll, events, 64, 10000);
        if (n == 0)
            die("no answer for 10 s");
        for (int i = 0; i < n; i++)
            receive(r, events[i].data.ptr);
    }
}

struct load_result load_run(const struct load *load)
{
    struct running r = {.load = load, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct connection *all = mem_alloc(load->connections, sizeof *all);
    r.ms = mem_alloc((size_t)load->requests, sizeof *r.ms);
    if (!all || !r.ms)
        die("memory");
    int64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = dial(load->port);
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, all[i].fd, &event);
        send_next(&r, &all[i]);
    }
    loop(&r);
    r.result.seconds = (double)(clock_monotonic_ns() - start) * 1e-9;
    qsort(r.ms, (size_t)load->requests, sizeof *r.ms, compare);
    r.result.ms_median = r.ms[load->requests / 2];
    r.result.ms_p99 = r.ms[load->requests * 99 / 100];
    r.result.ms_max = r.ms[load->requests - 1];
    for (size_t i = 0; i < load->connections; i++) {
        close(all[i].fd);
        buf_done(&all[i].out);
        buf_done(&all[i].in);
    }
    close(r.epoll);
    mem_free(all);
    mem_free(r.ms);
    return r.result;
}
