/* Any order and any split of the same exposures and events give the same tally, and it is what plain sums say. */
#include "experiments/core/tally.h"

#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"

enum { ARMS = 3, UNITS = 40, STEPS = 600, METRICS = 5, BEFORE = 4 };

struct step {
    uint32_t unit;
    const char *type; /* NULL: an exposure of `items` */
    int64_t items, value, age_ms, at_ms;
};

static struct metric metric(const char *event, enum metric_aggregate aggregate, enum metric_denominator denominator,
                            int64_t attribution_ms, int64_t cap)
{
    struct metric m = {
        .aggregate = aggregate, .denominator = denominator, .attribution_ms = attribution_ms, .cap = cap};
    memcpy(m.event, event, strlen(event) + 1);
    memcpy(m.denominator_event, "view", 5);
    return m;
}

static const struct experiment_plan *plan(void)
{
    static struct experiment_plan p;
    p.n_metrics = METRICS;
    p.metrics[0] = metric("click", AGGREGATE_COUNT, PER_UNIT, 5000, 4 * MOMENTS_SCALE);
    p.metrics[1] = metric("pay", AGGREGATE_SUM, PER_REQUEST, 9000, 7300000);
    p.metrics[2] = metric("click", AGGREGATE_ANY, PER_UNIT, 2000, MOMENTS_LIMIT);
    p.metrics[3] = metric("click", AGGREGATE_COUNT, PER_IMPRESSION, 5000, MOMENTS_LIMIT);
    p.metrics[4] = metric("pay", AGGREGATE_SUM, PER_EVENT, 4000, MOMENTS_LIMIT);
    return &p;
}

static void make_steps(struct rng *rng, struct step *steps)
{
    static const char *const TYPES[] = {"click", "pay", "view", "other"};
    for (size_t i = 0; i < STEPS; i++) {
        bool exposure = i < UNITS || rng_below(rng, 4) == 0;
        steps[i] = (struct step){.unit = (uint32_t)(i < UNITS ? i : rng_below(rng, UNITS)),
                                 .type = exposure ? NULL : TYPES[rng_below(rng, 4)],
                                 .items = (int64_t)rng_below(rng, 11),
                                 .value = (int64_t)rng_below(rng, 9000001) - 3000000,
                                 .age_ms = (int64_t)rng_below(rng, 12000),
                                 .at_ms = (int64_t)(1000 + i)};
    }
}

static size_t arm_of(uint32_t unit)
{
    return rng_mix(unit) % ARMS;
}

static void apply(struct tally *t, const struct step *s)
{
    struct err err = ERR_INIT;
    enum event_outcome outcome;
    if (!s->type)
        tally_expose(t, s->unit, s->at_ms, s->items);
    else
        assert_ok(tally_event(t, s->unit, s->type, s->value, s->age_ms, s->at_ms, &outcome, &err), &err);
}

static int64_t covariate(uint32_t unit, size_t metric)
{
    return (int64_t)(rng_mix(unit * METRICS + metric) % 9000001) - 3000000;
}

static void set_covariates(struct tally *t, uint32_t unit)
{
    int64_t x[METRICS];
    for (size_t i = 0; i < METRICS; i++)
        x[i] = covariate(unit, i);
    tally_set_covariates(t, unit, x);
}

/* The first UNITS steps expose every unit once; what follows runs in the given order. */
static void play(struct tally *t, const struct step *steps, const uint32_t *order)
{
    struct layout layout;
    struct err err = ERR_INIT;
    layout_make(plan(), &layout);
    layout_add_covariates(&layout);
    assert_ok(tally_init(t, &layout, ARMS, &err), &err);
    for (uint32_t u = 0; u < UNITS; u++) {
        uint32_t unit;
        assert_ok(tally_add_unit(t, arm_of(u), &unit, &err), &err);
        assert_int_equal(unit, u);
        set_covariates(t, u);
        apply(t, &steps[u]);
    }
    for (size_t i = 0; i < STEPS - UNITS; i++)
        apply(t, &steps[UNITS + order[i]]);
}

static void assert_same_moments(const struct moments *a, const struct moments *b)
{
    size_t c = a->n_columns;
    assert_true(a->n == b->n);
    assert_memory_equal(a->sum, b->sum, c * sizeof *a->sum);
    assert_memory_equal(a->cross, b->cross, c * (c + 1) / 2 * sizeof *a->cross);
}

static void assert_same(const struct tally *a, const struct tally *b)
{
    assert_true(a->n_groups == b->n_groups && a->n_before == b->n_before);
    for (size_t g = 0; g < a->n_before; g++)
        assert_same_moments(&a->before[g], &b->before[g]);
    for (size_t arm = 0; arm < a->n_groups; arm++) {
        const struct arm_tally *x = &a->arms[arm], *y = &b->arms[arm];
        assert_true(x->requests == y->requests && x->impressions == y->impressions);
        assert_memory_equal(x->events, y->events, sizeof x->events);
        assert_same_moments(&x->moments, &y->moments);
    }
    assert_true(a->late == b->late && a->watermark_ms == b->watermark_ms);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(20, 2000); seed++) {
        struct rng rng;
        struct step steps[STEPS];
        uint32_t order[STEPS - UNITS];
        struct tally a, b;
        rng_init(&rng, seed, 6, 1);
        make_steps(&rng, steps);
        for (uint32_t i = 0; i < STEPS - UNITS; i++)
            order[i] = i;
        play(&a, steps, order);
        rng_shuffle(&rng, STEPS - UNITS, order);
        play(&b, steps, order);
        assert_same(&a, &b);
        tally_done(&a);
        tally_done(&b);
    }
}

/* One metric of one unit, from the definition. */
static void naive(const struct step *steps, const struct metric *m, uint32_t unit, int64_t *ret_n, int64_t *ret_d)
{
    int64_t requests = 0, impressions = 0, n = 0, events = 0;
    for (size_t i = 0; i < STEPS; i++) {
        const struct step *s = &steps[i];
        if (s->unit != unit)
            continue;
        requests += !s->type;
        impressions += s->type ? 0 : s->items;
        bool in_time = s->age_ms <= m->attribution_ms;
        if (s->type && in_time && strcmp(s->type, m->event) == 0)
            n += m->aggregate == AGGREGATE_SUM ? s->value : MOMENTS_SCALE;
        events += s->type && in_time && strcmp(s->type, m->denominator_event) == 0;
    }
    if (m->aggregate == AGGREGATE_ANY && n > MOMENTS_SCALE)
        n = MOMENTS_SCALE;
    *ret_n = n > m->cap ? m->cap : n < -m->cap ? -m->cap : n;
    const int64_t d[] = {1, requests, impressions, events};
    *ret_d = d[m->denominator];
}

static void sums_are_what_the_definition_says(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(20, 2000); seed++) {
        struct rng rng;
        struct step steps[STEPS];
        uint32_t order[STEPS - UNITS];
        struct tally t;
        rng_init(&rng, seed, 6, 2);
        make_steps(&rng, steps);
        for (uint32_t i = 0; i < STEPS - UNITS; i++)
            order[i] = i;
        play(&t, steps, order);
        for (size_t i = 0; i < METRICS; i++) {
            for (size_t arm = 0; arm < ARMS; arm++) {
                int128 sum = 0, square = 0, mixed = 0, denominator = 0, known = 0, known_mixed = 0;
                for (uint32_t u = 0; u < UNITS; u++) {
                    int64_t n, d;
                    if (arm_of(u) != arm)
                        continue;
                    naive(steps, &plan()->metrics[i], u, &n, &d);
                    sum += n;
                    square += (int128)n * n;
                    mixed += (int128)n * d * MOMENTS_SCALE;
                    denominator += d;
                    known += covariate(u, i);
                    known_mixed += (int128)n * covariate(u, i);
                }
                const struct moments *m = &t.arms[arm].moments;
                const struct moments_ratio *r = &t.layout.ratios[i];
                size_t k = r->numerator, l = r->denominator;
                size_t x = t.layout.first_covariate + i; /* behind all others */
                assert_true(m->sum[k] == sum && m->cross[k * (k + 1) / 2 + k] == square);
                assert_true(m->sum[x] == known && m->cross[x * (x + 1) / 2 + k] == known_mixed);
                assert_close(moments_sum(m, l), (double)denominator, 0);
                if (l != MOMENTS_ONE)
                    assert_true(m->cross[k > l ? k * (k + 1) / 2 + l : l * (l + 1) / 2 + k] == mixed);
            }
        }
        tally_done(&t);
    }
}

/* Without the steps of the units that `keep` does not want. */
static void play_some(struct tally *t, const struct step *steps, bool (*keep)(uint32_t))
{
    struct layout layout;
    struct err err = ERR_INIT;
    layout_make(plan(), &layout);
    layout_add_covariates(&layout);
    assert_ok(tally_init(t, &layout, ARMS, &err), &err);
    assert_ok(tally_extend(t, true, BEFORE, &err), &err);
    for (uint32_t u = 0; u < UNITS; u++) {
        uint32_t unit;
        size_t group = rng_mix(u + 7) % (ARMS + 1);
        assert_ok(tally_add_unit(t, group, &unit, &err), &err);
        if (keep(u) && group < ARMS)
            tally_set_before(t, u, rng_mix(u + 9) % BEFORE);
        if (keep(u))
            set_covariates(t, u);
    }
    for (size_t i = 0; i < STEPS; i++) {
        if (keep(steps[i].unit))
            apply(t, &steps[i]);
    }
}

static bool all(uint32_t unit)
{
    (void)unit;
    return true;
}

static bool two_of_three(uint32_t unit)
{
    return unit % 3 != 1;
}

static void a_forgotten_unit_was_never_there(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(20, 2000); seed++) {
        struct rng rng;
        struct step steps[STEPS];
        struct tally a, b;
        rng_init(&rng, seed, 6, 3);
        make_steps(&rng, steps);
        play_some(&a, steps, all);
        play_some(&b, steps, two_of_three);
        for (size_t i = 0; i < STEPS; i++) {
            const struct step *s = &steps[i];
            if (two_of_three(s->unit))
                continue;
            if (!s->type)
                tally_forget_exposure(&a, s->unit, s->items);
            else
                tally_forget_event(&a, s->unit, s->type, s->age_ms);
        }
        for (uint32_t u = 1; u < UNITS; u += 3)
            tally_forget_unit(&a, u);
        int64_t n = 0;
        for (size_t g = 0; g < BEFORE; g++)
            n += a.before[g].n;
        assert_true(n > 0 && n == tally_units(&a) && a.arms[ARMS].moments.n > 0);
        a.watermark_ms = b.watermark_ms;
        assert_same(&a, &b);
        assert_memory_equal(a.total, b.total, UNITS * a.layout.n_columns * sizeof *a.total);
        assert_memory_equal(a.first_ms, b.first_ms, UNITS * sizeof *a.first_ms);
        for (uint32_t u = 0; u < UNITS; u++)
            assert_true(a.counted[u] == two_of_three(u) && a.came_from[u] == b.came_from[u]);
        tally_done(&a);
        tally_done(&b);
    }
}

/* A total that would leave 64 bits is refused and changes nothing. */
static void totals_stay_within_their_type(void **state)
{
    (void)state;
    struct layout layout;
    struct tally t;
    struct err err = ERR_INIT;
    enum event_outcome outcome;
    uint32_t unit;
    layout_make(plan(), &layout);
    assert_ok(tally_init(&t, &layout, ARMS, &err), &err);
    assert_ok(tally_add_unit(&t, 1, &unit, &err), &err);
    tally_expose(&t, unit, 5, 1);
    for (size_t k = 0; k < layout.n_columns; k++)
        t.total[k] = layout.columns[k].kind == COLUMN_SUM ? INT64_MAX - 7 : t.total[k];
    struct moments before = t.arms[1].moments;
    assert_refused(tally_event(&t, unit, "pay", 8, 1, 6, &outcome, &err), STATUS_UNPROCESSABLE, &err, "pay");
    assert_true(t.watermark_ms == 0 && before.n == t.arms[1].moments.n);
    for (size_t k = 0; k < layout.n_columns; k++)
        assert_true(layout.columns[k].kind != COLUMN_SUM || t.total[k] == INT64_MAX - 7);
    tally_done(&t);
}

static void allocations_fail_cleanly(void **state)
{
    (void)state;
    struct layout layout;
    layout_make(plan(), &layout);
    int64_t before = mem_outstanding();
    for (int64_t n = 0; n < 1000; n++) {
        struct tally t = {0};
        uint32_t unit = 0;
        mem_fault_after(n);
        enum status s = tally_init(&t, &layout, ARMS, NULL);
        if (s == STATUS_OK)
            s = tally_extend(&t, true, BEFORE, NULL);
        for (size_t u = 0; u < 1100 && s == STATUS_OK; u++)
            s = tally_add_unit(&t, 0, &unit, NULL);
        bool tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        tally_done(&t);
        assert_int_equal(mem_outstanding(), before);
        if (!tripped)
            return;
    }
    fail_msg("every count of allocations failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(sums_are_what_the_definition_says),
        cmocka_unit_test(a_forgotten_unit_was_never_there),
        cmocka_unit_test(totals_stay_within_their_type),
        cmocka_unit_test(allocations_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
