/* faulty_sqlite.h - SQLite whose heap and disk can be made to fail.
 *
 * The heap of SQLite goes through mem_alloc(), so mem_fault_after() reaches it; the disk through a VFS that counts
 * writes, syncs and truncations and makes the n-th and all later ones fail, until told otherwise (a full disk still
 * syncs).  Files opened for reading are not touched.  Thread: the countdown is atomic. */
#ifndef TRIMTAB_TESTS_LIB_FAULTY_SQLITE_H
#define TRIMTAB_TESTS_LIB_FAULTY_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before anything opens a database. */
void faulty_sqlite_install(void);

enum disk_fault { DISK_IO_ERROR, DISK_FULL, DISK_KILL /* the process, before the write */ };
/* The n-th write from now (0 = the next) and all later ones fail so; negative: never. */
void faulty_disk_after(int64_t n, enum disk_fault kind);
/* Syncs alone: held ones wait until they no longer are; failing ones fail at once. */
enum sync_fault { SYNCS_WORK, SYNCS_WAIT, SYNCS_FAIL, SYNCS_FAIL_FILE /* not the WAL's */ };
void faulty_syncs(enum sync_fault kind);
/* Whether one has failed since the last faulty_disk_after(). */
bool faulty_disk_tripped(void);

#endif
