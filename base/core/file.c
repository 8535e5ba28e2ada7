#include "base/core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/mem.h"

static enum status read_all(int fd, const char *path, size_t max, struct buf *ret, struct err *err)
{
    const size_t start = ret->length;
    for (;;) {
        if (!buf_reserve(ret, 65536))
            return err_no_memory(err);
        const ssize_t n = read(fd, ret->data + ret->length, 65536);
        if (n == 0)
            return STATUS_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "read %s", path);
        ret->length += (size_t)n;
        ret->data[ret->length] = '\0';
        if (ret->length - start > max)
            return err_set(err, STATUS_TOO_LARGE, "%s is larger than %zu bytes", path, max);
    }
}

enum status file_read(const char *path, size_t max, struct buf *ret, struct err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "open %s", path);
    const enum status s = read_all(fd, path, max, ret, err);
    close(fd);
    return s;
}

static enum status write_all(int fd, const char *path, const char *bytes, size_t n, struct err *err)
{
    while (n > 0) {
        const ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(err, "write %s", path);
        bytes += done;
        n -= (size_t)done;
    }
    if (fsync(fd) != 0)
        return err_errno(err, "sync %s", path);
    return STATUS_OK;
}

/* The folder of a path, owned by the caller; NULL: out of memory. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? mem_strdup(".") : mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* The rename is durable only once its folder is. */
static enum status sync_parent(const char *path, struct err *err)
{
    char *parent = parent_of(path);
    if (parent == NULL)
        return err_no_memory(err);
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mem_free(parent);
    if (fd < 0)
        return err_errno(err, "open the folder of %s", path);
    const int failed = fsync(fd);
    close(fd);
    return failed != 0 ? err_errno(err, "sync the folder of %s", path) : STATUS_OK;
}

enum status file_write_atomic(const char *path, const void *bytes, size_t n, unsigned mode, struct err *err)
{
    struct buf temporary = BUF_INIT;
    buf_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
    enum status s = buf_status(&temporary, err);
    if (s != STATUS_OK)
        goto out;
    const int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        s = err_errno(err, "create %s", temporary.data);
        goto out;
    }
    s = write_all(fd, temporary.data, bytes, n, err);
    close(fd);
    if (s == STATUS_OK && rename(temporary.data, path) != 0)
        s = err_errno(err, "rename %s to %s", temporary.data, path);
    if (s == STATUS_OK)
        s = sync_parent(path, err);
    else
        unlink(temporary.data);
out:
    buf_done(&temporary);
    return s;
}

enum status file_check_writable(const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return err_set(err, STATUS_INVALID, "%s is a folder: the name of a file is expected", path);
    char *parent = parent_of(path);
    if (parent == NULL)
        return err_no_memory(err);
    const int failed = access(parent, W_OK | X_OK);
    mem_free(parent);
    return failed != 0 ? err_errno(err, "write %s into its folder", path) : STATUS_OK;
}

static enum status make_dir(const char *path, unsigned mode, struct err *err)
{
    if (mkdir(path, (mode_t)mode) == 0)
        return STATUS_OK;
    const int code = errno;
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return STATUS_OK;
        return err_set(err, STATUS_INVALID, "%s is there and is not a folder", path);
    }
    errno = code;
    return err_errno(err, "make the folder %s", path);
}

enum status file_make_dirs(const char *path, unsigned mode, struct err *err)
{
    char *part = mem_strdup(path);
    if (part == NULL)
        return err_no_memory(err);
    enum status s = STATUS_OK;
    for (char *c = part + 1; *path != '\0' && s == STATUS_OK; c++) {
        const char end = *c;
        if (end != '/' && end != '\0')
            continue;
        *c = '\0';
        s = make_dir(part, mode, err);
        *c = end;
        if (end == '\0')
            break;
    }
    mem_free(part);
    return s;
}
