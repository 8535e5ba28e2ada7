/* trimtab-experimentd: the experiment API.
 *
 * Start: folder, model, store, server, then DIR/address.  SIGTERM or SIGINT: DIR/address goes, the server finishes
 * what it accepted while the writer still runs, then the writer.  SIGHUP: tokens and certificates are read again, then
 * the model and its dataset, beside the ones that serve. */
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/core/log.h"
#include "base/core/opt.h"
#include "experiments/daemon/folder.h"
#include "experiments/daemon/scorer_ranker.h"
#include "experiments/http/service.h"

struct settings {
    struct httpd_options httpd;
    const char *data, *model, *dataset, *precision;
    int64_t threads, hot_mb, fake_clock; /* ms; negative: the real one */
    struct buf config;
};

struct daemon {
    struct clock clock;
    struct folder folder;
    struct store *store;
    struct service service;
    struct httpd *httpd;
};

static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
           strncmp(listen, "localhost:", 10) == 0;
}

static enum status check_settings(const struct settings *set, struct err *err)
{
    if (!set->model || !set->dataset)
        return err_set(err, STATUS_INVALID, "--%s FILE is missing; --help lists the options",
                       set->model ? "dataset" : "model");
    if (set->fake_clock >= 0 && !is_loopback(set->httpd.listen))
        return err_set(err, STATUS_INVALID, "--fake-clock with --listen %s: a fake clock is allowed on loopback only",
                       set->httpd.listen);
    return STATUS_OK;
}

static enum status read_model(const struct settings *set, struct scorer **ret, struct err *err)
{
    struct ranker *ranker = NULL;
    enum ranker_precision precision = RANKER_SINGLE;
    TRY(ranker_precision_find(set->precision, &precision, err));
    TRY(ranker_open_as(precision, set->model, set->dataset, &ranker, err));
    return scorer_new(&SCORER_RANKER, ranker, ret, err);
}

static void log_trouble(const struct err *why)
{
    if (why)
        log_event(LOG_ERROR, "nothing can be written", "reason", why->text, NULL);
    else
        log_event(LOG_INFO, "writes go through again", NULL);
}

static enum status open_store(struct daemon *d, const struct settings *set, struct err *err)
{
    const struct store_options options = {d->folder.path, &d->clock, (size_t)set->hot_mb << 20, log_trouble};
    TRY(store_open(&options, &d->store, err));
    service_init(&d->service, d->store);
    return STATUS_OK;
}

static enum status start(struct daemon *d, const struct settings *set, struct err *err)
{
    if (set->fake_clock >= 0)
        clock_init_fake(&d->clock, set->fake_clock);
    else
        clock_init_real(&d->clock);
    TRY(check_settings(set, err));
    TRY(folder_open(&d->folder, set->data, err));
    struct scorer *scorer = NULL;
    TRY(read_model(set, &scorer, err));
    enum status s = open_store(d, set, err);
    if (s != STATUS_OK) {
        scorer_release(scorer);
        return s;
    }
    TRY(service_swap(&d->service, scorer, err));
    struct httpd_options httpd = set->httpd;
    httpd.routes = SERVICE_ROUTES;
    httpd.on_failure = httpd_log_failure;
    httpd.context = &d->service;
    httpd.threads = (unsigned)set->threads;
    TRY(httpd_start(&httpd, &d->httpd, err));
    atomic_store(&d->service.httpd, d->httpd);
    return folder_write_address(&d->folder, httpd.listen, httpd_port(d->httpd), err);
}

static void stop(struct daemon *d)
{
    if (d->httpd)
        folder_remove_address(&d->folder);
    httpd_stop(d->httpd);
    service_done(&d->service);
    store_close(d->store);
    folder_close(&d->folder);
}

static void reload_tokens(struct daemon *d)
{
    struct err err = ERR_INIT;
    if (httpd_reload(d->httpd, &err) == STATUS_OK)
        log_event(LOG_INFO, "reloaded", NULL);
    else
        log_event(LOG_WARN, "the old tokens stay", "reason", err.text, NULL);
}

static void log_model(struct daemon *d, const char *msg)
{
    struct scorer *scorer = service_scorer(&d->service);
    log_event(LOG_INFO, msg, "hash", scorer_hash(scorer), NULL);
    scorer_release(scorer);
}

static void reload_model(struct daemon *d, const struct settings *set)
{
    struct err err = ERR_INIT;
    struct scorer *scorer = NULL;
    enum status s = read_model(set, &scorer, &err);
    if (s == STATUS_OK)
        s = service_swap(&d->service, scorer, &err);
    if (s == STATUS_OK)
        log_model(d, "the model was read again");
    else
        log_event(LOG_WARN, "the old model stays", "reason", err.text, NULL);
}

static void wait_for_signals(struct daemon *d, const struct settings *set, const sigset_t *signals)
{
    int number = 0;
    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        reload_tokens(d);
        reload_model(d, set);
    }
    log_event(LOG_INFO, "stopping", NULL);
}

static struct settings settings = {.httpd = {.listen = "127.0.0.1:8470"},
                                   .precision = "single",
                                   .threads = 2,
                                   .hot_mb = 1024,
                                   .fake_clock = -1,
                                   .config = BUF_INIT};

static int run(int n_operands, char **operands)
{
    struct daemon d = {.folder = {.lock_fd = -1}};
    struct err err = ERR_INIT;
    sigset_t signals;
    (void)n_operands;
    (void)operands;
    umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    /* Before any thread starts: all inherit the mask, and only sigwait() sees the signals. */
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    enum status s = start(&d, &settings, &err);
    if (s == STATUS_OK)
        wait_for_signals(&d, &settings, &signals);
    else
        log_event(LOG_ERROR, "cannot start", "reason", err.text, NULL);
    stop(&d);
    buf_done(&settings.config);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        HTTPD_OPTIONS(settings.httpd),
        {"data", OPT_TEXT, &settings.data, "DIR", "where the database lives (made with mode 0700)", 0, 0},
        {"model", OPT_TEXT, &settings.model, "FILE", "made by trimtab-ranker train; read again on SIGHUP", 0, 0},
        {"dataset", OPT_TEXT, &settings.dataset, "FILE",
         "made by trimtab-ranker import: users and items; read again with the model", 0, 0},
        {"ranker-precision", OPT_TEXT, &settings.precision, "NAME",
         "single, or half: scores faster where the processor has AVX512-FP16, and moves probabilities a little", 0, 0},
        {"threads", OPT_INT, &settings.threads, "N", "threads that read, score and answer", 1, 256},
        {"hot-mb", OPT_INT, &settings.hot_mb, "MB", "memory for units and event ids of live rounds; then new ones wait",
         1, 1048576},
        {"fake-clock", OPT_INT, &settings.fake_clock, "MS", "tests: a clock that stands still until PUT /v1/clock", 0,
         140737488355328.0},
        {"config", OPT_CONFIG, &settings.config, "FILE", "the same options, one 'name = value' a line", 0, 0},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "serves the experiment API until SIGTERM; SIGHUP reads tokens, certificate and model again", OPTIONS,
         0, 0, run},
        {NULL, NULL, NULL, NULL, 0, 0, NULL},
    };
    gsl_set_error_handler_off();
    return opt_main("trimtab-experimentd", "assigns, ranks, counts: the experiment API", COMMANDS, argc, argv);
}
