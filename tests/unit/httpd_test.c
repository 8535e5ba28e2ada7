#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/httpc/httpc.h"
#include "base/httpd/httpd.h"
#include "tests/lib/check.h"

enum { BODY_MAX = 1000 };

/* What the handlers share: a queue of deferred requests that a thread of the test finishes. */
struct world {
    pthread_mutex_t mutex;
    struct httpd_request *deferred[64];
    size_t n_deferred;
    int pulls, ended;
    bool finish_at_once; /* defer, and finish on another thread before the handler returns */
};

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
    struct world *world = context;
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
    struct world *world = context;
    pthread_mutex_lock(&world->mutex);
    buf_printf(chunk, "data: %d\n\n", world->pulls++);
    pthread_mutex_unlock(&world->mutex);
    return true;
}

static void stream_over(void *context)
{
    struct world *world = context;
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
    struct world *world = context;
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

static const struct httpd_route ROUTES[] = {
    {"GET", "/hello/{exp}", hello, 0, NULL},
    {"POST", "/echo", echo, BODY_MAX, "events"},
    {"PUT", "/echo", echo, BODY_MAX, "*"},
    {"GET", "/fail", refuse, 0, NULL},
    {"GET", "/busy", busy, 0, NULL},
    {"GET", "/defer", defer, 0, NULL},
    {"GET", "/stream", stream, 0, NULL},
    {"GET", "/flood", flood_stream, 0, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

struct fixture {
    struct world world;
    struct httpd *httpd;
    struct httpc *httpc;
    struct buf body;
    struct err err;
    int http;
    char url[64];
};

static void begin_with(struct fixture *f, struct httpd_options options, const char *token_file)
{
    *f = (struct fixture){0};
    pthread_mutex_init(&f->world.mutex, NULL);
    options.listen = "127.0.0.1:0";
    options.routes = ROUTES;
    options.context = &f->world;
    assert_ok(httpd_start(&options, &f->httpd, &f->err), &f->err);
    assert_true(httpd_port(f->httpd) > 0);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", httpd_port(f->httpd));
    const struct httpc_options client = {.base_url = f->url, .token_file = token_file};
    assert_ok(httpc_new(&client, &f->httpc, &f->err), &f->err);
}

static void begin(struct fixture *f)
{
    begin_with(f, (struct httpd_options){0}, NULL);
}

static void end(struct fixture *f)
{
    httpc_free(f->httpc);
    httpd_stop(f->httpd);
    buf_done(&f->body);
    pthread_mutex_destroy(&f->world.mutex);
    assert_int_equal(mem_outstanding(), 0);
}

static enum status ask(struct fixture *f, const char *method, const char *path, const char *body)
{
    f->err = (struct err)ERR_INIT;
    return httpc_request(f->httpc, method, path, body, body != NULL ? strlen(body) : 0, &f->http, &f->body, &f->err);
}

/* A socket of the test's own, for what libcurl would never send. */
static int dial(const struct fixture *f)
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

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until the text shows up (true) or the connection ends (false). */
static bool hear(int fd, const char *text)
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

static size_t deferred_now(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    const size_t n = world->n_deferred;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

static int ended_now(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    const int n = world->ended;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

static int pulls_now(struct world *world)
{
    pthread_mutex_lock(&world->mutex);
    const int n = world->pulls;
    pthread_mutex_unlock(&world->mutex);
    return n;
}

static void routes_parameters_and_queries(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_ok(ask(&f, "GET", "/hello/a%2Fb%20c?name=x+y%26z&other=1", NULL), &f.err);
    assert_string_equal(buf_string(&f.body), "{\"segment\":\"a/b c\",\"name\":\"x y&z\"}");
    assert_int_equal(f.http, 200);
    assert_ok(ask(&f, "HEAD", "/hello/x", NULL), &f.err);
    assert_int_equal(f.body.length, 0);
    assert_refused(ask(&f, "GET", "/nothing/here", NULL), STATUS_NOT_FOUND, &f.err, "/nothing/here");
    assert_string_equal(buf_string(&f.body),
                        "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"there is no /nothing/here here\"}}\n");
    assert_refused(ask(&f, "DELETE", "/echo", NULL), STATUS_NOT_ALLOWED, &f.err, "allowed: POST, PUT");
    assert_refused(ask(&f, "GET", "/hello/%zz", NULL), STATUS_INVALID, &f.err, "bad escape");
    assert_refused(ask(&f, "GET", "/hello/%00", NULL), STATUS_INVALID, &f.err, "bad escape");
    assert_refused(ask(&f, "GET", "/hello/%C0%AF", NULL), STATUS_INVALID, &f.err, "UTF-8");
    assert_refused(ask(&f, "GET", "/hello/", NULL), STATUS_NOT_FOUND, &f.err, "/hello/");
    assert_refused(ask(&f, "GET", "/fail", NULL), STATUS_UNPROCESSABLE, &f.err, "field \"x\" is 7351");
    const int fd = dial(&f);
    say(fd, "GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(fd, "Retry-After: 1"));
    close(fd);
    assert_int_equal(f.http, 422);
    assert_ok(ask(&f, "POST", "/echo", "seven"), &f.err);
    assert_int_equal(f.http, 201);
    assert_string_equal(buf_string(&f.body), "seven");
    end(&f);
}

static void allow_header_and_counts(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    const int fd = dial(&f);
    say(fd, "DELETE /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(fd, "Allow: GET, HEAD"));
    say(fd, "GET /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(fd, "X-Test: yes"));
    close(fd);
    const struct httpd_counts counts = httpd_counts(f.httpd);
    assert_int_equal(counts.by_class[2], 1);
    assert_int_equal(counts.by_class[4], 1);
    end(&f);
}

static void bodies_are_capped(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    char *big = mem_alloc(BODY_MAX * 300 + 1, 1);
    assert_non_null(big);
    memset(big, 'x', BODY_MAX * 300);
    assert_refused(ask(&f, "POST", "/echo", big), STATUS_TOO_LARGE, &f.err, "larger than 1000 bytes");
    big[BODY_MAX + 1] = '\0';
    assert_refused(ask(&f, "POST", "/echo", big), STATUS_TOO_LARGE, &f.err, "larger than 1000 bytes");
    big[BODY_MAX] = '\0';
    assert_ok(ask(&f, "POST", "/echo", big), &f.err);
    assert_int_equal(f.body.length, BODY_MAX);
    assert_refused(ask(&f, "GET", "/fail", "body"), STATUS_TOO_LARGE, &f.err, "takes no body");
    mem_free(big);
    /* Refused from the announcement alone: not one byte of the body is sent. */
    int fd = dial(&f);
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n");
    assert_true(hear(fd, "413"));
    close(fd);
    fd = dial(&f);
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    assert_true(hear(fd, "413"));
    close(fd);
    /* Without an announcement: at the byte that is too much. */
    fd = dial(&f);
    say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++)
        say(fd, "64\r\n"
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "\r\n");
    say(fd, "0\r\n\r\n");
    assert_true(hear(fd, "413"));
    close(fd);
    end(&f);
}

static void slow_clients_are_dropped(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (struct httpd_options){.deadline_ms = 100}, NULL);
    const int64_t start = clock_monotonic_ns();
    const int silent = dial(&f), head = dial(&f), body = dial(&f);
    say(head, "GET /hello/x HTTP/1.1\r\nHost: loc");
    say(body, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12");
    /* Every byte arrives within any inactivity timeout. */
    for (int i = 0; i < 12; i++) {
        clock_sleep_ms(40);
        send(head, "a", 1, MSG_NOSIGNAL);
        if (i < 7)
            send(body, "3", 1, MSG_NOSIGNAL);
    }
    assert_false(hear(silent, "HTTP/1.1"));
    assert_false(hear(head, "200"));
    assert_false(hear(body, "201"));
    assert_true(clock_monotonic_ns() - start < INT64_C(9000000000)); /* the usual deadline is 10 s */
    close(silent);
    close(head);
    close(body);
    assert_ok(ask(&f, "GET", "/hello/x", NULL), &f.err);
    end(&f);
}

static void *finisher(void *context)
{
    struct world *world = context;
    for (int done = 0; done < 3;) {
        clock_sleep_ms(5);
        pthread_mutex_lock(&world->mutex);
        struct httpd_request *request = world->n_deferred > 0 ? world->deferred[--world->n_deferred] : NULL;
        pthread_mutex_unlock(&world->mutex);
        if (request == NULL)
            continue;
        struct err err = ERR_INIT;
        if (done++ < 2) {
            buf_text(httpd_reply(request), "{\"late\":true}");
            httpd_finish(request, STATUS_OK, NULL);
        } else {
            httpd_finish(request, err_set(&err, STATUS_CONFLICT, "late trouble"), &err);
        }
    }
    return NULL;
}

static void deferred_replies(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finisher, &f.world), 0);
    assert_ok(ask(&f, "GET", "/defer", NULL), &f.err);
    assert_string_equal(buf_string(&f.body), "{\"late\":true}");
    assert_ok(ask(&f, "GET", "/defer", NULL), &f.err);
    assert_refused(ask(&f, "GET", "/defer", NULL), STATUS_CONFLICT, &f.err, "late trouble");
    pthread_join(thread, NULL);
    assert_refused(ask(&f, "GET", "/defer?refuse", NULL), STATUS_UNAVAILABLE, &f.err, "queue is full");
    f.world.finish_at_once = true;
    for (int i = 0; i < 50; i++)
        assert_ok(ask(&f, "GET", "/defer", NULL), &f.err);
    end(&f);
}

static void *one_deferred(void *context)
{
    struct fixture *f = context;
    const struct httpc_options options = {.base_url = f->url};
    struct httpc *httpc = NULL;
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 0;
    if (httpc_new(&options, &httpc, &err) == STATUS_OK &&
        httpc_request(httpc, "GET", "/defer", NULL, 0, &http, &body, &err) != STATUS_OK)
        http = -1;
    httpc_free(httpc);
    buf_done(&body);
    return http == 200 ? f : NULL;
}

static void stop_waits_for_deferred_requests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    pthread_t clients[3], late;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, one_deferred, &f), 0);
    while (deferred_now(&f.world) < 3)
        clock_sleep_ms(1);
    assert_int_equal(pthread_create(&late, NULL, finisher, &f.world), 0);
    httpd_stop(f.httpd);
    f.httpd = NULL;
    int served = 0;
    for (int i = 0; i < 3; i++) {
        void *ok = NULL;
        pthread_join(clients[i], &ok);
        served += ok != NULL;
    }
    pthread_join(late, NULL);
    assert_int_equal(served, 2); /* the third got its 409 */
    end(&f);
}

static void streams_flow_and_end(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (struct httpd_options){.stop_ms = 60000}, NULL);
    const int woken = dial(&f), periodic = dial(&f), leaving = dial(&f);
    say(woken, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(woken, "data: 0"));
    for (int i = 1; i < 4; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "data: %d", i);
        httpd_stream_wake(f.httpd);
        assert_true(hear(woken, expected));
    }
    say(periodic, "GET /stream?period=10 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(periodic, "data: 12"));
    say(leaving, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(hear(leaving, "text/event-stream"));
    close(leaving);
    for (int i = 0; i < 400 && ended_now(&f.world) == 0; i++)
        clock_sleep_ms(5);
    assert_int_equal(ended_now(&f.world), 1);
    const int64_t start = clock_monotonic_ns();
    httpd_stop(f.httpd);
    f.httpd = NULL;
    assert_true(clock_monotonic_ns() - start < INT64_C(30000000000)); /* nothing holds it up */
    assert_int_equal(f.world.ended, 3);
    assert_true(hear(woken, "0\r\n\r\n")); /* a proper end, not a cut */
    close(woken);
    close(periodic);
    end(&f);
}

/* A client that opens a stream and never reads must not hold the stop up. */
static void stop_with_a_stuck_stream(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (struct httpd_options){.max_connections = 4, .stop_ms = 100}, NULL);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(&f);
        say(fds[i], "GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    int refused = 0;
    for (int i = 0; i < 400 && refused == 0; i++) {
        clock_sleep_ms(5);
        refused = (int)httpd_counts(f.httpd).by_class[5];
    }
    assert_int_equal(refused, 1);
    for (int before = -1, now = 0; before < now; now = pulls_now(&f.world)) { /* until the sockets' buffers are full */
        before = pulls_now(&f.world);
        clock_sleep_ms(100);
    }
    httpd_stop(f.httpd); /* comes back at all */
    f.httpd = NULL;
    assert_int_equal(f.world.ended, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    end(&f);
}

static void keep_alive_is_not_slow(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    const int64_t start = clock_monotonic_ns();
    for (int i = 0; i < 300; i++)
        assert_ok(ask(&f, "POST", "/echo", "abc"), &f.err);
    /* Delayed acknowledgements would cost 40 ms each. */
    assert_true(clock_monotonic_ns() - start < INT64_C(10000000000));
    end(&f);
}

static void write_tokens(const char *path, const char *text, unsigned mode)
{
    struct err err = ERR_INIT;
    assert_ok(file_write_atomic(path, text, strlen(text), mode, &err), &err);
    assert_int_equal(chmod(path, mode), 0);
}

static void tokens_and_scopes(void **state)
{
    (void)state;
    char folder[] = "/tmp/httpd_test_XXXXXX", server[64], reader[64];
    assert_non_null(mkdtemp(folder));
    snprintf(server, sizeof server, "%s/tokens", folder);
    snprintf(reader, sizeof reader, "%s/reader", folder);
    write_tokens(server, "# two\nevents,serve aaaaaaaaaaaaaaaa7\n\n control  bbbbbbbbbbbbbbbb8 \r\n", 0600);
    write_tokens(reader, "bbbbbbbbbbbbbbbb8\n", 0600);
    struct fixture f;
    begin_with(&f, (struct httpd_options){.token_file = server}, NULL);
    assert_ok(ask(&f, "GET", "/hello/x", NULL), &f.err);
    assert_refused(ask(&f, "POST", "/echo", "x"), STATUS_UNAUTHORIZED, &f.err, "token is needed");
    httpc_free(f.httpc);
    const struct httpc_options with = {.base_url = f.url, .token_file = reader};
    assert_ok(httpc_new(&with, &f.httpc, &f.err), &f.err);
    assert_refused(ask(&f, "POST", "/echo", "x"), STATUS_FORBIDDEN, &f.err, "has the scope control; this needs events");
    assert_ok(ask(&f, "PUT", "/echo", "x"), &f.err);
    /* The same token gets another scope while the server runs; a broken file changes nothing. */
    write_tokens(server, "control,events bbbbbbbbbbbbbbbb8\n", 0600);
    assert_ok(httpd_reload(f.httpd, &f.err), &f.err);
    assert_ok(ask(&f, "POST", "/echo", "x"), &f.err);
    write_tokens(server, "control short\n", 0600);
    assert_refused(httpd_reload(f.httpd, &f.err), STATUS_INVALID, &f.err, "tokens:1: the token must have 16");
    write_tokens(server, "control bbbbbbbbbbbbbbbb8\n", 0644);
    assert_refused(httpd_reload(f.httpd, &f.err), STATUS_FORBIDDEN, &f.err, "chmod 600");
    assert_ok(ask(&f, "POST", "/echo", "x"), &f.err);
    end(&f);
    unlink(server);
    unlink(reader);
    rmdir(folder);
}

static void copy_file(const char *from, const char *folder, const char *to, unsigned mode)
{
    char path[128];
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, to);
    assert_ok(file_read(from, 1 << 16, &text, &err), &err);
    assert_ok(file_write_atomic(path, text.data, text.length, mode, &err), &err);
    buf_done(&text);
}

/* One GET over TLS that trusts only the certificate in the file. */
static enum status ask_tls(const struct fixture *f, const char *trusted, struct err *err)
{
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", httpd_port(f->httpd));
    const struct httpc_options options = {.base_url = url, .ca_file = trusted};
    struct httpc *httpc = NULL;
    struct buf body = BUF_INIT;
    int http = 0;
    enum status s = httpc_new(&options, &httpc, err);
    if (s == STATUS_OK)
        s = httpc_request(httpc, "GET", "/hello/x", NULL, 0, &http, &body, err);
    httpc_free(httpc);
    buf_done(&body);
    return s;
}

static void certificates_are_reloaded(void **state)
{
    (void)state;
    static const char *const FIRST = "tests/fixtures/tls/first.cert.pem", *const SECOND =
                                                                              "tests/fixtures/tls/second.cert.pem";
    char folder[] = "/tmp/httpd_test_XXXXXX", cert[64], key[64];
    assert_non_null(mkdtemp(folder));
    snprintf(cert, sizeof cert, "%s/cert", folder);
    snprintf(key, sizeof key, "%s/key", folder);
    copy_file(FIRST, folder, "cert", 0644);
    copy_file("tests/fixtures/tls/first.key.pem", folder, "key", 0600);
    struct fixture f;
    begin_with(&f, (struct httpd_options){.tls_cert = cert, .tls_key = key}, NULL);
    assert_ok(ask_tls(&f, FIRST, &f.err), &f.err);
    assert_refused(ask_tls(&f, SECOND, &f.err), STATUS_UNAVAILABLE, &f.err, "certificate");
    copy_file(SECOND, folder, "cert", 0644);
    assert_refused(httpd_reload(f.httpd, &f.err), STATUS_INVALID, &f.err, "is not a PEM certificate chain that fits");
    assert_ok(ask_tls(&f, FIRST, &f.err), &f.err);
    copy_file("tests/fixtures/tls/second.key.pem", folder, "key", 0600);
    for (int i = 0; i < 10; i++)
        assert_ok(httpd_reload(f.httpd, &f.err), &f.err);
    assert_ok(ask_tls(&f, SECOND, &f.err), &f.err);
    assert_refused(ask_tls(&f, FIRST, &f.err), STATUS_UNAVAILABLE, &f.err, "certificate");
    assert_refused(ask(&f, "GET", "/hello/x", NULL), STATUS_UNAVAILABLE, &f.err, NULL); /* plain HTTP */
    end(&f);
    unlink(cert);
    unlink(key);
    rmdir(folder);
}

/* Many clients at once, replies finished on other threads, wakes from everywhere: what the locks are for. */
static void *hammer(void *context)
{
    struct fixture *f = context;
    const struct httpc_options options = {.base_url = f->url};
    struct httpc *httpc = NULL;
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 0, good = 0;
    if (httpc_new(&options, &httpc, &err) == STATUS_OK) {
        for (int i = 0; i < 60; i++) {
            good += httpc_request(httpc, "GET", i % 2 == 0 ? "/defer" : "/hello/x", NULL, 0, &http, &body, &err) ==
                    STATUS_OK;
            httpd_stream_wake(f->httpd);
        }
    }
    httpc_free(httpc);
    buf_done(&body);
    return good == 60 ? f : NULL;
}

static void many_clients(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (struct httpd_options){.threads = 3}, NULL);
    f.world.finish_at_once = true;
    const int listener = dial(&f);
    say(listener, "GET /stream?period=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    pthread_t threads[6];
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &f), 0);
    for (size_t i = 0; i < 6; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_true(hear(listener, "data: 20\n"));
    close(listener);
    end(&f);
}

static void web_pages_cannot_reach_an_open_server(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *answer;
    } CASES[] = {
        {"Host: 127.0.0.1:1\r\n", "200"},
        {"Host: localhost\r\nOrigin: http://localhost\r\n", "200"},
        {"Host: evil.example\r\n", "403"},
        {"Host: 127.evil.example\r\n", "403"},
        {"Host: localhost:1\r\nOrigin: http://evil.example\r\n", "403"},
        {"Host: localhost:1\r\nOrigin: http://localhost:2\r\n", "403"},
        {"Host: localhost:1\r\nOrigin: null\r\n", "403"},
    };
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const int fd = dial(&f);
        say(fd, "GET /hello/x HTTP/1.1\r\n");
        say(fd, CASES[i].headers);
        say(fd, "\r\n");
        char expected[32];
        snprintf(expected, sizeof expected, "HTTP/1.1 %s", CASES[i].answer);
        assert_true(hear(fd, expected));
        close(fd);
    }
    end(&f);
}

static void refuses_to_listen(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", httpd_port(f.httpd));
    struct httpd *other = NULL;
    struct err err = ERR_INIT;
    struct httpd_options o = {.listen = taken, .routes = ROUTES};
    assert_refused(httpd_start(&o, &other, &err), STATUS_CONFLICT, &err, "address already in use");
    assert_non_null(strstr(err.text, taken));
    o.listen = "0.0.0.0:0";
    assert_refused(httpd_start(&o, &other, &err), STATUS_FORBIDDEN, &err, "without --token-file");
    static const char *const BAD[] = {"127.0.0.1",    "127.0.0.1:", ":80", "127.0.0.1:70000",
                                      "127.0.0.1:8x", "[::1:80",    ""};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        o.listen = BAD[i];
        assert_refused(httpd_start(&o, &other, &err), STATUS_INVALID, &err, "expected ADDRESS:PORT");
    }
    o.listen = "127.0.0.1:0";
    o.tls_cert = "/nonexistent/cert";
    assert_refused(httpd_start(&o, &other, &err), STATUS_INVALID, &err, "--tls-key is missing");
    o.tls_key = "/nonexistent/key";
    assert_refused(httpd_start(&o, &other, &err), STATUS_NOT_FOUND, &err, "/nonexistent/cert");
    o = (struct httpd_options){.listen = "127.0.0.1:0", .routes = ROUTES, .token_file = "/nonexistent/tokens"};
    assert_refused(httpd_start(&o, &other, &err), STATUS_NOT_FOUND, &err, "/nonexistent/tokens");
    assert_null(other);
    end(&f);
}

/* Requests that end before they are complete, and bytes that are no HTTP at all. */
static void rubbish_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const LINES[] = {"GET",
                                        "\r\n\r\n",
                                        "GET /hello/x HTTP/1.1\r\nHost",
                                        "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\nabc",
                                        "GET /hello/x HTTP/9.9\r\n\r\n",
                                        "\x16\x03\x01\x02",
                                        "GET /hello/x\r\n\r\n"};
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        const int fd = dial(&f);
        say(fd, LINES[i]);
        close(fd);
    }
    assert_ok(ask(&f, "GET", "/hello/x", NULL), &f.err);
    end(&f);
}

static int setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return httpc_init(&err) == STATUS_OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_parameters_and_queries),
        cmocka_unit_test(allow_header_and_counts),
        cmocka_unit_test(bodies_are_capped),
        cmocka_unit_test(slow_clients_are_dropped),
        cmocka_unit_test(deferred_replies),
        cmocka_unit_test(stop_waits_for_deferred_requests),
        cmocka_unit_test(streams_flow_and_end),
        cmocka_unit_test(stop_with_a_stuck_stream),
        cmocka_unit_test(keep_alive_is_not_slow),
        cmocka_unit_test(tokens_and_scopes),
        cmocka_unit_test(certificates_are_reloaded),
        cmocka_unit_test(many_clients),
        cmocka_unit_test(web_pages_cannot_reach_an_open_server),
        cmocka_unit_test(refuses_to_listen),
        cmocka_unit_test(rubbish_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
