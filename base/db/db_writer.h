/* db_writer.h - one writer thread with group commit.
 *
 * Jobs from any thread run in the order of submission inside one BEGIN IMMEDIATE .. COMMIT; a failing job is undone
 * alone by its SAVEPOINT.  done() is called on the writer thread after the commit is durable, with the job's own status
 * or the commit's error; never before, and exactly once for every accepted job.
 *   QUEUED --batch--> RAN --commit--> DONE(job status)      RAN --commit fails--> DONE(commit's error), all undone
 * Disk full or locked: the batch fails with STATUS_UNAVAILABLE, the next one tries again.
 * Checkpoints run on this thread, between two batches: a short one whenever the WAL has grown by DB_WAL_MAX (db.h), and
 * one that empties it after a second without jobs.  None waits for a reader; while one holds the WAL, it grows, and
 * there is another try every second.  The writer owns the connection. */
#ifndef TRIMTAB_BASE_DB_DB_WRITER_H
#define TRIMTAB_BASE_DB_DB_WRITER_H

#include "base/db/db.h"

struct db_writer;

struct db_job {
    enum status (*run)(struct db *db, void *context, struct err *err);
    void (*done)(void *context, enum status s, const struct err *err); /* may be NULL; must not block */
    void *context;
};

struct db_writer_options {
    size_t queue_max; /* 0: 65536 */
    size_t batch_max; /* 0: 1024 jobs a transaction */
    int64_t tick_ms;  /* tick.run at least this often inside a transaction; 0: never */
    struct db_job tick;
};

/* Starts the thread; takes db over, also on failure (it is closed then). */
MUST_CHECK enum status db_writer_start(struct db *db, const struct db_writer_options *options, struct db_writer **ret,
                                       struct err *err);
/* STATUS_UNAVAILABLE when the queue is full or the writer stops; done() is not called then. */
MUST_CHECK enum status db_writer_submit(struct db_writer *w, const struct db_job *job, struct err *err);
/* Submit and wait for the commit.  Never from the writer thread. */
MUST_CHECK enum status db_writer_run(struct db_writer *w,
                                     enum status (*run)(struct db *db, void *context, struct err *err), void *context,
                                     struct err *err);
/* Jobs waiting now. */
size_t db_writer_waiting(struct db_writer *w);
/* Any thread: the WAL as of the last batch, and whether a reader holds it (up to two seconds after he let go). */
struct db_wal {
    int64_t bytes;
    bool held;
};
struct db_wal db_writer_wal(struct db_writer *w);
/* Finishes what was accepted, checkpoints, closes the connection.  NULL is fine. */
void db_writer_stop(struct db_writer *w);

#endif
