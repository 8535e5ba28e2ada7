/* Effects of users and items: the filter's formulas, shrinkage, recovery of a known truth; and columns that repeat ids.
 */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/effects.h"
#include "ranker/features.h"
#include "ranker/network.h"
#include "tests/lib/files.h"

static const double VARIANCE[EFFECTS_SIDES] = {0.7, 0.3};

static void make(struct effects *effects, size_t n_users, size_t n_items, const double *rates, size_t n_heads)
{
    struct err err = ERR_INIT;
    const size_t n[EFFECTS_SIDES] = {n_users, n_items};
    assert_ok(effects_new(n_heads, n, effects, &err), &err);
    effects_start(effects, VARIANCE, rates);
}

/* One row by the header's formulas, with numbers of their own. */
static void test_one_step(void **state)
{
    (void)state;
    struct effects e;
    const double rates[2] = {0.5, 0.1}, z = -1.3;
    const uint32_t codes[EFFECTS_SIDES] = {2, 1};
    make(&e, 3, 2, rates, 2);
    const double a = 0.7 * sqrt(0.25 / 0.09), b = 0.3 * sqrt(0.25 / 0.09);
    const double p = 1.0 / (1.0 + exp(1.3)), w = p * (1.0 - p), k = 1.0 + w * (a + b);
    assert_close((double)e.variance[EFFECTS_USER][2 * 2], 0.7, 1e-6);
    assert_close((double)e.variance[EFFECTS_USER][2 * 2 + 1], a, 1e-6);
    effects_learn(&e, 1, codes, z, 1, 1.0);
    assert_close((double)e.mean[EFFECTS_USER][2 * 2 + 1], a * (1.0 - p) / k, 1e-6);
    assert_close((double)e.mean[EFFECTS_ITEM][1 * 2 + 1], b * (1.0 - p) / k, 1e-6);
    assert_close((double)e.variance[EFFECTS_USER][2 * 2 + 1], a - a * a * w / k, 1e-6);
    assert_close((double)e.variance[EFFECTS_ITEM][1 * 2 + 1], b - b * b * w / k, 1e-6);
    float logits[2] = {1.0f, 2.0f};
    effects_add(&e, codes, logits);
    assert_close((double)logits[0], 1.0, 0.0); /* the other head has not moved */
    assert_close((double)logits[1], 2.0 + (a + b) * (1.0 - p) / k, 1e-6);
    effects_start(&e, VARIANCE, rates);
    assert_close((double)e.mean[EFFECTS_USER][2 * 2 + 1], 0.0, 0.0);
    effects_done(&e);
}

/* A row of weight v: its gradient and its information count v times. */
static void test_weight(void **state)
{
    (void)state;
    struct effects e;
    const double rate = 0.5, z = 0.4, v = 2.5;
    const uint32_t codes[EFFECTS_SIDES] = {1, 1};
    make(&e, 2, 2, &rate, 1);
    const double p = 1.0 / (1.0 + exp(-0.4)), w = v * p * (1.0 - p), k = 1.0 + w * (0.7 + 0.3);
    effects_learn(&e, 0, codes, z, 0, v);
    assert_close((double)e.mean[EFFECTS_USER][1], -0.7 * v * p / k, 1e-6);
    assert_close((double)e.variance[EFFECTS_ITEM][1], 0.3 - 0.3 * 0.3 * w / k, 1e-6);
    const float before = e.mean[EFFECTS_USER][1];
    effects_learn(&e, 0, codes, z, 1, 0.0); /* a row that does not count */
    assert_memory_equal(&e.mean[EFFECTS_USER][1], &before, sizeof before);
    effects_done(&e);
}

static void test_unknown_ids_have_none(void **state)
{
    (void)state;
    struct effects e;
    const double rate = 0.2;
    const uint32_t codes[EFFECTS_SIDES] = {0, 1};
    float logit = 0.0f;
    make(&e, 3, 2, &rate, 1);
    effects_learn(&e, 0, codes, 0.0, 1, 1.0);
    assert_close((double)e.mean[EFFECTS_USER][0], 0.0, 0.0);
    effects_add(&e, (const uint32_t[EFFECTS_SIDES]){0, 0}, &logit);
    assert_close((double)logit, 0.0, 0.0);
    effects_add(&e, codes, &logit);
    assert_true(logit > 0.0f);
    effects_done(&e);
}

/* Users with effects drawn from the prior, 40 rows each: the means explain most of them, and the errors have the size
 * that the variances claim. */
static void test_recovers_the_truth(void **state)
{
    (void)state;
    enum { USERS = 400, ROWS = 40 };
    struct effects e;
    struct rng rng;
    const double rate = 0.5, base = 0.3;
    double truth[USERS + 1] = {0.0}, squares = 0.0, errors = 0.0, claimed = 0.0;
    make(&e, USERS + 1, 0, &rate, 1);
    rng_init(&rng, check_seed(), 3, 4);
    for (size_t u = 1; u <= USERS; u++)
        truth[u] = sqrt(VARIANCE[EFFECTS_USER]) * rng_normal(&rng);
    for (size_t i = 0; i < USERS * ROWS; i++) {
        const uint32_t codes[EFFECTS_SIDES] = {(uint32_t)(1 + i % USERS), 0};
        const int y = rng_uniform(&rng) < network_sigmoid(base + truth[codes[0]]);
        float z = (float)base;
        effects_add(&e, codes, &z);
        effects_learn(&e, 0, codes, (double)z, y, 1.0);
    }
    for (size_t u = 1; u <= USERS; u++) {
        const double error = (double)e.mean[EFFECTS_USER][u] - truth[u];
        squares += truth[u] * truth[u];
        errors += error * error;
        claimed += (double)e.variance[EFFECTS_USER][u];
    }
    assert_true(errors < 0.25 * squares);
    assert_true(fabs(errors / claimed - 1.0) < 0.25); /* the standard error of this ratio is .07 */
    effects_done(&e);
}

static void test_copy(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct effects e, copy;
    const double rate = 0.2;
    const uint32_t codes[EFFECTS_SIDES] = {1, 1};
    make(&e, 2, 2, &rate, 1);
    effects_learn(&e, 0, codes, 0.0, 1, 1.0);
    assert_ok(effects_copy(&e, &copy, &err), &err);
    assert_null(copy.variance[EFFECTS_USER]);
    assert_memory_equal(copy.mean[EFFECTS_USER], e.mean[EFFECTS_USER], 2 * sizeof(float));
    assert_memory_equal(copy.mean[EFFECTS_ITEM], e.mean[EFFECTS_ITEM], 2 * sizeof(float));
    effects_done(&copy);
    effects_done(&e);
}

/* 300 items: the maker of each is its own but for a few, the shop is one of 140, the colour one of 9. */
static struct dataset *shop_dataset(void)
{
    static const char SCHEMA[] =
        "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"user\",\"item\":\"item\",\"time_ms\":\"ms\",\"day\":"
        "\"day\",\"heads\":[{\"name\":\"click\"}]},\"users\":{\"file\":\"users.csv\",\"id\":\"user\",\"columns\":[]},"
        "\"items\":{\"file\":\"items.csv\",\"id\":\"item\",\"columns\":[{\"name\":\"maker\",\"kind\":\"categorical\"},"
        "{\"name\":\"shop\",\"kind\":\"categorical\"},{\"name\":\"colour\",\"kind\":\"categorical\"}]}}";
    enum { ITEMS = 300 };
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct dataset *dataset = NULL;
    char *folder = files_folder();
    files_text(folder, "schema.json", SCHEMA);
    buf_text(&text, "user,item,ms,day,click\n");
    for (int i = 0; i < ITEMS * FEATURES_MIN_ROWS; i++)
        buf_printf(&text, "u%d,i%d,%d,20240501,%d\n", i % 7, i % ITEMS, i, i % 2);
    files_text(folder, "log.csv", text.data);
    buf_clear(&text);
    buf_text(&text, "item,maker,shop,colour\n");
    for (int i = 0; i < ITEMS; i++)
        buf_printf(&text, "i%d,m%d,s%d,c%d\n", i, i % 290, i % 140, i % 9);
    files_text(folder, "items.csv", text.data);
    files_text(folder, "users.csv", "user\nu0\nu1\nu2\nu3\nu4\nu5\nu6\n");
    assert_ok(dataset_import_generic(folder, &dataset, &err), &err);
    files_remove(folder);
    buf_done(&text);
    return dataset;
}

static bool has_feature(const struct features *features, const char *name)
{
    for (size_t f = 0; f < features->n; f++) {
        if (strcmp(features->list[f].name, name) == 0)
            return true;
    }
    return false;
}

static void test_columns_that_repeat_ids_are_left_out(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = shop_dataset();
    struct features *features = NULL;
    uint32_t rows[300 * FEATURES_MIN_ROWS];
    for (uint32_t i = 0; i < 300 * FEATURES_MIN_ROWS; i++)
        rows[i] = i;
    assert_ok(features_new(dataset, rows, 300 * FEATURES_MIN_ROWS, 0, &features, &err), &err);
    assert_true(has_feature(features, "item"));
    assert_false(has_feature(features, "maker"));
    assert_true(has_feature(features, "shop"));
    assert_true(has_feature(features, "colour"));
    assert_int_equal(features_n_ids(features, SIDE_ITEM), 301);
    assert_int_equal(features_n_ids(features, SIDE_USER), 8);
    features_free(features);
    dataset_free(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_unknown_ids_have_none),
        cmocka_unit_test(test_recovers_the_truth),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_columns_that_repeat_ids_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
