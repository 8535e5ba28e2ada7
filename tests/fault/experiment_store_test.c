/* Every allocation and every write of the store fails once, at every step of a round's life: the step either happens or
 * does not, nothing in between, and it happens once the fault is over.  "State" is all that a client can read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/digest.h"
#include "base/core/mem.h"
#include "base/json/json.h"
#include "experiments/store/removal.h"
#include "experiments/store/store.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_sqlite.h"
#include "tests/lib/lab.h"

enum { START = 1000000 };
static const char MODEL[] = "00000000000000000000000000000000000000000000000000000000fa4e5c03";
static const char MODEL_BEFORE[] = "000000000000000000000000000000000000000000000000000000000000be40";

struct rig {
    char folder[64];
    struct clock clock;
    struct store *store;
};

static void rig_open(struct rig *rig)
{
    struct err err = ERR_INIT;
    if (!rig->folder[0]) {
        snprintf(rig->folder, sizeof rig->folder, "/tmp/trimtab_fault_XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
    }
    clock_init_fake(&rig->clock, START);
    assert_ok(store_open(&(struct store_options){.folder = rig->folder, .clock = &rig->clock}, &rig->store, &err),
              &err);
}

static void rig_close(struct rig *rig, bool remove)
{
    static const char *const FILES[] = {"experiments.db", "experiments.db-wal", "experiments.db-shm"};
    store_close(rig->store);
    for (size_t i = 0; i < 3 && remove; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", rig->folder, FILES[i]);
        unlink(path);
    }
    if (remove)
        assert_int_equal(rmdir(rig->folder), 0);
}

/* The steps of a round's life. */
static enum status with_body(const char *text, struct json **ret, struct err *err)
{
    return json_parse(text, strlen(text), NULL, ret, err);
}

static enum status step_experiment(struct store *store, void *context, struct err *err)
{
    struct json *body = NULL;
    bool is_new;
    (void)context;
    TRY(with_body(LAB_EXPERIMENT, &body, err));
    struct json_at root = json_root(body);
    enum status s = store_experiment_put(store, "feed", &root, &is_new, err);
    json_free(body);
    return s;
}

/* With something known of the units that will come. */
static enum status step_round(struct store *store, void *context, struct err *err)
{
    struct json *body = NULL;
    struct round_info info;
    (void)context;
    for (int u = 0; u < 10; u++) {
        char unit[20];
        int64_t from_round = 0;
        snprintf(unit, sizeof unit, "u%d", u);
        const struct store_covariate x = {unit, "clicks", (u % 3 + 1) * INT64_C(1000000)};
        TRY(store_covariate_put(store, "feed", &x, &from_round, err));
    }
    TRY(with_body(LAB_ROUND, &body, err));
    struct json_at root = json_root(body);
    enum status s = store_round_put(store, "feed", 1, &root, &info, err);
    json_free(body);
    return s;
}

/* Another model takes over in the open round. */
static enum status step_model(struct store *store, void *context, struct err *err)
{
    (void)context;
    return store_set_model(store, MODEL, err);
}

/* Ten new units, each with a request that the client names. */
static enum status step_expose(struct store *store, void *context, struct err *err)
{
    static const uint8_t HASH[DIGEST_SIZE] = {7};
    struct view *view = NULL;
    struct buf reply = BUF_INIT;
    (void)context;
    TRY(store_view(store, "feed", &view, err));
    enum status s = STATUS_OK;
    for (int u = 0; u < 10 && s == STATUS_OK; u++) {
        char unit[20], name[20];
        enum exposure_result result;
        snprintf(unit, sizeof unit, "u%d", u);
        snprintf(name, sizeof name, "r%d", u);
        struct exposure x = {.view = view,
                             .unit = unit,
                             .at_ms = START,
                             .items = 3,
                             .model_hash = MODEL_BEFORE, /* they began with it */
                             .request_name = name,
                             .body_hash = HASH,
                             .reply = "{}"};
        x.arm = view_assign(view, unit, &x.key);
        s = store_expose(store, &x, &result, &reply, err);
    }
    buf_done(&reply);
    view_release(view);
    return s;
}

static enum status step_events(struct store *store, void *context, struct err *err)
{
    struct store_event events[12];
    struct event_counts counts;
    char names[12][20];
    (void)context;
    for (int i = 0; i < 12; i++) {
        snprintf(names[i], sizeof names[i], "r%d", i); /* the last two are unknown */
        events[i] = (struct store_event){.key = event_key(store, names[i]),
                                         .request_name = names[i],
                                         .item = "i1",
                                         .type = "click",
                                         .value = 1000000,
                                         .position = -1,
                                         .at_ms = START + 10};
    }
    return store_ingest(store, 12, events, &counts, err);
}

static enum status step_stray(struct store *store, void *context, struct err *err)
{
    struct event_counts counts;
    struct store_event event = {.key = event_key(store, "stray"),
                                .experiment = "feed",
                                .arm = "nobody",
                                .unit = "u1",
                                .round = 1,
                                .type = "click",
                                .value = 1000000,
                                .position = 4,
                                .at_ms = START};
    (void)context;
    return store_ingest(store, 1, &event, &counts, err);
}

/* One that has an exposure, a click, a named request and a covariate. */
static enum status step_forget(struct store *store, void *context, struct err *err)
{
    struct removal *removal = NULL;
    bool done = false;
    (void)context;
    TRY(removal_new("u3", 100, &removal, err));
    enum status s = removal_step(store, removal, &done, err);
    if (s == STATUS_OK && !done)
        s = err_set(err, STATUS_INTERNAL, "one step was not enough");
    removal_free(removal);
    return s;
}

static enum status step_arm(struct store *store, void *context, struct err *err)
{
    struct round_info info;
    (void)context;
    return store_arm_stop(store, "feed", 1, "a1", "bad", &info, err);
}

static enum status step_default(struct store *store, void *context, struct err *err)
{
    struct json *body = NULL;
    struct buf reply = BUF_INIT;
    (void)context;
    TRY(with_body("{\"save\":1.25}", &body, err));
    struct default_change change = {json_root(body), 1, "why"};
    enum status s = store_default_put(store, "feed", &change, &reply, err);
    buf_done(&reply);
    json_free(body);
    return s;
}

static enum status step_stop(struct store *store, void *context, struct err *err)
{
    struct round_info info;
    (void)context;
    return store_round_stop(store, "feed", 1, "enough", &info, err);
}

/* Freezes the results. */
static enum status step_freeze(struct store *store, void *context, struct err *err)
{
    (void)context;
    return store_set_clock(store, START + 500, err);
}

/* All a client can read. */
static void write_info(void *context, const struct experiment_info *info)
{
    buf_printf(context, "%s default %lld next %lld round %lld %s units %lld\n", info->name,
               (long long)info->default_version, (long long)info->next_round, (long long)info->round,
               info->round ? info->round_state : "-", (long long)info->units);
}

static enum status read_state(struct store *store, void *context, struct err *err)
{
    struct buf *ret = context;
    TRY(store_experiments(store, NULL, write_info, ret, err));
    if (ret->length == 0)
        return STATUS_OK;
    TRY(store_default_history(store, "feed", ret, err));
    enum status s = store_results(store, "feed", 1, ret, err);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

/* Without the time of reading. */
static char *state_of(struct store *store)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    assert_ok(store_run(store, read_state, &text, &err), &err);
    buf_text(&text, "");
    char *as_of = text.length ? strstr(text.data, "\"as_of\":") : NULL;
    for (char *c = as_of ? as_of + 8 : NULL; c && *c >= '0' && *c <= '9'; c++)
        *c = '#';
    char *copy = mem_strdup(buf_string(&text));
    buf_done(&text);
    return copy;
}

typedef enum status step_function(struct store *store, void *context, struct err *err);
static step_function *const STEPS[] = {step_experiment, step_round, step_model,   step_expose, step_events, step_stray,
                                       step_forget,     step_arm,   step_default, step_stop,   step_freeze};
enum { N_STEPS = sizeof STEPS / sizeof *STEPS };

/* The states of an undisturbed life. */
static void undisturbed(char *ret[N_STEPS + 1])
{
    struct rig rig = {0};
    struct err err = ERR_INIT;
    rig_open(&rig);
    ret[0] = state_of(rig.store);
    for (size_t i = 0; i < N_STEPS; i++) {
        assert_ok(store_run(rig.store, STEPS[i], NULL, &err), &err);
        ret[i + 1] = state_of(rig.store);
        assert_string_not_equal(ret[i + 1], ret[i]);
    }
    rig_close(&rig, true);
}

enum fault { FAULT_HEAP, FAULT_IO, FAULT_FULL };

static void arm_fault(enum fault fault, int64_t n)
{
    if (fault == FAULT_HEAP)
        mem_fault_after(n);
    else
        faulty_disk_after(n, fault == FAULT_FULL ? DISK_FULL : DISK_IO_ERROR);
}

/* One step under the faults 0, stride, 2 stride, ... until it comes through. */
static size_t suffer(struct rig *rig, size_t i, char *const *want, enum fault fault, int64_t stride)
{
    size_t failures = 0;
    for (int64_t n = 0;; n += stride) {
        struct err err = ERR_INIT;
        arm_fault(fault, n);
        enum status s = store_run(rig->store, STEPS[i], NULL, &err);
        arm_fault(fault, -1);
        char *state = state_of(rig->store);
        /* Time that has come cannot be taken back: a freeze that failed happens with the next job. */
        const bool happened = strcmp(state, want[i + 1]) == 0, by_time = STEPS[i] == step_freeze && happened;
        /* Committed, and refused since the sync failed: as an answer that was lost. */
        const bool unsynced = fault == FAULT_IO && happened && s != STATUS_OK && strstr(err.text, "cannot sync");
        if (!by_time && !unsynced && strcmp(state, want[i + (s == STATUS_OK)]) != 0)
            fail_msg("step %zu fault %lld: %s\n%s\nis not\n%s", i, (long long)n, err.text, state,
                     want[i + (s == STATUS_OK)]);
        mem_free(state);
        if (s == STATUS_OK)
            return failures;
        if (unsynced)
            return failures + 1;
        assert_true(fault == FAULT_HEAP ? s == STATUS_NO_MEMORY || s == STATUS_IO : s == STATUS_UNAVAILABLE);
        failures++;
    }
}

static void live_under(enum fault fault, int64_t stride, size_t at_least)
{
    char *want[N_STEPS + 1];
    size_t failures = 0;
    struct rig rig = {0};
    undisturbed(want);
    rig_open(&rig);
    for (size_t i = 0; i < N_STEPS; i++) {
        failures += suffer(&rig, i, want, fault, stride);
        rig_close(&rig, false); /* what memory holds is what the rows say */
        rig_open(&rig);
        char *again = state_of(rig.store);
        assert_string_equal(again, want[i + 1]);
        mem_free(again);
    }
    rig_close(&rig, true);
    for (size_t i = 0; i <= N_STEPS; i++)
        mem_free(want[i]);
    assert_true(failures >= at_least);
}

static void memory_ends(void **state)
{
    (void)state;
    int64_t before = mem_outstanding();
    live_under(FAULT_HEAP, check_cases(1, 2) > 1 ? 1 : 3, 100);
    assert_true(mem_outstanding() <= before + 64); /* SQLite keeps a few blocks for the process */
}

static void writes_fail(void **state)
{
    (void)state;
    live_under(FAULT_IO, 1, 30);
}

static void the_disk_is_full(void **state)
{
    (void)state;
    live_under(FAULT_FULL, 1, 30);
}

/* Opening fails at every allocation and write; then it works, with what was there. */
static void opening_fails(void **state)
{
    (void)state;
    struct rig rig = {0};
    rig_open(&rig);
    struct err err = ERR_INIT;
    for (size_t i = 0; i < 6; i++)
        assert_ok(store_run(rig.store, STEPS[i], NULL, &err), &err);
    char *want = state_of(rig.store);
    rig_close(&rig, false);
    size_t failures = 0;
    for (int64_t n = 0;; n += 5, failures++) {
        struct store *store = NULL;
        clock_init_fake(&rig.clock, START);
        mem_fault_after(n);
        enum status s = store_open(&(struct store_options){.folder = rig.folder, .clock = &rig.clock}, &store, &err);
        mem_fault_after(-1);
        store_close(store);
        if (s == STATUS_OK)
            break;
        if (s != STATUS_NO_MEMORY && s != STATUS_IO)
            fail_msg("fault %lld: %s: %s", (long long)n, status_name(s), err.text);
        assert_null(store);
    }
    assert_true(failures > 10);
    rig_open(&rig);
    char *again = state_of(rig.store);
    assert_string_equal(again, want);
    rig_close(&rig, true);
    mem_free(want);
    mem_free(again);
}

int main(void)
{
    faulty_sqlite_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_ends),
        cmocka_unit_test(writes_fail),
        cmocka_unit_test(the_disk_is_full),
        cmocka_unit_test(opening_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
