/* article_tune.h: which shares are found, and that nobody is judged with weights that were tuned on him. */
#include "tests/lib/check.h"

#include <math.h>

#include "tests/lib/article_tune.h"

enum { USERS = 6, TYPES = 3, WIDTH = WORLD_RUN_HEADS + TYPES, EVENTS = 100, GENERATIONS = 60 };

/* The log of the weights' ratio at which the users of a part do most of both engagement types; all together do at .3.
 */
static const double BEST[ARTICLE_PARTS] = {1.0, -0.4};

/* Users of either part in turn; the third type, which has no share, never happens. */
static uint8_t parts[USERS] = {0, 1, 0, 1, 0, 1};

static enum status play(void *self, size_t pair, const double *weights, double *totals, struct err *err)
{
    (void)self;
    (void)pair;
    (void)err;
    for (size_t u = 0; u < USERS; u++) {
        double *total = totals + u * WIDTH, events = EVENTS;
        if (weights != NULL) {
            const double distance = log(weights[0] / weights[1]) - BEST[parts[u]];
            events *= 1.0 + exp(-distance * distance);
            assert_true(weights[2] == 0.0);
        }
        total[WORLD_RUN_REQUESTS] = 10.0;
        total[WORLD_RUN_IMPRESSIONS] = 20.0;
        total[WORLD_RUN_HEADS] = total[WORLD_RUN_HEADS + 1] = events;
    }
    return STATUS_OK;
}

/* Two pairs of models with the same means. */
static void make_stage(const struct article_models *models, struct article_stage *ret)
{
    *ret = (struct article_stage){.models = models,
                                  .n_users = USERS,
                                  .n_types = TYPES,
                                  .types = {"click", "save", "hide"},
                                  .means = {{0.5, 0.5, 0.1}, {0.5, 0.5, 0.1}},
                                  .part = parts,
                                  .play = play};
}

static double log_ratio(const double *shares)
{
    return log(shares[0] / shares[1]);
}

static struct article_search make_search(void)
{
    return (struct article_search){.generations = GENERATIONS, .seed = check_seed(), .negative = "hide"};
}

static void test_what_is_tuned_on_a_part(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct article_models models = {.n = 2};
    const struct article_search search = make_search();
    struct article_stage stage;
    double shares[DATASET_MAX_HEADS];
    make_stage(&models, &stage);
    for (uint8_t part = 0; part < ARTICLE_PARTS; part++) {
        assert_ok(article_tune(&stage, &search, 2, part, shares, &err), &err);
        assert_close(log_ratio(shares), BEST[part], 0.1);
        assert_close(shares[2], 0.0, 0.0);
    }
}

/* What is tuned on one part is for the other: there it does little, so whoever judged a part with its own weights would
 * report twice the events. */
static void test_parts_are_judged_across(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct article_models models = {.n = 2};
    const struct article_search search = make_search();
    struct article_stage stage;
    struct article_way way;
    double shares[ARTICLE_PARTS][DATASET_MAX_HEADS];
    make_stage(&models, &stage);
    assert_ok(article_tune_across(&stage, &search, shares, &err), &err);
    assert_close(log_ratio(shares[0]), BEST[1], 0.1);
    assert_close(log_ratio(shares[1]), BEST[0], 0.1);
    assert_ok(article_way_new(USERS, TYPES, &way, &err), &err);
    assert_ok(article_play_across(&stage, shares, &way, &err), &err);
    for (size_t u = 0; u < USERS; u++) {
        const double distance = log_ratio(shares[parts[u]]) - BEST[parts[u]];
        assert_close(way.events[u * TYPES], 2.0 * EVENTS * (1.0 + exp(-distance * distance)), 1e-9);
        assert_true(way.events[u * TYPES] < 2.0 * EVENTS * 1.3);
        assert_close(way.requests[u], 20.0, 0.0);
        assert_close(way.came[u], 2.0, 0.0);
        assert_close(way.active[u * TYPES + 1], 2.0, 0.0);
    }
    article_way_done(&way);
}

/* Far from the plug-in: where one type is fifty times as frequent, a single generation only comes near by its start,
 * and what it returns is the best it has tried. */
static void test_the_search_starts_where_the_binary_ranker_is(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct article_models models = {.n = 2};
    struct article_search search = make_search();
    struct article_stage stage;
    double shares[DATASET_MAX_HEADS];
    make_stage(&models, &stage);
    stage.part = NULL; /* a world */
    stage.means[0][1] = stage.means[1][1] = 0.01;
    search.generations = 1;
    assert_ok(article_tune(&stage, &search, 2, 0, shares, &err), &err);
    assert_true(fabs(log_ratio(shares) - log(50.0) - 0.3) <=
                0.3 + 1e-9); /* .3: best for all; 0: shares like the means */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_tuned_on_a_part),
        cmocka_unit_test(test_parts_are_judged_across),
        cmocka_unit_test(test_the_search_starts_where_the_binary_ranker_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
