/* Every allocation of a server's start, of a client and of the parsers fails once: STATUS_NO_MEMORY, nothing stays. */
#include "tests/lib/check.h"

#include <sys/stat.h>

#include "base/core/mem.h"
#include "base/httpc/httpc.h"
#include "base/httpd/httpd.h"
#include "base/httpd/route.h"
#include "base/httpd/tokens.h"
#include "tests/lib/files.h"

static char *folder;

static void repeat(enum status (*run)(struct err *err))
{
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct err err = ERR_INIT;
        assert_true(n < 200);
        mem_fault_after(n);
        const enum status s = run(&err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        assert_int_equal(mem_outstanding(), before);
    }
}

static enum status server(struct err *err)
{
    static const struct httpd_route NONE[] = {{NULL, NULL, NULL, 0, NULL}};
    char path[256];
    files_path(folder, "tokens", path, sizeof path);
    const struct httpd_options options = {.listen = "127.0.0.1:0",
                                          .token_file = path,
                                          .tls_cert = "tests/fixtures/tls/first.cert.pem",
                                          .tls_key = "tests/fixtures/tls/first.key.pem",
                                          .routes = NONE};
    struct httpd *httpd = NULL;
    const enum status s = httpd_start(&options, &httpd, err);
    httpd_stop(httpd);
    return s;
}

static enum status client(struct err *err)
{
    char path[256];
    files_path(folder, "token", path, sizeof path);
    const struct httpc_options options = {.base_url = "http://127.0.0.1:1", .token_file = path};
    struct httpc *httpc = NULL;
    const enum status s = httpc_new(&options, &httpc, err);
    httpc_free(httpc);
    return s;
}

static enum status parsers(struct err *err)
{
    struct route_target target;
    struct tokens *tokens = NULL;
    enum status s = route_target_init(&target, "/a/b?c=d", err);
    if (s == STATUS_OK)
        s = tokens_parse("file", "read abcdefghijklmnopq", 22, &tokens, err);
    route_target_done(&target);
    tokens_free(tokens);
    return s;
}

static void test_server_start(void **state)
{
    (void)state;
    repeat(server);
}

static void test_client(void **state)
{
    (void)state;
    repeat(client);
}

static void test_parsers(void **state)
{
    (void)state;
    repeat(parsers);
}

static int setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    folder = files_folder();
    umask(077); /* token files that others can read are refused */
    files_text(folder, "tokens", "read abcdefghijklmnopq\n");
    files_text(folder, "token", "abcdefghijklmnopq\n");
    return httpc_init(&err) == STATUS_OK ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    files_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_server_start), cmocka_unit_test(test_client),
                                       cmocka_unit_test(test_parsers)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
