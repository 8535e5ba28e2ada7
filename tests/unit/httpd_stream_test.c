/* Answers that come later or never end, and a stop in the middle of them. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "tests/lib/check.h"
#include "tests/lib/httpd_lab.h"

static void *finisher(void *context)
{
    struct httpd_lab_world *world = context;
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
    struct httpd_lab f;
    httpd_lab_begin(&f);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finisher, &f.world), 0);
    assert_ok(httpd_lab_ask(&f, "GET", "/defer", NULL), &f.err);
    assert_string_equal(buf_string(&f.body), "{\"late\":true}");
    assert_ok(httpd_lab_ask(&f, "GET", "/defer", NULL), &f.err);
    assert_refused(httpd_lab_ask(&f, "GET", "/defer", NULL), STATUS_CONFLICT, &f.err, "late trouble");
    pthread_join(thread, NULL);
    assert_refused(httpd_lab_ask(&f, "GET", "/defer?refuse", NULL), STATUS_UNAVAILABLE, &f.err, "queue is full");
    f.world.finish_at_once = true;
    for (int i = 0; i < 50; i++)
        assert_ok(httpd_lab_ask(&f, "GET", "/defer", NULL), &f.err);
    httpd_lab_end(&f);
}

static void *one_deferred(void *context)
{
    struct httpd_lab *f = context;
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
    struct httpd_lab f;
    httpd_lab_begin(&f);
    pthread_t clients[3], late;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, one_deferred, &f), 0);
    while (httpd_lab_deferred(&f.world) < 3)
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
    httpd_lab_end(&f);
}

static void streams_flow_and_end(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.stop_ms = 60000}, NULL);
    const int woken = httpd_lab_dial(&f), periodic = httpd_lab_dial(&f), leaving = httpd_lab_dial(&f);
    httpd_lab_say(woken, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(woken, "data: 0"));
    for (int i = 1; i < 4; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "data: %d", i);
        httpd_stream_wake(f.httpd);
        assert_true(httpd_lab_hear(woken, expected));
    }
    httpd_lab_say(periodic, "GET /stream?period=10 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(periodic, "data: 12"));
    httpd_lab_say(leaving, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(httpd_lab_hear(leaving, "text/event-stream"));
    close(leaving);
    for (int i = 0; i < 400 && httpd_lab_ended(&f.world) == 0; i++)
        clock_sleep_ms(5);
    assert_int_equal(httpd_lab_ended(&f.world), 1);
    const int64_t start = clock_monotonic_ns();
    httpd_stop(f.httpd);
    f.httpd = NULL;
    assert_true(clock_monotonic_ns() - start < INT64_C(30000000000)); /* nothing holds it up */
    assert_int_equal(f.world.ended, 3);
    assert_true(httpd_lab_hear(woken, "0\r\n\r\n")); /* a proper end, not a cut */
    close(woken);
    close(periodic);
    httpd_lab_end(&f);
}

/* A client that opens a stream and never reads must not hold the stop up. */
static void stop_with_a_stuck_stream(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.max_connections = 4, .stop_ms = 100}, NULL);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = httpd_lab_dial(&f);
        httpd_lab_say(fds[i], "GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    int refused = 0;
    for (int i = 0; i < 400 && refused == 0; i++) {
        clock_sleep_ms(5);
        refused = (int)httpd_counts(f.httpd).by_class[5];
    }
    assert_int_equal(refused, 1);
    for (int before = -1, now = 0; before < now;
         now = httpd_lab_pulls(&f.world)) { /* until the sockets' buffers are full */
        before = httpd_lab_pulls(&f.world);
        clock_sleep_ms(100);
    }
    httpd_stop(f.httpd); /* comes back at all */
    f.httpd = NULL;
    assert_int_equal(f.world.ended, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    httpd_lab_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deferred_replies),
        cmocka_unit_test(stop_waits_for_deferred_requests),
        cmocka_unit_test(streams_flow_and_end),
        cmocka_unit_test(stop_with_a_stuck_stream),
    };
    return cmocka_run_group_tests(tests, httpd_lab_setup, NULL);
}
