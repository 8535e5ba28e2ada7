#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"

/* kill -9 at every step.  A campaign makes some twenty calls; for each of them one run dies before the call took
 * effect, and one after it did but before the answer came back.  What is in memory is thrown away, the journal is
 * opened again, and the campaign must end with the same trials, the same rounds and one promotion.  A kill between two
 * calls is a kill before the second: nothing outward happens in between, and a transition is one transaction. */

struct outcome {
    struct buf trials;
    int requests, default_puts;
    size_t n_rounds;
};

/* Run to the end with a kill at a request, -1: none. */
static void run(int die_at, bool die_after, bool kill_every_turn, struct outcome *ret)
{
    static struct tuner_world w;
    tuner_world_start(&w);
    w.api.die_at = die_at;
    w.api.die_after = die_after;
    assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
    for (int i = 0; i < 200 && !tuner_world_is(&w, 1, "promoted"); i++) {
        if (w.api.dead || kill_every_turn)
            tuner_world_restart(&w);
        tuner_world_turn(&w);
    }
    assert_true(tuner_world_is(&w, 1, "promoted"));
    *ret = (struct outcome){BUF_INIT, w.api.requests, w.api.default_puts, w.api.n_rounds};
    tuner_world_trials(&w, &ret->trials);
    tuner_world_end(&w);
}

static void compare(const struct outcome *a, const struct outcome *b, int die_at, bool die_after)
{
    bool same = strcmp(buf_string(&a->trials), buf_string(&b->trials)) == 0;
    if (!same)
        fprintf(stderr, "killed %s request %d\nwant %s\ngot  %s\n", die_after ? "after" : "before", die_at,
                buf_string(&a->trials), buf_string(&b->trials));
    assert_true(same);
    assert_int_equal(b->n_rounds, a->n_rounds);
    assert_int_equal(b->default_puts, 1);
}

static void killed_at_every_call(void **state)
{
    (void)state;
    struct outcome whole, killed;
    run(-1, false, false, &whole);
    assert_true(whole.requests >= 15);
    assert_int_equal(whole.n_rounds, 4);
    for (int at = 0; at < whole.requests; at++)
        for (int after = 0; after < 2; after++) {
            run(at, after != 0, false, &killed);
            compare(&whole, &killed, at, after != 0);
            buf_done(&killed.trials);
        }
    buf_done(&whole.trials);
}

static void killed_after_every_step(void **state)
{
    (void)state;
    struct outcome whole, killed;
    run(-1, false, false, &whole);
    run(-1, false, true, &killed);
    compare(&whole, &killed, -1, true);
    buf_done(&whole.trials);
    buf_done(&killed.trials);
}

/* At every turn one allocation and all after it fail, somewhere; then memory is back. */
static void out_of_memory_at_every_turn(void **state)
{
    (void)state;
    static struct tuner_world w;
    struct outcome whole, starved = {BUF_INIT, 0, 0, 0};
    int tripped = 0;
    run(-1, false, false, &whole);
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(6, 100); seed++) {
        struct rng rng;
        rng_init(&rng, seed, 1, 2);
        tuner_world_start(&w);
        assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
        for (int i = 0; i < 200 && !tuner_world_is(&w, 1, "promoted"); i++) {
            mem_fault_after(i % 2 == 0 ? (int64_t)rng_below(&rng, 1 + rng_below(&rng, 400)) : -1);
            tuner_world_turn(&w);
            tripped += mem_fault_tripped();
            mem_fault_after(-1);
        }
        assert_true(tuner_world_is(&w, 1, "promoted"));
        tuner_world_trials(&w, &starved.trials);
        starved.n_rounds = w.api.n_rounds;
        starved.default_puts = w.api.default_puts;
        tuner_world_end(&w);
        compare(&whole, &starved, (int)seed, true);
        buf_done(&starved.trials);
    }
    assert_true(tripped > 20);
    buf_done(&whole.trials);
}

/* No file may grow for a while: a full disk. */
static void disk_full_for_a_while(void **state)
{
    (void)state;
    static struct tuner_world w;
    struct outcome whole, full = {BUF_INIT, 0, 0, 0};
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    run(-1, false, false, &whole);
    tuner_world_start(&w);
    assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
    for (int i = 0; i < 200 && !tuner_world_is(&w, 1, "promoted"); i++) {
        none = (struct rlimit){8192, old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, i % 3 != 2 ? &none : &old), 0);
        tuner_world_turn(&w);
        if (i == 1) {
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
            (void)tuner_world_is(&w, 1, "");
            assert_non_null(strstr(w.status, "the journal cannot be written"));
        }
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(tuner_world_is(&w, 1, "promoted"));
    tuner_world_trials(&w, &full.trials);
    full.n_rounds = w.api.n_rounds;
    full.default_puts = w.api.default_puts;
    tuner_world_end(&w);
    compare(&whole, &full, 0, true);
    buf_done(&full.trials);
    buf_done(&whole.trials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_after_every_step),
        cmocka_unit_test(killed_at_every_call),
        cmocka_unit_test(out_of_memory_at_every_turn),
        cmocka_unit_test(disk_full_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
