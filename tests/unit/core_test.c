/* base/core: errors, memory faults, buffers, random numbers, options. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/digest.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/core/rng.h"

static void test_err_wrap_puts_context_in_front(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_int_equal(err_set(&err, STATUS_INVALID, "y is %s", "NaN"), STATUS_INVALID);
    assert_int_equal(err_wrap(&err, STATUS_INVALID, "fit campaign %d", 7), STATUS_INVALID);
    assert_string_equal(err.text, "fit campaign 7: y is NaN");
    assert_int_equal(err_set(NULL, STATUS_IO, "nobody listens"), STATUS_IO);
    assert_int_equal(err_set(&err, STATUS_INVALID, "member \"%s\"", "a\nb\x7f"), STATUS_INVALID);
    assert_string_equal(err.text, "member \"a?b?\"");
}

static void test_http_and_status_agree(void **state)
{
    (void)state;
    assert_int_equal(status_http(STATUS_CONFLICT), 409);
    assert_int_equal(status_from_http(409), STATUS_CONFLICT);
    assert_int_equal(status_from_http(418), STATUS_INVALID);
    assert_int_equal(status_from_http(500), STATUS_UNAVAILABLE);
    assert_string_equal(status_name(STATUS_NOT_FOUND), "NOT_FOUND");
}

static void test_buf_survives_memory_faults(void **state)
{
    (void)state;
    const int64_t before = mem_outstanding();
    for (int64_t n = 0; n < 4; n++) {
        struct buf buf = BUF_INIT;
        mem_fault_after(n);
        for (int i = 0; i < 300; i++)
            buf_printf(&buf, "%d,", i);
        assert_int_equal(buf.failed, mem_fault_tripped());
        mem_fault_after(-1);
        buf_done(&buf);
    }
    assert_int_equal(mem_outstanding(), before);
}

static void test_rng_moments(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, check_seed(), 1, 2);
    double sum = 0, squares = 0, gamma = 0;
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        const double z = rng_normal(&rng);
        sum += z;
        squares += z * z;
        gamma += rng_gamma(&rng, 0.7);
    }
    assert_close(sum / N, 0.0, 0.01);
    assert_close(squares / N, 1.0, 0.015);
    assert_close(gamma / N, 0.7, 0.012);
    struct rng other;
    rng_init(&other, check_seed(), 2, 1);
    rng_init(&rng, check_seed(), 1, 2);
    assert_true(rng_u64(&rng) != rng_u64(&other));
}

static void test_digest_matches_published_vectors(void **state)
{
    (void)state;
    uint8_t digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    digest_sha256("abc", 3, digest); /* FIPS 180-2, B.1 */
    digest_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, digest); /* RFC 4231, 4.3 */
    digest_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_options_name_what_is_wrong(void **state)
{
    (void)state;
    int64_t seed = 1;
    bool json = false;
    const struct opt options[] = {
        {"seed", OPT_INT, &seed, "N", "the seed", 0, 100}, {"json", OPT_FLAG, &json, NULL, "as JSON", 0, 0}, OPT_END};
    struct err err = ERR_INIT;
    int n = 0;
    bool help = false;
    char *good[] = {(char[]){"a"}, (char[]){"--seed=7"}, (char[]){"--json"}, (char[]){"b"}};
    assert_ok(opt_parse(options, 4, good, &n, &help, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(seed, 7);
    assert_true(json);
    char *large[] = {(char[]){"--seed"}, (char[]){"101"}};
    assert_refused(opt_parse(options, 2, large, &n, &help, &err), STATUS_INVALID, &err,
                   "--seed 101: allowed are 0 to 100");
    char *rubbish[] = {(char[]){"--seed"}, (char[]){"12x"}};
    assert_refused(opt_parse(options, 2, rubbish, &n, &help, &err), STATUS_INVALID, &err, "12x");
    char *unknown[] = {(char[]){"--sed"}};
    assert_refused(opt_parse(options, 1, unknown, &n, &help, &err), STATUS_INVALID, &err, "--sed is not an option");
}

static enum status parse_config(const char *text, int argc, char **argv, int64_t *seed, const char **listen, bool *json,
                                double *rate, struct buf *config, struct err *err)
{
    char path[] = "/tmp/core_test_XXXXXX", argument[64];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(file_write_atomic(path, text, strlen(text), 0600, err), err);
    snprintf(argument, sizeof argument, "--config=%s", path);
    const struct opt options[] = {{"seed", OPT_INT, seed, "N", "the seed", 0, 100},
                                  {"listen", OPT_TEXT, listen, "ADDRESS", "where", 0, 0},
                                  {"json", OPT_FLAG, json, NULL, "as JSON", 0, 0},
                                  {"rate", OPT_REAL, rate, "X", "how fast", 0, 0},
                                  {"config", OPT_CONFIG, config, "FILE", "options from a file", 0, 0},
                                  OPT_END};
    char *all[8] = {NULL};
    for (int i = 0; i < argc; i++)
        all[i] = argv[i];
    all[argc] = argument;
    int n = 0;
    bool help = false;
    *err = (struct err)ERR_INIT;
    const enum status s = opt_parse(options, argc + 1, all, &n, &help, err);
    unlink(path);
    return s;
}

static void test_config_file_yields_to_the_command_line(void **state)
{
    (void)state;
    int64_t seed = 1;
    const char *listen = "none";
    bool json = false;
    double rate = 1;
    struct buf config = BUF_INIT;
    struct err err = ERR_INIT;
    static const char TEXT[] = "# a comment\n\n seed = 7\r\nlisten=a b # c \njson = true\n  rate\t=\t0.7351\n";
    assert_ok(parse_config(TEXT, 1, (char *[]){(char[]){"--seed=9"}}, &seed, &listen, &json, &rate, &config, &err),
              &err);
    assert_int_equal(seed, 9);
    assert_string_equal(listen, "a b # c");
    assert_true(json);
    assert_close(rate, 0.7351, 0);
    buf_done(&config);
    static const char *const BAD[][2] = {
        {"seed = 7\nseed = 12x\n", ":2: --seed 12x: a whole number"},
        {"seed = 101", ":1: --seed 101: allowed are 0 to"},
        {"\nsed = 1\n", ":2: sed is not an option"},
        {"seed 7\n", ":1: seed 7: name = value"},
        {"json = yes\n", ":1: json = yes: true or false"},
        {"config = x\n", ":1: config is not an option"},
        {"seed =\n", ":1: --seed : a whole number"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_refused(parse_config(BAD[i][0], 0, NULL, &seed, &listen, &json, &rate, &config, &err), STATUS_INVALID,
                       &err, BAD[i][1]);
        buf_done(&config);
    }
    char *missing[] = {(char[]){"--config"}, (char[]){"/nonexistent/config"}};
    const struct opt options[] = {{"config", OPT_CONFIG, &config, "FILE", "options from a file", 0, 0}, OPT_END};
    int n = 0;
    bool help = false;
    assert_refused(opt_parse(options, 2, missing, &n, &help, &err), STATUS_NOT_FOUND, &err, "/nonexistent/config");
    assert_refused(opt_parse(options, 1, missing, &n, &help, &err), STATUS_INVALID, &err, "--config needs a value");
    buf_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_wrap_puts_context_in_front),
        cmocka_unit_test(test_http_and_status_agree),
        cmocka_unit_test(test_buf_survives_memory_faults),
        cmocka_unit_test(test_rng_moments),
        cmocka_unit_test(test_digest_matches_published_vectors),
        cmocka_unit_test(test_options_name_what_is_wrong),
        cmocka_unit_test(test_config_file_yields_to_the_command_line),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
