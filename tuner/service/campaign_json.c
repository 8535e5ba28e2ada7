#include "tuner/service/campaign_json.h"

#include <math.h>

#include "tuner/core/campaign_cap.h"

/* 0 stands for "not yet". */
static void key_time(struct json_writer *w, const char *key, int64_t ms)
{
    if (ms > 0)
        json_write_key_int(w, key, ms);
    else
        json_write_key_null(w, key);
}

static void key_heads(struct json_writer *w, const char *key, const struct campaign_setup *setup, const double *x)
{
    json_write_key(w, key);
    json_write_object(w);
    for (size_t h = 0; h < setup->n_heads; h++)
        json_write_key_number(w, setup->head[h], x[h]);
    json_write_object_end(w);
}

static void key_weights(struct json_writer *w, const char *key, const struct campaign *campaign,
                        const struct campaign_point *point)
{
    json_write_key(w, key);
    json_write_object(w);
    key_heads(w, "weights", &campaign->setup, point->weight);
    json_write_object_end(w);
}

static void key_lift(struct json_writer *w, const char *key, const struct promotion_lift *lift)
{
    json_write_key(w, key);
    if (!lift->known) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    json_write_key_number(w, "lift", lift->lift);
    json_write_key_number(w, "se", lift->se);
    json_write_key_number(w, "lo", lift->lo);
    json_write_key_number(w, "hi", lift->hi);
    json_write_object_end(w);
}

static void key_lifts(struct json_writer *w, const char *key, const struct campaign_lifts *lifts)
{
    json_write_key(w, key);
    if (!lifts->against_control.known && !lifts->against_equal.known) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    key_lift(w, "vs_control", &lifts->against_control);
    key_lift(w, "vs_equal", &lifts->against_equal);
    json_write_object_end(w);
}

static void write_live(struct json_writer *w, const struct campaign *campaign)
{
    const struct campaign_round *round = campaign_last_round(campaign);
    const struct campaign_results *live = campaign->live;
    struct campaign_measure *measure = NULL;
    json_write_key(w, "live");
    if (live == NULL || campaign_measure_new(&campaign->setup, live, 0, &measure, NULL) != STATUS_OK) {
        json_write_null(w);
        return;
    }
    int64_t units = 0;
    json_write_object(w);
    json_write_key_int(w, "round", round->number);
    json_write_key_text(w, "purpose", campaign_aim_text(round->purpose));
    json_write_key_text(w, "state", live->state);
    json_write_key(w, "arms");
    json_write_array(w);
    for (size_t a = 0; a < live->n_arms; a++) {
        double value, se;
        campaign_measure_outcome(measure, 0, a, &value, &se);
        units += live->arm[a].units;
        json_write_object(w);
        json_write_key_text(w, "arm", live->arm[a].id);
        json_write_key_int(w, "trial", campaign->trials[round->first_trial + a].n);
        json_write_key_int(w, "units", live->arm[a].units);
        json_write_key_number(w, "objective", value);
        json_write_key_number(w, "se", se);
        json_write_key_number(w, "turnover", campaign->trials[round->first_trial + a].turnover);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key_int(w, "units", units);
    json_write_object_end(w);
    campaign_measure_free(measure);
}

static void write_best(struct json_writer *w, const struct campaign *campaign)
{
    const struct campaign_best *best = &campaign->findings.best;
    const struct campaign_trial *trial = campaign_find_trial(campaign, best->trial);
    json_write_key(w, "best");
    if (trial == NULL) {
        json_write_null(w);
        return;
    }
    struct promotion_lift lift = promotion_lift(best->mean, best->sd);
    json_write_object(w);
    json_write_key_int(w, "trial", best->trial);
    key_heads(w, "weights", &campaign->setup, trial->point.weight);
    json_write_key_number(w, "lift", lift.lift);
    json_write_key_number(w, "lift_lo", lift.lo);
    json_write_key_number(w, "lift_hi", lift.hi);
    json_write_key_number(w, "feasible", best->feasible);
    json_write_key_number(w, "raw", best->raw.known ? best->raw.lift : nan(""));
    json_write_key_number(w, "raw_se", best->raw.known ? best->raw.se : nan(""));
    json_write_object_end(w);
}

static void write_stop_and_drift(struct json_writer *w, const struct campaign *campaign)
{
    const struct campaign_findings *findings = &campaign->findings;
    json_write_key(w, "stop");
    if (findings->has_stop) {
        json_write_object(w);
        json_write_key_number(w, "probability", findings->stop.probability);
        json_write_key_number(w, "expected", findings->stop.expected);
        json_write_object_end(w);
    } else {
        json_write_null(w);
    }
    json_write_key(w, "drift");
    if (findings->has_drift) {
        json_write_object(w);
        json_write_key_number(w, "statistic", findings->drift.statistic);
        json_write_key_int(w, "df", (int64_t)findings->drift.df);
        json_write_key_number(w, "p", findings->drift.p);
        json_write_key_number(w, "detectable", findings->drift.detectable);
        json_write_key_bool(w, "drifted", findings->drift.drifted);
        json_write_key_text(w, "verdict", drift_advice_text(findings->advice));
        if (findings->advice == DRIFT_DISCARD)
            json_write_key_int(w, "round", campaign->rounds[findings->odd_round].number);
        else
            json_write_key_null(w, "round");
        json_write_object_end(w);
    } else {
        json_write_null(w);
    }
}

/* What the whole range of each weight can replace, and which weights are for nothing. */
static void write_turnover(struct json_writer *w, const struct campaign *campaign)
{
    double turnover[CAMPAIGN_MAX_HEADS];
    campaign_previews_turnover(campaign->previews, &campaign->setup, turnover);
    json_write_key(w, "turnover");
    json_write_object(w);
    for (size_t h = 0; h < campaign->setup.n_heads; h++) {
        if (!isnan(turnover[h]))
            json_write_key_number(w, campaign->setup.head[h], turnover[h]);
    }
    json_write_object_end(w);
    json_write_key(w, "redundant");
    json_write_array(w);
    for (size_t h = 0; h < campaign->setup.n_heads; h++) {
        if (turnover[h] < CAMPAIGN_REDUNDANT)
            json_write_string(w, campaign->setup.head[h]);
    }
    json_write_array_end(w);
}

static void write_warm_start(struct json_writer *w, const struct campaign *campaign)
{
    const struct campaign_findings *findings = &campaign->findings;
    json_write_key(w, "warm_start");
    if (campaign->previews == NULL) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    json_write_key_int(w, "requests", campaign->previews->requests);
    json_write_key_int(w, "weights", (int64_t)campaign->previews->n);
    write_turnover(w, campaign);
    json_write_key_number(w, "correlation", findings->has_worth ? findings->previewed : nan(""));
    json_write_key(w, "worth");
    json_write_object(w);
    for (size_t h = 0; findings->has_worth && h < campaign->setup.n_heads; h++) {
        json_write_key(w, campaign->setup.head[h]);
        json_write_object(w);
        json_write_key_number(w, "mean", findings->worth[h]);
        json_write_key_number(w, "se", findings->worth_sd[h]);
        json_write_object_end(w);
    }
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_winner(struct json_writer *w, const struct campaign *campaign)
{
    const struct campaign_winner *winner = &campaign->findings.winner;
    const struct campaign_trial *trial = campaign_find_trial(campaign, winner->trial);
    json_write_key(w, "winner");
    if (trial == NULL) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    json_write_key_int(w, "trial", winner->trial);
    key_heads(w, "weights", &campaign->setup, trial->point.weight);
    key_lifts(w, "raw", &winner->raw);
    key_lifts(w, "model", &winner->model);
    key_lifts(w, "confirmed", &winner->confirmed);
    json_write_object_end(w);
}

static void write_guardrails(struct json_writer *w, const struct campaign *campaign)
{
    json_write_key(w, "guardrails");
    json_write_array(w);
    for (size_t g = 0; g < campaign->config.n_guardrails; g++) {
        const struct campaign_guardrail *guardrail = &campaign->config.guardrail[g];
        const struct promotion_guardrail *confirmed = &campaign->findings.guardrail[g];
        json_write_object(w);
        json_write_key_text(w, "metric", guardrail->metric);
        json_write_key_number(w, "bound", guardrail->bound);
        json_write_key_text(w, "sense", guardrail->is_max ? "max_relative" : "min_relative");
        json_write_key(w, "confirmed");
        if (campaign->findings.has_confirmed && confirmed->effect.known) {
            json_write_object(w);
            json_write_key_number(w, "effect", confirmed->effect.lift);
            json_write_key_number(w, "se", confirmed->effect.se);
            json_write_key_number(w, "lo", confirmed->effect.lo);
            json_write_key_number(w, "hi", confirmed->effect.hi);
            json_write_key_number(w, "holds", confirmed->holds);
            json_write_object_end(w);
        } else {
            json_write_null(w);
        }
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_decision(struct json_writer *w, const struct campaign_memory *memory)
{
    bool decided = memory->outcome == OUTCOME_PROMOTED || memory->outcome == OUTCOME_NOT_PROMOTED;
    json_write_key(w, "decision");
    if (decided) {
        json_write_object(w);
        json_write_key_bool(w, "promoted", memory->outcome == OUTCOME_PROMOTED);
        json_write_key_text(w, "reason", memory->reason);
        json_write_object_end(w);
    } else {
        json_write_null(w);
    }
    key_time(w, "default_version_before", memory->version_before);
    key_time(w, "default_version_after", memory->version_after);
}

static void write_setup(struct json_writer *w, const struct campaign *campaign)
{
    if (!campaign->has_setup) {
        json_write_key_null(w, "control");
        json_write_key_null(w, "equal");
        json_write_key_null(w, "reference_head");
        json_write_key_null(w, "head_shares");
        return;
    }
    key_weights(w, "control", campaign, &campaign->setup.control);
    key_weights(w, "equal", campaign, &campaign->setup.equal);
    json_write_key_text(w, "reference_head", campaign->setup.head[campaign->setup.reference]);
    key_heads(w, "head_shares", &campaign->setup, campaign->setup.share);
}

enum status campaign_json_status(const struct campaign *campaign, const char *note, int64_t created_ms,
                                 int64_t updated_ms, struct buf *ret, struct err *err)
{
    const struct campaign_round *round = campaign_last_round(campaign);
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key_int(&w, "id", campaign->id);
    json_write_key_text(&w, "uuid", campaign->uuid);
    json_write_key_text(&w, "name", campaign->config.name);
    json_write_key_text(&w, "experiment", campaign->config.experiment);
    json_write_key_int(&w, "seed", (int64_t)campaign->config.seed);
    json_write_key_text(&w, "state", campaign_state_text(campaign));
    json_write_key_text(&w, "note", note);
    if (round != NULL)
        json_write_key_int(&w, "round", round->number);
    else
        json_write_key_null(&w, "round");
    json_write_key_int(&w, "rounds_max", (int64_t)campaign->config.rounds_max);
    json_write_key_int(&w, "rounds_done", (int64_t)campaign_rounds_done(campaign));
    json_write_key_number(&w, "max_turnover",
                          campaign_cap_is_set(&campaign->config) ? campaign->config.max_turnover : nan(""));
    json_write_key_int(&w, "created_ms", created_ms);
    json_write_key_int(&w, "updated_ms", updated_ms);
    write_live(&w, campaign);
    write_setup(&w, campaign);
    write_best(&w, campaign);
    write_stop_and_drift(&w, campaign);
    write_warm_start(&w, campaign);
    write_winner(&w, campaign);
    write_guardrails(&w, campaign);
    write_decision(&w, &campaign->memory);
    json_write_object_end(&w);
    return buf_status(ret, err);
}

static void write_trial_numbers(struct json_writer *w, const struct campaign *campaign,
                                const struct campaign_trial *trial)
{
    const struct campaign_setup *setup = &campaign->setup;
    double none = nan("");
    bool done = trial->measured, control = trial->origin == ORIGIN_CONTROL;
    json_write_key_bool(w, "stopped", done && trial->stopped);
    json_write_key_bool(w, "cuped", done && trial->adjusted);
    json_write_key_number(w, "objective", control ? 0 : done ? trial->objective : none);
    json_write_key_number(w, "objective_se", control ? 0 : done ? trial->objective_se : none);
    json_write_key_number(w, "model_mean", control ? 0 : trial->modelled ? trial->model_mean : none);
    json_write_key_number(w, "model_sd", control ? 0 : trial->modelled ? trial->model_sd : none);
    json_write_key_number(w, "feasible", control ? 1 : trial->modelled ? trial->feasible : none);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < setup->n_metrics && done; i++) {
        json_write_object(w);
        json_write_key_text(w, "metric", setup->metric[i]);
        json_write_key_number(w, "mean", trial->mean[i]);
        json_write_key_number(w, "se", trial->mean_se[i]);
        json_write_key_number(w, "effect", trial->effect[i]);
        json_write_key_number(w, "effect_se", trial->effect_se[i]);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key(w, "guardrails");
    json_write_array(w);
    for (size_t g = 0; g < setup->n_guardrails && done; g++) {
        json_write_object(w);
        json_write_key_text(w, "metric", campaign->config.guardrail[g].metric);
        json_write_key_number(w, "effect", trial->guardrail[g]);
        json_write_key_number(w, "effect_se", trial->guardrail_se[g]);
        json_write_key_number(w, "holds", trial->holds[g]);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

enum status campaign_json_trial(const struct campaign *campaign, const struct campaign_trial *trial, struct buf *ret,
                                struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    const struct campaign_round *round = &campaign->rounds[trial->round];
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key_int(&w, "trial", trial->n);
    json_write_key_int(&w, "source", trial->source);
    json_write_key_int(&w, "round", round->number);
    json_write_key_text(&w, "purpose", campaign_aim_text(round->purpose));
    json_write_key_text(&w, "arm", trial->arm);
    json_write_key_text(&w, "origin", campaign_origin_text(trial->origin));
    json_write_key_text(&w, "state", campaign_trial_state_text(trial->state));
    key_heads(&w, "weights", setup, trial->point.weight);
    json_write_key(&w, "params");
    json_write_object(&w);
    for (size_t p = 0; p < setup->n_params; p++)
        json_write_key_number(&w, campaign->config.param[p].name, trial->point.param[p]);
    json_write_object_end(&w);
    json_write_key_number(&w, "allocation", trial->allocation);
    json_write_key_number(&w, "turnover", trial->turnover);
    json_write_key_int(&w, "units", trial->units);
    json_write_key_int(&w, "requests", trial->requests);
    json_write_key_int(&w, "impressions", trial->impressions);
    write_trial_numbers(&w, campaign, trial);
    key_time(&w, "started_ms", trial->started_ms);
    key_time(&w, "finished_ms", trial->finished_ms);
    json_write_key(&w, "results_digest");
    json_write_string(&w, trial->measured && round->results != NULL ? round->results->digest : NULL);
    json_write_object_end(&w);
    return buf_status(ret, err);
}
