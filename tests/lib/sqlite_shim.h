/* sqlite_shim.h - a VFS between SQLite and the real one, where tests put faults.
 *
 * Everything is passed on but for what the hooks take over; they pass on themselves what they like, to file->real.
 * One shim a process.  Thread: the hooks see to it. */
#ifndef TRIMTAB_TESTS_LIB_SQLITE_SHIM_H
#define TRIMTAB_TESTS_LIB_SQLITE_SHIM_H

#include <sqlite3.h>

struct shim_file {
    sqlite3_file base; /* first: SQLite's view */
    sqlite3_file *real;
    void *own; /* the hooks' */
};

struct shim_hooks {
    void *(*open)(const char *path);   /* gives own; NULL: nothing to do.  path NULL: a temporary file */
    void (*removed)(const char *path); /* may be NULL */
    int (*write)(struct shim_file *file, const void *bytes, int n, sqlite3_int64 at);
    int (*truncate)(struct shim_file *file, sqlite3_int64 size);
    int (*sync)(struct shim_file *file, int flags);
};

/* Once, before anything opens a database. */
void sqlite_shim_install(const struct shim_hooks *hooks);

#endif
