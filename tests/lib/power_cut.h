/* power_cut.h - what SQLite's files would be after a power cut, now.
 *
 * A VFS that passes everything on to the real one and remembers, for each file, what has been written since the last
 * sync that covers it.  power_cut() writes the files as a disk may leave them: all that was synced, and of the rest any
 * part in any order, each sector of 512 bytes for itself (SQLite counts on nothing more: sqlite.org/atomiccommit.html,
 * section 2; with its default, powersafe overwrite, a write does not harm its neighbours).  The wal-index (-shm) is
 * not on disk.  Thread: any; one mutex. */
#ifndef TRIMTAB_TESTS_LIB_POWER_CUT_H
#define TRIMTAB_TESTS_LIB_POWER_CUT_H

#include <stdint.h>

/* Once, before anything opens a database; follows the files right in that folder. */
void power_cut_install(const char *folder);
/* Them, into the folder `to` under their names.  seed: which of what was not synced is there. */
void power_cut(uint64_t seed, const char *to);

#endif
