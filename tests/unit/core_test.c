/* base/core: errors, memory faults, buffers, random numbers, options. */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/digest.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_wrap_puts_context_in_front),   cmocka_unit_test(test_http_and_status_agree),
        cmocka_unit_test(test_buf_survives_memory_faults),       cmocka_unit_test(test_rng_moments),
        cmocka_unit_test(test_digest_matches_published_vectors), cmocka_unit_test(test_options_name_what_is_wrong),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
