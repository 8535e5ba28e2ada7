#include <inttypes.h>
#include <stdio.h>

#include "base/json/json_write.h"
#include "tuner/cli/commands.h"
#include "tuner/cli/describe.h"
#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/view.h"

static bool as_json, canonical;

const struct opt CAMPAIGNS_OPTIONS[] = {
    {"json", OPT_FLAG, &as_json, NULL, "as one JSON document", 0, 0},
    {"canonical", OPT_FLAG, &canonical, NULL, "JSON without times and other things that differ between runs", 0, 0},
    OPT_END};

static void campaigns_text(struct buf *to, const struct json_at *root)
{
    static const struct grid_column COLUMNS[] = {{"id", true},     {"name", false},  {"experiment", false},
                                                 {"state", false}, {"rounds", true}, {"last change (UTC)", false},
                                                 {"best", false},  {NULL, false}};
    const struct json_at list = view_member(root, "campaigns");
    struct json_at item = {0};
    struct grid grid;
    struct buf text = BUF_INIT;
    grid_init(&grid, COLUMNS);
    while (view_next(&list, &item)) {
        const struct json_at best = view_member(&item, "best");
        grid_int(&grid, view_int(&item, "id", 0));
        format_text(&text, view_text(&item, "name"));
        grid_cell_buf(&grid, &text);
        format_text(&text, view_text(&item, "experiment"));
        grid_cell_buf(&grid, &text);
        format_text(&text, view_text(&item, "state"));
        grid_cell_buf(&grid, &text);
        buf_printf(&text, "%" PRId64 "/%" PRId64, view_int(&item, "rounds_done", 0), view_int(&item, "rounds_max", 0));
        grid_cell_buf(&grid, &text);
        format_time(&text, view_int(&item, "updated_ms", 0));
        grid_cell_buf(&grid, &text);
        format_lift(&text, view_number(&best, "lift"), view_number(&best, "lift_lo"), view_number(&best, "lift_hi"));
        grid_cell_buf(&grid, &text);
    }
    if (grid.n_cells > 0)
        grid_print(&grid, 0, to);
    else
        buf_text(to, "there is no campaign yet: trimtab launch FILE starts one\n");
    grid_done(&grid);
    buf_done(&text);
}

/* {"campaign":1,"best":..,"winner":..}: the part of the status document that `best` is about. */
static enum status best_json(const struct json_at *status, struct json **ret, struct err *err)
{
    static const char *const PARTS[] = {"best", "winner"};
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "campaign");
    json_write_int(&w, view_int(status, "id", 0));
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        const struct json_at part = view_member(status, PARTS[i]);
        json_write_key(&w, PARTS[i]);
        if (part.value != NULL)
            json_write_value(&w, &part);
        else
            json_write_null(&w);
    }
    json_write_object_end(&w);
    enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        s = json_parse(buf_string(&text), text.length, NULL, ret, err);
    buf_done(&text);
    return s;
}

static enum status print(const struct json_at *root, void (*describe)(struct buf *to, const struct json_at *at),
                         struct err *err)
{
    if (as_json || canonical)
        return output_json(root, canonical, err);
    struct buf text = BUF_INIT;
    describe(&text, root);
    const enum status s = output_flush(&text, err);
    buf_done(&text);
    return s;
}

static enum status get(const char *path, struct json **ret, struct err *err)
{
    return session_once(SESSION_TUNER, "GET", path, NULL, ret, err);
}

int campaigns_run(int n, char **operands)
{
    (void)n;
    (void)operands;
    struct err err = ERR_INIT;
    struct json *json = NULL;
    enum status s = get("/v1/campaigns", &json, &err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = print(&root, campaigns_text, &err);
    }
    json_free(json);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}

static int status_of(const char *operand, bool only_best)
{
    struct err err = ERR_INIT;
    struct json *json = NULL, *best = NULL;
    int64_t id = 0;
    char path[64];
    if (session_number("campaign", operand, &id, &err) != STATUS_OK)
        return output_usage(&err);
    snprintf(path, sizeof path, "/v1/campaigns/%" PRId64, id);
    enum status s = get(path, &json, &err);
    if (s == STATUS_OK) {
        struct json_at root = json_root(json);
        if (only_best && (as_json || canonical)) {
            s = best_json(&root, &best, &err);
            root = s == STATUS_OK ? json_root(best) : root;
        }
        if (s == STATUS_OK)
            s = print(&root, only_best ? describe_best : describe_status, &err);
    }
    json_free(json);
    json_free(best);
    return s == STATUS_OK ? EXIT_DONE : output_failed(&err);
}

int status_run(int n, char **operands)
{
    (void)n;
    return status_of(operands[0], false);
}

int best_run(int n, char **operands)
{
    (void)n;
    return status_of(operands[0], true);
}
