#include "tuner/core/campaign.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/campaign_findings.h"
#include "tuner/core/campaign_round.h"

/* One pair of text and find functions for each enum of campaign.h. */
#define TEXT_ENTRY(code, text) text,
#define DEFINE_TEXTS(noun, MAP)                                                                                        \
    static const char *const noun##_texts[] = {MAP(TEXT_ENTRY)};                                                       \
    const char *campaign_##noun##_text(enum campaign_##noun x)                                                         \
    {                                                                                                                  \
        return noun##_texts[x];                                                                                        \
    }                                                                                                                  \
    bool campaign_##noun##_find(const char *text, enum campaign_##noun *ret)                                           \
    {                                                                                                                  \
        size_t i;                                                                                                      \
        if (!find_text(noun##_texts, sizeof noun##_texts / sizeof noun##_texts[0], text, &i))                          \
            return false;                                                                                              \
        *ret = (enum campaign_##noun)i;                                                                                \
        return true;                                                                                                   \
    }

static bool find_text(const char *const *texts, size_t n, const char *text, size_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(texts[i], text) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

DEFINE_TEXTS(phase, CAMPAIGN_PHASE_MAP)
DEFINE_TEXTS(outcome, CAMPAIGN_OUTCOME_MAP)
DEFINE_TEXTS(aim, CAMPAIGN_AIM_MAP)
DEFINE_TEXTS(round_state, CAMPAIGN_ROUND_MAP)
DEFINE_TEXTS(origin, CAMPAIGN_ORIGIN_MAP)
DEFINE_TEXTS(trial_state, CAMPAIGN_TRIAL_MAP)

enum status campaign_new(const struct campaign_config *config, const char *uuid, bool create, struct campaign **ret,
                         struct err *err)
{
    struct campaign *campaign = mem_alloc(1, sizeof *campaign);
    if (campaign == NULL)
        return err_no_memory(err);
    campaign->config = *config;
    campaign->memory.phase = create ? PHASE_CREATE : PHASE_LOOK;
    snprintf(campaign->uuid, sizeof campaign->uuid, "%s", uuid);
    *ret = campaign;
    return STATUS_OK;
}

void campaign_free(struct campaign *campaign)
{
    if (campaign == NULL)
        return;
    for (size_t r = 0; r < campaign->n_rounds; r++)
        campaign_results_free(campaign->rounds[r].results);
    mem_free(campaign->rounds);
    mem_free(campaign->trials);
    optimizer_free(campaign->optimizer);
    campaign_previews_free(campaign->previews);
    campaign_results_free(campaign->live);
    mem_free(campaign);
}

const struct campaign_round *campaign_last_round(const struct campaign *campaign)
{
    return campaign->n_rounds == 0 ? NULL : &campaign->rounds[campaign->n_rounds - 1];
}

size_t campaign_rounds_done(const struct campaign *campaign)
{
    size_t n = 0;
    for (size_t r = 0; r < campaign->n_rounds; r++)
        n += campaign->rounds[r].purpose == AIM_EXPLORE && campaign->rounds[r].results != NULL;
    return n;
}

struct campaign_trial *campaign_find_trial(const struct campaign *campaign, int64_t n)
{
    return n < 1 || n > (int64_t)campaign->n_trials ? NULL : &campaign->trials[n - 1];
}

bool campaign_is_active(const struct campaign *campaign)
{
    return campaign->memory.outcome == OUTCOME_NONE || campaign->memory.phase == PHASE_STOP;
}

const char *campaign_state_text(const struct campaign *campaign)
{
    const struct campaign_memory *memory = &campaign->memory;
    const struct campaign_round *last = campaign_last_round(campaign);
    if (memory->outcome != OUTCOME_NONE)
        return campaign_outcome_text(memory->outcome);
    if (memory->paused)
        return "paused";
    if (!campaign->has_setup)
        return "waiting";
    if (memory->phase == PHASE_READY)
        return "ready";
    if (memory->aim == AIM_PROMOTE)
        return "promoting";
    if (memory->aim == AIM_CONFIRM)
        return "confirming";
    return campaign->n_rounds == 0 || (campaign->n_rounds == 1 && last->state == ROUND_PLANNED) ? "starting"
                                                                                                : "running";
}

static void phase_note(const struct campaign *campaign, char *ret, size_t size)
{
    const struct campaign_memory *memory = &campaign->memory;
    const struct campaign_round *last = campaign_last_round(campaign);
    long long number = last == NULL ? 0 : (long long)last->number;
    bool explore = last == NULL || last->purpose == AIM_EXPLORE;
    size_t of = last == NULL ? 0 : campaign_rounds_done(campaign) + (explore && last->results == NULL);
    switch (memory->phase) {
    case PHASE_CREATE:
        snprintf(ret, size, "creating experiment %s", campaign->config.experiment);
        return;
    case PHASE_LOOK:
        snprintf(ret, size, "reading experiment %s", campaign->config.experiment);
        return;
    case PHASE_CHECK:
        snprintf(ret, size, "asking what the arms of round %lld would show", number);
        return;
    case PHASE_OPEN:
    case PHASE_PROBE:
        snprintf(ret, size, "opening round %lld", number);
        return;
    case PHASE_MEASURE:
        if (memory->stop_round)
            snprintf(ret, size, "stopping round %lld to confirm trial %lld", number, (long long)memory->candidate);
        else if (explore)
            snprintf(ret, size, "round %lld is measuring, %zu of at most %zu", number, of, campaign->config.rounds_max);
        else
            snprintf(ret, size, "round %lld is confirming trial %lld", number, (long long)memory->candidate);
        return;
    case PHASE_PREVIEW:
        snprintf(ret, size, "asking what logged requests say");
        return;
    case PHASE_FIT:
        snprintf(ret, size, "fitting the results of round %lld", number);
        return;
    case PHASE_READY:
        snprintf(ret, size, "trial %lld is confirmed and waits for promote: %s", (long long)memory->candidate,
                 memory->reason);
        return;
    case PHASE_PROMOTE:
        snprintf(ret, size, "promoting trial %lld", (long long)memory->candidate);
        return;
    case PHASE_STOP:
    case PHASE_DONE:
        snprintf(ret, size, "%s%s", memory->reason, memory->phase == PHASE_STOP ? "; stopping its round" : "");
        return;
    }
}

void campaign_note(const struct campaign *campaign, char *ret, size_t size)
{
    ret[0] = '\0';
    phase_note(campaign, ret, size);
    size_t used = strlen(ret);
    if (campaign->memory.warning[0] != '\0' && used + 3 < size)
        snprintf(ret + used, size - used, "%s%s", used > 0 ? "; " : "", campaign->memory.warning);
}

enum campaign_call campaign_call(const struct campaign *campaign)
{
    const struct campaign_memory *memory = &campaign->memory;
    if (memory->paused && memory->phase != PHASE_MEASURE)
        return CALL_NONE;
    switch (memory->phase) {
    case PHASE_CREATE:
        return CALL_CREATE;
    case PHASE_LOOK:
        return CALL_EXPERIMENT;
    case PHASE_CHECK:
        return CALL_CHECK;
    case PHASE_OPEN:
        return CALL_OPEN;
    case PHASE_PROBE:
        return CALL_RESULTS;
    case PHASE_MEASURE:
        if (memory->stop_round)
            return CALL_STOP;
        return campaign->harmful_arm != 0 ? CALL_STOP_ARM : CALL_RESULTS;
    case PHASE_PREVIEW:
        return CALL_PREVIEWS;
    case PHASE_FIT:
        return CALL_FIT;
    case PHASE_PROMOTE:
        return CALL_DEFAULT;
    case PHASE_STOP: /* a round that may never have been opened is looked at before it is stopped */
        return campaign->rounds[campaign->n_rounds - 1].state == ROUND_OPEN ? CALL_STOP : CALL_RESULTS;
    case PHASE_READY:
    case PHASE_DONE:
        break;
    }
    return CALL_NONE;
}

enum status campaign_restore_setup(struct campaign *campaign, const struct campaign_experiment *experiment,
                                   struct err *err)
{
    TRY(campaign_setup_make(&campaign->config, experiment, &campaign->setup, err));
    const struct campaign_setup *setup = &campaign->setup;
    struct optimizer_config config = {
        .dim = setup->dim,
        .n_outcomes = 1 + setup->n_guardrails,
        .seed = campaign->config.seed,
        .control = setup->control_x,
        .control_known = true,
        .round_variance = true,
        .thresholds = setup->threshold,
        .levels = setup->levels,
    };
    TRY(optimizer_new(&config, &campaign->optimizer, err));
    campaign->has_setup = true;
    return STATUS_OK;
}

enum status campaign_restore_previews(struct campaign *campaign, struct campaign_previews *previews, struct err *err)
{
    campaign_previews_free(campaign->previews);
    campaign->previews = previews;
    if (!campaign->has_setup || previews->dim != campaign->setup.dim || previews->n_heads != campaign->setup.n_heads)
        return err_set(err, STATUS_CORRUPT, "the previews of campaign %lld have %zu coordinates and %zu heads",
                       (long long)campaign->id, previews->dim, previews->n_heads);
    const struct optimizer_previews told = {previews->n, previews->n_heads, previews->x, previews->feature};
    return optimizer_preview(campaign->optimizer, &told, err);
}

enum status campaign_restore_round(struct campaign *campaign, const struct campaign_round *round, struct err *err)
{
    struct campaign_round *added = campaign_add_round(campaign);
    if (added == NULL) {
        campaign_results_free(round->results);
        return err_no_memory(err);
    }
    size_t first = added->first_trial;
    *added = *round;
    added->first_trial = first;
    added->n_arms = 0;
    bool ended = round->state >= ROUND_FINAL;
    if (!campaign->has_setup || ended != (round->results != NULL))
        return err_set(err, STATUS_CORRUPT, "round %lld of campaign %lld is %s, which its results contradict",
                       (long long)round->number, (long long)campaign->id, campaign_round_state_text(round->state));
    return STATUS_OK;
}

enum status campaign_restore_trial(struct campaign *campaign, const struct campaign_trial *trial, struct err *err)
{
    bool fits = campaign->n_rounds > 0 && trial->n == (int64_t)campaign->n_trials + 1 && trial->source >= 1 &&
                trial->source <= trial->n && trial->round + 1 == campaign->n_rounds &&
                campaign->rounds[campaign->n_rounds - 1].n_arms < CAMPAIGN_MAX_ARMS;
    if (!fits)
        return err_set(err, STATUS_CORRUPT, "trial %lld of campaign %lld does not belong to its round",
                       (long long)trial->n, (long long)campaign->id);
    struct campaign_trial *added = campaign_add_trial(campaign);
    if (added == NULL)
        return err_no_memory(err);
    *added = *trial;
    campaign->rounds[campaign->n_rounds - 1].n_arms++;
    return STATUS_OK;
}

static enum status restore_results(struct campaign *campaign, size_t r, struct err *err)
{
    struct campaign_round *round = &campaign->rounds[r];
    if (round->results == NULL)
        return STATUS_OK;
    if (round->results->n_arms != round->n_arms)
        return err_set(err, STATUS_CORRUPT, "round %lld of campaign %lld has %zu arms, its results %zu",
                       (long long)round->number, (long long)campaign->id, round->n_arms, round->results->n_arms);
    TRY(campaign_record(campaign, r, err));
    return round->state == ROUND_TOLD && round->purpose == AIM_EXPLORE ? campaign_tell(campaign, r, err) : STATUS_OK;
}

enum status campaign_restore_finish(struct campaign *campaign, const struct campaign_memory *memory, struct err *err)
{
    campaign->memory = *memory;
    for (size_t r = 0; r < campaign->n_rounds; r++)
        TRY(restore_results(campaign, r, err));
    if (campaign->n_told > 0)
        TRY(campaign_analyse(campaign, err));
    if (memory->candidate != 0 && campaign_find_trial(campaign, memory->candidate) == NULL)
        return err_set(err, STATUS_CORRUPT, "campaign %lld has no trial %lld", (long long)campaign->id,
                       (long long)memory->candidate);
    if (memory->candidate != 0)
        TRY(campaign_weigh(campaign, err));
    const struct campaign_round *last = campaign_last_round(campaign);
    bool judged = memory->phase == PHASE_READY || memory->aim == AIM_PROMOTE || memory->outcome != OUTCOME_NONE;
    if (judged && last != NULL && last->purpose == AIM_CONFIRM && last->state == ROUND_TOLD && memory->candidate != 0) {
        bool promote;
        char reason[CAMPAIGN_LINE];
        TRY(campaign_judge(campaign, campaign->n_rounds - 1, &promote, reason, err));
    }
    /* Whether a put was answered is not known: an end in time that was never put may have passed, so look first. */
    if (memory->phase == PHASE_OPEN && last != NULL && last->at_ms > 0)
        campaign->memory.phase = PHASE_LOOK;
    return STATUS_OK;
}
