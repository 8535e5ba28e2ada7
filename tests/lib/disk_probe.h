/* disk_probe.h - the least that durable answers wait for on a disk that others use too: while a load runs, a page of a
 * file is written over and synced every 10 ms, in turn through 8 MB as in a WAL, by a thread of its own.  Times count
 * from when a sync was due, as those of an open loop (load.h), so they hold what the disk and the scheduler keep
 * everybody waiting for. */
#ifndef TRIMTAB_TESTS_LIB_DISK_PROBE_H
#define TRIMTAB_TESTS_LIB_DISK_PROBE_H

#include <stdint.h>

struct disk_probe;

struct disk_probe_result {
    int64_t n;
    double ms_median, ms_p99, ms_max;
};

/* Exits the program when the folder takes no file.  The file is gone at once, the descriptor stays. */
struct disk_probe *disk_probe_start(const char *folder);
struct disk_probe_result disk_probe_stop(struct disk_probe *probe);

#endif
