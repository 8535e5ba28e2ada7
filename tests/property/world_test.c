/* Worlds with random coefficients: what must hold in every one of them. */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "experiments/world/world_run.h"

static struct world_params demo_params(void)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct world_params params;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, &err), &err);
    assert_ok(world_params_decode(text.data, text.length, &params, &err), &err);
    buf_done(&text);
    return params;
}

/* The demo with other coefficients, few users, and no negative position or satiation. */
static struct world_params random_params(struct rng *rng)
{
    struct world_params p = demo_params();
    p.seed = rng_u64(rng) >> 12;
    p.log_users = 150;
    p.new_users_per_day = 40;
    p.n_items = 120 + (int)rng_below(rng, 200);
    p.n_categories = 2 + (int)rng_below(rng, 20);
    p.candidates = 8 + (int)rng_below(rng, 30);
    p.show = 2 + (int)rng_below(rng, 6);
    p.focus = rng_uniform(rng);
    p.carry = rng_uniform(rng);
    p.variety = rng_normal(rng);
    p.next_day.start = -1.0;
    for (size_t h = 0; h < p.n_heads; h++) {
        struct world_head *head = &p.heads[h];
        head->taste = rng_normal(rng);
        head->quality = rng_normal(rng);
        head->bait = rng_normal(rng);
        head->position = rng_uniform(rng);
        head->satiation = rng_uniform(rng);
        head->drift = 0.1 * rng_normal(rng);
    }
    return p;
}

static struct world *open_world(const struct world_params *params, uint64_t play_seed)
{
    struct err err = ERR_INIT;
    struct world *world = NULL;
    assert_ok(world_open(params, play_seed, &world, &err), &err);
    return world;
}

static bool has_event(const struct world_response *response, int position, int head)
{
    for (size_t e = 0; e < response->n_events; e++) {
        if (response->events[e].position == position && response->events[e].head == head)
            return true;
    }
    return false;
}

static void check_candidates(const struct world_visit *visit)
{
    const struct world_params *p = world_params(visit->world);
    for (size_t i = 0; i < (size_t)p->candidates; i++) {
        assert_true(visit->candidates[i] < (uint32_t)p->n_items);
        for (size_t j = 0; j < i; j++)
            assert_true(visit->candidates[i] != visit->candidates[j]);
    }
}

/* Luck belongs to the item: an item that is moved down, behind others of its category or not, can only lose events. */
static void check_moved_down(const struct world_visit *visit)
{
    const struct world_params *p = world_params(visit->world);
    const size_t n = (size_t)p->show;
    struct world_visit top = *visit, down = *visit;
    static struct world_response at_top, below;
    uint32_t shown[WORLD_MAX_SHOW], moved[WORLD_MAX_SHOW];
    memcpy(shown, visit->candidates, n * sizeof *shown);
    memcpy(moved, shown + 1, (n - 1) * sizeof *moved);
    moved[n - 1] = shown[0];
    visit_respond(&top, n, shown, &at_top);
    visit_respond(&down, n, moved, &below);
    for (int h = 0; h < (int)p->n_heads; h++)
        assert_true(!has_event(&below, (int)n - 1, h) || has_event(&at_top, 0, h));
    /* Nothing happens after a head that did not. */
    for (size_t e = 0; e < at_top.n_events; e++) {
        const int after = p->heads[at_top.events[e].head].after;
        assert_true(after < 0 || has_event(&at_top, at_top.events[e].position, after));
    }
}

static void check_visits(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, 1, 1);
    const struct world_params params = random_params(&rng);
    struct world *world = open_world(&params, seed);
    static struct world_response response;
    for (int64_t user = 0; user < 30; user++) {
        struct world_visit visit;
        visit_begin(&visit, world, 7 * user, 3);
        int sessions = 1;
        while (!visit.over) {
            check_candidates(&visit);
            check_moved_down(&visit);
            visit_respond(&visit, (size_t)params.show, visit.candidates, &response);
            sessions = visit.session + 1;
            assert_true(visit.request < params.session.max && visit.hour >= 0 && visit.hour < 24);
        }
        assert_true(sessions <= params.same_day.max);
    }
    world_close(world);
}

static void test_visits(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(15, 1000); seed++)
        check_visits(seed);
}

/* The intercepts give the base rates on what random users are offered, whatever the coefficients: as closely as this
 * sample of 3000 people and the world's own of 1024 can tell (a ratio of sums, delta method). */
static void check_base_rates(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, 2, 1);
    struct world_params params = random_params(&rng);
    params.log_users = 3000; /* as many people as there are draws, or the sample is its own population */
    struct world *world = open_world(&params, seed);
    double sum[WORLD_MAX_HEADS] = {0.0}, total[WORLD_MAX_HEADS] = {0.0}, square[WORLD_MAX_HEADS] = {0.0};
    for (int64_t i = 0; i < 3000; i++) {
        struct world_visit visit;
        visit_begin(&visit, world, i, 0);
        double z[WORLD_MAX_HEADS], chance[WORLD_MAX_HEADS];
        /* Any one: the first ones come from a favourite category, until that has no more. */
        const uint32_t item = visit.candidates[rng_below(&rng, (uint64_t)params.candidates)];
        world_logits(world, &visit.user, item, visit.tab, (int)rng_below(&rng, 24), 0, z);
        for (size_t h = 0; h < params.n_heads; h++) {
            const int after = params.heads[h].after;
            const double before = after < 0 ? 1.0 : chance[after];
            chance[h] = before * world_sigmoid(z[h]);
            const double residual = chance[h] - before * params.heads[h].base;
            sum[h] += chance[h];
            total[h] += before;
            square[h] += residual * residual;
        }
    }
    for (size_t h = 0; h < params.n_heads; h++) {
        const double base = params.heads[h].base, se = sqrt(square[h]) / total[h] / base;
        assert_close(sum[h] / total[h] / base, 1.0, 4.0 * sqrt(1.0 + 3000.0 / 1024.0) * se);
    }
    world_close(world);
}

static void test_base_rates(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(6, 500); seed++)
        check_base_rates(seed);
}

/* Levels: weekday, shifts and drift add to the logit and nothing else does. */
static void test_levels(void **state)
{
    (void)state;
    struct world_params params = demo_params();
    params.n_shifts = 2;
    params.shifts[0] = (struct world_shift){.day = 4, .effect = {0.7}};
    params.shifts[1] = (struct world_shift){.day = 9, .effect = {-0.3, 0.2}};
    params.heads[2].drift = 0.013;
    struct world *world = open_world(&params, 1);
    struct world_user user;
    double base[WORLD_MAX_HEADS], z[WORLD_MAX_HEADS];
    world_user(world, 12, &user);
    world_logits(world, &user, 17, 1, 5, 0, base); /* a Monday */
    for (int day = 1; day < 20; day++) {
        world_logits(world, &user, 17, 1, 5, day, z);
        const double step0 = day < 4 ? 0.0 : day < 9 ? 0.7 : -0.3, step1 = day < 9 ? 0.0 : 0.2;
        const int weekday = day % 7;
        assert_close(z[0] - base[0], params.heads[0].weekday[weekday] + step0, 1e-12);
        assert_close(z[1] - base[1], params.heads[1].weekday[weekday] + step1, 1e-12);
        assert_close(z[2] - base[2], 0.013 * day, 1e-12);
        assert_close(z[4] - base[4], 0.0, 1e-12);
    }
    world_close(world);
}

/* Visitors of a day who remember a good (or bad) last visit. */
static size_t visitors_after(const struct world *world, double satisfaction, bool *ret_came)
{
    struct err err = ERR_INIT;
    struct population *population = NULL;
    const struct visitor *visitors;
    size_t n = 0, m = 0;
    assert_ok(population_new(world, &population, &err), &err);
    assert_ok(population_day(population, 0, &visitors, &n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        struct world_visit visit;
        assert_true(i == 0 || visitors[i].hour > visitors[i - 1].hour ||
                    (visitors[i].hour == visitors[i - 1].hour && visitors[i].user > visitors[i - 1].user));
        visit_begin(&visit, world, visitors[i].user, 0);
        visit.satisfaction = satisfaction;
        visit.slates = 1;
        population_remember(population, &visit);
    }
    assert_ok(population_day(population, 1, &visitors, &m, &err), &err);
    for (size_t i = 0; i < m; i++)
        ret_came[visitors[i].user] = true;
    population_free(population);
    return m;
}

static void test_satisfied_people_return(void **state)
{
    (void)state;
    const struct world_params params = demo_params();
    struct world *world = open_world(&params, 8);
    const size_t n = (size_t)world_first_user(world, 2);
    bool *good = mem_alloc(n, sizeof *good), *bad = mem_alloc(n, sizeof *bad);
    const size_t n_good = visitors_after(world, 0.3, good), n_bad = visitors_after(world, -0.3, bad);
    assert_true(n_good > n_bad + 200);
    for (size_t u = 0; u < n; u++)
        assert_true(good[u] || !bad[u]);
    for (size_t u = (size_t)world_first_user(world, 1); u < n; u++)
        assert_true(good[u] && bad[u]); /* newcomers of the day */
    mem_free(good);
    mem_free(bad);
    world_close(world);
}

/* P(activity - segment's > x) = exp(-(x + 1)): exp(activity) is Pareto distributed. */
static void test_activity_is_heavy_tailed(void **state)
{
    (void)state;
    const struct world_params params = demo_params();
    struct world *world = open_world(&params, 8);
    double beyond[3] = {0.0};
    const int n = 40000;
    for (int64_t u = 0; u < n; u++) {
        struct world_user user;
        world_user(world, 50000 + u, &user);
        const double own = user.activity - params.segments[user.segment].activity;
        for (int i = 0; i < 3; i++)
            beyond[i] += own > i ? 1.0 / n : 0.0;
    }
    for (int i = 0; i < 3; i++)
        assert_close(beyond[i] / exp(-(i + 1.0)), 1.0, 4.0 * sqrt(exp(i + 1.0) / n));
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visits),
        cmocka_unit_test(test_base_rates),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_satisfied_people_return),
        cmocka_unit_test(test_activity_is_heavy_tailed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
