/* The architectures behind one interface: labels and weights of a binary model, and that mixtures of experts and binary
 * models learn, are written, read, served and explained by the code of all. */
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

enum { ROWS = 3000, SEED = 7, N = 200 };

static void test_importances(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct architecture a = {.kind = ARCHITECTURE_BINARY};
    assert_refused(architecture_add(&a, "click", 0.0, &err), STATUS_INVALID, &err,
                   "the importance of click is 0: a number above 0 and up to 1e+06 is expected");
    assert_refused(architecture_add(&a, "click", nan(""), &err), STATUS_INVALID, &err, "importance of click");
    assert_ok(architecture_add(&a, "click", 2.5, &err), &err);
    assert_refused(architecture_add(&a, "click", 1.0, &err), STATUS_INVALID, &err, "there twice");
    for (int i = 1; i < DATASET_MAX_HEADS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "h%d", i);
        assert_ok(architecture_add(&a, name, 1.0, &err), &err);
    }
    assert_refused(architecture_add(&a, "more", 1.0, &err), STATUS_INVALID, &err, "one too many: allowed are up to 16");
    architecture_done(&a);
    enum architecture_kind kind = ARCHITECTURE_SHARED;
    assert_true(architecture_find("mmoe", &kind) && kind == ARCHITECTURE_MMOE);
    assert_false(architecture_find("deep", &kind));
    assert_string_equal(architecture_name(ARCHITECTURE_BINARY), "binary");
}

static void test_targets(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(20, 1); /* heads click, save, hide */
    struct targets targets;
    struct architecture shared = {0}, binary = {.kind = ARCHITECTURE_BINARY};
    const char *const names[] = {"hide", "click"}, *const wrong[] = {"share"};
    assert_ok(targets_make(&shared, 2, names, d, &targets, &err), &err);
    assert_int_equal(targets.n, 2);
    assert_int_equal(targets_labels(&targets, 1), 2); /* the model's order, not the log's */
    assert_int_equal(targets_labels(&targets, 2 + 4), 1);
    assert_close(targets_weight(&targets, 0, 1, 0), 1.0, 0.0);
    assert_refused(targets_make(&shared, 1, wrong, d, &targets, &err), STATUS_INVALID, &err, "lacks the head share");
    assert_ok(architecture_add(&binary, "save", 2.5, &err), &err);
    assert_ok(architecture_add(&binary, "click", 0.75, &err), &err);
    assert_ok(targets_make(&binary, 3, names, d, &targets, &err), &err);
    assert_int_equal(targets.n, 1);
    assert_int_equal(targets_labels(&targets, 4), 0); /* hide does not count */
    assert_int_equal(targets_labels(&targets, 2 + 4), 1);
    assert_close(targets_weight(&targets, 0, 4, 0), 1.0, 0.0);
    assert_close(targets_weight(&targets, 0, 2, 0), 2.5, 0.0);
    assert_close(targets_weight(&targets, 0, 1 + 2 + 4, 0), 3.25, 0.0);
    assert_ok(architecture_add(&binary, "share", 1.0, &err), &err);
    assert_refused(targets_make(&binary, 0, NULL, d, &targets, &err), STATUS_INVALID, &err, "lacks the head share");
    architecture_done(&binary);
    dataset_free(d);
}

/* A model trained on all days of the log but the last. */
struct trained {
    struct dataset *dataset;
    struct model *model;
};

static struct train_options small_options(const struct architecture *architecture, size_t threads)
{
    struct train_options options;
    train_options_init(&options);
    options.threads = threads;
    options.max_epochs = 8;
    options.hidden1 = 32;
    options.hidden2 = 16;
    options.tower = 8;
    options.experts = 3;
    options.trainer.batch = 128;
    options.trainer.learning_rate = 5e-3;
    options.trainer.average = 0.9;
    options.first_day = TOY_FIRST_DAY;
    options.last_day = TOY_FIRST_DAY + TOY_DAYS - 2;
    options.architecture = *architecture;
    return options;
}

static struct trained train_with(const struct train_options *options)
{
    struct err err = ERR_INIT;
    struct trained t = {toy_dataset(ROWS, SEED), NULL};
    assert_ok(train(t.dataset, options, NULL, NULL, &t.model, &err), &err);
    return t;
}

static struct trained train_kind(const struct architecture *architecture, size_t threads)
{
    const struct train_options options = small_options(architecture, threads);
    return train_with(&options);
}

static void trained_done(struct trained *t)
{
    model_free(t->model);
    dataset_free(t->dataset);
}

static struct metrics last_day(const struct trained *t, size_t heads)
{
    struct err err = ERR_INIT;
    struct metrics m[DATASET_MAX_HEADS];
    const int32_t day = TOY_FIRST_DAY + TOY_DAYS - 1;
    assert_int_equal(t->model->shape.heads, heads);
    assert_ok(
        evaluate(t->model, t->dataset, &(struct evaluate_options){.first_day = day, .last_day = day}, m, NULL, &err),
        &err);
    return m[0];
}

/* The file holds everything: what is read scores like what was trained, and is written with the same bytes. */
static void check_file(const struct trained *t)
{
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT, again = BUF_INIT;
    struct model *model = NULL;
    assert_ok(model_encode(t->model, &file, &err), &err);
    assert_ok(model_decode(file.data, file.length, "x", &model, &err), &err);
    assert_int_equal(model->architecture.kind, t->model->architecture.kind);
    assert_int_equal(model->shape.experts, t->model->shape.experts);
    assert_true(model->shape.wide == t->model->shape.wide);
    assert_int_equal(model->architecture.n_importance, t->model->architecture.n_importance);
    for (size_t i = 0; i < model->architecture.n_importance; i++) {
        assert_string_equal(model->architecture.importance[i].name, t->model->architecture.importance[i].name);
        assert_close(model->architecture.importance[i].weight, t->model->architecture.importance[i].weight, 0.0);
    }
    assert_ok(model_encode(model, &again, &err), &err);
    assert_int_equal(again.length, file.length);
    assert_memory_equal(again.data, file.data, file.length);
    model->architecture.kind =
        model->architecture.kind == ARCHITECTURE_SHARED ? ARCHITECTURE_MMOE : ARCHITECTURE_SHARED;
    assert_ok(model_encode(model, &again, &err), &err); /* parts that do not belong together */
    model_free(model);
    assert_refused(model_decode(again.data, again.length, "x", &model, &err), STATUS_CORRUPT, &err, "do not fit");
    buf_done(&file);
    buf_done(&again);
}

/* The server's kernels compute what training does. */
static void check_serving(const struct trained *t)
{
    struct err err = ERR_INIT;
    const size_t heads = t->model->shape.heads;
    struct samples samples;
    struct targets targets;
    struct workers *workers;
    struct ranker *ranker = NULL;
    struct ranker_scratch *scratch = NULL;
    char model[4096], dataset[4096], *folder = files_folder();
    uint32_t rows[N];
    float z[N * DATASET_MAX_HEADS], p[DATASET_MAX_HEADS];
    for (uint32_t i = 0; i < N; i++)
        rows[i] = i * 13;
    files_path(folder, "model", model, sizeof model);
    files_path(folder, "dataset", dataset, sizeof dataset);
    assert_ok(model_write(t->model, model, &err), &err);
    assert_ok(dataset_write(t->dataset, dataset, &err), &err);
    assert_ok(ranker_open(model, dataset, &ranker, &err), &err);
    assert_ok(ranker_scratch_new(ranker, &scratch, &err), &err);
    assert_ok(workers_new(1, &workers, &err), &err);
    assert_ok(model_targets(t->model, t->dataset, &targets, &err), &err);
    assert_ok(samples_new(t->model->features, t->dataset, &targets, rows, N, &samples, &err), &err);
    const struct learnt learnt = {t->model->theta, t->model->embeddings, &t->model->effects};
    assert_ok(samples_predict(&samples, &t->model->shape, &learnt, workers, z, &err), &err);
    for (size_t i = 0; i < N; i++) {
        const struct dataset_row row = dataset_row(t->dataset, rows[i]);
        const char *item = dataset_item_id(t->dataset, row.item);
        const struct ranker_context context[] = {{"hour", NULL, dataset_context_number(t->dataset, rows[i], 1)},
                                                 {"tab", dataset_context_text(t->dataset, rows[i], 0), 0.0},
                                                 {"planet", "earth", 0.0}};
        assert_ok(ranker_score(ranker, scratch, dataset_user_id(t->dataset, row.user), context, 3, 1, &item, p, &err),
                  &err);
        for (size_t h = 0; h < heads; h++)
            assert_close((double)p[h],
                         (double)calibration_probability(&t->model->heads[h].calibration, (double)z[i * heads + h]),
                         2e-6);
    }
    samples_done(&samples);
    workers_free(workers);
    ranker_scratch_free(scratch);
    ranker_close(ranker);
    files_remove(folder);
}

static void test_experts(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    struct trained t = train_kind(&(struct architecture){.kind = ARCHITECTURE_MMOE}, 2);
    struct trained again = train_kind(&(struct architecture){.kind = ARCHITECTURE_MMOE}, 1);
    assert_int_equal(t.model->shape.experts, 3);
    assert_true(last_day(&t, 3).auc > 0.72); /* the truth's is .77 */
    const struct network_layout l = network_layout(&t.model->shape);
    double moved = 0.0;
    for (size_t i = l.wg; i < l.n; i++)
        moved += fabs((double)t.model->theta[i]);
    assert_true(moved > 1.0); /* gates begin at 0 */
    check_file(&t);
    check_serving(&t);
    assert_ok(model_encode(t.model, &file, &err), &err);
    assert_ok(model_encode(again.model, &file, &err), &err);
    assert_string_equal(t.model->hash, again.model->hash); /* threads do not matter */
    buf_done(&file);
    trained_done(&t);
    trained_done(&again);
}

/* Users with and without a history (u0 has none), of a shared bottom and of experts. */
static void test_pooled_histories(void **state)
{
    (void)state;
    static const enum architecture_kind KINDS[] = {ARCHITECTURE_SHARED, ARCHITECTURE_MMOE};
    for (size_t k = 0; k < 2; k++) {
        struct err err = ERR_INIT;
        struct buf file = BUF_INIT;
        struct train_options options = small_options(&(struct architecture){.kind = KINDS[k]}, 3);
        options.max_epochs = 3;
        options.pooled[options.n_pooled++] = "view";
        options.pooled[options.n_pooled++] = "like";
        struct trained t = train_with(&options);
        options.threads = 1;
        struct trained again = train_with(&options);
        check_file(&t);
        check_serving(&t);
        assert_ok(model_encode(t.model, &file, &err), &err);
        assert_ok(model_encode(again.model, &file, &err), &err);
        assert_string_equal(t.model->hash, again.model->hash); /* threads do not matter */
        buf_done(&file);
        trained_done(&t);
        trained_done(&again);
    }
}

/* A straight line to each head, beside a shared bottom and beside experts, in the file and in serving. */
static void test_wide(void **state)
{
    (void)state;
    static const enum architecture_kind KINDS[] = {ARCHITECTURE_SHARED, ARCHITECTURE_MMOE};
    for (size_t k = 0; k < 2; k++) {
        struct train_options options = small_options(&(struct architecture){.kind = KINDS[k]}, 2);
        options.wide = true;
        struct trained t = train_with(&options);
        const struct network_layout l = network_layout(&t.model->shape);
        double moved = 0.0;
        assert_int_equal(l.n - l.v, t.model->shape.width * 3);
        for (size_t i = l.v; i < l.n; i++)
            moved += fabs((double)t.model->theta[i]);
        assert_true(moved > 1.0); /* it begins at 0 */
        assert_true(last_day(&t, 3).auc > 0.72);
        check_file(&t);
        check_serving(&t);
        trained_done(&t);
    }
}

static void test_binary(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct architecture a = {.kind = ARCHITECTURE_BINARY};
    assert_ok(architecture_add(&a, "click", 1.0, &err), &err);
    assert_ok(architecture_add(&a, "save", 4.0, &err), &err);
    struct trained t = train_kind(&a, 2);
    const struct metrics m = last_day(&t, 1);
    assert_string_equal(t.model->heads[0].name, ARCHITECTURE_BINARY_HEAD);
    assert_true(m.auc > 0.69); /* a save needs a click, so this is the chance of a click */
    assert_true(fabs(m.expected_over_observed - 1.0) < 0.15);
    check_file(&t);
    check_serving(&t);
    t.dataset->head_names[1][0] = 'S';
    struct metrics none[1];
    assert_refused(evaluate(t.model, t.dataset, &(struct evaluate_options){0}, none, NULL, &err), STATUS_INVALID, &err,
                   "lacks the head save");
    trained_done(&t);
    architecture_done(&a);
}

/* Items with even numbers are clicked with odds 2/3, the others saved with odds 1/4: with a save worth twenty clicks
 * others come first.  Either the network or the effects of items are kept from learning it. */
static void check_order(double learning_rate, double variance)
{
    struct err err = ERR_INIT;
    struct rng rng;
    struct architecture a = {.kind = ARCHITECTURE_BINARY};
    struct trained t = {toy_dataset(ROWS, SEED), NULL};
    double mean[2] = {0.0, 0.0};
    rng_init(&rng, check_seed(), 5, 6);
    for (size_t i = 0; i < ROWS; i++) {
        const bool even = t.dataset->row_items[i] % 2 == 0;
        t.dataset->row_labels[i] = rng_uniform(&rng) < (even ? 0.4 : 0.2) ? (even ? 1u : 2u) : 0u;
    }
    assert_ok(architecture_add(&a, "click", 1.0, &err), &err);
    assert_ok(architecture_add(&a, "save", 20.0, &err), &err);
    struct train_options options = small_options(&a, 2);
    options.trainer.learning_rate = learning_rate;
    options.trainer.variance[EFFECTS_ITEM] = variance;
    assert_ok(train(t.dataset, &options, NULL, NULL, &t.model, &err), &err);
    struct samples samples;
    struct targets targets;
    struct workers *workers;
    uint32_t rows[N];
    float z[N];
    for (uint32_t i = 0; i < N; i++)
        rows[i] = i;
    assert_ok(workers_new(1, &workers, &err), &err);
    assert_ok(model_targets(t.model, t.dataset, &targets, &err), &err);
    assert_ok(samples_new(t.model->features, t.dataset, &targets, rows, N, &samples, &err), &err);
    const struct learnt learnt = {t.model->theta, t.model->embeddings, &t.model->effects};
    assert_ok(samples_predict(&samples, &t.model->shape, &learnt, workers, z, &err), &err);
    for (size_t i = 0; i < N; i++)
        mean[t.dataset->row_items[i] % 2] += (double)z[i] / (N / 2.0);
    assert_true(mean[1] > mean[0]);
    samples_done(&samples);
    workers_free(workers);
    trained_done(&t);
    architecture_done(&a);
}

static void test_importances_decide_the_order(void **state)
{
    (void)state;
    check_order(5e-3, 1e-9);
    check_order(1e-9, 0.08);
}

/* Importances are relative: ten times as large, the same model. */
static void test_importances_are_relative(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct trained t[2];
    for (size_t i = 0; i < 2; i++) {
        struct architecture a = {.kind = ARCHITECTURE_BINARY};
        assert_ok(architecture_add(&a, "click", i == 0 ? 0.5 : 8.0, &err), &err);
        assert_ok(architecture_add(&a, "save", i == 0 ? 2.0 : 32.0, &err), &err);
        t[i] = train_kind(&a, 2);
        architecture_done(&a);
    }
    assert_memory_equal(t[0].model->theta, t[1].model->theta,
                        network_layout(&t[0].model->shape).n * sizeof *t[0].model->theta);
    trained_done(&t[0]);
    trained_done(&t[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_importances),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_pooled_histories),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_importances_are_relative),
        cmocka_unit_test(test_importances_decide_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
