#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "experiments/core/comparisons.h"
#include "experiments/store/definition.h"
#include "experiments/store/store_internal.h"

void hot_round_free(struct hot_round *round)
{
    if (!round)
        return;
    json_free(round->body);
    tally_done(&round->tally);
    keymap_done(&round->units);
    keymap_done(&round->events);
    mem_free(round->models);
    seen_release(round->seen);
    mem_free(round->before);
    mem_free(round);
}

size_t hot_round_group(const struct hot_round *round, size_t arm)
{
    return arm == ARM_HOLDBACK ? round->plan.n_arms : arm;
}

const char *hot_round_group_id(const struct hot_round *round, size_t group)
{
    return group == round->plan.n_arms ? "holdback" : round->plan.arms[group].id;
}

static void experiment_free(struct experiment *e)
{
    json_free(e->body);
    hot_round_free(e->round);
    mem_free(e);
}

void store_forget(struct store *store)
{
    for (size_t i = 0; i < store->n_experiments; i++)
        experiment_free(store->experiments[i]);
    store->n_experiments = 0;
}

struct experiment *store_add_experiment(struct store *store)
{
    struct experiment **more = mem_resize(store->experiments, store->n_experiments + 1, sizeof(void *));
    if (!more)
        return NULL;
    store->experiments = more;
    struct experiment *e = mem_alloc(1, sizeof *e);
    if (e)
        store->experiments[store->n_experiments++] = e;
    return e;
}

static enum status parse(const char *text, struct json **ret, struct err *err)
{
    return json_parse(text, strlen(text), NULL, ret, err);
}

static enum status load_default(struct store *store, struct experiment *e, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_DEFAULTS];
    struct json *weights = NULL;
    bool row = false;
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, 1);
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK && !row)
        s = err_set(err, STATUS_CORRUPT, "experiment %s has no default weights", e->name);
    if (s == STATUS_OK) {
        e->default_version = db_column_int(stmt, 0);
        e->default_if_version = db_column_int(stmt, 4);
        s = parse(db_column_text(stmt, 1), &weights, err);
    }
    db_reset(stmt);
    if (s == STATUS_OK) {
        struct json_at root = json_root(weights);
        s = definition_weights(&root, &e->plan, e->default_weights, err);
    }
    json_free(weights);
    return s;
}

static enum status load_stops(struct store *store, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ARM_STOPS];
    bool row = true;
    db_bind_int(stmt, 1, round->id);
    enum status s = db_step(stmt, &row, err);
    for (; s == STATUS_OK && row; s = db_step(stmt, &row, err)) {
        int64_t arm = db_column_int(stmt, 0);
        if (arm >= 0 && (size_t)arm < round->plan.n_arms)
            round->stopped[arm] = true;
    }
    db_reset(stmt);
    return s;
}

void hot_round_came_from(struct hot_round *round, uint32_t unit, const char *name)
{
    if (round->before && round->tally.arm[unit] < round->tally.n_arms)
        tally_set_before(&round->tally, unit, carry_over_group(round->before, name));
}

static enum status load_units(struct store *store, const struct experiment *e, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_UNITS];
    bool row = true;
    db_bind_int(stmt, 1, round->id);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        const char *name = db_column_text(stmt, 1);
        const bool forgotten = name[0] == '\0';
        const size_t group = hot_round_group(round, (size_t)db_column_int(stmt, 2));
        uint32_t unit = 0;
        if (group >= round->tally.n_groups || db_column_int(stmt, 0) != round->tally.n_units)
            s = err_set(err, STATUS_CORRUPT, "units of round %lld are not in order", (long long)round->id);
        if (s == STATUS_OK)
            s = tally_add_unit(&round->tally, group, &unit, err);
        if (s == STATUS_OK && !forgotten)
            hot_round_came_from(round, unit, name);
        if (s == STATUS_OK && !forgotten)
            s = covariates_load(store, e, round, name, unit, err);
        if (s == STATUS_OK && !forgotten)
            s = keymap_insert(&round->units, assign_hash(round->plan.salt, name).key, unit, err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

/* All rows of the round, from the first. */
static void bind_rows(struct db_stmt *stmt, const struct hot_round *round)
{
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, 0);
    db_bind_int(stmt, 3, -1);
}

static enum status load_exposures(struct store *store, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_EXPOSURES];
    bool row = true;
    bind_rows(stmt, round);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        int64_t unit = db_column_int(stmt, 1), at_ms = db_column_int(stmt, 2);
        round->exposure_seq = db_column_int(stmt, 0) + 1;
        if (unit < 0 || unit >= round->tally.n_units)
            s = err_set(err, STATUS_CORRUPT, "an exposure of round %lld has no unit", (long long)round->id);
        else if (round_life_counts(&round->life, &round->plan, at_ms))
            tally_expose(&round->tally, (uint32_t)unit, at_ms, db_column_int(stmt, 3));
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

static enum status load_event(struct hot_round *round, struct db_stmt *stmt, struct err *err)
{
    size_t n = 0;
    const void *key = db_column_blob(stmt, 2, &n);
    int64_t unit = db_column_int(stmt, 1);
    enum event_outcome outcome;
    const bool exposure = strcmp(db_column_text(stmt, 3), EVENT_EXPOSURE) == 0; /* its own row is among the exposures */
    if (n != 16 || unit < 0 || unit >= round->tally.n_units || (!exposure && !round->tally.counted[unit]))
        return err_set(err, STATUS_CORRUPT, "an event of round %lld has no unit", (long long)round->id);
    TRY(keymap_insert(&round->events, key_from_bytes(key), 0, err));
    round->event_seq = db_column_int(stmt, 0) + 1;
    if (exposure)
        return STATUS_OK;
    return tally_event(&round->tally, (uint32_t)unit, db_column_text(stmt, 3), db_column_int(stmt, 4),
                       db_column_int(stmt, 6), db_column_int(stmt, 5), &outcome, err);
}

static enum status load_events(struct store *store, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_EVENTS];
    bool row = true;
    bind_rows(stmt, round);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        s = load_event(round, stmt, err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

enum status store_load_seen(struct store *store, const struct experiment *e, struct hot_round *round, struct err *err)
{
    if (!round->plan.exclude_seen)
        return STATUS_OK;
    round->seen = mem_alloc(1, sizeof *round->seen);
    if (!round->seen)
        return err_no_memory(err);
    atomic_init(&round->seen->references, 1);
    struct db_stmt *stmt = store->sql[SQL_UNITS_BEFORE];
    bool row = true;
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, round->number);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        struct key128 key = assign_hash("", db_column_text(stmt, 0)).key;
        if (!keymap_find(&round->seen->keys, key, NULL))
            s = keymap_insert(&round->seen->keys, key, 0, err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

/* The columns of ROUND_LIVE; the statement is done with afterwards. */
static enum status load_round_row(struct store *store, struct experiment *e, bool *ret_row, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_LIVE];
    db_bind_int(stmt, 1, e->id);
    enum status s = db_step(stmt, ret_row, err);
    if (s == STATUS_OK && *ret_row) {
        struct hot_round *round = e->round = mem_alloc(1, sizeof *round);
        if (!round) {
            db_reset(stmt);
            return err_no_memory(err);
        }
        round->id = db_column_int(stmt, 0);
        round->number = db_column_int(stmt, 1);
        round->life =
            (struct round_life){(enum round_state)db_column_int(stmt, 3), (enum end_reason)db_column_int(stmt, 4),
                                db_column_int(stmt, 5), db_column_int(stmt, 6), 0};
        round->orphans = db_column_int(stmt, 7);
        round->strays = db_column_int(stmt, 8);
        round->covariates = db_column_int(stmt, 9) != 0;
        s = parse(db_column_text(stmt, 2), &round->body, err);
    }
    db_reset(stmt);
    return s;
}

/* The round before, unless it had the same salt: then its arms are those of this one. */
static enum status load_before(struct store *store, const struct experiment *e, struct hot_round *round,
                               struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_GET];
    struct json *body = NULL;
    bool row = false;
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, round->number - 1);
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK && row)
        s = parse(db_column_text(stmt, 1), &body, err);
    db_reset(stmt);
    if (s != STATUS_OK || !row)
        return s;
    struct json_at root = json_root(body);
    round->before = mem_alloc(1, sizeof *round->before);
    s = round->before ? definition_round(&root, &e->plan, round->before, err) : err_no_memory(err);
    json_free(body);
    if (s == STATUS_OK && strcmp(round->before->salt, round->plan.salt) == 0) {
        mem_free(round->before);
        round->before = NULL;
    }
    return s;
}

enum status store_begin_tally(struct store *store, const struct experiment *e, struct hot_round *round, struct err *err)
{
    struct layout layout;
    struct experiment_plan capped = e->plan;
    TRY(caps_load(store, e, round, err));
    for (size_t i = 0; i < capped.n_metrics; i++)
        capped.metrics[i].cap = round->cap[i];
    layout_make(&capped, &layout);
    if (round->covariates)
        layout_add_covariates(&layout);
    TRY(load_before(store, e, round, err));
    TRY(tally_init(&round->tally, &layout, round->plan.n_arms, err));
    return tally_extend(&round->tally, e->plan.holdback > 0, round->before ? round->before->n_arms + 1 : 0, err);
}

static enum status load_round(struct store *store, struct experiment *e, struct err *err)
{
    bool there = false;
    TRY(load_round_row(store, e, &there, err));
    if (!there)
        return STATUS_OK;
    struct hot_round *round = e->round;
    struct json_at root = json_root(round->body);
    TRY(definition_round(&root, &e->plan, &round->plan, err));
    TRY(store_begin_tally(store, e, round, err));
    TRY(models_load(store, round, err));
    TRY(load_stops(store, round, err));
    TRY(load_units(store, e, round, err));
    TRY(load_exposures(store, round, err));
    TRY(load_events(store, round, err));
    return store_load_seen(store, e, round, err);
}

static enum status load_experiment(struct store *store, struct db_stmt *stmt, struct err *err)
{
    struct experiment *e = store_add_experiment(store);
    if (!e)
        return err_no_memory(err);
    e->id = db_column_int(stmt, 0);
    snprintf(e->name, sizeof e->name, "%s", db_column_text(stmt, 1));
    e->next_round = db_column_int(stmt, 3);
    TRY(parse(db_column_text(stmt, 2), &e->body, err));
    struct json_at root = json_root(e->body);
    return definition_experiment(&root, &e->plan, err);
}

static enum status load_experiments(struct store *store, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_EXPERIMENTS];
    bool row = true;
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        s = load_experiment(store, stmt, err);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

enum status store_rebuild(struct store *store, struct err *err)
{
    store_forget(store);
    enum status s = models_load_current(store, err);
    if (s == STATUS_OK)
        s = load_experiments(store, err);
    for (size_t i = 0; i < store->n_experiments && s == STATUS_OK; i++) {
        struct experiment *e = store->experiments[i];
        s = load_default(store, e, err);
        if (s == STATUS_OK)
            s = load_round(store, e, err);
        if (s == STATUS_OK)
            s = store_publish(store, e, err);
        if (s != STATUS_OK)
            err_wrap(err, s, "load experiment %s", e->name);
    }
    if (s == STATUS_OK)
        store_drop_views(store);
    return s;
}
