#include <string.h>

#include "experiments/store/store_internal.h"

struct key128 event_key(const struct store *store, const char *event_id)
{
    uint8_t text[REQUEST_KEY_SIZE + PLAN_TEXT_SIZE], digest[DIGEST_SIZE];
    size_t n = strnlen(event_id, PLAN_TEXT_SIZE);
    memcpy(text, store->key, REQUEST_KEY_SIZE);
    memcpy(text + REQUEST_KEY_SIZE, event_id, n);
    digest_sha256(text, REQUEST_KEY_SIZE + n, digest);
    return key_from_bytes(digest);
}

/* Where an event belongs. */
enum place {
    PLACE_UNIT,    /* a counted unit of a live round */
    PLACE_NOWHERE, /* a request that is known and not counted: the default, or the washout */
    PLACE_FINAL,   /* a round whose results are frozen */
    PLACE_ORPHAN
};
struct target {
    struct hot_round *round; /* NULL: not a live one */
    uint32_t unit;
    int64_t exposure_ms;
};

static bool read_named(struct db_stmt *stmt, struct request_id *ret)
{
    size_t n = 0;
    const void *key = db_column_blob(stmt, 4, &n);
    if (n != 16)
        return false;
    *ret = (struct request_id){.experiment = (uint32_t)db_column_int(stmt, 1),
                               .round = (uint32_t)db_column_int(stmt, 2),
                               .arm = (uint8_t)db_column_int(stmt, 3),
                               .exposure_ms = db_column_int(stmt, 5),
                               .unit = key_from_bytes(key)};
    return true;
}

static enum status find_named(struct store *store, const char *name, struct request_id *ret, bool *ret_there,
                              struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_REQUEST_GET];
    db_bind_text(stmt, 1, name);
    enum status s = db_step(stmt, ret_there, err);
    if (s == STATUS_OK && *ret_there)
        *ret_there = read_named(stmt, ret);
    db_reset(stmt);
    return s;
}

/* The live round of that number; otherwise *ret_place says what it is. */
static struct hot_round *live_round(const struct experiment *e, int64_t number, enum place *ret_place)
{
    if (e && e->round && e->round->number == number)
        return e->round;
    *ret_place = e && number >= 1 && number < e->next_round ? PLACE_FINAL : PLACE_ORPHAN;
    return NULL;
}

static enum place place_request(struct store *store, const struct request_id *id, struct target *ret)
{
    enum place place = PLACE_ORPHAN;
    struct experiment *e = store_by_number(store, id->experiment);
    if (e && (id->round == 0 || id->arm == ARM_NONE))
        return PLACE_NOWHERE;
    ret->round = live_round(e, id->round, &place);
    if (!ret->round)
        return place;
    ret->exposure_ms = id->exposure_ms;
    if (!keymap_find(&ret->round->units, id->unit, &ret->unit))
        return PLACE_ORPHAN;
    if (!round_life_counts(&ret->round->life, &ret->round->plan, id->exposure_ms))
        return PLACE_NOWHERE;
    /* Signed and yet never counted: an id from a database that was rolled back to a copy. */
    return ret->round->tally.counted[ret->unit] ? PLACE_UNIT : PLACE_ORPHAN;
}

/* A unit that an event puts into another arm than its own: noted once, and the event is an orphan. */
static enum status note_stray(struct store *store, struct hot_round *round, uint32_t unit, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_UNIT_STRAY];
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, unit);
    TRY(db_run(stmt, err));
    round->strays += db_changes(store->db);
    return STATUS_OK;
}

/* In the live round of the experiment. */
static struct key128 unit_key(const struct store *store, const struct experiment *e, const char *unit)
{
    char buf[UNIT_HASH_SIZE];
    return assign_hash(e->round->plan.salt, store_unit_name(store, e, unit, buf)).key;
}

static enum status place_explicit(struct store *store, const struct store_event *event, struct target *ret,
                                  enum place *ret_place, struct err *err)
{
    struct experiment *e = NULL;
    if (store_find(store, event->experiment, &e, NULL) != STATUS_OK)
        return STATUS_OK;
    ret->round = live_round(e, event->round, ret_place);
    if (!ret->round)
        return STATUS_OK;
    struct hot_round *round = ret->round;
    if (!keymap_find(&round->units, unit_key(store, e, event->unit), &ret->unit))
        return STATUS_OK;
    if (strcmp(hot_round_group_id(round, round->tally.arm[ret->unit]), event->arm) != 0)
        return note_stray(store, round, ret->unit, err);
    ret->exposure_ms = round->tally.first_ms[ret->unit];
    *ret_place = round->tally.counted[ret->unit] ? PLACE_UNIT : PLACE_NOWHERE;
    return STATUS_OK;
}

static enum status place_of(struct store *store, const struct store_event *event, struct target *ret,
                            enum place *ret_place, struct err *err)
{
    struct request_id id = {0};
    bool there = event->opened;
    *ret = (struct target){0};
    *ret_place = PLACE_ORPHAN;
    if (event->opened)
        id = event->request;
    else if (event->request_name)
        TRY(find_named(store, event->request_name, &id, &there, err));
    else
        return place_explicit(store, event, ret, ret_place, err);
    if (there)
        *ret_place = place_request(store, &id, ret);
    return STATUS_OK;
}

static enum status insert_event(struct store *store, struct hot_round *round, uint32_t unit, int64_t age_ms,
                                const struct store_event *event, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_EVENT_ADD];
    uint8_t key[16];
    key_bytes(event->key, key);
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->event_seq++);
    db_bind_blob(stmt, 3, key, sizeof key);
    db_bind_int(stmt, 4, unit);
    db_bind_text(stmt, 5, event->type);
    db_bind_int(stmt, 6, event->value);
    db_bind_int(stmt, 7, event->at_ms);
    db_bind_int(stmt, 8, age_ms);
    db_bind_text(stmt, 9, event->item);
    if (event->position >= 0)
        db_bind_int(stmt, 10, event->position);
    return db_run(stmt, err);
}

static enum status count_event(struct store *store, const struct target *target, const struct store_event *event,
                               struct event_counts *counts, struct err *err)
{
    struct hot_round *round = target->round;
    int64_t age_ms = event->at_ms - target->exposure_ms;
    enum event_outcome outcome = EVENT_UNUSED;
    if (keymap_find(&round->events, event->key, NULL)) {
        counts->duplicates++;
        return STATUS_OK;
    }
    TRY(tally_event(&round->tally, target->unit, event->type, event->value, age_ms, event->at_ms, &outcome, err));
    TRY(keymap_insert(&round->events, event->key, 0, err));
    TRY(insert_event(store, round, target->unit, age_ms, event, err));
    if (outcome == EVENT_LATE)
        counts->late++;
    else
        counts->accepted++;
    return STATUS_OK;
}

/* Orphans of a live round are told in its results. */
static enum status count_orphan(struct store *store, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_STRAYS];
    if (!round)
        return STATUS_OK;
    round->orphans++;
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->orphans);
    db_bind_int(stmt, 3, round->strays);
    return db_run(stmt, err);
}

/* What the event says was shown, if the unit belongs to that arm. */
static bool read_exposure(const struct store *store, const struct experiment *e, const struct store_event *event,
                          struct exposure *ret)
{
    const struct round_life *life = &e->round->life;
    const int64_t now_ms = clock_now_ms(store->clock), at_ms = event->at_ms < now_ms ? event->at_ms : now_ms;
    *ret = (struct exposure){.view = e->view,
                             .unit = event->unit,
                             .at_ms = at_ms > life->opened_ms ? at_ms : life->opened_ms,
                             .items = event->value / MOMENTS_SCALE};
    ret->arm = view_assign(e->view, event->unit, &ret->key);
    return ret->arm != ARM_NONE && strcmp(view_arm_id(e->view, ret->arm), event->arm) == 0;
}

static enum status count_exposure(struct store *store, struct experiment *e, const struct store_event *event,
                                  struct event_counts *counts, struct err *err)
{
    struct hot_round *round = e->round;
    struct exposure x;
    uint32_t unit = 0;
    if (!read_exposure(store, e, event, &x)) {
        counts->orphans++;
        if (keymap_find(&round->units, unit_key(store, e, event->unit), &unit))
            TRY(note_stray(store, round, unit, err));
        return count_orphan(store, round, err);
    }
    if (keymap_find(&round->events, event->key, NULL)) {
        counts->duplicates++;
        return STATUS_OK;
    }
    TRY(exposure_unit(store, round, &x, &unit, err));
    TRY(keymap_insert(&round->events, event->key, 0, err));
    TRY(insert_event(store, round, unit, 0, event, err));
    counts->accepted++;
    return exposure_record(store, e, &x, err);
}

static enum status ingest_exposure(struct store *store, const struct store_event *event, struct event_counts *counts,
                                   struct err *err)
{
    struct experiment *e = NULL;
    enum place place = PLACE_ORPHAN;
    if (store_find(store, event->experiment, &e, NULL) != STATUS_OK || !live_round(e, event->round, &place)) {
        counts->late += place == PLACE_FINAL;
        counts->orphans += place == PLACE_ORPHAN;
        return STATUS_OK;
    }
    if (e->round->life.state != ROUND_OPEN) {
        counts->late++;
        return STATUS_OK;
    }
    return count_exposure(store, e, event, counts, err);
}

static enum status ingest_event(struct store *store, const struct store_event *event, struct event_counts *counts,
                                struct err *err)
{
    struct target target;
    enum place place;
    TRY(place_of(store, event, &target, &place, err));
    if (place == PLACE_UNIT)
        TRY(count_event(store, &target, event, counts, err));
    else if (place == PLACE_ORPHAN)
        TRY(count_orphan(store, target.round, err));
    counts->accepted += place == PLACE_NOWHERE;
    counts->late += place == PLACE_FINAL;
    counts->orphans += place == PLACE_ORPHAN;
    return STATUS_OK;
}

enum status store_ingest(struct store *store, size_t n, const struct store_event *events, struct event_counts *ret,
                         struct err *err)
{
    struct event_counts counts = {0};
    if (store_full(store))
        return err_set(err, STATUS_UNAVAILABLE, "the live rounds hold %zu MB, all they may: end one or raise --hot-mb",
                       store_hot_bytes(store) >> 20);
    store->dirty = true;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(events[i].type, EVENT_EXPOSURE) == 0)
            TRY(ingest_exposure(store, &events[i], &counts, err));
        else
            TRY(ingest_event(store, &events[i], &counts, err));
    }
    *ret = counts;
    return STATUS_OK;
}
