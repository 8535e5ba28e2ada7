/* Which epoch a training keeps: the one with the smallest loss on the held-out day, not the last one it tried.  And
 * whose rows it learns from. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "ranker/train.h"
#include "tests/lib/files.h"
#include "tests/lib/toy.h"

enum { MAX_EPOCHS = 20, PATIENCE = 2 };

struct seen {
    size_t tried, refitted, to_refit;
    double losses[MAX_EPOCHS + 1]; /* of the held-out day, by epoch */
};

static void watch(void *context, const struct train_progress *p)
{
    struct seen *seen = context;
    if (p->refit) {
        seen->refitted = p->epoch;
        seen->to_refit = p->n_epochs;
        assert_true(isnan(p->held_out_loss));
    } else if (!isnan(p->held_out_loss)) {
        assert_int_equal(p->epoch, ++seen->tried);
        seen->losses[p->epoch] = p->held_out_loss;
    }
}

static struct model *train_for(const struct dataset *d, size_t max_epochs, struct seen *seen)
{
    struct err err = ERR_INIT;
    struct train_options options;
    struct model *model = NULL;
    train_options_init(&options);
    options.max_epochs = max_epochs;
    options.hidden1 = options.hidden2 = options.tower = 16;
    options.trainer.batch = 64;
    options.trainer.learning_rate = 5e-3; /* soon learns by heart */
    options.trainer.average = 0.9;
    *seen = (struct seen){0};
    assert_ok(train(d, &options, watch, seen, &model, &err), &err);
    return model;
}

static size_t best_of(const struct seen *seen)
{
    size_t best = 1;
    for (size_t epoch = 2; epoch <= seen->tried; epoch++) {
        if (seen->losses[epoch] < seen->losses[best])
            best = epoch;
    }
    return best;
}

static void assert_same(const struct model *a, const struct model *b)
{
    assert_int_equal(a->features->n_embeddings, b->features->n_embeddings);
    assert_memory_equal(a->theta, b->theta, network_layout(&a->shape).n * sizeof *a->theta);
    assert_memory_equal(a->embeddings, b->embeddings, a->features->n_embeddings * sizeof *a->embeddings);
    for (size_t h = 0; h < a->shape.heads; h++) {
        assert_true(a->heads[h].calibration.slope == b->heads[h].calibration.slope);
        assert_true(a->heads[h].calibration.intercept == b->heads[h].calibration.intercept);
        assert_true(a->heads[h].mean == b->heads[h].mean && a->heads[h].sd == b->heads[h].sd);
    }
}

/* A training that may not go beyond the best epoch ends in the same network and, as that is fitted on the logits of the
 * best epoch, in the same calibration. */
static void test_the_best_epoch_is_kept(void **state)
{
    (void)state;
    struct dataset *d = toy_dataset(3000, check_seed());
    struct seen seen, short_of;
    struct model *model = train_for(d, MAX_EPOCHS, &seen);
    const size_t best = best_of(&seen);
    char recorded[32];
    assert_true(best > 1 && seen.tried < MAX_EPOCHS);
    assert_int_equal(seen.tried, best + PATIENCE);
    assert_int_equal(seen.refitted, best);
    assert_int_equal(seen.to_refit, best);
    (void)snprintf(recorded, sizeof recorded, "\"epochs\":%zu,", best);
    assert_non_null(strstr(model->options, recorded));
    struct model *no_further = train_for(d, best, &short_of);
    assert_int_equal(short_of.tried, best);
    assert_same(model, no_further);
    model_free(model);
    model_free(no_further);
    dataset_free(d);
}

enum { LEFT_OUT = 13 }; /* of TOY_USERS, the first ones */

static struct model *train_without(const struct dataset *d, const struct left_out *left_out)
{
    struct err err = ERR_INIT;
    struct train_options options;
    struct model *model = NULL;
    train_options_init(&options);
    options.max_epochs = 3;
    options.hidden1 = options.hidden2 = options.tower = 16;
    if (left_out != NULL)
        options.left_out = *left_out;
    assert_ok(train(d, &options, NULL, NULL, &model, &err), &err);
    return model;
}

/* One id a line, from the last user to the first. */
static void write_ids(const struct dataset *d, const char *path)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    for (size_t u = LEFT_OUT; u-- > 0;)
        buf_printf(&text, "%s\n", dataset_user_id(d, u));
    assert_ok(file_write_atomic(path, text.data, text.length, 0644, &err), &err);
    buf_done(&text);
}

/* Whatever the labels and the days of users left out are, the model is the same; without leaving them out it is not. */
static void test_users_left_out_teach_nothing(void **state)
{
    (void)state;
    struct dataset *d = toy_dataset(3000, check_seed());
    char *folder = files_folder(), path[256];
    struct err err = ERR_INIT;
    struct left_out left_out;
    files_path(folder, "ids", path, sizeof path);
    write_ids(d, path);
    assert_ok(left_out_read(path, d, &left_out, &err), &err);
    assert_int_equal(left_out.n, LEFT_OUT);
    struct model *without = train_without(d, &left_out), *with = train_without(d, NULL);
    assert_non_null(strstr(without->options, "\"left_out_users\":13"));
    assert_null(strstr(with->options, "left_out_users"));
    for (size_t i = 0; i < dataset_n_rows(d); i++) {
        if (d->row_users[i] < LEFT_OUT)
            d->row_labels[i] ^= 3;
    }
    struct model *again = train_without(d, &left_out), *other = train_without(d, NULL);
    assert_same(without, again);
    assert_true(memcmp(with->heads, other->heads, sizeof with->heads) != 0);
    for (size_t i = 0; i < 4; i++)
        model_free((struct model *[]){without, with, again, other}[i]);
    left_out_done(&left_out);
    dataset_free(d);
    files_remove(folder);
}

static void test_files_of_users_left_out(void **state)
{
    (void)state;
    struct dataset *d = toy_dataset(100, check_seed());
    char *folder = files_folder(), path[256];
    struct left_out left_out, reversed;
    struct err err = ERR_INIT;
    const struct {
        const char *text;
        size_t n;
        const char *line;
    } bad[] = {{"", 0, "it is empty"},
               {"u1\n\nu2\n", 7, "line 2: \"\" is not a user of the dataset"},
               {"u1\nnobody", 9, "line 2: \"nobody\" is not a user of the dataset"},
               {"u1\r\n", 4, "line 1: \"u1?\" is not a user"},
               {"u1\nu2\nu1\n", 9, "line 3: user u1 stands there twice"},
               {"u1\0u2\n", 6, "it holds a byte 0"}};
    files_path(folder, "ids", path, sizeof path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(file_write_atomic(path, bad[i].text, bad[i].n, 0644, &err), &err);
        assert_refused(left_out_read(path, d, &left_out, &err), STATUS_INVALID, &err, bad[i].line);
    }
    assert_ok(file_write_atomic(path, "u1\nu2", 5, 0644, &err), &err);
    assert_ok(left_out_read(path, d, &left_out, &err), &err);
    assert_ok(file_write_atomic(path, "u2\nu1\n", 6, 0644, &err), &err);
    assert_ok(left_out_read(path, d, &reversed, &err), &err);
    assert_true(left_out.key == reversed.key && left_out.key != 0);
    left_out_done(&left_out);
    left_out_done(&reversed);
    dataset_free(d);
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_best_epoch_is_kept),
                                       cmocka_unit_test(test_users_left_out_teach_nothing),
                                       cmocka_unit_test(test_files_of_users_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
