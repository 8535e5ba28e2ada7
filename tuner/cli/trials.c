#include "tuner/cli/trials.h"

#include <inttypes.h>
#include <stdio.h>

#include "tuner/cli/commands.h"
#include "tuner/cli/describe.h"
#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static bool as_json, as_csv, canonical;

const struct opt TRIALS_OPTIONS[] = {{"json", OPT_FLAG, &as_json, NULL, "as one JSON document", 0, 0},
                                     {"csv", OPT_FLAG, &as_csv, NULL, "as CSV with a header row", 0, 0},
                                     {"canonical", OPT_FLAG, &canonical, NULL,
                                      "JSON (or CSV) without times and other things that differ between runs", 0, 0},
                                     OPT_END};

const struct opt TRIAL_OPTIONS[] = {
    {"json", OPT_FLAG, &as_json, NULL, "as one JSON document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "JSON without times and other things that differ between runs", 0, 0},
    OPT_END};

static void trial_row(struct grid *grid, const struct json_at *trial)
{
    static const char *const TEXTS[] = {"purpose", "arm", "origin"};
    const struct json_at weights = view_member(trial, "weights");
    struct buf text = BUF_INIT;
    grid_int(grid, view_int(trial, "trial", 0));
    grid_int(grid, view_int(trial, "round", 0));
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        format_text(&text, view_text(trial, TEXTS[i]));
        grid_cell_buf(grid, &text);
    }
    format_text(&text, view_bool(trial, "stopped") ? "stopped" : view_text(trial, "state"));
    grid_cell_buf(grid, &text);
    format_count(&text, view_int(trial, "units", -1));
    grid_cell_buf(grid, &text);
    format_lift_se(&text, view_number(trial, "objective"), view_number(trial, "objective_se"));
    grid_cell_buf(grid, &text);
    format_lift_se(&text, view_number(trial, "model_mean"), view_number(trial, "model_sd"));
    grid_cell_buf(grid, &text);
    format_probability(&text, view_number(trial, "feasible"));
    grid_cell_buf(grid, &text);
    format_weights(&text, &weights);
    grid_cell_buf(grid, &text);
    buf_done(&text);
}

void trials_text(struct buf *to, const struct json_at *root)
{
    static const struct grid_column COLUMNS[] = {
        {"trial", true},         {"round", true},    {"purpose", false}, {"arm", false},
        {"origin", false},       {"state", false},   {"units", true},    {"measured [95 %]", false},
        {"by the model", false}, {"feasible", true}, {"weights", false}, {NULL, false}};
    const struct json_at list = view_member(root, "trials");
    struct json_at item = {0};
    struct grid grid;
    grid_init(&grid, COLUMNS);
    while (view_next(&list, &item))
        trial_row(&grid, &item);
    if (grid.n_cells > 0)
        grid_print(&grid, 0, to);
    else
        buf_text(to, "the campaign has no trial yet\n");
    grid_done(&grid);
}

static enum status print_trials(const struct json_at *root, struct err *err)
{
    if (!as_csv && (as_json || canonical))
        return output_json(root, canonical, err);
    struct buf text = BUF_INIT;
    enum status s = STATUS_OK;
    if (as_csv)
        s = trials_csv(&text, root, canonical, err);
    else
        trials_text(&text, root);
    if (s == STATUS_OK)
        s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

/* Whether the rounds may be read together. */
static enum status print_drift(const struct json_at *root, struct err *err)
{
    struct buf text = BUF_INIT;
    describe_drift(&text, root);
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

static enum status print_trial(const struct json_at *root, struct err *err)
{
    if (as_json || canonical)
        return output_json(root, canonical, err);
    struct buf text = BUF_INIT;
    describe_trial(&text, root);
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

static int run(const char *path, enum status (*print)(const struct json_at *root, struct err *err))
{
    struct err err = ERR_INIT;
    struct json *json = NULL;
    enum status s = session_once(SESSION_TUNER, "GET", path, NULL, &json, &err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = print(&root, &err);
    }
    json_free(json);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}

int trials_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    int64_t id = 0;
    char path[64];
    enum status s = session_number("campaign", operands[0], &id, &err);
    if (s == STATUS_OK && as_json && as_csv)
        s = err_set(&err, STATUS_INVALID, "--json and --csv: choose one");
    if (s != STATUS_OK)
        return output_usage(&err);
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64 "/trials", id);
    const int code = run(path, print_trials);
    if (code != EXIT_DONE || as_json || as_csv || canonical)
        return code;
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64, id);
    return run(path, print_drift);
}

int trial_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    int64_t id = 0, number = 0;
    char path[96];
    if (session_number("campaign", operands[0], &id, &err) != STATUS_OK ||
        session_number("trial", operands[1], &number, &err) != STATUS_OK)
        return output_usage(&err);
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64 "/trials/%" PRId64, id, number);
    return run(path, print_trial);
}
