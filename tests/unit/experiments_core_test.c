#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/stats/chi2.h"
#include "experiments/core/assign.h"
#include "experiments/core/comparisons.h"
#include "experiments/core/eligibility.h"
#include "experiments/core/request_id.h"
#include "experiments/core/round_life.h"
#include "experiments/core/unit_name.h"
#include "tests/lib/check.h"

static struct round_plan plan_of(size_t n, const double *allocation)
{
    struct round_plan plan = {.n_arms = n};
    for (size_t a = 0; a < n; a++)
        plan.arms[a].allocation = allocation[a];
    return plan;
}

/* SHA-256("s1" 00 "user-7") as sha256sum prints it. */
static void the_hash_is_the_documented_one(void **state)
{
    (void)state;
    struct assignment a = assign_hash("s1", "user-7");
    assert_close(a.u, 0.80776825462577417, 1e-16);
    assert_true(a.key.hi == 0x5039f2a9205fee95 && a.key.lo == 0x39f859fc57f7de17);
    struct assignment b = assign_hash("s", "1user-7");
    assert_true(b.key.hi != a.key.hi);
}

/* Over many salts: arms get their shares (the sum of chi-squares is one itself), and two salts agree about a unit no
 * more often than chance says. */
static void assignment_is_uniform_and_independent(void **state)
{
    (void)state;
    enum { ARMS = 4, UNITS = 500 };
    const double share[] = {0.13, 0.37, 0.21, 0.29};
    struct round_plan plan = plan_of(ARMS, share);
    size_t salts = 1000, agreed = 0;
    double x2 = 0, same = 0;
    uint8_t before[UNITS] = {0};
    for (size_t a = 0; a < ARMS; a++)
        same += share[a] * share[a];
    for (size_t s = 0; s < salts; s++) {
        char salt[32];
        int64_t observed[ARMS] = {0};
        snprintf(salt, sizeof salt, "salt-%zu", s);
        for (size_t u = 0; u < UNITS; u++) {
            char unit[32];
            snprintf(unit, sizeof unit, "u%zu", u);
            size_t arm = assign_arm(&plan, assign_hash(salt, unit).u);
            assert_true(arm < ARMS);
            observed[arm]++;
            agreed += s > 0 && before[u] == arm;
            before[u] = (uint8_t)arm;
        }
        x2 += sample_ratio_check(ARMS, observed, share).chi2;
    }
    double p = chi2_tail(x2, (double)(salts * (ARMS - 1)));
    assert_true(p > 1e-4 && p < 1 - 1e-4);
    double pairs = (double)((salts - 1) * UNITS), z = ((double)agreed - pairs * same) / sqrt(pairs * same * (1 - same));
    assert_true(fabs(z) < 4);
}

static void units_beyond_the_allocations_get_the_default(void **state)
{
    (void)state;
    const double part[] = {0.2, 0.3}, tenths[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    struct round_plan plan = plan_of(2, part);
    assert_int_equal(assign_arm(&plan, 0.0), 0);
    assert_int_equal(assign_arm(&plan, 0.19999), 0);
    assert_int_equal(assign_arm(&plan, 0.2), 1);
    assert_int_equal(assign_arm(&plan, 0.50001), ARM_NONE);
    plan = plan_of(10, tenths); /* adds up to 0.99999999999999989 */
    assert_int_equal(assign_arm(&plan, 0x1.fffffffffffffp-1), 9);
}

static void request_ids_survive_and_forgeries_do_not(void **state)
{
    (void)state;
    uint8_t key[REQUEST_KEY_SIZE] = {7, 1, 200, 33}, other[REQUEST_KEY_SIZE] = {7, 1, 200, 34};
    struct rng rng;
    rng_init(&rng, check_seed(), 2, 9);
    for (size_t i = 0; i < check_cases(200, 2000); i++) {
        struct request_id id = {(uint32_t)rng_u64(&rng),        (uint32_t)rng_u64(&rng),
                                (uint8_t)rng_below(&rng, 256),  (int64_t)rng_below(&rng, UINT64_C(1) << 48),
                                {rng_u64(&rng), rng_u64(&rng)}, rng_u64(&rng)};
        struct request_id back = {0};
        char text[REQUEST_ID_SIZE];
        request_id_sign(&id, key, text);
        assert_int_equal(strlen(text), REQUEST_ID_SIZE - 1);
        assert_true(request_id_open(text, key, &back));
        assert_true(back.experiment == id.experiment && back.round == id.round && back.arm == id.arm);
        assert_true(back.exposure_ms == id.exposure_ms && back.nonce == id.nonce);
        assert_true(back.unit.hi == id.unit.hi && back.unit.lo == id.unit.lo);
        assert_false(request_id_open(text, other, &back));
        size_t at = 4 + rng_below(&rng, REQUEST_ID_SIZE - 5);
        text[at] = text[at] == 'A' ? 'B' : 'A';
        assert_false(request_id_open(text, key, &back));
        text[at] = '\0';
        assert_false(request_id_open(text, key, &back));
    }
}

static void keymap_agrees_with_a_plain_list(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct key128 keys[N];
    struct keymap map = {0};
    struct err err = ERR_INIT;
    struct rng rng;
    rng_init(&rng, check_seed(), 4, 4);
    for (uint32_t i = 0; i < N; i++) {
        /* Low bits from a small range: long probe chains. */
        keys[i] = (struct key128){i, rng_below(&rng, 64)};
        assert_false(keymap_find(&map, keys[i], NULL));
        assert_ok(keymap_insert(&map, keys[i], i * 3, &err), &err);
    }
    for (uint32_t i = 0; i < N; i++) {
        uint32_t value = 0;
        assert_true(keymap_find(&map, keys[i], &value));
        assert_int_equal(value, i * 3);
    }
    assert_false(keymap_find(&map, (struct key128){N, 3}, NULL));
    uint8_t bytes[16];
    key_bytes((struct key128){0x0102030405060708, 0xf1f2f3f4f5f6f7f8}, bytes);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(bytes[15], 0xf8);
    assert_true(key_from_bytes(bytes).lo == 0xf1f2f3f4f5f6f7f8);
    keymap_done(&map);
}

static void keymap_keeps_what_it_has_when_memory_ends(void **state)
{
    (void)state;
    struct keymap map = {0};
    struct err err = ERR_INIT;
    int64_t before = mem_outstanding();
    for (uint64_t i = 0; i < 768; i++)
        assert_ok(keymap_insert(&map, (struct key128){i, i * 7919}, (uint32_t)i, &err), &err);
    for (int64_t n = 0; n < 2; n++) {
        mem_fault_after(n);
        assert_int_equal(keymap_insert(&map, (struct key128){999, 9}, 1, NULL), STATUS_NO_MEMORY);
        mem_fault_after(-1);
        assert_true(keymap_find(&map, (struct key128){767, 767 * 7919}, NULL));
        assert_false(keymap_find(&map, (struct key128){999, 9}, NULL));
    }
    keymap_done(&map);
    assert_int_equal(mem_outstanding(), before);
}

static void a_round_lives_through_its_states(void **state)
{
    (void)state;
    struct round_plan plan = {.units_per_arm = 731, .end_at_ms = 50000, .settle_ms = 900, .washout_ms = 70};
    struct round_life life = round_life_start(1000);
    assert_false(round_life_counts(&life, &plan, 1069));
    assert_true(round_life_counts(&life, &plan, 1070));
    struct round_event event = {.now_ms = 2000, .least_units = 730};
    assert_false(round_life_step(&life, &plan, &event));
    event.least_units = 731;
    assert_true(round_life_step(&life, &plan, &event));
    assert_int_equal(life.state, ROUND_SETTLING);
    assert_int_equal(life.end_reason, END_UNITS);
    assert_int_equal(life.closed_ms, 2000);
    event.now_ms = 2899;
    assert_false(round_life_step(&life, &plan, &event));
    event.now_ms = 2900;
    assert_true(round_life_step(&life, &plan, &event));
    assert_int_equal(life.state, ROUND_FINAL);
    assert_int_equal(life.final_ms, 2900);
    event.stop = true;
    assert_false(round_life_step(&life, &plan, &event));
    assert_int_equal(life.end_reason, END_UNITS);
}

static void ends_by_time_and_by_hand(void **state)
{
    (void)state;
    struct round_plan plan = {.end_at_ms = 50000};
    struct round_life life = round_life_start(1000);
    struct round_event event = {.now_ms = 49999, .least_units = INT64_MAX};
    assert_false(round_life_step(&life, &plan, &event));
    event.now_ms = 50007;
    assert_true(round_life_step(&life, &plan, &event));
    assert_int_equal(life.state, ROUND_FINAL); /* settle_ms 0 */
    assert_int_equal(life.end_reason, END_TIME);
    assert_int_equal(life.closed_ms, 50007);
    life = round_life_start(1000);
    event = (struct round_event){.now_ms = 1001, .stop = true};
    assert_true(round_life_step(&life, &plan, &event));
    assert_string_equal(end_reason_name(life.end_reason), "stopped");
    life = round_life_start(1000);
    event = (struct round_event){.now_ms = 1001, .all_stopped = true};
    assert_true(round_life_step(&life, &plan, &event));
    assert_string_equal(round_state_name(life.state), "final");
}

/* Keys with few low bits, so that they collide, against an array. */
static void a_map_forgets_what_is_removed(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    static bool there[KEYS];
    struct keymap map = {0}, copy = {0};
    struct rng rng;
    struct err err = ERR_INIT;
    size_t n = 0;
    rng_init(&rng, check_seed(), 3, 1);
    memset(there, 0, sizeof there);
    for (size_t step = 0; step < 40000; step++) {
        uint32_t k = (uint32_t)rng_below(&rng, KEYS), value = 0;
        const struct key128 key = {k, k % 7 * 341}; /* long chains, some over the end of the table */
        assert_true(keymap_find(&map, key, &value) == there[k]);
        assert_true(!there[k] || value == k);
        if (there[k])
            assert_true(keymap_remove(&map, key));
        else
            assert_ok(keymap_insert(&map, key, k, &err), &err);
        there[k] = !there[k];
        n = there[k] ? n + 1 : n - 1;
        assert_int_equal(map.n, n);
    }
    assert_ok(keymap_copy(&map, &copy, &err), &err);
    for (uint32_t k = 0; k < KEYS; k++) {
        const struct key128 key = {k, k % 7 * 341};
        assert_true(keymap_find(&copy, key, NULL) == there[k]);
        assert_true(keymap_remove(&map, key) == there[k]);
    }
    for (size_t i = 0; i < map.now.n_slots; i++)
        assert_true(map.now.values[i] == 0 && map.now.keys[i].hi == 0 && map.now.keys[i].lo == 0);
    keymap_done(&map);
    keymap_done(&copy);
}

static bool in_table(const struct keymap_table *table, struct key128 key)
{
    for (size_t i = 0; i < table->n_slots; i++) {
        if (table->keys[i].hi == key.hi && table->keys[i].lo == key.lo)
            return true;
    }
    return false;
}

/* No insertion copies the whole table, and meanwhile nothing is lost, found twice or left behind. */
static void a_map_grows_a_little_at_a_time(void **state)
{
    (void)state;
    enum { FIRST = 1 + 6144, STEP = 5 }; /* one more than three quarters of 8192 slots */
    struct keymap map = {0}, copy = {0};
    struct err err = ERR_INIT;
    uint32_t value = 0;
    for (uint32_t k = 1; k <= FIRST; k++)
        assert_ok(keymap_insert(&map, (struct key128){k, k % 8 * 1023}, k, &err), &err);
    assert_int_equal(map.old.n_slots, 8192);
    assert_in_range(map.moved, 1, 16);
    for (uint32_t k = FIRST + 1; k <= FIRST + 300; k++)
        assert_ok(keymap_insert(&map, (struct key128){k, k % 8 * 1023}, k, &err), &err);
    assert_in_range(map.moved, 300, 16 * 300);
    for (uint32_t k = 1; k <= FIRST; k += STEP) { /* some were moved, some not */
        const struct key128 key = {k, k % 8 * 1023};
        assert_true(keymap_remove(&map, key) && !keymap_find(&map, key, NULL) && !keymap_remove(&map, key));
        assert_false(in_table(&map.now, key) || in_table(&map.old, key));
    }
    assert_ok(keymap_insert(&map, (struct key128){1, 1023}, 77, &err), &err); /* and comes back */
    assert_false(keymap_find(&map, (struct key128){0, 0}, NULL));
    assert_ok(keymap_copy(&map, &copy, &err), &err);
    for (uint32_t k = FIRST + 301; map.old.n_slots > 0; k++)
        assert_ok(keymap_insert(&map, (struct key128){k, k % 8 * 1023}, k, &err), &err);
    assert_true(map.old.keys == NULL && map.now.n_slots == 16384 && keymap_bytes(&map) == 16384 * 20);
    for (uint32_t k = 2; k <= FIRST + 300; k++) {
        const struct key128 key = {k, k % 8 * 1023};
        const bool there = k > FIRST || k % STEP != 1;
        assert_true(keymap_find(&map, key, &value) == there && keymap_find(&copy, key, NULL) == there);
        assert_true(!there || value == k);
    }
    assert_true(keymap_find(&map, (struct key128){1, 1023}, &value) && value == 77);
    keymap_done(&map);
    keymap_done(&copy);
}

/* A layer's part, a holdback and an arm are chosen by numbers that know nothing of each other. */
static void layers_and_holdbacks_are_independent(void **state)
{
    (void)state;
    enum { UNITS = 20000 };
    const struct layer_part part = {"home", 0.25, 0.75}, none = {"", 0, 1};
    const double half[] = {0.5, 0.5};
    const struct round_plan plan = plan_of(2, half);
    int64_t n[8] = {0};
    double share[8];
    for (size_t u = 0; u < UNITS; u++) {
        char unit[32];
        snprintf(unit, sizeof unit, "u%zu", u);
        assert_true(layer_holds(&none, unit));
        assert_false(held_back(0, "feed", unit));
        const size_t in = layer_holds(&part, unit), held = held_back(0.25, "home", unit);
        n[in * 4 + held * 2 + assign_arm(&plan, assign_hash("s", unit).u)]++;
    }
    for (size_t c = 0; c < 8; c++)
        share[c] = 0.5 * (c & 2 ? 0.25 : 0.75) * 0.5;
    assert_true(sample_ratio_check(8, n, share).p > 1e-4);
    const struct layer_part before = {"home", 0, 0.25}, across = {"home", 0.7, 0.9}, other = {"away", 0, 1};
    assert_false(layer_overlaps(&part, &before) || layer_overlaps(&part, &other) || layer_overlaps(&none, &none));
    assert_true(layer_overlaps(&part, &across) && layer_overlaps(&across, &part) && layer_overlaps(&part, &part));
}

/* HMAC-SHA-256 with the key 00 01 .. 1f of "unit user-7", as openssl prints it. */
static void a_hashed_name_is_the_documented_one(void **state)
{
    (void)state;
    uint8_t key[REQUEST_KEY_SIZE];
    char buf[UNIT_HASH_SIZE] = "";
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    assert_string_equal(unit_name(false, key, "user-7", buf), "user-7");
    assert_string_equal(unit_name(true, key, "user-7", buf), "#9fea0602e6774c42ad3f2ff767e10c6e");
    key[31] ^= 1;
    assert_string_not_equal(unit_name(true, key, "user-7", buf), "#9fea0602e6774c42ad3f2ff767e10c6e");
}

static void rules_hold_or_not(void **state)
{
    (void)state;
    const struct eligibility_rule rules[] = {{.attribute = "country", .n_values = 2, .values = {"at", "de"}},
                                             {.attribute = "age", .min = -1, .max = 1.5}};
    const struct attribute good[] = {{"x", NULL, 9}, {"age", NULL, 1.5}, {"country", "de", 0}},
                           texts[] = {{"country", "at", 0}, {"age", "1", 0}},
                           numbers[] = {{"country", NULL, 0}, {"age", NULL, 0}};
    assert_true(eligible(0, NULL, 0, NULL) && eligible(2, rules, 3, good) && eligible(1, rules, 2, texts));
    assert_false(eligible(2, rules, 2, good)); /* no country */
    assert_false(eligible(2, rules, 2, texts) || eligible(1, rules, 2, numbers));
    assert_true(eligible(1, rules + 1, 2, numbers));
}

/* Those whom the round before gave the default are a group, too. */
static void every_unit_came_from_somewhere(void **state)
{
    (void)state;
    const double part[] = {0.2, 0.3};
    struct round_plan before = plan_of(2, part);
    size_t n[3] = {0};
    snprintf(before.salt, sizeof before.salt, "s1");
    for (size_t u = 0; u < 300; u++) {
        char unit[32];
        snprintf(unit, sizeof unit, "u%zu", u);
        const double x = assign_hash("s1", unit).u;
        const size_t group = carry_over_group(&before, unit);
        assert_int_equal(group, x < 0.2 ? 0 : x < 0.5 ? 1 : 2);
        n[group]++;
    }
    assert_true(n[0] > 20 && n[1] > 40 && n[2] > 80);
}

/* Q from the definition, on groups of unequal size; one group is too small, one metric has no variance. */
static void carry_over_is_cochrans_q(void **state)
{
    (void)state;
    enum { GROUPS = 4 };
    static const uint32_t SIZE[GROUPS] = {140, 99, 120, 313};
    static const struct experiment_plan PLAN = {
        .n_metrics = 2,
        .metrics = {{.event = "click", .aggregate = AGGREGATE_COUNT, .attribution_ms = 9, .cap = MOMENTS_LIMIT},
                    {.event = "none", .aggregate = AGGREGATE_COUNT, .attribution_ms = 9, .cap = MOMENTS_LIMIT}}};
    struct layout layout;
    struct tally t;
    struct err err = ERR_INIT;
    struct carry_over x[2];
    double weights = 0, sum = 0, q = 0, mean[GROUPS], variance[GROUPS];
    layout_make(&PLAN, &layout);
    assert_ok(tally_init(&t, &layout, 2, &err), &err);
    assert_ok(tally_extend(&t, false, GROUPS, &err), &err);
    for (size_t g = 0; g < GROUPS; g++) {
        double total = 0, squares = 0;
        for (uint32_t u = 0; u < SIZE[g]; u++) {
            uint32_t unit;
            enum event_outcome outcome;
            const int64_t clicks = (int64_t)(rng_mix(u * GROUPS + g) % (3 + g % 3));
            assert_ok(tally_add_unit(&t, u % 2, &unit, &err), &err);
            tally_set_before(&t, unit, g);
            tally_expose(&t, unit, 1, 1);
            for (int64_t i = 0; i < clicks; i++)
                assert_ok(tally_event(&t, unit, "click", MOMENTS_SCALE, 0, 1, &outcome, &err), &err);
            total += (double)clicks;
            squares += (double)(clicks * clicks);
        }
        const double n = SIZE[g];
        mean[g] = total / n;
        variance[g] = (squares - total * total / n) / (n - 1) / n;
        if (g == 1)
            continue;
        weights += 1 / variance[g];
        sum += mean[g] / variance[g];
    }
    for (size_t g = 0; g < GROUPS; g++)
        q += g == 1 ? 0 : (mean[g] - sum / weights) * (mean[g] - sum / weights) / variance[g];
    carry_over_test(&t, x);
    assert_int_equal(x[0].df, 2);
    assert_close(x[0].chi2, q, 1e-10);
    assert_close(x[0].p, exp(-q / 2), 1e-10); /* two degrees of freedom */
    assert_true(isnan(x[1].chi2) && isnan(x[1].p));
    tally_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_and_holdbacks_are_independent),
        cmocka_unit_test(a_hashed_name_is_the_documented_one),
        cmocka_unit_test(rules_hold_or_not),
        cmocka_unit_test(every_unit_came_from_somewhere),
        cmocka_unit_test(carry_over_is_cochrans_q),
        cmocka_unit_test(a_map_forgets_what_is_removed),
        cmocka_unit_test(the_hash_is_the_documented_one),
        cmocka_unit_test(assignment_is_uniform_and_independent),
        cmocka_unit_test(units_beyond_the_allocations_get_the_default),
        cmocka_unit_test(request_ids_survive_and_forgeries_do_not),
        cmocka_unit_test(keymap_agrees_with_a_plain_list),
        cmocka_unit_test(keymap_keeps_what_it_has_when_memory_ends),
        cmocka_unit_test(a_map_grows_a_little_at_a_time),
        cmocka_unit_test(a_round_lives_through_its_states),
        cmocka_unit_test(ends_by_time_and_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
