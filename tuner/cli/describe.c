#include "tuner/cli/describe.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/view.h"

static void label(struct buf *to, const char *name)
{
    buf_printf(to, "  %-14s ", name);
}

static void text_line(struct buf *to, const char *name, const char *text)
{
    label(to, name);
    format_text(to, text[0] != '\0' ? text : "-");
    buf_char(to, '\n');
}

static void describe_head(struct buf *to, const struct json_at *status)
{
    const struct json_at control = view_member(status, "control"), weights = view_member(&control, "weights");
    buf_printf(to, "campaign %" PRId64 "  ", view_int(status, "id", 0));
    format_text(to, view_text(status, "name"));
    buf_text(to, "  on experiment ");
    format_text(to, view_text(status, "experiment"));
    buf_char(to, '\n');
    label(to, "state");
    format_text(to, view_text(status, "state"));
    buf_printf(to, ", %" PRId64 " of %" PRId64 " rounds done\n", view_int(status, "rounds_done", 0),
               view_int(status, "rounds_max", 0));
    text_line(to, "note", view_text(status, "note"));
    label(to, "created");
    format_time(to, view_int(status, "created_ms", 0));
    buf_text(to, " UTC, last change ");
    format_time(to, view_int(status, "updated_ms", 0));
    buf_text(to, "\n");
    label(to, "control");
    format_weights(to, &weights);
    buf_printf(to, "%s", view_text(status, "reference_head")[0] != '\0' ? "; reference head " : "");
    format_text(to, view_text(status, "reference_head"));
    buf_char(to, '\n');
}

static void describe_shares(struct buf *to, const struct json_at *status)
{
    const struct json_at shares = view_member(status, "head_shares");
    struct json_at item = {0};
    const char *between = "";
    if (shares.value == NULL)
        return;
    label(to, "utility shares");
    while (view_next(&shares, &item)) {
        buf_text(to, between);
        format_text(to, item.key);
        buf_printf(to, " %.0f %%", 100 * view_value(&item));
        between = ", ";
    }
    buf_char(to, '\n');
}

static void describe_cap(struct buf *to, const struct json_at *status)
{
    const double cap = view_number(status, "max_turnover");
    if (isnan(cap))
        return;
    label(to, "max turnover");
    format_turnover(to, cap);
    buf_text(to, " of what the control shows\n");
}

static void describe_live(struct buf *to, const struct json_at *status)
{
    static const struct grid_column PLAIN[] = {
        {"arm", false}, {"trial", true}, {"units", true}, {"effect so far [95 %]", false}, {NULL, false}};
    static const struct grid_column CAPPED[] = {
        {"arm", false}, {"trial", true}, {"units", true}, {"turnover", true}, {"effect so far [95 %]", false},
        {NULL, false}};
    const bool capped = !isnan(view_number(status, "max_turnover"));
    const struct json_at live = view_member(status, "live"), arms = view_member(&live, "arms");
    struct json_at arm = {0};
    struct grid grid;
    struct buf text = BUF_INIT;
    if (live.value == NULL)
        return;
    label(to, "open round");
    buf_printf(to, "%" PRId64 " (%s, %s), ", view_int(&live, "round", 0), view_text(&live, "purpose"),
               view_text(&live, "state"));
    format_count(to, view_int(&live, "units", -1));
    buf_text(to, " users so far\n");
    grid_init(&grid, capped ? CAPPED : PLAIN);
    while (view_next(&arms, &arm)) {
        format_text(&text, view_text(&arm, "arm"));
        grid_cell_buf(&grid, &text);
        format_count(&text, view_int(&arm, "trial", -1));
        grid_cell_buf(&grid, &text);
        format_count(&text, view_int(&arm, "units", -1));
        grid_cell_buf(&grid, &text);
        if (capped) {
            format_turnover(&text, view_number(&arm, "turnover"));
            grid_cell_buf(&grid, &text);
        }
        format_lift_se(&text, view_number(&arm, "objective"), view_number(&arm, "se"));
        grid_cell_buf(&grid, &text);
    }
    grid_print(&grid, 4, to);
    grid_done(&grid);
    buf_done(&text);
}

static void best_line(struct buf *to, const struct json_at *best)
{
    buf_printf(to, "trial %" PRId64 "  ", view_int(best, "trial", 0));
    format_lift(to, view_number(best, "lift"), view_number(best, "lift_lo"), view_number(best, "lift_hi"));
    buf_text(to, " by the model; measured ");
    format_lift_se(to, view_number(best, "raw"), view_number(best, "raw_se"));
    buf_text(to, "; guardrails hold with probability ");
    format_probability(to, view_number(best, "feasible"));
    buf_char(to, '\n');
}

void describe_drift(struct buf *to, const struct json_at *status)
{
    const struct json_at drift = view_member(status, "drift");
    const char *verdict = view_text(&drift, "verdict");
    if (drift.value == NULL)
        return;
    label(to, "drift");
    format_text(to, verdict);
    if (strcmp(verdict, "discard") == 0)
        buf_printf(to, ": round %" PRId64 " is unlike the others", view_int(&drift, "round", 0));
    else
        buf_text(to, view_bool(&drift, "drifted") ? ": repeated arms moved between rounds" : ": no drift seen");
    buf_text(to, " (Q ");
    format_number(to, view_number(&drift, "statistic"), 3);
    buf_printf(to, " on %" PRId64 " df, p ", view_int(&drift, "df", 0));
    format_probability(to, view_number(&drift, "p"));
    buf_text(to, "; the smallest shift it could have seen is ");
    format_lift(to, view_number(&drift, "detectable"), nan(""), nan(""));
    buf_text(to, ")\n");
}

static void describe_outlook(struct buf *to, const struct json_at *status)
{
    const struct json_at stop = view_member(status, "stop");
    if (stop.value != NULL) {
        label(to, "more to gain");
        buf_text(to, "probability ");
        format_probability(to, view_number(&stop, "probability"));
        buf_text(to, ", expected ");
        format_lift(to, view_number(&stop, "expected"), nan(""), nan(""));
        buf_char(to, '\n');
    }
    describe_drift(to, status);
}

static void describe_turnover(struct buf *to, const struct json_at *warm)
{
    const struct json_at turnover = view_member(warm, "turnover"), redundant = view_member(warm, "redundant");
    struct json_at head = {0}, name = {0};
    const char *between = "";
    label(to, "turnover");
    while (view_next(&turnover, &head)) {
        buf_text(to, between);
        format_text(to, head.key);
        buf_printf(to, " %.0f %%", 100.0 * view_value(&head));
        between = ", ";
    }
    buf_text(to, " of what is shown is replaced by the whole range of this weight\n");
    while (view_next(&redundant, &name)) {
        const char *text = "";
        if (json_string(&name, 1000, &text, NULL) != STATUS_OK)
            continue;
        label(to, "redundant");
        format_text(to, text);
        buf_text(to, ": its weight changes less than 1 % of what is shown; leave it out of heads\n");
    }
}

/* What logged requests and the rounds so far say together. */
static void describe_worth(struct buf *to, const struct json_at *status)
{
    const struct json_at warm = view_member(status, "warm_start"), worth = view_member(&warm, "worth");
    struct json_at head = {0};
    const char *between = " ";
    if (warm.value == NULL)
        return;
    label(to, "warm start");
    buf_printf(to, "%" PRId64 " weights previewed on %" PRId64 " logged requests\n", view_int(&warm, "weights", 0),
               view_int(&warm, "requests", 0));
    describe_turnover(to, &warm);
    label(to, "worth");
    if (isfinite(view_number(&warm, "correlation")))
        buf_printf(to, "correlation with the objective %.2f; ", view_number(&warm, "correlation"));
    buf_text(to, "1 % more predicted events change the objective by");
    while (view_next(&worth, &head)) {
        buf_text(to, between);
        format_text(to, head.key);
        buf_printf(to, " %+.2f ± %.2f %%", view_number(&head, "mean"), view_number(&head, "se"));
        between = ", ";
    }
    buf_char(to, '\n');
}

static void winner_row(struct grid *grid, const struct json_at *winner, const char *title, const char *against)
{
    static const char *const KINDS[] = {"raw", "model", "confirmed"};
    struct buf text = BUF_INIT;
    grid_cell(grid, title);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        const struct json_at kind = view_member(winner, KINDS[i]), lift = view_member(&kind, against);
        format_lift_of(&text, &lift);
        grid_cell_buf(grid, &text);
    }
    buf_done(&text);
}

static void describe_winner(struct buf *to, const struct json_at *status)
{
    static const struct grid_column COLUMNS[] = {{"effect [95 %]", false},
                                                 {"measured in its round", false},
                                                 {"by the model", false},
                                                 {"confirmed on fresh users", false},
                                                 {NULL, false}};
    const struct json_at winner = view_member(status, "winner"), weights = view_member(&winner, "weights");
    if (winner.value == NULL)
        return;
    struct grid grid;
    const struct json_at decision = view_member(status, "decision");
    label(to, view_bool(&decision, "promoted") ? "winner" : "candidate");
    buf_printf(to, "trial %" PRId64 ": ", view_int(&winner, "trial", 0));
    format_weights(to, &weights);
    buf_char(to, '\n');
    grid_init(&grid, COLUMNS);
    winner_row(&grid, &winner, "against control", "vs_control");
    winner_row(&grid, &winner, "against equal", "vs_equal");
    grid_print(&grid, 4, to);
    grid_done(&grid);
}

static void describe_guardrails(struct buf *to, const struct json_at *status)
{
    const struct json_at list = view_member(status, "guardrails");
    struct json_at item = {0};
    while (view_next(&list, &item)) {
        const struct json_at confirmed = view_member(&item, "confirmed");
        label(to, "guardrail");
        format_text(to, view_text(&item, "metric"));
        buf_text(to, strcmp(view_text(&item, "sense"), "min_relative") == 0 ? " at least " : " at most ");
        format_lift(to, view_number(&item, "bound"), nan(""), nan(""));
        if (confirmed.value != NULL) {
            buf_text(to, "; confirmed ");
            format_lift(to, view_number(&confirmed, "effect"), view_number(&confirmed, "lo"),
                        view_number(&confirmed, "hi"));
            buf_text(to, ", holds with probability ");
            format_probability(to, view_number(&confirmed, "holds"));
        }
        buf_char(to, '\n');
    }
}

static void describe_versions(struct buf *to, const struct json_at *status)
{
    const int64_t before = view_int(status, "default_version_before", -1);
    const int64_t after = view_int(status, "default_version_after", -1);
    if (after < 0)
        return;
    label(to, "default");
    buf_printf(to, "version %" PRId64 " was ", after);
    if (before >= 0)
        buf_printf(to, "set in place of version %" PRId64 "\n", before);
    else
        buf_text(to, "set\n");
}

void describe_best(struct buf *to, const struct json_at *status)
{
    const struct json_at best = view_member(status, "best"), weights = view_member(&best, "weights");
    label(to, "best so far");
    if (best.value == NULL) {
        buf_text(to, "no trial has a result yet\n");
    } else {
        best_line(to, &best);
        label(to, "");
        format_weights(to, &weights);
        buf_char(to, '\n');
    }
    describe_winner(to, status);
}

void describe_end(struct buf *to, const struct json_at *status)
{
    const struct json_at decision = view_member(status, "decision");
    if (decision.value == NULL) {
        format_text(to, view_text(status, "state"));
        buf_text(to, ": ");
        format_text(to, view_text(status, "note"));
        return;
    }
    buf_text(to, view_bool(&decision, "promoted") ? "promoted: " : "not promoted: ");
    format_text(to, view_text(&decision, "reason"));
}

void describe_status(struct buf *to, const struct json_at *status)
{
    const struct json_at decision = view_member(status, "decision");
    describe_head(to, status);
    describe_shares(to, status);
    describe_cap(to, status);
    describe_live(to, status);
    describe_best(to, status);
    describe_guardrails(to, status);
    describe_outlook(to, status);
    describe_worth(to, status);
    if (decision.value != NULL) {
        label(to, "decision");
        describe_end(to, status);
        buf_char(to, '\n');
    }
    describe_versions(to, status);
}

static void progress_round(struct buf *to, const struct json_at *status, const struct json_at *live, bool units)
{
    const struct json_at arms = view_member(live, "arms");
    struct json_at arm = {0};
    int64_t n = 0;
    while (view_next(&arms, &arm))
        n++;
    buf_printf(to, "round %" PRId64, view_int(live, "round", 0));
    if (strcmp(view_text(live, "purpose"), "explore") == 0)
        buf_printf(to, " (%" PRId64 " of at most %" PRId64 ")", view_int(status, "rounds_done", 0) + 1,
                   view_int(status, "rounds_max", 0));
    buf_printf(to, " %s %s, %" PRId64 " arms", view_text(live, "purpose"), view_text(live, "state"), n);
    if (units) {
        buf_text(to, ", ");
        format_count(to, view_int(live, "units", -1));
        buf_text(to, " users");
    }
}

void describe_progress(struct buf *to, const struct json_at *status, bool units)
{
    const struct json_at live = view_member(status, "live"), best = view_member(status, "best");
    const char *state = view_text(status, "state");
    if (live.value != NULL && (strcmp(state, "running") == 0 || strcmp(state, "confirming") == 0)) {
        progress_round(to, status, &live, units);
    } else {
        format_text(to, state);
        buf_text(to, view_text(status, "note")[0] != '\0' ? ": " : "");
        format_text(to, view_text(status, "note"));
    }
    if (best.value == NULL)
        return;
    buf_text(to, ", best ");
    format_lift(to, view_number(&best, "lift"), view_number(&best, "lift_lo"), view_number(&best, "lift_hi"));
    buf_printf(to, " (trial %" PRId64 ")", view_int(&best, "trial", 0));
}
