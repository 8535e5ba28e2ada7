#include "base/db/db_syncer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/mem.h"

struct jobs {
    size_t n;
    struct db_job *at; /* [jobs_max] */
};

struct db_syncer {
    struct db *db; /* syncer thread only, as synced */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards committed, news, syncing, move, stopping, failed, file_failed */
    pthread_cond_t wake, moved;
    struct jobs committed, synced;
    bool news;    /* a commit that no sync has begun after */
    bool syncing; /* one that a sync has begun after */
    bool move, stopping;
    struct err failed; /* status OK: all is well */
    bool file_failed;  /* and only a restart helps */
    _Atomic size_t waiting;
    _Atomic int64_t n_syncs, sync_ns;
};

/* Unavailable whatever the disk said: a client may try again. */
static void note_failure(struct db_syncer *s, struct err *err)
{
    err->status = STATUS_UNAVAILABLE;
    pthread_mutex_lock(&s->mutex);
    if (s->failed.status == STATUS_OK)
        s->failed = *err;
    pthread_mutex_unlock(&s->mutex);
}

/* Not after one that failed. */
static void sync_log(struct db_syncer *s, struct err *err)
{
    pthread_mutex_lock(&s->mutex);
    *err = s->failed;
    pthread_mutex_unlock(&s->mutex);
    if (err->status == STATUS_OK) {
        const int64_t start_ns = clock_monotonic_ns();
        if (db_sync(s->db, DB_SYNC_WAL, err) != STATUS_OK)
            note_failure(s, err);
        atomic_fetch_add(&s->sync_ns, clock_monotonic_ns() - start_ns);
        atomic_fetch_add(&s->n_syncs, 1);
    }
    pthread_mutex_lock(&s->mutex);
    s->syncing = false;
    pthread_mutex_unlock(&s->mutex);
}

static void sync_and_answer(struct db_syncer *s)
{
    struct err err = ERR_INIT;
    const size_t n = s->synced.n;
    sync_log(s, &err);
    for (size_t i = 0; i < n; i++) {
        if (s->synced.at[i].done)
            s->synced.at[i].done(s->synced.at[i].context, err.status, &err);
    }
    s->synced.n = 0;
    atomic_fetch_sub(&s->waiting, n);
}

/* Pages that cannot be moved now stay in the WAL, which is as good; only a failing sync is trouble. */
static void move_pages(struct db_syncer *s)
{
    struct err err = ERR_INIT;
    const enum status ignored = db_checkpoint(s->db, false, NULL);
    (void)ignored;
    const bool synced = db_sync(s->db, DB_SYNC_FILE, &err) == STATUS_OK;
    if (!synced) {
        err_wrap(&err, STATUS_UNAVAILABLE, "restart the program, its log has everything");
        note_failure(s, &err);
    }
    pthread_mutex_lock(&s->mutex);
    s->file_failed = s->file_failed || !synced;
    s->move = false;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->mutex);
}

static void *syncer_main(void *context)
{
    struct db_syncer *s = context;
    for (;;) {
        pthread_mutex_lock(&s->mutex);
        while (!s->news && !s->move && !s->stopping)
            pthread_cond_wait(&s->wake, &s->mutex);
        const bool news = s->news, move = s->move;
        const struct jobs empty = s->synced;
        s->synced = s->committed;
        s->committed = empty;
        s->syncing = news;
        s->news = false;
        pthread_mutex_unlock(&s->mutex);
        if (!news && !move)
            return NULL;
        if (news)
            sync_and_answer(s);
        if (move)
            move_pages(s);
    }
}

static void syncer_free(struct db_syncer *s)
{
    db_close(s->db);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->mutex);
    mem_free(s->committed.at);
    mem_free(s->synced.at);
    mem_free(s);
}

enum status db_syncer_start(struct db *db, size_t jobs_max, struct db_syncer **ret, struct err *err)
{
    struct db_syncer *s = mem_alloc(1, sizeof *s);
    if (!s)
        return err_no_memory(err);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->moved, NULL);
    s->committed.at = mem_alloc(jobs_max, sizeof *s->committed.at);
    s->synced.at = mem_alloc(jobs_max, sizeof *s->synced.at);
    enum status status = s->committed.at && s->synced.at ? db_open_again(db, &s->db, err) : err_no_memory(err);
    if (status == STATUS_OK && pthread_create(&s->thread, NULL, syncer_main, s) != 0)
        status = err_set(err, STATUS_NO_MEMORY, "cannot start the thread that syncs the database");
    if (status != STATUS_OK) {
        syncer_free(s);
        return status;
    }
    *ret = s;
    return STATUS_OK;
}

void db_syncer_stop(struct db_syncer *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    syncer_free(s);
}

void db_syncer_committed(struct db_syncer *s, size_t n, const struct db_job *jobs)
{
    atomic_fetch_add(&s->waiting, n);
    pthread_mutex_lock(&s->mutex);
    if (n > 0)
        memcpy(s->committed.at + s->committed.n, jobs, n * sizeof *jobs);
    s->committed.n += n;
    s->news = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

bool db_syncer_failed(struct db_syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    const bool failed = s->failed.status != STATUS_OK;
    pthread_mutex_unlock(&s->mutex);
    return failed;
}

bool db_syncer_clean(struct db_syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    const bool clean = !s->news && !s->syncing && s->failed.status == STATUS_OK;
    pthread_mutex_unlock(&s->mutex);
    return clean;
}

size_t db_syncer_waiting(struct db_syncer *s)
{
    return atomic_load(&s->waiting);
}

struct db_syncs db_syncer_syncs(struct db_syncer *s)
{
    return (struct db_syncs){atomic_load(&s->n_syncs), atomic_load(&s->sync_ns)};
}

void db_syncer_move(struct db_syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    s->move = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

bool db_syncer_moves(struct db_syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    const bool moves = s->move;
    pthread_mutex_unlock(&s->mutex);
    return moves;
}

void db_syncer_wait(struct db_syncer *s)
{
    pthread_mutex_lock(&s->mutex);
    while (s->move)
        pthread_cond_wait(&s->moved, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

enum status db_syncer_recover(struct db_syncer *s, struct db *db, struct err *err)
{
    pthread_mutex_lock(&s->mutex);
    const struct err failed = s->failed;
    const bool file_failed = s->file_failed;
    pthread_mutex_unlock(&s->mutex);
    if (failed.status == STATUS_OK)
        return STATUS_OK;
    if (file_failed)
        db_keep_wal(db);
    enum status status = file_failed ? STATUS_UNAVAILABLE : db_checkpoint(db, true, NULL);
    if (status == STATUS_OK)
        status = db_sync(db, DB_SYNC_FILE, NULL);
    if (status != STATUS_OK) {
        if (err)
            *err = failed;
        return failed.status;
    }
    pthread_mutex_lock(&s->mutex);
    s->failed = (struct err)ERR_INIT;
    pthread_mutex_unlock(&s->mutex);
    return STATUS_OK;
}
