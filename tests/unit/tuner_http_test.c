/* The HTTP API of trimtabd: routes, bad input, scopes, server-sent events. */
#include <arpa/inet.h>
#include <gsl/gsl_errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/httpc/httpc.h"
#include "tests/lib/check.h"
#include "tests/lib/files.h"
#include "tests/lib/tuner_world.h"
#include "tuner/http/tuner_http.h"

struct site {
    struct tuner_world world;
    struct tuner_http http;
    struct httpd *httpd;
    struct httpc *client;
    char answer[65536];
};

/* A tuner whose world stands still: the API is reachable, rounds never end. */
static void open_site(struct site *s, const char *token_file, const char *client_token)
{
    struct err err = ERR_INIT;
    char url[64];
    assert_ok(httpc_init(&err), &err);
    tuner_world_start(&s->world);
    s->world.api.reads_to_final = 1000000;
    s->world.changed = tuner_http_changed;
    s->world.context = &s->http;
    s->http = (struct tuner_http){.tuner = s->world.tuner, .clock = &s->world.clock};
    assert_ok(journal_reader_open(s->world.path, &s->http.reader, &err), &err);
    struct httpd_options options = {
        .listen = "127.0.0.1:0", .routes = TUNER_ROUTES, .context = &s->http, .token_file = token_file};
    assert_ok(httpd_start(&options, &s->httpd, &err), &err);
    atomic_store(&s->http.httpd, s->httpd);
    assert_ok(tuner_start(s->http.tuner, &err), &err);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", httpd_port(s->httpd));
    assert_ok(httpc_new(&(struct httpc_options){.base_url = url, .token_file = client_token}, &s->client, &err), &err);
}

static void close_site(struct site *s)
{
    httpc_free(s->client);
    tuner_stop(s->http.tuner);
    atomic_store(&s->http.httpd, NULL);
    httpd_stop(s->httpd);
    journal_reader_close(s->http.reader);
    tuner_world_end(&s->world);
}

static void expect(struct site *s, const char *method, const char *path, const char *body, int want, const char *text)
{
    struct buf answer = BUF_INIT;
    int http = 0;
    (void)!httpc_request(s->client, method, path, body, body == NULL ? 0 : strlen(body), &http, &answer, NULL);
    (void)snprintf(s->answer, sizeof s->answer, "%s", buf_string(&answer));
    buf_done(&answer);
    if (http != want || strstr(s->answer, text) == NULL)
        fail_msg("%s %s: %d %s, not %d with %s", method, path, http, s->answer, want, text);
}

static const struct {
    const char *method, *path, *body;
    int http;
    const char *text;
} CASES[] = {
    {"GET", "/healthz", NULL, 200, "{\"status\":\"ok\"}"},
    {"GET", "/readyz", NULL, 200, "ok"},
    {"GET", "/openapi.yaml", NULL, 200, "Trimtab tuner API"},
    {"GET", "/metrics", NULL, 200, "trimtabd_campaigns{state=\"active\"} 1"},
    {"GET", "/nowhere", NULL, 404, "NOT_FOUND"},
    {"DELETE", "/v1/campaigns", NULL, 405, "NOT_ALLOWED"},
    {"GET", "/v1/campaigns", NULL, 200, "{\"campaigns\":[{\"id\":1,"},
    {"GET", "/v1/campaigns/1", NULL, 200, "\"experiment\":\"feed\""},
    {"GET", "/v1/campaigns/2", NULL, 404, "there is no campaign 2"},
    {"GET", "/v1/campaigns/x", NULL, 404, "id in the path is \\\"x\\\": allowed are whole numbers from 1"},
    {"GET", "/v1/campaigns/0", NULL, 404, "id in the path"},
    {"GET", "/v1/campaigns/-1", NULL, 404, "id in the path"},
    {"GET", "/v1/campaigns/99999999999999999999", NULL, 404, "id in the path"},
    {"GET", "/v1/campaigns/1/trials/1", NULL, 200, "\"origin\":\"control\""},
    {"GET", "/v1/campaigns/1/trials/77", NULL, 404, "campaign 1 has no trial 77"},
    {"GET", "/v1/campaigns/7/trials/1", NULL, 404, "there is no campaign 7"},
    {"GET", "/v1/campaigns/1/audit", NULL, 200, "\"action\":\"round planned\""},
    {"GET", "/v1/campaigns/3/audit", NULL, 404, "there is no campaign 3"},
    {"GET", "/v1/campaigns/3/events", NULL, 404, "there is no campaign 3"},
    {"POST", "/v1/campaigns", "", 400, "INVALID"},
    {"POST", "/v1/campaigns", "{", 400, "byte"},
    {"POST", "/v1/campaigns", "{\"name\":\"a\",\"name\":\"b\"}", 400, "name"},
    {"POST", "/v1/campaigns", "[]", 400, "object"},
    {"POST", "/v1/campaigns?create=yes", "{}", 400, "create is \\\"yes\\\": allowed are true and false"},
    {"POST", "/v1/campaigns/1/pause", "{\"x\":1}", 400, "x is unknown"},
    {"POST", "/v1/campaigns/1/pause", "7", 400, "object"},
    {"POST", "/v1/campaigns/1/promote", "{\"trial\":0}", 400, "trial is 0"},
    {"POST", "/v1/campaigns/1/promote", "{\"trial\":\"1\"}", 400, "trial"},
    {"POST", "/v1/campaigns/1/promote", "{\"trial\":1}", 422, "trial 1 is the control"},
    {"POST", "/v1/campaigns/1/promote", NULL, 409, "only a ready campaign"},
    {"POST", "/v1/campaigns/1/pause", "{}", 200, "\"state\":\"paused\""},
    {"POST", "/v1/campaigns/1/pause", "", 200, "\"state\":\"paused\""},
    {"POST", "/v1/campaigns/1/resume", NULL, 200, "\"state\":\"running\""},
    {"POST", "/v1/campaigns/8/resume", NULL, 404, "there is no campaign 8"},
    {"GET", "/v1/clock", NULL, 200, "{\"now_ms\":1700000000000}"},
    {"PUT", "/v1/clock", "{\"now_ms\":1700000000500}", 200, "{\"now_ms\":1700000000500}"},
    {"PUT", "/v1/clock", "{\"now_ms\":1}", 400, "INVALID"},
    {"PUT", "/v1/clock", "{\"now\":1}", 400, "now is unknown"},
    {"POST", "/v1/campaigns/1/cancel", NULL, 200, "\"state\":\"cancelled\""},
    {"POST", "/v1/campaigns/1/resume", NULL, 409, "campaign 1 is cancelled"},
};

static void every_route_and_bad_input(void **state)
{
    (void)state;
    static struct site s;
    static char huge[300000];
    open_site(&s, NULL, NULL);
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 201, "\"state\":\"starting\"");
    for (int i = 0; i < 600 && strstr(s.answer, "\"state\":\"running\"") == NULL; i++) {
        clock_sleep_ms(5);
        expect(&s, "GET", "/v1/campaigns/1", NULL, 200, "\"id\":1");
    }
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        expect(&s, CASES[i].method, CASES[i].path, CASES[i].body, CASES[i].http, CASES[i].text);
    while (tuner_counts(s.http.tuner).active > 0)
        clock_sleep_ms(1);
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 201, "\"id\":2");
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 409, "campaign 2 of experiment feed is still active");
    memset(huge, ' ', sizeof huge - 1);
    expect(&s, "POST", "/v1/campaigns", huge, 413, "TOO_LARGE");
    close_site(&s);
}

static void scopes_are_held_apart(void **state)
{
    (void)state;
    static struct site s;
    char *folder = files_folder();
    char tokens[128], reader[128], operator[128];
    files_text(folder, "tokens", "read read-token-0123456789\nread,operate operate-token-0123456789\n");
    files_text(folder, "reader", "read-token-0123456789\n");
    files_text(folder, "operator", "operate-token-0123456789\n");
    files_path(folder, "tokens", tokens, sizeof tokens);
    files_path(folder, "reader", reader, sizeof reader);
    files_path(folder, "operator", operator, sizeof operator);
    assert_int_equal(chmod(tokens, 0600) | chmod(reader, 0600) | chmod(operator, 0600), 0);
    open_site(&s, tokens, reader);
    expect(&s, "GET", "/v1/campaigns", NULL, 200, "campaigns");
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 403, "FORBIDDEN");
    close_site(&s);
    open_site(&s, tokens, operator);
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 201, "\"id\":1");
    expect(&s, "POST", "/v1/campaigns/1/promote", "{\"trial\":2}", 403, "FORBIDDEN");
    close_site(&s);
    open_site(&s, tokens, NULL);
    expect(&s, "GET", "/v1/campaigns", NULL, 401, "UNAUTHORIZED");
    expect(&s, "GET", "/healthz", NULL, 200, "ok");
    close_site(&s);
    files_remove(folder);
}

/* Until the text has come, or nothing for 3 s. */
static void read_until(int fd, const char *text, char *ret, size_t size)
{
    size_t n = 0;
    ret[0] = '\0';
    while (strstr(ret, text) == NULL && n + 1 < size) {
        ssize_t got = recv(fd, ret + n, size - n - 1, 0);
        if (got <= 0)
            fail_msg("no %s in %s", text, ret);
        n += (size_t)got;
        ret[n] = '\0';
    }
}

static void changes_are_streamed(void **state)
{
    (void)state;
    static struct site s;
    static char text[65536];
    open_site(&s, NULL, NULL);
    expect(&s, "POST", "/v1/campaigns", TUNER_WORLD_FILE, 201, "\"id\":1");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)httpd_port(s.httpd))};
    struct timeval patience = {.tv_sec = 3};
    static const char REQUEST[] = "GET /v1/campaigns/1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, REQUEST, sizeof REQUEST - 1, 0), (ssize_t)sizeof REQUEST - 1);
    read_until(fd, "event: status\ndata: {\"id\":1,", text, sizeof text);
    assert_non_null(strstr(text, "text/event-stream"));
    expect(&s, "POST", "/v1/campaigns/1/pause", NULL, 200, "paused");
    read_until(fd, "\"state\":\"paused\"", text, sizeof text);
    expect(&s, "POST", "/v1/campaigns/1/cancel", NULL, 200, "cancelled");
    read_until(fd, "\"state\":\"cancelled\"", text, sizeof text);
    close_site(&s); /* ends the stream */
    while (recv(fd, text, sizeof text, 0) > 0)
        ;
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_and_bad_input),
        cmocka_unit_test(scopes_are_held_apart),
        cmocka_unit_test(changes_are_streamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
