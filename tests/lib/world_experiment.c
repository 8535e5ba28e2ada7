#include "tests/lib/world_experiment.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/stats/chi2.h"
#include "base/stats/moments.h"
#include "experiments/core/assign.h"
#include "experiments/http/preview_estimate.h"
#include "experiments/world/population.h"

enum { DAY_MS = 86400000, UNSEEN = 0, EVERY = 7 };

struct world_experiment {
    struct world *world;
    const struct ranker *ranker;
    struct world_ranked *ranked;
    struct population *population;
    int day; /* the next one to play */
    int64_t round;
    int64_t n_seen; /* length of `seen` */
    int64_t *seen;  /* by user: the first round it came in, UNSEEN before */
    int64_t requests;
    struct preview_snapshot sample; /* of requests */
};

/* A round being played. */
struct account {
    const struct round_plan *plan;
    int64_t first;   /* user of row 0 */
    size_t n_users;  /* rows */
    size_t n_heads;  /* columns */
    int64_t *totals; /* [n_users * n_heads], fixed point */
    uint8_t *arm;    /* [n_users], ARM_NONE: not counted */
    struct moments moments[PLAN_MAX_ARMS];
    struct campaign_results_arm count[PLAN_MAX_ARMS];
};

static void forget(struct world_experiment *e)
{
    for (size_t i = 0; i < e->sample.n; i++)
        mem_free(e->sample.requests[i]);
    e->sample.n = 0;
}

enum status world_experiment_open(const struct world_params *params, const struct ranker *ranker,
                                  const struct world_scores *scores, uint64_t play_seed, struct world_experiment **ret,
                                  struct err *err)
{
    struct world_experiment *e = mem_alloc(1, sizeof *e);
    if (e == NULL)
        return err_no_memory(err);
    e->ranker = ranker;
    enum status s = world_open(params, play_seed, &e->world, err);
    if (s == STATUS_OK)
        s = world_ranked_new(e->world, ranker, scores, &e->ranked, err);
    if (s == STATUS_OK) {
        e->sample.n_heads = world_params(e->world)->n_heads;
        for (size_t h = 0; h < e->sample.n_heads; h++)
            e->sample.column[h] = (uint8_t)h;
        s = world_experiment_rewind(e, err);
    }
    if (s != STATUS_OK) {
        world_experiment_close(e);
        return s;
    }
    *ret = e;
    return STATUS_OK;
}

void world_experiment_close(struct world_experiment *e)
{
    if (e == NULL)
        return;
    forget(e);
    population_free(e->population);
    world_ranked_free(e->ranked);
    world_close(e->world);
    mem_free(e->seen);
    mem_free(e);
}

enum status world_experiment_rewind(struct world_experiment *e, struct err *err)
{
    forget(e);
    population_free(e->population);
    e->population = NULL;
    e->day = 0;
    e->round = 0;
    e->n_seen = 0;
    return population_new(e->world, &e->population, err);
}

int64_t world_experiment_requests(const struct world_experiment *e)
{
    return e->requests;
}

void world_experiment_facts(const struct world_experiment *e, struct campaign_experiment *ret)
{
    const struct world_params *p = world_params(e->world);
    double means[WORLD_MAX_HEADS];
    world_ranked_means(e->ranked, means);
    *ret = (struct campaign_experiment){.name = "feed",
                                        .n_heads = p->n_heads,
                                        .n_metrics = p->n_heads,
                                        .default_version = 1,
                                        .now_ms = world_day_ms(e->world, e->day),
                                        .next_round = e->round + 1};
    for (size_t h = 0; h < p->n_heads; h++) {
        size_t column = 0;
        (void)ranker_head_find(e->ranker, p->heads[h].name, &column); /* world_ranked_new found it */
        (void)snprintf(ret->head[h], sizeof ret->head[h], "%s", p->heads[h].name);
        memcpy(ret->metric[h].name, ret->head[h], sizeof ret->head[h]);
        memcpy(ret->metric[h].event, ret->head[h], sizeof ret->head[h]);
        ret->head_mean[h] = means[h];
        ret->head_sd[h] = ranker_head_sd(e->ranker, column);
        ret->default_weight[h] = 1.0 / means[h];
    }
}

/* Room in `seen` for users below n. */
static enum status see(struct world_experiment *e, int64_t n, struct err *err)
{
    if (n <= e->n_seen)
        return STATUS_OK;
    int64_t *seen = mem_resize(e->seen, (size_t)n, sizeof *seen);
    if (seen == NULL)
        return err_no_memory(err);
    memset(seen + e->n_seen, 0, (size_t)(n - e->n_seen) * sizeof *seen);
    e->seen = seen;
    e->n_seen = n;
    return STATUS_OK;
}

static enum status account_init(struct account *account, const struct world_experiment *e,
                                const struct round_plan *plan, int n_days, struct err *err)
{
    const struct world_run run = {.world = e->world, .day = e->day, .n_days = n_days};
    *account = (struct account){.plan = plan, .n_heads = world_params(e->world)->n_heads};
    world_run_users(&run, &account->first, &account->n_users);
    account->totals = mem_alloc(account->n_users * account->n_heads, sizeof *account->totals);
    account->arm = mem_alloc(account->n_users, sizeof *account->arm);
    if (account->totals == NULL || account->arm == NULL)
        return err_no_memory(err);
    memset(account->arm, ARM_NONE, account->n_users);
    for (size_t a = 0; a < plan->n_arms; a++)
        TRY(moments_init(&account->moments[a], account->n_heads, err));
    return STATUS_OK;
}

static void account_done(struct account *account)
{
    for (size_t a = 0; a < PLAN_MAX_ARMS; a++)
        moments_done(&account->moments[a]);
    mem_free(account->totals);
    mem_free(account->arm);
}

/* The user's arm in this round, ARM_NONE for those who are served the control's weights and not counted. */
static size_t find_arm(struct world_experiment *e, struct account *account, const struct world_user *user)
{
    char unit[WORLD_ID];
    int64_t *seen = &e->seen[user->index];
    const bool before = *seen != UNSEEN && *seen < e->round;
    if (*seen == UNSEEN)
        *seen = e->round;
    if (before && account->plan->exclude_seen)
        return ARM_NONE;
    world_unit_id(user, unit);
    return assign_arm(account->plan, assign_hash(account->plan->salt, unit).u);
}

static void count_events(struct account *account, size_t row, size_t arm, const struct world_response *response)
{
    int64_t *total = account->totals + row * account->n_heads;
    for (size_t i = 0; i < response->n_events; i++) {
        const size_t h = (size_t)response->events[i].head;
        const int64_t value = total[h] + MOMENTS_SCALE;
        moments_change(&account->moments[arm], total, h, value);
        total[h] = value;
    }
}

/* The request just ranked. */
static enum status keep(struct world_experiment *e, struct err *err)
{
    const struct world_params *p = world_params(e->world);
    const size_t size = (size_t)p->candidates * p->n_heads;
    if (e->sample.n == PREVIEW_MAX_REQUESTS)
        return STATUS_OK;
    struct preview_request *request = mem_alloc(1, sizeof *request + size * sizeof(float));
    if (request == NULL)
        return err_no_memory(err);
    request->n = (uint32_t)p->candidates;
    request->k = (uint32_t)p->show;
    memcpy(request->p, world_ranked_last(e->ranked), size * sizeof(float));
    e->sample.requests[e->sample.n++] = request;
    return STATUS_OK;
}

enum status world_experiment_preview(const struct world_experiment *e, const struct campaign_setup *setup,
                                     struct campaign_previews *previews, struct err *err)
{
    struct preview *asked = mem_alloc(previews->n + 1, sizeof *asked);
    if (asked == NULL)
        return err_no_memory(err);
    memcpy(asked[0].weights, setup->control.weight, sizeof asked[0].weights);
    for (size_t i = 0; i < previews->n; i++) {
        struct campaign_point point;
        campaign_setup_decode(setup, previews->x + i * setup->dim, &point);
        memcpy(asked[i + 1].weights, point.weight, sizeof asked[i + 1].weights);
    }
    preview_estimate(&e->sample, previews->n + 1, asked);
    previews->requests = (int64_t)e->sample.n;
    for (size_t i = 0; i < previews->n; i++)
        campaign_previews_set(previews, i, asked[i + 1].shown, asked[0].shown, asked[i + 1].overlap);
    mem_free(asked);
    return STATUS_OK;
}

static enum status play_visit(struct world_experiment *e, struct account *account, struct world_visit *visit,
                              struct world_response *response, struct err *err)
{
    const size_t row = (size_t)(visit->user.index - account->first);
    const size_t arm = find_arm(e, account, &visit->user);
    if (arm != ARM_NONE && account->arm[row] == ARM_NONE) {
        account->arm[row] = (uint8_t)arm;
        moments_add_unit(&account->moments[arm]);
        account->count[arm].units++;
    }
    world_ranked_set(e->ranked, account->plan->arms[arm == ARM_NONE ? 0 : arm].weights);
    while (!visit->over) {
        uint32_t shown[WORLD_MAX_SHOW];
        size_t n = 0;
        TRY(world_ranked_policy(e->ranked, visit, &n, shown, err));
        visit_respond(visit, n, shown, response);
        if (e->requests++ % EVERY == 0)
            TRY(keep(e, err));
        if (arm == ARM_NONE)
            continue;
        account->count[arm].requests++;
        account->count[arm].impressions += (int64_t)n;
        count_events(account, row, arm, response);
    }
    population_remember(e->population, visit);
    return STATUS_OK;
}

static enum status play_day(struct world_experiment *e, struct account *account, struct err *err)
{
    const struct visitor *visitors;
    size_t n;
    struct world_visit visit;
    struct world_response response;
    TRY(see(e, world_first_user(e->world, e->day + 1), err));
    TRY(population_day(e->population, e->day, &visitors, &n, err));
    for (size_t i = 0; i < n; i++) {
        visit_begin(&visit, e->world, visitors[i].user, e->day);
        TRY(play_visit(e, account, &visit, &response, err));
    }
    e->day++;
    return STATUS_OK;
}

static void fill_arms(struct account *account, struct campaign_results *ret)
{
    int64_t units[PLAN_MAX_ARMS];
    double share[PLAN_MAX_ARMS];
    struct moments_ratio ratio[WORLD_MAX_HEADS];
    const size_t m = account->n_heads;
    for (size_t h = 0; h < m; h++) {
        ratio[h] = (struct moments_ratio){h, MOMENTS_ONE};
        ret->control_events[h] = moments_sum(&account->moments[0], h);
    }
    for (size_t a = 0; a < ret->n_arms; a++) {
        ret->arm[a] = account->count[a];
        memcpy(ret->arm[a].id, account->plan->arms[a].id, sizeof ret->arm[a].id);
        moments_ratios(&account->moments[a], m, ratio, ret->mean + a * m, ret->cov + a * m * m);
        units[a] = account->count[a].units;
        share[a] = account->plan->arms[a].allocation;
    }
    ret->sample_ratio_p = sample_ratio_check(ret->n_arms, units, share).p;
}

static enum status make_results(const struct world_experiment *e, struct account *account, int64_t opened_ms,
                                struct campaign_results **ret, struct err *err)
{
    struct campaign_results *results = campaign_results_new(account->plan->n_arms, account->n_heads);
    if (results == NULL)
        return err_no_memory(err);
    results->round = e->round;
    results->opened_ms = opened_ms;
    results->closed_ms = world_day_ms(e->world, e->day);
    results->final = true;
    results->end = END_TIME;
    memcpy(results->campaign, account->plan->campaign, sizeof results->campaign);
    (void)snprintf(results->state, sizeof results->state, "final");
    for (size_t h = 0; h < account->n_heads; h++)
        (void)snprintf(results->metric[h], sizeof results->metric[h], "%s", world_params(e->world)->heads[h].name);
    fill_arms(account, results);
    *ret = results;
    return STATUS_OK;
}

enum status world_experiment_idle(struct world_experiment *e, int days, const double *weights, struct err *err)
{
    struct account account;
    struct round_plan plan = {.n_arms = 1, .arms[0].allocation = 1.0};
    memcpy(plan.arms[0].weights, weights, world_params(e->world)->n_heads * sizeof *weights);
    const int end = e->day + days;
    enum status s = account_init(&account, e, &plan, days, err);
    while (s == STATUS_OK && e->day < end)
        s = play_day(e, &account, err);
    account_done(&account);
    return s;
}

enum status world_experiment_play(struct world_experiment *e, const struct round_plan *plan,
                                  struct campaign_results **ret, struct err *err)
{
    struct account account;
    const int64_t opened_ms = world_day_ms(e->world, e->day);
    const int days = plan->end_at_ms > opened_ms ? (int)((plan->end_at_ms - opened_ms + DAY_MS - 1) / DAY_MS) : 1;
    const int end = e->day + days;
    e->round++;
    enum status s = account_init(&account, e, plan, days, err);
    while (s == STATUS_OK && e->day < end)
        s = play_day(e, &account, err);
    if (s == STATUS_OK)
        s = make_results(e, &account, opened_ms, ret, err);
    account_done(&account);
    return s;
}
