#include "tests/lib/sqlite_shim.h"

#include <string.h>

#include "tests/lib/check.h"

static struct shim_hooks hooks;

static struct shim_file *shim(sqlite3_file *f)
{
    return (struct shim_file *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return shim(f)->real;
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
    return hooks.write(shim(f), from, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return hooks.truncate(shim(f), size);
}

static int x_sync(sqlite3_file *f, int flags)
{
    return hooks.sync(shim(f), flags);
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

static int x_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    static const sqlite3_io_methods METHODS = {2,        x_close,   x_read,     x_write,       x_truncate,  x_sync,
                                               x_size,   x_lock,    x_unlock,   x_check_lock,  x_control,   x_sector,
                                               x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, NULL,
                                               NULL};
    sqlite3_vfs *base = vfs->pAppData;
    struct shim_file *f = shim(file);
    f->real = (sqlite3_file *)(f + 1);
    f->own = hooks.open ? hooks.open(path) : NULL;
    memset(f->real, 0, (size_t)base->szOsFile);
    int code = base->xOpen(base, path, f->real, flags, ret_flags);
    file->pMethods = f->real->pMethods ? &METHODS : NULL;
    return code;
}

static int x_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    sqlite3_vfs *base = vfs->pAppData;
    if (hooks.removed)
        hooks.removed(path);
    return base->xDelete(base, path, sync_folder);
}

void sqlite_shim_install(const struct shim_hooks *wanted)
{
    static sqlite3_vfs vfs;
    hooks = *wanted;
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    vfs = *base;
    vfs.zName = "shim";
    vfs.szOsFile = base->szOsFile + (int)sizeof(struct shim_file);
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    vfs.pAppData = base;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
