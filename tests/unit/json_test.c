#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/json/json.h"
#include "base/json/json_write.h"
#include "tests/lib/check.h"

static enum status parse(const char *text, struct json **ret, struct err *err)
{
    return json_parse(text, strlen(text), NULL, ret, err);
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } CASES[] = {
        {"", "empty"},
        {"[01]", "byte 1: expected a number without leading zeros"},
        {"[1e999]", "byte 1: expected a finite number"},
        {"NaN", "byte 0: expected a value"},
        {"{\"a\":1}x", "byte 7: expected the end"},
        {"\"a\nb\"", "byte 2: expected control"},
        {"\"\xc0\xaf\"", "byte 1: expected valid UTF-8"},
        {"\"\xed\xa0\x80\"", "valid UTF-8"},
        {"\"\\ud834\"", "low surrogate"},
        {"\"\\udd1e\"", "high surrogate"},
        {"\"\\u0000\"", "other than"},
        {"{\"k\":1,\"j\":2,\"k\":3}", "\"k\" is there twice"},
        {"[1,]", "byte 3: expected a value"},
        {"{\"a\" 1}", "byte 5: expected ':'"},
        {"[1", "byte 2: expected ',' or ']'"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "deeper than 32"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err err = ERR_INIT;
        struct json *json = NULL;
        assert_refused(parse(CASES[i].text, &json, &err), STATUS_INVALID, &err, CASES[i].line);
        assert_null(json);
    }
}

static void names_the_path(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct json *json = NULL;
    assert_ok(parse("{\"arms\":[{},{},{\"allocation\":1.5,\"n\":9007199254740993}]}", &json, &err), &err);
    struct json_at root = json_root(json), arms, arm = {0};
    double x = 0.37;
    int64_t n = 41;
    assert_ok(json_member(&root, "arms", JSON_REQUIRED, &arms, &err), &err);
    for (int i = 0; i < 3; i++)
        assert_true(json_next(&arms, &arm));
    assert_refused(json_get_number(&arm, "allocation", JSON_REQUIRED, 0, 1, &x, &err), STATUS_INVALID, &err,
                   "arms[2].allocation is 1.5: allowed are 0 to 1");
    assert_refused(json_get_int(&arm, "n", JSON_REQUIRED, 0, INT64_MAX, &n, &err), STATUS_INVALID, &err,
                   "arms[2].n is");
    assert_refused(json_get_int(&arm, "m", JSON_REQUIRED, 0, 9, &n, &err), STATUS_INVALID, &err,
                   "arms[2].m is missing");
    assert_ok(json_get_int(&arm, "m", JSON_OPTIONAL, 0, 9, &n, &err), &err);
    assert_int_equal(n, 41);
    static const char *const NAMES[] = {"n", "id", NULL};
    assert_refused(json_only(&arm, NAMES, &err), STATUS_INVALID, &err,
                   "arms[2].allocation is unknown: known are n, id");
    json_free(json);
}

static void canonical_text_sorts_and_round_trips(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct json *json = NULL;
    struct buf buf = BUF_INIT;
    struct json_writer w;
    assert_ok(
        parse("{\"b\":[0.1,-0.0,1e300,true,null],\"a\":{\"y\":\"q\\\"\\n\",\"x\":0.30000000000000004}}", &json, &err),
        &err);
    struct json_at root = json_root(json);
    json_writer_init(&w, &buf);
    assert_ok(json_write_canonical(&w, &root, &err), &err);
    assert_string_equal(buf_string(&buf),
                        "{\"a\":{\"x\":0.30000000000000004,\"y\":\"q\\\"\\u000a\"},\"b\":[0.1,-0,1e+300,true,null]}");
    buf_clear(&buf);
    json_writer_init(&w, &buf);
    json_write_array(&w);
    json_write_number(&w, nan(""));
    json_write_int(&w, INT64_MIN);
    json_write_array_end(&w);
    assert_string_equal(buf_string(&buf), "[null,-9223372036854775808]");
    buf_done(&buf);
    json_free(json);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct json *json = NULL;
        mem_fault_after(n);
        enum status s = parse("{\"a\":[1,\"two\",{\"c\":3,\"d\":null}],\"b\":4}", &json, NULL);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        json_free(json);
        assert_int_equal(mem_outstanding(), before);
    }
}

static void members_and_matrices_are_written(void **state)
{
    (void)state;
    static const double X[4] = {1.5, -2, 0.25, 1e300 * 1e300};
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key_int(&w, "i", -7);
    json_write_key_number(&w, "x", 0.5);
    json_write_key_text(&w, "t", "a\"b");
    json_write_key_text(&w, "none", NULL);
    json_write_key_bool(&w, "b", true);
    json_write_key_null(&w, "n");
    json_write_key(&w, "v");
    json_write_vector(&w, 3, X);
    json_write_key(&w, "m");
    json_write_square(&w, 2, X);
    json_write_object_end(&w);
    assert_string_equal(buf_string(&text), "{\"i\":-7,\"x\":0.5,\"t\":\"a\\\"b\",\"none\":null,\"b\":true,\"n\":null,"
                                           "\"v\":[1.5,-2,0.25],\"m\":[[1.5,-2],[0.25,null]]}");
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_matrices_are_written),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(names_the_path),
        cmocka_unit_test(canonical_text_sorts_and_round_trips),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
