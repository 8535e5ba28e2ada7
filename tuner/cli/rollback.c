/* Like stop, it speaks to trimtab-experimentd itself: a bad default must be taken back also with trimtabd down. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json_write.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/format.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static bool as_json;
static int64_t to_version;
static const char *reason;

const struct opt ROLLBACK_OPTIONS[] = {
    {"to", OPT_INT, &to_version, "VERSION", "of the default; 0: the last one with other weights", 0, 9007199254740991},
    {"reason", OPT_TEXT, &reason, "TEXT", "why, for the record", 0, 0},
    {"json", OPT_FLAG, &as_json, NULL, "print the server's answer", 0, 0},
    OPT_END};

/* Two entries of the history; borrowed from it. */
struct change {
    struct json_at from, to;
};

static int64_t version_of(const struct json_at *entry)
{
    return view_int(entry, "version", 0);
}

/* The server writes the heads in one order, so equal weights are equal text. */
static enum status same_weights(const struct json_at *a, const struct json_at *b, bool *ret, struct err *err)
{
    const struct json_at *entries[2] = {a, b};
    struct buf texts[2] = {BUF_INIT, BUF_INIT};
    enum status s = STATUS_OK;
    for (int i = 0; i < 2 && s == STATUS_OK; i++) {
        struct json_writer w;
        const struct json_at weights = view_member(entries[i], "weights");
        json_writer_init(&w, &texts[i]);
        json_write_value(&w, &weights);
        s = buf_status(&texts[i], err);
    }
    *ret = s == STATUS_OK && strcmp(buf_string(&texts[0]), buf_string(&texts[1])) == 0;
    buf_done(&texts[0]);
    buf_done(&texts[1]);
    return s;
}

/* The history is newest first. */
static enum status choose(const struct json_at *history, const char *experiment, struct change *ret, struct err *err)
{
    struct json_at entry = {0};
    *ret = (struct change){0};
    while (ret->to.value == NULL && view_next(history, &entry)) {
        bool same = false;
        if (view_member(&entry, "weights").value == NULL)
            continue;
        if (ret->from.value == NULL)
            ret->from = entry;
        TRY(same_weights(&ret->from, &entry, &same, err));
        if (to_version > 0 ? version_of(&entry) == to_version : !same)
            ret->to = entry;
    }
    if (ret->from.value == NULL)
        return err_set(err, STATUS_CORRUPT, "the server's history of %s has no default weights", experiment);
    const int64_t newest = version_of(&ret->from);
    if (ret->to.value == NULL && to_version > 0)
        return err_set(err, STATUS_INVALID, "--to %" PRId64 ": the default of %s has versions 1 to %" PRId64,
                       to_version, experiment, newest);
    if (ret->to.value == NULL)
        return err_set(err, STATUS_CONFLICT, "the default of %s has never been another: nothing to go back to",
                       experiment);
    if (version_of(&ret->to) == newest)
        return err_set(err, STATUS_CONFLICT, "--to %" PRId64 ": that is the default of %s now", to_version, experiment);
    return STATUS_OK;
}

static enum status put_default(struct session *session, const char *experiment, const struct change *change,
                               struct json **ret, struct err *err)
{
    const struct json_at weights = view_member(&change->to, "weights");
    char path[128], standard[64];
    struct buf body = BUF_INIT;
    struct json_writer w;
    snprintf(path, sizeof path, "/v1/experiments/%s/default", experiment);
    snprintf(standard, sizeof standard, "trimtab rollback to version %" PRId64, version_of(&change->to));
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, "weights");
    json_write_value(&w, &weights);
    json_write_key_int(&w, "if_version", version_of(&change->from));
    json_write_key_text(&w, "reason", reason != NULL ? reason : standard);
    json_write_object_end(&w);
    enum status s = buf_status(&body, err);
    if (s == STATUS_OK)
        s = session_ask(session, "PUT", path, buf_string(&body), ret, NULL, err);
    buf_done(&body);
    if (s == STATUS_CONFLICT)
        s = err_wrap(err, s, "somebody else changed the default just now, look at it and ask again");
    return s;
}

static enum status print(const char *experiment, const struct change *change, const struct json *answer,
                         struct err *err)
{
    const struct json_at root = json_root(answer), was = view_member(&change->from, "weights"),
                         is = view_member(&change->to, "weights");
    struct buf text = BUF_INIT;
    enum status s = STATUS_OK;
    if (as_json) {
        s = output_document(&text, &root, false, err);
    } else {
        const int64_t from = version_of(&change->from);
        buf_printf(&text, "version %" PRId64 " of the default of %s has the weights of version %" PRId64 ": ",
                   view_int(&root, "version", from + 1), experiment, version_of(&change->to));
        format_weights(&text, &is);
        buf_printf(&text, "\nbefore, version %" PRId64 ": ", from);
        format_weights(&text, &was);
        buf_printf(&text,
                   "\ntrimtab rollback %s --to %" PRId64 " undoes it; arms of an open round are served until trimtab "
                   "stop %s\n",
                   experiment, from, experiment);
    }
    if (s == STATUS_OK)
        s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

static enum status roll_back(struct session *session, const char *experiment, struct err *err)
{
    char path[128];
    struct json *json = NULL, *answer = NULL;
    struct change change;
    snprintf(path, sizeof path, "/v1/experiments/%s/default/history", experiment);
    TRY(session_ask(session, "GET", path, NULL, &json, NULL, err));
    const struct json_at root = json_root(json), history = view_member(&root, "history");
    enum status s = choose(&history, experiment, &change, err);
    if (s == STATUS_OK)
        s = put_default(session, experiment, &change, &answer, err);
    if (s == STATUS_OK)
        s = print(experiment, &change, answer, err);
    json_free(answer);
    json_free(json);
    return s;
}

int rollback_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct session *session = NULL;
    if (session_experiment(operands[0], &err) != STATUS_OK)
        return output_usage(&err);
    enum status s = session_open(SESSION_EXPERIMENTS, &session, &err);
    if (s == STATUS_OK)
        s = roll_back(session, operands[0], &err);
    session_close(session);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}
