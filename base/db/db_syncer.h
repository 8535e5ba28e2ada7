/* db_syncer.h - puts what was committed on disk, beside the writer.
 *
 * In WAL mode with synchronous=NORMAL a commit is in the operating system's hands: it survives the process, not a power
 * cut.  This thread, with a connection of its own, syncs the WAL after every commit, as often as the disk can, while
 * the writer runs the next ones; a job that must survive a power cut is answered then.  Frames are appended, so
 * whatever is on disk has everything before it there too.
 *
 *   writer: COMMITTED --db_syncer_committed--> syncer: sync of the WAL --> job.done
 *
 * It also does the long part of a checkpoint, moving pages into the file and syncing that (db_syncer_move); the writer
 * only has to move what was committed meanwhile before the WAL can start over.
 *
 * A sync that fails: Linux may forget the pages and succeed the next time, so nothing later is believed.  All jobs that
 * wait are answered as unavailable, and so are later ones, until db_syncer_recover() has moved everything from the WAL
 * into the file, synced it and emptied the WAL.  What was refused so may have happened, as with any lost answer.  When
 * it is the file whose sync fails, pages that were moved may be lost while SQLite counts them as moved: then the WAL is
 * the only copy, nobody may touch it, and only a restart, which moves all of it again, ends the refusals.
 *
 * Thread: start, committed, failed, clean, move, wait, recover and stop are the writer's. */
#ifndef TRIMTAB_BASE_DB_DB_SYNCER_H
#define TRIMTAB_BASE_DB_DB_SYNCER_H

#include "base/db/db_job.h"

struct db_syncer;

/* Opens a second connection to the file of db, which must be there as long; at most jobs_max jobs wait. */
MUST_CHECK enum status db_syncer_start(struct db *db, size_t jobs_max, struct db_syncer **ret, struct err *err);
/* Syncs what was handed over, ends the thread, closes the connection.  NULL is fine. */
void db_syncer_stop(struct db_syncer *s);

/* There was a commit; jobs [n] (copied, n may be 0) are done once it is on disk, with STATUS_OK or the sync's error. */
void db_syncer_committed(struct db_syncer *s, size_t n, const struct db_job *jobs);
/* Whether all that was committed is on disk. */
bool db_syncer_clean(struct db_syncer *s);
/* Whether a sync has failed: checkpoints are db_syncer_recover()'s alone then. */
bool db_syncer_failed(struct db_syncer *s);
/* Any thread: jobs that wait for a sync. */
size_t db_syncer_waiting(struct db_syncer *s);

/* Any thread: syncs of the WAL since the start, and their nanoseconds. */
struct db_syncs {
    int64_t n, ns;
};
struct db_syncs db_syncer_syncs(struct db_syncer *s);

/* Moves what can be moved now into the file, soon, on its thread. */
void db_syncer_move(struct db_syncer *s);
/* Whether that is going on. */
bool db_syncer_moves(struct db_syncer *s);
/* Until it no longer is. */
void db_syncer_wait(struct db_syncer *s);

/* Before a transaction.  Nothing to do unless a sync has failed; STATUS_UNAVAILABLE: the disk still cannot be trusted.
 */
MUST_CHECK enum status db_syncer_recover(struct db_syncer *s, struct db *db, struct err *err);

#endif
