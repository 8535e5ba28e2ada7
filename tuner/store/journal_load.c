#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/db/db.h"
#include "base/json/json.h"
#include "tuner/core/trend.h"
#include "tuner/store/journal.h"
#include "tuner/store/journal_internal.h"

static enum status unknown_text(struct err *err, const char *column, const char *text)
{
    return err_set(err, STATUS_CORRUPT, "the database holds %s \"%s\", which this program does not know", column, text);
}

static enum status read_memory(struct db_stmt *stmt, int at, struct campaign_memory *m, struct err *err)
{
    const char *phase = db_column_text(stmt, at), *outcome = db_column_text(stmt, at + 1),
               *aim = db_column_text(stmt, at + 2);
    if (!campaign_phase_find(phase, &m->phase))
        return unknown_text(err, "phase", phase);
    if (!campaign_outcome_find(outcome, &m->outcome))
        return unknown_text(err, "outcome", outcome);
    if (!campaign_aim_find(aim, &m->aim))
        return unknown_text(err, "aim", aim);
    m->paused = db_column_int(stmt, at + 3) != 0;
    m->by_hand = db_column_int(stmt, at + 4) != 0;
    m->stop_round = db_column_int(stmt, at + 5) != 0;
    m->probed = db_column_int(stmt, at + 6) != 0;
    m->candidate = db_column_int(stmt, at + 7);
    m->version_before = db_column_int(stmt, at + 8);
    m->version_after = db_column_int(stmt, at + 9);
    snprintf(m->reason, sizeof m->reason, "%s", db_column_text(stmt, at + 10));
    snprintf(m->warning, sizeof m->warning, "%s", db_column_text(stmt, at + 11));
    return STATUS_OK;
}

static const char LIST[] =
    "SELECT id, created_ms, updated_ms, active, uuid, experiment, file_json, experiment_json,"
    " (SELECT body_json FROM round WHERE round.campaign = campaign.id ORDER BY seq DESC LIMIT 1), status_json, phase,"
    " outcome, aim, paused, by_hand, stop_round, probed, candidate, version_before, version_after, reason, warning"
    " FROM campaign WHERE ?1 = 0 OR id = ?1 ORDER BY id";

enum status journal_list(struct journal *journal, int64_t id,
                         enum status (*each)(void *context, const struct journal_head *head, struct err *err),
                         void *context, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(db_prepare(journal->db, LIST, &stmt, err));
    db_bind_int(stmt, 1, id);
    enum status s;
    while ((s = db_step(stmt, &row, err)) == STATUS_OK && row) {
        struct journal_head head = {
            .id = db_column_int(stmt, 0),
            .created_ms = db_column_int(stmt, 1),
            .updated_ms = db_column_int(stmt, 2),
            .active = db_column_int(stmt, 3) != 0,
            .uuid = db_column_text(stmt, 4),
            .experiment_id = db_column_text(stmt, 5),
            .file = db_column_text(stmt, 6),
            .experiment = db_column_text(stmt, 7),
            .body = db_column_text(stmt, 8),
            .status = db_column_text(stmt, 9),
        };
        if (id != 0)
            s = read_memory(stmt, 10, &head.memory, err);
        if (s == STATUS_OK)
            s = each(context, &head, err);
        if (s != STATUS_OK)
            break;
    }
    db_finish(stmt);
    return s;
}

/* "[1.5,-2]" with exactly n numbers. */
static enum status read_numbers(const char *text, size_t n, double *ret, struct err *err)
{
    struct json *json = NULL;
    size_t found = 0;
    TRY(json_parse(text, strlen(text), NULL, &json, err));
    struct json_at root = json_root(json);
    double values[CAMPAIGN_MAX_HEADS > CAMPAIGN_MAX_PARAMS ? CAMPAIGN_MAX_HEADS : CAMPAIGN_MAX_PARAMS];
    enum status s = json_numbers(&root, -1e300, 1e300, n, values, &found, err);
    json_free(json);
    if (s == STATUS_OK && found != n)
        s = err_set(err, STATUS_CORRUPT, "the database holds %zu numbers of a trial, wanted are %zu", found, n);
    if (s == STATUS_OK)
        memcpy(ret, values, n * sizeof *ret);
    return s;
}

static enum status read_trial(struct db_stmt *stmt, struct campaign *campaign, struct err *err)
{
    struct campaign_trial trial = {
        .n = db_column_int(stmt, 0),
        .round = (size_t)db_column_int(stmt, 1),
        .source = db_column_int(stmt, 2),
        .allocation = db_column_real(stmt, 8),
        .started_ms = db_column_int(stmt, 9),
        .turnover = db_column_is_null(stmt, 10) ? nan("") : db_column_real(stmt, 10),
    };
    snprintf(trial.arm, sizeof trial.arm, "%s", db_column_text(stmt, 3));
    if (!campaign_origin_find(db_column_text(stmt, 4), &trial.origin))
        return unknown_text(err, "origin", db_column_text(stmt, 4));
    if (!campaign_trial_state_find(db_column_text(stmt, 5), &trial.state))
        return unknown_text(err, "trial state", db_column_text(stmt, 5));
    TRY(read_numbers(db_column_text(stmt, 6), campaign->setup.n_heads, trial.point.weight, err));
    TRY(read_numbers(db_column_text(stmt, 7), campaign->setup.n_params, trial.point.param, err));
    return campaign_restore_trial(campaign, &trial, err);
}

static enum status read_trials(struct journal *journal, struct campaign *campaign, size_t round, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(db_prepare(journal->db,
                   "SELECT n, round, source, arm, origin, state, weights_json, params_json, allocation, started_ms,"
                   " turnover"
                   " FROM trial WHERE campaign = ? AND round = ? ORDER BY n",
                   &stmt, err));
    db_bind_int(stmt, 1, campaign->id);
    db_bind_int(stmt, 2, (int64_t)round);
    enum status s;
    while ((s = db_step(stmt, &row, err)) == STATUS_OK && row)
        if ((s = read_trial(stmt, campaign, err)) != STATUS_OK)
            break;
    db_finish(stmt);
    return s;
}

static enum status read_round(struct db_stmt *stmt, struct campaign *campaign,
                              enum status (*decode)(const char *text, size_t n, struct campaign_results **ret,
                                                    struct err *err),
                              struct err *err)
{
    struct campaign_round round = {
        .number = db_column_int(stmt, 1),
        .units_per_arm = db_column_int(stmt, 5),
        .at_ms = db_column_int(stmt, 6),
        .opened_ms = db_column_int(stmt, 7),
    };
    snprintf(round.salt, sizeof round.salt, "%s", db_column_text(stmt, 4));
    if (!campaign_aim_find(db_column_text(stmt, 2), &round.purpose))
        return unknown_text(err, "purpose", db_column_text(stmt, 2));
    if (!campaign_round_state_find(db_column_text(stmt, 3), &round.state))
        return unknown_text(err, "round state", db_column_text(stmt, 3));
    if (!db_column_is_null(stmt, 8)) {
        const char *text = db_column_text(stmt, 8);
        TRY(decode(text, strlen(text), &round.results, err));
    }
    return campaign_restore_round(campaign, &round, err);
}

/* A flat array whose length is a multiple of width, at most TREND_MAX_POINTS times. */
static enum status read_rows(const char *text, size_t width, double **ret, size_t *ret_n, struct err *err)
{
    struct json *json = NULL;
    size_t found = 0, most = TREND_MAX_POINTS * width;
    double *values = mem_alloc(most, sizeof *values);
    if (values == NULL)
        return err_no_memory(err);
    enum status s = json_parse(text, strlen(text), NULL, &json, err);
    if (s == STATUS_OK) {
        struct json_at root = json_root(json);
        s = json_numbers(&root, -1e300, 1e300, most, values, &found, err);
    }
    json_free(json);
    if (s == STATUS_OK && found % width != 0)
        s = err_set(err, STATUS_CORRUPT, "the database holds %zu numbers of previews, not rows of %zu", found, width);
    if (s != STATUS_OK) {
        mem_free(values);
        return s;
    }
    *ret = values;
    *ret_n = found / width;
    return STATUS_OK;
}

static enum status read_previews_row(struct db_stmt *stmt, struct campaign *campaign, struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    struct campaign_previews *previews = campaign_previews_new(0, setup->dim, setup->n_heads);
    size_t n = 0, n_overlaps = 0;
    if (previews == NULL)
        return err_no_memory(err);
    mem_free(previews->x);
    mem_free(previews->feature);
    mem_free(previews->overlap);
    previews->x = previews->feature = previews->overlap = NULL;
    previews->requests = db_column_int(stmt, 0);
    enum status s = read_rows(db_column_text(stmt, 1), setup->dim, &previews->x, &previews->n, err);
    if (s == STATUS_OK)
        s = read_rows(db_column_text(stmt, 2), setup->n_heads, &previews->feature, &n, err);
    if (s == STATUS_OK)
        s = read_rows(db_column_text(stmt, 3), 1, &previews->overlap, &n_overlaps, err);
    if (s == STATUS_OK && (n != previews->n || n_overlaps != n))
        s = err_set(err, STATUS_CORRUPT, "the database holds %zu points, %zu rows and %zu overlaps of previews",
                    previews->n, n, n_overlaps);
    if (s == STATUS_OK)
        return campaign_restore_previews(campaign, previews, err);
    campaign_previews_free(previews);
    return s;
}

static enum status read_previews(struct journal *journal, struct campaign *campaign, struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(db_prepare(journal->db, "SELECT requests, x_json, feature_json, overlap_json FROM previews WHERE campaign = ?",
                   &stmt, err));
    db_bind_int(stmt, 1, campaign->id);
    enum status s = db_step(stmt, &row, err);
    if (s == STATUS_OK && row)
        s = read_previews_row(stmt, campaign, err);
    db_finish(stmt);
    return s;
}

enum status journal_restore(struct journal *journal, struct campaign *campaign,
                            enum status (*decode)(const char *text, size_t n, struct campaign_results **ret,
                                                  struct err *err),
                            struct err *err)
{
    struct db_stmt *stmt = NULL;
    bool row = false;
    TRY(read_previews(journal, campaign, err));
    TRY(db_prepare(journal->db,
                   "SELECT seq, number, purpose, state, salt, units_per_arm, at_ms, opened_ms, results_json FROM round"
                   " WHERE campaign = ? ORDER BY seq",
                   &stmt, err));
    db_bind_int(stmt, 1, campaign->id);
    enum status s;
    while ((s = db_step(stmt, &row, err)) == STATUS_OK && row) {
        s = read_round(stmt, campaign, decode, err);
        if (s == STATUS_OK)
            s = read_trials(journal, campaign, (size_t)db_column_int(stmt, 0), err);
        if (s != STATUS_OK)
            break;
    }
    db_finish(stmt);
    return s;
}
