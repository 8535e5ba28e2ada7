#include "tuner/service/campaign_json.h"

#include <math.h>

static void key_number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void key_int(struct json_writer *w, const char *key, int64_t x)
{
    json_write_key(w, key);
    json_write_int(w, x);
}

static void key_text(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

static void key_bool(struct json_writer *w, const char *key, bool x)
{
    json_write_key(w, key);
    json_write_bool(w, x);
}

static void key_null(struct json_writer *w, const char *key)
{
    json_write_key(w, key);
    json_write_null(w);
}

/* 0 stands for "not yet". */
static void key_time(struct json_writer *w, const char *key, int64_t ms)
{
    if (ms > 0)
        key_int(w, key, ms);
    else
        key_null(w, key);
}

static void key_heads(struct json_writer *w, const char *key, const struct campaign_setup *setup, const double *x)
{
    json_write_key(w, key);
    json_write_object(w);
    for (size_t h = 0; h < setup->n_heads; h++)
        key_number(w, setup->head[h], x[h]);
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
    key_number(w, "lift", lift->lift);
    key_number(w, "se", lift->se);
    key_number(w, "lo", lift->lo);
    key_number(w, "hi", lift->hi);
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
    key_int(w, "round", round->number);
    key_text(w, "purpose", campaign_aim_text(round->purpose));
    key_text(w, "state", live->state);
    json_write_key(w, "arms");
    json_write_array(w);
    for (size_t a = 0; a < live->n_arms; a++) {
        double value, se;
        campaign_measure_outcome(measure, 0, a, &value, &se);
        units += live->arm[a].units;
        json_write_object(w);
        key_text(w, "arm", live->arm[a].id);
        key_int(w, "trial", campaign->trials[round->first_trial + a].n);
        key_int(w, "units", live->arm[a].units);
        key_number(w, "objective", value);
        key_number(w, "se", se);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    key_int(w, "units", units);
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
    key_int(w, "trial", best->trial);
    key_heads(w, "weights", &campaign->setup, trial->point.weight);
    key_number(w, "lift", lift.lift);
    key_number(w, "lift_lo", lift.lo);
    key_number(w, "lift_hi", lift.hi);
    key_number(w, "feasible", best->feasible);
    key_number(w, "raw", best->raw.known ? best->raw.lift : nan(""));
    key_number(w, "raw_se", best->raw.known ? best->raw.se : nan(""));
    json_write_object_end(w);
}

static void write_stop_and_drift(struct json_writer *w, const struct campaign_findings *findings)
{
    json_write_key(w, "stop");
    if (findings->has_stop) {
        json_write_object(w);
        key_number(w, "probability", findings->stop.probability);
        key_number(w, "expected", findings->stop.expected);
        json_write_object_end(w);
    } else {
        json_write_null(w);
    }
    json_write_key(w, "drift");
    if (findings->has_drift) {
        json_write_object(w);
        key_number(w, "statistic", findings->drift.statistic);
        key_int(w, "df", (int64_t)findings->drift.df);
        key_number(w, "p", findings->drift.p);
        key_number(w, "detectable", findings->drift.detectable);
        key_bool(w, "drifted", findings->drift.drifted);
        json_write_object_end(w);
    } else {
        json_write_null(w);
    }
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
    key_int(w, "trial", winner->trial);
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
        key_text(w, "metric", guardrail->metric);
        key_number(w, "bound", guardrail->bound);
        key_text(w, "sense", guardrail->is_max ? "max_relative" : "min_relative");
        json_write_key(w, "confirmed");
        if (campaign->findings.has_confirmed && confirmed->effect.known) {
            json_write_object(w);
            key_number(w, "effect", confirmed->effect.lift);
            key_number(w, "se", confirmed->effect.se);
            key_number(w, "lo", confirmed->effect.lo);
            key_number(w, "hi", confirmed->effect.hi);
            key_number(w, "holds", confirmed->holds);
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
        key_bool(w, "promoted", memory->outcome == OUTCOME_PROMOTED);
        key_text(w, "reason", memory->reason);
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
        key_null(w, "control");
        key_null(w, "equal");
        key_null(w, "reference_head");
        key_null(w, "head_shares");
        return;
    }
    key_weights(w, "control", campaign, &campaign->setup.control);
    key_weights(w, "equal", campaign, &campaign->setup.equal);
    key_text(w, "reference_head", campaign->setup.head[campaign->setup.reference]);
    key_heads(w, "head_shares", &campaign->setup, campaign->setup.share);
}

enum status campaign_json_status(const struct campaign *campaign, const char *note, int64_t created_ms,
                                 int64_t updated_ms, struct buf *ret, struct err *err)
{
    const struct campaign_round *round = campaign_last_round(campaign);
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    key_int(&w, "id", campaign->id);
    key_text(&w, "uuid", campaign->uuid);
    key_text(&w, "name", campaign->config.name);
    key_text(&w, "experiment", campaign->config.experiment);
    key_int(&w, "seed", (int64_t)campaign->config.seed);
    key_text(&w, "state", campaign_state_text(campaign));
    key_text(&w, "note", note);
    if (round != NULL)
        key_int(&w, "round", round->number);
    else
        key_null(&w, "round");
    key_int(&w, "rounds_max", (int64_t)campaign->config.rounds_max);
    key_int(&w, "rounds_done", (int64_t)campaign_rounds_done(campaign));
    key_int(&w, "created_ms", created_ms);
    key_int(&w, "updated_ms", updated_ms);
    write_live(&w, campaign);
    write_setup(&w, campaign);
    write_best(&w, campaign);
    write_stop_and_drift(&w, &campaign->findings);
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
    key_bool(w, "stopped", done && trial->stopped);
    key_bool(w, "cuped", done && trial->adjusted);
    key_number(w, "objective", control ? 0 : done ? trial->objective : none);
    key_number(w, "objective_se", control ? 0 : done ? trial->objective_se : none);
    key_number(w, "model_mean", control ? 0 : trial->modelled ? trial->model_mean : none);
    key_number(w, "model_sd", control ? 0 : trial->modelled ? trial->model_sd : none);
    key_number(w, "feasible", control ? 1 : trial->modelled ? trial->feasible : none);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < setup->n_metrics && done; i++) {
        json_write_object(w);
        key_text(w, "metric", setup->metric[i]);
        key_number(w, "mean", trial->mean[i]);
        key_number(w, "se", trial->mean_se[i]);
        key_number(w, "effect", trial->effect[i]);
        key_number(w, "effect_se", trial->effect_se[i]);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key(w, "guardrails");
    json_write_array(w);
    for (size_t g = 0; g < setup->n_guardrails && done; g++) {
        json_write_object(w);
        key_text(w, "metric", campaign->config.guardrail[g].metric);
        key_number(w, "effect", trial->guardrail[g]);
        key_number(w, "effect_se", trial->guardrail_se[g]);
        key_number(w, "holds", trial->holds[g]);
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
    key_int(&w, "trial", trial->n);
    key_int(&w, "source", trial->source);
    key_int(&w, "round", round->number);
    key_text(&w, "purpose", campaign_aim_text(round->purpose));
    key_text(&w, "arm", trial->arm);
    key_text(&w, "origin", campaign_origin_text(trial->origin));
    key_text(&w, "state", campaign_trial_state_text(trial->state));
    key_heads(&w, "weights", setup, trial->point.weight);
    json_write_key(&w, "params");
    json_write_object(&w);
    for (size_t p = 0; p < setup->n_params; p++)
        key_number(&w, campaign->config.param[p].name, trial->point.param[p]);
    json_write_object_end(&w);
    key_number(&w, "allocation", trial->allocation);
    key_int(&w, "units", trial->units);
    key_int(&w, "requests", trial->requests);
    key_int(&w, "impressions", trial->impressions);
    write_trial_numbers(&w, campaign, trial);
    key_time(&w, "started_ms", trial->started_ms);
    key_time(&w, "finished_ms", trial->finished_ms);
    json_write_key(&w, "results_digest");
    json_write_string(&w, trial->measured && round->results != NULL ? round->results->digest : NULL);
    json_write_object_end(&w);
    return buf_status(ret, err);
}
