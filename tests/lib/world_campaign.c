#include "tests/lib/world_campaign.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "tuner/core/campaign.h"
#include "tuner/core/campaign_cap.h"
#include "tuner/core/design.h"

/* One thread at a time: OpenBLAS without threads, as Debian builds it, keeps its buffers without locks, and two that
 * multiply at once may get wrong numbers. */
static pthread_mutex_t thinking = PTHREAD_MUTEX_INITIALIZER;

static int64_t begin_thinking(void)
{
    (void)pthread_mutex_lock(&thinking);
    return clock_monotonic_ns();
}

/* The seconds it took. */
static double end_thinking(int64_t start)
{
    const double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    (void)pthread_mutex_unlock(&thinking);
    return seconds;
}

static const char UUID[] = "00000000-0000-4000-8000-000000000000";

const char *world_method_text(enum world_method method)
{
    static const char *const TEXTS[] = {
#define TEXT(code, text) text,
        WORLD_METHOD_MAP(TEXT)
#undef TEXT
    };
    return TEXTS[method];
}

bool world_method_find(const char *text, size_t length, enum world_method *ret)
{
    for (int m = 0; m < WORLD_METHODS; m++) {
        const char *name = world_method_text((enum world_method)m);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            *ret = (enum world_method)m;
            return true;
        }
    }
    return false;
}

enum status world_campaign_control(const struct world_experiment *experiment, const struct campaign_config *config,
                                   double *ret, struct err *err)
{
    struct campaign_experiment facts;
    struct campaign_setup setup;
    world_experiment_facts(experiment, &facts);
    TRY(campaign_setup_make(config, &facts, &setup, err));
    memcpy(ret, setup.control.weight, facts.n_heads * sizeof *ret);
    return STATUS_OK;
}

static void add_arm(struct round_plan *plan, const char *id, const struct campaign_point *point, double allocation)
{
    struct arm_plan *arm = &plan->arms[plan->n_arms++];
    (void)snprintf(arm->id, sizeof arm->id, "%s", id);
    memcpy(arm->weights, point->weight, WORLD_MAX_HEADS * sizeof *arm->weights);
    arm->allocation = allocation;
}

/* An explore round is over: who was in it, and what they got. */
static void count_round(struct world_campaign_run *run, const struct campaign_results *results, const double *objective)
{
    int64_t users = run->n_rounds > 0 ? run->users[run->n_rounds - 1] : 0;
    const double before = (double)users;
    double gained = 0.0;
    for (size_t a = 0; a < results->n_arms; a++) {
        users += results->arm[a].units;
        gained += a > 0 ? (double)results->arm[a].units * objective[a - 1] : 0.0;
    }
    run->paid = (before * run->paid + gained) / (double)users;
    run->users[run->n_rounds] = users;
}

static int64_t count_users(const struct campaign_results *results)
{
    int64_t users = 0;
    for (size_t a = 0; a < results->n_arms; a++)
        users += results->arm[a].units;
    return users;
}

/* ---- Trimtab: the campaign's calls answered by the experiment */

static enum status play_open_round(struct world_experiment *e, const struct campaign *c, struct campaign_event *event,
                                   struct err *err)
{
    const struct campaign_round *round = campaign_last_round(c);
    struct round_plan plan = {.exclude_seen = round->purpose == AIM_CONFIRM && c->config.exclude_seen,
                              .end_at_ms = round->at_ms};
    (void)snprintf(plan.campaign, sizeof plan.campaign, "%s", c->uuid);
    memcpy(plan.salt, round->salt, sizeof plan.salt);
    for (size_t a = 0; a < round->n_arms; a++) {
        const struct campaign_trial *trial = &c->trials[round->first_trial + a];
        add_arm(&plan, trial->arm, &trial->point, trial->allocation);
    }
    event->kind = EVENT_RESULTS;
    return world_experiment_play(e, &plan, &event->results, err);
}

/* After an explore round was told. */
static void record_explored(const struct campaign *c, struct world_campaign_run *run)
{
    const struct campaign_round *round = &c->rounds[run->n_rounds];
    const struct campaign_trial *best = NULL;
    double objective[CAMPAIGN_MAX_ARMS] = {0.0};
    for (size_t a = 1; a < round->n_arms; a++)
        objective[a - 1] = c->trials[round->first_trial + a].objective;
    count_round(run, round->results, objective);
    for (size_t t = 0; t < c->n_trials; t++) {
        if (c->trials[t].n == c->findings.best.trial)
            best = &c->trials[t];
    }
    memcpy(run->recommended[run->n_rounds], best != NULL ? best->point.weight : c->setup.control.weight,
           sizeof run->recommended[0]);
    run->n_rounds++;
}

/* Previews of the whole space, or of the arms that were planned. */
static enum status preview(struct world_experiment *e, const struct campaign *c, struct campaign_event *event,
                           struct err *err)
{
    const bool of_arms = campaign_call(c) == CALL_CHECK;
    struct campaign_previews *previews = NULL;
    event->kind = of_arms ? EVENT_CHECKED : EVENT_PREVIEWS;
    TRY(of_arms ? campaign_cap_plan(c, &previews, err)
                : campaign_previews_plan(&c->setup, c->config.seed, &previews, err));
    const enum status s = world_experiment_preview(e, &c->setup, previews, err);
    if (s == STATUS_OK)
        event->previews = previews;
    else
        campaign_previews_free(previews);
    return s;
}

static enum status answer(struct world_experiment *e, const struct campaign *c, struct campaign_experiment *facts,
                          struct campaign_event *event, struct err *err)
{
    world_experiment_facts(e, facts);
    *event = (struct campaign_event){.experiment = facts, .at_ms = facts->now_ms, .version = 2};
    switch (campaign_call(c)) {
    case CALL_EXPERIMENT:
        event->kind = EVENT_EXPERIMENT;
        return STATUS_OK;
    case CALL_OPEN:
        event->kind = EVENT_OPENED;
        return STATUS_OK;
    case CALL_RESULTS:
        return play_open_round(e, c, event, err);
    case CALL_PREVIEWS:
    case CALL_CHECK:
        return preview(e, c, event, err);
    case CALL_FIT:
        event->kind = EVENT_FIT;
        return STATUS_OK;
    case CALL_DEFAULT:
        event->kind = EVENT_PROMOTED;
        return STATUS_OK;
    case CALL_NONE:
    case CALL_CREATE:
    case CALL_STOP:
    case CALL_STOP_ARM: /* results come when they are final */
        break;
    }
    return err_set(err, STATUS_INTERNAL, "the campaign waits for a call that nobody makes here");
}

static enum status check_end(const struct campaign *c, struct err *err)
{
    if (c->memory.outcome == OUTCOME_PROMOTED || c->memory.outcome == OUTCOME_NOT_PROMOTED)
        return STATUS_OK;
    return err_set(err, STATUS_UNPROCESSABLE, "the campaign ended as %s: %s", campaign_outcome_text(c->memory.outcome),
                   c->memory.reason);
}

static void record_end(const struct campaign *c, struct world_campaign_run *run)
{
    const struct campaign_round *last = campaign_last_round(c);
    const struct promotion_lift *lift = &c->findings.winner.confirmed.against_control;
    run->promoted = c->memory.outcome == OUTCOME_PROMOTED;
    run->confirmed = last->purpose == AIM_CONFIRM;
    if (!run->confirmed)
        return;
    run->lift = lift->lift;
    run->lift_se = lift->se;
    run->confirm_users = count_users(last->results);
}

static enum status drive(struct world_experiment *e, struct campaign *c, struct world_campaign_run *run,
                         struct err *err)
{
    struct campaign_experiment facts;
    struct campaign_event event;
    struct campaign_plan plan;
    while (campaign_call(c) != CALL_NONE) {
        TRY(answer(e, c, &facts, &event, err));
        const int64_t start = begin_thinking();
        const enum status s = campaign_step(c, &event, &plan, err);
        run->seconds += end_thinking(start);
        if (s != STATUS_OK)
            return s;
        if (event.kind == EVENT_FIT && c->n_told > run->n_rounds)
            record_explored(c, run);
    }
    TRY(check_end(c, err));
    record_end(c, run);
    return STATUS_OK;
}

static enum status play_trimtab(struct world_experiment *e, const struct campaign_config *config,
                                struct world_campaign_run *run, struct err *err)
{
    struct campaign *campaign = NULL;
    TRY(campaign_new(config, UUID, false, &campaign, err));
    const enum status s = drive(e, campaign, run, err);
    campaign_free(campaign);
    return s;
}

/* ---- The others: rounds of their own, the same measuring, model and confirmation */

struct baseline {
    struct world_experiment *e;
    const struct campaign_config *config;
    struct campaign_setup setup;
    struct optimizer *optimizer;
    bool thompson;
    size_t n_tried; /* arms so far */
    /* Of the luckiest arm so far. */
    double luckiest;
    struct campaign_point lucky;
};

static enum status baseline_init(struct baseline *b, struct world_experiment *e, const struct campaign_config *config,
                                 bool thompson, struct err *err)
{
    struct campaign_experiment facts;
    *b = (struct baseline){.e = e, .config = config, .thompson = thompson};
    world_experiment_facts(e, &facts);
    TRY(campaign_setup_make(config, &facts, &b->setup, err));
    b->lucky = b->setup.control;
    const struct optimizer_config options = {.dim = b->setup.dim,
                                             .n_outcomes = 1 + b->setup.n_guardrails,
                                             .seed = config->seed,
                                             .control = b->setup.control_x,
                                             .control_known = true,
                                             .round_variance = true,
                                             .thresholds = b->setup.threshold,
                                             .levels = b->setup.levels,
                                             .acquisition = thompson ? "thompson" : NULL};
    return optimizer_new(&options, &b->optimizer, err);
}

/* x [arms * dim]: the next points of one Sobol sequence, the same that the optimizer begins with. */
static void ask_sobol(const struct baseline *b, double *x)
{
    struct rng rng;
    rng_init(&rng, b->config->seed, rng_hash_text("design"), 0);
    design_sobol(b->config->arms, b->setup.dim, b->n_tried, b->setup.control_x, &rng, x);
}

static void plan_round(const struct baseline *b, struct round_plan *plan, int64_t duration_ms, const char *purpose)
{
    struct campaign_experiment facts;
    world_experiment_facts(b->e, &facts);
    *plan = (struct round_plan){.end_at_ms = facts.now_ms + duration_ms};
    (void)snprintf(plan->campaign, sizeof plan->campaign, "%s", UUID);
    (void)snprintf(plan->salt, sizeof plan->salt, "%s/%s/%lld/%llu", b->config->experiment, purpose,
                   (long long)facts.next_round, (unsigned long long)b->config->seed);
}

static void watch_luck(struct baseline *b, const struct campaign_measure *m, const struct round_plan *plan)
{
    for (size_t a = 0; a < m->n; a++) {
        bool holds = true;
        for (size_t g = 0; g < b->setup.n_guardrails; g++)
            holds = holds && m->y[(1 + g) * m->n + a] <= b->setup.threshold[g];
        if (!holds || !(m->y[a] > b->luckiest))
            continue;
        b->luckiest = m->y[a];
        memcpy(b->lucky.weight, plan->arms[1 + a].weights, WORLD_MAX_HEADS * sizeof *b->lucky.weight);
    }
}

static enum status recommend(struct baseline *b, struct world_campaign_run *run, struct campaign_point *ret,
                             struct err *err)
{
    struct optimizer_choice choice;
    const int64_t start = begin_thinking();
    const enum status s = optimizer_recommend(b->optimizer, 0, NULL, &choice, err);
    run->seconds += end_thinking(start);
    if (s != STATUS_OK)
        return s;
    if (choice.is_control)
        *ret = b->setup.control;
    else
        campaign_setup_decode(&b->setup, choice.x, ret);
    return STATUS_OK;
}

static enum status explore(struct baseline *b, double *x, struct world_campaign_run *run,
                           struct world_campaign_run *luckiest, struct err *err)
{
    struct round_plan plan;
    struct campaign_results *results = NULL;
    struct campaign_measure *m = NULL;
    struct campaign_point point;
    const size_t k = b->config->arms;
    const double each = 1.0 / ((double)k + sqrt((double)k));
    const int64_t start = begin_thinking();
    enum status s = STATUS_OK;
    if (b->thompson)
        s = optimizer_ask(b->optimizer, k, 0, NULL, x, err);
    else
        ask_sobol(b, x);
    run->seconds += end_thinking(start);
    if (s != STATUS_OK)
        return s;
    plan_round(b, &plan, b->config->round_end.duration_ms, "explore");
    add_arm(&plan, "control", &b->setup.control, sqrt((double)k) * each);
    for (size_t i = 0; i < k; i++) {
        char id[CAMPAIGN_NAME];
        (void)snprintf(id, sizeof id, "a%zu", i + 1);
        campaign_setup_decode(&b->setup, x + i * b->setup.dim, &point);
        add_arm(&plan, id, &point, each);
    }
    b->n_tried += k;
    TRY(world_experiment_play(b->e, &plan, &results, err));
    s = campaign_measure_new(&b->setup, results, 0, &m, err);
    if (s == STATUS_OK) {
        const struct optimizer_round round = {m->n, x, m->y, m->cov, NULL};
        watch_luck(b, m, &plan);
        count_round(run, results, m->y);
        if (luckiest != NULL)
            count_round(luckiest, results, m->y);
        const int64_t tell = begin_thinking();
        s = optimizer_tell(b->optimizer, &round, err);
        run->seconds += end_thinking(tell);
    }
    campaign_measure_free(m);
    campaign_results_free(results);
    return s;
}

static enum status explore_all(struct baseline *b, struct world_campaign_run *run, struct world_campaign_run *luckiest,
                               struct err *err)
{
    double *x = mem_alloc(b->config->arms * b->setup.dim, sizeof *x);
    enum status s = x != NULL ? STATUS_OK : err_no_memory(err);
    while (s == STATUS_OK && run->n_rounds < b->config->rounds_max) {
        struct campaign_point point;
        s = explore(b, x, run, luckiest, err);
        if (s == STATUS_OK)
            s = recommend(b, run, &point, err);
        if (s != STATUS_OK)
            break;
        memcpy(run->recommended[run->n_rounds++], point.weight, sizeof run->recommended[0]);
        if (luckiest != NULL)
            memcpy(luckiest->recommended[luckiest->n_rounds++], b->lucky.weight, sizeof run->recommended[0]);
    }
    mem_free(x);
    return s;
}

static enum status judge(const struct baseline *b, const struct campaign_results *results,
                         struct world_campaign_run *run, struct err *err)
{
    struct campaign_measure *m = NULL;
    struct promotion_guardrail guardrail[CAMPAIGN_MAX_GUARDRAILS];
    char reason[CAMPAIGN_LINE];
    double se;
    TRY(campaign_measure_new(&b->setup, results, 0, &m, err));
    campaign_measure_outcome(m, 0, 1, &run->lift, &run->lift_se);
    for (size_t g = 0; g < b->setup.n_guardrails; g++) {
        double y;
        const struct campaign_guardrail *of = &b->config->guardrail[g];
        campaign_measure_outcome(m, 1 + g, 1, &y, &se);
        guardrail[g] =
            (struct promotion_guardrail){of->metric, promotion_lift(b->setup.guardrail_sense[g] * y, se), of->bound,
                                         of->is_max, campaign_holds(y, se, b->setup.threshold[g])};
    }
    const struct promotion_evidence evidence = {.against_control = promotion_lift(run->lift, run->lift_se),
                                                .sample_ratio_p = results->sample_ratio_p,
                                                .n_guardrails = b->setup.n_guardrails,
                                                .guardrail = guardrail};
    run->promoted = promotion_decide(&evidence, reason);
    run->confirmed = true;
    run->confirm_users = count_users(results);
    campaign_measure_free(m);
    return STATUS_OK;
}

static bool same_weights(const double *a, const double *b)
{
    return memcmp(a, b, WORLD_MAX_HEADS * sizeof *a) == 0;
}

static enum status confirm(struct baseline *b, struct world_campaign_run *run, struct err *err)
{
    struct round_plan plan;
    struct campaign_results *results = NULL;
    struct campaign_point point = b->setup.control;
    assert(run->n_rounds > 0);
    memcpy(point.weight, run->recommended[run->n_rounds - 1], sizeof run->recommended[0]);
    if (same_weights(point.weight, b->setup.control.weight))
        return STATUS_OK;
    plan_round(b, &plan, b->config->confirm_end.duration_ms, "confirm");
    plan.exclude_seen = b->config->exclude_seen;
    add_arm(&plan, "control", &b->setup.control, 0.4);
    add_arm(&plan, "candidate", &point, 0.4);
    add_arm(&plan, "equal", &b->setup.equal, 0.2);
    TRY(world_experiment_play(b->e, &plan, &results, err));
    const enum status s = judge(b, results, run, err);
    campaign_results_free(results);
    return s;
}

static void copy_confirmation(const struct world_campaign_run *from, struct world_campaign_run *to)
{
    to->confirmed = from->confirmed;
    to->promoted = from->promoted;
    to->lift = from->lift;
    to->lift_se = from->lift_se;
    to->confirm_users = from->confirm_users;
}

/* luckiest (NULL: not wanted) shares the rounds and is confirmed after the model's choice. */
static enum status play_baseline(struct world_experiment *e, const struct campaign_config *config, bool thompson,
                                 struct world_campaign_run *run, struct world_campaign_run *luckiest, struct err *err)
{
    struct baseline b;
    enum status s = baseline_init(&b, e, config, thompson, err);
    if (s == STATUS_OK)
        s = explore_all(&b, run, luckiest, err);
    if (s == STATUS_OK)
        s = confirm(&b, run, err);
    if (s == STATUS_OK && luckiest != NULL) {
        const size_t last = run->n_rounds - 1;
        if (same_weights(run->recommended[last], luckiest->recommended[last]))
            copy_confirmation(run, luckiest);
        else
            s = confirm(&b, luckiest, err);
    }
    optimizer_free(b.optimizer);
    return s;
}

/* From day 0 on, for each method alike. */
static enum status begin(struct world_experiment *e, const struct campaign_config *config, int days_before,
                         struct err *err)
{
    double control[WORLD_MAX_HEADS];
    TRY(world_experiment_rewind(e, err));
    TRY(world_campaign_control(e, config, control, err));
    return days_before > 0 ? world_experiment_idle(e, days_before, control, err) : STATUS_OK;
}

enum status world_campaign_play(struct world_experiment *e, const struct campaign_config *config, int days_before,
                                const bool *methods, struct world_campaign_run *ret, struct err *err)
{
    memset(ret, 0, WORLD_METHODS * sizeof *ret);
    if (config->rounds_max > WORLD_CAMPAIGN_ROUNDS || config->round_end.duration_ms <= 0 ||
        config->confirm_end.duration_ms <= 0 || config->n_params > 0)
        return err_set(err, STATUS_INVALID, "here rounds end by time, at most %d of them, and weights alone are tuned",
                       WORLD_CAMPAIGN_ROUNDS);
    if (methods[METHOD_TRIMTAB]) {
        TRY(begin(e, config, days_before, err));
        TRY(play_trimtab(e, config, &ret[METHOD_TRIMTAB], err));
    }
    if (methods[METHOD_SOBOL] || methods[METHOD_LUCKIEST]) {
        TRY(begin(e, config, days_before, err));
        TRY(play_baseline(e, config, false, &ret[METHOD_SOBOL], &ret[METHOD_LUCKIEST], err));
    }
    if (methods[METHOD_THOMPSON]) {
        TRY(begin(e, config, days_before, err));
        TRY(play_baseline(e, config, true, &ret[METHOD_THOMPSON], NULL, err));
    }
    return STATUS_OK;
}
