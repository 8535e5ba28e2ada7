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
        struct db_job job = {i % 3 == 2 ? insert_and_fail : insert, count, counts, DB_SYNCED};
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
    const struct db_writer_options options = {.tick_ms = 20, .tick = {nothing, NULL, NULL, DB_COMMITTED}};
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

static enum status insert_for_long(struct db *db, void *context, struct err *err)
{
    clock_sleep_ms(1300);
    return insert(db, context, err);
}

static enum status measure_wal(struct db *db, void *context, struct err *err)
{
    (void)err;
    *(int64_t *)context = db_wal_bytes(db);
    return STATUS_OK;
}

/* The second without jobs begins where a job ends. */
static void a_long_job_is_no_idle_time(void **state)
{
    (void)state;
    static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER)"};
    char folder[] = "/tmp/writer_test_XXXXXX", path[64];
    struct err err = ERR_INIT;
    struct db *db = NULL;
    struct db_writer *w = NULL;
    int64_t after = 0;
    const struct db_job jobs[2] = {{insert_for_long, NULL, NULL, DB_COMMITTED},
                                   {measure_wal, NULL, &after, DB_COMMITTED}};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.db", folder);
    assert_ok(db_open(path, STEPS, 1, &db, &err), &err);
    assert_ok(db_writer_start(db, &(struct db_writer_options){.batch_max = 1}, &w, &err), &err);
    for (int i = 0; i < 2; i++)
        assert_ok(db_writer_submit(w, &jobs[i], &err), &err);
    assert_ok(db_writer_run(w, nothing, NULL, &err), &err);
    assert_true(after > 0);
    db_writer_stop(w);
    unlink(path);
    rmdir(folder);
}

enum { WAL_PAGES = 2048, WAL_MAX = WAL_PAGES * (4096 + 24), WAL_KEPT = 3 * WAL_MAX, MB_MAX = 8, MB = 1 << 20 };

/* A database whose jobs write sixteen pages each, sixteen jobs a commit. */
struct pages_lab {
    char folder[32], path[64], wal[64];
    struct db_writer *writer;
    int64_t last, most; /* sizes of the WAL after a commit */
    bool cut;           /* it was once smaller than before */
};

static void pages_lab_start(struct pages_lab *lab)
{
    static const char *const STEPS[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB)"};
    struct err err = ERR_INIT;
    struct db *db = NULL;
    *lab = (struct pages_lab){.folder = "/tmp/writer_test_XXXXXX"};
    assert_non_null(mkdtemp(lab->folder));
    snprintf(lab->path, sizeof lab->path, "%s/a.db", lab->folder);
    snprintf(lab->wal, sizeof lab->wal, "%s/a.db-wal", lab->folder);
    assert_ok(db_open(lab->path, STEPS, 1, &db, &err), &err);
    assert_ok(
        db_writer_start(db, &(struct db_writer_options){.batch_max = 16, .wal_pages = WAL_PAGES}, &lab->writer, &err),
        &err);
}

static void pages_lab_end(struct pages_lab *lab)
{
    db_writer_stop(lab->writer);
    unlink(lab->path);
    rmdir(lab->folder);
}

static enum status write_pages(struct db *db, void *context, struct err *err)
{
    (void)context;
    return db_exec(db, "INSERT INTO t(x) VALUES(randomblob(65000))", err);
}

static void look_at_wal(void *context, enum status s, const struct err *err)
{
    struct pages_lab *lab = context;
    struct stat info;
    (void)err;
    assert_int_equal(s, STATUS_OK);
    assert_int_equal(stat(lab->wal, &info), 0);
    lab->cut = lab->cut || info.st_size < lab->last;
    lab->last = info.st_size;
    lab->most = lab->last > lab->most ? lab->last : lab->most;
}

/* Without a pause. */
static void write_mb(struct pages_lab *lab, int mb)
{
    struct err err = ERR_INIT;
    const struct db_job job = {write_pages, look_at_wal, lab, DB_COMMITTED};
    for (int i = 0; i < mb * 16; i++)
        assert_ok(db_writer_submit(lab->writer, &job, &err), &err);
    assert_ok(db_writer_run(lab->writer, nothing, NULL, &err), &err);
}

/* Never cut: the commits after that would wait for the file system. */
static void a_busy_writer_writes_its_wal_over(void **state)
{
    (void)state;
    struct pages_lab lab;
    pages_lab_start(&lab);
    write_mb(&lab, 3 * MB_MAX);
    assert_in_range(lab.most, WAL_MAX, 2 * WAL_MAX + 2 * MB);
    assert_false(lab.cut);
    assert_false(db_writer_wal(lab.writer).held);
    pages_lab_end(&lab);
}

static void who_reads_for_long_only_makes_the_wal_grow(void **state)
{
    (void)state;
    struct pages_lab lab;
    struct err err = ERR_INIT;
    struct db *reader = NULL;
    pages_lab_start(&lab);
    write_mb(&lab, 1);
    assert_ok(db_open_reader(lab.path, &reader, &err), &err);
    assert_ok(db_exec(reader, "BEGIN; SELECT count(*) FROM t", &err), &err);
    write_mb(&lab, 4 * MB_MAX);
    assert_true(lab.last > WAL_KEPT + 4 * MB);
    struct db_wal wal = db_writer_wal(lab.writer);
    assert_true(wal.held && wal.bytes > WAL_KEPT + 4 * MB);
    assert_ok(db_exec(reader, "COMMIT", &err), &err);
    write_mb(&lab, 5 * MB_MAX / 2);
    assert_in_range(lab.last, WAL_MAX, WAL_KEPT + MB);
    wal = db_writer_wal(lab.writer);
    assert_true(!wal.held && wal.bytes <= WAL_KEPT + MB);
    db_close(reader);
    pages_lab_end(&lab);
}

/* Not only once another WAL_MAX was written: on a quiet service that may take a day. */
static void who_has_read_for_long_is_soon_forgotten(void **state)
{
    (void)state;
    struct pages_lab lab;
    struct err err = ERR_INIT;
    struct db *reader = NULL;
    int jobs = 0;
    pages_lab_start(&lab);
    write_mb(&lab, 1);
    assert_ok(db_open_reader(lab.path, &reader, &err), &err);
    assert_ok(db_exec(reader, "BEGIN; SELECT count(*) FROM t", &err), &err);
    write_mb(&lab, 4 * MB_MAX);
    assert_true(db_writer_wal(lab.writer).held);
    assert_ok(db_exec(reader, "COMMIT", &err), &err);
    for (; jobs < 8 * MB_MAX && db_writer_wal(lab.writer).held; jobs++) { /* never idle, half of WAL_MAX */
        assert_ok(db_writer_run(lab.writer, write_pages, NULL, &err), &err);
        clock_sleep_ms(250);
    }
    const struct db_wal wal = db_writer_wal(lab.writer);
    assert_true(!wal.held && wal.bytes <= WAL_KEPT + MB);
    db_close(reader);
    pages_lab_end(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failing_jobs_are_undone_alone),
                                       cmocka_unit_test(an_idle_writer_empties_the_wal),
                                       cmocka_unit_test(a_long_job_is_no_idle_time),
                                       cmocka_unit_test(a_busy_writer_writes_its_wal_over),
                                       cmocka_unit_test(who_reads_for_long_only_makes_the_wal_grow),
                                       cmocka_unit_test(who_has_read_for_long_is_soon_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
