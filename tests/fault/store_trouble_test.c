/* The disk is full, another process holds the lock, or syncs fail, under the whole API: what is refused did not happen
 * (or counts once when it is repeated), /readyz says so for as long as it lasts, and then it is over without a request.
 */
#include <stdio.h>
#include <string.h>

#include "experiments/store/store_internal.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_sqlite.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };
static const char EXPERIMENT[] = "/v1/experiments/feed", ROUND[] = "/v1/experiments/feed/rounds/1";

static void open_lab(struct lab *lab)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", EXPERIMENT, LAB_EXPERIMENT, 201));
    json_free(lab_json(lab, "GET", "/readyz", NULL, 200));
    clock_sleep_ms(120); /* some ticks */
}

/* Until the daemon has noticed. */
static void wait_for_readyz(struct lab *lab, int want)
{
    int got = 0;
    for (int i = 0; i < 1000 && (got = lab_call(lab, "GET", "/readyz", NULL, NULL)) != want; i++)
        clock_sleep_ms(10);
    assert_int_equal(got, want);
}

/* A mark in memory that the rows do not have: a rebuild would wipe it out. */
static enum status mark(struct store *store, void *context, struct err *err)
{
    (void)context, (void)err;
    store->experiments[0]->round->orphans = 5;
    return STATUS_OK;
}

static void assert_marked(struct lab *lab)
{
    struct json *results = lab_json(lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    assert_close(answer_number(results, "orphan"), 5, 0);
    json_free(results);
}

static void fill_for_a_while(struct lab *lab)
{
    faulty_disk_after(0, DISK_FULL);
    lab_refuses(lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 503, "disk is full");
    clock_sleep_ms(120); /* what the refused request has changed is rebuilt, once */
    const enum status ignored = store_run(lab->store, mark, NULL, NULL); /* a tick of its transaction may fail */
    (void)ignored;
    for (int i = 0; i < 20; i++) { /* some ticks: what changes nothing can be committed on a full disk */
        lab_refuses(lab, "GET", "/readyz", NULL, 503, "nothing can be written: database: database or disk is full");
        clock_sleep_ms(10);
    }
    struct buf metrics = BUF_INIT;
    assert_int_equal(lab_call(lab, "GET", "/metrics", NULL, &metrics), 200);
    assert_non_null(strstr(buf_string(&metrics), "\ntrimtab_writes_failing 1\n"));
    buf_done(&metrics);
    faulty_disk_after(-1, DISK_FULL);
    wait_for_readyz(lab, 200);
    assert_marked(lab);
}

static void a_full_disk_is_noticed_while_it_lasts(void **state)
{
    (void)state;
    struct lab lab = {0};
    open_lab(&lab);
    json_free(lab_json(&lab, "PUT", ROUND, LAB_ROUND, 201));
    /* A request that is wrong by itself is no trouble. */
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed/rounds/7", LAB_ROUND, 409));
    json_free(lab_json(&lab, "GET", "/readyz", NULL, 200));
    for (int i = 0; i < 2; i++)
        fill_for_a_while(&lab);
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    lab_remove(&lab);
}

static void a_lock_rebuilds_nothing(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct err err = ERR_INIT;
    struct db *other = NULL;
    char path[100];
    open_lab(&lab);
    json_free(lab_json(&lab, "PUT", ROUND, LAB_ROUND, 201));
    assert_ok(store_run(lab.store, mark, NULL, &err), &err);
    snprintf(path, sizeof path, "%s/experiments.db", lab.folder);
    assert_ok(db_open(path, SCHEMA_STEPS, SCHEMA_N_STEPS, &other, &err), &err);
    assert_ok(db_begin(other, &err), &err);
    wait_for_readyz(&lab, 503);
    db_rollback(other);
    db_close(other);
    wait_for_readyz(&lab, 200);
    assert_marked(&lab);
    lab_remove(&lab);
}

/* The commit that would have noted it fails: the old model serves, and the next round is the old one's. */
static void a_model_that_cannot_be_noted_does_not_serve(void **state)
{
    (void)state;
    static const char HASH[] = "00000000000000000000000000000000000000000000000000000000000000b0";
    struct fake_model other = {.hash = HASH, .heads = {"click", "save", "hide"}};
    struct lab lab = {0};
    struct err err = ERR_INIT;
    open_lab(&lab);
    faulty_disk_after(0, DISK_FULL);
    assert_refused(service_swap(&lab.service, fake_scorer(&other), &err), STATUS_UNAVAILABLE, &err, "disk is full");
    faulty_disk_after(-1, DISK_FULL);
    assert_int_equal(atomic_load(&other.n_closed), 1);
    wait_for_readyz(&lab, 200);
    json_free(lab_json(&lab, "PUT", ROUND, LAB_ROUND, 201));
    struct json *results = lab_json(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    assert_string_equal(answer_text(results, "model_hash"), FAKE_MODEL.hash);
    json_free(results);
    struct json *ready = lab_json(&lab, "GET", "/readyz", NULL, 200);
    assert_string_equal(answer_text(ready, "model_hash"), FAKE_MODEL.hash);
    json_free(ready);
    lab_remove(&lab);
}

/* Rankings do not wait for the disk, events do; a lost answer is repeated, and counts once. */
static void a_disk_that_cannot_sync_is_survived(void **state)
{
    (void)state;
    struct lab lab = {0};
    char event[512];
    open_lab(&lab);
    json_free(lab_json(&lab, "PUT", ROUND, LAB_ROUND, 201));
    faulty_syncs(SYNCS_WAIT);
    struct json *rank = lab_rank(&lab, "u1", "");
    faulty_syncs(SYNCS_WORK);
    snprintf(event, sizeof event, "{\"events\":[{\"event_id\":\"e1\",\"request_id\":\"%s\",\"type\":\"click\"}]}",
             answer_text(rank, "request_id"));
    faulty_syncs(SYNCS_FAIL);
    lab_refuses(&lab, "POST", "/v1/events", event, 503, "cannot sync");
    wait_for_readyz(&lab, 503);
    lab_refuses(&lab, "POST", "/v1/events", event, 503, "cannot sync");
    faulty_syncs(SYNCS_WORK);
    wait_for_readyz(&lab, 200);
    struct json *counts = lab_json(&lab, "POST", "/v1/events", event, 200);
    assert_close(answer_number(counts, "accepted") + answer_number(counts, "duplicates"), 1, 0);
    json_free(counts);
    counts = lab_json(&lab, "POST", "/v1/events", event, 200);
    assert_close(answer_number(counts, "duplicates"), 1, 0);
    struct json *results = lab_json(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    assert_close(answer_number(results, "arms.0.requests") + answer_number(results, "arms.1.requests"), 1, 0);
    json_free(results);
    json_free(counts);
    json_free(rank);
    lab_remove(&lab);
}

int main(void)
{
    faulty_sqlite_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_noticed_while_it_lasts),
        cmocka_unit_test(a_lock_rebuilds_nothing),
        cmocka_unit_test(a_model_that_cannot_be_noted_does_not_serve),
        cmocka_unit_test(a_disk_that_cannot_sync_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
