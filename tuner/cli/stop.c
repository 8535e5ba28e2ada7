/* Speaks to trimtab-experimentd itself: the way out must not depend on trimtabd. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json_write.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static bool as_json;
static const char *reason = "stopped by trimtab stop";

const struct opt STOP_OPTIONS[] = {{"reason", OPT_TEXT, &reason, "TEXT", "why, for the record", 0, 0},
                                   {"json", OPT_FLAG, &as_json, NULL, "print the server's answer", 0, 0},
                                   OPT_END};

/* 0: no round is open or settling. */
static enum status open_round(struct session *session, const char *experiment, int64_t *ret, struct err *err)
{
    char path[128];
    struct json *json = NULL;
    snprintf(path, sizeof path, "/v1/experiments/%s", experiment);
    TRY(session_ask(session, "GET", path, NULL, &json, NULL, err));
    const struct json_at root = json_root(json), round = view_member(&root, "open_round");
    *ret = strcmp(view_text(&round, "state"), "open") == 0 ? view_int(&round, "round", 0) : 0;
    json_free(json);
    return STATUS_OK;
}

static enum status stop_round(struct session *session, const char *experiment, int64_t round, struct json **ret,
                              struct err *err)
{
    char path[160];
    struct buf body = BUF_INIT;
    struct json_writer w;
    snprintf(path, sizeof path, "/v1/experiments/%s/rounds/%" PRId64 "/stop", experiment, round);
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, "reason");
    json_write_string(&w, reason);
    json_write_object_end(&w);
    enum status s = buf_status(&body, err);
    if (s == STATUS_OK)
        s = session_ask(session, "POST", path, buf_string(&body), ret, NULL, err);
    buf_done(&body);
    return s;
}

static enum status print(const char *experiment, int64_t round, const struct json *answer, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = STATUS_OK;
    if (as_json && answer != NULL) {
        const struct json_at root = json_root(answer);
        s = output_document(&text, &root, false, err);
    } else if (as_json) {
        buf_printf(&text, "{\"experiment\":\"%s\",\"round\":null}\n", experiment);
    } else if (round == 0) {
        buf_printf(&text, "%s has no open round: everyone gets the default weights already\n", experiment);
    } else {
        buf_printf(&text,
                   "round %" PRId64 " of %s is stopped: everyone gets the default weights\n"
                   "a running campaign opens the next round: trimtab pause ID or trimtab cancel ID prevents that\n",
                   round, experiment);
    }
    if (s == STATUS_OK)
        s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

int stop_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct session *session = NULL;
    struct json *answer = NULL;
    int64_t round = 0;
    if (session_experiment(operands[0], &err) != STATUS_OK)
        return output_usage(&err);
    enum status s = session_open(SESSION_EXPERIMENTS, &session, &err);
    if (s == STATUS_OK)
        s = open_round(session, operands[0], &round, &err);
    if (s == STATUS_OK && round > 0)
        s = stop_round(session, operands[0], round, &answer, &err);
    if (s == STATUS_OK)
        s = print(operands[0], round, answer, &err);
    json_free(answer);
    session_close(session);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}
