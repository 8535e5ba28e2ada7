#include "tests/lib/httpd_lab.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "tests/lib/check.h"

static enum status hello(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    const char *name = httpd_query(request, "name");
    buf_printf(httpd_reply(request), "{\"segment\":\"%s\",\"name\":\"%s\"}", httpd_param(request, "exp"),
               name != NULL ? name : "none");
    assert_null(httpd_param(request, "n"));
    return httpd_reply_header(request, "X-Test", "yes", err);
}

static enum status echo(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    (void)err;
    size_t n = 0;
    const char *body = httpd_body(request, &n);
    buf_add(httpd_reply(request), body, n);
    httpd_reply_code(request, 201);
    httpd_reply_type(request, "text/plain");
    return STATUS_OK;
}

static enum status refuse(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    buf_text(httpd_reply(request), "half written");
    return err_set(err, STATUS_UNPROCESSABLE, "field \"x\" is 7351");
}

static enum status busy(struct httpd_request *request, void *context, struct err *err)
{
    (void)request;
    (void)context;
    return err_set(err, STATUS_UNAVAILABLE, "the disk is full");
}

static void *finish_now(void *request)
{
    buf_text(httpd_reply(request), "{}");
    httpd_finish(request, STATUS_OK, NULL);
    return NULL;
}

static enum status defer(struct httpd_request *request, void *context, struct err *err)
{
    struct httpd_lab_world *world = context;
    httpd_defer(request);
    if (httpd_query(request, "refuse") != NULL)
        return err_set(err, STATUS_UNAVAILABLE, "queue is full");
    if (world->finish_at_once) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, finish_now, request), 0);
        pthread_join(thread, NULL);
        return STATUS_OK;
    }
    pthread_mutex_lock(&world->mutex);
    world->deferred[world->n_deferred++] = request;
    pthread_mutex_unlock(&world->mutex);
    return STATUS_OK;
}

static bool pull(void *context, struct buf *chunk)
{
    struct httpd_lab_world *world = context;
    pthread_mutex_lock(&world->mutex);
    buf_printf(chunk, "data: %d\n\n", world->pulls++);
    pthread_mutex_unlock(&world->mutex);
    return true;
}

static void stream_over(void *context)
{
    struct httpd_lab_world *world = context;
    pthread_mutex_lock(&world->mutex);
    world->ended++;
    pthread_mutex_unlock(&world->mutex);
}

static enum status stream(struct httpd_request *request, void *context, struct err *err)
{
    const char *period = httpd_query(request, "period");
    const struct httpd_stream s = {pull, stream_over, context, period != NULL ? atoi(period) : 0};
    return httpd_stream(request, &s, err);
}

static bool flood(void *context, struct buf *chunk)
{
    struct httpd_lab_world *world = context;
    pthread_mutex_lock(&world->mutex);
    world->pulls++;
    pthread_mutex_unlock(&world->mutex);
    for (int i = 0; i < 1000; i++)
        buf_text(chunk, "data: 0123456789012345678901234567890123456789012345678901234567890123456789\n");
    return true;
}

static enum status flood_stream(struct httpd_request *request, void *context, struct err *err)
{
    const struct httpd_stream s = {flood, stream_over, context, 1};
    return httpd_stream(request, &s, err);
}

const struct httpd_route HTTPD_LAB_ROUTES[] = {
    {"GET", "/hello/{exp}", hello, 0, NULL},
    {"POST", "/echo", echo, HTTPD_LAB_BODY_MAX, "events"},
    {"PUT", "/echo", echo, HTTPD_LAB_BODY_MAX, "*"},
    {"GET", "/fail", refuse, 0, NULL},
    {"GET", "/busy", busy, 0, NULL},
    {"GET", "/defer", defer, 0, NULL},
    {"GET", "/stream", stream, 0, NULL},
    {"GET", "/flood", flood_stream, 0, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

void httpd_lab_begin_with(struct httpd_lab *f, struct httpd_options options, const char *token_file)
{
    *f = (struct httpd_lab){0};
    pthread_mutex_init(&f->world.mutex, NULL);
    options.listen = "127.0.0.1:0";
    options.routes = HTTPD_LAB_ROUTES;
    options.context = &f->world;
    assert_ok(httpd_start(&options, &f->httpd, &f->err), &f->err);
    assert_true(httpd_port(f->httpd) > 0);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", httpd_port(f->httpd));
    const struct httpc_options client = {.base_url = f->url,
                                         .token_file = token_file,
                                         .connect_ms = HTTPD_LAB_PATIENCE_MS,
                                         .total_ms = HTTPD_LAB_PATIENCE_MS};
    assert_ok(httpc_new(&client, &f->httpc, &f->err), &f->err);
}

void httpd_lab_begin(struct httpd_lab *f)
{
    httpd_lab_begin_with(f, (struct httpd_options){0}, NULL);
}

void httpd_lab_end(struct httpd_lab *f)
{
    httpc_free(f->httpc);
    httpd_stop(f->httpd);
    buf_done(&f->body);
    pthread_mutex_destroy(&f->world.mutex);
    assert_int_equal(mem_outstanding(), 0);
}

enum status httpd_lab_ask(struct httpd_lab *f, const char *method, const char *path, const char *body)
{
    f->err = (struct err)ERR_INIT;
    return httpc_request(f->httpc, method, path, body, body != NULL ? strlen(body) : 0, &f->http, &f->body, &f->err);
}

int httpd_lab_dial(const struct httpd_lab *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)httpd_port(f->httpd))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct timeval limit = {5, 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void httpd_lab_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

bool httpd_lab_hear(int fd, const char *text)
{
    char all[65536];
    size_t n = 0;
    while (n < sizeof all - 1) {
        const ssize_t got = recv(fd, all + n, sizeof all - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        all[n] = '\0';
        if (strstr(all, text) != NULL)
            return true;
    }
    return false;
}

size_t httpd_lab_deferred(struct httpd_lab_world *world)
{
    pthread_mutex_lock(&world->mutex);
    const size_t n = world->n_deferred;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

int httpd_lab_ended(struct httpd_lab_world *world)
{
    pthread_mutex_lock(&world->mutex);
    const int n = world->ended;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

int httpd_lab_pulls(struct httpd_lab_world *world)
{
    pthread_mutex_lock(&world->mutex);
    const int n = world->pulls;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

int httpd_lab_setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return httpc_init(&err) == STATUS_OK ? 0 : 1;
}
