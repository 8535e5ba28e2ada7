/* folder.h - the data folder of the daemon: one process at a time, and where it listens.
 *
 *   DIR/experiments.db   the database                  DIR/lock   held while the process lives; the kernel drops it
 *   DIR/address          "127.0.0.1:41234\n", there while the daemon serves */
#ifndef TRIMTAB_EXPERIMENTS_DAEMON_FOLDER_H
#define TRIMTAB_EXPERIMENTS_DAEMON_FOLDER_H

#include "base/core/err.h"

enum { FOLDER_PATH_SIZE = 4096 };

struct folder {
    char path[FOLDER_PATH_SIZE], address[FOLDER_PATH_SIZE + 16];
    int lock_fd;
};

/* path NULL: $XDG_STATE_HOME/trimtab/experiments, ~/.local/state/trimtab/experiments, or /var/lib/trimtab/experiments
 * for root.  Made with mode 0700.  STATUS_CONFLICT when another daemon holds it. */
MUST_CHECK enum status folder_open(struct folder *folder, const char *path, struct err *err);
/* listen as given, port as bound. */
MUST_CHECK enum status folder_write_address(const struct folder *folder, const char *listen, int port, struct err *err);
void folder_remove_address(const struct folder *folder);
void folder_close(struct folder *folder); /* also one that was not opened: lock_fd -1 */

#endif
