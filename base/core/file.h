/* file.h - whole files, safely.
 *
 * file_write_atomic() writes beside the target, syncs, and renames: after a crash the target is the old or the new
 * text, never a part.  Errors name the path. */
#ifndef TRIMTAB_BASE_CORE_FILE_H
#define TRIMTAB_BASE_CORE_FILE_H

#include <stddef.h>

#include "base/core/buf.h"
#include "base/core/err.h"

/* Append the file to ret; STATUS_TOO_LARGE beyond max bytes. */
MUST_CHECK enum status file_read(const char *path, size_t max, struct buf *ret, struct err *err);
/* mode as in open(2), before the umask. */
MUST_CHECK enum status file_write_atomic(const char *path, const void *bytes, size_t n, unsigned mode, struct err *err);
/* Whether file_write_atomic() may succeed: for programs that work long before they write. */
MUST_CHECK enum status file_check_writable(const char *path, struct err *err);
/* mkdir -p with the mode for every folder that is made; an existing folder is fine, another kind of file is not. */
MUST_CHECK enum status file_make_dirs(const char *path, unsigned mode, struct err *err);

#endif
