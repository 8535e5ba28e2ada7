#include "tuner/core/campaign_round.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/core/campaign_cap.h"

struct campaign_round *campaign_add_round(struct campaign *campaign)
{
    struct campaign_round *grown = mem_resize(campaign->rounds, campaign->n_rounds + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    campaign->rounds = grown;
    struct campaign_round *round = &grown[campaign->n_rounds++];
    *round = (struct campaign_round){.first_trial = campaign->n_trials};
    return round;
}

struct campaign_trial *campaign_add_trial(struct campaign *campaign)
{
    struct campaign_trial *grown = mem_resize(campaign->trials, campaign->n_trials + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    campaign->trials = grown;
    struct campaign_trial *trial = &grown[campaign->n_trials++];
    *trial = (struct campaign_trial){
        .n = (int64_t)campaign->n_trials, .source = (int64_t)campaign->n_trials, .turnover = nan("")};
    return trial;
}

/* Index of an earlier row with these weights, n_trials when there is none. */
static size_t earlier_row(const struct campaign *campaign, const struct campaign_point *point, bool is_control)
{
    size_t t = 0;
    for (; t < campaign->n_trials; t++) {
        const struct campaign_trial *trial = &campaign->trials[t];
        if ((trial->origin == ORIGIN_CONTROL) == is_control &&
            campaign_setup_same(&campaign->setup, &trial->point, point))
            break;
    }
    return t;
}

static enum status add_arm(struct campaign *campaign, const char *arm, enum campaign_origin origin,
                           const struct campaign_point *point, double allocation, struct err *err)
{
    struct campaign_point copy = *point;
    size_t earlier = earlier_row(campaign, &copy, origin == ORIGIN_CONTROL);
    struct campaign_trial *trial = campaign_add_trial(campaign);
    if (trial == NULL)
        return err_no_memory(err);
    if (earlier + 1 < campaign->n_trials) { /* the same weights: the model says the same of them */
        const struct campaign_trial *same = &campaign->trials[earlier];
        trial->source = same->source;
        trial->modelled = same->modelled;
        trial->model_mean = same->model_mean;
        trial->model_sd = same->model_sd;
        trial->feasible = same->feasible;
        trial->turnover = same->turnover;
    }
    snprintf(trial->arm, sizeof trial->arm, "%s", arm);
    trial->round = campaign->n_rounds - 1;
    trial->origin = origin;
    trial->point = copy;
    trial->allocation = allocation;
    trial->turnover = origin == ORIGIN_CONTROL ? 0.0 : trial->turnover;
    campaign->rounds[campaign->n_rounds - 1].n_arms++;
    return STATUS_OK;
}

static enum status add_new_arms(struct campaign *campaign, size_t n, double allocation, struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    enum campaign_origin origin = campaign->n_told == 0 ? ORIGIN_SOBOL : ORIGIN_ACQUISITION;
    double *x = mem_alloc(n * setup->dim, sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    enum status s = optimizer_ask(campaign->optimizer, n, 0, NULL, x, err);
    for (size_t i = 0; i < n && s == STATUS_OK; i++) {
        struct campaign_point point;
        char arm[CAMPAIGN_NAME];
        space_snap(setup->dim, setup->space, x + i * setup->dim);
        campaign_setup_decode(setup, x + i * setup->dim, &point);
        snprintf(arm, sizeof arm, "a%zu", i + 1);
        s = add_arm(campaign, arm, origin, &point, allocation, err);
    }
    mem_free(x);
    return s;
}

static enum status plan_explore(struct campaign *campaign, struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    size_t k = campaign->config.arms, new_arms = k;
    double root = sqrt((double)k), each = 1 / ((double)k + root);
    TRY(add_arm(campaign, "control", ORIGIN_CONTROL, &setup->control, root * each, err));
    if (campaign->config.anchor_equal) {
        TRY(add_arm(campaign, "equal", ORIGIN_ANCHOR, &setup->equal, each, err));
        new_arms--;
    }
    const struct campaign_trial *incumbent = campaign_find_trial(campaign, campaign->findings.best.trial);
    if (incumbent != NULL && incumbent->origin != ORIGIN_ANCHOR) {
        struct campaign_point point = incumbent->point;
        TRY(add_arm(campaign, "incumbent", ORIGIN_INCUMBENT, &point, each, err));
        new_arms--;
    }
    return add_new_arms(campaign, new_arms, each, err);
}

static enum status plan_confirm(struct campaign *campaign, struct err *err)
{
    const struct campaign_setup *setup = &campaign->setup;
    struct campaign_point point = campaign_find_trial(campaign, campaign->memory.candidate)->point;
    bool no_equal = campaign_setup_same(setup, &point, &setup->equal) || campaign_cap_is_set(&campaign->config);
    double share = no_equal ? .5 : .4;
    TRY(add_arm(campaign, "control", ORIGIN_CONTROL, &setup->control, share, err));
    TRY(add_arm(campaign, "candidate", ORIGIN_CANDIDATE, &point, share, err));
    return no_equal ? STATUS_OK : add_arm(campaign, "equal", ORIGIN_EQUAL, &setup->equal, .2, err);
}

void campaign_round_renumber(struct campaign *campaign, struct campaign_round *round,
                             const struct campaign_experiment *experiment)
{
    bool explore = round->purpose == AIM_EXPLORE;
    const struct campaign_ending *end = explore ? &campaign->config.round_end : &campaign->config.confirm_end;
    round->number = experiment->next_round;
    round->units_per_arm = end->units_per_arm;
    round->at_ms = end->duration_ms > 0 ? experiment->now_ms + end->duration_ms : 0;
    uint64_t salt = rng_mix(campaign->config.seed ^ rng_hash_text(campaign->config.name));
    snprintf(round->salt, sizeof round->salt, "%s/%lld/%016llx", campaign->config.experiment, (long long)round->number,
             (unsigned long long)salt);
}

enum status campaign_round_plan(struct campaign *campaign, const struct campaign_experiment *experiment,
                                struct err *err)
{
    struct campaign_round *round = campaign_add_round(campaign);
    if (round == NULL)
        return err_no_memory(err);
    round->purpose = campaign->memory.aim;
    campaign_round_renumber(campaign, round, experiment);
    return round->purpose == AIM_EXPLORE ? plan_explore(campaign, err) : plan_confirm(campaign, err);
}
