/* Covariates over HTTP: fixed at the start of a round, the same after a restart, and a database from before they
 * existed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/db/db.h"
#include "experiments/core/assign.h"
#include "experiments/store/schema.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"

#define START INT64_C(1000000)
#define COVARIATES "/v1/experiments/feed/covariates"

enum { UNITS = 60 };

/* What unit u clicked before, and will click again. */
static int clicks_of(int u)
{
    return u % 3;
}

static void post_covariates(struct lab *lab, double factor, int want_round)
{
    struct buf body = BUF_INIT;
    buf_text(&body, "{\"covariates\":[");
    for (int u = 0; u < UNITS; u++)
        buf_printf(&body, "%s{\"unit\":\"unit-%d\",\"values\":{\"clicks\":%g}}", u ? "," : "", u,
                   factor * clicks_of(u));
    buf_text(&body, "]}");
    struct json *answer = lab_json(lab, "POST", COVARIATES, body.data, 200);
    assert_close(answer_number(answer, "accepted"), UNITS, 0);
    assert_close(answer_number(answer, "from_round"), want_round, 0);
    json_free(answer);
    buf_done(&body);
}

static void open_round(struct lab *lab, int n)
{
    char path[60], body[500];
    snprintf(path, sizeof path, "/v1/experiments/feed/rounds/%d", n);
    snprintf(body, sizeof body,
             "{\"purpose\":\"explore\",\"salt\":\"s%d\",\"arms\":[{\"id\":\"control\",\"weights\":{\"click\":1},"
             "\"allocation\":0.5},{\"id\":\"a1\",\"weights\":{\"save\":2},\"allocation\":0.5}],"
             "\"end\":{\"units_per_arm\":1000}}",
             n);
    json_free(lab_json(lab, "PUT", path, body, 201));
}

/* Every unit comes once and clicks as often as before. */
static void play_round(struct lab *lab, int n)
{
    for (int u = 0; u < UNITS; u++) {
        char unit[20], id[40], place[120];
        snprintf(unit, sizeof unit, "unit-%d", u);
        struct json *answer = lab_rank(lab, unit, "");
        snprintf(place, sizeof place, ",\"request_id\":\"%s\"", answer_text(answer, "request_id"));
        for (int i = 0; i < clicks_of(u); i++) {
            snprintf(id, sizeof id, "r%d-u%d-%d", n, u, i);
            lab_event(lab, id, place, 1, 0, 0, 0);
        }
        json_free(answer);
    }
}

static void get_results(struct lab *lab, int n, struct buf *ret)
{
    char path[60];
    buf_clear(ret);
    snprintf(path, sizeof path, "/v1/experiments/feed/rounds/%d/results", n);
    assert_int_equal(lab_call(lab, "GET", path, NULL, ret), 200);
}

/* A covariate that is `factor` times what the unit does explains all of it. */
static void check_round(struct lab *lab, int n, double factor)
{
    struct buf before = BUF_INIT, after = BUF_INIT;
    struct json *results = NULL;
    struct err err = ERR_INIT;
    get_results(lab, n, &before);
    assert_ok(json_parse(before.data, before.length, NULL, &results, &err), &err);
    assert_string_equal(answer_text(results, "cuped.metrics.0.name"), "clicks");
    assert_close(answer_number(results, "cuped.metrics.0.theta") * factor, 1, 1e-9);
    assert_close(answer_number(results, "cuped.metrics.0.variance_reduction"), 1, 1e-9);
    assert_close(answer_number(results, "cuped.metrics.1.theta"), 0, 0); /* nothing is known of the ctr */
    assert_close(answer_number(results, "cuped.absolute.0"), 0, 1e-9);
    assert_close(answer_number(results, "cuped.absolute.1"), answer_number(results, "effects.absolute.1"), 0);
    assert_close(answer_number(results, "cuped.arms.0.mean.0"), answer_number(results, "cuped.arms.1.mean.0"), 1e-9);
    assert_true(fabs(answer_number(results, "effects.absolute.0")) > 1e-3);
    json_free(results);
    lab_stop(lab);
    lab_start(lab, START);
    get_results(lab, n, &after);
    assert_string_equal(buf_string(&before), buf_string(&after));
    buf_done(&before);
    buf_done(&after);
}

static void covariates_are_fixed_at_the_start(void **state)
{
    (void)state;
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    post_covariates(&lab, 7, 1);
    post_covariates(&lab, 1, 1); /* in place of the first */
    open_round(&lab, 1);
    post_covariates(&lab, -50, 2); /* for the next round */
    play_round(&lab, 1);
    check_round(&lab, 1, 1);
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    open_round(&lab, 2);
    play_round(&lab, 2);
    check_round(&lab, 2, -50);
    lab_remove(&lab);
}

static void a_round_that_began_without_stays_without(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct buf results = BUF_INIT;
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    open_round(&lab, 1);
    post_covariates(&lab, 1, 2);
    play_round(&lab, 1);
    get_results(&lab, 1, &results);
    assert_non_null(strstr(buf_string(&results), "\"cuped\":null"));
    lab_stop(&lab);
    lab_start(&lab, START);
    get_results(&lab, 1, &results);
    assert_non_null(strstr(buf_string(&results), "\"cuped\":null"));
    buf_done(&results);
    lab_remove(&lab);
}

static void bad_covariates_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } CASES[] = {
        {"{\"covariates\":[]}", "covariates is empty: allowed are 1 to 1000 units"},
        {"{\"covariate\":[]}", "covariate is unknown"},
        {"{\"covariates\":[{\"values\":{\"clicks\":1}}]}", "covariates[0].unit is missing"},
        {"{\"covariates\":[{\"unit\":\"u1\",\"values\":{}}]}", "covariates[0].values is empty"},
        {"{\"covariates\":[{\"unit\":\"u1\",\"values\":{\"click\":1}}]}", "\"click\" is no metric of experiment feed"},
        {"{\"covariates\":[{\"unit\":\"u1\",\"values\":{\"clicks\":1e9}}]}",
         "covariates[0].values.clicks is 1000000000"},
        {"{\"covariates\":[{\"unit\":\"u1\",\"values\":{\"clicks\":null}}]}", "covariates[0].values.clicks is null"},
    };
    struct lab lab = {0};
    lab_start(&lab, START);
    lab_refuses(&lab, "POST", COVARIATES, "{\"covariates\":[{\"unit\":\"u1\",\"values\":{\"clicks\":1}}]}", 404,
                "experiment feed does not exist");
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        lab_refuses(&lab, "POST", COVARIATES, CASES[i].body, 400, CASES[i].message);
    lab_remove(&lab);
}

/* The rows of version 1: a live round with one unit, one exposure and one click. */
static void write_version_1(const char *folder)
{
    char path[100];
    struct db *db = NULL;
    struct buf sql = BUF_INIT;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/experiments.db", folder);
    assert_ok(db_open(path, SCHEMA_STEPS, 1, &db, &err), &err);
    buf_printf(&sql, "INSERT INTO experiments VALUES(1, 'feed', '%s', 1, 2);", LAB_EXPERIMENT);
    buf_text(&sql, "INSERT INTO defaults VALUES(1, 1, '{\"click\":1}', '', 1, 0);");
    buf_printf(&sql, "INSERT INTO rounds VALUES(1, 1, 1, '%s', 0, 0, 1000000, 0, 0, NULL, '', 0, 0);", LAB_ROUND);
    buf_text(&sql, "INSERT INTO units VALUES(1, 0, 'u1', 1, 0); INSERT INTO exposures VALUES(1, 0, 0, 1000000, 3);"
                   "INSERT INTO events VALUES(1, 0, x'000102030405060708090a0b0c0d0e0f', 0, 'click', 1000000, 1000000,"
                   " 0, NULL, NULL);");
    /* Replies of the live round and of none; only the first is kept. */
    const struct key128 key = assign_hash("s1", "u1").key;
    buf_printf(&sql,
               "INSERT INTO requests VALUES(1, 'r1', x'00', 1, 1, 0, x'%016llx%016llx', 1000000, '{}');"
               "INSERT INTO requests VALUES(2, 'r2', x'00', 1, 0, 255, x'%032d', 1000000, '{}');",
               (unsigned long long)key.hi, (unsigned long long)key.lo, 0);
    assert_ok(db_exec(db, buf_string(&sql), &err), &err);
    db_close(db);
    buf_done(&sql);
}

static void a_database_of_version_1_goes_on(void **state)
{
    (void)state;
    struct lab lab = {.folder = "/tmp/trimtab_version_1_XXXXXX"};
    struct buf results = BUF_INIT;
    assert_non_null(mkdtemp(lab.folder));
    write_version_1(lab.folder);
    lab_start(&lab, START);
    get_results(&lab, 1, &results);
    assert_non_null(strstr(buf_string(&results), "\"cuped\":null"));
    assert_non_null(strstr(buf_string(&results), "\"name\":\"clicks\",\"n\":1,\"sum\":1,"));
    lab_event(&lab, "e1", ",\"request_id\":\"r1\"", 1, 0, 0, 0);
    lab_event(&lab, "e2", ",\"request_id\":\"r2\"", 0, 0, 0, 1);
    struct json *counts = lab_json(&lab, "DELETE", "/v1/units/u1", NULL, 200);
    assert_close(answer_number(counts, "requests"), 1, 0);
    assert_close(answer_number(counts, "events"), 2, 0);
    json_free(counts);
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    buf_done(&results);
    post_covariates(&lab, 1, 2);
    lab_remove(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covariates_are_fixed_at_the_start),
        cmocka_unit_test(a_round_that_began_without_stays_without),
        cmocka_unit_test(bad_covariates_are_named),
        cmocka_unit_test(a_database_of_version_1_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
