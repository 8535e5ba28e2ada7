#include "tests/lib/faulty_sqlite.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "base/core/mem.h"
#include "tests/lib/check.h"

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

struct file {
    sqlite3_file base; /* first: SQLite's view */
    sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int x_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), to, n, at);
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    return fails() ? atomic_load(&failure) : real(f)->pMethods->xWrite(real(f), from, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), size);
}

static int x_sync(sqlite3_file *f, int flags)
{
    return fails() ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real(f)->pMethods->xFileSize(real(f), ret);
}

static int x_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int x_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int x_check_lock(sqlite3_file *f, int *ret)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int x_control(sqlite3_file *f, int op, void *argument)
{
    return real(f)->pMethods->xFileControl(real(f), op, argument);
}

static int x_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int x_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int x_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    static const sqlite3_io_methods METHODS = {2,        x_close,   x_read,     x_write,       x_truncate,  x_sync,
                                               x_size,   x_lock,    x_unlock,   x_check_lock,  x_control,   x_sector,
                                               x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, NULL,
                                               NULL};
    sqlite3_vfs *base = vfs->pAppData;
    struct file *f = (struct file *)file;
    f->real = (sqlite3_file *)(f + 1);
    memset(f->real, 0, (size_t)base->szOsFile);
    int code = base->xOpen(base, name, f->real, flags, ret_flags);
    file->pMethods = f->real->pMethods ? &METHODS : NULL;
    return code;
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
    static sqlite3_vfs vfs;
    static const sqlite3_mem_methods HEAP = {heap_alloc, heap_free, heap_resize,   heap_size,
                                             heap_round, heap_init, heap_shutdown, NULL};
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &HEAP), SQLITE_OK);
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    vfs = *base;
    vfs.zName = "faulty";
    vfs.szOsFile = base->szOsFile + (int)sizeof(struct file);
    vfs.xOpen = x_open;
    vfs.pAppData = base;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
