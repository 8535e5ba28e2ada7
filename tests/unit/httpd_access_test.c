/* Who may: tokens and scopes, certificates, web pages in a browser, addresses to listen on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/lib/check.h"
#include "tests/lib/httpd_lab.h"

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
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.token_file = server}, NULL);
    assert_ok(httpd_lab_ask(&f, "GET", "/hello/x", NULL), &f.err);
    assert_refused(httpd_lab_ask(&f, "POST", "/echo", "x"), STATUS_UNAUTHORIZED, &f.err, "token is needed");
    httpc_free(f.httpc);
    const struct httpc_options with = {.base_url = f.url, .token_file = reader};
    assert_ok(httpc_new(&with, &f.httpc, &f.err), &f.err);
    assert_refused(httpd_lab_ask(&f, "POST", "/echo", "x"), STATUS_FORBIDDEN, &f.err,
                   "has the scope control; this needs events");
    assert_ok(httpd_lab_ask(&f, "PUT", "/echo", "x"), &f.err);
    /* The same token gets another scope while the server runs; a broken file changes nothing. */
    write_tokens(server, "control,events bbbbbbbbbbbbbbbb8\n", 0600);
    assert_ok(httpd_reload(f.httpd, &f.err), &f.err);
    assert_ok(httpd_lab_ask(&f, "POST", "/echo", "x"), &f.err);
    write_tokens(server, "control short\n", 0600);
    assert_refused(httpd_reload(f.httpd, &f.err), STATUS_INVALID, &f.err, "tokens:1: the token must have 16");
    write_tokens(server, "control bbbbbbbbbbbbbbbb8\n", 0644);
    assert_refused(httpd_reload(f.httpd, &f.err), STATUS_FORBIDDEN, &f.err, "chmod 600");
    assert_ok(httpd_lab_ask(&f, "POST", "/echo", "x"), &f.err);
    httpd_lab_end(&f);
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
static enum status ask_tls(const struct httpd_lab *f, const char *trusted, struct err *err)
{
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", httpd_port(f->httpd));
    const struct httpc_options options = {
        .base_url = url, .ca_file = trusted, .connect_ms = HTTPD_LAB_PATIENCE_MS, .total_ms = HTTPD_LAB_PATIENCE_MS};
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
    struct httpd_lab f;
    httpd_lab_begin_with(&f, (struct httpd_options){.tls_cert = cert, .tls_key = key}, NULL);
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
    assert_refused(httpd_lab_ask(&f, "GET", "/hello/x", NULL), STATUS_UNAVAILABLE, &f.err, NULL); /* plain HTTP */
    httpd_lab_end(&f);
    unlink(cert);
    unlink(key);
    rmdir(folder);
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
    struct httpd_lab f;
    httpd_lab_begin(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const int fd = httpd_lab_dial(&f);
        httpd_lab_say(fd, "GET /hello/x HTTP/1.1\r\n");
        httpd_lab_say(fd, CASES[i].headers);
        httpd_lab_say(fd, "\r\n");
        char expected[32];
        snprintf(expected, sizeof expected, "HTTP/1.1 %s", CASES[i].answer);
        assert_true(httpd_lab_hear(fd, expected));
        close(fd);
    }
    httpd_lab_end(&f);
}

static void refuses_to_listen(void **state)
{
    (void)state;
    struct httpd_lab f;
    httpd_lab_begin(&f);
    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", httpd_port(f.httpd));
    struct httpd *other = NULL;
    struct err err = ERR_INIT;
    struct httpd_options o = {.listen = taken, .routes = HTTPD_LAB_ROUTES};
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
    o = (struct httpd_options){
        .listen = "127.0.0.1:0", .routes = HTTPD_LAB_ROUTES, .token_file = "/nonexistent/tokens"};
    assert_refused(httpd_start(&o, &other, &err), STATUS_NOT_FOUND, &err, "/nonexistent/tokens");
    assert_null(other);
    httpd_lab_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_and_scopes),
        cmocka_unit_test(certificates_are_reloaded),
        cmocka_unit_test(web_pages_cannot_reach_an_open_server),
        cmocka_unit_test(refuses_to_listen),
    };
    return cmocka_run_group_tests(tests, httpd_lab_setup, NULL);
}
