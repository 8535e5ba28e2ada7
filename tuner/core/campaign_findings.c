#include "tuner/core/campaign_findings.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/campaign_cap.h"

static void record_arm(const struct campaign *campaign, const struct campaign_round *round,
                       const struct campaign_measure *measure, size_t arm, struct campaign_trial *trial)
{
    const struct campaign_setup *setup = &campaign->setup;
    const struct campaign_results *results = round->results;
    trial->measured = true;
    trial->adjusted = measure->adjusted;
    trial->stopped = results->arm[arm].stopped;
    trial->units = results->arm[arm].units;
    trial->requests = results->arm[arm].requests;
    trial->impressions = results->arm[arm].impressions;
    trial->started_ms = results->opened_ms;
    trial->finished_ms = results->closed_ms;
    campaign_measure_outcome(measure, 0, arm, &trial->objective, &trial->objective_se);
    for (size_t i = 0; i < setup->n_metrics; i++) {
        trial->mean[i] = measure->mean[arm * setup->n_metrics + i];
        trial->mean_se[i] = measure->mean_se[arm * setup->n_metrics + i];
        campaign_measure_effect(measure, i, arm, &trial->effect[i], &trial->effect_se[i]);
    }
    for (size_t g = 0; g < setup->n_guardrails; g++) {
        double y, se;
        campaign_measure_outcome(measure, 1 + g, arm, &y, &se);
        trial->guardrail[g] = arm == measure->base ? 0 : setup->guardrail_sense[g] * y;
        trial->guardrail_se[g] = se;
        trial->holds[g] = campaign_holds(y, se, setup->threshold[g]);
    }
    bool known = isfinite(trial->objective) && isfinite(trial->objective_se);
    trial->state = known && round->state != ROUND_DISCARDED ? TRIAL_DONE : TRIAL_FAILED;
}

enum status campaign_record(struct campaign *campaign, size_t index, struct err *err)
{
    struct campaign_round *round = &campaign->rounds[index];
    struct campaign_measure *measure = NULL;
    TRY(campaign_measure_new(&campaign->setup, round->results, 0, &measure, err));
    for (size_t a = 0; a < round->n_arms; a++)
        record_arm(campaign, round, measure, a, &campaign->trials[round->first_trial + a]);
    campaign_measure_free(measure);
    return STATUS_OK;
}

/* Storage of one tell; freed as one block. */
struct tell {
    size_t n;
    double *x, *y, *cov;
    bool *failed;
    size_t arm[CAMPAIGN_MAX_ARMS]; /* effect entry of each point */
};

static void copy_outcome(const struct campaign_measure *measure, size_t k, struct tell *tell)
{
    static const double NOTHING = 100; /* variance of a guardrail effect that was not measured */
    size_t n = tell->n;
    for (size_t i = 0; i < n; i++) {
        double y = measure->y[k * measure->n + tell->arm[i]];
        double variance = measure->cov[(k * measure->n + tell->arm[i]) * measure->n + tell->arm[i]];
        bool known = isfinite(y) && isfinite(variance);
        if (k == 0)
            tell->failed[i] = !known;
        tell->y[k * n + i] = known ? y : 0;
        for (size_t j = 0; j < n; j++) {
            double c = measure->cov[(k * measure->n + tell->arm[i]) * measure->n + tell->arm[j]];
            tell->cov[(k * n + i) * n + j] = isfinite(c) && known ? c : 0;
        }
        if (!known)
            tell->cov[(k * n + i) * n + i] = NOTHING;
    }
}

static enum status make_tell(const struct campaign *campaign, const struct campaign_round *round,
                             const struct campaign_measure *measure, struct tell *tell, struct err *err)
{
    size_t dim = campaign->setup.dim;
    tell->x = mem_alloc(round->n_arms * dim, sizeof(double));
    tell->y = mem_alloc(measure->n_outcomes * measure->n, sizeof(double));
    tell->cov = mem_alloc(measure->n_outcomes * measure->n * measure->n, sizeof(double));
    tell->failed = mem_alloc(measure->n, sizeof(bool));
    if (tell->x == NULL || tell->y == NULL || tell->cov == NULL || tell->failed == NULL)
        return err_no_memory(err);
    for (size_t a = 1; a < round->n_arms; a++) {
        const struct campaign_trial *trial = &campaign->trials[round->first_trial + a];
        if (campaign_setup_encode(&campaign->setup, &trial->point, tell->x + tell->n * dim))
            tell->arm[tell->n++] = campaign_measure_entry(measure, a);
    }
    for (size_t k = 0; k < measure->n_outcomes; k++)
        copy_outcome(measure, k, tell);
    return STATUS_OK;
}

enum status campaign_tell(struct campaign *campaign, size_t index, struct err *err)
{
    const struct campaign_round *round = &campaign->rounds[index];
    struct campaign_measure *measure = NULL;
    struct tell tell = {0};
    TRY(campaign_measure_new(&campaign->setup, round->results, 0, &measure, err));
    enum status s = make_tell(campaign, round, measure, &tell, err);
    if (s == STATUS_OK) {
        struct optimizer_round told = {tell.n, tell.x, tell.y, tell.cov, tell.failed};
        s = optimizer_tell(campaign->optimizer, &told, err);
    }
    if (s == STATUS_OK)
        campaign->n_told++;
    campaign_measure_free(measure);
    mem_free(tell.x);
    mem_free(tell.y);
    mem_free(tell.cov);
    mem_free(tell.failed);
    return s;
}

static bool listed(const struct campaign *campaign, size_t n, const size_t *rows, int64_t source)
{
    for (size_t i = 0; i < n; i++)
        if (campaign->trials[rows[i]].source == source)
            return true;
    return false;
}

/* The arms that explore rounds evaluated and the space holds, each by its first good row: ret_x [n * dim], ret_trial
 * [n]. */
static size_t evaluated(const struct campaign *campaign, double *ret_x, size_t *ret_trial)
{
    size_t n = 0;
    for (size_t t = 0; t < campaign->n_trials; t++) {
        const struct campaign_trial *trial = &campaign->trials[t];
        const struct campaign_round *round = &campaign->rounds[trial->round];
        bool told = trial->state == TRIAL_DONE && round->state == ROUND_TOLD && round->purpose == AIM_EXPLORE;
        if (told && trial->origin != ORIGIN_CONTROL && !listed(campaign, n, ret_trial, trial->source) &&
            campaign_setup_encode(&campaign->setup, &trial->point, ret_x + n * campaign->setup.dim))
            ret_trial[n++] = t;
    }
    return n;
}

static void set_model(struct campaign *campaign, size_t n, const size_t *first, const double *mean, const double *sd,
                      const double *feasible)
{
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < campaign->n_trials; t++) {
            struct campaign_trial *trial = &campaign->trials[t];
            if (trial->source != campaign->trials[first[i]].source)
                continue;
            trial->modelled = true;
            trial->model_mean = mean[i];
            trial->model_sd = sd[i];
            trial->feasible = feasible[i];
        }
}

static struct promotion_lift raw_lift(const struct campaign *campaign, int64_t source)
{
    struct promotion_pool pool = {0, 0};
    for (size_t t = 0; t < campaign->n_trials; t++) {
        const struct campaign_trial *trial = &campaign->trials[t];
        if (trial->source == source && trial->state == TRIAL_DONE &&
            campaign->rounds[trial->round].purpose == AIM_EXPLORE)
            promotion_pool_add(&pool, trial->objective, trial->objective_se);
    }
    return promotion_pooled(&pool);
}

static enum status recommend(struct campaign *campaign, size_t n, const double *x, const size_t *first,
                             const double *mean, const double *sd, const double *feasible, struct err *err)
{
    struct campaign_findings *findings = &campaign->findings;
    struct optimizer_choice choice;
    TRY(optimizer_recommend(campaign->optimizer, n, x, &choice, err));
    findings->best = (struct campaign_best){.trial = 0};
    const double *point = campaign->setup.control_x;
    if (!choice.is_control) {
        size_t i = choice.candidate;
        assert(i < n);
        const struct campaign_trial *trial = &campaign->trials[first[i]];
        findings->best =
            (struct campaign_best){trial->n, mean[i], sd[i], feasible[i], raw_lift(campaign, trial->source)};
        point = x + i * campaign->setup.dim;
    }
    TRY(optimizer_stop_test(campaign->optimizer, campaign->config.delta, point, &findings->stop, err));
    findings->has_stop = true;
    return STATUS_OK;
}

/* Of two series of n; NaN where one is constant. */
static double correlation(size_t n, const double *a, const double *b)
{
    double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        mean_a += a[i] / (double)n;
        mean_b += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
        ab += (a[i] - mean_a) * (b[i] - mean_b);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : nan("");
}

/* What previews turned out to be worth, at the previewed points themselves. */
static enum status find_worth(struct campaign *campaign, struct err *err)
{
    struct campaign_findings *findings = &campaign->findings;
    const struct campaign_previews *p = campaign->previews;
    const size_t k = 1 + campaign->setup.n_guardrails;
    double *mean = mem_alloc((k + 1) * p->n, sizeof *mean);
    if (mean == NULL)
        return err_no_memory(err);
    double *linear = mean + k * p->n;
    const struct optimizer_posterior posterior = {.mean = mean};
    enum status s = optimizer_preview_worth(campaign->optimizer, 0, findings->worth, findings->worth_sd, err);
    if (s == STATUS_OK)
        s = optimizer_posterior(campaign->optimizer, p->n, p->x, &posterior, err);
    for (size_t i = 0; s == STATUS_OK && i < p->n; i++) {
        for (size_t h = 0; h < p->n_heads; h++)
            linear[i] += findings->worth[h] * p->feature[i * p->n_heads + h];
    }
    findings->has_worth = s == STATUS_OK;
    if (findings->has_worth)
        findings->previewed = correlation(p->n, linear, mean);
    mem_free(mean);
    return s;
}

enum status campaign_analyse(struct campaign *campaign, struct err *err)
{
    TRY(campaign_cap_tell(campaign, err));
    size_t most = campaign->n_trials, dim = campaign->setup.dim;
    double *x = mem_alloc(most * dim, sizeof *x), *numbers = mem_alloc(most * 3, sizeof *numbers);
    double *outcomes = mem_alloc(most * 2 * (1 + campaign->setup.n_guardrails), sizeof *outcomes);
    size_t *first = mem_alloc(most, sizeof *first);
    enum status s = err_no_memory(err);
    if (x != NULL && numbers != NULL && outcomes != NULL && first != NULL) {
        size_t n = evaluated(campaign, x, first), k = 1 + campaign->setup.n_guardrails;
        struct optimizer_posterior posterior = {outcomes, outcomes + k * n, NULL, numbers};
        s = n == 0 ? STATUS_OK : optimizer_posterior(campaign->optimizer, n, x, &posterior, err);
        if (s == STATUS_OK && n > 0) {
            set_model(campaign, n, first, posterior.mean, posterior.sd, posterior.feasible);
            s = recommend(campaign, n, x, first, posterior.mean, posterior.sd, posterior.feasible, err);
        }
        if (s == STATUS_OK)
            s = campaign_test_drift(campaign, err);
        if (s == STATUS_OK && n > 0 && campaign->previews != NULL)
            s = find_worth(campaign, err);
    }
    mem_free(x);
    mem_free(numbers);
    mem_free(outcomes);
    mem_free(first);
    return s;
}

/* Index of the arm with the equal weights in a round; 0 (the control) when there is none. */
static size_t equal_arm(const struct campaign *campaign, const struct campaign_round *round)
{
    for (size_t a = 1; a < round->n_arms; a++) {
        enum campaign_origin origin = campaign->trials[round->first_trial + a].origin;
        if (origin == ORIGIN_ANCHOR || origin == ORIGIN_EQUAL)
            return a;
    }
    return 0;
}

/* Arm against the equal arm of the same round; unknown where the round has none or the arm is it. */
static enum status against_equal(const struct campaign *campaign, const struct campaign_round *round, size_t arm,
                                 struct promotion_lift *ret, struct err *err)
{
    size_t equal = equal_arm(campaign, round);
    *ret = promotion_lift(nan(""), nan(""));
    if (equal == 0 || equal == arm)
        return STATUS_OK;
    struct campaign_measure *measure = NULL;
    TRY(campaign_measure_new(&campaign->setup, round->results, equal, &measure, err));
    double lift, se;
    campaign_measure_outcome(measure, 0, arm, &lift, &se);
    campaign_measure_free(measure);
    *ret = promotion_lift(lift, se);
    return STATUS_OK;
}

static enum status raw_against_equal(const struct campaign *campaign, int64_t source, struct promotion_lift *ret,
                                     struct err *err)
{
    struct promotion_pool pool = {0, 0};
    for (size_t t = 0; t < campaign->n_trials; t++) {
        const struct campaign_trial *trial = &campaign->trials[t];
        const struct campaign_round *round = &campaign->rounds[trial->round];
        if (trial->source != source || trial->state != TRIAL_DONE || round->purpose != AIM_EXPLORE)
            continue;
        struct promotion_lift lift;
        TRY(against_equal(campaign, round, t - round->first_trial, &lift, err));
        if (lift.known)
            promotion_pool_add(&pool, lift.lift, lift.se);
    }
    *ret = promotion_pooled(&pool);
    return STATUS_OK;
}

/* f(candidate) - f(equal): variance c00 + c11 - 2 c01 of their joint posterior. */
static enum status model_lifts(struct campaign *campaign, const struct campaign_trial *trial,
                               struct campaign_lifts *ret, struct err *err)
{
    enum { K = OPTIMIZER_MAX_OUTCOMES };
    const struct campaign_setup *setup = &campaign->setup;
    double x[2 * OPTIMIZER_MAX_DIM], mean[2 * K], cov[4 * K];
    *ret = (struct campaign_lifts){promotion_lift(nan(""), 0), promotion_lift(nan(""), 0)};
    if (campaign->n_told == 0 || !campaign_setup_encode(setup, &trial->point, x))
        return STATUS_OK;
    size_t n = setup->equal_in_space && campaign_setup_encode(setup, &setup->equal, x + setup->dim) ? 2 : 1;
    struct optimizer_posterior posterior = {mean, NULL, cov, NULL};
    TRY(optimizer_posterior(campaign->optimizer, n, x, &posterior, err));
    ret->against_control = promotion_lift(mean[0], sqrt(cov[0]));
    if (n == 2 && !campaign_setup_same(setup, &trial->point, &setup->equal))
        ret->against_equal = promotion_lift(mean[0] - mean[1], sqrt(fmax(cov[0] + cov[3] - 2 * cov[1], 0)));
    return STATUS_OK;
}

enum status campaign_weigh(struct campaign *campaign, struct err *err)
{
    const struct campaign_trial *trial = campaign_find_trial(campaign, campaign->memory.candidate);
    struct campaign_winner *winner = &campaign->findings.winner;
    *winner = (struct campaign_winner){.trial = trial->n};
    winner->raw.against_control = raw_lift(campaign, trial->source);
    TRY(raw_against_equal(campaign, trial->source, &winner->raw.against_equal, err));
    return model_lifts(campaign, trial, &winner->model, err);
}

static void judge_guardrails(struct campaign *campaign, const struct campaign_trial *trial)
{
    const struct campaign_setup *setup = &campaign->setup;
    for (size_t g = 0; g < setup->n_guardrails; g++)
        campaign->findings.guardrail[g] = (struct promotion_guardrail){
            campaign->config.guardrail[g].metric,
            promotion_lift(trial->guardrail[g], trial->guardrail_se[g]),
            campaign->config.guardrail[g].bound,
            campaign->config.guardrail[g].is_max,
            trial->holds[g],
        };
    campaign->findings.has_confirmed = true;
}

enum status campaign_judge(struct campaign *campaign, size_t index, bool *ret_promote, char *ret_reason,
                           struct err *err)
{
    const struct campaign_round *round = &campaign->rounds[index];
    const struct campaign_trial *trial = &campaign->trials[round->first_trial + 1];
    struct campaign_lifts *confirmed = &campaign->findings.winner.confirmed;
    confirmed->against_control = promotion_lift(trial->objective, trial->objective_se);
    TRY(against_equal(campaign, round, 1, &confirmed->against_equal, err));
    judge_guardrails(campaign, trial);
    struct err few = ERR_INIT;
    if (round->results->end != END_STOPPED &&
        campaign_measure_usable(&campaign->setup, round->results, &few) != STATUS_OK) {
        memcpy(ret_reason, few.text, sizeof few.text);
        *ret_promote = false;
        return STATUS_OK;
    }
    struct promotion_evidence evidence = {
        confirmed->against_control,   round->results->sample_ratio_p, round->results->end == END_STOPPED,
        campaign->setup.n_guardrails, campaign->findings.guardrail,
    };
    *ret_promote = promotion_decide(&evidence, ret_reason);
    return STATUS_OK;
}
