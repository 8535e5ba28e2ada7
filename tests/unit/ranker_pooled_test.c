/* Histories as pooled embeddings: the mean by hand, what the vocabulary holds, learning from nothing but a history, and
 * model files.  That serving and training agree is in ranker_architecture_test.c, gradients in ranker_network_test.c.
 */
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/evaluate.h"
#include "ranker/samples.h"
#include "ranker/train.h"
#include "tests/lib/files.h"
#include "tests/lib/toy.h"

static const char SCHEMA[] =
    "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"user\",\"item\":\"item\",\"time_ms\":\"ms\",\"day\":"
    "\"day\",\"heads\":[{\"name\":\"click\"}]},\"users\":{\"file\":\"users.csv\",\"id\":\"user\",\"columns\":[]},"
    "\"items\":{\"file\":\"items.csv\",\"id\":\"item\",\"columns\":[]},\"histories\":["
    "{\"name\":\"view\",\"file\":\"view.csv\",\"user\":\"user\",\"item\":\"item\"},"
    "{\"name\":\"like\",\"file\":\"like.csv\",\"user\":\"user\",\"item\":\"item\"}]}";

/* The texts are rows without their headings; they are emptied. */
static struct dataset *import(size_t n_users, size_t n_items, struct buf *log, struct buf *view, struct buf *like)
{
    struct err err = ERR_INIT;
    struct dataset *dataset = NULL;
    struct buf text = BUF_INIT;
    char *folder = files_folder();
    const struct {
        const char *name, *heading;
        struct buf *rows;
    } files[] = {{"log.csv", "user,item,ms,day,click\n", log},
                 {"view.csv", "user,item\n", view},
                 {"like.csv", "user,item\n", like}};
    files_text(folder, "schema.json", SCHEMA);
    for (size_t f = 0; f < 3; f++) {
        buf_printf(&text, "%s%s", files[f].heading, files[f].rows->length > 0 ? buf_string(files[f].rows) : "");
        files_text(folder, files[f].name, buf_string(&text));
        buf_clear(&text);
        buf_done(files[f].rows);
    }
    buf_text(&text, "user\n");
    for (size_t u = 0; u < n_users; u++)
        buf_printf(&text, "u%zu\n", u);
    files_text(folder, "users.csv", buf_string(&text));
    buf_clear(&text);
    buf_text(&text, "item\n");
    for (size_t i = 0; i < n_items; i++)
        buf_printf(&text, "i%zu\n", i);
    files_text(folder, "items.csv", buf_string(&text));
    assert_ok(dataset_import_generic(folder, &dataset, &err), &err);
    files_remove(folder);
    buf_done(&text);
    return dataset;
}

enum { USERS = 9, ITEMS = 70, RARE = 60, UNSEEN = 61, ROWS_EACH = 3, N_ROWS = USERS * ROWS_EACH, STRANGER = USERS - 1 };

/* Users with 0, 1, 49, 50, 51 and 120 views; u6 only viewed RARE, which has too few rows; u7 viewed it between others;
 * u8, whose rows are not among those of training, viewed UNSEEN and i3. */
static struct dataset *views_dataset(void)
{
    static const size_t VIEWS[USERS] = {0, 1, 49, 50, 51, 120};
    struct buf log = BUF_INIT, view = BUF_INIT, like = BUF_INIT;
    struct rng rng;
    rng_init(&rng, check_seed(), 1, 1);
    for (size_t u = 0; u < USERS; u++) {
        for (size_t v = 0; v < VIEWS[u]; v++)
            buf_printf(&view, "u%zu,i%d\n", u, (int)rng_below(&rng, RARE));
        for (size_t r = 0; r < ROWS_EACH; r++)
            buf_printf(&log, "u%zu,i%zu,%zu,20240501,%d\n", u, u + r, u * ROWS_EACH + r, (int)rng_below(&rng, 2));
    }
    buf_printf(&view, "u6,i%d\nu7,i1\nu7,i3\nu7,i1\nu7,i3\nu8,i%d\nu8,i3\nu8,i3\n", RARE, UNSEEN);
    buf_text(&like, "u0,i5\nu3,i6\nu3,i7\n");
    return import(USERS, ITEMS, &log, &view, &like);
}

static const struct feature *find_feature(const struct features *features, const char *name)
{
    for (size_t f = 0; f < features->n; f++) {
        if (strcmp(features->list[f].name, name) == 0)
            return &features->list[f];
    }
    return NULL;
}

/* The header's formula, from the log as it is: x [width]. */
static void reference_mean(const struct dataset *d, const struct feature *feature, size_t user, const float *table,
                           double *x)
{
    const struct history *history = &d->histories[feature->history];
    size_t n = 0, counted = 0;
    memset(x, 0, feature->width * sizeof *x);
    for (size_t i = (size_t)history->starts[user + 1]; i-- > history->starts[user] && counted < 50; counted++) {
        const uint32_t code = feature_code(feature, dataset_item_id(d, history->items[i]));
        n += code > 0 ? 1 : 0;
        for (size_t j = 0; j < feature->width && code > 0; j++)
            x[j] += (double)table[code * feature->width + j];
    }
    for (size_t j = 0; j < feature->width; j++)
        x[j] = n > 0 ? x[j] / (double)n : (double)table[j];
}

static void test_mean(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = views_dataset();
    struct features *features = NULL;
    struct inputs inputs = {0};
    uint32_t rows[N_ROWS - ROWS_EACH], codes[8];
    struct rng rng;
    rng_init(&rng, check_seed(), 2, 2);
    for (uint32_t i = 0; i < N_ROWS - ROWS_EACH; i++)
        rows[i] = i; /* by time: all but those of STRANGER */
    assert_ok(features_new(d, rows, N_ROWS - ROWS_EACH, 1u << 0, &features, &err), &err);
    const struct feature *feature = find_feature(features, "pooled.view");
    assert_non_null(feature);
    assert_null(find_feature(features, "pooled.like"));
    assert_int_equal(feature_code(feature, "i60"), 0); /* in three rows */
    assert_int_equal(feature_code(feature, "i61"), 0); /* in none of training */
    assert_true(feature_code(feature, "i1") > 0 && feature_code(feature, "i3") > 0);
    assert_int_equal(features->starts[SIDE_CONTEXT], feature->offset + feature->width);
    float *embeddings = mem_alloc(features->n_embeddings, sizeof *embeddings);
    float *x = mem_alloc(features->width, sizeof *x);
    assert_true(embeddings != NULL && x != NULL);
    for (size_t i = 0; i < features->n_embeddings; i++)
        embeddings[i] = (float)rng_normal(&rng);
    assert_ok(inputs_new(features, SIDE_USER, d, NULL, 0, &inputs, &err), &err);
    for (size_t user = 0; user < USERS; user++) {
        double want[FEATURES_MAX_DIM];
        reference_mean(d, feature, user, embeddings + feature->table, want);
        inputs_fill(features, &inputs, user, embeddings, NULL, x, codes);
        for (size_t j = 0; j < feature->width; j++)
            assert_close((double)x[feature->offset + j], want[j], 1e-5);
    }
    struct inputs_hide hide = {.others = 65536};
    rng_init(&hide.rng, 1, 1, 1);
    for (size_t i = 0; i < 2; i++) { /* a user who is unknown, and one who is hidden, have the default */
        memset(x, 0, features->width * sizeof *x);
        inputs_fill(features, &inputs, i == 0 ? SIZE_MAX : 5, embeddings, i == 0 ? NULL : &hide, x, codes);
        assert_memory_equal(x + feature->offset, embeddings + feature->table, feature->width * sizeof *x);
    }
    inputs_done(&inputs);
    mem_free(embeddings);
    mem_free(x);
    features_free(features);
    dataset_free(d);
}

static struct train_options small_options(const char *kind)
{
    struct train_options options;
    train_options_init(&options);
    options.max_epochs = 6;
    options.hidden1 = 24;
    options.hidden2 = 16;
    options.tower = 8;
    options.trainer.batch = 64;
    options.trainer.learning_rate = 5e-3;
    options.trainer.average = 0.9;
    options.pooled[options.n_pooled++] = kind;
    return options;
}

/* Each user has one of two tastes, which decides the click, viewed anything and liked items of the taste, nine out of
 * ten.  Nothing else tells: on the last day all users are new, and candidates are never among the items of histories.
 */
static struct dataset *tastes_dataset(void)
{
    enum { PEOPLE = 400, VIEWED = 40, VIEWS = 12, IMPRESSIONS = 6, DAYS = 4 };
    struct buf log = BUF_INIT, view = BUF_INIT, like = BUF_INIT;
    struct rng rng;
    rng_init(&rng, check_seed(), 3, 3);
    for (size_t u = 0; u < PEOPLE; u++) {
        const size_t taste = (size_t)rng_below(&rng, 2), day = u * DAYS / PEOPLE;
        for (size_t v = 0; v < VIEWS; v++) {
            const size_t of = rng_below(&rng, 10) == 0 ? 1 - taste : taste;
            buf_printf(&like, "u%zu,i%zu\n", u, 2 * (size_t)rng_below(&rng, VIEWED / 2) + of);
            buf_printf(&view, "u%zu,i%zu\n", u, (size_t)rng_below(&rng, VIEWED));
        }
        for (size_t r = 0; r < IMPRESSIONS; r++)
            buf_printf(&log, "u%zu,i%zu,%zu,%zu,%d\n", u, VIEWED + (size_t)rng_below(&rng, 10), u * IMPRESSIONS + r,
                       (size_t)TOY_FIRST_DAY + day, rng_uniform(&rng) < (taste == 0 ? 0.2 : 0.8));
    }
    return import(PEOPLE, VIEWED + 10, &log, &view, &like);
}

static double auc_of_new_users(const struct dataset *d, const char *other)
{
    struct err err = ERR_INIT;
    struct model *model = NULL;
    struct metrics m[DATASET_MAX_HEADS];
    struct train_options options = small_options("view");
    if (other != NULL)
        options.pooled[options.n_pooled++] = other;
    options.first_day = TOY_FIRST_DAY;
    options.last_day = TOY_FIRST_DAY + 2;
    assert_ok(train(d, &options, NULL, NULL, &model, &err), &err);
    const struct evaluate_options new_users = {.first_day = TOY_FIRST_DAY + 3, .last_day = TOY_FIRST_DAY + 3};
    assert_ok(evaluate(model, d, &new_users, m, NULL, &err), &err);
    model_free(model);
    return m[0].auc;
}

static void test_learns_from_a_history(void **state)
{
    (void)state;
    struct dataset *d = tastes_dataset();
    const double without = auc_of_new_users(d, NULL), with = auc_of_new_users(d, "like");
    assert_true(without < 0.6);
    assert_true(with > 0.75); /* who knows the taste has .8 */
    dataset_free(d);
}

static void test_unknown_kinds_are_refused(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(100, 1);
    struct model *model = NULL;
    const struct train_options options = small_options("watch");
    assert_refused(train(d, &options, NULL, NULL, &model, &err), STATUS_INVALID, &err,
                   "the dataset has no history watch to pool: it has view, like");
    dataset_free(d);
}

static void check_corrupt(struct model *model, const char *text)
{
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    struct model *again = NULL;
    assert_ok(model_encode(model, &file, &err), &err);
    assert_refused(model_decode(file.data, file.length, "x", &again, &err), STATUS_CORRUPT, &err, text);
    buf_done(&file);
}

/* Every byte from the feature's name to the first id behind it. */
static void check_flipped_bytes(struct model *model)
{
    struct err err = ERR_INIT;
    struct buf file = BUF_INIT;
    struct model *again = NULL;
    assert_ok(model_encode(model, &file, &err), &err);
    const char *name = memmem(file.data, file.length, "pooled.view", 11);
    assert_non_null(name);
    const size_t at = (size_t)(name - file.data);
    for (size_t i = at; i < at + 40; i++) {
        file.data[i] = (char)(file.data[i] ^ 0x04);
        assert_refused(model_decode(file.data, file.length, "x", &again, &err), STATUS_CORRUPT, &err, "checksum");
        file.data[i] = (char)(file.data[i] ^ 0x04);
    }
    assert_ok(model_decode(file.data, file.length, "x", &again, &err), &err);
    model_free(again);
    buf_done(&file);
}

static void test_files(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(600, 1);
    struct model *model = NULL;
    struct train_options options = small_options("like");
    options.pooled[options.n_pooled++] = "view";
    options.max_epochs = 1;
    assert_ok(train(d, &options, NULL, NULL, &model, &err), &err);
    assert_non_null(strstr(model->options, "\"pooled\":[\"like\",\"view\"]"));
    size_t at = 0;
    while (at < model->features->n && strcmp(model->features->list[at].name, "pooled.view") != 0)
        at++;
    assert_true(at + 1 < model->features->n);
    struct feature *view = &model->features->list[at], *like = view + 1; /* in the order of the histories */
    assert_string_equal(like->name, "pooled.like");
    assert_true(view->history == 0 && like->history == 1);
    for (const struct feature *feature = view; feature <= like;
         feature++) { /* the default begins at 0, and is learnt */
        const float *row = model->embeddings + feature->table;
        assert_true(row[0] < 0.0f || row[0] > 0.0f);
    }
    check_flipped_bytes(model);
    like->history = 2;
    check_corrupt(model, "its features do not fit");
    like->history = 0;
    check_corrupt(model, "its features do not fit");
    like->history = 1;
    like->side = SIDE_CONTEXT;
    check_corrupt(model, "its features do not fit");
    like->side = SIDE_USER;
    assert_ok(features_fit(model->features, d, &err), &err);
    d->n_histories = 1;
    assert_refused(features_fit(model->features, d, &err), STATUS_INVALID, &err,
                   "the dataset has 1 histories: the model reads 2");
    d->n_histories = 2;
    model_free(model);
    dataset_free(d);
}

/* Every allocation of the lists fails once. */
static void test_no_memory(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = views_dataset();
    struct features *features = NULL;
    uint32_t rows[N_ROWS];
    bool tripped = true;
    for (uint32_t i = 0; i < N_ROWS; i++)
        rows[i] = i;
    assert_ok(features_new(d, rows, N_ROWS, 3, &features, &err), &err);
    const int64_t before = mem_outstanding();
    for (int64_t n = 0; tripped; n++) {
        struct inputs inputs = {0};
        mem_fault_after(n);
        const enum status s = inputs_new(features, SIDE_USER, d, NULL, 0, &inputs, &err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        inputs_done(&inputs);
        assert_int_equal(mem_outstanding(), before);
    }
    features_free(features);
    dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),      cmocka_unit_test(test_learns_from_a_history),
        cmocka_unit_test(test_files),     cmocka_unit_test(test_unknown_kinds_are_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
