#include "tuner/cli/optimize.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/cli/optimize_session.h"

void optimize_session_clear(struct optimize_session *session)
{
    optimizer_free(session->optimizer);
    mem_free(session->pending);
    memset(session, 0, sizeof *session);
}

struct optimize_session *optimize_session_new(void)
{
    return mem_alloc(1, sizeof(struct optimize_session));
}

void optimize_session_free(struct optimize_session *session)
{
    if (session == NULL)
        return;
    optimize_session_clear(session);
    mem_free(session);
}

static void write_point(struct json_writer *w, size_t dim, const double *x)
{
    json_write_array(w);
    for (size_t k = 0; k < dim; k++)
        json_write_number(w, x[k]);
    json_write_array_end(w);
}

static enum status ask(struct optimize_session *s, size_t n, double *cube, struct err *err)
{
    double *pending = mem_alloc(s->n_pending * s->dim, sizeof *pending);
    if (pending == NULL)
        return err_no_memory(err);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < s->n_pending && status == STATUS_OK; i++)
        status = space_encode(s->dim, s->space, s->pending + i * s->dim, pending + i * s->dim, err);
    if (status == STATUS_OK)
        status = optimizer_ask(s->optimizer, n, s->n_pending, pending, cube, err);
    mem_free(pending);
    return status;
}

static enum status handle_ask(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                              struct err *err)
{
    static const char *const KNOWN[] = {"op", "n", NULL};
    int64_t n = 1;
    TRY(json_only(root, KNOWN, err));
    TRY(json_get_int(root, "n", JSON_OPTIONAL, 1, OPTIMIZER_MAX_ASK, &n, err));
    if (session->n_pending + (size_t)n > OPTIMIZE_MAX_PENDING)
        return err_set(err, STATUS_INVALID,
                       "%zu points are pending: tell them (or {\"failed\":true}) first; allowed are %d",
                       session->n_pending, OPTIMIZE_MAX_PENDING);
    double cube[OPTIMIZER_MAX_ASK * OPTIMIZER_MAX_DIM];
    TRY(ask(session, (size_t)n, cube, err));
    json_write_key(w, "arms");
    json_write_array(w);
    for (size_t i = 0; i < (size_t)n; i++) {
        double *x = session->pending + session->n_pending++ * session->dim;
        space_decode(session->dim, session->space, cube + i * session->dim, x);
        json_write_object(w);
        json_write_key(w, "x");
        write_point(w, session->dim, x);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    return STATUS_OK;
}

static void write_number(struct json_writer *w, const char *key, double value)
{
    json_write_key(w, key);
    json_write_number(w, value);
}

static enum status handle_best(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                               struct err *err)
{
    static const char *const KNOWN[] = {"op", NULL};
    struct optimizer_choice best, seen;
    double x[OPTIMIZER_MAX_DIM];
    TRY(json_only(root, KNOWN, err));
    TRY(optimizer_best(session->optimizer, &best, err));
    TRY(optimizer_recommend(session->optimizer, 0, NULL, &seen, err));
    space_decode(session->dim, session->space, best.x, x);
    json_write_key(w, "x");
    write_point(w, session->dim, x);
    write_number(w, "mean", session->sign * best.mean);
    write_number(w, "sd", best.sd);
    write_number(w, "feasible", best.feasible);
    space_decode(session->dim, session->space, seen.x, x);
    json_write_key(w, "x_insample");
    write_point(w, session->dim, x);
    return STATUS_OK;
}

/* Plain sentences for a model that should not be believed. */
static void write_warnings(struct json_writer *w, const struct optimizer_diagnostics *d)
{
    json_write_key(w, "warnings");
    json_write_array(w);
    if (d->rounds < 2)
        json_write_string(w, "fewer than two rounds: the model cannot be checked");
    else if (d->mean_square > 2.0 || d->coverage95 < 0.8)
        json_write_string(
            w, "the other rounds predict a round worse than the model believes: its intervals are too short");
    else if (d->mean_square < 0.4 && d->n >= 10)
        json_write_string(
            w, "the other rounds predict a round better than the model believes: the noise told is too large");
    json_write_array_end(w);
}

static enum status write_outcome(struct optimize_session *s, size_t k, struct json_writer *w, struct err *err)
{
    struct optimizer_hyper hyper;
    struct optimizer_diagnostics d;
    TRY(optimizer_hyper(s->optimizer, k, &hyper, err));
    TRY(optimizer_diagnose(s->optimizer, k, NULL, &d, err));
    json_write_object(w);
    json_write_key(w, "lengthscale");
    write_point(w, s->dim, hyper.lengthscale);
    write_number(w, "outputscale", hyper.outputscale);
    write_number(w, "noise", hyper.noise);
    write_number(w, "misfit", hyper.misfit);
    write_number(w, "log_evidence", hyper.log_evidence);
    write_number(w, "mean_square", d.mean_square);
    write_number(w, "coverage95", d.coverage95);
    write_number(w, "log_density", d.log_density);
    write_warnings(w, &d);
    json_write_object_end(w);
    return STATUS_OK;
}

static enum status handle_model(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                                struct err *err)
{
    static const char *const KNOWN[] = {"op", NULL};
    TRY(json_only(root, KNOWN, err));
    json_write_key(w, "points");
    json_write_int(w, (int64_t)optimizer_n_points(session->optimizer));
    json_write_key(w, "pending");
    json_write_int(w, (int64_t)session->n_pending);
    json_write_key(w, "outcomes");
    json_write_array(w);
    for (size_t k = 0; k <= session->n_constraints; k++)
        TRY(write_outcome(session, k, w, err));
    json_write_array_end(w);
    return STATUS_OK;
}

static enum status handle_stop(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                               struct err *err)
{
    static const char *const KNOWN[] = {"op", NULL};
    (void)session;
    TRY(json_only(root, KNOWN, err));
    json_write_key(w, "ok");
    json_write_bool(w, true);
    return STATUS_OK;
}

static const struct operation {
    const char *name;
    bool before_init;
    enum status (*handle)(struct optimize_session *, const struct json_at *, struct json_writer *, struct err *);
} OPERATIONS[] = {
    {"init", true, optimize_init}, {"tell", false, optimize_tell}, {"ask", false, handle_ask},
    {"best", false, handle_best},  {"model", false, handle_model}, {"stop", true, handle_stop},
};

static enum status dispatch(struct optimize_session *session, const struct json_at *root, struct buf *reply,
                            bool *ret_stop, struct err *err)
{
    const char *op = NULL;
    struct json_writer w;
    TRY(json_object(root, err));
    TRY(json_get_string(root, "op", JSON_REQUIRED, 64, &op, err));
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
        if (strcmp(op, OPERATIONS[i].name) != 0)
            continue;
        if (!OPERATIONS[i].before_init && session->optimizer == NULL)
            return err_set(err, STATUS_CONFLICT, "\"%s\" before \"init\": init comes first", op);
        json_writer_init(&w, reply);
        json_write_object(&w);
        TRY(OPERATIONS[i].handle(session, root, &w, err));
        json_write_object_end(&w);
        *ret_stop = strcmp(op, "stop") == 0;
        return buf_status(reply, err);
    }
    return err_set(err, STATUS_INVALID, "op is \"%s\": allowed are init, tell, ask, best, model and stop", op);
}

static void write_error(struct buf *reply, const char *text)
{
    struct json_writer w;
    buf_clear(reply);
    json_writer_init(&w, reply);
    json_write_object(&w);
    json_write_key(&w, "error");
    json_write_string(&w, text);
    json_write_object_end(&w);
}

bool optimize_session_line(struct optimize_session *session, const char *line, size_t length, struct buf *reply)
{
    struct err err = ERR_INIT;
    struct json *json = NULL;
    bool stop = false;
    enum status s = json_parse(line, length, NULL, &json, &err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = dispatch(session, &root, reply, &stop, &err);
    }
    json_free(json);
    if (s != STATUS_OK)
        write_error(reply, err.text);
    return !stop;
}

void optimize_session_too_long(struct buf *reply)
{
    write_error(reply, "the line is longer than 10 MB: send fewer results at once");
}

static bool use_stdio;
const struct opt OPTIMIZE_OPTIONS[] = {
    {"stdio", OPT_FLAG, &use_stdio, NULL, "read JSON lines from standard input, answer on standard output", 0, 0},
    OPT_END,
};

/* The next line into `line` without its newline; false at the end of input.  What is beyond the cap is dropped. */
static bool next_line(struct buf *line, bool *ret_too_long)
{
    int c;
    buf_clear(line);
    *ret_too_long = false;
    while ((c = getc(stdin)) != EOF && c != '\n') {
        if (line->length < OPTIMIZE_MAX_LINE)
            buf_char(line, (char)c);
        else
            *ret_too_long = true;
    }
    return c != EOF || line->length > 0;
}

static bool answer(struct optimize_session *session, const struct buf *line, bool too_long, struct buf *reply)
{
    bool more = true;
    buf_clear(reply);
    if (too_long)
        optimize_session_too_long(reply);
    else
        more = optimize_session_line(session, buf_string(line), line->length, reply);
    (void)fprintf(stdout, "%s\n", buf_string(reply));
    return fflush(stdout) == 0 && more; /* nobody reads any more: end */
}

int optimize_run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    if (!use_stdio) {
        (void)fprintf(stderr, "trimtab optimize: --stdio is expected\n");
        return EXIT_USAGE;
    }
    struct optimize_session *session = optimize_session_new();
    struct buf line = BUF_INIT, reply = BUF_INIT;
    bool too_long = false, more = session != NULL;
    while (more && next_line(&line, &too_long))
        more = line.failed ? false : answer(session, &line, too_long, &reply);
    buf_done(&line);
    buf_done(&reply);
    optimize_session_free(session);
    return EXIT_DONE;
}
