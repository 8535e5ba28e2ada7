#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "experiments/store/store_internal.h"

enum { TICK_MS = 50, EXPIRE_A_TICK = 50 };

static void measure_hot(struct store *store)
{
    size_t n = 0;
    for (size_t i = 0; i < store->n_experiments; i++) {
        const struct hot_round *round = store->experiments[i]->round;
        if (round)
            n += keymap_bytes(&round->units) + keymap_bytes(&round->events) + tally_bytes(&round->tally) +
                 (round->seen ? keymap_bytes(&round->seen->keys) : 0);
    }
    atomic_store(&store->hot_bytes, n);
}

bool store_full(const struct store *store)
{
    return store->hot_max > 0 && atomic_load(&store->hot_bytes) > store->hot_max;
}

size_t store_hot_bytes(struct store *store)
{
    return atomic_load(&store->hot_bytes);
}

/* What every job starts with: hot state that equals the rows, and rounds whose time has come ended. */
static enum status get_ready(struct store *store, struct err *err)
{
    if (store->stale) {
        TRY(store_rebuild(store, err));
        store->stale = false;
    }
    store->dirty = false;
    for (size_t i = 0; i < store->n_experiments; i++)
        TRY(store_advance(store, store->experiments[i], false, err));
    measure_hot(store);
    return STATUS_OK;
}

enum status store_check(struct store *store, struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    const struct err trouble = store->trouble;
    pthread_mutex_unlock(&store->mutex);
    if (trouble.status == STATUS_OK)
        return STATUS_OK;
    return err_set(err, STATUS_UNAVAILABLE, "nothing can be written: %s", trouble.text);
}

static void set_trouble(struct store *store, enum status s, const struct err *err)
{
    pthread_mutex_lock(&store->mutex);
    const bool news = (store->trouble.status == STATUS_OK) != (s == STATUS_OK);
    store->trouble = *err;
    store->trouble.status = s;
    pthread_mutex_unlock(&store->mutex);
    if (news && store->on_trouble)
        store->on_trouble(s == STATUS_OK ? NULL : err);
}

/* A tick that changes nothing would not notice a full disk, nor one that fits where a group of requests does not. */
static enum status tick(struct store *store, struct err *err)
{
    TRY(requests_expire(store, EXPIRE_A_TICK, err));
    return store_check(store, NULL) == STATUS_OK ? STATUS_OK : db_run(store->sql[SQL_PROBE], err);
}

static enum status job_run(struct db *db, void *context, struct err *err)
{
    struct store_job *job = context;
    struct store *store = job->store;
    (void)db;
    if (store->closing && !job->run)
        return STATUS_OK; /* a tick behind the last job: the statements are gone */
    enum status s = get_ready(store, err);
    if (s == STATUS_OK)
        s = job->run ? job->run(store, job->context, err) : tick(store, err);
    job->ran = s == STATUS_OK;
    job->changed = store->dirty;
    store->stale = store->stale || (s != STATUS_OK && store->dirty);
    return s;
}

static void job_done(void *context, enum status s, const struct err *err)
{
    struct store_job *job = context;
    const bool commit_failed = s != STATUS_OK && job->ran;
    if (commit_failed && job->changed)
        job->store->stale = true; /* the rows are gone, the memory is not */
    if (commit_failed || !job->run)
        set_trouble(job->store, s, err);
    job->ran = false; /* the tick comes again, and does not run when its transaction cannot begin */
    if (job->done)
        job->done(job->context, s, err);
}

enum status store_submit(struct store *store, struct store_job *job, struct err *err)
{
    job->store = store;
    job->ran = false;
    const struct db_job db_job = {job_run, job_done, job, job->on_commit ? DB_COMMITTED : DB_SYNCED};
    return db_writer_submit(store->writer, &db_job, err);
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    struct err err;
};

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

struct run_and_wait {
    enum status (*run)(struct store *store, void *context, struct err *err);
    void *context;
    struct waiter waiter;
};

static enum status wait_run(struct store *store, void *context, struct err *err)
{
    struct run_and_wait *call = context;
    return call->run(store, call->context, err);
}

static void wait_done(void *context, enum status s, const struct err *err)
{
    struct run_and_wait *call = context;
    waiter_done(&call->waiter, s, err);
}

enum status store_run(struct store *store, enum status (*run)(struct store *store, void *context, struct err *err),
                      void *context, struct err *err)
{
    struct run_and_wait call = {run, context, {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, ERR_INIT}};
    struct store_job job = {.run = wait_run, .done = wait_done, .context = &call};
    TRY(store_submit(store, &job, err));
    pthread_mutex_lock(&call.waiter.mutex);
    while (!call.waiter.done)
        pthread_cond_wait(&call.waiter.cond, &call.waiter.mutex);
    pthread_mutex_unlock(&call.waiter.mutex);
    if (call.waiter.err.status != STATUS_OK && err)
        *err = call.waiter.err;
    return call.waiter.err.status;
}

enum status store_meta_get(struct store *store, const char *key, void *ret, size_t n, bool *ret_there, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_META_GET];
    db_bind_text(stmt, 1, key);
    enum status s = db_step(stmt, ret_there, err);
    if (s == STATUS_OK && *ret_there) {
        size_t length = 0;
        const void *bytes = db_column_blob(stmt, 0, &length);
        if (length == n)
            memcpy(ret, bytes, n);
        else
            s = err_set(err, STATUS_CORRUPT, "meta %s has %zu bytes: expected %zu", key, length, n);
    }
    db_reset(stmt);
    return s;
}

enum status store_meta_put(struct store *store, const char *key, const void *bytes, size_t n, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_META_PUT];
    db_bind_text(stmt, 1, key);
    db_bind_blob(stmt, 2, bytes, n);
    return db_run(stmt, err);
}

static enum status load_key(struct store *store, struct err *err)
{
    bool there = false;
    TRY(store_meta_get(store, "key", store->key, sizeof store->key, &there, err));
    if (there)
        return STATUS_OK;
    TRY(rng_secret(store->key, sizeof store->key, err));
    return store_meta_put(store, "key", store->key, sizeof store->key, err);
}

/* A fake clock goes on where it stood, so that restarts do not run time backwards. */
static enum status load_clock(struct store *store, struct err *err)
{
    int64_t at = 0;
    bool there = false;
    TRY(store_meta_get(store, "fake_clock", &at, sizeof at, &there, err));
    if (!store->clock->fake || !there || at <= clock_now_ms(store->clock))
        return STATUS_OK;
    return clock_set(store->clock, at, err);
}

enum status store_set_clock(struct store *store, int64_t now_ms, struct err *err)
{
    TRY(clock_set(store->clock, now_ms, err));
    TRY(store_meta_put(store, "fake_clock", &now_ms, sizeof now_ms, err));
    for (size_t i = 0; i < store->n_experiments; i++)
        TRY(store_advance(store, store->experiments[i], false, err));
    return STATUS_OK;
}

static enum status load(struct store *store, struct err *err)
{
    TRY(db_exec(store->db, "PRAGMA secure_delete=ON", err));
    TRY(schema_prepare(store->db, store->sql, err));
    TRY(db_begin(store->db, err));
    enum status s = load_key(store, err);
    if (s == STATUS_OK)
        s = load_clock(store, err);
    if (s == STATUS_OK)
        s = store_rebuild(store, err);
    if (s == STATUS_OK)
        s = db_commit(store->db, err);
    if (s != STATUS_OK)
        db_rollback(store->db);
    return s;
}

static enum status open_database(const char *folder, struct db **ret, struct err *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/experiments.db", folder);
    enum status s = buf_status(&path, err);
    if (s == STATUS_OK)
        s = file_make_dirs(folder, 0700, err);
    if (s == STATUS_OK)
        s = db_open(buf_string(&path), SCHEMA_STEPS, SCHEMA_N_STEPS, ret, err);
    buf_done(&path);
    return s;
}

static enum status start_writer(struct store *store, struct err *err)
{
    struct db_writer_options options = {.tick_ms = TICK_MS, .tick = {job_run, job_done, &store->tick, DB_COMMITTED}};
    store->tick = (struct store_job){.store = store};
    enum status s = db_writer_start(store->db, &options, &store->writer, err);
    if (s != STATUS_OK)
        store->db = NULL; /* closed; otherwise the writer's */
    return s;
}

enum status store_open(const struct store_options *options, struct store **ret, struct err *err)
{
    struct store *store = mem_alloc(1, sizeof *store);
    if (!store)
        return err_no_memory(err);
    uint64_t nonce = 0;
    pthread_mutex_init(&store->mutex, NULL);
    store->clock = options->clock;
    store->hot_max = options->hot_max;
    store->on_trouble = options->on_trouble;
    enum status s = rng_secret(&nonce, sizeof nonce, err);
    atomic_init(&store->nonce, nonce);
    if (s == STATUS_OK)
        s = open_database(options->folder, &store->db, err);
    if (s == STATUS_OK)
        s = load(store, err);
    if (s == STATUS_OK)
        s = start_writer(store, err);
    if (s != STATUS_OK) {
        store_close(store);
        return s;
    }
    *ret = store;
    return STATUS_OK;
}

static enum status finish_statements(struct db *db, void *context, struct err *err)
{
    struct store *store = context;
    (void)db;
    (void)err;
    store->closing = true;
    schema_finish(store->sql);
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->writer) {
        /* Only a broken database can refuse; then the statements end below. */
        enum status ignored = db_writer_run(store->writer, finish_statements, store, NULL);
        (void)ignored;
        db_writer_stop(store->writer);
        store->db = NULL;
    }
    schema_finish(store->sql);
    db_close(store->db);
    store_forget(store);
    for (size_t i = 0; i < store->n_views; i++)
        view_release(store->views[i]);
    mem_free(store->views);
    mem_free(store->experiments);
    pthread_mutex_destroy(&store->mutex);
    mem_free(store);
}

enum status store_view(struct store *store, const char *experiment, struct view **ret, struct err *err)
{
    struct view *found = NULL;
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->n_views && !found; i++) {
        if (strcmp(store->views[i]->name, experiment) == 0)
            found = view_keep(store->views[i]);
    }
    pthread_mutex_unlock(&store->mutex);
    if (!found)
        return err_set(err, STATUS_NOT_FOUND, "experiment %.64s does not exist", experiment);
    *ret = found;
    return STATUS_OK;
}

struct view *store_view_at(struct store *store, size_t i)
{
    pthread_mutex_lock(&store->mutex);
    struct view *view = i < store->n_views ? view_keep(store->views[i]) : NULL;
    pthread_mutex_unlock(&store->mutex);
    return view;
}

int64_t store_now_ms(struct store *store)
{
    return clock_now_ms(store->clock);
}

const uint8_t *store_signing_key(const struct store *store)
{
    return store->key;
}

size_t store_waiting(struct store *store)
{
    return db_writer_waiting(store->writer);
}

struct store_wal store_wal(struct store *store)
{
    const struct db_wal wal = db_writer_wal(store->writer);
    return (struct store_wal){wal.bytes, wal.held, wal.unsynced, wal.n_syncs, wal.sync_ns};
}

uint64_t store_nonce(struct store *store)
{
    return rng_mix(atomic_fetch_add(&store->nonce, 1));
}

enum status store_find(struct store *store, const char *name, struct experiment **ret, struct err *err)
{
    for (size_t i = 0; i < store->n_experiments; i++) {
        if (strcmp(store->experiments[i]->name, name) == 0) {
            *ret = store->experiments[i];
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_NOT_FOUND, "experiment %.64s does not exist", name);
}

struct experiment *store_by_number(struct store *store, int64_t id)
{
    for (size_t i = 0; i < store->n_experiments; i++) {
        if (store->experiments[i]->id == id)
            return store->experiments[i];
    }
    return NULL;
}

const char *store_unit_name(const struct store *store, const struct experiment *e, const char *unit,
                            char buf[UNIT_HASH_SIZE])
{
    return unit_name(e->plan.hash_units, store->key, unit, buf);
}
