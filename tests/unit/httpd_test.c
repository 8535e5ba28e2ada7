/* Requests and answers: routes, bodies, slow and broken clients, many at once. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "tests/lib/check.h"
#include "tests/lib/httpd_lab.h"

static void routes_parameters_and_queries(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin(&f);
    assert_ok(httpd_lab_ask(&f, "GET", "/hello/a%2Fb%20c?name=x+y%26z&other=1", NULL), &f.err);
    assert_string_equal(buf_string(&f.body), "{\"segment\":\"a/b c\",\"name\":\"x y&z\"}");
    assert_int_equal(f.http, 200);
    assert_ok(httpd_lab_ask(&f, "HEAD", "/hello/x", NULL), &f.err);
    assert_int_equal(f.body.length, 0);
    assert_refused(httpd_lab_ask(&f, "GET", "/nothing/here", NULL), STATUS_NOT_FOUND, &f.err, "/nothing/here");
    assert_string_equal(buf_string(&f.body),
                        "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"there is no /nothing/here here\"}}\n");
    assert_refused(httpd_lab_ask(&f, "DELETE", "/echo", NULL), STATUS_NOT_ALLOWED, &f.err, "allowed: POST, PUT");
    assert_refused(httpd_lab_ask(&f, "GET", "/hello/%zz", NULL), STATUS_INVALID, &f.err, "bad escape");
    assert_refused(httpd_lab_ask(&f, "GET", "/hello/%00", NULL), STATUS_INVALID, &f.err, "bad escape");
    assert_refused(httpd_lab_ask(&f, "GET", "/hello/%C0%AF", NULL), STATUS_INVALID, &f.err, "UTF-8");
    assert_refused(httpd_lab_ask(&f, "GET", "/hello/", NULL), STATUS_NOT_FOUND, &f.err, "/hello/");
    assert_refused(httpd_lab_ask(&f, "GET", "/fail", NULL), STATUS_UNPROCESSABLE, &f.err, "field \"x\" is 7351");
    const int fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "Retry-After: 1"));
    close(fd);
    assert_int_equal(f.http, 422);
    assert_ok(httpd_lab_ask(&f, "POST", "/echo", "seven"), &f.err);
    assert_int_equal(f.http, 201);
    assert_string_equal(buf_string(&f.body), "seven");
    httpd_lab_end(&f);
}

static struct {
    pthread_mutex_t mutex;
    int n;
    char text[256];
} failures = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void note_failure(const struct httpd_failure *failure)
{
    (void)pthread_mutex_lock(&failures.mutex);
    failures.n++;
    (void)snprintf(failures.text, sizeof failures.text, "%s %s %s %d %s", failure->id, failure->method, failure->route,
                   failure->code, failure->reason);
    (void)pthread_mutex_unlock(&failures.mutex);
}

static void check_id(const struct httpd_lab *f, const char *sent, const char *heard)
{
    char text[256];
    const int fd = httpd_lab_dial(f);
    (void)snprintf(text, sizeof text, "GET /hello/a HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", sent,
                   sent[0] ? "\r\n" : "");
    httpd_lab_say(fd, text);
    assert_true(httpd_lab_hear(fd, heard));
    close(fd);
}

static void requests_have_ids_and_failures_are_told(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.on_failure = note_failure}, NULL);
    check_id(&f, "X-Request-Id: a.b_c:d-1", "X-Request-Id: a.b_c:d-1\r\n");
    check_id(&f, "", "X-Request-Id: ");
    const int fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "GET /hello/a HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b=\"c\"\r\n\r\n");
    char reply[4096] = "";
    while (strstr(reply, "\r\n\r\n") == NULL) {
        const size_t had = strlen(reply);
        const ssize_t n = recv(fd, reply + had, sizeof reply - 1 - had, 0);
        assert_true(n > 0);
        reply[had + (size_t)n] = '\0';
    }
    close(fd);
    const char *id = strstr(reply, "X-Request-Id: ");
    assert_non_null(id);
    assert_int_equal(strspn(id + 14, "0123456789abcdef"), 16); /* a new one */
    assert_int_equal(failures.n, 0);
    assert_refused(httpd_lab_ask(&f, "GET", "/fail", NULL), STATUS_UNPROCESSABLE, &f.err, "7351");
    assert_int_equal(failures.n, 0);
    const int busy = httpd_lab_dial(&f);
    httpd_lab_say(busy, "GET /busy HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\n\r\n");
    assert_true(httpd_lab_hear(busy, "X-Request-Id: mine"));
    close(busy);
    (void)pthread_mutex_lock(&failures.mutex);
    assert_int_equal(failures.n, 1);
    assert_int_equal(strncmp(failures.text, "mine GET /busy 503 ", 19), 0);
    (void)pthread_mutex_unlock(&failures.mutex);
    httpd_lab_end(&f);
}

static void allow_header_and_counts(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin(&f);
    const int fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "DELETE /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "Allow: GET, HEAD"));
    httpd_lab_say(fd, "GET /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "X-Test: yes"));
    close(fd);
    const struct httpd_counts counts = httpd_counts(f.httpd);
    assert_int_equal(counts.by_class[2], 1);
    assert_int_equal(counts.by_class[4], 1);
    httpd_lab_end(&f);
}

static void bodies_are_capped(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin(&f);
    char *big = mem_alloc(HTTPD_LAB_BODY_MAX * 300 + 1, 1);
    assert_non_null(big);
    memset(big, 'x', HTTPD_LAB_BODY_MAX * 300);
    assert_refused(httpd_lab_ask(&f, "POST", "/echo", big), STATUS_TOO_LARGE, &f.err, "larger than 1000 bytes");
    big[HTTPD_LAB_BODY_MAX + 1] = '\0';
    assert_refused(httpd_lab_ask(&f, "POST", "/echo", big), STATUS_TOO_LARGE, &f.err, "larger than 1000 bytes");
    big[HTTPD_LAB_BODY_MAX] = '\0';
    assert_ok(httpd_lab_ask(&f, "POST", "/echo", big), &f.err);
    assert_int_equal(f.body.length, HTTPD_LAB_BODY_MAX);
    assert_refused(httpd_lab_ask(&f, "GET", "/fail", "body"), STATUS_TOO_LARGE, &f.err, "takes no body");
    mem_free(big);
    /* Refused from the announcement alone: not one byte of the body is sent. */
    int fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "413"));
    close(fd);
    fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "413"));
    close(fd);
    /* Without an announcement: at the byte that is too much. */
    fd = httpd_lab_dial(&f);
    httpd_lab_say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++)
        httpd_lab_say(
            fd, "64\r\n"
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "\r\n");
    httpd_lab_say(fd, "0\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "413"));
    close(fd);
    httpd_lab_end(&f);
}

static void slow_clients_are_dropped(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.deadline_ms = 100}, NULL);
    const int64_t start = clock_monotonic_ns();
    const int silent = httpd_lab_dial(&f), head = httpd_lab_dial(&f), body = httpd_lab_dial(&f);
    httpd_lab_say(head, "GET /hello/x HTTP/1.1\r\nHost: loc");
    httpd_lab_say(body, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12");
    /* Every byte arrives within any inactivity timeout. */
    for (int i = 0; i < 12; i++) {
        clock_sleep_ms(40);
        send(head, "a", 1, MSG_NOSIGNAL);
        if (i < 7)
            send(body, "3", 1, MSG_NOSIGNAL);
    }
    assert_false(httpd_lab_hear(silent, "HTTP/1.1"));
    assert_false(httpd_lab_hear(head, "200"));
    assert_false(httpd_lab_hear(body, "201"));
    assert_true(clock_monotonic_ns() - start < INT64_C(9000000000)); /* the usual deadline is 10 s */
    close(silent);
    close(head);
    close(body);
    assert_ok(httpd_lab_ask(&f, "GET", "/hello/x", NULL), &f.err);
    httpd_lab_end(&f);
}

static void keep_alive_is_not_slow(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin(&f);
    const int64_t start = clock_monotonic_ns();
    for (int i = 0; i < 300; i++)
        assert_ok(httpd_lab_ask(&f, "POST", "/echo", "abc"), &f.err);
    /* Delayed acknowledgements would cost 40 ms each. */
    assert_true(clock_monotonic_ns() - start < INT64_C(10000000000));
    httpd_lab_end(&f);
}

/* Many clients at once, replies finished on other threads, wakes from everywhere: what the locks are for. */
static void *hammer(void *context)
{
    struct httpd_lab *f = context;
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
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.threads = 3}, NULL);
    f.world.finish_at_once = true;
    const int listener = httpd_lab_dial(&f);
    httpd_lab_say(listener, "GET /stream?period=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    pthread_t threads[6];
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &f), 0);
    for (size_t i = 0; i < 6; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_true(httpd_lab_hear(listener, "data: 20\n"));
    close(listener);
    httpd_lab_end(&f);
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
    struct httpd_lab f;
    httpd_lab_begin(&f);
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        const int fd = httpd_lab_dial(&f);
        httpd_lab_say(fd, LINES[i]);
        close(fd);
    }
    assert_ok(httpd_lab_ask(&f, "GET", "/hello/x", NULL), &f.err);
    httpd_lab_end(&f);
}

/* Two servers in a row must not see different requests. */
static void unclear_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *heads, *text;
    } CASES[] = {
        {"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", "Content-Length is there twice"},
        {"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "Content-Length is there twice"},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "are both there"},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "Transfer-Encoding is there twice"},
        {"Transfer-Encoding: gzip\r\n\r\n", "allowed is chunked"},
        {"Host: other\r\nContent-Length: 0\r\n\r\n", "Host is there twice"},
    };
    struct httpd_lab f;
    httpd_lab_begin(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char head[200];
        snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: localhost\r\n%s", CASES[i].heads);
        int fd = httpd_lab_dial(&f);
        httpd_lab_say(fd, head);
        assert_true(httpd_lab_hear(fd, CASES[i].text));
        close(fd);
        fd = httpd_lab_dial(&f); /* and the connection is over */
        httpd_lab_say(fd, head);
        assert_false(httpd_lab_hear(fd, "never said"));
        close(fd);
    }
    const int fd = httpd_lab_dial(&f);
    httpd_lab_say(fd,
                  "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    assert_true(httpd_lab_hear(fd, "HTTP/1.1 20"));
    close(fd);
    httpd_lab_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_parameters_and_queries),
        cmocka_unit_test(requests_have_ids_and_failures_are_told),
        cmocka_unit_test(allow_header_and_counts),
        cmocka_unit_test(bodies_are_capped),
        cmocka_unit_test(slow_clients_are_dropped),
        cmocka_unit_test(keep_alive_is_not_slow),
        cmocka_unit_test(many_clients),
        cmocka_unit_test(rubbish_leaves_nothing_behind),
        cmocka_unit_test(unclear_frames_are_refused),
    };
    return cmocka_run_group_tests(tests, httpd_lab_setup, NULL);
}
