/* Connections: more than the limit, more than there are descriptors, and while the server stops. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "tests/lib/check.h"
#include "tests/lib/httpd_lab.h"

static const char HELLO[] = "GET /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n";

static bool answers(int fd, int within_ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, within_ms) == 1;
}

static void beyond_the_limit_clients_wait(void **state)
{
    (void)state;
    struct httpd_lab f;
    enum { LIMIT = 5, CLIENTS = 9 };
    int fds[CLIENTS];
    httpd_lab_begin_with(&f, (struct httpd_options){.max_connections = LIMIT, .deadline_ms = 60000}, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = httpd_lab_dial(&f);
        httpd_lab_say(fds[i], HELLO);
    }
    for (int i = 0; i < LIMIT; i++)
        assert_true(httpd_lab_hear(fds[i], "X-Test: yes"));
    assert_false(answers(fds[LIMIT], 100));
    for (int i = LIMIT; i < CLIENTS; i++) { /* who leaves makes room for the first that waits */
        close(fds[i - LIMIT]);
        assert_true(httpd_lab_hear(fds[i], "X-Test: yes"));
    }
    for (int i = CLIENTS - LIMIT; i < CLIENTS; i++)
        close(fds[i]);
    httpd_lab_end(&f);
}

/* The process has no descriptor left but for the client's own end. */
static void out_of_descriptors_clients_wait(void **state)
{
    (void)state;
    struct httpd_lab f;
    enum { MAX = 256 };
    int fillers[MAX], n = 0;
    struct rlimit before;
    httpd_lab_begin_with(&f, (struct httpd_options){.deadline_ms = 60000}, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {MAX, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < MAX && (fillers[n] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    assert_true(n >= 2 && n < MAX);
    close(fillers[--n]);
    const int client = httpd_lab_dial(&f);
    httpd_lab_say(client, HELLO);
    assert_false(answers(client, 150));
    close(fillers[--n]);
    assert_true(httpd_lab_hear(client, "X-Test: yes"));
    while (n > 0)
        close(fillers[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(client);
    httpd_lab_end(&f);
}

struct caller {
    struct sockaddr_in to;
    atomic_bool stop;
    atomic_int calls;
};

static void *call_all_the_time(void *context)
{
    struct caller *caller = context;
    while (!atomic_load(&caller->stop)) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&caller->to, sizeof caller->to) == 0) {
            (void)send(fd, HELLO, sizeof HELLO - 1, MSG_NOSIGNAL);
            atomic_fetch_add(&caller->calls, 1);
        }
        close(fd);
    }
    return NULL;
}

/* Servers of one port, one after the other, under clients that come and go at every instant of a stop. */
static void stop_while_clients_come(void **state)
{
    (void)state;
    struct httpd_lab f;
    struct caller caller = {.to = {.sin_family = AF_INET}};
    char listen[32];
    pthread_t thread;
    httpd_lab_begin(&f);
    snprintf(listen, sizeof listen, "127.0.0.1:%d", httpd_port(f.httpd));
    caller.to.sin_port = htons((uint16_t)httpd_port(f.httpd));
    caller.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(pthread_create(&thread, NULL, call_all_the_time, &caller), 0);
    while (atomic_load(&caller.calls) == 0)
        clock_sleep_ms(1);
    for (size_t i = check_cases(60, 2000); i > 0; i--) {
        httpd_stop(f.httpd);
        const struct httpd_options again = {.listen = listen, .routes = HTTPD_LAB_ROUTES, .context = &f.world};
        assert_ok(httpd_start(&again, &f.httpd, &f.err), &f.err);
    }
    atomic_store(&caller.stop, true);
    pthread_join(thread, NULL);
    httpd_lab_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_limit_clients_wait),
        cmocka_unit_test(out_of_descriptors_clients_wait),
        cmocka_unit_test(stop_while_clients_come),
    };
    return cmocka_run_group_tests(tests, httpd_lab_setup, NULL);
}
