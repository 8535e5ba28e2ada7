#include "experiments/traffic/export.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "experiments/world/world_run.h"

enum { LOG_PLAY_SEED = 0, STREAM_LOGGER = 300, SLATE_SECONDS = 60 };

struct exporter {
    const struct world *world;
    struct buf log;
    struct export_counts counts;
};

static double logger_score(const struct world_visit *visit, uint32_t item, struct rng *rng)
{
    const struct world_item *it = world_item(visit->world, item);
    const double bonus = it->category == visit->user.interest ? 0.5 : 0.0;
    return it->column[0] + bonus + 0.5 * rng_normal(rng);
}

/* Slot by slot: the best candidate left, or with probability log.explore any of those left. */
static enum status logger_policy(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                                 struct err *err)
{
    (void)context;
    (void)err;
    const struct world_params *p = world_params(visit->world);
    uint32_t left[WORLD_MAX_CANDIDATES] = {0};
    double score[WORLD_MAX_CANDIDATES] = {0.0};
    size_t n = (size_t)p->candidates;
    struct rng rng;
    world_rng(visit->world, visit->user.index, STREAM_LOGGER,
              ((uint64_t)(uint32_t)visit->day << 32) | (uint64_t)(visit->session * 1000 + visit->request), &rng);
    for (size_t i = 0; i < n; i++) {
        left[i] = visit->candidates[i];
        score[i] = logger_score(visit, left[i], &rng);
    }
    for (size_t slot = 0; slot < (size_t)p->show; slot++) {
        size_t best = (size_t)rng_below(&rng, n);
        if (rng_uniform(&rng) >= p->log_explore) {
            for (size_t i = 0; i < n; i++)
                best = score[i] > score[best] ? i : best;
        }
        ret_shown[slot] = left[best];
        n--;
        left[best] = left[n];
        score[best] = score[n];
    }
    *ret_n = (size_t)p->show;
    return STATUS_OK;
}

static enum status log_slate(void *context, const struct world_visit *visit, size_t n, const uint32_t *shown,
                             const struct world_response *response, struct err *err)
{
    struct exporter *exporter = context;
    const struct world_params *p = world_params(visit->world);
    const int64_t at =
        world_day_ms(visit->world, visit->day) + visit->hour * 3600000 + (visit->request % SLATE_SECONDS) * 60000;
    bool happened[WORLD_MAX_SHOW][WORLD_MAX_HEADS] = {{false}};
    for (size_t e = 0; e < response->n_events; e++)
        happened[response->events[e].position][response->events[e].head] = true;
    exporter->counts.requests++;
    for (size_t j = 0; j < n; j++) {
        char unit[WORLD_ID], item[WORLD_ITEM_ID];
        world_unit_id(&visit->user, unit);
        world_item_id(shown[j], item);
        buf_printf(&exporter->log, "%s,%s,%lld,%d", unit, item, (long long)at + 3000LL * (long long)j,
                   world_date_from_days(world_days_from_date(p->start_day) + visit->day));
        for (size_t h = 0; h < p->n_heads; h++) {
            buf_text(&exporter->log, happened[j][h] ? ",1" : ",0");
            exporter->counts.events[h] += happened[j][h] ? 1 : 0;
        }
        buf_printf(&exporter->log, ",%s,%d\n", p->tabs[visit->tab].name, visit->hour);
        exporter->counts.impressions++;
    }
    return buf_status(&exporter->log, err);
}

static enum status play_log(struct exporter *exporter, struct err *err)
{
    const struct world_params *p = world_params(exporter->world);
    buf_text(&exporter->log, "user_id,item_id,time_ms,date");
    for (size_t h = 0; h < p->n_heads; h++)
        buf_printf(&exporter->log, ",%s", p->heads[h].name);
    buf_text(&exporter->log, ",tab,hour\n");
    const struct world_run run = {exporter->world, -p->log_days, p->log_days, logger_policy, log_slate, exporter};
    int64_t first;
    size_t n;
    world_run_users(&run, &first, &n);
    exporter->counts.users = n;
    double *totals = mem_alloc(n * (WORLD_RUN_HEADS + p->n_heads), sizeof *totals);
    if (totals == NULL)
        return err_no_memory(err);
    const enum status s = world_run(&run, totals, err);
    mem_free(totals);
    return s;
}

static void write_users(const struct world *world, struct buf *csv)
{
    const struct world_params *p = world_params(world);
    buf_text(csv, "user_id,segment,interest\n");
    for (int64_t u = 0; u < p->log_users; u++) {
        struct world_user user;
        char id[WORLD_ID];
        world_user(world, u, &user);
        world_model_user(world, &user, id);
        buf_printf(csv, "%s,%s,c%d\n", id, p->segments[user.segment].name, user.interest);
    }
    for (size_t s = 0; s < p->n_segments; s++) {
        for (int c = 0; c < p->n_categories; c++) {
            const struct world_user user = {.index = p->log_users, .segment = (int)s, .interest = c};
            char id[WORLD_ID];
            world_model_user(world, &user, id);
            buf_printf(csv, "%s,%s,c%d\n", id, p->segments[s].name, c);
        }
    }
}

static void write_items(const struct world *world, struct buf *csv)
{
    buf_text(csv, "item_id,category");
    for (size_t c = 0; c < WORLD_COLUMNS; c++)
        buf_printf(csv, ",%s", world_column_name(c));
    buf_char(csv, '\n');
    for (size_t i = 0; i < (size_t)world_params(world)->n_items; i++) {
        const struct world_item *item = world_item(world, i);
        char id[WORLD_ITEM_ID];
        world_item_id(i, id);
        buf_printf(csv, "%s,c%d", id, item->category);
        for (size_t c = 0; c < WORLD_COLUMNS; c++)
            buf_printf(csv, ",%.4f", item->column[c]);
        buf_char(csv, '\n');
    }
}

static void write_column(struct json_writer *w, const char *name, const char *column, const char *kind)
{
    json_write_object(w);
    json_write_key(w, "name");
    json_write_string(w, name);
    if (column != NULL) {
        json_write_key(w, "column");
        json_write_string(w, column);
    }
    if (kind != NULL) {
        json_write_key(w, "kind");
        json_write_string(w, kind);
    }
    json_write_object_end(w);
}

static void write_pairs(struct json_writer *w, const char *const *pairs)
{
    for (; pairs[0] != NULL; pairs += 2) {
        json_write_key(w, pairs[0]);
        json_write_string(w, pairs[1]);
    }
}

static void write_log_schema(const struct world *world, struct json_writer *w)
{
    static const char *const pairs[] = {"file",    "log.csv", "user", "user_id", "item", "item_id",
                                        "time_ms", "time_ms", "day",  "date",    NULL};
    json_write_object(w);
    write_pairs(w, pairs);
    json_write_key(w, "heads");
    json_write_array(w);
    for (size_t h = 0; h < world_params(world)->n_heads; h++)
        write_column(w, world_params(world)->heads[h].name, world_params(world)->heads[h].name, NULL);
    json_write_array_end(w);
    json_write_key(w, "context");
    json_write_array(w);
    write_column(w, "tab", "tab", "categorical");
    write_column(w, "hour", "hour", "numeric");
    json_write_array_end(w);
    json_write_object_end(w);
}

static void write_schema(const struct world *world, struct buf *json)
{
    static const char *const users[] = {"file", "users.csv", "id", "user_id", NULL};
    static const char *const items[] = {"file", "items.csv", "id", "item_id", NULL};
    struct json_writer w;
    json_writer_init(&w, json);
    json_write_object(&w);
    json_write_key(&w, "version");
    json_write_int(&w, 1);
    json_write_key(&w, "log");
    write_log_schema(world, &w);
    json_write_key(&w, "users");
    json_write_object(&w);
    write_pairs(&w, users);
    json_write_key(&w, "columns");
    json_write_array(&w);
    write_column(&w, "segment", NULL, "categorical");
    write_column(&w, "interest", NULL, "categorical");
    json_write_array_end(&w);
    json_write_object_end(&w);
    json_write_key(&w, "items");
    json_write_object(&w);
    write_pairs(&w, items);
    json_write_key(&w, "columns");
    json_write_array(&w);
    write_column(&w, "category", NULL, "categorical");
    for (size_t c = 0; c < WORLD_COLUMNS; c++)
        write_column(&w, world_column_name(c), NULL, "numeric");
    json_write_array_end(&w);
    json_write_object_end(&w);
    json_write_object_end(&w);
    buf_char(json, '\n');
}

static enum status write_file(const char *folder, const char *name, const struct buf *text, struct err *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, name);
    enum status s = buf_status(text, err);
    if (s == STATUS_OK)
        s = buf_status(&path, err);
    if (s == STATUS_OK)
        s = file_write_atomic(buf_string(&path), text->data, text->length, 0644, err);
    buf_done(&path);
    return s;
}

static enum status write_folder(const struct exporter *exporter, const char *folder, struct err *err)
{
    struct buf users = BUF_INIT, items = BUF_INIT, schema = BUF_INIT;
    write_users(exporter->world, &users);
    write_items(exporter->world, &items);
    write_schema(exporter->world, &schema);
    enum status s = file_make_dirs(folder, 0755, err);
    if (s == STATUS_OK)
        s = write_file(folder, "log.csv", &exporter->log, err);
    if (s == STATUS_OK)
        s = write_file(folder, "users.csv", &users, err);
    if (s == STATUS_OK)
        s = write_file(folder, "items.csv", &items, err);
    if (s == STATUS_OK)
        s = write_file(folder, "schema.json", &schema, err);
    buf_done(&users);
    buf_done(&items);
    buf_done(&schema);
    return s;
}

enum status export_world(const struct world_params *params, const char *folder, struct export_counts *ret,
                         struct err *err)
{
    struct world *world = NULL;
    TRY(world_open(params, LOG_PLAY_SEED, &world, err));
    struct exporter exporter = {.world = world, .log = BUF_INIT};
    enum status s = play_log(&exporter, err);
    if (s == STATUS_OK)
        s = write_folder(&exporter, folder, err);
    if (s == STATUS_OK)
        *ret = exporter.counts;
    buf_done(&exporter.log);
    world_close(world);
    return s;
}
