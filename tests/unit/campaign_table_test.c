#include <math.h>
#include <string.h>

#include "tests/lib/campaign_table.h"
#include "tests/lib/check.h"

/* What the campaign bench says about numbers that are known. */

enum { SEEDS = 2, ROUNDS = 4 };

static struct campaign_cell cells[2][SEEDS * WORLD_METHODS];
static struct campaign_world worlds[2];

/* gain after rounds 1 .. 4 for one seed; 1000 users a round. */
static void set_cell(size_t world, size_t seed, enum world_method method, const double *gain, bool promoted)
{
    struct campaign_cell *cell = &cells[world][seed * WORLD_METHODS + method];
    *cell = (struct campaign_cell){.excess = -1.0};
    cell->run.n_rounds = ROUNDS;
    cell->run.promoted = promoted;
    for (size_t r = 0; r < ROUNDS; r++) {
        cell->gain[r] = gain[r];
        cell->run.users[r] = 1000 * ((int64_t)r + 1);
    }
}

/* "hill": 0.04 to be won; trimtab reaches 0.03 and 0.01 of it, sobol 0.02 and 0.012. "plain": nothing. */
static struct campaign_table table(void)
{
    struct campaign_table t = {.n_worlds = 2,
                               .n_seeds = SEEDS,
                               .first_seed = 7,
                               .rounds = ROUNDS,
                               .arms = 8,
                               .command = "bench",
                               .worlds = worlds};
    memset(cells, 0, sizeof cells);
    worlds[0] = (struct campaign_world){.name = "hill", .attainable = 0.04, .has_guardrails = true, .cells = cells[0]};
    worlds[1] = (struct campaign_world){.name = "plain", .attainable = 0.001, .cells = cells[1]};
    t.methods[METHOD_TRIMTAB] = t.methods[METHOD_SOBOL] = true;
    set_cell(0, 0, METHOD_TRIMTAB, (const double[]){0.0, 0.016, 0.028, 0.03}, true);
    set_cell(0, 1, METHOD_TRIMTAB, (const double[]){0.004, 0.008, 0.02, 0.01}, false);
    set_cell(0, 0, METHOD_SOBOL, (const double[]){0.0, 0.0, 0.0, 0.02}, true);
    set_cell(0, 1, METHOD_SOBOL, (const double[]){0.0, 0.0, 0.0, 0.012}, true);
    cells[0][METHOD_SOBOL].excess = 0.02;
    return t;
}

static void intervals_are_students(void **state)
{
    (void)state;
    /* t(0.975, 2) = 4.302653 of the tables; sd of {1, 2, 4} is 1.527525. */
    const struct campaign_interval x = campaign_interval(3, (const double[]){1.0, 2.0, 4.0});
    assert_close(x.mean, 7.0 / 3.0, 1e-12);
    assert_close(x.hi - x.mean, 4.302653 * 1.527525 / sqrt(3.0), 1e-6);
    assert_close(x.mean - x.lo, x.hi - x.mean, 1e-12);
    assert_true(isnan(campaign_interval(1, (const double[]){1.0}).lo));
}

static void shares_are_of_the_attainable(void **state)
{
    (void)state;
    const struct campaign_table t = table();
    const struct campaign_cell *won = &cells[0][METHOD_TRIMTAB], *kept = &cells[0][WORLD_METHODS + METHOD_TRIMTAB];
    assert_close(campaign_share(&t.worlds[0], won, 3), 0.7, 1e-12);
    assert_close(campaign_share_promoted(&t.worlds[0], won), 0.75, 1e-12);
    assert_true(fabs(campaign_share_promoted(&t.worlds[0], kept)) <= 0.0); /* not promoted: the control */
    assert_true(isnan(campaign_share(&t.worlds[1], &cells[1][METHOD_TRIMTAB], 1)));
}

static void users_are_interpolated(void **state)
{
    (void)state;
    const struct campaign_table t = table();
    /* Mean shares 0.05, 0.3, 0.6, 0.5: half is reached between rounds 2 and 3 and kept. */
    assert_close(campaign_users_to(&t, &t.worlds[0], METHOD_TRIMTAB, 0.5), 2000.0 + 1000.0 * 0.2 / 0.3, 1e-9);
    /* 0.55 was reached and lost again. */
    assert_true(isnan(campaign_users_to(&t, &t.worlds[0], METHOD_TRIMTAB, 0.55)));
    assert_close(campaign_users_to(&t, &t.worlds[0], METHOD_SOBOL, 0.2), 3500.0, 1e-9);
    assert_true(isnan(campaign_users_to(&t, &t.worlds[1], METHOD_TRIMTAB, 0.5)));
}

static void assert_has(const struct buf *text, const char *part)
{
    if (strstr(text->data, part) == NULL)
        print_error("\"%s\" is not in: %s\n", part, text->data);
    assert_non_null(strstr(text->data, part));
}

static void reports_say_it(void **state)
{
    (void)state;
    const struct campaign_table t = table();
    struct buf text = BUF_INIT;
    campaign_table_json(&t, &text);
    assert_has(&text, "\"command\":\"bench\"");
    assert_has(&text, "{\"seed\":8,\"method\":\"trimtab\",\"gain_by_round\":[0.004,0.008,0.02,0.01]");
    assert_has(&text, "\"promotions\":2,\"breaches_recommended\":1,\"breaches_promoted\":1");
    /* trimtab is ahead by 0.25 in one seed, behind by 0.05 in the other. */
    assert_has(&text, "\"trimtab_ahead\":{\"mean\":0.1");
    buf_clear(&text);
    campaign_table_picture(&t, &text);
    assert_has(&text, "hill (attainable +4.0 %)");
    assert_null(strstr(text.data, "plain"));
    buf_clear(&text);
    campaign_table_text(&t, &text);
    assert_has(&text, "hill: attainable +4.00 %");
    assert_has(&text, "plain: attainable +0.10 %");
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_students),
        cmocka_unit_test(shares_are_of_the_attainable),
        cmocka_unit_test(users_are_interpolated),
        cmocka_unit_test(reports_say_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
