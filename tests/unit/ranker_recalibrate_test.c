/* A trained model calibrated again on a day that is not like those it has seen. */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "ranker/evaluate.h"
#include "ranker/recalibrate.h"
#include "ranker/train.h"
#include "tests/lib/toy.h"

enum { CLICK, SAVE, HIDE, NEW_DAY = TOY_FIRST_DAY + TOY_DAYS - 1 };

/* Trained on all days but the last; on that one every second click that would not have happened does. */
static struct model *train_before(struct dataset **ret_dataset)
{
    struct err err = ERR_INIT;
    struct train_options options;
    struct model *model = NULL;
    struct dataset *d = toy_dataset(4000, check_seed());
    train_options_init(&options);
    options.first_day = TOY_FIRST_DAY;
    options.last_day = NEW_DAY - 1;
    options.max_epochs = 3;
    options.hidden1 = options.hidden2 = options.tower = 16;
    options.n_keep = 1;
    options.keep[0] = (struct train_keep){"click", 0.5};
    assert_ok(train(d, &options, NULL, NULL, &model, &err), &err);
    for (size_t i = 0; i < dataset_n_rows(d); i++) {
        if (d->row_days[i] == NEW_DAY && i % 2 == 0)
            d->row_labels[i] |= 1u << CLICK;
    }
    *ret_dataset = d;
    return model;
}

static void judge(const struct model *model, const struct dataset *d, struct metrics *ret)
{
    struct err err = ERR_INIT;
    const struct evaluate_options options = {.first_day = NEW_DAY, .last_day = NEW_DAY};
    assert_ok(evaluate(model, d, &options, ret, NULL, &err), &err);
}

static void fit(struct model *model, const struct dataset *d, enum calibration_kind kind, size_t threads)
{
    struct err err = ERR_INIT;
    const struct recalibrate_options options = {.day = NEW_DAY, .kind = kind, .threads = threads};
    assert_ok(recalibrate(model, d, &options, &err), &err);
}

static void test_probabilities_fit_the_new_day(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    struct model *model = train_before(&d);
    struct metrics before[DATASET_MAX_HEADS], after[DATASET_MAX_HEADS];
    const struct calibration constant = model->heads[HIDE].calibration;
    for (int kind = CALIBRATION_PLATT; kind <= CALIBRATION_ISOTONIC; kind++) {
        judge(model, d, before);
        assert_true(kind != CALIBRATION_PLATT || before[CLICK].expected_over_observed < 0.8);
        fit(model, d, (enum calibration_kind)kind, 1);
        judge(model, d, after);
        assert_close(after[CLICK].expected_over_observed, 1, 0.02);
        assert_close(after[SAVE].expected_over_observed, 1, 0.1);
        if (kind == CALIBRATION_PLATT) {
            assert_close(after[CLICK].auc, before[CLICK].auc, 1e-12); /* the same order */
            assert_true(after[CLICK].logloss < before[CLICK].logloss - 0.01);
        }
        assert_int_equal(model->heads[CLICK].calibration.kind, kind);
        assert_close(model->heads[CLICK].calibration.keep, 0.5, 0);
        assert_close(model->heads[CLICK].mean,
                     after[CLICK].expected_over_observed * (double)after[CLICK].positives / (double)after[CLICK].n,
                     1e-6);
        assert_int_equal(model->calibration_day, NEW_DAY);
    }
    assert_memory_equal(&constant, &model->heads[HIDE].calibration, sizeof constant);
    model_free(model);
    dataset_free(d);
}

static void assert_same(const struct metrics *a, const struct metrics *b, size_t n_heads)
{
    for (size_t h = 0; h < n_heads; h++) {
        assert_int_equal(a[h].n, b[h].n);
        assert_int_equal(a[h].positives, b[h].positives);
        assert_close(a[h].logloss, b[h].logloss, 0);
        assert_true(a[h].positives == 0 || fabs(a[h].expected_over_observed - b[h].expected_over_observed) <= 0);
    }
}

static void judge_daily(const struct model *model, const struct dataset *d, int32_t first, enum calibration_kind kind,
                        struct metrics *ret)
{
    struct err err = ERR_INIT;
    const struct evaluate_options options = {
        .first_day = first, .last_day = NEW_DAY, .threads = 2, .daily = true, .kind = kind};
    assert_ok(evaluate(model, d, &options, ret, NULL, &err), &err);
}

/* Two days: the same as recalibrate() on the first and evaluate() of the second, also when their hours overlap. */
static void test_daily_is_yesterdays_calibration(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    struct err err = ERR_INIT;
    for (int kind = CALIBRATION_PLATT; kind <= CALIBRATION_ISOTONIC; kind++) {
        struct model *model = train_before(&d);
        struct metrics daily[DATASET_MAX_HEADS], expected[DATASET_MAX_HEADS];
        for (size_t i = 0; i < dataset_n_rows(d); i++) {
            if (d->row_days[i] == NEW_DAY - 2 && i % 3 == 0)
                d->row_days[i] = NEW_DAY;
        }
        judge_daily(model, d, NEW_DAY - 1, (enum calibration_kind)kind, daily);
        const struct recalibrate_options options = {
            .day = NEW_DAY - 1, .kind = (enum calibration_kind)kind, .threads = 1};
        assert_ok(recalibrate(model, d, &options, &err), &err);
        judge(model, d, expected);
        assert_same(daily, expected, model->shape.heads);
        model_free(model);
        dataset_free(d);
    }
}

/* Three days: each of the last two has the calibration of its own day before, and both are pooled. */
static void test_daily_pools_the_days(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    struct model *model = train_before(&d);
    struct metrics pooled[DATASET_MAX_HEADS], last[DATASET_MAX_HEADS], before[DATASET_MAX_HEADS];
    struct err err = ERR_INIT;
    const struct evaluate_options two = {
        .first_day = NEW_DAY - 2, .last_day = NEW_DAY - 1, .daily = true, .kind = CALIBRATION_PLATT};
    judge_daily(model, d, NEW_DAY - 2, CALIBRATION_PLATT, pooled);
    judge_daily(model, d, NEW_DAY - 1, CALIBRATION_PLATT, last);
    assert_ok(evaluate(model, d, &two, before, NULL, &err), &err);
    for (size_t h = CLICK; h <= SAVE; h++) {
        const double n = (double)before[h].n, m = (double)last[h].n;
        assert_int_equal(pooled[h].n, before[h].n + last[h].n);
        assert_close(pooled[h].logloss, (n * before[h].logloss + m * last[h].logloss) / (n + m), 1e-9);
    }
    assert_true(last[CLICK].expected_over_observed < 0.8); /* yesterday cannot know that this day is another */
    model_free(model);
    dataset_free(d);
}

static void test_daily_needs_two_days(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    struct model *model = train_before(&d);
    struct metrics m[DATASET_MAX_HEADS];
    struct err err = ERR_INIT;
    const struct evaluate_options options = {
        .first_day = NEW_DAY, .last_day = NEW_DAY + 1, .daily = true, .kind = CALIBRATION_PLATT};
    assert_refused(evaluate(model, d, &options, m, NULL, &err), STATUS_INVALID, &err, "two days with impressions");
    model_free(model);
    dataset_free(d);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    struct dataset *d = NULL, *same = NULL;
    struct model *model = train_before(&d), *other = train_before(&same);
    struct buf file = BUF_INIT;
    struct err err = ERR_INIT;
    assert_ok(model_encode(model, &file, &err), &err);
    char trained[DIGEST_HEX_SIZE];
    memcpy(trained, model->hash, sizeof trained);
    fit(model, d, CALIBRATION_PLATT, 1);
    fit(other, same, CALIBRATION_PLATT, 3);
    assert_ok(model_encode(model, &file, &err), &err);
    assert_ok(model_encode(other, &file, &err), &err);
    assert_string_equal(model->hash, other->hash);
    assert_true(strcmp(model->hash, trained) != 0);
    buf_done(&file);
    model_free(model);
    model_free(other);
    dataset_free(d);
    dataset_free(same);
}

static void test_a_day_without_rows_changes_nothing(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    struct model *model = train_before(&d);
    const struct recalibrate_options options = {.day = NEW_DAY + 1, .kind = CALIBRATION_ISOTONIC, .threads = 1};
    struct model_head heads[DATASET_MAX_HEADS];
    struct err err = ERR_INIT;
    memcpy(heads, model->heads, sizeof heads);
    assert_refused(recalibrate(model, d, &options, &err), STATUS_INVALID, &err, "no impressions on day 20240506");
    assert_memory_equal(heads, model->heads, sizeof heads);
    assert_int_equal(model->calibration_day, NEW_DAY - 1);
    model_free(model);
    dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_probabilities_fit_the_new_day),
                                       cmocka_unit_test(test_daily_is_yesterdays_calibration),
                                       cmocka_unit_test(test_daily_pools_the_days),
                                       cmocka_unit_test(test_daily_needs_two_days),
                                       cmocka_unit_test(test_threads_change_nothing),
                                       cmocka_unit_test(test_a_day_without_rows_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
