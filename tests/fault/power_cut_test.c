/* A power cut while jobs run: whoever was told that his job is on disk finds it there, the others are there in order or
 * not at all, and the database is sound.  The cut is one of tests/lib/power_cut.h. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/db/db_writer.h"
#include "tests/lib/check.h"
#include "tests/lib/power_cut.h"

enum { JOBS_A_CUT = 200, WAL_PAGES = 64, BATCH = 8 };

static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, x BLOB)"};

/* Jobs run in the order of their submission, so the n-th writes row n. */
static enum status insert(struct db *db, void *context, struct err *err)
{
    (void)context;
    return db_exec(db, "INSERT INTO t(key, x) VALUES(randomblob(16), zeroblob(abs(random()) % 3000))", err);
}

static void note(void *context, enum status s, const struct err *err)
{
    (void)err;
    assert_int_equal(s, STATUS_OK);
    atomic_fetch_add((_Atomic int64_t *)context, 1);
}

static int64_t ask(struct db *db, const char *sql)
{
    struct err err = ERR_INIT;
    struct db_stmt *stmt = NULL;
    bool row = false;
    assert_ok(db_prepare(db, sql, &stmt, &err), &err);
    assert_ok(db_step(stmt, &row, &err), &err);
    assert_true(row);
    const int64_t n = db_column_int(stmt, 0);
    db_finish(stmt);
    return n;
}

/* After the cut, opened as after any other start; returns its rows. */
static int64_t check_database(const char *folder)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    char path[64];
    struct err err = ERR_INIT;
    struct db *db = NULL;
    snprintf(path, sizeof path, "%s/a.db", folder);
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_int_equal(ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    const int64_t rows = ask(db, "SELECT count(*) FROM t");
    assert_int_equal(rows, ask(db, "SELECT coalesce(max(id), 0) FROM t"));
    db_close(db);
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(path, sizeof path, "%s/a.db%s", folder, SUFFIXES[i]);
        unlink(path);
    }
    return rows;
}

/* The jobs of `when` alone are counted, others run between them. */
static void what_was_answered_is_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/power_cut_XXXXXX", path[64], after[64];
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_writer *w = NULL;
    _Atomic int64_t synced = 0, committed = 0;
    int64_t lost = 0;
    assert_non_null(mkdtemp(folder));
    power_cut_install(folder);
    snprintf(path, sizeof path, "%s/a.db", folder);
    snprintf(after, sizeof after, "%s/after", folder);
    assert_int_equal(mkdir(after, 0700), 0);
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_ok(db_writer_start(db, &(struct db_writer_options){.batch_max = BATCH, .wal_pages = WAL_PAGES}, &w, &err),
              &err);
    const size_t cuts = check_cases(40, 200);
    for (size_t cut = 0; cut < cuts; cut++) {
        for (size_t i = 0; i < JOBS_A_CUT; i++) {
            const bool sync = i % 2 == 0;
            const struct db_job job = {insert, note, sync ? &synced : &committed, sync ? DB_SYNCED : DB_COMMITTED};
            assert_ok(db_writer_submit(w, &job, &err), &err);
        }
        clock_sleep_ms((int64_t)(cut % 13));
        const int64_t answered = atomic_load(&synced), told = atomic_load(&committed);
        power_cut(cut, after);
        const int64_t rows = check_database(after);
        /* The n-th synced job is row 2 n - 1. */
        assert_in_range(rows, answered > 0 ? 2 * answered - 1 : 0, (int64_t)(cut + 1) * JOBS_A_CUT);
        lost += 2 * told > rows;
    }
    db_writer_stop(w);
    assert_int_equal(synced + committed, (int64_t)cuts * JOBS_A_CUT);
    assert_true(lost > 0); /* otherwise no cut has met anything that was not on disk */
    assert_int_equal(check_database(folder), (int64_t)cuts * JOBS_A_CUT);
    rmdir(after);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_answered_is_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
