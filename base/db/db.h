/* db.h - SQLite behind enum status.
 *
 * A file is opened in WAL mode with synchronous=FULL, foreign keys and a busy timeout, mode 0600.  Schema steps are
 * appended, never edited; PRAGMA user_version counts them and each runs in its own transaction.  Busy, locked, full,
 * read-only and whatever else cannot be written give STATUS_UNAVAILABLE (try again); constraint STATUS_CONFLICT; damage
 * STATUS_CORRUPT; the rest STATUS_IO.
 *
 * The WAL.  A commit appends to it and syncs it; a checkpoint moves its pages into the file, and then the next commit
 * writes it from its start again, cut to DB_WAL_MAX.  So the WAL of a busy database is a file of constant size that is
 * written over and over, which syncs faster than one that grows, and never has to be given back to the file system at
 * once.  Nobody checkpoints by himself: who writes asks db_wal_bytes() and calls db_checkpoint().
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
/* Statements must be finished first.  NULL is fine. */
void db_close(struct db *db);

/* SQL without results, one or more statements. */
MUST_CHECK enum status db_exec(struct db *db, const char *sql, struct err *err);
MUST_CHECK enum status db_begin(struct db *db, struct err *err); /* BEGIN IMMEDIATE; plain BEGIN on a reader */
MUST_CHECK enum status db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* nothing to do outside a transaction */
int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);
/* Above it a checkpoint is due.  It takes 3 to 12 ms here, two syncs and what there is to move: less would come so
 * often that one request in a hundred meets it, more would take longer. */
enum { DB_WAL_MAX = 8 << 20 };
/* The WAL's size on disk; 0 when there is none. */
int64_t db_wal_bytes(struct db *db);
/* What can be moved now, without waiting for anybody.  truncate: and empties the WAL.
 * STATUS_UNAVAILABLE: another connection reads what is older (a backup), so a part stays and the WAL goes on growing.
 */
MUST_CHECK enum status db_checkpoint(struct db *db, bool truncate, struct err *err);

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
