/* Every task of a round runs once, in the round it belongs to, however short rounds are and however many threads. */
#include "tests/lib/check.h"

#include "ranker/workers.h"

enum { MAX_TASKS = 23, ROUNDS = 3000 };

struct tally {
    size_t round;
    size_t last[MAX_TASKS], count[MAX_TASKS]; /* by task */
};

static void task(void *context, size_t i)
{
    struct tally *tally = context;
    tally->last[i] = tally->round;
    tally->count[i]++;
}

static void check_threads(size_t threads)
{
    struct err err = ERR_INIT;
    struct workers *workers = NULL;
    struct tally tally = {0};
    size_t expected[MAX_TASKS] = {0};
    assert_ok(workers_new(threads, &workers, &err), &err);
    for (tally.round = 1; tally.round <= ROUNDS; tally.round++) {
        const size_t n = tally.round % (MAX_TASKS + 1);
        workers_run(workers, n, task, &tally);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(tally.last[i], tally.round);
            assert_int_equal(tally.count[i], ++expected[i]);
        }
    }
    workers_free(workers);
}

static void test_every_task_runs_once(void **state)
{
    (void)state;
    check_threads(1);
    check_threads(2);
    check_threads(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_task_runs_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
