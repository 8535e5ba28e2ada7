/* Syncs that take for ever or fail, under the writer. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/db/db_writer.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_sqlite.h"

struct bench {
    char folder[32], path[64];
    struct db_writer *w;
    _Atomic int synced, committed, refused;
};

static void bench_start(struct bench *bench, size_t wal_pages)
{
    static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB)"};
    const struct db_writer_options options = {.batch_max = 4, .wal_pages = wal_pages};
    struct err err = ERR_INIT;
    struct db *db = NULL;
    faulty_syncs(SYNCS_WORK); /* also after a test that failed */
    *bench = (struct bench){.folder = "/tmp/db_syncer_XXXXXX"};
    assert_non_null(mkdtemp(bench->folder));
    snprintf(bench->path, sizeof bench->path, "%s/a.db", bench->folder);
    assert_ok(db_open(bench->path, STEPS, 1, &db, &err), &err);
    assert_ok(db_writer_start(db, &options, &bench->w, &err), &err);
}

static void bench_end(struct bench *bench, int rows)
{
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_stmt *stmt = NULL;
    bool row = false;
    db_writer_stop(bench->w);
    assert_ok(db_open_reader(bench->path, &db, &err), &err);
    assert_ok(db_prepare(db, "SELECT count(*) FROM t", &stmt, &err), &err);
    assert_ok(db_step(stmt, &row, &err), &err);
    assert_int_equal(db_column_int(stmt, 0), rows);
    db_finish(stmt);
    db_close(db);
    unlink(bench->path);
    rmdir(bench->folder);
}

static enum status insert(struct db *db, void *context, struct err *err)
{
    (void)context;
    return db_exec(db, "INSERT INTO t(x) VALUES(randomblob(65000))", err);
}

static void count(_Atomic int *n, struct bench *bench, enum status s, const struct err *err)
{
    if (s != STATUS_OK) {
        assert_int_equal(s, STATUS_UNAVAILABLE);
        assert_non_null(strstr(err->text, "cannot sync"));
        n = &bench->refused;
    }
    atomic_fetch_add(n, 1);
}

static void count_synced(void *context, enum status s, const struct err *err)
{
    count(&((struct bench *)context)->synced, context, s, err);
}

static void count_committed(void *context, enum status s, const struct err *err)
{
    count(&((struct bench *)context)->committed, context, s, err);
}

static void submit(struct bench *bench, int n, enum db_when when)
{
    struct err err = ERR_INIT;
    const struct db_job job = {insert, when == DB_SYNCED ? count_synced : count_committed, bench, when};
    for (int i = 0; i < n; i++)
        assert_ok(db_writer_submit(bench->w, &job, &err), &err);
}

static void wait_for_at_least(_Atomic int *n, int want)
{
    for (int i = 0; i < 1000 && atomic_load(n) < want; i++)
        clock_sleep_ms(5);
    assert_true(atomic_load(n) >= want);
}

static void wait_for(_Atomic int *n, int want)
{
    wait_for_at_least(n, want);
    assert_int_equal(atomic_load(n), want);
}

static void a_slow_disk_keeps_only_those_waiting_who_ask_for_it(void **state)
{
    (void)state;
    struct bench bench;
    bench_start(&bench, 0);
    faulty_syncs(SYNCS_WAIT);
    for (int i = 0; i < 5; i++) {
        submit(&bench, 1, DB_SYNCED);
        submit(&bench, 2, DB_COMMITTED);
        wait_for(&bench.committed, 2 * (i + 1));
    }
    assert_int_equal(atomic_load(&bench.synced), 0);
    faulty_syncs(SYNCS_WORK);
    wait_for(&bench.synced, 5);
    bench_end(&bench, 15);
}

/* Sixteen pages a job, four jobs a commit: commits stop between two and three times wal_pages. */
static void commits_do_not_run_away_from_a_disk_that_hangs(void **state)
{
    (void)state;
    enum { WAL_PAGES = 128, JOBS = 100, FRAME = 4096 + 24 };
    struct bench bench;
    bench_start(&bench, WAL_PAGES);
    faulty_syncs(SYNCS_WAIT);
    submit(&bench, JOBS, DB_COMMITTED);
    wait_for_at_least(&bench.committed, 16);
    clock_sleep_ms(300);
    assert_in_range(atomic_load(&bench.committed), 16, 24);
    assert_in_range(db_writer_wal(bench.w).bytes, WAL_PAGES * FRAME, 3 * WAL_PAGES * FRAME);
    faulty_syncs(SYNCS_WORK);
    wait_for(&bench.committed, JOBS);
    bench_end(&bench, JOBS);
}

/* Linux may take the pages of a failed sync for written: what comes later is not believed before all is in the file. */
static void after_a_sync_that_failed_nothing_is_believed_until_all_is_in_the_file(void **state)
{
    (void)state;
    struct bench bench;
    char wal[80];
    struct stat info;
    bench_start(&bench, 0);
    snprintf(wal, sizeof wal, "%s-wal", bench.path);
    submit(&bench, 3, DB_SYNCED);
    wait_for(&bench.synced, 3);
    faulty_syncs(SYNCS_FAIL);
    submit(&bench, 1, DB_SYNCED);
    wait_for(&bench.refused, 1);
    submit(&bench, 1, DB_SYNCED);
    submit(&bench, 1, DB_COMMITTED);
    wait_for(&bench.refused, 3);
    faulty_syncs(SYNCS_WORK);
    submit(&bench, 1, DB_SYNCED);
    wait_for(&bench.synced, 4);
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size < 20 * 4120); /* of the last job alone: it was emptied */
    assert_int_equal(atomic_load(&bench.committed), 0);
    bench_end(&bench, 5); /* with the one that was committed before its sync failed */
}

/* Then the pages that were moved may be gone, and the WAL has the only copy. */
static void after_a_sync_of_the_file_that_failed_the_wal_is_kept(void **state)
{
    (void)state;
    struct bench bench;
    char wal[80];
    struct stat info;
    bench_start(&bench, 256); /* moved every 32 pages, two jobs */
    snprintf(wal, sizeof wal, "%s-wal", bench.path);
    faulty_syncs(SYNCS_FAIL_FILE);
    submit(&bench, 4, DB_SYNCED);
    for (int i = 0; i < 1000 && atomic_load(&bench.refused) == 0; i++) {
        clock_sleep_ms(5);
        submit(&bench, 1, DB_SYNCED);
    }
    assert_true(atomic_load(&bench.refused) > 0);
    faulty_syncs(SYNCS_WORK);
    clock_sleep_ms(1200); /* long enough to be idle */
    const int refused = atomic_load(&bench.refused);
    submit(&bench, 1, DB_COMMITTED);
    wait_for(&bench.refused, refused + 1);
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size >= atomic_load(&bench.synced) * 16 * 4120);
    db_writer_stop(bench.w);
    assert_int_equal(stat(wal, &info), 0); /* the next start moves all of it */
    assert_true(info.st_size >= atomic_load(&bench.synced) * 16 * 4120);
    unlink(wal);
    snprintf(wal, sizeof wal, "%s-shm", bench.path);
    unlink(wal);
    unlink(bench.path);
    rmdir(bench.folder);
}

static enum status nothing(struct db *db, void *context, struct err *err)
{
    (void)db, (void)context, (void)err;
    return STATUS_OK;
}

/* Or the ticks of a quiet daemon would keep the disk awake, and readers would wait for it. */
static void what_writes_nothing_is_not_synced(void **state)
{
    (void)state;
    struct bench bench;
    struct err err = ERR_INIT;
    bench_start(&bench, 0);
    const struct db_job tick = {nothing, count_committed, &bench, DB_COMMITTED};
    const struct db_job reader = {nothing, count_synced, &bench, DB_SYNCED};
    for (int i = 0; i < 5; i++) {
        assert_ok(db_writer_submit(bench.w, &tick, &err), &err);
        wait_for(&bench.committed, i + 1);
        assert_ok(db_writer_submit(bench.w, &reader, &err), &err);
        wait_for(&bench.synced, i + 1);
    }
    assert_int_equal(db_writer_wal(bench.w).n_syncs, 0);
    faulty_syncs(SYNCS_WAIT);
    submit(&bench, 1, DB_COMMITTED);
    wait_for(&bench.committed, 6);
    assert_ok(db_writer_submit(bench.w, &reader, &err), &err); /* it may have seen what is not on disk yet */
    clock_sleep_ms(100);
    assert_int_equal(atomic_load(&bench.synced), 5);
    faulty_syncs(SYNCS_WORK);
    wait_for(&bench.synced, 6);
    bench_end(&bench, 1);
}

int main(void)
{
    faulty_sqlite_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_sync_of_the_file_that_failed_the_wal_is_kept),
        cmocka_unit_test(what_writes_nothing_is_not_synced),
        cmocka_unit_test(a_slow_disk_keeps_only_those_waiting_who_ask_for_it),
        cmocka_unit_test(commits_do_not_run_away_from_a_disk_that_hangs),
        cmocka_unit_test(after_a_sync_that_failed_nothing_is_believed_until_all_is_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
