/* trimtabd: options, files, signals; the work is in tuner/service and tuner/http. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/blas/blas.h"
#include "base/core/file.h"
#include "base/core/log.h"
#include "tuner/daemon/door.h"
#include "tuner/http/tuner_http.h"

enum { PATH_SIZE = 4096 };

struct daemon_options {
    struct httpd_options httpd;
    const char *data, *experiments, *experiments_token_file;
    int64_t poll_ms, fake_clock;
    struct buf config;
};

struct daemon {
    const struct daemon_options *options;
    char data[PATH_SIZE - 32], database[PATH_SIZE], address[PATH_SIZE], lock[PATH_SIZE];
    int lock_fd;
    struct clock clock;
    struct door door;
    struct tuner_http http;
    struct httpd *httpd;
};

static struct daemon_options options = {
    .httpd = {.listen = "127.0.0.1:8471"}, .experiments = "http://127.0.0.1:8470", .poll_ms = 1000, .fake_clock = -1};

static const struct opt OPTIONS[] = {
    HTTPD_OPTIONS(options.httpd),
    {"data", OPT_TEXT, &options.data, "DIR", "where the journal lives (made with mode 0700)", 0, 0},
    {"experiments", OPT_TEXT, &options.experiments, "URL", "the experiment API", 0, 0},
    {"experiments-token-file", OPT_TEXT, &options.experiments_token_file, "FILE", "its bearer token", 0, 0},
    {"poll-ms", OPT_INT, &options.poll_ms, "MS", "between two looks at an open round", 1, 3600000},
    {"fake-clock", OPT_INT, &options.fake_clock, "MS", "tests: a clock that stands still until PUT /v1/clock", 0,
     9007199254740991.0},
    {"config", OPT_CONFIG, &options.config, "FILE", "the same options, one 'name = value' a line", 0, 0},
    OPT_END,
};

/* $XDG_STATE_HOME/trimtab, ~/.local/state/trimtab, or /var/lib/trimtab for root. */
static void default_data(char *ret, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe): main only */
    if (geteuid() == 0 || (state == NULL && home == NULL))
        (void)snprintf(ret, size, "/var/lib/trimtab");
    else if (state != NULL && state[0] == '/')
        (void)snprintf(ret, size, "%s/trimtab", state);
    else
        (void)snprintf(ret, size, "%s/.local/state/trimtab", home);
}

static enum status set_paths(struct daemon *daemon, struct err *err)
{
    if (daemon->options->data == NULL)
        default_data(daemon->data, sizeof daemon->data);
    else if (strlen(daemon->options->data) < sizeof daemon->data)
        (void)snprintf(daemon->data, sizeof daemon->data, "%s", daemon->options->data);
    else
        return err_set(err, STATUS_INVALID, "--data is longer than %zu bytes", sizeof daemon->data - 1);
    (void)snprintf(daemon->database, sizeof daemon->database, "%s/trimtab.db", daemon->data);
    (void)snprintf(daemon->address, sizeof daemon->address, "%s/address", daemon->data);
    (void)snprintf(daemon->lock, sizeof daemon->lock, "%s/lock", daemon->data);
    return file_make_dirs(daemon->data, 0700, err);
}

/* One trimtabd a folder; the kernel drops the lock with the process. */
static enum status take_lock(struct daemon *daemon, struct err *err)
{
    daemon->lock_fd = open(daemon->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (daemon->lock_fd < 0)
        return err_errno(err, "cannot open %s", daemon->lock);
    if (flock(daemon->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return err_errno(err, "cannot lock %s", daemon->lock);
    return err_set(err, STATUS_CONFLICT, "--data %s is in use by another trimtabd", daemon->data);
}

static void report(void *context, int64_t campaign, const char *what, const char *detail)
{
    char id[32];
    (void)context;
    (void)snprintf(id, sizeof id, "%lld", (long long)campaign);
    log_event(LOG_INFO, what, "campaign", id, "detail", detail, NULL);
}

static enum status start_service(struct daemon *daemon, struct err *err)
{
    struct tuner_options service = {
        .path = daemon->database,
        .address = daemon->options->experiments,
        .door = {door_request, &daemon->door},
        .clock = &daemon->clock,
        .poll_ms = daemon->options->poll_ms,
        .context = &daemon->http,
        .changed = tuner_http_changed,
        .report = report,
    };
    TRY(tuner_new(&service, &daemon->http.tuner, err));
    return journal_reader_open(daemon->database, &daemon->http.reader, err);
}

static enum status start_http(struct daemon *daemon, struct err *err)
{
    struct httpd_options httpd = daemon->options->httpd;
    httpd.routes = TUNER_ROUTES;
    httpd.on_failure = httpd_log_failure;
    httpd.context = &daemon->http;
    daemon->http.clock = &daemon->clock;
    TRY(httpd_start(&httpd, &daemon->httpd, err));
    atomic_store(&daemon->http.httpd, daemon->httpd);
    TRY(tuner_start(daemon->http.tuner, err));
    char address[300];
    const char *colon = strrchr(httpd.listen, ':');
    int n = snprintf(address, sizeof address, "%.*s:%d\n", (int)(colon - httpd.listen), httpd.listen,
                     httpd_port(daemon->httpd));
    TRY(file_write_atomic(daemon->address, address, (size_t)n, 0600, err));
    address[n - 1] = '\0';
    log_event(LOG_INFO, "listening", "address", address, "data", daemon->data, NULL);
    return STATUS_OK;
}

/* Until SIGTERM or SIGINT; SIGHUP reads tokens and certificates again. */
static void wait_for_signals(struct daemon *daemon, const sigset_t *signals)
{
    for (;;) {
        int signal = 0;
        if (sigwait(signals, &signal) != 0 || signal != SIGHUP)
            return;
        struct err err = ERR_INIT;
        door_reload(&daemon->door);
        if (httpd_reload(daemon->httpd, &err) != STATUS_OK)
            log_event(LOG_WARN, "the old tokens stay", "reason", err.text, NULL);
        else
            log_event(LOG_INFO, "reloaded", NULL);
    }
}

/* The service first: it answers what was accepted, and nothing wakes a server that is gone. */
static void stop(struct daemon *daemon)
{
    door_stop(&daemon->door);
    if (daemon->http.tuner != NULL)
        tuner_stop(daemon->http.tuner);
    atomic_store(&daemon->http.httpd, NULL);
    if (daemon->httpd != NULL)
        (void)unlink(daemon->address);
    httpd_stop(daemon->httpd);
    journal_reader_close(daemon->http.reader); /* the last to close empties the WAL */
    tuner_free(daemon->http.tuner);
    door_close(&daemon->door);
    if (daemon->lock_fd >= 0)
        (void)close(daemon->lock_fd);
}

static enum status check_options(const struct daemon_options *o, struct err *err)
{
    const char *listen = o->httpd.listen;
    bool loopback =
        strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 || strncmp(listen, "localhost:", 10) == 0;
    if (strrchr(listen, ':') == NULL)
        return err_set(err, STATUS_INVALID, "--listen is \"%s\": allowed is ADDRESS:PORT", listen);
    if (o->fake_clock >= 0 && !loopback)
        return err_set(err, STATUS_INVALID, "--fake-clock with --listen %s: a fake clock is allowed on loopback only",
                       listen);
    return STATUS_OK;
}

static enum status start(struct daemon *daemon, struct err *err)
{
    TRY(check_options(daemon->options, err));
    if (daemon->options->fake_clock >= 0)
        clock_init_fake(&daemon->clock, daemon->options->fake_clock);
    else
        clock_init_real(&daemon->clock);
    TRY(set_paths(daemon, err));
    TRY(take_lock(daemon, err));
    TRY(httpc_init(err));
    TRY(door_open(&daemon->door, daemon->options->experiments, daemon->options->experiments_token_file, err));
    TRY(start_service(daemon, err));
    return start_http(daemon, err);
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    static struct daemon daemon;
    daemon.options = &options;
    daemon.lock_fd = -1;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    struct err err = ERR_INIT;
    enum status s = start(&daemon, &err);
    if (s == STATUS_OK)
        wait_for_signals(&daemon, &signals);
    else
        log_event(LOG_ERROR, "cannot start", "reason", err.text, NULL);
    stop(&daemon);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "run the tuning daemon", OPTIONS, 0, 0, run},
        {NULL, NULL, NULL, NULL, 0, 0, NULL},
    };
    blas_start(argv);
    return opt_main("trimtabd", "tunes the weights of a live ranker through the experiment API", COMMANDS, argc, argv);
}
