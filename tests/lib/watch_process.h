/* watch_process.h - what a process costs while it is loaded: CPU time, memory, and the size of a file it writes. */
#ifndef TRIMTAB_TESTS_LIB_WATCH_PROCESS_H
#define TRIMTAB_TESTS_LIB_WATCH_PROCESS_H

#include <stdint.h>

struct watch;
struct watch_result {
    double cpu_seconds;                    /* user and system, since the start */
    int64_t rss_bytes_max, file_bytes_max; /* sampled every 20 ms */
};

/* A thread that samples; file may not exist.  Exits the program on failure. */
struct watch *watch_start(int64_t pid, const char *file);
struct watch_result watch_stop(struct watch *watch);
int64_t watch_file_bytes(const char *path); /* 0: there is none */

#endif
