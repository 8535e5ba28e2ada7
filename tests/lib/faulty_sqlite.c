#include "tests/lib/faulty_sqlite.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/core/mem.h"
#include "tests/lib/check.h"
#include "tests/lib/sqlite_shim.h"

static _Atomic int64_t countdown = -1;
static _Atomic bool tripped;
static _Atomic bool kills;
static _Atomic int failure;

void faulty_disk_after(int64_t n, enum disk_fault kind)
{
    atomic_store(&tripped, false);
    atomic_store(&failure, kind == DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    atomic_store(&kills, kind == DISK_KILL);
    atomic_store(&countdown, n);
}

static pthread_mutex_t syncs_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t syncs_changed = PTHREAD_COND_INITIALIZER;
static enum sync_fault syncs;

void faulty_syncs(enum sync_fault kind)
{
    pthread_mutex_lock(&syncs_mutex);
    syncs = kind;
    pthread_cond_broadcast(&syncs_changed);
    pthread_mutex_unlock(&syncs_mutex);
}

static void *faulty_open(const char *path)
{
    static char is_wal;
    const size_t n = path ? strlen(path) : 0;
    return n > 4 && strcmp(path + n - 4, "-wal") == 0 ? &is_wal : NULL;
}

static bool sync_fails(const struct shim_file *f)
{
    pthread_mutex_lock(&syncs_mutex);
    while (syncs == SYNCS_WAIT)
        pthread_cond_wait(&syncs_changed, &syncs_mutex);
    const bool fails = syncs == SYNCS_FAIL || (syncs == SYNCS_FAIL_FILE && !f->own);
    pthread_mutex_unlock(&syncs_mutex);
    return fails;
}

bool faulty_disk_tripped(void)
{
    return atomic_load(&tripped);
}

static bool fails(void)
{
    int64_t left = atomic_load(&countdown);
    if (left < 0)
        return false;
    if (left > 0) {
        atomic_fetch_sub(&countdown, 1);
        return false;
    }
    if (atomic_load(&kills))
        raise(SIGKILL);
    atomic_store(&tripped, true);
    return true;
}

static int faulty_write(struct shim_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    return fails() ? atomic_load(&failure) : f->real->pMethods->xWrite(f->real, bytes, n, at);
}

static int faulty_truncate(struct shim_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : f->real->pMethods->xTruncate(f->real, size);
}

static int faulty_sync(struct shim_file *f, int flags)
{
    const bool full = atomic_load(&failure) == SQLITE_FULL;
    return (!full && fails()) || sync_fails(f) ? SQLITE_IOERR_FSYNC : f->real->pMethods->xSync(f->real, flags);
}

static void *heap_alloc(int n)
{
    size_t *block = mem_alloc(1, sizeof(size_t) * 2 + (size_t)n);
    if (!block)
        return NULL;
    block[0] = (size_t)n;
    return block + 2;
}

static void heap_free(void *p)
{
    if (p)
        mem_free((size_t *)p - 2);
}

static void *heap_resize(void *p, int n)
{
    size_t *block = mem_resize((size_t *)p - 2, 1, sizeof(size_t) * 2 + (size_t)n);
    if (!block)
        return NULL;
    block[0] = (size_t)n;
    return block + 2;
}

static int heap_size(void *p)
{
    return p ? (int)((size_t *)p)[-2] : 0;
}

static int heap_round(int n)
{
    return (n + 7) & ~7;
}

static int heap_init(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void heap_shutdown(void *unused)
{
    (void)unused;
}

void faulty_sqlite_install(void)
{
    static const sqlite3_mem_methods HEAP = {heap_alloc, heap_free, heap_resize,   heap_size,
                                             heap_round, heap_init, heap_shutdown, NULL};
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &HEAP), SQLITE_OK);
    sqlite_shim_install(&(struct shim_hooks){faulty_open, NULL, faulty_write, faulty_truncate, faulty_sync});
}
