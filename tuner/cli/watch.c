/* Polls the status document: a poll survives a restart of trimtabd and a sleeping laptop, and costs one small request.
 * A terminal has one line that is redrawn.  Elsewhere every change is a line; users arrive all the time, so their
 * number alone is a change only after QUIET_NS. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/describe.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static const int64_t QUIET_NS = 10000000000;

static bool as_json, canonical;
static int64_t poll_ms = 1000, patience_s = 600;

const struct opt WATCH_OPTIONS[] = {
    {"json", OPT_FLAG, &as_json, NULL, "one status document a line, on each change", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "the same without what differs between runs", 0, 0},
    {"poll-ms", OPT_INT, &poll_ms, "MS", "time between two looks", 10, 3600000},
    {"patience-s", OPT_INT, &patience_s, "S", "give up when trimtabd did not answer for so long", 0, 1000000},
    OPT_END};

struct watch {
    struct session *session;
    char path[64];
    bool tty;                /* redraw one line; otherwise a line per change */
    bool drawn;              /* the terminal's line is not ended */
    int64_t round;           /* of the line that is being redrawn */
    struct buf last;         /* what was printed, without what changes all the time */
    int64_t printed_ns;      /* when */
    bool answered;           /* at least once */
    int64_t silent_since_ns; /* 0: the last look was answered */
};

static bool is_one_of(const char *state, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(state, *list) == 0)
            return true;
    }
    return false;
}

/* The exit code, -1 while the campaign goes on. */
static int end_of(const struct json_at *status)
{
    static const char *const DONE[] = {"promoted", "not_promoted", NULL}, *const BAD[] = {"failed", "cancelled", NULL};
    const char *state = view_text(status, "state");
    return is_one_of(state, DONE) ? EXIT_DONE : is_one_of(state, BAD) ? EXIT_FAILED : -1;
}

static void end_line(struct watch *w)
{
    if (w->drawn)
        putchar('\n');
    w->drawn = false;
}

/* A line that wraps could not be redrawn: cut it before the last column. */
static void cut_to_width(struct buf *line)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
        return;
    size_t columns = 0, i = 0;
    for (; i < line->length; i++) {
        const bool starts = ((unsigned char)line->data[i] & 0xC0) != 0x80;
        if (starts && columns == (size_t)size.ws_col - 1)
            break;
        columns += starts;
    }
    if (i < line->length)
        line->data[i] = '\0';
    line->length = i;
}

static enum status draw(struct watch *w, const struct json_at *status, struct err *err)
{
    struct buf line = BUF_INIT, text = BUF_INIT;
    const struct json_at live = view_member(status, "live");
    const int64_t round = view_int(&live, "round", view_int(status, "round", 0));
    if (w->tty && round != w->round)
        end_line(w);
    w->round = round;
    describe_progress(&line, status, true);
    if (w->tty)
        cut_to_width(&line);
    /* The escape clears to the end of the line. */
    buf_printf(&text, "%s%s%s", w->tty ? "\r\033[K" : "", buf_string(&line), w->tty ? "" : "\n");
    w->drawn = w->tty;
    enum status s = buf_status(&line, err);
    if (s == STATUS_OK)
        s = output_flush(&text, err);
    buf_done(&line);
    buf_done(&text);
    return s;
}

static enum status show(struct watch *w, const struct json_at *status, struct err *err)
{
    struct buf now = BUF_INIT;
    enum status s = STATUS_OK;
    if (as_json || canonical)
        s = output_document(&now, status, canonical, err);
    else
        describe_progress(&now, status, w->tty);
    const bool lines = !as_json && !canonical && !w->tty;
    const bool same = w->last.length == now.length && strcmp(buf_string(&w->last), buf_string(&now)) == 0;
    const bool quiet = lines && clock_monotonic_ns() - w->printed_ns > QUIET_NS;
    if (s == STATUS_OK && (!same || quiet)) {
        w->printed_ns = clock_monotonic_ns();
        s = as_json || canonical ? output_flush(&now, err) : draw(w, status, err);
    }
    buf_done(&w->last);
    w->last = now;
    return s;
}

static enum status conclude(struct watch *w, const struct json_at *status, struct err *err)
{
    struct buf text = BUF_INIT;
    end_line(w);
    if (!as_json && !canonical) {
        describe_end(&text, status);
        buf_char(&text, '\n');
    }
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

/* One look: *ret_exit is set when the campaign is over. */
static enum status look(struct watch *w, int *ret_exit, bool *ret_answered, struct err *err)
{
    struct json *json = NULL;
    TRY(session_ask(w->session, "GET", w->path, NULL, &json, ret_answered, err));
    const struct json_at status = json_root(json);
    *ret_exit = end_of(&status);
    enum status s = STATUS_OK;
    if (*ret_exit < 0 || as_json || canonical)
        s = show(w, &status, err);
    if (s == STATUS_OK && *ret_exit >= 0)
        s = conclude(w, &status, err);
    json_free(json);
    return s;
}

/* Whether a failed look may be tried again: trimtabd restarts, or has too much to do; not when it was never there. */
static bool may_retry(struct watch *w, enum status s, const struct err *err)
{
    if (!w->answered || (s != STATUS_UNAVAILABLE && s != STATUS_TIMEOUT))
        return false;
    const int64_t now = clock_monotonic_ns();
    const bool first = w->silent_since_ns == 0;
    if (first)
        w->silent_since_ns = now;
    const bool again = now - w->silent_since_ns < patience_s * 1000000000;
    if (first && again) {
        end_line(w);
        fflush(stdout);
        fprintf(stderr, "trimtab: %s; trying again\n", err->text);
    }
    return again;
}

static int follow(struct watch *w)
{
    for (;;) {
        struct err err = ERR_INIT;
        int code = -1;
        bool answered = false;
        const enum status s = look(w, &code, &answered, &err);
        if (s == STATUS_OK) {
            w->answered = true;
            w->silent_since_ns = 0;
            if (code >= 0)
                return code;
        } else if (!may_retry(w, s, &err)) {
            end_line(w);
            fflush(stdout);
            return output_failed(&err);
        }
        clock_sleep_ms(poll_ms);
    }
}

int watch_campaign(int64_t id)
{
    struct watch w = {.tty = isatty(STDOUT_FILENO) == 1 && !as_json && !canonical, .round = -1};
    struct err err = ERR_INIT;
    if (session_open(SESSION_TUNER, &w.session, &err) != STATUS_OK)
        return output_failed(&err);
    snprintf(w.path, sizeof w.path, "/v1/campaigns/%" PRId64, id);
    const int code = follow(&w);
    session_close(w.session);
    buf_done(&w.last);
    return code;
}

int watch_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    int64_t id = 0;
    if (session_number("campaign", operands[0], &id, &err) != STATUS_OK)
        return output_usage(&err);
    return watch_campaign(id);
}
