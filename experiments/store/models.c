/* Which models served a round while it was open: one row each time another one began to.
 *
 * Requests end with the model that they began with, so the model before may still rank for the round when the next one
 * is noted, and may rank for a round that was opened meanwhile; an exposure notes what is not there yet. */
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "experiments/store/store_internal.h"

static const char META_MODEL[] = "model";

enum status models_load_current(struct store *store, struct err *err)
{
    bool there = false;
    store->model_hash[0] = '\0';
    return store_meta_get(store, META_MODEL, store->model_hash, sizeof store->model_hash, &there, err);
}

static enum status append(struct hot_round *round, const char *hash, int64_t from_ms, struct err *err)
{
    struct round_model *more = mem_resize(round->models, round->n_models + 1, sizeof *more);
    if (!more)
        return err_no_memory(err);
    round->models = more;
    struct round_model *model = &round->models[round->n_models++];
    snprintf(model->hash, sizeof model->hash, "%s", hash);
    model->from_ms = from_ms;
    return STATUS_OK;
}

enum status models_load(struct store *store, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_MODELS];
    bool row = true;
    db_bind_int(stmt, 1, round->id);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        s = append(round, db_column_text(stmt, 0), db_column_int(stmt, 1), err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    if (s == STATUS_OK && round->n_models == 0)
        s = err_set(err, STATUS_CORRUPT, "round %lld has no model", (long long)round->id);
    return s;
}

enum status models_note(struct store *store, struct hot_round *round, const char *hash, struct err *err)
{
    if (round->n_models > 0 && strcmp(round->models[round->n_models - 1].hash, hash) == 0)
        return STATUS_OK;
    struct db_stmt *stmt = store->sql[SQL_ROUND_MODEL_ADD];
    const int64_t now_ms = store_now_ms(store);
    store->dirty = true;
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, (int64_t)round->n_models);
    db_bind_text(stmt, 3, hash);
    db_bind_int(stmt, 4, now_ms);
    TRY(db_run(stmt, err));
    return append(round, hash, now_ms, err);
}

enum status models_note_ranked(struct store *store, struct hot_round *round, const char *hash, struct err *err)
{
    for (size_t i = round->n_models; i-- > 0;) {
        if (strcmp(round->models[i].hash, hash) == 0)
            return STATUS_OK;
    }
    return models_note(store, round, hash, err);
}

enum status store_set_model(struct store *store, const char *hash, struct err *err)
{
    store->dirty = true;
    snprintf(store->model_hash, sizeof store->model_hash, "%s", hash);
    TRY(store_meta_put(store, META_MODEL, store->model_hash, sizeof store->model_hash, err));
    for (size_t i = 0; i < store->n_experiments; i++) {
        struct hot_round *round = store->experiments[i]->round;
        if (round && round->life.state == ROUND_OPEN)
            TRY(models_note(store, round, hash, err));
    }
    return STATUS_OK;
}
