/* Random lives of an experiment against a model of a few lines: what the store reports is what the model counted, and a
 * store that is opened again reports the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/digest.h"
#include "base/core/rng.h"
#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000, UNITS = 30, STEPS = 150 };

/* The model: one round with two arms, clicks within 100 s, the same ids known. */
struct account {
    bool seen[UNITS];
    int64_t clicks[UNITS];
    int64_t units[2], requests[2], impressions[2], late, orphans;
    int64_t duplicates;
    struct request_id exposed[STEPS * 4];
    int64_t arm_of[STEPS * 4], unit_of[STEPS * 4];
    size_t n_exposed;
    int64_t n_events;
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
        size_t arm = call.exposure.arm;
        a->units[arm] += !a->seen[u];
        a->seen[u] = true;
        a->requests[arm]++;
        a->impressions[arm] += call.exposure.items;
        a->exposed[a->n_exposed] =
            (struct request_id){view->experiment, 1, (uint8_t)arm, life->now_ms, call.exposure.key, 0};
        a->arm_of[a->n_exposed] = (int64_t)arm;
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
        snprintf(id, sizeof id, "e%lld",
                 (long long)(repeat ? (int64_t)rng_below(&life->rng, (uint64_t)a->n_events) : a->n_events));
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
        a->n_events += !repeat;
        want.duplicates += repeat;
        want.late += !repeat && age > 100000;
        want.accepted += !repeat && age <= 100000;
        a->late += !repeat && age > 100000;
        a->clicks[a->unit_of[x]] += !repeat && age <= 100000;
    }
    assert_ok(store_run(life->lab.store, run_ingest, &call, &err), &err);
    assert_memory_equal(&call.counts, &want, sizeof want);
}

static void check(struct life *life)
{
    const struct account *a = &life->account;
    struct json *results = lab_json(&life->lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, 200);
    double clicks[2] = {0}, squares[2] = {0};
    for (size_t x = 0; x < UNITS; x++) {
        size_t i = 0;
        while (i < a->n_exposed && a->unit_of[i] != (int64_t)x)
            i++;
        if (i == a->n_exposed)
            continue;
        clicks[a->arm_of[i]] += (double)a->clicks[x];
        squares[a->arm_of[i]] += (double)(a->clicks[x] * a->clicks[x]);
    }
    for (int arm = 0; arm < 2; arm++) {
        static const char *const NAMES[] = {"units", "requests", "impressions", "metrics.0.sum"};
        double n = (double)a->units[arm];
        const double want[] = {n, (double)a->requests[arm], (double)a->impressions[arm], clicks[arm]};
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
    assert_close(answer_number(results, "late"), (double)a->late, 0);
    assert_close(answer_number(results, "orphan"), (double)a->orphans, 0);
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
        uint64_t what = rng_below(&life.rng, 20);
        if (what < 8 || life.account.n_exposed == 0)
            expose(&life);
        else if (what < 18)
            ingest(&life);
        else if (what < 19)
            check(&life);
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
    /* Most of a life is waiting for the disk, so even the long run keeps to a minute. */
    size_t cases = check_cases(4) < 60 ? check_cases(4) : 60;
    for (uint64_t seed = check_seed(); seed < check_seed() + cases; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_store_agrees_with_its_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
