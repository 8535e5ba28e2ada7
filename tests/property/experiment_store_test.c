/* Random lives of an experiment against a model of a few lines: what the store reports is what the model counted, a
 * store that is opened again reports the same, and units are forgotten step by step between everything else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/digest.h"
#include "base/core/rng.h"
#include "base/json/json.h"
#include "experiments/store/removal.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000, UNITS = 30, STEPS = 150 };

/* The model: one round with two arms, clicks within 100 s, the same ids known. */
struct account {
    bool seen[UNITS];
    int64_t clicks[UNITS], requests[UNITS], impressions[UNITS], late[UNITS], watermark_ms[UNITS];
    int64_t arm[UNITS]; /* of the seen ones */
    int64_t orphans;
    struct request_id exposed[STEPS * 4];
    int64_t unit_of[STEPS * 4];
    size_t n_exposed;
    int64_t n_events, owner[STEPS * 8]; /* the unit that event id was counted for; -1: nobody any more */
};

struct life {
    struct lab lab;
    struct rng rng;
    struct account account;
    int64_t now_ms;
};

struct expose_call {
    struct exposure exposure;
    enum exposure_result result;
};

static enum status run_expose(struct store *store, void *context, struct err *err)
{
    struct expose_call *call = context;
    struct buf ignored = BUF_INIT;
    enum status s = store_expose(store, &call->exposure, &call->result, &ignored, err);
    buf_done(&ignored);
    return s;
}

static void expose(struct life *life)
{
    struct account *a = &life->account;
    struct view *view = NULL;
    struct err err = ERR_INIT;
    uint64_t u = rng_below(&life->rng, UNITS);
    char unit[20];
    snprintf(unit, sizeof unit, "unit-%d", (int)u);
    assert_ok(store_view(life->lab.store, "feed", &view, &err), &err);
    struct expose_call call = {.exposure = {.view = view, .unit = unit, .at_ms = life->now_ms}};
    call.exposure.items = (int64_t)rng_below(&life->rng, 6);
    call.exposure.arm = view_assign(view, unit, &call.exposure.key);
    if (call.exposure.arm != ARM_NONE) {
        assert_ok(store_run(life->lab.store, run_expose, &call, &err), &err);
        assert_int_equal(call.result, EXPOSURE_RECORDED);
        a->seen[u] = true;
        a->arm[u] = (int64_t)call.exposure.arm;
        a->requests[u]++;
        a->impressions[u] += call.exposure.items;
        a->exposed[a->n_exposed] =
            (struct request_id){view->experiment, 1, (uint8_t)a->arm[u], life->now_ms, call.exposure.key, 0};
        a->unit_of[a->n_exposed++] = (int64_t)u;
    }
    view_release(view);
}

struct ingest_call {
    struct store_event events[6];
    size_t n;
    struct event_counts counts;
};

static enum status run_ingest(struct store *store, void *context, struct err *err)
{
    struct ingest_call *call = context;
    return store_ingest(store, call->n, call->events, &call->counts, err);
}

/* What becomes of event number `id` of an exposure. */
static void expect(struct account *a, int64_t id, size_t x, int64_t age, struct event_counts *want)
{
    const int64_t u = a->unit_of[x];
    if (!a->seen[u]) {
        want->orphans++;
        a->orphans++;
        return;
    }
    if (a->owner[id] >= 0) {
        want->duplicates++;
        return;
    }
    const bool late = age > 100000;
    const int64_t at_ms = a->exposed[x].exposure_ms + age;
    a->owner[id] = u;
    want->late += late;
    want->accepted += !late;
    a->late[u] += late;
    a->clicks[u] += !late;
    if (!late && at_ms > a->watermark_ms[u])
        a->watermark_ms[u] = at_ms;
}

/* A batch of new, repeated, late and orphaned events. */
static void ingest(struct life *life)
{
    struct account *a = &life->account;
    struct ingest_call call = {.n = 1 + rng_below(&life->rng, 6)};
    struct event_counts want = {0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < call.n; i++) {
        char id[30];
        bool repeat = a->n_events > 0 && rng_below(&life->rng, 4) == 0, orphan = rng_below(&life->rng, 8) == 0;
        int64_t number = repeat ? (int64_t)rng_below(&life->rng, (uint64_t)a->n_events) : a->n_events;
        snprintf(id, sizeof id, "e%lld", (long long)number);
        size_t x = rng_below(&life->rng, a->n_exposed);
        int64_t age = (int64_t)rng_below(&life->rng, 130000);
        call.events[i] = (struct store_event){.key = event_key(life->lab.store, id),
                                              .opened = true,
                                              .request = a->exposed[x],
                                              .type = "click",
                                              .value = 1000000,
                                              .position = -1,
                                              .at_ms = a->exposed[x].exposure_ms + age};
        if (orphan) {
            call.events[i].request.unit.lo ^= 1;
            want.orphans++;
            a->orphans++;
            continue;
        }
        if (!repeat)
            a->owner[a->n_events++] = -1;
        expect(a, number, x, age, &want);
    }
    assert_ok(store_run(life->lab.store, run_ingest, &call, &err), &err);
    assert_memory_equal(&call.counts, &want, sizeof want);
}

struct removal_call {
    struct removal *removal;
    bool done;
};

static enum status run_removal(struct store *store, void *context, struct err *err)
{
    struct removal_call *call = context;
    return removal_step(store, call->removal, &call->done, err);
}

/* Forgets a unit a few rows at a time, while others go on. */
static void forget(struct life *life)
{
    struct account *a = &life->account;
    struct removal_call call = {0};
    struct err err = ERR_INIT;
    const int64_t u = (int64_t)rng_below(&life->rng, UNITS);
    char unit[20];
    snprintf(unit, sizeof unit, "unit-%d", (int)u);
    assert_ok(removal_new(unit, 1 + (int64_t)rng_below(&life->rng, 40), &call.removal, &err), &err);
    for (size_t step = 0; !call.done; step++) {
        assert_ok(store_run(life->lab.store, run_removal, &call, &err), &err);
        if (!call.done && step < 6 && a->n_exposed + 1 < sizeof a->exposed / sizeof *a->exposed)
            rng_below(&life->rng, 2) ? expose(life) : ingest(life);
    }
    const struct removal_counts counts = removal_result(call.removal);
    int64_t n_events = 0;
    for (int64_t id = 0; id < a->n_events; id++) {
        n_events += a->owner[id] == u;
        a->owner[id] = a->owner[id] == u ? -1 : a->owner[id];
    }
    assert_int_equal(counts.rounds, a->seen[u]);
    assert_int_equal(counts.exposures, a->requests[u]);
    assert_int_equal(counts.events, n_events);
    a->seen[u] = false;
    a->clicks[u] = a->requests[u] = a->impressions[u] = a->late[u] = a->watermark_ms[u] = 0;
    removal_free(call.removal);
}

static void check(struct life *life)
{
    const struct account *a = &life->account;
    struct json *results = lab_json(&life->lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    double units[2] = {0}, requests[2] = {0}, impressions[2] = {0}, clicks[2] = {0}, squares[2] = {0}, late = 0;
    int64_t watermark_ms = START;
    for (size_t u = 0; u < UNITS; u++) {
        if (!a->seen[u])
            continue;
        const int64_t arm = a->arm[u];
        units[arm]++;
        requests[arm] += (double)a->requests[u];
        impressions[arm] += (double)a->impressions[u];
        clicks[arm] += (double)a->clicks[u];
        squares[arm] += (double)(a->clicks[u] * a->clicks[u]);
        late += (double)a->late[u];
        watermark_ms = a->watermark_ms[u] > watermark_ms ? a->watermark_ms[u] : watermark_ms;
    }
    for (int arm = 0; arm < 2; arm++) {
        static const char *const NAMES[] = {"units", "requests", "impressions", "metrics.0.sum"};
        double n = units[arm];
        const double want[] = {n, requests[arm], impressions[arm], clicks[arm]};
        char path[60];
        for (size_t i = 0; i < 4; i++) {
            snprintf(path, sizeof path, "arms.%d.%s", arm, NAMES[i]);
            assert_close(answer_number(results, path), want[i], 0);
        }
        snprintf(path, sizeof path, "arms.%d.cov.0.0", arm);
        if (n >= 2)
            assert_close(answer_number(results, path), (squares[arm] - clicks[arm] * clicks[arm] / n) / (n - 1) / n,
                         1e-12);
    }
    assert_close(answer_number(results, "late"), late, 0);
    assert_close(answer_number(results, "orphan"), (double)a->orphans, 0);
    assert_close(answer_number(results, "watermark"), (double)watermark_ms, 0);
    json_free(results);
}

static void live(uint64_t seed)
{
    static struct life life;
    memset(&life, 0, sizeof life);
    rng_init(&life.rng, seed, 8, 8);
    life.now_ms = START;
    lab_start(&life.lab, START);
    char body[1000];
    snprintf(body, sizeof body, "%s", LAB_ROUND);
    memcpy(strstr(body, ":20}"), ":99}", 4); /* never reached */
    json_free(lab_json(&life.lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&life.lab, "PUT", "/v1/experiments/feed/rounds/1", body, 201));
    for (size_t step = 0; step < STEPS; step++) {
        uint64_t what = rng_below(&life.rng, 22);
        if (what < 8 || life.account.n_exposed == 0)
            expose(&life);
        else if (what < 18)
            ingest(&life);
        else if (what < 19)
            check(&life);
        else if (what < 21)
            forget(&life);
        else {
            lab_stop(&life.lab);
            lab_start(&life.lab, START);
        }
    }
    check(&life);
    lab_remove(&life.lab);
}

static void the_store_agrees_with_its_model(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(4, 60); seed++)
        live(seed);
}

struct search {
    struct removal_call call;
    char unit[20];
    int64_t u;
};

/* The last unit that came for the first time: it has the largest number. */
static int64_t newest_unit(const struct account *a)
{
    bool before[UNITS] = {false};
    int64_t newest = 0;
    for (size_t x = 0; x < a->n_exposed; x++) {
        newest = before[a->unit_of[x]] ? newest : a->unit_of[x];
        before[a->unit_of[x]] = true;
    }
    return newest;
}

/* A round with twelve exposures, and a search for a unit that has read some of the units before it. */
static void begin_search(struct life *life, struct search *ret)
{
    struct err err = ERR_INIT;
    memset(life, 0, sizeof *life);
    *ret = (struct search){0};
    rng_init(&life->rng, check_seed(), 8, 9);
    life->now_ms = START;
    lab_start(&life->lab, START);
    json_free(lab_json(&life->lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(&life->lab, "PUT", "/v1/experiments/feed/rounds/1", LAB_ROUND, 201));
    while (life->account.n_exposed < 12)
        expose(life);
    ret->u = newest_unit(&life->account);
    snprintf(ret->unit, sizeof ret->unit, "unit-%d", (int)ret->u);
    assert_ok(removal_new(ret->unit, 2, &ret->call.removal, &err), &err);
    for (int step = 0; step < 3; step++)
        assert_ok(store_run(life->lab.store, run_removal, &ret->call, &err), &err);
    assert_false(ret->call.done);
}

static void end_search(struct life *life, struct search *search, int64_t exposures)
{
    struct err err = ERR_INIT;
    while (!search->call.done)
        assert_ok(store_run(life->lab.store, run_removal, &search->call, &err), &err);
    assert_int_equal(removal_result(search->call.removal).rounds, 1);
    assert_int_equal(removal_result(search->call.removal).exposures, exposures);
    removal_free(search->call.removal);
}

/* The search begins anew, and the frozen results keep the unit. */
static void a_round_may_end_while_a_unit_is_searched_for(void **state)
{
    (void)state;
    static struct life life;
    static const char RESULTS[] = "/v1/experiments/feed/rounds/1/results";
    struct search search;
    struct buf before = BUF_INIT, after = BUF_INIT;
    begin_search(&life, &search);
    json_free(lab_json(&life.lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    json_free(lab_json(&life.lab, "PUT", "/v1/clock", "{\"now_ms\":1000500}", 200));
    assert_int_equal(lab_call(&life.lab, "GET", RESULTS, NULL, &before), 200);
    end_search(&life, &search, life.account.requests[search.u]);
    assert_int_equal(lab_call(&life.lab, "GET", RESULTS, NULL, &after), 200);
    assert_string_equal(buf_string(&before), buf_string(&after));
    buf_done(&before);
    buf_done(&after);
    lab_remove(&life.lab);
}

/* Somebody else forgets the unit, and it comes again: under another number. */
static void a_unit_may_move_while_it_is_searched_for(void **state)
{
    (void)state;
    static struct life life;
    struct search search;
    struct removal_call other = {0};
    struct err err = ERR_INIT;
    begin_search(&life, &search);
    assert_ok(removal_new(search.unit, 1000, &other.removal, &err), &err);
    assert_ok(store_run(life.lab.store, run_removal, &other, &err), &err);
    assert_true(other.done);
    removal_free(other.removal);
    json_free(lab_rank(&life.lab, search.unit, ""));
    end_search(&life, &search, 1);
    struct account *a = &life.account;
    a->seen[search.u] = false;
    a->requests[search.u] = 0;
    check(&life);
    lab_remove(&life.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_store_agrees_with_its_model),
                                       cmocka_unit_test(a_round_may_end_while_a_unit_is_searched_for),
                                       cmocka_unit_test(a_unit_may_move_while_it_is_searched_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
