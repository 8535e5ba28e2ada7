#include "base/db/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/mem.h"

enum { BUSY_MS = 2000 };

struct db {
    sqlite3 *handle;
    int64_t wal_pages; /* that this connection's last commit left in the WAL, since it was written from its start */
    int64_t commits;
    bool reader;
};

struct db_stmt {
    struct db *db;
    sqlite3_stmt *handle;
    int bind_code; /* the first bind that failed */
};

/* A quota, a file system that became read-only, a lost mount: what cannot be written now may be written later. */
static enum status io_status(int extended)
{
    const bool writing = extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_FSYNC ||
                         extended == SQLITE_IOERR_TRUNCATE || extended == SQLITE_IOERR_SHMSIZE;
    return writing ? STATUS_UNAVAILABLE : STATUS_IO;
}

static enum status status_of(int code, int extended)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_READONLY:
        return STATUS_UNAVAILABLE;
    case SQLITE_IOERR:
        return io_status(extended);
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_CONSTRAINT:
        return STATUS_CONFLICT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STATUS_CORRUPT;
    case SQLITE_TOOBIG:
        return STATUS_TOO_LARGE;
    default:
        return STATUS_IO;
    }
}

static enum status db_fail(struct db *db, int code, struct err *err)
{
    const enum status s = status_of(code, db->handle ? sqlite3_extended_errcode(db->handle) : code);
    assert(s != STATUS_OK);
    return err_set(err, s, "database: %s", db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

static int note_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    struct db *db = context;
    db->wal_pages = pages;
    db->commits++;
    return SQLITE_OK;
}

/* How a writing connection is set up. */
static enum status set_up(struct db *db, struct err *err)
{
    TRY(db_exec(db,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA wal_autocheckpoint=0",
                err));
    sqlite3_wal_hook(db->handle, note_commit, db);
    return db_wal_limit(db, DB_WAL_MAX, err);
}

static enum status open_handle(const char *path, bool reader, struct db **ret, struct err *err)
{
    int fd = open(path, reader ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "database %s", path);
    close(fd);
    struct db *db = mem_alloc(1, sizeof *db);
    if (!db)
        return err_no_memory(err);
    db->reader = reader;
    int flags = (reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_FULLMUTEX;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    enum status s = code == SQLITE_OK ? STATUS_OK : db_fail(db, code, err);
    if (s == STATUS_OK) {
        sqlite3_busy_timeout(db->handle, BUSY_MS);
        s = reader ? db_exec(db, "PRAGMA query_only=ON", err) : set_up(db, err);
    }
    if (s != STATUS_OK) {
        err_wrap(err, s, "open %s", path);
        db_close(db);
        return s;
    }
    *ret = db;
    return STATUS_OK;
}

static enum status read_version(struct db *db, int64_t *ret, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(db_prepare(db, "PRAGMA user_version", &stmt, err));
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK)
        *ret = row ? db_column_int(stmt, 0) : 0;
    db_finish(stmt);
    return s;
}

static enum status apply_step(struct db *db, const char *sql, size_t version, struct err *err)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version=%zu", version);
    TRY(db_begin(db, err));
    enum status s = db_exec(db, sql, err);
    if (s == STATUS_OK)
        s = db_exec(db, pragma, err);
    if (s == STATUS_OK)
        s = db_commit(db, err);
    if (s != STATUS_OK)
        db_rollback(db);
    return s == STATUS_OK ? s : err_wrap(err, s, "migrate to version %zu", version);
}

static enum status migrate(struct db *db, const char *const *steps, size_t n, struct err *err)
{
    int64_t version = 0;
    TRY(read_version(db, &version, err));
    if (version < 0 || version > (int64_t)n)
        return err_set(err, STATUS_CONFLICT,
                       "database version %lld is newer than this program's %zu: upgrade the program",
                       (long long)version, n);
    for (size_t i = (size_t)version; i < n; i++)
        TRY(apply_step(db, steps[i], i + 1, err));
    return STATUS_OK;
}

enum status db_open(const char *path, const char *const *steps, size_t n_steps, struct db **ret, struct err *err)
{
    struct db *db = NULL;
    TRY(open_handle(path, false, &db, err));
    enum status s = migrate(db, steps, n_steps, err);
    if (s != STATUS_OK) {
        db_close(db);
        return s;
    }
    *ret = db;
    return STATUS_OK;
}

enum status db_open_reader(const char *path, struct db **ret, struct err *err)
{
    return open_handle(path, true, ret, err);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    sqlite3_close_v2(db->handle);
    mem_free(db);
}

enum status db_exec(struct db *db, const char *sql, struct err *err)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : db_fail(db, code, err);
}

enum status db_begin(struct db *db, struct err *err)
{
    return db_exec(db, db->reader ? "BEGIN" : "BEGIN IMMEDIATE", err);
}

enum status db_commit(struct db *db, struct err *err)
{
    return db_exec(db, "COMMIT", err);
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

int64_t db_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes(db->handle);
}

enum status db_open_again(struct db *db, struct db **ret, struct err *err)
{
    return open_handle(sqlite3_db_filename(db->handle, "main"), false, ret, err);
}

void db_keep_wal(struct db *db)
{
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

enum status db_wal_limit(struct db *db, int64_t bytes, struct err *err)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA journal_size_limit=%lld", (long long)bytes);
    return db_exec(db, pragma, err);
}

int64_t db_commits(const struct db *db)
{
    return db->commits;
}

int64_t db_wal_pages(const struct db *db)
{
    return db->wal_pages;
}

enum status db_sync(struct db *db, enum db_sync_what what, struct err *err)
{
    const int op = what == DB_SYNC_WAL ? SQLITE_FCNTL_JOURNAL_POINTER : SQLITE_FCNTL_FILE_POINTER;
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db->handle, "main", op, &file);
    if (code == SQLITE_OK)
        code = !file || !file->pMethods ? SQLITE_MISUSE
                                        : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    if (code == SQLITE_OK)
        return STATUS_OK;
    return err_set(err, status_of(code, code), "database: cannot sync: %s", sqlite3_errstr(code));
}

int64_t db_wal_bytes(struct db *db)
{
    const char *path = sqlite3_db_filename(db->handle, "main");
    struct stat info;
    const char *wal = path ? sqlite3_filename_wal(path) : NULL;
    return wal && stat(wal, &info) == 0 ? (int64_t)info.st_size : 0;
}

enum status db_checkpoint(struct db *db, bool truncate, struct err *err)
{
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, pages = 0, moved = 0;
    sqlite3_busy_timeout(db->handle, 0);
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, &pages, &moved);
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    if (code != SQLITE_OK)
        return db_fail(db, code, err);
    if (truncate)
        db->wal_pages = 0;
    if (moved == pages)
        return STATUS_OK;
    return err_set(err, STATUS_UNAVAILABLE, "database: a reader holds back %d of the WAL's %d pages", pages - moved,
                   pages);
}

enum status db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct err *err)
{
    struct db_stmt *stmt = mem_alloc(1, sizeof *stmt);
    if (!stmt)
        return err_no_memory(err);
    stmt->db = db;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL);
    if (code != SQLITE_OK) {
        mem_free(stmt);
        return db_fail(db, code, err);
    }
    *ret = stmt;
    return STATUS_OK;
}

void db_finish(struct db_stmt *stmt)
{
    if (!stmt)
        return;
    sqlite3_finalize(stmt->handle);
    mem_free(stmt);
}

void db_reset(struct db_stmt *stmt)
{
    sqlite3_reset(stmt->handle);
    sqlite3_clear_bindings(stmt->handle);
    stmt->bind_code = SQLITE_OK;
}

static void note_bind(struct db_stmt *stmt, int code)
{
    if (stmt->bind_code == SQLITE_OK)
        stmt->bind_code = code;
}

void db_bind_int(struct db_stmt *stmt, int at, int64_t x)
{
    note_bind(stmt, sqlite3_bind_int64(stmt->handle, at, x));
}

void db_bind_real(struct db_stmt *stmt, int at, double x)
{
    note_bind(stmt, sqlite3_bind_double(stmt->handle, at, x));
}

void db_bind_text(struct db_stmt *stmt, int at, const char *text)
{
    note_bind(stmt, sqlite3_bind_text(stmt->handle, at, text, -1, SQLITE_TRANSIENT));
}

void db_bind_blob(struct db_stmt *stmt, int at, const void *bytes, size_t n)
{
    note_bind(stmt, sqlite3_bind_blob64(stmt->handle, at, n ? bytes : "", n, SQLITE_TRANSIENT));
}

void db_bind_null(struct db_stmt *stmt, int at)
{
    note_bind(stmt, sqlite3_bind_null(stmt->handle, at));
}

enum status db_step(struct db_stmt *stmt, bool *ret_row, struct err *err)
{
    if (stmt->bind_code == SQLITE_NOMEM)
        return err_no_memory(err);
    if (stmt->bind_code != SQLITE_OK)
        return err_set(err, STATUS_INTERNAL, "database: bind: %s", sqlite3_errstr(stmt->bind_code));
    int code = sqlite3_step(stmt->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return db_fail(stmt->db, code, err);
    *ret_row = code == SQLITE_ROW;
    return STATUS_OK;
}

enum status db_run(struct db_stmt *stmt, struct err *err)
{
    bool row = true;
    enum status s = STATUS_OK;
    while (row && s == STATUS_OK)
        s = db_step(stmt, &row, err);
    db_reset(stmt);
    return s;
}

bool db_column_is_null(struct db_stmt *stmt, int at)
{
    return sqlite3_column_type(stmt->handle, at) == SQLITE_NULL;
}

int64_t db_column_int(struct db_stmt *stmt, int at)
{
    return sqlite3_column_int64(stmt->handle, at);
}

double db_column_real(struct db_stmt *stmt, int at)
{
    return sqlite3_column_double(stmt->handle, at);
}

const char *db_column_text(struct db_stmt *stmt, int at)
{
    const unsigned char *text = sqlite3_column_text(stmt->handle, at);
    return text ? (const char *)text : "";
}

const void *db_column_blob(struct db_stmt *stmt, int at, size_t *ret_n)
{
    const void *bytes = sqlite3_column_blob(stmt->handle, at);
    *ret_n = (size_t)sqlite3_column_bytes(stmt->handle, at);
    return bytes;
}
