#include "base/db/db_writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/db/db_syncer.h"

enum { QUEUE_STANDARD = 65536, BATCH_STANDARD = 1024, WAL_STANDARD = 16384, MOVES_A_WAL = 8, IDLE_MS = 1000 };
enum { FRAME_BYTES = 4096 + 24 }; /* of the WAL */
enum { WAL_KEPT = 3 };            /* times wal_pages: more than it ever is without a reader that holds it */

struct outcome {
    struct db_job job;
    struct err err;
};

struct db_writer {
    struct db *db;
    struct db_syncer *syncer;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards queue, first, waiting, running, stopping */
    pthread_cond_t wake;
    struct db_job *queue; /* ring */
    size_t queue_max, first, waiting, running, batch_max;
    bool stopping;
    struct outcome *batch;                       /* writer thread only, as all below */
    struct db_job *committed;                    /* [batch_max + 1] for the syncer */
    int64_t tick_ms, next_tick_ms, idle_from_ms; /* idle_from: the end of the last job, ticks do not count */
    bool busy;                                   /* this batch has such a job */
    int64_t tried_ms;                            /* the last checkpoint */
    /* Pages in the WAL since it was written from its start: now, when the syncer was told to move them, and at the last
     * checkpoint of ours; 0: none. */
    int64_t pages, moved, tried, wal_pages;
    struct db_job tick;
    _Atomic int64_t wal_bytes; /* any thread, as the next */
    _Atomic bool wal_held;
};

static int64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

/* A full disk ends the whole transaction inside a statement; then the job's line tells why, not that of its undoing. */
static enum status undo(struct db *db, const struct err *why, struct err *err)
{
    const enum status s = db_exec(db, "ROLLBACK TO job; RELEASE job", err);
    if (s == STATUS_OK || why->status != STATUS_UNAVAILABLE)
        return s;
    *err = *why;
    return why->status;
}

/* Not STATUS_OK only when the whole transaction is lost. */
static enum status run_one(struct db_writer *w, struct outcome *o, struct err *err)
{
    o->err = (struct err)ERR_INIT;
    TRY(db_exec(w->db, "SAVEPOINT job", err));
    enum status s = o->job.run(w->db, o->job.context, &o->err);
    o->err.status = s;
    return s == STATUS_OK ? db_exec(w->db, "RELEASE job", err) : undo(w->db, &o->err, err);
}

static enum status run_all(struct db_writer *w, size_t n, struct err *err)
{
    /* A rollback can fail itself, without memory; what it left must not meet the next jobs. */
    db_rollback(w->db);
    TRY(db_syncer_recover(w->syncer, w->db, err));
    enum status s = db_begin(w->db, err);
    for (size_t i = 0; i < n && s == STATUS_OK; i++)
        s = run_one(w, &w->batch[i], err);
    if (s == STATUS_OK)
        s = db_commit(w->db, err);
    if (s != STATUS_OK)
        db_rollback(w->db);
    return s;
}

static bool waits_for_sync(const struct outcome *o)
{
    return o->err.status == STATUS_OK && o->job.when == DB_SYNCED;
}

/* What wrote nothing, ticks mostly and who only reads, needs no sync of its own: it waits for those of what it has
 * seen.
 */
static void run_batch(struct db_writer *w, size_t n)
{
    struct err err = ERR_INIT;
    const int64_t commits = db_commits(w->db);
    const enum status s = run_all(w, n, &err);
    const bool wrote = db_commits(w->db) != commits, clean = !wrote && db_syncer_clean(w->syncer);
    size_t n_committed = 0;
    for (size_t i = 0; i < n; i++) {
        struct outcome *o = &w->batch[i];
        if (s != STATUS_OK)
            o->err = err;
        if (!clean && waits_for_sync(o))
            w->committed[n_committed++] = o->job;
    }
    if (wrote || n_committed > 0)
        db_syncer_committed(w->syncer, n_committed, w->committed);
    for (size_t i = 0; i < n; i++) {
        struct outcome *o = &w->batch[i];
        if ((clean || !waits_for_sync(o)) && o->job.done)
            o->job.done(o->job.context, o->err.status, &o->err);
    }
}

/* Sleep until there is work, a tick is due or the idle time is over.  Mutex held. */
static void wait_for_work(struct db_writer *w)
{
    int64_t until = now_ms() + IDLE_MS;
    if (w->tick_ms > 0 && w->next_tick_ms < until)
        until = w->next_tick_ms;
    struct timespec at = {until / 1000, until % 1000 * 1000000};
    while (w->waiting == 0 && !w->stopping)
        if (pthread_cond_timedwait(&w->wake, &w->mutex, &at) != 0)
            break;
}

/* Mutex held.  The tick comes first. */
static size_t take_batch(struct db_writer *w)
{
    size_t n = 0;
    if (w->tick_ms > 0 && now_ms() >= w->next_tick_ms) {
        w->batch[n++].job = w->tick;
        w->next_tick_ms = now_ms() + w->tick_ms;
    }
    w->busy = w->waiting > 0;
    for (; w->waiting > 0 && n < w->batch_max; w->waiting--) {
        w->batch[n++].job = w->queue[w->first];
        w->first = (w->first + 1) % w->queue_max;
    }
    w->running = n;
    return n;
}

/* Without the syncer. */
static void checkpoint_now(struct db_writer *w, bool empty)
{
    const bool moved = db_checkpoint(w->db, empty, NULL) == STATUS_OK;
    atomic_store(&w->wal_held, !moved || (!empty && w->tried > 0));
    w->tried_ms = now_ms();
    w->tried = w->moved = w->pages;
    if (moved && empty)
        w->pages = w->moved = w->tried = 0;
}

/* The WAL holds more than wal_pages only until it is written from its start, so a second checkpoint on the way finds a
 * reader that held it.  While it is held another try a second tells when it no longer is; that costs nothing as long as
 * there is nothing to move. */
static void checkpoint(struct db_writer *w)
{
    const int64_t pages = db_wal_pages(w->db), now = now_ms();
    if (pages < w->pages) {
        w->moved = w->tried = 0;
        atomic_store(&w->wal_held, false);
    }
    w->pages = pages;
    if (w->busy)
        w->idle_from_ms = now;
    const bool full = pages >= w->tried + w->wal_pages, too_full = pages >= w->tried + 2 * w->wal_pages;
    const bool unmoved = pages >= w->moved + w->wal_pages / MOVES_A_WAL, waited = now - w->tried_ms >= IDLE_MS;
    const bool idle = waited && now - w->idle_from_ms >= IDLE_MS && db_wal_bytes(w->db) > 0;
    if (too_full)
        db_syncer_wait(w->syncer);
    if (!db_syncer_moves(w->syncer) && !db_syncer_failed(w->syncer)) {
        if (idle || too_full || (full && !unmoved) || (waited && atomic_load(&w->wal_held))) {
            checkpoint_now(w, idle);
        } else if (unmoved) {
            w->moved = pages;
            db_syncer_move(w->syncer);
        }
    }
    atomic_store(&w->wal_bytes, db_wal_bytes(w->db));
}

static void *writer_main(void *context)
{
    struct db_writer *w = context;
    for (;;) {
        pthread_mutex_lock(&w->mutex);
        wait_for_work(w);
        bool last = w->stopping && w->waiting == 0;
        size_t n = last ? 0 : take_batch(w);
        pthread_mutex_unlock(&w->mutex);
        if (last)
            return NULL;
        if (n > 0)
            run_batch(w, n);
        pthread_mutex_lock(&w->mutex);
        w->running = 0;
        pthread_mutex_unlock(&w->mutex);
        checkpoint(w);
    }
}

static void writer_free(struct db_writer *w)
{
    db_syncer_stop(w->syncer);
    db_close(w->db);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    mem_free(w->queue);
    mem_free(w->batch);
    mem_free(w->committed);
    mem_free(w);
}

enum status db_writer_start(struct db *db, const struct db_writer_options *options, struct db_writer **ret,
                            struct err *err)
{
    struct db_writer *w = mem_alloc(1, sizeof *w);
    if (!w) {
        db_close(db);
        return err_no_memory(err);
    }
    w->db = db;
    w->queue_max = options->queue_max ? options->queue_max : QUEUE_STANDARD;
    w->batch_max = options->batch_max ? options->batch_max : BATCH_STANDARD;
    w->wal_pages = (int64_t)(options->wal_pages ? options->wal_pages : WAL_STANDARD);
    w->tick_ms = options->tick_ms;
    w->tick = options->tick;
    w->next_tick_ms = now_ms() + w->tick_ms;
    w->queue = mem_alloc(w->queue_max, sizeof *w->queue);
    w->batch = mem_alloc(w->batch_max + 1, sizeof *w->batch);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&w->mutex, NULL);
    w->committed = mem_alloc(w->batch_max + 1, sizeof *w->committed);
    enum status s = w->queue && w->batch && w->committed ? db_syncer_start(db, w->queue_max + 1, &w->syncer, err)
                                                         : err_no_memory(err);
    if (s == STATUS_OK)
        s = db_exec(db, "PRAGMA synchronous=NORMAL", err);
    if (s == STATUS_OK)
        s = db_wal_limit(db, WAL_KEPT * w->wal_pages * FRAME_BYTES, err);
    if (s == STATUS_OK && pthread_create(&w->thread, NULL, writer_main, w) != 0)
        s = err_set(err, STATUS_NO_MEMORY, "cannot start the database writer");
    if (s != STATUS_OK) {
        writer_free(w);
        return s;
    }
    *ret = w;
    return STATUS_OK;
}

enum status db_writer_submit(struct db_writer *w, const struct db_job *job, struct err *err)
{
    pthread_mutex_lock(&w->mutex);
    bool room = !w->stopping && w->waiting + w->running + db_syncer_waiting(w->syncer) < w->queue_max;
    if (room) {
        w->queue[(w->first + w->waiting++) % w->queue_max] = *job;
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->mutex);
    return room ? STATUS_OK : err_set(err, STATUS_UNAVAILABLE, "the write queue is full or stopping: try again");
}

struct waiter {
    enum status (*run)(struct db *db, void *context, struct err *err);
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    struct err err;
};

static enum status waiter_run(struct db *db, void *context, struct err *err)
{
    struct waiter *waiter = context;
    return waiter->run(db, waiter->context, err);
}

static void waiter_done(void *context, enum status s, const struct err *err)
{
    struct waiter *waiter = context;
    pthread_mutex_lock(&waiter->mutex);
    waiter->err = *err;
    waiter->err.status = s;
    waiter->done = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->mutex);
}

enum status db_writer_run(struct db_writer *w, enum status (*run)(struct db *db, void *context, struct err *err),
                          void *context, struct err *err)
{
    struct waiter waiter = {run, context, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, ERR_INIT};
    struct db_job job = {waiter_run, waiter_done, &waiter, DB_SYNCED};
    TRY(db_writer_submit(w, &job, err));
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.done)
        pthread_cond_wait(&waiter.cond, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    if (waiter.err.status != STATUS_OK && err)
        *err = waiter.err;
    return waiter.err.status;
}

size_t db_writer_waiting(struct db_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    size_t n = w->waiting;
    pthread_mutex_unlock(&w->mutex);
    return n;
}

struct db_wal db_writer_wal(struct db_writer *w)
{
    const struct db_syncs syncs = db_syncer_syncs(w->syncer);
    return (struct db_wal){.bytes = atomic_load(&w->wal_bytes),
                           .held = atomic_load(&w->wal_held),
                           .unsynced = db_syncer_waiting(w->syncer),
                           .n_syncs = syncs.n,
                           .sync_ns = syncs.ns};
}

void db_writer_stop(struct db_writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    writer_free(w);
}
