/* The verbs of trimtab against a scripted server: what they ask, print and return. */
#include "tests/lib/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/mem.h"
#include "base/httpd/httpd.h"
#include "tests/lib/files.h"
#include "tuner/cli/commands.h"

struct script {
    pthread_mutex_t mutex;
    const char *const *statuses; /* one an answer, the last one for ever; "" is answered with 503 */
    char asked[2048];            /* "METHOD path body\n" of every request that changes something */
    const char *experiment, *history;
};

static struct script script;

static void note(const char *method, const struct httpd_request *request, const char *id, const char *verb)
{
    size_t n = 0;
    const char *body = httpd_body(request, &n);
    const size_t used = strlen(script.asked);
    snprintf(script.asked + used, sizeof script.asked - used, "%s %s%s%s %s\n", method, id != NULL ? id : "",
             verb != NULL ? " " : "", verb != NULL ? verb : "", body);
}

static enum status get_status(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    pthread_mutex_lock(&script.mutex);
    const char *status = *script.statuses;
    if (script.statuses[1] != NULL)
        script.statuses++;
    pthread_mutex_unlock(&script.mutex);
    if (status[0] == '\0')
        return err_set(err, STATUS_UNAVAILABLE, "busy");
    buf_text(httpd_reply(request), status);
    return STATUS_OK;
}

static enum status post_verb(struct httpd_request *request, void *context, struct err *err)
{
    note("POST", request, httpd_param(request, "id"), httpd_param(request, "verb"));
    return get_status(request, context, err);
}

static enum status post_campaign(struct httpd_request *request, void *context, struct err *err)
{
    const char *create = httpd_query(request, "create");
    note("POST", request, "campaign", create != NULL ? create : "-");
    return get_status(request, context, err);
}

static enum status get_experiment(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    (void)err;
    buf_text(httpd_reply(request), script.experiment);
    return STATUS_OK;
}

static enum status stop_round(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    (void)err;
    note("POST", request, httpd_param(request, "exp"), httpd_param(request, "n"));
    buf_text(httpd_reply(request), "{\"experiment\":\"feed\",\"round\":12,\"state\":\"settling\"}");
    return STATUS_OK;
}

static enum status get_history(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    (void)err;
    buf_text(httpd_reply(request), script.history);
    return STATUS_OK;
}

static enum status put_default(struct httpd_request *request, void *context, struct err *err)
{
    (void)context;
    note("PUT", request, httpd_param(request, "exp"), "default");
    if (strstr(script.asked, "\"if_version\":4") == NULL)
        return err_set(err, STATUS_CONFLICT, "the default has version 4");
    buf_text(httpd_reply(request), "{\"version\":5,\"weights\":{\"click\":1,\"save\":0.5}}");
    return STATUS_OK;
}

static const struct httpd_route ROUTES[] = {
    {"GET", "/v1/campaigns/{id}", get_status, 0, NULL},
    {"POST", "/v1/campaigns", post_campaign, 65536, NULL},
    {"POST", "/v1/campaigns/{id}/{verb}", post_verb, 65536, NULL},
    {"GET", "/v1/experiments/{exp}", get_experiment, 0, NULL},
    {"GET", "/v1/experiments/{exp}/default/history", get_history, 0, NULL},
    {"PUT", "/v1/experiments/{exp}/default", put_default, 65536, NULL},
    {"POST", "/v1/experiments/{exp}/rounds/{n}/stop", stop_round, 65536, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

static struct httpd *httpd;

static int start(void **state)
{
    (void)state;
    const struct httpd_options options = {.listen = "127.0.0.1:0", .routes = ROUTES};
    struct err err = ERR_INIT;
    char url[64];
    pthread_mutex_init(&script.mutex, NULL);
    assert_ok(httpd_start(&options, &httpd, &err), &err);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", httpd_port(httpd));
    setenv("TRIMTAB_URL", url, 1);              /* NOLINT(concurrency-mt-unsafe) */
    setenv("TRIMTAB_EXPERIMENTS_URL", url, 1);  /* NOLINT(concurrency-mt-unsafe) */
    unsetenv("TRIMTAB_TOKEN_FILE");             /* NOLINT(concurrency-mt-unsafe) */
    unsetenv("TRIMTAB_EXPERIMENTS_TOKEN_FILE"); /* NOLINT(concurrency-mt-unsafe) */
    return 0;
}

static int end(void **state)
{
    (void)state;
    httpd_stop(httpd);
    pthread_mutex_destroy(&script.mutex);
    return 0;
}

/* Runs a verb with its arguments (ends with NULL) and keeps what it prints to standard output. */
static int run(const struct opt *options, int (*verb)(int n, char **operands), const char *const *arguments, char *out,
               size_t size)
{
    char words[8][128], *argv[8], path[] = "/tmp/cli_test_XXXXXX";
    int argc = 0, n = 0;
    bool help = false;
    struct err err = ERR_INIT;
    for (; arguments[argc] != NULL; argc++) {
        snprintf(words[argc], sizeof words[argc], "%s", arguments[argc]);
        argv[argc] = words[argc];
    }
    script.asked[0] = '\0';
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO), file = mkstemp(path);
    assert_true(kept >= 0 && file >= 0);
    assert_int_equal(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    const enum status s = opt_parse(options, argc, argv, &n, &help, &err);
    const int code = s == STATUS_OK ? verb(n, argv) : EXIT_USAGE;
    fflush(stdout);
    const ssize_t got = pread(file, out, size - 1, 0);
    out[got > 0 ? got : 0] = '\0';
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(file);
    unlink(path);
    return code;
}

#define LIVE(round, units)                                                                                             \
    "{\"id\":7,\"state\":\"running\",\"rounds_max\":3,\"rounds_done\":0,\"note\":\"\",\"live\":{\"round\":" round      \
    ",\"purpose\":\"explore\",\"state\":\"open\",\"units\":" units ",\"arms\":[{},{}]}}"

static void test_watch_prints_changes_until_the_end(void **state)
{
    (void)state;
    static const char *const STATUSES[] = {
        LIVE("1", "10"),
        LIVE("1", "20"),
        LIVE("1", "20"),
        "",
        LIVE("2", "5"),
        "{\"id\":7,\"state\":\"confirming\",\"live\":null,\"note\":\"opening round 3\"}",
        "{\"id\":7,\"state\":\"promoted\",\"note\":\"x\",\"decision\":{\"promoted\":true,\"reason\":\"it holds\"}}",
        NULL};
    char out[4096];
    script.statuses = STATUSES;
    assert_int_equal(run(WATCH_OPTIONS, watch_run, (const char *const[]){"7", "--poll-ms=10", NULL}, out, sizeof out),
                     EXIT_DONE);
    assert_string_equal(out, "round 1 (1 of at most 3) explore open, 2 arms, 10 users\n"
                             "round 2 (1 of at most 3) explore open, 2 arms, 5 users\n"
                             "confirming: opening round 3\n"
                             "promoted: it holds\n");
}

static void test_watch_tells_bad_ends_by_its_exit_code(void **state)
{
    (void)state;
    static const char *const NOT[] = {
        "{\"state\":\"not_promoted\",\"decision\":{\"promoted\":false,\"reason\":\"the interval holds 0\"}}", NULL};
    static const char *const FAILED[] = {"{\"state\":\"failed\",\"note\":\"the experiment is gone\"}", NULL};
    static const char *const GONE[] = {LIVE("1", "10"), "", NULL};
    const char *const seven[] = {"7", "--poll-ms=10", "--patience-s=0", NULL};
    char out[4096];
    script.statuses = NOT;
    assert_int_equal(run(WATCH_OPTIONS, watch_run, seven, out, sizeof out), EXIT_DONE);
    assert_string_equal(out, "not promoted: the interval holds 0\n");
    script.statuses = FAILED;
    assert_int_equal(run(WATCH_OPTIONS, watch_run, seven, out, sizeof out), EXIT_FAILED);
    assert_string_equal(out, "failed: the experiment is gone\n");
    script.statuses = GONE; /* no patience */
    assert_int_equal(run(WATCH_OPTIONS, watch_run, seven, out, sizeof out), EXIT_FAILED);
}

static void test_launch_and_watch(void **state)
{
    (void)state;
    static const char *const STATUSES[] = {
        "{\"id\":9,\"name\":\"demo\",\"experiment\":\"feed\",\"state\":\"starting\",\"note\":\"\"}",
        "{\"id\":9,\"state\":\"not_promoted\",\"decision\":{\"promoted\":false,\"reason\":\"r\"}}", NULL};
    char *folder = files_folder(), path[256], out[4096];
    files_text(folder, "c.json", "{\"name\":\"demo\"}");
    files_path(folder, "c.json", path, sizeof path);
    script.statuses = STATUSES;
    assert_int_equal(
        run(LAUNCH_OPTIONS, launch_run, (const char *const[]){path, "--create", "--watch", NULL}, out, sizeof out),
        EXIT_DONE);
    assert_string_equal(script.asked, "POST campaign true {\"name\":\"demo\"}\n");
    assert_string_equal(out, "campaign 9 (demo on feed): starting\nnot promoted: r\n");
    files_remove(folder);
}

static void test_actions_ask_what_they_say(void **state)
{
    (void)state;
    static const char *const STATUSES[] = {
        "{\"id\":7,\"name\":\"demo\",\"experiment\":\"feed\",\"state\":\"paused\",\"note\":\"\"}", NULL};
    const char *const seven[] = {"7", NULL};
    char out[4096];
    script.statuses = STATUSES;
    assert_int_equal(run(ACTION_OPTIONS, pause_run, seven, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST 7 pause {}\n");
    assert_string_equal(out, "campaign 7 (demo on feed): paused\n");
    assert_int_equal(run(ACTION_OPTIONS, resume_run, seven, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST 7 resume {}\n");
    assert_int_equal(run(ACTION_OPTIONS, cancel_run, seven, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST 7 cancel {}\n");
    assert_int_equal(run(PROMOTE_OPTIONS, promote_run, seven, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST 7 promote {}\n");
    const char *const other[] = {"7", "--trial", "31", NULL};
    assert_int_equal(run(PROMOTE_OPTIONS, promote_run, other, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST 7 promote {\"trial\":31}\n");
}

static void test_stop(void **state)
{
    (void)state;
    char out[4096];
    const char *const feed[] = {"feed", "--reason=\"page\" at night", NULL};
    script.experiment = "{\"experiment\":\"feed\",\"open_round\":{\"round\":12,\"state\":\"open\"}}";
    assert_int_equal(run(STOP_OPTIONS, stop_run, feed, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "POST feed 12 {\"reason\":\"\\\"page\\\" at night\"}\n");
    assert_non_null(strstr(out, "round 12 of feed is stopped: everyone gets the default weights\n"));
    script.experiment = "{\"experiment\":\"feed\",\"open_round\":{\"round\":12,\"state\":\"settling\"}}";
    assert_int_equal(run(STOP_OPTIONS, stop_run, feed, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "");
    assert_string_equal(out, "feed has no open round: everyone gets the default weights already\n");
    script.experiment = "{\"experiment\":\"feed\",\"open_round\":null}";
    assert_int_equal(run(STOP_OPTIONS, stop_run, (const char *const[]){"feed", "--json", NULL}, out, sizeof out),
                     EXIT_DONE);
    assert_string_equal(out, "{\"experiment\":\"feed\",\"round\":null}\n");
}

/* Version 4 has the weights of 3 again, so 2 is what was before. */
static void test_rollback(void **state)
{
    (void)state;
    char out[4096];
    script.history = "{\"history\":[{\"version\":4,\"weights\":{\"click\":1,\"save\":2}},"
                     "{\"version\":3,\"weights\":{\"click\":1,\"save\":2}},"
                     "{\"version\":2,\"weights\":{\"click\":1,\"save\":0.5}},"
                     "{\"version\":1,\"weights\":{\"click\":1,\"save\":0}}]}";
    assert_int_equal(run(ROLLBACK_OPTIONS, rollback_run, (const char *const[]){"feed", NULL}, out, sizeof out),
                     EXIT_DONE);
    assert_string_equal(script.asked, "PUT feed default {\"weights\":{\"click\":1,\"save\":0.5},\"if_version\":4,"
                                      "\"reason\":\"trimtab rollback to version 2\"}\n");
    assert_string_equal(out, "version 5 of the default of feed has the weights of version 2: click 1, save 0.5\n"
                             "before, version 4: click 1, save 2\n"
                             "trimtab rollback feed --to 4 undoes it; arms of an open round are served until trimtab "
                             "stop feed\n");
    const char *const first[] = {"feed", "--to=1", "--reason=night", "--json", NULL};
    assert_int_equal(run(ROLLBACK_OPTIONS, rollback_run, first, out, sizeof out), EXIT_DONE);
    assert_string_equal(script.asked, "PUT feed default {\"weights\":{\"click\":1,\"save\":0},\"if_version\":4,"
                                      "\"reason\":\"night\"}\n");
    assert_string_equal(out, "{\"version\":5,\"weights\":{\"click\":1,\"save\":0.5}}\n");
}

/* Nothing to go back to, a version that never was, the one in force, somebody else's change meanwhile, a bad id. */
static void test_rollback_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *history, *to;
        int code, n_asked;
    } CASES[] = {
        {"{\"history\":[{\"version\":4,\"weights\":{\"click\":1}},{\"version\":3,\"weights\":{\"click\":1}}]}",
         "--to=0", EXIT_FAILED, 0},
        {"{\"history\":[{\"version\":4,\"weights\":{\"click\":1}}]}", "--to=7", EXIT_FAILED, 0},
        {"{\"history\":[{\"version\":4,\"weights\":{\"click\":1}}]}", "--to=4", EXIT_FAILED, 0},
        {"{\"history\":[{\"version\":4,\"weights\":{\"click\":1}}]}", "--to=-1", EXIT_USAGE, 0},
        {"{\"history\":[]}", "--to=0", EXIT_FAILED, 0},
        {"{\"history\":[{\"version\":4}]}", "--to=0", EXIT_FAILED, 0},
        {"{}", "--to=0", EXIT_FAILED, 0},
        {"{\"history\":[{\"version\":3,\"weights\":{\"click\":1}},{\"version\":2,\"weights\":{\"click\":2}}]}",
         "--to=0", EXIT_FAILED, 1},
    };
    char out[256];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        script.history = CASES[i].history;
        const char *const words[] = {"feed", CASES[i].to, NULL};
        assert_int_equal(run(ROLLBACK_OPTIONS, rollback_run, words, out, sizeof out), CASES[i].code);
        assert_int_equal(script.asked[0] != '\0', CASES[i].n_asked);
        assert_string_equal(out, "");
    }
    assert_int_equal(run(ROLLBACK_OPTIONS, rollback_run, (const char *const[]){"../x", NULL}, out, sizeof out),
                     EXIT_USAGE);
}

static void test_nothing_is_left_in_memory(void **state)
{
    (void)state;
    static const char *const RUBBISH[] = {"not json", NULL};
    char out[64];
    const int64_t before = mem_outstanding();
    script.statuses = RUBBISH;
    assert_int_equal(run(ACTION_OPTIONS, pause_run, (const char *const[]){"7", NULL}, out, sizeof out), EXIT_FAILED);
    assert_int_equal(run(ACTION_OPTIONS, pause_run, (const char *const[]){"x", NULL}, out, sizeof out), EXIT_USAGE);
    for (int i = 0; i < 200 && mem_outstanding() > before; i++)
        usleep(5000); /* the server forgets the connection a moment later, also those of the tests before */
    assert_true(mem_outstanding() <= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_prints_changes_until_the_end),
        cmocka_unit_test(test_watch_tells_bad_ends_by_its_exit_code),
        cmocka_unit_test(test_launch_and_watch),
        cmocka_unit_test(test_actions_ask_what_they_say),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_rollback_refuses),
        cmocka_unit_test(test_nothing_is_left_in_memory),
    };
    return cmocka_run_group_tests_name("cli over http", tests, start, end);
}
