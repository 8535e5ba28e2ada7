#include "tests/lib/disk_probe.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"

enum { PAGE = 4096, PAGES = 2048, EVERY_MS = 10, TIMES_MAX = 1 << 19 };

struct disk_probe {
    int fd;
    pthread_t thread;
    _Atomic bool stop;
    int64_t n;
    double ms[TIMES_MAX];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void write_page(int fd, int64_t i)
{
    static const char BYTES[PAGE] = "a page";
    if (pwrite(fd, BYTES, sizeof BYTES, i % PAGES * PAGE) != PAGE)
        die("disk probe: write");
}

static void *probe_main(void *context)
{
    struct disk_probe *probe = context;
    const int64_t start_ns = clock_monotonic_ns();
    while (!atomic_load(&probe->stop) && probe->n < TIMES_MAX) {
        const int64_t due_ns = start_ns + (probe->n + 1) * EVERY_MS * INT64_C(1000000);
        while (clock_monotonic_ns() < due_ns)
            clock_sleep_ms(1);
        write_page(probe->fd, probe->n);
        if (fdatasync(probe->fd) != 0)
            die("disk probe: sync");
        probe->ms[probe->n++] = (double)(clock_monotonic_ns() - due_ns) * 1e-6;
    }
    return NULL;
}

struct disk_probe *disk_probe_start(const char *folder)
{
    char path[300];
    struct disk_probe *probe = mem_alloc(1, sizeof *probe);
    snprintf(path, sizeof path, "%s/probe", folder);
    if (!probe || (probe->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
        die("disk probe");
    unlink(path);
    for (int64_t i = 0; i < PAGES; i++)
        write_page(probe->fd, i);
    if (fsync(probe->fd) != 0 || pthread_create(&probe->thread, NULL, probe_main, probe) != 0)
        die("disk probe");
    return probe;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct disk_probe_result disk_probe_stop(struct disk_probe *probe)
{
    atomic_store(&probe->stop, true);
    pthread_join(probe->thread, NULL);
    const size_t n = (size_t)probe->n;
    struct disk_probe_result result = {.n = probe->n};
    qsort(probe->ms, n, sizeof *probe->ms, compare);
    if (n > 0) {
        result.ms_median = probe->ms[n / 2];
        result.ms_p99 = probe->ms[n * 99 / 100];
        result.ms_max = probe->ms[n - 1];
    }
    close(probe->fd);
    mem_free(probe);
    return result;
}
