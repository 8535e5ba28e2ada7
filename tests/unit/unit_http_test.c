/* DELETE /v1/units/{unit}: nothing of the unit is left, and whatever is left is what it would be without the unit. Each
 * test runs twice: with ids that are stored, and with hashed ones, which never are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"

#define START INT64_C(1000000)
#define EXPERIMENT "/v1/experiments/feed"
static const char GONE[] = "somebody@example.org", GONE_PATH[] = "/v1/units/somebody%40example.org";

static void open_round(struct lab *lab, int n, const char *more)
{
    char path[60], body[500];
    snprintf(path, sizeof path, EXPERIMENT "/rounds/%d", n);
    snprintf(body, sizeof body,
             "{\"purpose\":\"explore\",\"salt\":\"s%d\",\"arms\":[{\"id\":\"control\",\"weights\":{\"click\":1},"
             "\"allocation\":0.5},{\"id\":\"a1\",\"weights\":{\"save\":2},\"allocation\":0.5}],"
             "\"end\":{\"units_per_arm\":1000}%s}",
             n, more);
    json_free(lab_json(lab, "PUT", path, body, 201));
}

static void close_round(struct lab *lab, int n)
{
    char path[60];
    snprintf(path, sizeof path, EXPERIMENT "/rounds/%d/stop", n);
    json_free(lab_json(lab, "POST", path, NULL, 200));
}

static void post_covariate(struct lab *lab, const char *unit)
{
    char body[200];
    snprintf(body, sizeof body, "{\"covariates\":[{\"unit\":\"%s\",\"values\":{\"clicks\":4}}]}", unit);
    json_free(lab_json(lab, "POST", EXPERIMENT "/covariates", body, 200));
}

/* Two rankings, one of them named, and three clicks. */
static void visit(struct lab *lab, int round, const char *unit)
{
    char more[200], id[80];
    const char *alias = strcmp(unit, GONE) == 0 ? "gone" : unit; /* request ids are stored as they come */
    for (int r = 0; r < 2; r++) {
        snprintf(more, sizeof more, ",\"request_id\":\"r%d-%s\"", round, alias);
        struct json *answer = lab_rank(lab, unit, r ? more : "");
        for (int i = 0; i <= r; i++) {
            snprintf(id, sizeof id, "e%d-%s-%d-%d", round, unit, r, i);
            snprintf(more, sizeof more, ",\"request_id\":\"%s\"", answer_text(answer, "request_id"));
            lab_event(lab, id, more, 1, 0, 0, 0);
        }
        json_free(answer);
    }
}

static void get(struct lab *lab, int round, struct buf *ret)
{
    char path[60];
    buf_clear(ret);
    snprintf(path, sizeof path, EXPERIMENT "/rounds/%d/results", round);
    assert_int_equal(lab_call(lab, "GET", path, NULL, ret), 200);
}

/* The life of two rounds, in which GONE may take part. */
static void live(struct lab *lab, bool with, bool hashed)
{
    char unit[20], body[1200];
    lab_start(lab, START);
    snprintf(body, sizeof body, "{\"unit_ids\":\"%s\",%s", hashed ? "hashed" : "plain", LAB_EXPERIMENT + 1);
    json_free(lab_json(lab, "PUT", EXPERIMENT, body, 201));
    for (int round = 1; round <= 2; round++) {
        post_covariate(lab, "u2");
        if (with)
            post_covariate(lab, GONE);
        open_round(lab, round, "");
        for (int u = 0; u < 12; u++) {
            snprintf(unit, sizeof unit, "u%d", u);
            visit(lab, round, unit);
            if (with && u == 5)
                visit(lab, round, GONE);
        }
        if (round == 1)
            close_round(lab, round);
    }
    for (int again = 0; again < 2 && with; again++)
        post_covariate(lab, GONE); /* beside the one that the live round uses */
}

static void assert_counts(struct lab *lab, const char *path, int rounds, int exposures, int events, int requests,
                          int covariates)
{
    struct json *answer = lab_json(lab, "DELETE", path, NULL, 200);
    assert_close(answer_number(answer, "rounds"), rounds, 0);
    assert_close(answer_number(answer, "exposures"), exposures, 0);
    assert_close(answer_number(answer, "events"), events, 0);
    assert_close(answer_number(answer, "requests"), requests, 0);
    assert_close(answer_number(answer, "covariates"), covariates, 0);
    json_free(answer);
}

static bool in_file(const struct lab *lab, const char *name, const char *text)
{
    char path[128];
    struct buf bytes = BUF_INIT;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/%s", lab->folder, name);
    if (access(path, F_OK) != 0)
        return false;
    assert_ok(file_read(path, 1 << 26, &bytes, &err), &err);
    const bool found = bytes.length > 0 && memmem(bytes.data, bytes.length, text, strlen(text)) != NULL;
    buf_done(&bytes);
    return found;
}

static void check_nothing_is_left(bool hashed)
{
    struct lab with = {0}, without = {0};
    struct buf a = BUF_INIT, b = BUF_INIT, final = BUF_INIT;
    live(&with, true, hashed);
    live(&without, false, hashed);
    assert_int_equal(in_file(&with, "experiments.db-wal", GONE) || in_file(&with, "experiments.db", GONE), !hashed);
    get(&with, 1, &final);
    get(&without, 1, &b);
    assert_string_not_equal(buf_string(&final), buf_string(&b));
    get(&with, 2, &a);
    get(&without, 2, &b);
    assert_string_not_equal(buf_string(&a), buf_string(&b));
    assert_counts(&with, GONE_PATH, 2, 4, 6, 2, 2);
    if (hashed) /* two databases have two keys and so other arms; what follows is about restarts then */
        get(&with, 2, &b);
    for (int restart = 0; restart < 2; restart++) {
        get(&with, 2, &a); /* as if it had never come */
        assert_string_equal(buf_string(&a), buf_string(&b));
        get(&with, 1, &a); /* what was published stays */
        assert_string_equal(buf_string(&a), buf_string(&final));
        assert_counts(&with, GONE_PATH, 0, 0, 0, 0, 0);
        lab_stop(&with);
        assert_true(in_file(&with, "experiments.db", "u11")); /* of others: at least in the names of their requests */
        assert_false(in_file(&with, "experiments.db", GONE));
        assert_false(in_file(&with, "experiments.db-wal", GONE));
        lab_start(&with, START);
    }
    buf_done(&a);
    buf_done(&b);
    buf_done(&final);
    lab_remove(&with);
    lab_remove(&without);
}

static void nothing_of_the_unit_is_left(void **state)
{
    (void)state;
    check_nothing_is_left(false);
    check_nothing_is_left(true);
}

static double stray_units(struct lab *lab)
{
    struct json *results = lab_json(lab, "GET", EXPERIMENT "/rounds/2/results", NULL, 200);
    const double x = answer_number(results, "multi_arm_units");
    json_free(results);
    return x;
}

static void check_coming_again(bool hashed)
{
    struct lab lab = {0};
    live(&lab, true, hashed);
    lab_event(&lab, "stray",
              ",\"experiment\":\"feed\",\"round\":2,\"arm\":\"nobody\",\"unit\":\"somebody@example.org\"", 0, 0, 0, 1);
    assert_close(stray_units(&lab), 1, 0);
    assert_counts(&lab, GONE_PATH, 2, 4, 6, 2, 2);
    assert_close(stray_units(&lab), 0, 0);
    lab_event(&lab, "late-for-it", ",\"request_id\":\"r2-gone\"", 0, 0, 0, 1);
    visit(&lab, 2, GONE); /* under the same names, which are free again */
    assert_counts(&lab, GONE_PATH, 1, 2, 3, 1, 0);
    lab_stop(&lab);
    lab_start(&lab, START);
    visit(&lab, 2, GONE);
    assert_counts(&lab, GONE_PATH, 1, 2, 3, 1, 0);
    lab_remove(&lab);
}

static void it_may_come_again(void **state)
{
    (void)state;
    check_coming_again(false);
    check_coming_again(true);
}

/* A round for units that were not seen before takes a forgotten one: nobody remembers. */
static void check_seen(bool hashed)
{
    struct lab lab = {0};
    live(&lab, true, hashed);
    close_round(&lab, 2);
    open_round(&lab, 3, ",\"exclude_seen\":true");
    struct json *answer = lab_rank(&lab, GONE, "");
    assert_string_equal(answer_text(answer, "arm"), "default");
    json_free(answer);
    assert_counts(&lab, GONE_PATH, 2, 4, 6, 2, 2);
    for (int restart = 0; restart < 2; restart++) {
        answer = lab_rank(&lab, GONE, "");
        assert_string_not_equal(answer_text(answer, "arm"), "default");
        json_free(answer);
        answer = lab_rank(&lab, "u1", "");
        assert_string_equal(answer_text(answer, "arm"), "default");
        json_free(answer);
        lab_stop(&lab);
        lab_start(&lab, START);
    }
    lab_remove(&lab);
}

static void it_is_not_seen_any_more(void **state)
{
    (void)state;
    check_seen(false);
    check_seen(true);
}

static void a_unit_that_is_no_id_is_refused(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    lab_refuses(&lab, "DELETE", "/v1/units/a%20b", NULL, 400, "unit is no id: allowed are 1 to 128 bytes");
    assert_counts(&lab, "/v1/units/nobody", 0, 0, 0, 0, 0);
    lab_remove(&lab);
}

/* A day later, where their round is final: the reply is gone, and a repetition is a request of its own. */
static void old_replies_are_not_kept(void **state)
{
    (void)state;
    static const char NAMED[] = ",\"request_id\":\"r1-u1\"";
    struct lab lab = {0};
    live(&lab, false, false);
    struct json *answer = lab_rank(&lab, "u1", NAMED);
    assert_close(answer_number(answer, "round"), 1, 0);
    json_free(answer);
    lab_stop(&lab);
    lab_start(&lab, START + 86400000 + 1);
    for (int tries = 0;; tries++) { /* the writer looks at a few in every tick */
        answer = lab_rank(&lab, "u1", NAMED);
        const bool again = answer_number(answer, "round") > 1;
        json_free(answer);
        if (again)
            break;
        assert_true(tries < 500);
        clock_sleep_ms(10);
    }
    answer = lab_rank(&lab, "u1", ",\"request_id\":\"r2-u1\""); /* of the live round: kept */
    assert_close(answer_number(answer, "round"), 2, 0);
    json_free(answer);
    struct json *results = lab_json(&lab, "GET", EXPERIMENT "/rounds/2/results", NULL, 200);
    assert_close(answer_number(results, "arms.0.requests") + answer_number(results, "arms.1.requests"), 25, 0);
    json_free(results);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_unit_is_left), cmocka_unit_test(it_may_come_again),
        cmocka_unit_test(it_is_not_seen_any_more),     cmocka_unit_test(a_unit_that_is_no_id_is_refused),
        cmocka_unit_test(old_replies_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
