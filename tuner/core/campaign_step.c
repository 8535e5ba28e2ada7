#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tuner/core/campaign_cap.h"
#include "tuner/core/campaign_findings.h"
#include "tuner/core/campaign_harm.h"
#include "tuner/core/campaign_internal.h"
#include "tuner/core/campaign_round.h"

/* The transitions of the diagram in campaign.h; each sets the phase last. */

struct campaign_round *campaign_newest(struct campaign *c)
{
    assert(c->n_rounds > 0);
    return &c->rounds[c->n_rounds - 1];
}

void campaign_changed(struct campaign_plan *plan, const char *action)
{
    plan->changed = true;
    plan->action = action;
}

void campaign_changed_round(const struct campaign *c, struct campaign_plan *plan, const char *action)
{
    campaign_changed(plan, action);
    plan->first_round = c->n_rounds - 1;
    plan->first_trial = c->rounds[c->n_rounds - 1].first_trial;
}

void campaign_set_trials(struct campaign *c, enum campaign_trial_state state)
{
    struct campaign_round *round = campaign_newest(c);
    for (size_t a = 0; a < round->n_arms; a++)
        c->trials[round->first_trial + a].state = state;
}

void campaign_finish(struct campaign *c, enum campaign_outcome outcome, const char *reason, struct campaign_plan *plan)
{
    struct campaign_round *round = c->n_rounds == 0 ? NULL : campaign_newest(c);
    const bool never_put = c->memory.probed || c->memory.phase == PHASE_CHECK;
    snprintf(c->memory.reason, sizeof c->memory.reason, "%s", reason);
    snprintf(plan->detail, sizeof plan->detail, "%s", reason);
    campaign_changed(plan, campaign_outcome_text(outcome));
    c->memory.outcome = outcome;
    c->memory.paused = c->memory.stop_round = false;
    c->memory.phase = PHASE_DONE;
    if (round == NULL || round->state >= ROUND_ABANDONED)
        return;
    campaign_changed_round(c, plan, campaign_outcome_text(outcome));
    campaign_set_trials(c, TRIAL_FAILED);
    if (round->state == ROUND_OPEN || !never_put)
        c->memory.phase = PHASE_STOP;
    else
        round->state = ROUND_ABANDONED;
}

/* STOP has done its work. */
static void abandon(struct campaign *c, struct campaign_plan *plan, const char *action)
{
    campaign_newest(c)->state = ROUND_ABANDONED;
    campaign_changed_round(c, plan, action);
    c->memory.phase = PHASE_DONE;
}

static bool is_ours(const struct campaign *c, const char *campaign)
{
    return strcmp(campaign, c->uuid) == 0;
}

/* A planned round is put again as it is while the server may hold it; else it gets the next number and a new end. */
static void take_number(struct campaign *c, const struct campaign_experiment *experiment, struct campaign_plan *plan)
{
    struct campaign_round *round = campaign_newest(c);
    bool may_be_ours = experiment->next_round > round->number && !c->memory.probed;
    if (!may_be_ours)
        campaign_round_renumber(c, round, experiment);
    c->memory.probed = false;
    campaign_changed_round(c, plan, "round planned");
    c->memory.phase = PHASE_OPEN;
}

static void watch_default(struct campaign *c, const struct campaign_experiment *experiment)
{
    bool same = true;
    for (size_t h = 0; h < c->setup.n_heads; h++)
        same = same && experiment->default_weight[h] == c->setup.control.weight[h];
    if (c->config.control == CONTROL_DEFAULT && !same)
        snprintf(c->memory.warning, sizeof c->memory.warning,
                 "the default weights have changed since the launch; the control keeps the old ones");
}

static enum status plan_next(struct campaign *c, const struct campaign_experiment *experiment,
                             struct campaign_plan *plan, struct err *err)
{
    TRY(campaign_round_plan(c, experiment, err));
    watch_default(c, experiment);
    c->memory.probed = false;
    struct campaign_round *round = campaign_newest(c);
    if (round->purpose == AIM_CONFIRM)
        c->memory.version_before = experiment->default_version;
    campaign_changed_round(c, plan, "round planned");
    snprintf(plan->detail, sizeof plan->detail, "round %lld: %s with %zu arms", (long long)round->number,
             campaign_aim_text(round->purpose), round->n_arms);
    const bool capped = campaign_cap_is_set(&c->config) && round->purpose == AIM_EXPLORE;
    c->memory.phase = capped ? PHASE_CHECK : PHASE_OPEN;
    return STATUS_OK;
}

static enum status campaign_look(struct campaign *c, const struct campaign_experiment *experiment,
                                 struct campaign_plan *plan, struct err *err)
{
    if (!c->has_setup) {
        struct err line = ERR_INIT;
        enum status s = campaign_restore_setup(c, experiment, &line);
        if (s == STATUS_NO_MEMORY)
            return err_set(err, s, "%s", line.text);
        if (s != STATUS_OK) {
            campaign_finish(c, OUTCOME_FAILED, line.text, plan);
            return STATUS_OK;
        }
    }
    if (c->memory.aim == AIM_PROMOTE) {
        c->memory.version_before = experiment->default_version;
        campaign_changed(plan, "promotion planned");
        c->memory.phase = PHASE_PROMOTE;
        return STATUS_OK;
    }
    struct campaign_round *round = c->n_rounds == 0 ? NULL : campaign_newest(c);
    bool planned = round != NULL && round->state == ROUND_PLANNED;
    bool ours = planned && !c->memory.probed && experiment->open_round == round->number &&
                is_ours(c, experiment->open_campaign);
    if (experiment->round_open && !ours) {
        plan->wait = true;
        snprintf(plan->detail, sizeof plan->detail, "waiting for round %lld of campaign %s to end",
                 (long long)experiment->open_round, experiment->open_campaign);
        return STATUS_OK;
    }
    if (!planned && campaign_cap_is_set(&c->config) && c->previews == NULL) {
        campaign_changed(plan, "previews wanted");
        c->memory.phase = PHASE_PREVIEW;
        return STATUS_OK;
    }
    if (!planned)
        return plan_next(c, experiment, plan, err);
    take_number(c, experiment, plan);
    return STATUS_OK;
}

static void opened(struct campaign *c, int64_t at_ms, struct campaign_plan *plan)
{
    struct campaign_round *round = campaign_newest(c);
    campaign_results_free(c->live); /* of a round that was given up */
    c->live = NULL;
    c->harmful_arm = 0;
    round->state = ROUND_OPEN;
    round->opened_ms = at_ms;
    campaign_set_trials(c, TRIAL_RUNNING);
    for (size_t a = 0; a < round->n_arms; a++)
        c->trials[round->first_trial + a].started_ms = at_ms;
    campaign_changed_round(c, plan, "round opened");
    snprintf(plan->detail, sizeof plan->detail, "round %lld", (long long)round->number);
    c->memory.phase = PHASE_MEASURE;
}

static enum status check_results(const struct campaign *c, const struct campaign_round *round,
                                 const struct campaign_results *results, struct err *err)
{
    if (results->round != round->number || !is_ours(c, results->campaign))
        return err_set(err, STATUS_CORRUPT, "the results are of round %lld of campaign %s, not of our round %lld",
                       (long long)results->round, results->campaign, (long long)round->number);
    if (results->n_arms != round->n_arms)
        return err_set(err, STATUS_CORRUPT, "the results of round %lld have %zu arms, planned were %zu",
                       (long long)round->number, results->n_arms, round->n_arms);
    for (size_t a = 0; a < round->n_arms; a++)
        if (strcmp(results->arm[a].id, c->trials[round->first_trial + a].arm) != 0)
            return err_set(err, STATUS_CORRUPT, "arm %zu of the results of round %lld is \"%s\", planned was \"%s\"", a,
                           (long long)round->number, results->arm[a].id, c->trials[round->first_trial + a].arm);
    /* A metric that is missing shows now, while it can be asked for again. */
    struct campaign_measure *measure = NULL;
    TRY(campaign_measure_new(&c->setup, results, 0, &measure, err));
    campaign_measure_free(measure);
    return STATUS_OK;
}

/* The final results, before anything is done with them. */
static enum status campaign_close(struct campaign *c, struct campaign_results *results, struct campaign_plan *plan,
                                  struct err *err)
{
    struct campaign_round *round = campaign_newest(c);
    bool by_hand = results->end == END_STOPPED && !c->memory.stop_round && c->memory.candidate == 0;
    campaign_results_free(c->live);
    c->live = NULL;
    c->harmful_arm = 0;
    round->results = results;
    round->state = ROUND_FINAL;
    TRY(campaign_record(c, c->n_rounds - 1, err));
    campaign_changed_round(c, plan, "results final");
    snprintf(plan->detail, sizeof plan->detail, "round %lld, digest %s", (long long)round->number, results->digest);
    c->memory.stop_round = false;
    if (by_hand) {
        c->memory.paused = true;
        snprintf(c->memory.warning, sizeof c->memory.warning, "round %lld was stopped by hand: resume to go on",
                 (long long)round->number);
    }
    const bool wanted = c->config.warm_start && c->previews == NULL && round->purpose == AIM_EXPLORE;
    c->memory.phase = wanted && campaign_previews_possible(&c->setup) ? PHASE_PREVIEW : PHASE_FIT;
    return STATUS_OK;
}

/* No previews, and a line why: with a cap nothing goes on without them. */
static void without_previews(struct campaign *c, const char *line, bool later, struct campaign_plan *plan)
{
    if (!campaign_cap_is_set(&c->config)) {
        campaign_changed(plan, "no previews");
        snprintf(plan->detail, sizeof plan->detail, "%s", line);
    } else if (later) {
        plan->wait = true;
        snprintf(plan->detail, sizeof plan->detail, "max_turnover waits for logged requests: %.400s", line);
    } else {
        char reason[CAMPAIGN_LINE];
        snprintf(reason, sizeof reason, "max_turnover is %g, but what weights would show is not known: %.400s",
                 c->config.max_turnover, line);
        campaign_finish(c, OUTCOME_FAILED, reason, plan);
    }
}

/* What the optimizer makes of previews that cannot be used is a line. */
static enum status previewed(struct campaign *c, const struct campaign_event *event, struct campaign_plan *plan,
                             struct err *err)
{
    struct campaign_previews *previews = event->previews;
    struct err line = ERR_INIT;
    const bool measured = c->n_rounds > 0 && campaign_newest(c)->state == ROUND_FINAL;
    const enum campaign_phase next = measured ? PHASE_FIT : PHASE_LOOK;
    if (previews == NULL) {
        if (!campaign_cap_is_set(&c->config))
            c->memory.phase = next;
        without_previews(c, event->line, event->later, plan);
        return STATUS_OK;
    }
    c->memory.phase = next;
    const enum status s = campaign_restore_previews(c, previews, &line);
    if (s == STATUS_NO_MEMORY)
        return err_set(err, s, "%s", line.text);
    if (s != STATUS_OK) {
        campaign_previews_free(c->previews);
        c->previews = NULL;
        without_previews(c, line.text, false, plan);
        return STATUS_OK;
    }
    campaign_changed(plan, "previews taken");
    plan->previews = true;
    snprintf(plan->detail, sizeof plan->detail, "%zu weights on %lld logged requests", previews->n,
             (long long)previews->requests);
    return STATUS_OK;
}

/* The arms of the planned round now keep the cap.  LOOK again: an end in time counts from when the round is put. */
static enum status checked(struct campaign *c, struct campaign_previews *previews, struct campaign_plan *plan,
                           struct err *err)
{
    struct err line = ERR_INIT;
    const enum status s = campaign_cap_apply(c, previews, &line);
    campaign_previews_free(previews);
    if (s == STATUS_UNPROCESSABLE) {
        campaign_finish(c, OUTCOME_FAILED, line.text, plan);
        return STATUS_OK;
    }
    if (s != STATUS_OK)
        return err_set(err, s, "%s", line.text);
    campaign_changed_round(c, plan, "arms checked");
    snprintf(plan->detail, sizeof plan->detail, "none replaces more than %g of what the control shows",
             c->config.max_turnover);
    c->memory.phase = PHASE_LOOK;
    return STATUS_OK;
}

/* PROBE and STOP read results only to learn whose round it is. */
static void find_owner(struct campaign *c, bool ours, int64_t opened_ms, struct campaign_plan *plan)
{
    if (c->memory.phase == PHASE_PROBE && ours) {
        opened(c, opened_ms, plan);
    } else if (c->memory.phase == PHASE_PROBE) {
        campaign_changed(plan, "round number taken");
        c->memory.probed = true;
        c->memory.phase = PHASE_LOOK;
    } else if (ours) {
        campaign_newest(c)->state = ROUND_OPEN;
        campaign_changed_round(c, plan, "round found");
    } else {
        abandon(c, plan, "nothing to stop");
    }
}

static enum status campaign_read(struct campaign *c, struct campaign_results *results, struct campaign_plan *plan,
                                 struct err *err)
{
    struct campaign_round *round = campaign_newest(c);
    if (c->memory.phase != PHASE_MEASURE) {
        find_owner(c, is_ours(c, results->campaign), results->opened_ms, plan);
        campaign_results_free(results);
        return STATUS_OK;
    }
    enum status s = check_results(c, round, results, err);
    if (s != STATUS_OK) {
        campaign_results_free(results);
        return s;
    }
    if (results->final)
        return campaign_close(c, results, plan, err);
    campaign_results_free(c->live);
    c->live = results;
    plan->wait = true;
    return campaign_find_harm(c, err);
}

static void taken(struct campaign *c, const char *line, struct campaign_plan *plan)
{
    if (c->memory.phase != PHASE_PROMOTE) {
        campaign_changed(plan, "round refused");
        snprintf(plan->detail, sizeof plan->detail, "%s", line);
        c->memory.phase = PHASE_PROBE;
        return;
    }
    campaign_changed(plan, "promotion refused");
    snprintf(plan->detail, sizeof plan->detail, "%s", line);
    snprintf(c->memory.warning, sizeof c->memory.warning,
             "the default weights are no longer version %lld: promote again to replace them",
             (long long)c->memory.version_before);
    c->memory.by_hand = false;
    c->memory.aim = AIM_CONFIRM;
    c->memory.phase = PHASE_READY;
}

static void refused(struct campaign *c, const char *line, struct campaign_plan *plan)
{
    if (c->memory.phase == PHASE_STOP)
        abandon(c, plan, "nothing to stop");
    else
        campaign_finish(c, OUTCOME_FAILED, line, plan);
}

/* The server does not know the round, or what else it was asked for. */
static void missing(struct campaign *c, const char *line, struct campaign_plan *plan)
{
    if (c->memory.phase == PHASE_PROBE) {
        campaign_changed(plan, "round was never opened");
        c->memory.probed = true;
        c->memory.phase = PHASE_LOOK;
        return;
    }
    if (c->memory.phase == PHASE_MEASURE) /* what the server does not know cannot be stopped */
        campaign_newest(c)->state = ROUND_ABANDONED;
    refused(c, line, plan);
}

static void stopped(struct campaign *c, struct campaign_plan *plan)
{
    if (c->memory.phase == PHASE_STOP) {
        abandon(c, plan, "round stopped");
        return;
    }
    campaign_changed(plan, "round stopped"); /* that it was not a stranger who stopped it shows in candidate */
    c->memory.stop_round = false;
}

/* Nothing but the audit line is journalled: the results say which arms are stopped. */
static enum status arm_stopped(struct campaign *c, const char *refusal, struct campaign_plan *plan, struct err *err)
{
    assert(c->harmful_arm != 0);
    c->live->arm[c->harmful_arm].stopped = true;
    plan->wait = true;
    (void)snprintf(plan->detail, sizeof plan->detail, "%s", refusal != NULL ? refusal : c->harm);
    if (refusal == NULL)
        campaign_changed(plan, "arm stopped");
    return campaign_find_harm(c, err);
}

static void promoted(struct campaign *c, int64_t version, struct campaign_plan *plan)
{
    char reason[CAMPAIGN_LINE];
    memcpy(reason, c->memory.reason, sizeof reason);
    c->memory.version_after = version;
    campaign_finish(c, OUTCOME_PROMOTED, reason, plan);
}

enum status campaign_step(struct campaign *c, const struct campaign_event *event, struct campaign_plan *plan,
                          struct err *err)
{
    *plan = (struct campaign_plan){.first_round = SIZE_MAX, .first_trial = SIZE_MAX};
    switch (event->kind) {
    case EVENT_CREATED:
        campaign_changed(plan, "experiment created");
        c->memory.phase = PHASE_LOOK;
        return STATUS_OK;
    case EVENT_EXPERIMENT:
        return campaign_look(c, event->experiment, plan, err);
    case EVENT_OPENED:
        opened(c, event->at_ms, plan);
        return STATUS_OK;
    case EVENT_TAKEN:
        taken(c, event->line, plan);
        return STATUS_OK;
    case EVENT_UNSURE: /* nothing to journal: a restart looks first as well */
        if (c->memory.phase == PHASE_OPEN && campaign_newest(c)->at_ms > 0)
            c->memory.phase = PHASE_LOOK;
        return STATUS_OK;
    case EVENT_RESULTS:
        return campaign_read(c, event->results, plan, err);
    case EVENT_MISSING:
        missing(c, event->line, plan);
        return STATUS_OK;
    case EVENT_STOPPED:
        stopped(c, plan);
        return STATUS_OK;
    case EVENT_ARM_STOPPED:
        return arm_stopped(c, event->line, plan, err);
    case EVENT_PREVIEWS:
        return previewed(c, event, plan, err);
    case EVENT_CHECKED:
        if (event->previews != NULL)
            return checked(c, event->previews, plan, err);
        without_previews(c, event->line, event->later, plan);
        return STATUS_OK;
    case EVENT_FIT:
        return campaign_fit(c, plan, err);
    case EVENT_PROMOTED:
        promoted(c, event->version, plan);
        return STATUS_OK;
    case EVENT_REFUSED:
        refused(c, event->line, plan);
        return STATUS_OK;
    case EVENT_PAUSE:
    case EVENT_RESUME:
    case EVENT_CANCEL:
    case EVENT_PROMOTE:
        break;
    }
    return campaign_ask(c, event, plan, err);
}
