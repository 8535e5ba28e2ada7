#include <inttypes.h>
#include <math.h>

#include "tuner/cli/describe.h"
#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/view.h"

static void metrics(struct buf *to, const struct json_at *trial)
{
    static const struct grid_column COLUMNS[] = {
        {"metric", false}, {"mean", true}, {"standard error", true}, {"against control [95 %]", false}, {NULL, false}};
    const struct json_at list = view_member(trial, "metrics");
    struct json_at item = {0};
    struct grid grid;
    struct buf text = BUF_INIT;
    grid_init(&grid, COLUMNS);
    while (view_next(&list, &item)) {
        format_text(&text, view_text(&item, "metric"));
        grid_cell_buf(&grid, &text);
        format_number(&text, view_number(&item, "mean"), 6);
        grid_cell_buf(&grid, &text);
        format_number(&text, view_number(&item, "se"), 3);
        grid_cell_buf(&grid, &text);
        format_lift_se(&text, view_number(&item, "effect"), view_number(&item, "effect_se"));
        grid_cell_buf(&grid, &text);
    }
    if (grid.n_cells > 0)
        grid_print(&grid, 2, to);
    grid_done(&grid);
    buf_done(&text);
}

static void guardrails(struct buf *to, const struct json_at *trial)
{
    const struct json_at list = view_member(trial, "guardrails");
    struct json_at item = {0};
    while (view_next(&list, &item)) {
        buf_text(to, "  guardrail ");
        format_text(to, view_text(&item, "metric"));
        buf_text(to, ": ");
        format_lift_se(to, view_number(&item, "effect"), view_number(&item, "effect_se"));
        buf_text(to, ", holds with probability ");
        format_probability(to, view_number(&item, "holds"));
        buf_char(to, '\n');
    }
}

static void heading(struct buf *to, const struct json_at *trial)
{
    buf_printf(to, "trial %" PRId64 "  round %" PRId64 " (%s), arm ", view_int(trial, "trial", 0),
               view_int(trial, "round", 0), view_text(trial, "purpose"));
    format_text(to, view_text(trial, "arm"));
    buf_printf(to, ", %s, %s%s\n", view_text(trial, "origin"), view_text(trial, "state"),
               view_bool(trial, "stopped") ? " (stopped before the round ended)" : "");
}

void describe_trial(struct buf *to, const struct json_at *trial)
{
    const struct json_at weights = view_member(trial, "weights"), params = view_member(trial, "params");
    struct json_at item = {0};
    heading(to, trial);
    buf_text(to, "  weights     ");
    format_weights(to, &weights);
    if (view_next(&params, &item)) {
        buf_text(to, "\n  parameters  ");
        format_weights(to, &params);
    }
    if (!isnan(view_number(trial, "turnover"))) {
        buf_text(to, "\n  turnover    ");
        format_turnover(to, view_number(trial, "turnover"));
        buf_text(to, " of what the control shows");
    }
    buf_text(to, "\n  users       ");
    format_count(to, view_int(trial, "units", -1));
    buf_printf(to, " (%.3g %% of the traffic)\n  objective   ", 100 * view_number(trial, "allocation"));
    format_lift_se(to, view_number(trial, "objective"), view_number(trial, "objective_se"));
    if (view_bool(trial, "cuped"))
        buf_text(to, " with CUPED");
    buf_text(to, "; by the model ");
    format_lift_se(to, view_number(trial, "model_mean"), view_number(trial, "model_sd"));
    buf_text(to, "\n  feasible    ");
    format_probability(to, view_number(trial, "feasible"));
    buf_text(to, "\n  time        ");
    format_time(to, view_int(trial, "started_ms", 0));
    buf_text(to, " to ");
    format_time(to, view_int(trial, "finished_ms", 0));
    buf_text(to, " UTC\n");
    metrics(to, trial);
    guardrails(to, trial);
}
