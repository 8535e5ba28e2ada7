#include <inttypes.h>
#include <stdio.h>

#include "base/core/file.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/describe.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

enum { FILE_MAX = 1 << 20 };

static bool as_json, canonical, create, watch;
static int64_t trial;

const struct opt LAUNCH_OPTIONS[] = {
    {"create", OPT_FLAG, &create, NULL, "make the experiment first, from the file's \"create\"", 0, 0},
    {"watch", OPT_FLAG, &watch, NULL, "follow the campaign to its end", 0, 0},
    {"json", OPT_FLAG, &as_json, NULL, "print the status document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "the same without what differs between runs", 0, 0},
    OPT_END};

const struct opt ACTION_OPTIONS[] = {
    {"json", OPT_FLAG, &as_json, NULL, "print the status document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "the same without what differs between runs", 0, 0},
    OPT_END};

const struct opt PROMOTE_OPTIONS[] = {
    {"trial", OPT_INT, &trial, "N", "another trial than the campaign's winner; 0: the winner", 0, 9007199254740991},
    {"json", OPT_FLAG, &as_json, NULL, "print the status document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "the same without what differs between runs", 0, 0},
    OPT_END};

/* "campaign 1 (demo on feed): running". */
static enum status print_state(const struct json_at *status, struct err *err)
{
    if (as_json || canonical)
        return output_json(status, canonical, err);
    struct buf text = BUF_INIT;
    buf_printf(&text, "campaign %" PRId64 " (%s on %s): ", view_int(status, "id", 0), view_text(status, "name"),
               view_text(status, "experiment"));
    describe_progress(&text, status, true);
    buf_char(&text, '\n');
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

/* *ret_id: the campaign's. */
static enum status post(const char *path, const char *body, int64_t *ret_id, struct err *err)
{
    struct json *json = NULL;
    enum status s = session_once(SESSION_TUNER, "POST", path, body, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        *ret_id = view_int(&root, "id", 0);
        s = print_state(&root, err);
    }
    json_free(json);
    return s;
}

/* The server judges the fields; here only what would be confusing to hear from it. */
static enum status read_campaign(const char *path, struct buf *ret, struct err *err)
{
    struct json *json = NULL;
    TRY(file_read(path, FILE_MAX, ret, err));
    if (json_parse(buf_string(ret), ret->length, NULL, &json, err) != STATUS_OK)
        return err_wrap(err, STATUS_INVALID, "%s", path);
    json_free(json);
    return STATUS_OK;
}

/* The server does not know the file's name. */
static enum status launch(const char *file, int64_t *ret_id, struct err *err)
{
    struct buf body = BUF_INIT;
    enum status s = read_campaign(file, &body, err);
    if (s == STATUS_OK) {
        s = post(create ? "/v1/campaigns?create=true" : "/v1/campaigns", buf_string(&body), ret_id, err);
        if (s == STATUS_INVALID)
            s = err_wrap(err, s, "%s", file);
    }
    buf_done(&body);
    return s;
}

int launch_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    int64_t id = 0;
    if (launch(operands[0], &id, &err) != STATUS_OK)
        return output_failed(&err);
    if (watch)
        return watch_campaign(id);
    if (!as_json && !canonical)
        printf("trimtab watch %" PRId64 " follows it\n", id);
    return EXIT_DONE;
}

static int act(const char *verb, const char *operand, const char *body)
{
    struct err err = ERR_INIT;
    int64_t id = 0;
    char path[96];
    if (session_number("campaign", operand, &id, &err) != STATUS_OK)
        return output_usage(&err);
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64 "/%s", id, verb);
    return post(path, body, &id, &err) == STATUS_OK ? EXIT_DONE : output_failed(&err);
}

int pause_run(int n, char **operands)
{
    (void)n;
    return act("pause", operands[0], "{}");
}

int resume_run(int n, char **operands)
{
    (void)n;
    return act("resume", operands[0], "{}");
}

int cancel_run(int n, char **operands)
{
    (void)n;
    return act("cancel", operands[0], "{}");
}

int promote_run(int n, char **operands)
{
    (void)n;
    char body[64] = "{}";
    if (trial > 0)
        snprintf(body, sizeof body, "{\"trial\":%" PRId64 "}", trial);
    return act("promote", operands[0], body);
}
