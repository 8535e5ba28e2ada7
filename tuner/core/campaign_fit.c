#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tuner/core/campaign_findings.h"
#include "tuner/core/campaign_internal.h"

/* FIT: what the final results of a round lead to. */

/* The newest warning stands in the document. */
static void warn_of(struct campaign *c, const struct campaign_results *results)
{
    char *warning = c->memory.warning;
    double events;
    size_t g = campaign_measure_rare_guardrail(&c->setup, results, &events);
    warning[0] = '\0';
    if (g < c->setup.n_guardrails)
        snprintf(warning, CAMPAIGN_LINE,
                 "guardrail %s had %.0f control events in round %lld, fewer than %d: its interval is too short, give "
                 "guardrails[%zu].scale",
                 c->config.guardrail[g].metric, events, (long long)results->round, CAMPAIGN_MIN_EVENTS, g);
    else if (results->sample_ratio_p < 1e-4)
        snprintf(warning, CAMPAIGN_LINE, "users of round %lld did not split as allocated (p = %.1e)",
                 (long long)results->round, results->sample_ratio_p);
    else if (c->findings.has_drift && c->findings.advice == DRIFT_DISCARD)
        snprintf(warning, CAMPAIGN_LINE, "repeated arms of round %lld are unlike those of the others (p = %.3f)",
                 (long long)c->rounds[c->findings.odd_round].number, c->findings.drift.p);
    else if (c->findings.has_drift && c->findings.drift.drifted)
        snprintf(warning, CAMPAIGN_LINE, "repeated arms moved between rounds (p = %.3f): pooling them is doubtful",
                 c->findings.drift.p);
}

enum status campaign_aim_at(struct campaign *c, int64_t trial, struct err *err)
{
    c->memory.candidate = trial;
    c->memory.aim = AIM_CONFIRM;
    c->memory.phase = PHASE_LOOK;
    return campaign_weigh(c, err);
}

/* After an explore round: another one, the confirmation, or the end. */
static enum status after_exploring(struct campaign *c, struct campaign_plan *plan, struct err *err)
{
    const struct campaign_findings *findings = &c->findings;
    bool enough = campaign_rounds_done(c) >= c->config.rounds_max;
    bool stop = findings->has_stop && findings->stop.stop && c->n_told >= 3;
    if (c->memory.candidate != 0)
        return campaign_aim_at(c, c->memory.candidate, err);
    if (!enough && !stop) {
        c->memory.phase = PHASE_LOOK;
        return STATUS_OK;
    }
    snprintf(plan->detail, sizeof plan->detail,
             stop ? "a gain above stop.delta has probability %.3f" : "rounds.max reached", findings->stop.probability);
    if (findings->best.trial != 0)
        return campaign_aim_at(c, findings->best.trial, err);
    campaign_finish(c, OUTCOME_NOT_PROMOTED,
                    c->n_told == 0 ? "no round could be used"
                                   : "no evaluated arm is better than the control with its guardrails "
                                     "holding: there is nothing to confirm",
                    plan);
    return STATUS_OK;
}

static enum status fit_explore(struct campaign *c, struct campaign_plan *plan, struct err *err)
{
    struct campaign_round *round = campaign_newest(c);
    struct err few = ERR_INIT;
    enum status s = campaign_measure_usable(&c->setup, round->results, &few);
    campaign_changed_round(c, plan, "round told");
    if (s != STATUS_OK && round->results->end != END_STOPPED) {
        campaign_set_trials(c, TRIAL_FAILED);
        round->state = ROUND_DISCARDED;
        campaign_finish(c, OUTCOME_FAILED, few.text, plan);
        return STATUS_OK;
    }
    if (s != STATUS_OK) {
        campaign_set_trials(c, TRIAL_FAILED);
        round->state = ROUND_DISCARDED;
        plan->action = "round discarded";
        snprintf(plan->detail, sizeof plan->detail, "%s", few.text);
        return after_exploring(c, plan, err);
    }
    round->state = ROUND_TOLD;
    TRY(campaign_tell(c, c->n_rounds - 1, err));
    TRY(campaign_analyse(c, err));
    plan->first_trial = 0; /* the model columns of all rows are new */
    warn_of(c, round->results);
    return after_exploring(c, plan, err);
}

static enum status fit_confirm(struct campaign *c, struct campaign_plan *plan, struct err *err)
{
    struct campaign_round *round = campaign_newest(c);
    bool promote = false;
    char reason[CAMPAIGN_LINE];
    round->state = ROUND_TOLD;
    campaign_changed_round(c, plan, "confirmation judged");
    warn_of(c, round->results);
    TRY(campaign_judge(c, c->n_rounds - 1, &promote, reason, err));
    if (!promote) {
        campaign_finish(c, OUTCOME_NOT_PROMOTED, reason, plan);
        return STATUS_OK;
    }
    memcpy(c->memory.reason, reason, sizeof reason);
    memcpy(plan->detail, reason, sizeof reason);
    bool now = c->config.promote_auto || c->memory.by_hand;
    if (now)
        c->memory.aim = AIM_PROMOTE;
    c->memory.phase = now ? PHASE_PROMOTE : PHASE_READY;
    return STATUS_OK;
}

enum status campaign_fit(struct campaign *c, struct campaign_plan *plan, struct err *err)
{
    assert(c->memory.phase == PHASE_FIT);
    return campaign_newest(c)->purpose == AIM_EXPLORE ? fit_explore(c, plan, err) : fit_confirm(c, plan, err);
}
