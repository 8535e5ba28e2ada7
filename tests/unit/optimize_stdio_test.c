/* The protocol of `trimtab optimize --stdio`, line by line: what it answers and what it refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "base/core/mem.h"
#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tuner/cli/optimize.h"

static struct buf reply = BUF_INIT;

static const char *say(struct optimize_session *s, const char *line)
{
    buf_clear(&reply);
    assert_true(optimize_session_line(s, line, strlen(line), &reply));
    assert_null(strchr(buf_string(&reply), '\n'));
    return buf_string(&reply);
}

static void expect(struct optimize_session *s, const char *line, const char *want)
{
    const char *got = say(s, line);
    if (strstr(got, want) == NULL) {
        print_error("%.200s\n-> %s\nexpected: %s\n", line, got, want);
        fail();
    }
}

/* Refused with an error that holds the text; afterwards an ask answers as if nothing had been said. */
static void refuse(struct optimize_session *s, const char *line, const char *want)
{
    expect(s, line, "{\"error\":\"");
    expect(s, line, want);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    expect(s,
           "{\"op\":\"init\",\"dim\":3,\"n_constraints\":1,\"seed\":3,\"q\":2,\"n_init\":4,\"budget\":20,"
           "\"minimize\":true,\"bounds\":[[-5,10],[0.001,10],[1,6]],\"kinds\":[\"float\",\"log\",\"integer\"],"
           "\"constraint_sense\":\"le0\"}",
           "{\"ok\":true,\"name\":\"trimtab ");
    expect(s, "{\"op\":\"ask\",\"n\":2}", "{\"arms\":[{\"x\":[2.5,0.1");
    expect(s,
           "{\"op\":\"tell\",\"results\":[{\"x\":[1.5,0.02,2],\"y\":3.1,\"se\":0.1,\"constraints\":[{\"y\":-1,\"se\":0."
           "1}]},"
           "{\"x\":[7,5,5],\"y\":1.2,\"se\":null,\"constraints\":[{\"y\":1.5}]},{\"x\":[2,1,3],\"failed\":true}]}",
           "{\"ok\":true}");
    expect(
        s,
        "{\"op\":\"tell\",\"results\":[{\"x\":[3,0.2,4],\"y\":2.1,\"constraints\":[{\"y\":-0.7,\"se\":0.1}]},"
        "{\"x\":[0.5,0.1,1],\"y\":2.5,\"constraints\":[{\"y\":-0.9,\"se\":0.1}]}],\"cov\":[[0.04,0.01],[0.01,0.05]]}",
        "{\"ok\":true}");
    const char *arms = say(s, "{\"op\":\"ask\",\"n\":3}");
    struct json *json = NULL;
    assert_int_equal(json_parse(arms, strlen(arms), NULL, &json, NULL), STATUS_OK);
    const struct json_at root = json_root(json);
    struct json_at list, arm = {0}, x;
    assert_int_equal(json_member(&root, "arms", JSON_REQUIRED, &list, NULL), STATUS_OK);
    size_t n = 0;
    for (; json_next(&list, &arm); n++) {
        double v[3];
        size_t got;
        assert_int_equal(json_member(&arm, "x", JSON_REQUIRED, &x, NULL), STATUS_OK);
        assert_int_equal(json_numbers(&x, -100, 100, 3, v, &got, NULL), STATUS_OK);
        assert_true(got == 3 && v[0] >= -5 && v[0] <= 10 && v[1] >= 0.001 && v[1] <= 10 && v[2] >= 1 && v[2] <= 6);
        assert_close(v[2], round(v[2]), 0.0);
    }
    assert_int_equal(n, 3);
    json_free(json);
    expect(s, "{\"op\":\"best\"}", "\"x_insample\":[");
    expect(s, "{\"op\":\"model\"}", "\"warnings\":[");
    buf_clear(&reply);
    assert_false(optimize_session_line(s, "{\"op\":\"stop\"}", 13, &reply));
    assert_string_equal(buf_string(&reply), "{\"ok\":true}");
    optimize_session_free(s);
}

static void test_maximize(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    expect(s, "{\"op\":\"init\",\"dim\":1,\"minimize\":false}", "ok");
    expect(s,
           "{\"op\":\"tell\",\"results\":[{\"x\":[0.1],\"y\":1,\"se\":0.01},{\"x\":[0.5],\"y\":7,\"se\":0.01},"
           "{\"x\":[0.9],\"y\":2,\"se\":0.01}]}",
           "ok");
    expect(s, "{\"op\":\"best\"}", "\"x_insample\":[0.5]");
    expect(s, "{\"op\":\"init\",\"dim\":1,\"n_constraints\":1,\"constraint_sense\":\"ge0\"}", "ok");
    expect(s,
           "{\"op\":\"tell\",\"results\":[{\"x\":[0.1],\"y\":1,\"se\":0.01,\"constraints\":[{\"y\":-3,\"se\":0.01}]},"
           "{\"x\":[0.5],\"y\":7,\"se\":0.01,\"constraints\":[{\"y\":0.5,\"se\":0.01}]},"
           "{\"x\":[0.9],\"y\":2,\"se\":0.01,\"constraints\":[{\"y\":4,\"se\":0.01}]}]}",
           "ok");
    expect(s, "{\"op\":\"best\"}", "\"x_insample\":[0.9]");
    optimize_session_free(s);
}

static void test_before_init(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    refuse(s, "{\"op\":\"ask\"}", "init comes first");
    refuse(s, "{\"op\":\"tell\",\"results\":[]}", "init comes first");
    refuse(s, "{\"op\":\"best\"}", "init comes first");
    refuse(s, "", "expected a value");
    refuse(s, "[]", "object");
    refuse(s, "{\"op\":3}", "op");
    refuse(s, "{\"op\":\"jump\"}", "init, tell, ask");
    refuse(s, "{}", "op");
    refuse(s, "{\"op\":\"init\"}", "dim");
    refuse(s, "{\"op\":\"init\",\"dim\":0}", "1 to 60");
    refuse(s, "{\"op\":\"init\",\"dim\":61}", "1 to 60");
    refuse(s, "{\"op\":\"init\",\"dim\":1.5}", "dim");
    refuse(s, "{\"op\":\"init\",\"dim\":2,\"n_constraints\":9}", "n_constraints");
    refuse(s, "{\"op\":\"init\",\"dim\":2,\"colour\":1}", "colour");
    refuse(s, "{\"op\":\"init\",\"dim\":2,\"seed\":-1}", "seed");
    refuse(s, "{\"op\":\"init\",\"dim\":2,\"bounds\":[[0,1]]}", "bounds has 1 entries: 2");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"bounds\":[[1,1]]}", "lo below hi");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"bounds\":[[1,null]]}", "bounds[0][1]");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"bounds\":[[0,1]],\"kinds\":[\"log\"]}", "above 0");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"kinds\":[\"bool\"]}", "float, log and integer");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"constraint_sense\":\"eq0\"}", "le0 and ge0");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"control\":[3]}", "control coordinate 0 is 3");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"acquisition\":\"magic\"}", "log-nei");
    refuse(s, "{\"op\":\"init\",\"dim\":1,\"hyper_prior\":\"magic\"}", "gamma");
    refuse(s, "{\"op\":\"ask\"}", "init comes first");
    optimize_session_free(s);
}

static const char *const BAD_TELLS[][2] = {
    {"{\"op\":\"tell\"}", "results"},
    {"{\"op\":\"tell\",\"results\":[]}", "empty"},
    {"{\"op\":\"tell\",\"results\":[{\"y\":1}]}", "results[0].x"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1],\"y\":1}]}", "results[0].x has 1 coordinates: 2"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,1.01],\"y\":1}]}", "coordinate 1 is 1.01: allowed are 0 to 1"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2]}]}", "results[0].y"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":NaN}]}", "JSON byte"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1e999}]}", "JSON byte"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":\"1\"}]}", "results[0].y"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1,\"se\":-0.1}]}", "results[0].se"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1,\"constraints\":[{\"y\":1}]}]}",
     "constraints has 1 entries"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1,\"colour\":1}]}", "colour"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1,\"se\":1}],\"cov\":[[1]]}", "beside a covariance"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1}],\"cov\":[[1,2]]}", "cov[0] has 2 entries: 1"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1}],\"cov\":[[-1]]}", "noise variance"},
    {"{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1},{\"x\":[0.3,0.2],\"y\":1}],\"cov\":[[1,2],[2,1]]}",
     "not positive semidefinite"},
    {"{\"op\":\"ask\",\"n\":0}", "n is 0"},
    {"{\"op\":\"ask\",\"n\":65}", "1 to 64"},
    {"{\"op\":\"best\",\"n\":1}", "n"},
};

/* Two sessions, one of which also hears every bad line, go on answering the same. */
static void test_refused_tells_change_nothing(void **state)
{
    (void)state;
    static const char *const GOOD = "{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.2],\"y\":1,\"se\":0.1},"
                                    "{\"x\":[0.7,0.4],\"y\":0.5,\"se\":0.1},{\"x\":[0.3,0.9],\"y\":0.2,\"se\":0.1}]}";
    struct optimize_session *a = optimize_session_new(), *b = optimize_session_new();
    expect(a, "{\"op\":\"init\",\"dim\":2,\"seed\":5}", "ok");
    expect(b, "{\"op\":\"init\",\"dim\":2,\"seed\":5}", "ok");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof BAD_TELLS / sizeof *BAD_TELLS; i++)
            refuse(a, BAD_TELLS[i][0], BAD_TELLS[i][1]);
        expect(a, GOOD, "ok");
        expect(b, GOOD, "ok");
        char *from_a = mem_strdup(say(a, "{\"op\":\"ask\",\"n\":2}"));
        assert_string_equal(from_a, say(b, "{\"op\":\"ask\",\"n\":2}"));
        mem_free(from_a);
    }
    optimize_session_free(a);
    optimize_session_free(b);
}

static void test_nesting_and_length(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    enum { DEEP = 100000 };
    char *deep = mem_alloc(DEEP + 1, 1);
    memset(deep, '[', DEEP);
    expect(s, deep, "error");
    mem_free(deep);
    buf_clear(&reply);
    optimize_session_too_long(&reply);
    assert_non_null(strstr(buf_string(&reply), "10 MB"));
    optimize_session_free(s);
}

/* The coordinates of the arms of the last answer, one after the other; returns how many numbers. */
static size_t arms_of(const char *text, double *ret)
{
    size_t n = 0;
    while ((text = strstr(text, "\"x\":[")) != NULL) {
        text += 4; /* at the bracket */
        do {
            char *end;
            ret[n++] = strtod(text + 1, &end);
            text = end;
        } while (*text == ',');
    }
    return n;
}

static void tell_one(struct optimize_session *s, const double *x, int digits)
{
    char line[256];
    (void)snprintf(line, sizeof line, "{\"op\":\"tell\",\"results\":[{\"x\":[%.*g,%.*g],\"y\":%.17g,\"se\":0.1}]}",
                   digits, x[0], digits, x[1], x[0] * x[0] + x[1]);
    expect(s, line, "ok");
}

/* Two sessions hear the same batch, one at once, one in pieces, in another order and with rounded coordinates: nothing
 * stays pending, and both recommend the same point. */
static void test_batch_in_pieces(void **state)
{
    (void)state;
    struct optimize_session *whole = optimize_session_new(), *pieces = optimize_session_new();
    static const size_t ORDER[] = {2, 0, 3, 1};
    double x[8], a[4], b[4];
    char line[1024];
    expect(whole, "{\"op\":\"init\",\"dim\":2,\"bounds\":[[-5,10],[0,1]]}", "ok");
    expect(pieces, "{\"op\":\"init\",\"dim\":2,\"bounds\":[[-5,10],[0,1]]}", "ok");
    assert_int_equal(arms_of(say(pieces, "{\"op\":\"ask\",\"n\":4}"), x), 8);
    expect(whole, "{\"op\":\"ask\",\"n\":4}", "arms");
    for (size_t i = 0; i < 4; i++)
        tell_one(pieces, x + 2 * ORDER[i], i % 2 == 0 ? 17 : 7);
    size_t used = (size_t)snprintf(line, sizeof line, "{\"op\":\"tell\",\"results\":[");
    for (size_t i = 0; i < 4; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s{\"x\":[%.17g,%.17g],\"y\":%.17g,\"se\":0.1}",
                                 i > 0 ? "," : "", x[2 * i], x[2 * i + 1], x[2 * i] * x[2 * i] + x[2 * i + 1]);
    (void)snprintf(line + used, sizeof line - used, "]}");
    expect(whole, line, "ok");
    expect(whole, "{\"op\":\"model\"}", "\"points\":4,\"pending\":0");
    expect(pieces, "{\"op\":\"model\"}", "\"points\":4,\"pending\":0");
    assert_int_equal(arms_of(say(whole, "{\"op\":\"best\"}"), a), 2);
    assert_int_equal(arms_of(say(pieces, "{\"op\":\"best\"}"), b), 2);
    for (size_t k = 0; k < 2; k++)
        assert_close(a[k], b[k], 1e-3);
    optimize_session_free(whole);
    optimize_session_free(pieces);
}

/* Results that never come, and results nobody asked for: the session goes on around the pending points. */
static void test_never_told(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    double first[8], second[8];
    expect(s, "{\"op\":\"init\",\"dim\":2}", "ok");
    expect(s,
           "{\"op\":\"tell\",\"results\":[{\"x\":[0.1,0.9],\"y\":3},{\"x\":[0.6,0.4],\"y\":1},{\"x\":[0.8,0.2],\"y\":"
           "2,\"se\":0}]}",
           "ok");
    assert_int_equal(arms_of(say(s, "{\"op\":\"ask\",\"n\":4}"), first), 8);
    assert_int_equal(arms_of(say(s, "{\"op\":\"ask\",\"n\":4}"), second), 8);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_true(hypot(first[2 * i] - second[2 * j], first[2 * i + 1] - second[2 * j + 1]) > 1e-3);
    }
    expect(s, "{\"op\":\"tell\",\"results\":[{\"x\":[0.5,0.5],\"y\":0.5},{\"x\":[0.5,0.5],\"y\":0.7}]}", "ok");
    expect(s, "{\"op\":\"model\"}", "\"points\":5,\"pending\":8");
    expect(s, "{\"op\":\"best\"}", "\"x_insample\":[0.5,0.5]");
    optimize_session_free(s);
}

static void test_pending_is_bounded(void **state)
{
    (void)state;
    struct optimize_session *s = optimize_session_new();
    expect(s, "{\"op\":\"init\",\"dim\":1}", "ok");
    for (int i = 0; i < 16; i++)
        expect(s, "{\"op\":\"ask\",\"n\":64}", "arms");
    refuse(s, "{\"op\":\"ask\",\"n\":1}", "1024 points are pending");
    expect(s, "{\"op\":\"tell\",\"results\":[{\"x\":[0.5],\"failed\":true}]}", "ok");
    expect(s, "{\"op\":\"ask\",\"n\":1}", "arms");
    optimize_session_free(s);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),         cmocka_unit_test(test_maximize),
        cmocka_unit_test(test_before_init),        cmocka_unit_test(test_refused_tells_change_nothing),
        cmocka_unit_test(test_nesting_and_length), cmocka_unit_test(test_pending_is_bounded),
        cmocka_unit_test(test_batch_in_pieces),    cmocka_unit_test(test_never_told),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&reply);
    return failed != 0 ? failed : mem_outstanding() != 0;
}
