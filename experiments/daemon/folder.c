#include "experiments/daemon/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/log.h"

static void standard_path(char *ret, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe): main only */
    if (geteuid() == 0 || (!state && !home))
        snprintf(ret, size, "/var/lib/trimtab/experiments");
    else if (state && state[0] == '/')
        snprintf(ret, size, "%s/trimtab/experiments", state);
    else
        snprintf(ret, size, "%s/.local/state/trimtab/experiments", home);
}

static enum status take_lock(struct folder *folder, struct err *err)
{
    char path[FOLDER_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/lock", folder->path);
    folder->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock_fd < 0)
        return err_errno(err, "cannot open %s", path);
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return err_errno(err, "cannot lock %s", path);
    return err_set(err, STATUS_CONFLICT, "--data %s is in use by another trimtab-experimentd", folder->path);
}

enum status folder_open(struct folder *folder, const char *path, struct err *err)
{
    folder->lock_fd = -1;
    if (!path)
        standard_path(folder->path, sizeof folder->path);
    else if (strlen(path) < sizeof folder->path)
        snprintf(folder->path, sizeof folder->path, "%s", path);
    else
        return err_set(err, STATUS_INVALID, "--data is longer than %zu bytes", sizeof folder->path - 1);
    snprintf(folder->address, sizeof folder->address, "%s/address", folder->path);
    TRY(file_make_dirs(folder->path, 0700, err));
    return take_lock(folder, err);
}

enum status folder_write_address(const struct folder *folder, const char *listen, int port, struct err *err)
{
    char text[300];
    const char *colon = strrchr(listen, ':');
    int n = snprintf(text, sizeof text, "%.*s:%d\n", colon ? (int)(colon - listen) : 0, listen, port);
    TRY(file_write_atomic(folder->address, text, (size_t)n, 0600, err));
    text[n - 1] = '\0';
    log_event(LOG_INFO, "listening", "address", text, "data", folder->path, NULL);
    return STATUS_OK;
}

void folder_remove_address(const struct folder *folder)
{
    (void)unlink(folder->address);
}

void folder_close(struct folder *folder)
{
    if (folder->lock_fd >= 0)
        (void)close(folder->lock_fd);
    folder->lock_fd = -1;
}
