/* db_writer.h - one writer thread with group commit.
 *
 * Jobs from any thread run in the order of submission inside one BEGIN IMMEDIATE .. COMMIT; a failing job is undone
 * alone by its SAVEPOINT.  done() is called exactly once for every accepted job, with the job's own status or the
 * commit's error: on the writer thread once it is committed, which survives kill -9 (DB_COMMITTED, and every job that
 * failed), or on the thread of db_syncer.h once that is on disk, which survives a power cut (DB_SYNCED).
 *   QUEUED --batch--> RAN --commit--> DB_COMMITTED: DONE       RAN --commit fails--> DONE(commit's error), all undone
 *                                \--> DB_SYNCED --sync--> DONE
 * Every commit is synced at once, whoever waits; what waits for the disk does not keep the next batch waiting.
 * Disk full or locked: the batch fails with STATUS_UNAVAILABLE, the next one tries again.
 *
 * The WAL.  Eight times on the way to wal_pages the syncer moves pages into the file; then this thread moves what is
 * left, between two batches, so that the next one writes the WAL from its start, and after a second without jobs it
 * empties it.  Nobody waits for a reader; while one holds the WAL, it grows, and there is another try every second.
 * Only when it got three times as long as it should be is it cut afterwards: the commits after a cut wait for the file
 * system to write an inode (docs/adr/0008).  Commits wait for the syncer when they are a whole wal_pages ahead of it.
 * The writer owns the connection. */
#ifndef TRIMTAB_BASE_DB_DB_WRITER_H
#define TRIMTAB_BASE_DB_DB_WRITER_H

#include "base/db/db_job.h"

struct db_writer;

struct db_writer_options {
    size_t queue_max;   /* 0: 65536 */
    size_t batch_max;   /* 0: 1024 jobs a transaction */
    size_t wal_pages;   /* 0: 16384 (64 MB) */
    int64_t tick_ms;    /* tick.run at least this often inside a transaction; 0: never */
    struct db_job tick; /* DB_COMMITTED */
};

/* Starts the thread; takes db over, also on failure (it is closed then). */
MUST_CHECK enum status db_writer_start(struct db *db, const struct db_writer_options *options, struct db_writer **ret,
                                       struct err *err);
/* STATUS_UNAVAILABLE when the queue is full or the writer stops; done() is not called then. */
MUST_CHECK enum status db_writer_submit(struct db_writer *w, const struct db_job *job, struct err *err);
/* Submit and wait until it is on disk.  Never from the writer thread. */
MUST_CHECK enum status db_writer_run(struct db_writer *w,
                                     enum status (*run)(struct db *db, void *context, struct err *err), void *context,
                                     struct err *err);
/* Jobs that wait for the writer now. */
size_t db_writer_waiting(struct db_writer *w);
/* Any thread: the WAL. */
struct db_wal {
    int64_t bytes;            /* as of the last batch */
    bool held;                /* a reader holds it (up to two seconds after he let go) */
    size_t unsynced;          /* jobs that were committed and wait for a sync */
    int64_t n_syncs, sync_ns; /* since the start */
};
struct db_wal db_writer_wal(struct db_writer *w);
/* Finishes what was accepted, checkpoints, closes the connections.  NULL is fine. */
void db_writer_stop(struct db_writer *w);

#endif
