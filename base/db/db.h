/* db.h - SQLite behind enum status.
 *
 * A file is opened in WAL mode with synchronous=FULL, foreign keys and a busy timeout, mode 0600.  Schema steps are
 * appended, never edited; PRAGMA user_version counts them and each runs in its own transaction.  Busy, locked, full,
 * read-only and whatever else cannot be written give STATUS_UNAVAILABLE (try again); constraint STATUS_CONFLICT; damage
 * STATUS_CORRUPT; the rest STATUS_IO.
 *
 * The WAL.  A commit appends to it and syncs it (with PRAGMA synchronous=NORMAL it does not: db_sync()); a checkpoint
 * moves its pages into the file, and then the next commit writes it from its start again, cut to db_wal_limit() if
 * longer.  So the WAL of a busy database is a file of constant size that is written over and over, which syncs faster
 * than one that grows, and never has to be given back to the file system at once.  Nobody checkpoints by himself: who
 * writes asks db_wal_bytes() or db_wal_pages() and calls db_checkpoint().
 *
 * Thread: a connection and its statements belong to one thread at a time.  Writes go through db_writer.h. */
#ifndef TRIMTAB_BASE_DB_DB_H
#define TRIMTAB_BASE_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct db;
struct db_stmt;

/* Create or open for writing, then migrate: steps[n] is the SQL from version n to n + 1.  A file of a later version
 * is STATUS_CONFLICT: "database version 9 is newer than this program's 7: upgrade the program". */
MUST_CHECK enum status db_open(const char *path, const char *const *steps, size_t n_steps, struct db **ret,
                               struct err *err);
/* A read-only connection to an existing file. */
MUST_CHECK enum status db_open_reader(const char *path, struct db **ret, struct err *err);
/* Another writing connection to the file of db. */
MUST_CHECK enum status db_open_again(struct db *db, struct db **ret, struct err *err);
/* Closing it, the last one, will leave the WAL as it is: the next open moves all of it again. */
void db_keep_wal(struct db *db);
/* Statements must be finished first.  NULL is fine. */
void db_close(struct db *db);

/* SQL without results, one or more statements. */
MUST_CHECK enum status db_exec(struct db *db, const char *sql, struct err *err);
MUST_CHECK enum status db_begin(struct db *db, struct err *err); /* BEGIN IMMEDIATE; plain BEGIN on a reader */
MUST_CHECK enum status db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* nothing to do outside a transaction */
int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);
/* Above it a checkpoint is due where nobody sees to it in parts, as db_writer.h does; the limit unless told otherwise.
 */
enum { DB_WAL_MAX = 8 << 20 };
/* Commits that wrote something. */
int64_t db_commits(const struct db *db);
/* What journal_size_limit is set to: a WAL that is longer is cut when it is written from its start again. */
MUST_CHECK enum status db_wal_limit(struct db *db, int64_t bytes, struct err *err);
/* The WAL's size on disk; 0 when there is none. */
int64_t db_wal_bytes(struct db *db);
/* Pages in it since it was last written from its start, as of this connection's last commit; it gets smaller then. */
int64_t db_wal_pages(const struct db *db);
/* What can be moved now, without waiting for anybody.  truncate: and empties the WAL.
 * STATUS_UNAVAILABLE: another connection reads what is older (a backup), so a part stays and the WAL goes on growing.
 */
MUST_CHECK enum status db_checkpoint(struct db *db, bool truncate, struct err *err);

/* What commits with PRAGMA synchronous=NORMAL leave to be done: puts the WAL, or what checkpoints moved, on disk.
 * Source: sqlite.org/forum/forumpost/d1a6bc7c4cd2baca. */
enum db_sync_what { DB_SYNC_WAL, DB_SYNC_FILE };
MUST_CHECK enum status db_sync(struct db *db, enum db_sync_what what, struct err *err);

/* One statement, kept for reuse; parameters count from 1, columns from 0. */
MUST_CHECK enum status db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct err *err);
void db_finish(struct db_stmt *stmt);
/* Ready to bind and step again; bindings cleared. */
void db_reset(struct db_stmt *stmt);
/* Text and blobs are copied.  A failed bind is reported by the next db_step. NULL text binds NULL. */
void db_bind_int(struct db_stmt *stmt, int at, int64_t x);
void db_bind_real(struct db_stmt *stmt, int at, double x);
void db_bind_text(struct db_stmt *stmt, int at, const char *text);
void db_bind_blob(struct db_stmt *stmt, int at, const void *bytes, size_t n);
void db_bind_null(struct db_stmt *stmt, int at);
/* *ret_row: a row is there; false: done. */
MUST_CHECK enum status db_step(struct db_stmt *stmt, bool *ret_row, struct err *err);
/* Step to the end and reset; for statements without rows. */
MUST_CHECK enum status db_run(struct db_stmt *stmt, struct err *err);
/* Borrowed until the next step or reset. */
bool db_column_is_null(struct db_stmt *stmt, int at);
int64_t db_column_int(struct db_stmt *stmt, int at);
double db_column_real(struct db_stmt *stmt, int at);
const char *db_column_text(struct db_stmt *stmt, int at); /* NULL is "" */
const void *db_column_blob(struct db_stmt *stmt, int at, size_t *ret_n);

#endif
