#include "tests/lib/watch_process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/mem.h"

struct watch {
    int64_t pid;
    char file[256];
    double cpu_before;
    pthread_t thread;
    _Atomic bool stop;
    struct watch_result result;
};

static void die(const char *what, int64_t pid)
{
    fprintf(stderr, "watch: %s of process %lld\n", what, (long long)pid);
    exit(1);
}

/* Fields 14 and 15 of /proc/PID/stat, behind the name in parentheses. */
static double cpu_seconds(int64_t pid)
{
    char path[64];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        die("no CPU time", pid);
    fclose(f);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int64_t rss_bytes(int64_t pid)
{
    char path[64];
    long long pages = 0;
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*d %lld", &pages) != 1)
        die("no memory", pid);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

int64_t watch_file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

static void *watch_main(void *context)
{
    struct watch *w = context;
    while (!atomic_load(&w->stop)) {
        const int64_t rss = rss_bytes(w->pid), file = watch_file_bytes(w->file);
        w->result.rss_bytes_max = rss > w->result.rss_bytes_max ? rss : w->result.rss_bytes_max;
        w->result.file_bytes_max = file > w->result.file_bytes_max ? file : w->result.file_bytes_max;
        clock_sleep_ms(20);
    }
    return NULL;
}

struct watch *watch_start(int64_t pid, const char *file)
{
    struct watch *w = mem_alloc(1, sizeof *w);
    if (!w)
        die("no memory for the watch", pid);
    w->pid = pid;
    snprintf(w->file, sizeof w->file, "%s", file);
    w->cpu_before = cpu_seconds(pid);
    if (pthread_create(&w->thread, NULL, watch_main, w) != 0)
        die("no thread for the watch", pid);
    return w;
}

struct watch_result watch_stop(struct watch *w)
{
    atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
    w->result.cpu_seconds = cpu_seconds(w->pid) - w->cpu_before;
    const struct watch_result result = w->result;
    mem_free(w);
    return result;
}
