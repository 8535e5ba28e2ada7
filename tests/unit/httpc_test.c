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
#include "tests/lib/check.h"

/* A server that answers every connection with the same bytes and closes: whatever a test wants to go wrong. */
struct script {
    const char *answer;
    int64_t wait_ms; /* before the answer */
    size_t repeat;   /* how often the second half, after '|', is sent */
    int fd, port;
    pthread_t thread;
    char heard[4096]; /* the last request's first bytes */
};

static void send_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        const ssize_t done = send(fd, text, n, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        text += done;
        n -= (size_t)done;
    }
}

static void *serve(void *context)
{
    struct script *script = context;
    for (;;) {
        const int fd = accept(script->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        const ssize_t n = recv(fd, script->heard, sizeof script->heard - 1, 0);
        script->heard[n > 0 ? n : 0] = '\0';
        clock_sleep_ms(script->wait_ms);
        const char *bar = strchr(script->answer, '|');
        const size_t head = bar != NULL ? (size_t)(bar - script->answer) : strlen(script->answer);
        send_all(fd, script->answer, head);
        for (size_t i = 0; bar != NULL && i < script->repeat; i++)
            send_all(fd, bar + 1, strlen(bar + 1));
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

static void script_start(struct script *script, char url[64])
{
    script->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof at;
    assert_int_equal(bind(script->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(script->fd, 8), 0);
    assert_int_equal(getsockname(script->fd, (struct sockaddr *)&at, &n), 0);
    script->port = ntohs(at.sin_port);
    snprintf(url, 64, "http://127.0.0.1:%d/", script->port);
    assert_int_equal(pthread_create(&script->thread, NULL, serve, script), 0);
}

static void script_stop(struct script *script)
{
    shutdown(script->fd, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->fd);
}

/* One GET /x; with json also parsed. */
static enum status ask(struct script *script, bool json, struct buf *body, int *http, struct err *err)
{
    char url[64];
    script_start(script, url);
    const struct httpc_options options = {.base_url = url, .total_ms = 300, .max_response = 10000};
    struct httpc *httpc = NULL;
    struct json *parsed = NULL;
    assert_ok(httpc_new(&options, &httpc, err), err);
    *err = (struct err)ERR_INIT;
    const enum status s = json ? httpc_json(httpc, "GET", "/x", NULL, 0, &parsed, err)
                               : httpc_request(httpc, "GET", "/x", NULL, 0, http, body, err);
    json_free(parsed);
    httpc_free(httpc);
    script_stop(script);
    return s;
}

static void answers_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        struct script script;
        bool json;
        enum status status;
        const char *line;
    } CASES[] = {
        {{.answer = ""}, false, STATUS_UNAVAILABLE, "Empty reply"},
        {{.answer = "SSH-2.0-rubbish\r\n"}, false, STATUS_UNAVAILABLE, "/x: "},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"a\":"}, false, STATUS_UNAVAILABLE, "/x: "},
        {{.answer = "HTTP/1.1 200 OK\r\n\r\n<html>not\x01json"}, true, STATUS_CORRUPT, "not JSON (\"<html>not json\")"},
        {{.answer = "HTTP/1.1 200 OK\r\n\r\n"}, true, STATUS_CORRUPT, "not JSON (\"\")"},
        {{.answer = "HTTP/1.1 502 Bad\r\n\r\n<h1>gateway</h1>"}, true, STATUS_UNAVAILABLE, "HTTP 502: <h1>gateway"},
        {{.answer = "HTTP/1.1 301 M\r\nLocation: file:///etc/passwd\r\n\r\n"},
         true,
         STATUS_UNAVAILABLE,
         "not followed"},
        {{.answer = "HTTP/1.1 409 C\r\n\r\n{\"error\":{\"code\":\"CONFLICT\",\"message\":\"round 3 is open\"}}"},
         true,
         STATUS_CONFLICT,
         "round 3 is open"},
        {{.answer = "HTTP/1.1 404 N\r\n\r\n{\"error\":{\"message\":7}}"},
         true,
         STATUS_NOT_FOUND,
         "HTTP 404: {\"error\""},
        {{.answer = "HTTP/1.1 200 OK\r\n\r\n|0123456789", .repeat = 5000},
         false,
         STATUS_TOO_LARGE,
         "larger than 10000"},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n|0", .repeat = 99999},
         false,
         STATUS_TOO_LARGE,
         "larger than 10000"},
        {{.answer = "HTTP/1.1 200 OK\r\n\r\n{}", .wait_ms = 400}, false, STATUS_TIMEOUT, "timed out"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct script script = CASES[i].script;
        struct buf body = BUF_INIT;
        struct err err = ERR_INIT;
        int http = -1;
        assert_refused(ask(&script, CASES[i].json, &body, &http, &err), CASES[i].status, &err, CASES[i].line);
        buf_done(&body);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void *stop_soon(void *context)
{
    clock_sleep_ms(200);
    atomic_store((_Atomic int64_t *)context, clock_monotonic_ns());
    return NULL;
}

/* Long before the server answers or the time is over. */
static void requests_are_given_up_at_the_end(void **state)
{
    (void)state;
    struct script script = {.answer = "HTTP/1.1 200 OK\r\n\r\n{}", .wait_ms = 4000};
    char url[64];
    _Atomic int64_t end_ns = 0;
    struct httpc *httpc = NULL;
    struct err err = ERR_INIT;
    struct buf body = BUF_INIT;
    int http = -1;
    pthread_t thread;
    script_start(&script, url);
    assert_ok(httpc_new(&(struct httpc_options){.base_url = url, .end_ns = &end_ns}, &httpc, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &end_ns), 0);
    for (int i = 0; i < 2; i++) { /* and so is every later one */
        assert_refused(httpc_request(httpc, "GET", "/x", NULL, 0, &http, &body, &err), STATUS_UNAVAILABLE, &err,
                       "/x: given up, this program is stopping");
        err = (struct err)ERR_INIT;
    }
    pthread_join(thread, NULL);
    httpc_free(httpc);
    buf_done(&body);
    script_stop(&script);
}

static void error_texts_are_kept(void **state)
{
    (void)state;
    struct script script = {.answer = "HTTP/1.1 422 U\r\n\r\n{\"error\":{\"message\":\"no head shave\"}}"};
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 0;
    buf_text(&body, "old");
    assert_refused(ask(&script, false, &body, &http, &err), STATUS_UNPROCESSABLE, &err, "no head shave");
    assert_int_equal(http, 422);
    assert_string_equal(buf_string(&body), "{\"error\":{\"message\":\"no head shave\"}}");
    assert_non_null(strstr(script.heard, "GET /x HTTP/1.1\r\n"));
    buf_done(&body);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct script script = {.answer = ""};
    char url[64];
    script_start(&script, url);
    script_stop(&script);
    const struct httpc_options options = {.base_url = url};
    struct httpc *httpc = NULL;
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 7;
    assert_ok(httpc_new(&options, &httpc, &err), &err);
    assert_refused(httpc_request(httpc, "POST", "/x", "{}", 2, &http, &body, &err), STATUS_UNAVAILABLE, &err,
                   "127.0.0.1");
    assert_int_equal(http, 0);
    httpc_free(httpc);
    buf_done(&body);
}

static enum status open_with(const char *url, const char *token_file, struct err *err)
{
    const struct httpc_options options = {.base_url = url, .token_file = token_file};
    struct httpc *httpc = NULL;
    const enum status s = httpc_new(&options, &httpc, err);
    if (s != STATUS_OK)
        assert_null(httpc);
    httpc_free(httpc);
    return s;
}

static void write_token(const char *path, const char *text, mode_t mode)
{
    struct err err = ERR_INIT;
    assert_ok(file_write_atomic(path, text, strlen(text), mode, &err), &err);
    assert_int_equal(chmod(path, mode), 0);
}

static void addresses_and_token_files(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",        "127.0.0.1:8470", "file:///etc/passwd", "http://",
                                      "ftp://x", "http://a b",     "http://me:pw@host",  "http://x?y"};
    char path[] = "/tmp/httpc_test_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(open_with(BAD[i], NULL, &err), STATUS_INVALID, &err, "is not an address");
    assert_refused(open_with("http://x", "/nonexistent/token", &err), STATUS_NOT_FOUND, &err, "/nonexistent/token");
    write_token(path, "abcdefghijklmnopq\n", 0640);
    assert_refused(open_with("http://x", path, &err), STATUS_FORBIDDEN, &err, "chmod 600");
    write_token(path, "scope abcdefghijklmnopq\n", 0600);
    assert_refused(open_with("http://x", path, &err), STATUS_INVALID, &err, "one token and nothing else");
    write_token(path, " \n", 0600);
    assert_refused(open_with("http://x", path, &err), STATUS_INVALID, &err, "one token and nothing else");
    write_token(path, "abc\x01x\n", 0600);
    assert_refused(open_with("http://x", path, &err), STATUS_INVALID, &err, "characters");
    write_token(path, "abcdefghijklmnopq\n", 0600);
    assert_ok(open_with("http://x", path, &err), &err);
    unlink(path);
    assert_int_equal(mem_outstanding(), 0);
}

static void the_token_is_sent(void **state)
{
    (void)state;
    char path[] = "/tmp/httpc_test_XXXXXX", url[64];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_token(path, "abcdefghijklmnopq\n", 0600);
    struct script script = {.answer = "HTTP/1.1 200 OK\r\n\r\n{}"};
    script_start(&script, url);
    const struct httpc_options options = {.base_url = url, .token_file = path};
    struct httpc *httpc = NULL;
    struct json *json = NULL;
    struct err err = ERR_INIT;
    assert_ok(httpc_new(&options, &httpc, &err), &err);
    assert_ok(httpc_json(httpc, "PUT", "/y", "{\"a\":1}", 7, &json, &err), &err);
    httpc_free(httpc);
    json_free(json);
    script_stop(&script);
    unlink(path);
    assert_non_null(strstr(script.heard, "PUT /y HTTP/1.1\r\n"));
    assert_non_null(strstr(script.heard, "Authorization: Bearer abcdefghijklmnopq\r\n"));
    assert_null(strstr(script.heard, "Expect"));
}

static void backoff(void **state)
{
    (void)state;
    int64_t previous_full = 0;
    for (unsigned attempt = 0; attempt < 40; attempt++) {
        int64_t full = 10000;
        if (attempt < 7 && (100 << attempt) < full)
            full = 100 << attempt;
        assert_true(full >= previous_full);
        previous_full = full;
        bool differs = false;
        for (uint64_t seed = 0; seed < 20; seed++) {
            const int64_t wait = httpc_backoff_ms(attempt, seed);
            assert_in_range(wait, full / 2, full);
            assert_int_equal(wait, httpc_backoff_ms(attempt, seed));
            differs = differs || wait != httpc_backoff_ms(attempt, seed + 20);
        }
        assert_true(differs);
    }
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
        cmocka_unit_test(answers_that_are_wrong),
        cmocka_unit_test(error_texts_are_kept),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(addresses_and_token_files),
        cmocka_unit_test(the_token_is_sent),
        cmocka_unit_test(backoff),
        cmocka_unit_test(requests_are_given_up_at_the_end),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
