#include <string.h>

#include "experiments/store/store_internal.h"

/* A request the client named before: its reply, or a conflict. */
static enum status find_named(struct store *store, const struct exposure *x, bool *ret_there, struct buf *ret_reply,
                              struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_REQUEST_GET];
    size_t n = 0;
    db_bind_text(stmt, 1, x->request_name);
    enum status s = db_step(stmt, ret_there, err);
    if (s == STATUS_OK && *ret_there) {
        const void *hash = db_column_blob(stmt, 0, &n);
        if (n != DIGEST_SIZE || memcmp(hash, x->body_hash, DIGEST_SIZE) != 0)
            s = err_set(err, STATUS_CONFLICT, "request_id %s was used with another body", x->request_name);
        else
            buf_text(ret_reply, db_column_text(stmt, 6));
    }
    db_reset(stmt);
    return s == STATUS_OK ? buf_status(ret_reply, err) : s;
}

/* So that twice as many are looked at as come, whatever their number. */
enum status requests_expire(struct store *store, int64_t n, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_REQUESTS_NEXT];
    bool row = false;
    db_bind_int(stmt, 1, store->expired_to);
    db_bind_int(stmt, 2, n);
    enum status s = db_step(stmt, &row, err);
    const int64_t to = s == STATUS_OK && row && !db_column_is_null(stmt, 0) ? db_column_int(stmt, 0) : 0;
    db_reset(stmt);
    if (s != STATUS_OK || to == 0) {
        store->expired_to = 0; /* the end of the table: from its start again */
        return s;
    }
    stmt = store->sql[SQL_REQUESTS_EXPIRE];
    db_bind_int(stmt, 1, store->expired_to);
    db_bind_int(stmt, 2, to);
    db_bind_int(stmt, 3, store_now_ms(store) - REQUEST_KEPT_MS);
    store->expired_to = to;
    return db_run(stmt, err);
}

static enum status save_named(struct store *store, const struct exposure *x, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_REQUEST_ADD];
    uint8_t key[16];
    key_bytes(x->key, key);
    db_bind_text(stmt, 1, x->request_name);
    db_bind_blob(stmt, 2, x->body_hash, DIGEST_SIZE);
    db_bind_int(stmt, 3, x->view->experiment);
    db_bind_int(stmt, 4, x->view->number);
    db_bind_int(stmt, 5, (int64_t)x->arm);
    db_bind_blob(stmt, 6, key, sizeof key);
    db_bind_int(stmt, 7, x->at_ms);
    db_bind_text(stmt, 8, x->reply);
    char buf[UNIT_HASH_SIZE];
    db_bind_text(stmt, 9, view_unit_name(x->view, x->unit, buf));
    TRY(db_run(stmt, err));
    return requests_expire(store, 2, err);
}

enum status exposure_unit(struct store *store, struct hot_round *round, const struct exposure *x, uint32_t *ret,
                          struct err *err)
{
    if (keymap_find(&round->units, x->key, ret))
        return STATUS_OK;
    struct db_stmt *stmt = store->sql[SQL_UNIT_ADD];
    char buf[UNIT_HASH_SIZE];
    const char *name = view_unit_name(x->view, x->unit, buf);
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->tally.n_units);
    db_bind_text(stmt, 3, name);
    db_bind_int(stmt, 4, (int64_t)x->arm);
    TRY(db_run(stmt, err));
    TRY(tally_add_unit(&round->tally, hot_round_group(round, x->arm), ret, err));
    hot_round_came_from(round, *ret, name);
    TRY(covariates_load(store, store_by_number(store, x->view->experiment), round, name, *ret, err));
    return keymap_insert(&round->units, x->key, *ret, err);
}

enum status exposure_record(struct store *store, struct experiment *e, const struct exposure *x, struct err *err)
{
    struct hot_round *round = e->round;
    struct db_stmt *stmt = store->sql[SQL_EXPOSURE_ADD];
    uint32_t unit = 0;
    store->dirty = true;
    TRY(exposure_unit(store, round, x, &unit, err));
    if (x->model_hash)
        TRY(models_note_ranked(store, round, x->model_hash, err));
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->exposure_seq++);
    db_bind_int(stmt, 3, unit);
    db_bind_int(stmt, 4, x->at_ms);
    db_bind_int(stmt, 5, x->items);
    TRY(db_run(stmt, err));
    if (round_life_counts(&round->life, &round->plan, x->at_ms))
        tally_expose(&round->tally, unit, x->at_ms, x->items);
    return store_advance(store, e, false, err);
}

/* A unit that the live rounds have no room for. */
static bool no_room(const struct store *store, const struct experiment *e, const struct exposure *x)
{
    return x->arm != ARM_NONE && store_full(store) && !keymap_find(&e->round->units, x->key, NULL);
}

enum status store_expose(struct store *store, const struct exposure *x, enum exposure_result *ret,
                         struct buf *ret_reply, struct err *err)
{
    struct experiment *e = store_by_number(store, x->view->experiment);
    bool there = false;
    if (x->request_name)
        TRY(find_named(store, x, &there, ret_reply, err));
    *ret = there ? EXPOSURE_REPEAT : e && e->view == x->view ? EXPOSURE_RECORDED : EXPOSURE_STALE;
    if (*ret == EXPOSURE_RECORDED && no_room(store, e, x))
        *ret = EXPOSURE_FULL;
    if (*ret != EXPOSURE_RECORDED)
        return STATUS_OK;
    if (x->request_name)
        TRY(save_named(store, x, err));
    return x->arm == ARM_NONE ? STATUS_OK : exposure_record(store, e, x, err);
}
