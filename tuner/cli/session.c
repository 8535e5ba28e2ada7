#include "tuner/cli/session.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/httpc/httpc.h"

struct session {
    enum session_server server;
    struct httpc *httpc;
    const char *url;
};

static const struct {
    const char *program, *url, *url_name, *token_name, *start;
} SERVERS[] = {
    [SESSION_TUNER] = {"trimtabd", "http://127.0.0.1:8471", "TRIMTAB_URL", "TRIMTAB_TOKEN_FILE", "trimtabd --data DIR"},
    [SESSION_EXPERIMENTS] = {"trimtab-experimentd", "http://127.0.0.1:8470", "TRIMTAB_EXPERIMENTS_URL",
                             "TRIMTAB_EXPERIMENTS_TOKEN_FILE", "trimtab-experimentd --data DIR"},
};

/* NULL also for an empty variable. */
static const char *environment(const char *name)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread */
    return text != NULL && text[0] != '\0' ? text : NULL;
}

enum status session_open(enum session_server server, struct session **ret, struct err *err)
{
    struct session *session = mem_alloc(1, sizeof *session);
    if (session == NULL)
        return err_no_memory(err);
    const char *url = environment(SERVERS[server].url_name);
    session->server = server;
    session->url = url != NULL ? url : SERVERS[server].url;
    const struct httpc_options options = {.base_url = session->url,
                                          .token_file = environment(SERVERS[server].token_name),
                                          .ca_file = environment("TRIMTAB_CA_FILE"),
                                          .total_ms = 30000};
    enum status s = httpc_init(err);
    if (s == STATUS_OK)
        s = httpc_new(&options, &session->httpc, err);
    if (s == STATUS_INVALID && url != NULL)
        s = err_wrap(err, s, "%s", SERVERS[server].url_name);
    if (s == STATUS_OK)
        *ret = session;
    else
        session_close(session);
    return s;
}

void session_close(struct session *session)
{
    if (session == NULL)
        return;
    httpc_free(session->httpc);
    mem_free(session);
}

/* The transport's line without the address in front: the new line names it already. */
static const char *reason_of(const struct session *session, const struct err *err)
{
    const size_t n = strlen(session->url);
    const char *colon = strncmp(err->text, session->url, n) == 0 ? strstr(err->text + n, ": ") : NULL;
    return colon != NULL ? colon + 2 : err->text;
}

/* What to do next, behind the line there is. */
static enum status advise(const struct session *session, bool answered, enum status s, struct err *err)
{
    const enum session_server server = session->server;
    const struct err cause = *err;
    if (!answered && s == STATUS_TIMEOUT)
        return err_set(err, s, "%s at %s does not answer in time (%s): is it overloaded? try again",
                       SERVERS[server].program, session->url, reason_of(session, &cause));
    if (!answered && s == STATUS_UNAVAILABLE)
        return err_set(err, s, "%s is not reachable at %s (%s): start it (%s) or set %s", SERVERS[server].program,
                       session->url, reason_of(session, &cause), SERVERS[server].start, SERVERS[server].url_name);
    if (s == STATUS_UNAUTHORIZED)
        return err_set(err, s, "%s: set %s to a file that holds your token", cause.text, SERVERS[server].token_name);
    if (s == STATUS_NOT_FOUND && server == SESSION_TUNER)
        return err_set(err, s, "%s; trimtab campaigns lists the campaigns, trimtab trials ID their trials", cause.text);
    if (s == STATUS_NOT_FOUND)
        return err_set(err, s, "%s; trimtab campaigns shows the experiments of campaigns", cause.text);
    if (s == STATUS_FORBIDDEN)
        return err_set(err, s, "%s; %s names the token file", cause.text, SERVERS[server].token_name);
    return s;
}

enum status session_ask(struct session *session, const char *method, const char *path, const char *body,
                        struct json **ret, bool *ret_answered, struct err *err)
{
    assert(session != NULL);
    struct buf text = BUF_INIT;
    int http = 0;
    const size_t n = body != NULL ? strlen(body) : 0;
    enum status s = httpc_request(session->httpc, method, path, body, n, &http, &text, err);
    if (ret_answered != NULL)
        *ret_answered = http != 0;
    if (s != STATUS_OK)
        s = advise(session, http != 0, s, err);
    else if (json_parse(buf_string(&text), text.length, NULL, ret, err) != STATUS_OK)
        s = err_wrap(err, STATUS_CORRUPT, "%s%s does not answer with JSON; is %s this program's server?", session->url,
                     path, SERVERS[session->server].url_name);
    buf_done(&text);
    return s;
}

enum status session_once(enum session_server server, const char *method, const char *path, const char *body,
                         struct json **ret, struct err *err)
{
    struct session *session = NULL;
    TRY(session_open(server, &session, err));
    const enum status s = session_ask(session, method, path, body, ret, NULL, err);
    session_close(session);
    return s;
}

enum status session_number(const char *what, const char *text, int64_t *ret, struct err *err)
{
    char *end = NULL;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n < 1 || n > INT64_C(9007199254740991))
        return err_set(err, STATUS_INVALID, "%s %s: a number from 1 is expected; trimtab campaigns lists the campaigns",
                       what, text);
    *ret = n;
    return STATUS_OK;
}

enum status session_experiment(const char *text, struct err *err)
{
    enum { ID_MAX = 64 };
    const size_t n = strlen(text);
    if (n < 1 || n > ID_MAX || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-") != n)
        return err_set(err, STATUS_INVALID, "experiment %.80s: 1 to %d characters of A-Z a-z 0-9 _ . : - are expected",
                       text, ID_MAX);
    return STATUS_OK;
}
