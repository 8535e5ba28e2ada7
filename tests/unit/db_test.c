#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/db/db.h"
#include "tests/lib/check.h"

static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x REAL UNIQUE)",
                                    "ALTER TABLE t ADD name TEXT"};

static void migrates_stores_and_refuses(void **state)
{
    (void)state;
    char folder[] = "/tmp/db_test_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
    struct err err = ERR_INIT;
    struct db *db = NULL, *other = NULL;
    struct db_stmt *stmt = NULL;
    struct stat info;
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    db_close(db);
    assert_ok(db_open(path, STEPS, 2, &db, &err), &err);
    assert_ok(db_prepare(db, "INSERT INTO t(x, name) VALUES(?, ?)", &stmt, &err), &err);
    for (int i = 0; i < 2; i++) {
        db_bind_real(stmt, 1, 0.7351);
        db_bind_text(stmt, 2, "kappa");
        if (i == 0)
            assert_ok(db_run(stmt, &err), &err);
        else
            assert_refused(db_run(stmt, &err), STATUS_CONFLICT, &err, "UNIQUE");
    }
    db_finish(stmt);
    assert_refused(db_open(path, STEPS, 1, &other, &err), STATUS_CONFLICT, &err,
                   "version 2 is newer than this program's 1");
    assert_ok(db_open_reader(path, &other, &err), &err);
    bool row = false;
    assert_ok(db_prepare(other, "SELECT x, name FROM t", &stmt, &err), &err);
    assert_ok(db_step(stmt, &row, &err), &err);
    assert_true(row);
    assert_close(db_column_real(stmt, 0), 0.7351, 0);
    assert_string_equal(db_column_text(stmt, 1), "kappa");
    assert_ok(db_exec(db, "INSERT INTO t(x) VALUES(0.2)", &err), &err);
    assert_refused(db_checkpoint(db, false, &err), STATUS_UNAVAILABLE, &err, "a reader holds back 2 of");
    assert_refused(db_checkpoint(db, true, &err), STATUS_UNAVAILABLE, &err, "locked");
    db_finish(stmt);
    db_close(other);
    assert_true(db_wal_bytes(db) > 0);
    assert_ok(db_checkpoint(db, true, &err), &err);
    assert_int_equal(db_wal_bytes(db), 0);
    db_close(db);
    static const char TEXT[] = "this is a text, not a database, and long enough to be looked at";
    assert_ok(file_write_atomic(path, TEXT, sizeof TEXT, 0600, &err), &err);
    assert_refused(db_open(path, STEPS, 2, &db, &err), STATUS_CORRUPT, &err, "not a database");
    unlink(path);
    rmdir(folder);
    assert_int_not_equal(db_open(path, STEPS, 2, &db, &err), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(migrates_stores_and_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
