#include <string.h>

#include "base/core/mem.h"
#include "experiments/store/definition.h"
#include "experiments/store/store_internal.h"

static enum status save_life(struct store *store, const struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_LIFE];
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, round->life.state);
    db_bind_int(stmt, 3, round->life.end_reason);
    db_bind_int(stmt, 4, round->life.closed_ms);
    db_bind_int(stmt, 5, round->life.final_ms);
    return db_run(stmt, err);
}

/* The digest is taken of the text with "digest":null and then put in its place. */
static enum status freeze(struct store *store, const struct experiment *e, const struct hot_round *round,
                          struct err *err)
{
    struct buf text = BUF_INIT;
    uint8_t digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    enum status s = results_write(e, round, round->life.final_ms, NULL, &text, err);
    if (s == STATUS_OK) {
        digest_sha256(text.data, text.length, digest);
        digest_hex(digest, DIGEST_SIZE, hex);
        buf_clear(&text);
        s = results_write(e, round, round->life.final_ms, hex, &text, err);
    }
    if (s == STATUS_OK) {
        struct db_stmt *stmt = store->sql[SQL_RESULT_ADD];
        db_bind_int(stmt, 1, round->id);
        db_bind_text(stmt, 2, buf_string(&text));
        db_bind_text(stmt, 3, hex);
        s = db_run(stmt, err);
    }
    buf_done(&text);
    return s;
}

enum status store_advance(struct store *store, struct experiment *e, bool stop, struct err *err)
{
    struct hot_round *round = e->round;
    if (!round)
        return STATUS_OK;
    struct round_event event = {.now_ms = store_now_ms(store), .stop = stop};
    event.least_units = tally_least_units(&round->tally, round->stopped, &event.all_stopped);
    struct round_life life = round->life;
    if (!round_life_step(&life, &round->plan, &event))
        return STATUS_OK;
    store->dirty = true;
    round->life = life;
    TRY(save_life(store, round, err));
    if (life.state == ROUND_FINAL) {
        TRY(freeze(store, e, round, err));
        TRY(caps_save(store, e, round, err));
        hot_round_free(round);
        e->round = NULL;
        store->n_frozen++;
    }
    return store_publish(store, e, err);
}

/* A round that is there already, in ret; its canonical body appended to ret_body when that is not NULL. */
struct round_row {
    bool there;
    int64_t id, opened_ms;
    enum round_state state;
};
static enum status read_row(struct store *store, const struct experiment *e, int64_t n, struct round_row *ret,
                            struct buf *ret_body, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_GET];
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, n);
    enum status s = db_step(stmt, &ret->there, err);
    if (s == STATUS_OK && ret->there) {
        ret->id = db_column_int(stmt, 0);
        ret->state = (enum round_state)db_column_int(stmt, 2);
        ret->opened_ms = db_column_int(stmt, 3);
        if (ret_body) {
            buf_text(ret_body, db_column_text(stmt, 1));
            s = buf_status(ret_body, err);
        }
    }
    db_reset(stmt);
    return s;
}

static enum status require_row(struct store *store, const struct experiment *e, int64_t n, struct round_row *ret,
                               struct err *err)
{
    TRY(read_row(store, e, n, ret, NULL, err));
    if (ret->there)
        return STATUS_OK;
    return err_set(err, STATUS_NOT_FOUND, "round %lld of experiment %s does not exist", (long long)n, e->name);
}

static enum status insert_round(struct store *store, struct experiment *e, int64_t n, const struct buf *text,
                                bool covariates, int64_t *ret_id, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_ADD];
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, n);
    db_bind_text(stmt, 3, buf_string(text));
    db_bind_int(stmt, 4, store_now_ms(store));
    db_bind_int(stmt, 5, covariates);
    TRY(db_run(stmt, err));
    *ret_id = db_last_id(store->db);
    stmt = store->sql[SQL_EXPERIMENT_NEXT];
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, n + 1);
    return db_run(stmt, err);
}

static enum status open_round(struct store *store, struct experiment *e, int64_t n, const struct round_plan *plan,
                              const struct buf *text, struct err *err)
{
    int64_t id = 0;
    bool covariates = false;
    TRY(covariates_exist(store, e, &covariates, err));
    TRY(insert_round(store, e, n, text, covariates, &id, err));
    store->dirty = true;
    struct hot_round *round = e->round = mem_alloc(1, sizeof *round);
    if (!round)
        return err_no_memory(err);
    round->id = id;
    round->number = n;
    round->covariates = covariates;
    round->plan = *plan;
    round->life = round_life_start(store_now_ms(store));
    TRY(models_note(store, round, store->model_hash, err));
    TRY(store_begin_tally(store, e, round, err));
    TRY(json_parse(text->data, text->length, NULL, &round->body, err));
    TRY(store_load_seen(store, e, round, err));
    e->next_round = n + 1;
    TRY(store_publish(store, e, err));
    return store_advance(store, e, false, err); /* its end may lie in the past */
}

static enum status put_round(struct store *store, struct experiment *e, int64_t n, const struct round_plan *plan,
                             const struct buf *text, struct round_info *ret, struct err *err)
{
    struct round_row row = {0};
    struct buf body = BUF_INIT;
    enum status s = read_row(store, e, n, &row, &body, err);
    if (s == STATUS_OK && row.there && strcmp(buf_string(&body), buf_string(text)) != 0)
        s = err_set(err, STATUS_CONFLICT, "round %lld of %s exists with another body", (long long)n, e->name);
    else if (s == STATUS_OK && !row.there && e->round)
        s = err_set(err, STATUS_CONFLICT, "round %lld of %s is still %s: one round at a time",
                    (long long)e->round->number, e->name, round_state_name(e->round->life.state));
    else if (s == STATUS_OK && !row.there && n != e->next_round)
        s = err_set(err, STATUS_CONFLICT, "round %lld is not the next of %s: that is %lld", (long long)n, e->name,
                    (long long)e->next_round);
    else if (s == STATUS_OK && !row.there)
        s = open_round(store, e, n, plan, text, err);
    buf_done(&body);
    if (s != STATUS_OK)
        return s;
    ret->is_new = !row.there;
    TRY(require_row(store, e, n, &row, err));
    ret->opened_ms = row.opened_ms;
    ret->state = round_state_name(row.state);
    return STATUS_OK;
}

enum status store_round_put(struct store *store, const char *experiment, int64_t n, const struct json_at *body,
                            struct round_info *ret, struct err *err)
{
    struct experiment *e = NULL;
    struct buf text = BUF_INIT;
    struct json_writer w;
    TRY(store_find(store, experiment, &e, err));
    struct round_plan *plan = mem_alloc(1, sizeof *plan);
    if (!plan)
        return err_no_memory(err);
    json_writer_init(&w, &text);
    enum status s = definition_round(body, &e->plan, plan, err);
    if (s == STATUS_OK)
        s = json_write_canonical(&w, body, err);
    if (s == STATUS_OK)
        s = put_round(store, e, n, plan, &text, ret, err);
    buf_done(&text);
    mem_free(plan);
    return s;
}

static enum status save_reason(struct store *store, int64_t id, const char *reason, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_ROUND_REASON];
    db_bind_int(stmt, 1, id);
    db_bind_text(stmt, 2, reason);
    return db_run(stmt, err);
}

enum status store_round_stop(struct store *store, const char *experiment, int64_t n, const char *reason,
                             struct round_info *ret, struct err *err)
{
    struct experiment *e = NULL;
    struct round_row row = {0};
    TRY(store_find(store, experiment, &e, err));
    TRY(require_row(store, e, n, &row, err));
    if (row.state == ROUND_OPEN) {
        TRY(save_reason(store, row.id, reason, err));
        TRY(store_advance(store, e, true, err));
        TRY(require_row(store, e, n, &row, err));
    }
    *ret = (struct round_info){false, round_state_name(row.state), row.opened_ms};
    return STATUS_OK;
}

static enum status stop_arm(struct store *store, struct experiment *e, size_t arm, const char *reason, struct err *err)
{
    struct hot_round *round = e->round;
    struct db_stmt *stmt = store->sql[SQL_ARM_STOP];
    store->dirty = true;
    round->stopped[arm] = true;
    db_bind_int(stmt, 1, round->id);
    db_bind_int(stmt, 2, (int64_t)arm);
    db_bind_int(stmt, 3, store_now_ms(store));
    db_bind_text(stmt, 4, reason);
    TRY(db_run(stmt, err));
    TRY(store_publish(store, e, err));
    return store_advance(store, e, false, err);
}

enum status store_arm_stop(struct store *store, const char *experiment, int64_t n, const char *arm, const char *reason,
                           struct round_info *ret, struct err *err)
{
    struct experiment *e = NULL;
    struct round_row row = {0};
    TRY(store_find(store, experiment, &e, err));
    TRY(require_row(store, e, n, &row, err));
    if (!e->round || e->round->number != n)
        return err_set(err, STATUS_CONFLICT, "round %lld of %s is final: its arms have stopped", (long long)n, e->name);
    size_t a = 0;
    while (a < e->round->plan.n_arms && strcmp(e->round->plan.arms[a].id, arm) != 0)
        a++;
    if (a == e->round->plan.n_arms)
        return err_set(err, STATUS_NOT_FOUND, "arm %.64s of round %lld does not exist", arm, (long long)n);
    if (!e->round->stopped[a])
        TRY(stop_arm(store, e, a, reason, err));
    TRY(require_row(store, e, n, &row, err));
    *ret = (struct round_info){false, round_state_name(row.state), row.opened_ms};
    return STATUS_OK;
}

enum status store_results(struct store *store, const char *experiment, int64_t n, struct buf *ret, struct err *err)
{
    struct experiment *e = NULL;
    struct round_row row = {0};
    TRY(store_find(store, experiment, &e, err));
    if (e->round && e->round->number == n)
        return results_write(e, e->round, store_now_ms(store), NULL, ret, err);
    TRY(require_row(store, e, n, &row, err));
    struct db_stmt *stmt = store->sql[SQL_RESULT_GET];
    bool there = false;
    db_bind_int(stmt, 1, row.id);
    enum status s = db_step(stmt, &there, err);
    if (s == STATUS_OK && there)
        buf_text(ret, db_column_text(stmt, 0));
    else if (s == STATUS_OK)
        s = err_set(err, STATUS_CORRUPT, "round %lld of %s is final without results", (long long)n, e->name);
    db_reset(stmt);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}
