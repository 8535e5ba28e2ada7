#include "experiments/store/removal.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "experiments/store/store_internal.h"

/* A round the unit is in. */
struct place {
    int64_t round, unit;
    int64_t next_exposure, next_event; /* rows before these were read */
    int64_t watermark_ms;              /* of the other units' events that were read; of a live round */
};

struct row {
    size_t place;
    bool is_event;
    int64_t seq;
};

struct removal {
    char unit[PLAN_TEXT_SIZE], hash[UNIT_HASH_SIZE]; /* hash "": not needed so far */
    bool started, units_read;
    int64_t n_frozen;          /* of the store, when the search began */
    int64_t at_round, at_unit; /* units up to here were read */
    struct place *places;
    size_t n_places;
    struct row *rows;
    size_t n_rows, rows_capacity;
    int64_t rows_a_step, left; /* left: rows this step may still read */
    struct removal_counts counts;
};

enum status removal_new(const char *unit, int64_t rows_a_step, struct removal **ret, struct err *err)
{
    struct removal *r = mem_alloc(1, sizeof *r);
    if (!r)
        return err_no_memory(err);
    r->rows_a_step = rows_a_step;
    snprintf(r->unit, sizeof r->unit, "%s", unit);
    *ret = r;
    return STATUS_OK;
}

void removal_free(struct removal *r)
{
    if (!r)
        return;
    mem_free(r->places);
    mem_free(r->rows);
    mem_free(r);
}

struct removal_counts removal_result(const struct removal *r)
{
    return r->counts;
}

static void start_over(struct removal *r, const struct store *store)
{
    r->started = true;
    r->units_read = false;
    r->n_frozen = store->n_frozen;
    r->at_round = r->at_unit = 0;
    r->n_places = r->n_rows = 0;
}

static enum status add_place(struct removal *r, int64_t round, int64_t unit, struct err *err)
{
    struct place *more = mem_resize(r->places, r->n_places + 1, sizeof *more);
    if (!more)
        return err_no_memory(err);
    r->places = more;
    r->places[r->n_places++] = (struct place){.round = round, .unit = unit};
    return STATUS_OK;
}

static enum status add_row(struct removal *r, const struct row *row, struct err *err)
{
    if (r->n_rows == r->rows_capacity) {
        size_t n = r->rows_capacity ? 2 * r->rows_capacity : 64;
        struct row *more = mem_resize(r->rows, n, sizeof *more);
        if (!more)
            return err_no_memory(err);
        r->rows = more;
        r->rows_capacity = n;
    }
    r->rows[r->n_rows++] = *row;
    return STATUS_OK;
}

/* The experiment of the live round with that id; NULL: the round is final. */
static struct experiment *live_in(const struct store *store, int64_t round)
{
    for (size_t i = 0; i < store->n_experiments; i++) {
        if (store->experiments[i]->round && store->experiments[i]->round->id == round)
            return store->experiments[i];
    }
    return NULL;
}

static struct hot_round *live(const struct store *store, int64_t round)
{
    const struct experiment *e = live_in(store, round);
    return e ? e->round : NULL;
}

/* What the experiment calls the unit. */
static const char *name_in(const struct store *store, const struct experiment *e, struct removal *r)
{
    if (e->plan.hash_units && r->hash[0] == '\0')
        (void)store_unit_name(store, e, r->unit, r->hash);
    return e->plan.hash_units ? r->hash : r->unit;
}

static enum status read_units(struct store *store, struct removal *r, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_UNITS_ALL];
    bool row = true;
    const int64_t limit = r->left;
    db_bind_int(stmt, 1, r->at_round);
    db_bind_int(stmt, 2, r->at_unit);
    db_bind_int(stmt, 3, limit);
    enum status s = db_step(stmt, &row, err);
    for (; s == STATUS_OK && row; s = s == STATUS_OK ? db_step(stmt, &row, err) : s) {
        r->left--;
        r->at_round = db_column_int(stmt, 0);
        r->at_unit = db_column_int(stmt, 1);
        const struct experiment *e = store_by_number(store, db_column_int(stmt, 3));
        if (e && strcmp(db_column_text(stmt, 2), name_in(store, e, r)) == 0 && !live(store, r->at_round))
            s = add_place(r, r->at_round, r->at_unit, err);
    }
    db_reset(stmt);
    r->units_read = r->left > 0;
    return s;
}

/* Live rounds that hold the unit are places too.  *ret_moved: one held it under another number. */
static enum status find_live(const struct store *store, struct removal *r, bool *ret_moved, struct err *err)
{
    *ret_moved = false;
    for (size_t i = 0; i < store->n_experiments; i++) {
        const struct hot_round *round = store->experiments[i]->round;
        uint32_t unit = 0;
        size_t p = 0;
        while (round && p < r->n_places && r->places[p].round != round->id)
            p++;
        const bool known = round && p < r->n_places;
        const bool there =
            round && keymap_find(&round->units,
                                 assign_hash(round->plan.salt, name_in(store, store->experiments[i], r)).key, &unit);
        if (known && (!there || r->places[p].unit != unit))
            *ret_moved = true;
        else if (there && !known)
            TRY(add_place(r, round->id, unit, err));
    }
    return STATUS_OK;
}

/* EXPOSURES and EVENTS begin alike. */
static enum status read_row(const struct hot_round *round, struct removal *r, size_t p, bool is_event,
                            struct db_stmt *stmt, struct err *err)
{
    struct place *place = &r->places[p];
    const int64_t seq = db_column_int(stmt, 0);
    *(is_event ? &place->next_event : &place->next_exposure) = seq + 1;
    r->left--;
    if (db_column_int(stmt, 1) == place->unit)
        return add_row(r, &(struct row){p, is_event, seq}, err);
    if (is_event && round && strcmp(db_column_text(stmt, 3), EVENT_EXPOSURE) != 0 &&
        db_column_int(stmt, 5) > place->watermark_ms &&
        tally_counts(&round->tally, db_column_text(stmt, 3), db_column_int(stmt, 6)))
        place->watermark_ms = db_column_int(stmt, 5);
    return STATUS_OK;
}

static enum status read_rows(struct store *store, struct removal *r, size_t p, bool is_event, struct err *err)
{
    struct db_stmt *stmt = store->sql[is_event ? SQL_EVENTS : SQL_EXPOSURES];
    const struct hot_round *round = live(store, r->places[p].round);
    bool row = true;
    db_bind_int(stmt, 1, r->places[p].round);
    db_bind_int(stmt, 2, is_event ? r->places[p].next_event : r->places[p].next_exposure);
    db_bind_int(stmt, 3, r->left);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        s = read_row(round, r, p, is_event, stmt, err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

/* The row leaves the sums of its live round. */
static void uncount(struct hot_round *round, uint32_t unit, bool is_event, struct db_stmt *stmt)
{
    size_t n = 0;
    if (!is_event) {
        if (round_life_counts(&round->life, &round->plan, db_column_int(stmt, 2)))
            tally_forget_exposure(&round->tally, unit, db_column_int(stmt, 3));
        return;
    }
    const void *key = db_column_blob(stmt, 2, &n);
    if (n == 16)
        (void)keymap_remove(&round->events, key_from_bytes(key));
    if (strcmp(db_column_text(stmt, 3), EVENT_EXPOSURE) != 0)
        tally_forget_event(&round->tally, unit, db_column_text(stmt, 3), db_column_int(stmt, 6));
}

static enum status delete_row(struct store *store, struct removal *r, const struct row *x, struct err *err)
{
    struct db_stmt *stmt = store->sql[x->is_event ? SQL_EVENTS : SQL_EXPOSURES];
    const struct place *place = &r->places[x->place];
    struct hot_round *round = live(store, place->round);
    bool row = false;
    db_bind_int(stmt, 1, place->round);
    db_bind_int(stmt, 2, x->seq);
    db_bind_int(stmt, 3, 1);
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK && row && round)
        uncount(round, (uint32_t)place->unit, x->is_event, stmt);
    db_reset(stmt);
    TRY(s);
    stmt = store->sql[x->is_event ? SQL_EVENT_FORGET : SQL_EXPOSURE_FORGET];
    db_bind_int(stmt, 1, place->round);
    db_bind_int(stmt, 2, x->seq);
    *(x->is_event ? &r->counts.events : &r->counts.exposures) += 1;
    return db_run(stmt, err);
}

/* The unit itself leaves its live round. */
static enum status leave_round(struct store *store, const struct experiment *e, struct removal *r,
                               const struct place *place, struct err *err)
{
    struct hot_round *round = e->round;
    struct db_stmt *stmt = store->sql[SQL_UNIT_GET];
    bool row = false;
    const struct key128 key = assign_hash(round->plan.salt, name_in(store, e, r)).key;
    uint8_t bytes[16];
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, place->unit);
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK && row)
        round->strays -= db_column_int(stmt, 1);
    db_reset(stmt);
    TRY(s);
    tally_forget_unit(&round->tally, (uint32_t)place->unit);
    round->tally.watermark_ms = place->watermark_ms;
    (void)keymap_remove(&round->units, key);
    stmt = store->sql[SQL_ROUND_STRAYS];
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->orphans);
    db_bind_int(stmt, 3, round->strays);
    TRY(db_run(stmt, err));
    key_bytes(key, bytes);
    stmt = store->sql[SQL_REQUESTS_FORGET_OLD];
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, round->number);
    db_bind_blob(stmt, 3, bytes, sizeof bytes);
    TRY(db_run(stmt, err));
    r->counts.requests += db_changes(store->db);
    return STATUS_OK;
}

static enum status delete_place(struct store *store, struct removal *r, const struct place *place, struct err *err)
{
    const struct experiment *e = live_in(store, place->round);
    if (e)
        TRY(leave_round(store, e, r, place, err));
    struct db_stmt *stmt = store->sql[SQL_UNIT_FORGET];
    db_bind_int(stmt, 1, place->round);
    db_bind_int(stmt, 2, place->unit);
    return db_run(stmt, err);
}

/* Views share the set, so it is replaced rather than changed. */
static enum status leave_seen(struct store *store, struct experiment *e, const char *unit, struct err *err)
{
    const struct key128 key = assign_hash("", unit).key;
    if (!e->round || !e->round->seen || !keymap_find(&e->round->seen->keys, key, NULL))
        return STATUS_OK;
    struct seen_units *seen = mem_alloc(1, sizeof *seen);
    if (!seen)
        return err_no_memory(err);
    atomic_init(&seen->references, 1);
    enum status s = keymap_copy(&e->round->seen->keys, &seen->keys, err);
    if (s != STATUS_OK) {
        seen_release(seen);
        return s;
    }
    (void)keymap_remove(&seen->keys, key);
    seen_release(e->round->seen);
    e->round->seen = seen;
    return store_publish(store, e, err);
}

static enum status delete_covariates(struct store *store, const struct experiment *e, struct removal *r,
                                     struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_COVARIATES_FORGET];
    db_bind_int(stmt, 1, e->id);
    db_bind_text(stmt, 2, name_in(store, e, r));
    TRY(db_run(stmt, err));
    r->counts.covariates += db_changes(store->db);
    return STATUS_OK;
}

/* Those of all experiments that call the unit so. */
static enum status delete_requests(struct store *store, struct removal *r, const char *name, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_REQUESTS_FORGET];
    db_bind_text(stmt, 1, name);
    TRY(db_run(stmt, err));
    r->counts.requests += db_changes(store->db);
    return STATUS_OK;
}

static enum status delete_all(struct store *store, struct removal *r, struct err *err)
{
    store->dirty = true;
    r->counts = (struct removal_counts){.rounds = (int64_t)r->n_places};
    for (size_t i = 0; i < r->n_rows; i++)
        TRY(delete_row(store, r, &r->rows[i], err));
    for (size_t p = 0; p < r->n_places; p++)
        TRY(delete_place(store, r, &r->places[p], err));
    TRY(delete_requests(store, r, r->unit, err));
    if (r->hash[0])
        TRY(delete_requests(store, r, r->hash, err));
    for (size_t i = 0; i < store->n_experiments; i++) {
        TRY(delete_covariates(store, store->experiments[i], r, err));
        TRY(leave_seen(store, store->experiments[i], name_in(store, store->experiments[i], r), err));
    }
    return STATUS_OK;
}

enum status removal_step(struct store *store, struct removal *r, bool *ret_done, struct err *err)
{
    bool moved = false;
    *ret_done = false;
    r->left = r->rows_a_step;
    if (!r->started || r->n_frozen != store->n_frozen)
        start_over(r, store);
    if (!r->units_read)
        TRY(read_units(store, r, err));
    TRY(find_live(store, r, &moved, err));
    if (moved) {
        start_over(r, store);
        return STATUS_OK;
    }
    for (size_t p = 0; p < r->n_places && r->left > 0; p++) {
        TRY(read_rows(store, r, p, false, err));
        if (r->left > 0)
            TRY(read_rows(store, r, p, true, err));
    }
    if (!r->units_read || r->left == 0)
        return STATUS_OK;
    *ret_done = true;
    return delete_all(store, r, err);
}
