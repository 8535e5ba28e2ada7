#include <stdio.h>

#include "tuner/core/campaign_internal.h"

/* What people ask for; STATUS_CONFLICT and the like change nothing. */

static enum status refuse(const struct campaign *c, struct err *err, const char *what)
{
    return err_set(err, STATUS_CONFLICT, "campaign %lld is %s: %s", (long long)c->id, campaign_state_text(c), what);
}

static enum status pause_or_resume(struct campaign *c, bool pause, struct campaign_plan *plan, struct err *err)
{
    if (c->memory.outcome != OUTCOME_NONE)
        return refuse(c, err, pause ? "there is nothing to pause" : "there is nothing to resume");
    if (c->memory.paused == pause)
        return STATUS_OK;
    c->memory.paused = pause;
    if (!pause)
        c->memory.warning[0] = '\0';
    campaign_changed(plan, pause ? "paused" : "resumed");
    return STATUS_OK;
}

/* A person wants this trial: it is confirmed like any candidate; an open explore round ends first. */
static enum status confirm_by_hand(struct campaign *c, int64_t n, struct campaign_plan *plan, struct err *err)
{
    const struct campaign_trial *trial = campaign_find_trial(c, n);
    const struct campaign_round *round = campaign_last_round(c);
    if (trial == NULL)
        return err_set(err, STATUS_NOT_FOUND, "campaign %lld has no trial %lld: allowed are 1 to %zu", (long long)c->id,
                       (long long)n, c->n_trials);
    if (trial->origin == ORIGIN_CONTROL)
        return err_set(err, STATUS_UNPROCESSABLE, "trial %lld is the control: there is nothing to confirm",
                       (long long)n);
    if (trial->state != TRIAL_DONE)
        return refuse(c, err, "only a trial that is done can be confirmed");
    if (c->memory.paused || c->memory.phase == PHASE_STOP)
        return refuse(c, err, "resume it, or wait until its round has stopped");
    bool exploring = round != NULL && round->purpose == AIM_EXPLORE;
    bool untold = exploring && round->state == ROUND_FINAL;
    bool measuring = exploring && round->state < ROUND_ABANDONED;
    if (c->memory.outcome == OUTCOME_NONE && c->memory.aim != AIM_EXPLORE && c->memory.phase != PHASE_READY)
        return refuse(c, err, "it is confirming or promoting already");
    c->memory.outcome = OUTCOME_NONE;
    c->memory.by_hand = true;
    c->memory.candidate = n;
    c->memory.reason[0] = '\0';
    c->memory.version_after = 0;
    c->findings.has_confirmed = false;
    campaign_changed(plan, "trial to confirm");
    snprintf(plan->detail, sizeof plan->detail, "trial %lld", (long long)n);
    if (untold)
        c->memory.phase = PHASE_FIT;
    c->memory.stop_round = measuring;
    if (untold || measuring)
        return STATUS_OK;
    return campaign_aim_at(c, n, err);
}

static enum status promote(struct campaign *c, int64_t trial, struct campaign_plan *plan, struct err *err)
{
    if (trial != 0)
        return confirm_by_hand(c, trial, plan, err);
    if (c->memory.phase != PHASE_READY || c->memory.paused)
        return refuse(c, err, "only a ready campaign can be promoted; name a trial to have it confirmed first");
    campaign_changed(plan, "promotion approved");
    c->memory.warning[0] = '\0';
    c->memory.aim = AIM_PROMOTE;
    c->memory.phase = PHASE_LOOK;
    return STATUS_OK;
}

static enum status cancel(struct campaign *c, struct campaign_plan *plan, struct err *err)
{
    if (c->memory.outcome == OUTCOME_CANCELLED)
        return STATUS_OK;
    if (c->memory.outcome != OUTCOME_NONE)
        return refuse(c, err, "there is nothing to cancel");
    campaign_finish(c, OUTCOME_CANCELLED, "cancelled", plan);
    return STATUS_OK;
}

enum status campaign_ask(struct campaign *c, const struct campaign_event *event, struct campaign_plan *plan,
                         struct err *err)
{
    if (event->kind == EVENT_CANCEL)
        return cancel(c, plan, err);
    if (event->kind == EVENT_PROMOTE)
        return promote(c, event->trial, plan, err);
    return pause_or_resume(c, event->kind == EVENT_PAUSE, plan, err);
}
