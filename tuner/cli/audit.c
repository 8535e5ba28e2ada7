#include <inttypes.h>
#include <stdio.h>

#include "tuner/cli/commands.h"
#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static bool as_json, canonical;

const struct opt AUDIT_OPTIONS[] = {
    {"json", OPT_FLAG, &as_json, NULL, "as one JSON document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "JSON without times and other things that differ between runs", 0, 0},
    OPT_END};

static void audit_text(struct buf *to, const struct json_at *root)
{
    static const struct grid_column COLUMNS[] = {{"no", true},    {"time (UTC)", false}, {"who", false},
                                                 {"what", false}, {"detail", false},     {NULL, false}};
    const struct json_at list = view_member(root, "audit");
    struct json_at item = {0};
    struct grid grid;
    struct buf text = BUF_INIT;
    grid_init(&grid, COLUMNS);
    while (view_next(&list, &item)) {
        grid_int(&grid, view_int(&item, "seq", 0));
        format_time(&text, view_int(&item, "at_ms", 0));
        grid_cell_buf(&grid, &text);
        format_text(&text, view_text(&item, "actor"));
        grid_cell_buf(&grid, &text);
        format_text(&text, view_text(&item, "action"));
        grid_cell_buf(&grid, &text);
        format_text(&text, view_text(&item, "detail"));
        grid_cell_buf(&grid, &text);
    }
    grid_print(&grid, 0, to);
    grid_done(&grid);
    buf_done(&text);
}

static enum status print(const struct json *json, struct err *err)
{
    const struct json_at root = json_root(json);
    if (as_json || canonical)
        return output_json(&root, canonical, err);
    struct buf text = BUF_INIT;
    audit_text(&text, &root);
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

int audit_run(int n, char **operands)
{
    (void)n;
    struct err err = ERR_INIT;
    struct json *json = NULL;
    int64_t id = 0;
    char path[64];
    if (session_number("campaign", operands[0], &id, &err) != STATUS_OK)
        return output_usage(&err);
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64 "/audit", id);
    enum status s = session_once(SESSION_TUNER, "GET", path, NULL, &json, &err);
    if (s == STATUS_OK)
        s = print(json, &err);
    json_free(json);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}
