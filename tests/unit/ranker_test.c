/* train, evaluate, model file, ranker: learning a known truth, the same digits everywhere, bad input. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/evaluate.h"
#include "ranker/ranker_internal.h"
#include "ranker/samples.h"
#include "ranker/train.h"
#include "tests/lib/files.h"
#include "tests/lib/toy.h"

enum { ROWS = 4000, SEED = 7 };

/* One trained model for all tests here. */
struct fixture {
    struct dataset *dataset;
    struct model *model;
    char *folder;
    char model_path[4096], dataset_path[4096];
    struct ranker *ranker;
    struct ranker_scratch *scratch;
};

static struct model *train_toy(const struct dataset *dataset, size_t threads, struct err *err)
{
    struct train_options options;
    struct model *model = NULL;
    train_options_init(&options);
    options.threads = threads;
    options.max_epochs = 8;
    options.hidden1 = 48;
    options.hidden2 = 24;
    options.tower = 12;
    options.trainer.batch = 128;
    options.trainer.learning_rate = 5e-3;
    options.trainer.average = 0.9;
    options.last_day = TOY_FIRST_DAY + TOY_DAYS - 2;
    options.first_day = TOY_FIRST_DAY;
    assert_ok(train(dataset, &options, NULL, NULL, &model, err), err);
    return model;
}

static int setup(void **state)
{
    struct err err = ERR_INIT;
    struct fixture *f = mem_alloc(1, sizeof *f);
    assert_non_null(f);
    f->dataset = toy_dataset(ROWS, SEED);
    f->model = train_toy(f->dataset, 2, &err);
    f->folder = files_folder();
    files_path(f->folder, "model", f->model_path, sizeof f->model_path);
    files_path(f->folder, "dataset", f->dataset_path, sizeof f->dataset_path);
    assert_ok(model_write(f->model, f->model_path, &err), &err);
    assert_ok(dataset_write(f->dataset, f->dataset_path, &err), &err);
    assert_ok(ranker_open(f->model_path, f->dataset_path, &f->ranker, &err), &err);
    assert_ok(ranker_scratch_new(f->ranker, &f->scratch, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ranker_scratch_free(f->scratch);
    ranker_close(f->ranker);
    files_remove(f->folder);
    model_free(f->model);
    dataset_free(f->dataset);
    mem_free(f);
    return 0;
}

/* The day after training: near the best AUC there is, calibrated. */
static void test_learns_the_truth(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct metrics m[3], best;
    const int32_t day = TOY_FIRST_DAY + TOY_DAYS - 1;
    assert_ok(
        evaluate(f->model, f->dataset, &(struct evaluate_options){.first_day = day, .last_day = day}, m, NULL, &err),
        &err);
    size_t n = 0;
    float p[ROWS];
    uint32_t labels[ROWS];
    for (size_t i = 0; i < dataset_n_rows(f->dataset); i++) {
        if (dataset_row(f->dataset, i).day == day) {
            p[n] = (float)toy_truth(f->dataset, i, SEED);
            labels[n++] = dataset_row(f->dataset, i).labels;
        }
    }
    assert_ok(metrics_of(p, 1, labels, 0, n, &best, &err), &err);
    assert_int_equal(m[0].n, n);
    assert_true(best.auc > 0.75);
    assert_true(m[0].auc > best.auc - 0.03);
    assert_true(fabs(m[0].expected_over_observed - 1.0) < 0.12);
    assert_true(m[1].auc > 0.6);
}

/* What a server computes is what evaluation computes, for every row of the log, although it is cut up differently. */
static void test_score_is_the_network(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct samples samples;
    struct workers *workers;
    uint32_t rows[300];
    float z[300 * 3], p[3];
    for (uint32_t i = 0; i < 300; i++)
        rows[i] = i * 13;
    assert_ok(workers_new(1, &workers, &err), &err);
    struct targets targets;
    assert_ok(model_targets(f->model, f->dataset, &targets, &err), &err);
    assert_ok(samples_new(f->model->features, f->dataset, &targets, rows, 300, &samples, &err), &err);
    const struct learnt learnt = {f->model->theta, f->model->embeddings, &f->model->effects};
    assert_ok(samples_predict(&samples, &f->model->shape, &learnt, workers, z, &err), &err);
    for (size_t i = 0; i < 300; i++) {
        const struct dataset_row row = dataset_row(f->dataset, rows[i]);
        const char *item = dataset_item_id(f->dataset, row.item);
        const struct ranker_context context[] = {
            {"hour", NULL, dataset_context_number(f->dataset, rows[i], 1)},
            {"tab", dataset_context_text(f->dataset, rows[i], 0), 0.0},
            {"planet", "earth", 0.0},
        };
        assert_ok(
            ranker_score(f->ranker, f->scratch, dataset_user_id(f->dataset, row.user), context, 3, 1, &item, p, &err),
            &err);
        for (size_t h = 0; h < 3; h++)
            assert_close((double)p[h],
                         (double)calibration_probability(&f->model->heads[h].calibration, (double)z[i * 3 + h]), 2e-6);
    }
    samples_done(&samples);
    workers_free(workers);
}

/* Same digits whatever else is scored, in whatever order, twice the same id. */
static void test_candidates_do_not_matter_to_each_other(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    enum { N = 37 };
    const struct ranker_context context = {"tab", "home", 0.0};
    char names[N][8];
    const char *ids[N];
    float all[N * 3], one[3];
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "i%zu", i * 5 % 35); /* i30 .. i34 are unknown */
        ids[i] = names[i];
    }
    assert_ok(ranker_score(f->ranker, f->scratch, "u3", &context, 1, N, ids, all, &err), &err);
    for (size_t i = 0; i < N; i++) {
        assert_ok(ranker_score(f->ranker, f->scratch, "u3", &context, 1, 1, &ids[i], one, &err), &err);
        assert_memory_equal(one, all + i * 3, sizeof one);
        for (size_t h = 0; h < 3; h++)
            assert_true(one[h] > 0.0f && one[h] < 1.0f);
    }
}

static void test_unknown_values_use_defaults(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    const char *const items[] = {"i1", "never-seen"};
    float a[6], b[6], c[6];
    const struct ranker_context odd = {"tab", "settings", 0.0}, number = {"tab", NULL, 12.0};
    assert_ok(ranker_score(f->ranker, f->scratch, "stranger", NULL, 0, 2, items, a, &err), &err);
    assert_ok(ranker_score(f->ranker, f->scratch, "stranger", &odd, 1, 2, items, b, &err), &err);
    assert_ok(ranker_score(f->ranker, f->scratch, "stranger", &number, 1, 2, items, c, &err), &err);
    assert_memory_equal(a, b, sizeof a); /* an unknown value is an absent one */
    assert_memory_equal(a, c, sizeof a);
    assert_true(fabs((double)a[0] - (double)a[3]) > 1e-6);
    assert_false(ranker_user_known(f->ranker, "stranger"));
    assert_true(ranker_user_known(f->ranker, "u0") && ranker_item_known(f->ranker, "i29"));
    assert_false(ranker_item_known(f->ranker, "never-seen"));
    double mean = 0.0; /* strangers look average */
    for (int i = 0; i < TOY_ITEMS; i++) {
        char name[8];
        const char *id = name;
        (void)snprintf(name, sizeof name, "i%d", i);
        assert_ok(ranker_score(f->ranker, f->scratch, "stranger", NULL, 0, 1, &id, a, &err), &err);
        mean += (double)a[0] / TOY_ITEMS;
    }
    assert_true(fabs(mean - ranker_head_mean(f->ranker, 0)) < 0.12);
}

static void test_numeric_context_as_text(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    const char *item = "i4";
    float a[3], b[3];
    const struct ranker_context number = {"hour", NULL, 21.0}, text = {"hour", "21", 0.0};
    assert_ok(ranker_score(f->ranker, f->scratch, "u1", &number, 1, 1, &item, a, &err), &err);
    assert_ok(ranker_score(f->ranker, f->scratch, "u1", &text, 1, 1, &item, b, &err), &err);
    assert_memory_equal(a, b, sizeof a);
}

static void test_bad_requests(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    const char *item = "i4";
    float p[3] = {7.0f, 8.0f, 9.0f};
    const struct ranker_context unknown = {"tabb", "home", 0.0}, infinite = {"tab", NULL, (double)INFINITY},
                                empty = {"hour", NULL, nan("")}, text = {"hour", "noon", 0.0};
    assert_refused(ranker_score(f->ranker, f->scratch, "u1", &unknown, 1, 1, &item, p, &err), STATUS_INVALID, &err,
                   "context tabb is unknown: the model knows tab, hour, planet");
    assert_refused(ranker_score(f->ranker, f->scratch, "u1", &infinite, 1, 1, &item, p, &err), STATUS_INVALID, &err,
                   "context tab is inf");
    assert_refused(ranker_score(f->ranker, f->scratch, "u1", &empty, 1, 1, &item, p, &err), STATUS_INVALID, &err,
                   "context hour is");
    assert_refused(ranker_score(f->ranker, f->scratch, "u1", &text, 1, 1, &item, p, &err), STATUS_INVALID, &err,
                   "context hour is \"noon\": a finite number");
    assert_refused(ranker_score(f->ranker, f->scratch, "u1", NULL, 0, RANKER_MAX_CANDIDATES + 1, &item, p, &err),
                   STATUS_INVALID, &err, "65537 candidates");
    assert_ok(ranker_score(f->ranker, f->scratch, "u1", NULL, 0, 0, NULL, p, &err), &err);
    assert_close((double)p[0] + (double)p[1] + (double)p[2], 24.0, 0.0);
}

static void test_head_that_never_happens(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    const char *item = "i4";
    float p[3];
    size_t head = 99, rows = 0;
    assert_true(ranker_head_find(f->ranker, "hide", &head));
    assert_int_equal(head, 2);
    assert_false(ranker_head_find(f->ranker, "share", &head));
    for (size_t i = 0; i < dataset_n_rows(f->dataset); i++)
        rows += dataset_row(f->dataset, i).day < TOY_FIRST_DAY + TOY_DAYS - 1;
    assert_ok(ranker_score(f->ranker, f->scratch, "u1", NULL, 0, 1, &item, p, &err), &err);
    assert_close((double)p[2], 0.5 / ((double)rows + 1.0), 1e-9);
    assert_close(ranker_head_sd(f->ranker, 2), 0.0, 1e-12);
    assert_true(ranker_head_sd(f->ranker, 0) > 0.1);
}

static void test_threads_do_not_matter(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct model *model = train_toy(f->dataset, 3, &err);
    struct buf file = BUF_INIT;
    assert_ok(model_encode(model, &file, &err), &err);
    assert_string_equal(model->hash, f->model->hash);
    assert_string_equal(ranker_model_hash(f->ranker), model->hash);
    assert_string_equal(model->data_hash, f->dataset->hash);
    assert_int_equal(model->calibration_day, TOY_FIRST_DAY + TOY_DAYS - 2);
    buf_done(&file);
    model_free(model);
}

static void test_damaged_model(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    struct model *model = NULL;
    struct ranker *ranker = NULL;
    char path[4096];
    assert_ok(model_encode(f->model, &file, &err), &err);
    for (size_t i = 0; i < file.length; i += 97) {
        file.data[i] = (char)(file.data[i] ^ 0x10);
        assert_int_equal(model_decode(file.data, file.length, "x.model", &model, &err), STATUS_CORRUPT);
        file.data[i] = (char)(file.data[i] ^ 0x10);
        assert_refused(model_decode(file.data, i, "x.model", &model, &err), STATUS_CORRUPT, &err,
                       "x.model is cut short");
    }
    files_write(f->folder, "cut", file.data, file.length - 1);
    files_path(f->folder, "cut", path, sizeof path);
    assert_refused(ranker_open(path, f->dataset_path, &ranker, &err), STATUS_CORRUPT, &err, "cut short");
    assert_refused(ranker_open(f->dataset_path, f->dataset_path, &ranker, &err), STATUS_CORRUPT, &err,
                   "is not a model file");
    assert_refused(ranker_open("/nowhere", f->dataset_path, &ranker, &err), STATUS_NOT_FOUND, &err, "/nowhere");
    file.data[8] = 9;
    assert_refused(model_decode(file.data, file.length, "x.model", &model, &err), STATUS_CORRUPT, &err,
                   "has version 9; this program reads versions up to 6");
    assert_null(model);
    assert_null(ranker);
    buf_done(&file);
}

static void test_other_datasets_are_refused(void **state)
{
    const struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(50, 1);
    struct metrics m[3];
    d->items.columns[1].name[0] = 'L';
    assert_refused(features_fit(f->model->features, d, &err), STATUS_INVALID, &err,
                   "lacks the column length of the items");
    d->items.columns[1].name[0] = 'l';
    d->histories[1].name[0] = 'L';
    assert_refused(features_fit(f->model->features, d, &err), STATUS_INVALID, &err, "history 2 of the dataset is Like");
    d->histories[1].name[0] = 'l';
    d->head_names[1][0] = 'S';
    assert_refused(evaluate(f->model, d, &(struct evaluate_options){0}, m, NULL, &err), STATUS_INVALID, &err,
                   "lacks the head save");
    d->head_names[1][0] = 's';
    assert_ok(evaluate(f->model, d, &(struct evaluate_options){0}, m, NULL, &err), &err);
    assert_refused(
        evaluate(f->model, d, &(struct evaluate_options){.first_day = 20300101, .last_day = 20300102}, m, NULL, &err),
        STATUS_INVALID, &err, "no impressions in the days 20300101..20300102");
    dataset_free(d);
}

static void test_training_needs_rows(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(100, 1);
    struct model *model = NULL;
    struct train_options options;
    train_options_init(&options);
    options.first_day = 20300101;
    options.last_day = 20300102;
    assert_refused(train(d, &options, NULL, NULL, &model, &err), STATUS_INVALID, &err,
                   "days 20300101..20300102 hold 0 impressions: at least 2 are needed, and the dataset has days "
                   "20240501..20240505");
    options.first_day = options.last_day = TOY_FIRST_DAY; /* one day: its last fifth is held out */
    options.max_epochs = 1;
    assert_ok(train(d, &options, NULL, NULL, &model, &err), &err);
    assert_int_equal(model->calibration_day, TOY_FIRST_DAY);
    model_free(model);
    dataset_free(d);
}

/* A ranker in half precision: probabilities near those of single, unknown ids too, and digits of each candidate that do
 * not depend on the others.  Where the machine cannot, it says what it takes. */
static void test_half(void **state)
{
    const struct fixture *f = *state;
    const char *const items[5] = {"i1", "i2", "nobody's", "i3", "i1"};
    struct err err = ERR_INIT;
    struct ranker *half = NULL;
    struct ranker_scratch *scratch = NULL;
    enum ranker_precision precision = RANKER_HALF;
    float single[5 * DATASET_MAX_HEADS], ours[5 * DATASET_MAX_HEADS], alone[DATASET_MAX_HEADS];
    const size_t heads = ranker_n_heads(f->ranker);
    assert_ok(ranker_precision_find("single", &precision, &err), &err);
    assert_int_equal(precision, RANKER_SINGLE);
    assert_refused(ranker_precision_find("quarter", &precision, &err), STATUS_INVALID, &err, "single or half");
    if (ranker_precision_find("half", &precision, &err) != STATUS_OK) {
        assert_refused(ranker_open_as(RANKER_HALF, f->model_path, f->dataset_path, &half, &err), STATUS_INVALID, &err,
                       "half precision needs");
        return;
    }
    assert_int_equal(precision, RANKER_HALF);
    assert_ok(ranker_open_as(RANKER_HALF, f->model_path, f->dataset_path, &half, &err), &err);
    assert_ok(ranker_scratch_new(half, &scratch, &err), &err);
    assert_string_equal(ranker_kernel_name(half), "avx512fp16");
    assert_ok(ranker_score(f->ranker, f->scratch, "u1", NULL, 0, 5, items, single, &err), &err);
    assert_ok(ranker_score(half, scratch, "u1", NULL, 0, 5, items, ours, &err), &err);
    for (size_t i = 0; i < 5 * heads; i++)
        assert_true(fabs((double)ours[i] - (double)single[i]) < 2e-3);
    assert_true(memcmp(ours, single, 5 * heads * sizeof *ours) != 0);
    assert_memory_equal(ours, ours + 4 * heads, heads * sizeof *ours);
    assert_ok(ranker_score(half, scratch, "u1", NULL, 0, 1, items + 2, alone, &err), &err);
    assert_memory_equal(alone, ours + 2 * heads, heads * sizeof *ours);
    ranker_scratch_free(scratch);
    ranker_close(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_the_truth),
        cmocka_unit_test(test_score_is_the_network),
        cmocka_unit_test(test_candidates_do_not_matter_to_each_other),
        cmocka_unit_test(test_unknown_values_use_defaults),
        cmocka_unit_test(test_numeric_context_as_text),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_head_that_never_happens),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_damaged_model),
        cmocka_unit_test(test_other_datasets_are_refused),
        cmocka_unit_test(test_training_needs_rows),
        cmocka_unit_test(test_half),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
