#include "tests/lib/ceilings.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/db/db.h"
#include "experiments/store/schema.h"

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "ceilings: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(1);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state)
{
    static const char BODY[] = "{}";
    static int begun;
    (void)context, (void)url, (void)method, (void)version, (void)data;
    if (!*state) {
        *state = &begun;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof BODY - 1, (void *)(uintptr_t)BODY, MHD_RESPMEM_PERSISTENT);
    const enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

pid_t ceiling_http_start(int *ret_port)
{
    int ports[2];
    if (pipe(ports) != 0)
        die("pipe", NULL);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
                                                     MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
        const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
        const int port = info ? info->port : 0;
        if (write(ports[1], &port, sizeof port) != sizeof port)
            _exit(1);
        for (;;)
            pause();
    }
    if (child < 0 || read(ports[0], ret_port, sizeof *ret_port) != sizeof *ret_port || *ret_port == 0)
        die("the empty HTTP server did not start", NULL);
    close(ports[0]);
    close(ports[1]);
    return child;
}

void ceiling_http_stop(pid_t server)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static enum status insert(struct db_stmt *stmt, int64_t seq, struct err *err)
{
    const uint64_t key[2] = {(uint64_t)seq * UINT64_C(0x9e3779b97f4a7c15), (uint64_t)seq};
    db_bind_int(stmt, 1, 1);
    db_bind_int(stmt, 2, seq);
    db_bind_blob(stmt, 3, key, sizeof key);
    db_bind_int(stmt, 4, seq % 5000);
    db_bind_text(stmt, 5, "click");
    db_bind_int(stmt, 6, 1000000);
    db_bind_int(stmt, 7, 1650844800000);
    db_bind_int(stmt, 8, 100);
    db_bind_text(stmt, 9, "1234");
    return db_run(stmt, err);
}

enum { TIMES_MAX = 100000 };

struct commits {
    int64_t rows;
    size_t n; /* transactions, the first TIMES_MAX of which are timed */
    double ms[TIMES_MAX];
};

static enum status commit_rows(struct db *db, struct db_stmt *stmt, int64_t rows, struct commits *c, struct err *err)
{
    const int64_t start_ns = clock_monotonic_ns();
    enum status s = db_begin(db, err);
    for (int64_t i = 0; i < rows && s == STATUS_OK; i++)
        s = insert(stmt, c->rows++, err);
    if (s == STATUS_OK)
        s = db_commit(db, err);
    if (s == STATUS_OK && db_wal_bytes(db) > DB_WAL_MAX)
        s = db_checkpoint(db, false, err);
    if (c->n < TIMES_MAX)
        c->ms[c->n++] = (double)(clock_monotonic_ns() - start_ns) * 1e-6;
    return s;
}

static enum status commits(struct db *db, int64_t rows_a_commit, double seconds, struct commits *ret, struct err *err)
{
    static const char SQL[] = "INSERT INTO events(round, seq, key, unit, type, value, at_ms, age_ms, item, position) "
                              "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    struct db_stmt *stmt = NULL;
    const int64_t start_ns = clock_monotonic_ns();
    TRY(db_prepare(db, SQL, &stmt, err));
    enum status s = STATUS_OK;
    while (s == STATUS_OK && (double)(clock_monotonic_ns() - start_ns) < seconds * 1e9)
        s = commit_rows(db, stmt, rows_a_commit, ret, err);
    db_finish(stmt);
    return s;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct ceiling_sqlite ceiling_sqlite_run(const char *folder, int64_t rows_a_commit, double seconds)
{
    char path[300], beside[310];
    struct err err = ERR_INIT;
    struct db *db = NULL;
    static struct commits c;
    c.n = 0;
    c.rows = 0;
    snprintf(path, sizeof path, "%s/ceiling.db", folder);
    if (db_open(path, SCHEMA_STEPS, SCHEMA_N_STEPS, &db, &err) != STATUS_OK)
        die("database", &err);
    const double cpu = cpu_seconds();
    const int64_t start_ns = clock_monotonic_ns();
    if (commits(db, rows_a_commit, seconds, &c, &err) != STATUS_OK)
        die("commits", &err);
    const double wall = (double)(clock_monotonic_ns() - start_ns) * 1e-9;
    qsort(c.ms, c.n, sizeof *c.ms, compare);
    const struct ceiling_sqlite result = {(double)c.rows / wall, (cpu_seconds() - cpu) / (double)c.rows * 1e6,
                                          c.ms[c.n / 2], c.ms[c.n * 99 / 100]};
    db_close(db);
    static const char *const ENDS[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, ENDS[i]);
        unlink(beside);
    }
    return result;
}
