#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/db/db_writer.h"
#include "tests/lib/check.h"

static enum status insert(struct db *db, void *context, struct err *err)
{
    (void)context;
    return db_exec(db, "INSERT INTO t(x) VALUES(7351)", err);
}

static enum status insert_and_fail(struct db *db, void *context, struct err *err)
{
    TRY(insert(db, context, err));
    return err_set(err, STATUS_UNPROCESSABLE, "refused by the job");
}

static enum status nothing(struct db *db, void *context, struct err *err)
{
    (void)db, (void)context, (void)err;
    return STATUS_OK;
}

static void count(void *context, enum status s, const struct err *err)
{
    (void)err;
    ((int *)context)[s == STATUS_OK ? 0 : 1]++;
}

static void failing_jobs_are_undone_alone(void **state)
{
    (void)state;
    static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER)"};
    char folder[] = "/tmp/writer_test_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_writer *w = NULL;
    int counts[2] = {0, 0};
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_ok(db_writer_start(db, &(struct db_writer_options){0}, &w, &err), &err);
    for (int i = 0; i < 300; i++) {
        struct db_job job = {i % 3 == 2 ? insert_and_fail : insert, count, counts};
        assert_ok(db_writer_submit(w, &job, &err), &err);
    }
    assert_refused(db_writer_run(w, insert_and_fail, NULL, &err), STATUS_UNPROCESSABLE, &err, "refused by the job");
    db_writer_stop(w);
    assert_int_equal(counts[0], 200);
    assert_int_equal(counts[1], 100);
    struct db_stmt *stmt = NULL;
    bool row = false;
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_ok(db_prepare(db, "SELECT count(*) FROM t", &stmt, &err), &err);
    assert_ok(db_step(stmt, &row, &err), &err);
    assert_int_equal(db_column_int(stmt, 0), 200);
    db_finish(stmt);
    db_close(db);
    unlink(path);
    rmdir(folder);
}

/* Ticks do not keep it awake: after a second without jobs the WAL is in the file. */
static void an_idle_writer_empties_the_wal(void **state)
{
    (void)state;
    static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER)"};
    char folder[] = "/tmp/writer_test_XXXXXX", path[64], wal[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
    snprintf(wal, sizeof wal, "%s/a.db-wal", folder);
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_writer *w = NULL;
    struct stat info;
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    const struct db_writer_options options = {.tick_ms = 20, .tick = {nothing, NULL, NULL}};
    assert_ok(db_writer_start(db, &options, &w, &err), &err);
    assert_ok(db_writer_run(w, insert, NULL, &err), &err);
    assert_true(stat(wal, &info) == 0 && info.st_size > 0);
    for (int i = 0; i < 1000 && stat(wal, &info) == 0 && info.st_size > 0; i++)
        clock_sleep_ms(20);
    assert_int_equal(info.st_size, 0);
    db_writer_stop(w);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failing_jobs_are_undone_alone),
                                       cmocka_unit_test(an_idle_writer_empties_the_wal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
