#include "tuner/store/journal.h"

#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"
#include "base/db/db.h"
#include "base/json/json_write.h"
#include "tuner/store/journal_internal.h"
#include "tuner/store/journal_schema.h"

static const char *const SQL[N_STATEMENTS] = {
    [SQL_INSERT_CAMPAIGN] =
        "INSERT INTO campaign(phase, outcome, aim, paused, by_hand, stop_round, probed, candidate, version_before,"
        " version_after, reason, warning, active, updated_ms, status_json, experiment_json, uuid, name, experiment,"
        " file_json, created_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?14)",
    [SQL_UPDATE_CAMPAIGN] =
        "UPDATE campaign SET phase=?1, outcome=?2, aim=?3, paused=?4, by_hand=?5, stop_round=?6, probed=?7,"
        " candidate=?8, version_before=?9, version_after=?10, reason=?11, warning=?12, active=?13, updated_ms=?14,"
        " status_json=?15, experiment_json=COALESCE(?16, experiment_json) WHERE id=?17",
    [SQL_ROUND] =
        "INSERT INTO round(campaign, seq, number, purpose, state, salt, units_per_arm, at_ms, opened_ms, body_json,"
        " results_json) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) ON CONFLICT(campaign, seq) DO UPDATE SET"
        " number=?3, state=?5, salt=?6, units_per_arm=?7, at_ms=?8, opened_ms=?9,"
        " body_json=COALESCE(?10, body_json), results_json=COALESCE(?11, results_json)",
    [SQL_TRIAL] = "INSERT INTO trial(campaign, n, round, source, arm, origin, state, weights_json, params_json,"
                  " allocation, started_ms, document_json, turnover) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"
                  " ON CONFLICT(campaign, n) DO UPDATE SET source=?4, state=?7, weights_json=?8, started_ms=?11,"
                  " document_json=?12, turnover=?13",
    [SQL_PREVIEWS] = "INSERT OR REPLACE INTO previews VALUES(?1,?2,?3,?4,?5)",
    [SQL_AUDIT] = "INSERT INTO audit(campaign, at_ms, actor, action, detail) VALUES(?1,?2,?3,?4,?5)",
};

enum status journal_open(const char *path, struct journal **ret, struct err *err)
{
    struct journal *journal = mem_alloc(1, sizeof *journal);
    if (journal == NULL)
        return err_no_memory(err);
    enum status s = db_open(path, JOURNAL_STEPS, JOURNAL_N_STEPS, &journal->db, err);
    for (size_t i = 0; i < N_STATEMENTS && s == STATUS_OK; i++)
        s = db_prepare(journal->db, SQL[i], &journal->statement[i], err);
    if (s != STATUS_OK) {
        journal_close(journal);
        return s;
    }
    *ret = journal;
    return STATUS_OK;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    for (size_t i = 0; i < N_STATEMENTS; i++)
        db_finish(journal->statement[i]);
    db_close(journal->db);
    mem_free(journal);
}

static enum status save_campaign(struct journal *journal, const struct journal_change *change, int64_t *ret_id,
                                 struct err *err)
{
    const struct campaign *campaign = change->campaign;
    const struct campaign_memory *m = &campaign->memory;
    bool is_new = campaign->id == 0;
    struct db_stmt *stmt = journal->statement[is_new ? SQL_INSERT_CAMPAIGN : SQL_UPDATE_CAMPAIGN];
    db_bind_text(stmt, 1, campaign_phase_text(m->phase));
    db_bind_text(stmt, 2, campaign_outcome_text(m->outcome));
    db_bind_text(stmt, 3, campaign_aim_text(m->aim));
    const int64_t numbers[] = {m->paused,    m->by_hand,        m->stop_round,   m->probed,
                               m->candidate, m->version_before, m->version_after};
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        db_bind_int(stmt, 4 + i, numbers[i]);
    db_bind_text(stmt, 11, m->reason);
    db_bind_text(stmt, 12, m->warning);
    db_bind_int(stmt, 13, campaign_is_active(campaign));
    db_bind_int(stmt, 14, change->at_ms);
    db_bind_text(stmt, 15, change->status);
    db_bind_text(stmt, 16, change->experiment);
    if (!is_new) {
        db_bind_int(stmt, 17, campaign->id);
        *ret_id = campaign->id;
        return db_run(stmt, err);
    }
    db_bind_text(stmt, 17, campaign->uuid);
    db_bind_text(stmt, 18, campaign->config.name);
    db_bind_text(stmt, 19, campaign->config.experiment);
    db_bind_text(stmt, 20, change->file);
    TRY(db_run(stmt, err));
    *ret_id = db_last_id(journal->db);
    return STATUS_OK;
}

static enum status save_round(struct journal *journal, const struct journal_change *change, size_t r, struct err *err)
{
    const struct campaign_round *round = &change->campaign->rounds[r];
    bool last = r + 1 == change->campaign->n_rounds;
    struct db_stmt *stmt = journal->statement[SQL_ROUND];
    db_bind_int(stmt, 1, change->campaign->id);
    db_bind_int(stmt, 2, (int64_t)r);
    db_bind_int(stmt, 3, round->number);
    db_bind_text(stmt, 4, campaign_aim_text(round->purpose));
    db_bind_text(stmt, 5, campaign_round_state_text(round->state));
    db_bind_text(stmt, 6, round->salt);
    db_bind_int(stmt, 7, round->units_per_arm);
    db_bind_int(stmt, 8, round->at_ms);
    db_bind_int(stmt, 9, round->opened_ms);
    db_bind_text(stmt, 10, last ? change->body : NULL);
    db_bind_text(stmt, 11, last ? change->results : NULL);
    return db_run(stmt, err);
}

static void write_numbers(struct buf *buf, size_t n, const double *x)
{
    struct json_writer w;
    buf_clear(buf);
    json_writer_init(&w, buf);
    json_write_array(&w);
    for (size_t i = 0; i < n; i++)
        json_write_number(&w, x[i]);
    json_write_array_end(&w);
}

static enum status save_trial(struct journal *journal, const struct journal_change *change, size_t t, struct err *err)
{
    const struct campaign_trial *trial = &change->campaign->trials[t];
    struct db_stmt *stmt = journal->statement[SQL_TRIAL];
    struct buf weights = BUF_INIT, params = BUF_INIT;
    write_numbers(&weights, change->campaign->setup.n_heads, trial->point.weight);
    write_numbers(&params, change->campaign->setup.n_params, trial->point.param);
    enum status s = buf_status(&weights, err);
    if (s == STATUS_OK)
        s = buf_status(&params, err);
    if (s == STATUS_OK) {
        db_bind_int(stmt, 1, change->campaign->id);
        db_bind_int(stmt, 2, trial->n);
        db_bind_int(stmt, 3, (int64_t)trial->round);
        db_bind_int(stmt, 4, trial->source);
        db_bind_text(stmt, 5, trial->arm);
        db_bind_text(stmt, 6, campaign_origin_text(trial->origin));
        db_bind_text(stmt, 7, campaign_trial_state_text(trial->state));
        db_bind_text(stmt, 8, buf_string(&weights));
        db_bind_text(stmt, 9, buf_string(&params));
        db_bind_real(stmt, 10, trial->allocation);
        db_bind_int(stmt, 11, trial->started_ms);
        db_bind_text(stmt, 12, change->documents[t - change->first_trial]);
        if (isfinite(trial->turnover))
            db_bind_real(stmt, 13, trial->turnover);
        else
            db_bind_null(stmt, 13);
        s = db_run(stmt, err);
    }
    buf_done(&weights);
    buf_done(&params);
    return s;
}

static enum status save_previews(struct journal *journal, const struct campaign *campaign, struct err *err)
{
    const struct campaign_previews *previews = campaign->previews;
    struct db_stmt *stmt = journal->statement[SQL_PREVIEWS];
    struct buf x = BUF_INIT, feature = BUF_INIT, overlap = BUF_INIT;
    write_numbers(&x, previews->n * previews->dim, previews->x);
    write_numbers(&feature, previews->n * previews->n_heads, previews->feature);
    write_numbers(&overlap, previews->n, previews->overlap);
    enum status s = buf_status(&x, err);
    if (s == STATUS_OK)
        s = buf_status(&feature, err);
    if (s == STATUS_OK)
        s = buf_status(&overlap, err);
    if (s == STATUS_OK) {
        db_bind_int(stmt, 1, campaign->id);
        db_bind_int(stmt, 2, previews->requests);
        db_bind_text(stmt, 3, buf_string(&x));
        db_bind_text(stmt, 4, buf_string(&feature));
        db_bind_text(stmt, 5, buf_string(&overlap));
        s = db_run(stmt, err);
    }
    buf_done(&x);
    buf_done(&feature);
    buf_done(&overlap);
    return s;
}

static enum status save_rows(struct journal *journal, const struct journal_change *change, int64_t *ret_id,
                             struct err *err)
{
    TRY(save_campaign(journal, change, ret_id, err));
    if (change->previews)
        TRY(save_previews(journal, change->campaign, err));
    for (size_t r = change->first_round; r < change->campaign->n_rounds; r++)
        TRY(save_round(journal, change, r, err));
    for (size_t t = change->first_trial; t < change->campaign->n_trials; t++)
        TRY(save_trial(journal, change, t, err));
    struct db_stmt *stmt = journal->statement[SQL_AUDIT];
    db_bind_int(stmt, 1, *ret_id);
    db_bind_int(stmt, 2, change->at_ms);
    db_bind_text(stmt, 3, change->actor);
    db_bind_text(stmt, 4, change->action);
    db_bind_text(stmt, 5, change->detail);
    return db_run(stmt, err);
}

enum status journal_save(struct journal *journal, const struct journal_change *change, int64_t *ret_id, struct err *err)
{
    int64_t id = 0;
    TRY(db_begin(journal->db, err));
    enum status s = save_rows(journal, change, &id, err);
    if (s == STATUS_OK)
        s = db_commit(journal->db, err);
    if (s != STATUS_OK) {
        db_rollback(journal->db);
        return s;
    }
    *ret_id = id;
    if (db_wal_bytes(journal->db) > DB_WAL_MAX) { /* another time, if readers are in the way */
        enum status later = db_checkpoint(journal->db, false, NULL);
        (void)later;
    }
    return STATUS_OK;
}
