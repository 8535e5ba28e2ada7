/* world: the file, dates, identities, rates, and visits that are functions of their keys alone. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "experiments/world/world_run.h"

static struct world_params read_params(void)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct world_params params;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, &err), &err);
    assert_ok(world_params_decode(text.data, text.length, &params, &err), &err);
    buf_done(&text);
    return params;
}

static struct world *open_world(uint64_t play_seed)
{
    struct err err = ERR_INIT;
    const struct world_params params = read_params();
    struct world *world = NULL;
    assert_ok(world_open(&params, play_seed, &world, &err), &err);
    return world;
}

static void test_dates(void **state)
{
    (void)state;
    assert_int_equal(world_days_from_date(19700101), 0);
    assert_int_equal(world_days_from_date(20000229), 11016);
    assert_int_equal(world_days_from_date(20260302), 20514);
    assert_int_equal(world_weekday(20514), 0); /* a Monday */
    assert_int_equal(world_weekday(-1), 2);
    for (int64_t d = -800; d < 50000; d += 13)
        assert_int_equal(world_days_from_date(world_date_from_days(d)), d);
}

static void test_ids(void **state)
{
    (void)state;
    struct world *world = open_world(5);
    struct world_user user;
    char id[WORLD_ID];
    size_t item = 99;
    world_item_id(1999, id);
    assert_true(world_item_find(world, id, &item));
    assert_int_equal(item, 1999);
    const char *const bad[] = {"i2000", "i", "i007", "x3", "i3x", "i99999999999999999999", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(world_item_find(world, bad[i], &item));
    world_user(world, 3, &user);
    world_model_user(world, &user, id);
    assert_string_equal(id, "u3");
    world_user(world, world_first_user(world, 2), &user);
    assert_int_equal(world_user_arrival(world, user.index), 2);
    assert_int_equal(world_user_arrival(world, user.index - 1), 1);
    world_model_user(world, &user, id);
    assert_memory_equal(id, "new-", 4);
    world_close(world);
}

/* The file's seed makes the users of the log, the play seed the newcomers. */
static void test_seeds(void **state)
{
    (void)state;
    struct world *a = open_world(1), *b = open_world(2);
    struct world_user x, y;
    world_user(a, 17, &x);
    world_user(b, 17, &y);
    assert_memory_equal(&x, &y, sizeof x.taste[0]);
    assert_close(x.taste[3], y.taste[3], 0.0);
    assert_close(world_user_activity(a, 17), x.activity, 0.0);
    world_user(a, 100017, &x);
    world_user(b, 100017, &y);
    assert_true(fabs(x.taste[3] - y.taste[3]) > 1e-9);
    assert_close(world_item(a, 7)->quality, world_item(b, 7)->quality, 0.0);
    world_close(a);
    world_close(b);
}

/* The first show candidates, in reverse when context is not NULL. */
static enum status first_ones(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                              struct err *err)
{
    (void)err;
    const size_t n = (size_t)world_params(visit->world)->show;
    for (size_t j = 0; j < n; j++)
        ret_shown[j] = visit->candidates[context != NULL ? n - 1 - j : j];
    *ret_n = n;
    return STATUS_OK;
}

static double *play(const struct world *world, int n_days, void *context, size_t *ret_n)
{
    struct err err = ERR_INIT;
    const struct world_run run = {world, 0, n_days, first_ones, NULL, context};
    int64_t first;
    world_run_users(&run, &first, ret_n);
    assert_int_equal(first, 0);
    double *totals = mem_alloc(*ret_n * (WORLD_RUN_HEADS + world_params(world)->n_heads), sizeof *totals);
    assert_ok(world_run(&run, totals, &err), &err);
    return totals;
}

static void test_same_seed_same_play(void **state)
{
    (void)state;
    struct world *a = open_world(3), *b = open_world(3);
    size_t n = 0, m = 0;
    double *x = play(a, 1, NULL, &n), *y = play(b, 1, NULL, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * (WORLD_RUN_HEADS + world_params(a)->n_heads) * sizeof *x);
    mem_free(x);
    mem_free(y);
    world_close(a);
    world_close(b);
}

static void test_rates_are_like_a_log(void **state)
{
    (void)state;
    struct world *world = open_world(4);
    const struct world_params *p = world_params(world);
    size_t n = 0;
    const size_t width = WORLD_RUN_HEADS + p->n_heads;
    double *totals = play(world, 1, NULL, &n), sum[WORLD_RUN_HEADS + WORLD_MAX_HEADS] = {0.0};
    for (size_t u = 0; u < n; u++) {
        for (size_t i = 0; i < width; i++)
            sum[i] += totals[u * width + i];
    }
    /* Position and satiation take some of the base rate away. */
    double rate[WORLD_MAX_HEADS];
    for (size_t h = 0; h < p->n_heads; h++) {
        const double before = p->heads[h].after < 0 ? 1.0 : rate[p->heads[h].after];
        rate[h] = sum[WORLD_RUN_HEADS + h] / sum[WORLD_RUN_IMPRESSIONS];
        assert_true(rate[h] < 1.05 * p->heads[h].base * before);
        assert_true(rate[h] > 0.5 * p->heads[h].base * before);
    }
    assert_close(sum[WORLD_RUN_IMPRESSIONS], p->show * sum[WORLD_RUN_REQUESTS], 0.0);
    mem_free(totals);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_same_seed_same_play),
        cmocka_unit_test(test_rates_are_like_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
