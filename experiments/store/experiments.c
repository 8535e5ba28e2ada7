#include <string.h>

#include "base/core/mem.h"
#include "experiments/core/eligibility.h"
#include "experiments/store/definition.h"
#include "experiments/store/store_internal.h"

/* The canonical text of a document: what "the same body" means. */
static enum status canonical(const struct json_at *body, struct buf *ret, struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, ret);
    return json_write_canonical(&w, body, err);
}

static enum status same_body(const struct experiment *e, const struct buf *text, struct err *err)
{
    struct buf own = BUF_INIT;
    struct json_at root = json_root(e->body);
    enum status s = canonical(&root, &own, err);
    if (s == STATUS_OK && strcmp(buf_string(&own), buf_string(text)) != 0)
        s = err_set(err, STATUS_CONFLICT, "experiment %s exists with another body: an experiment never changes",
                    e->name);
    buf_done(&own);
    return s;
}

static enum status insert_default(struct store *store, struct experiment *e, const char *reason, int64_t if_version,
                                  struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_DEFAULT_ADD];
    struct buf weights = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &weights);
    definition_write_weights(&w, &e->plan, e->default_weights);
    enum status s = buf_status(&weights, err);
    if (s == STATUS_OK) {
        db_bind_int(stmt, 1, e->id);
        db_bind_int(stmt, 2, e->default_version);
        db_bind_text(stmt, 3, buf_string(&weights));
        db_bind_text(stmt, 4, reason);
        db_bind_int(stmt, 5, store_now_ms(store));
        db_bind_int(stmt, 6, if_version);
        s = db_run(stmt, err);
    }
    buf_done(&weights);
    return s;
}

static enum status insert_experiment(struct store *store, const char *name, const struct experiment_plan *plan,
                                     const struct buf *text, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_EXPERIMENT_ADD];
    db_bind_text(stmt, 1, name);
    db_bind_text(stmt, 2, buf_string(text));
    db_bind_int(stmt, 3, store_now_ms(store));
    TRY(db_run(stmt, err));
    int64_t id = db_last_id(store->db);
    struct experiment *e = store_add_experiment(store);
    if (!e)
        return err_no_memory(err);
    e->id = id;
    e->plan = *plan;
    e->next_round = 1;
    e->default_version = 1;
    memcpy(e->name, name, strlen(name) + 1);
    memcpy(e->default_weights, plan->default_weights, sizeof e->default_weights);
    TRY(json_parse(text->data, text->length, NULL, &e->body, err));
    TRY(insert_default(store, e, "created", 0, err));
    return store_publish(store, e, err);
}

static enum status check_layer(const struct store *store, const struct experiment_plan *plan, struct err *err)
{
    for (size_t i = 0; i < store->n_experiments; i++) {
        const struct experiment *e = store->experiments[i];
        if (layer_overlaps(&plan->layer, &e->plan.layer))
            return err_set(err, STATUS_CONFLICT,
                           "layer %s from %g to %g overlaps with experiment %s: that has %g to %g", plan->layer.name,
                           plan->layer.from, plan->layer.to, e->name, e->plan.layer.from, e->plan.layer.to);
    }
    return STATUS_OK;
}

enum status store_experiment_put(struct store *store, const char *name, const struct json_at *body, bool *ret_new,
                                 struct err *err)
{
    struct experiment_plan plan;
    struct experiment *e = NULL;
    struct buf text = BUF_INIT;
    TRY(definition_check_name("experiment", name, err));
    TRY(definition_experiment(body, &plan, err));
    enum status s = canonical(body, &text, err);
    if (s == STATUS_OK) {
        *ret_new = store_find(store, name, &e, NULL) != STATUS_OK;
        if (*ret_new)
            s = check_layer(store, &plan, err);
    }
    if (s == STATUS_OK) {
        store->dirty = store->dirty || *ret_new;
        s = *ret_new ? insert_experiment(store, name, &plan, &text, err) : same_body(e, &text, err);
    }
    buf_done(&text);
    return s;
}

static struct experiment_info info_of(const struct experiment *e)
{
    struct experiment_info info = {.name = e->name,
                                   .body = json_root(e->body),
                                   .plan = &e->plan,
                                   .default_version = e->default_version,
                                   .next_round = e->next_round,
                                   .default_weights = e->default_weights};
    const struct hot_round *round = e->round;
    if (round) {
        info.round = round->number;
        info.opened_ms = round->life.opened_ms;
        info.units = tally_units(&round->tally);
        info.round_plan = &round->plan;
        info.round_body = json_root(round->body);
        info.round_state = round_state_name(round->life.state);
    }
    return info;
}

enum status store_experiments(struct store *store, const char *name, store_visit *visit, void *context, struct err *err)
{
    struct experiment *e = NULL;
    if (name)
        TRY(store_find(store, name, &e, err));
    for (size_t i = 0; i < store->n_experiments; i++) {
        if (name && store->experiments[i] != e)
            continue;
        struct experiment_info info = info_of(store->experiments[i]);
        visit(context, &info);
    }
    return STATUS_OK;
}

static bool same_weights(const struct experiment *e, const double *weights)
{
    for (size_t h = 0; h < e->plan.n_heads; h++) {
        if (weights[h] < e->default_weights[h] || weights[h] > e->default_weights[h])
            return false;
    }
    return true;
}

static enum status set_default(struct store *store, struct experiment *e, const double *weights,
                               const struct default_change *change, struct err *err)
{
    if (change->if_version != e->default_version) {
        /* A retry after a crash: this very change has been made already. */
        if (change->if_version == e->default_if_version && same_weights(e, weights))
            return STATUS_OK;
        return err_set(err, STATUS_CONFLICT, "if_version is %lld: the default weights of %s are at version %lld",
                       (long long)change->if_version, e->name, (long long)e->default_version);
    }
    store->dirty = true;
    memcpy(e->default_weights, weights, sizeof e->default_weights);
    e->default_if_version = change->if_version;
    e->default_version++;
    TRY(insert_default(store, e, change->reason, change->if_version, err));
    return store_publish(store, e, err);
}

enum status store_default_put(struct store *store, const char *experiment, const struct default_change *change,
                              struct buf *ret, struct err *err)
{
    struct experiment *e = NULL;
    double weights[PLAN_MAX_HEADS];
    struct json_writer w;
    TRY(store_find(store, experiment, &e, err));
    TRY(definition_weights(&change->weights, &e->plan, weights, err));
    TRY(set_default(store, e, weights, change, err));
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "version");
    json_write_int(&w, e->default_version);
    json_write_key(&w, "weights");
    definition_write_weights(&w, &e->plan, e->default_weights);
    json_write_object_end(&w);
    return buf_status(ret, err);
}

static enum status write_history(struct db_stmt *stmt, struct json_writer *w, struct err *err)
{
    bool row = true;
    TRY(db_step(stmt, &row, err));
    while (row) {
        json_write_object(w);
        json_write_key(w, "version");
        json_write_int(w, db_column_int(stmt, 0));
        json_write_key(w, "weights");
        json_write_raw(w, db_column_text(stmt, 1));
        json_write_key(w, "reason");
        json_write_string(w, db_column_text(stmt, 2));
        json_write_key(w, "at_ms");
        json_write_int(w, db_column_int(stmt, 3));
        json_write_object_end(w);
        TRY(db_step(stmt, &row, err));
    }
    return STATUS_OK;
}

enum status store_default_history(struct store *store, const char *experiment, struct buf *ret, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_DEFAULTS];
    struct experiment *e = NULL;
    struct json_writer w;
    TRY(store_find(store, experiment, &e, err));
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "history");
    json_write_array(&w);
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, INT64_MAX);
    enum status s = write_history(stmt, &w, err);
    db_reset(stmt);
    json_write_array_end(&w);
    json_write_object_end(&w);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}
