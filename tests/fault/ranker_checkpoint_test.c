/* A training that dies at any step goes on from its checkpoint and ends in the same bytes. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "ranker/train.h"
#include "tests/lib/files.h"
#include "tests/lib/toy.h"

enum { ROWS = 1200, SEED = 7, DIED = 77 };

static struct train_options small_options(const char *checkpoint)
{
    struct train_options options;
    train_options_init(&options);
    options.max_epochs = 5;
    options.hidden1 = 16;
    options.hidden2 = 12;
    options.tower = 6;
    options.trainer.batch = 64;
    options.trainer.learning_rate = 5e-3;
    options.trainer.average = 0.9;
    options.checkpoint = checkpoint;
    options.checkpoint_steps = 3;
    return options;
}

/* The model's bytes. */
static struct buf train_all(const struct dataset *d, const struct train_options *options, train_watch *watch,
                            void *context)
{
    struct err err = ERR_INIT;
    struct model *model = NULL;
    struct buf file = BUF_INIT;
    assert_ok(train(d, options, watch, context, &model, &err), &err);
    assert_ok(model_encode(model, &file, &err), &err);
    model_free(model);
    return file;
}

/* What a watch saw. */
struct seen {
    size_t calls, die_at, first_done, last_left, refits;
};

static void see(void *context, const struct train_progress *progress)
{
    struct seen *seen = context;
    seen->calls++;
    seen->refits += progress->refit ? 1 : 0;
    seen->last_left = progress->steps_left;
    assert_true(progress->n_steps > 0 && progress->step <= progress->n_steps);
    if (seen->calls == seen->die_at)
        _exit(DIED); /* nothing is flushed, freed or closed: as by kill -9 */
}

/* A process that trains and dies after so many calls of its watch; 0: it lives.  Returns whether it died. */
static bool train_in_child(const struct dataset *d, const struct train_options *options, size_t die_at)
{
    const pid_t child = fork();
    int status = 0;
    assert_true(child >= 0);
    if (child == 0) {
        struct err err = ERR_INIT;
        struct model *model = NULL;
        struct seen seen = {.die_at = die_at};
        const enum status s = train(d, options, see, &seen, &model, &err);
        model_free(model);
        if (s != STATUS_OK)
            fprintf(stderr, "%s\n", err.text);
        _exit(s == STATUS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == DIED;
}

static void check_architecture(enum architecture_kind kind)
{
    struct dataset *d = toy_dataset(ROWS, SEED);
    char path[4096], *folder = files_folder();
    struct seen whole = {0};
    files_path(folder, "checkpoint", path, sizeof path);
    struct train_options plain = small_options(NULL), kept = small_options(path);
    plain.architecture.kind = kept.architecture.kind = kind;
    if (kind == ARCHITECTURE_MMOE)
        plain.pooled[plain.n_pooled++] = kept.pooled[kept.n_pooled++] = "view";
    plain.keep[plain.n_keep++] = kept.keep[kept.n_keep++] = (struct train_keep){"save", 0.5};
    struct buf want = train_all(d, &plain, see, &whole);
    assert_int_equal(whole.last_left, 0);
    assert_true(whole.refits > 10 && whole.calls - whole.refits > 10);
    /* Dies at every 13th call of what is left, until it gets through. */
    size_t deaths = 0;
    while (train_in_child(d, &kept, 13) && deaths < 100)
        deaths++;
    assert_true(deaths > 3 && deaths < 100);
    struct seen rest = {0};
    struct buf have = train_all(d, &kept, see, &rest); /* from the last checkpoint on */
    assert_true(rest.calls < 13);
    assert_int_equal(have.length, want.length);
    assert_memory_equal(have.data, want.data, want.length);
    buf_done(&have);
    /* Dies once, at calls in both passes and beside the ends of epochs. */
    for (size_t i = 1; i < 8; i++) {
        const size_t die_at = i * whole.calls / 8;
        assert_int_equal(remove(path), 0);
        assert_true(train_in_child(d, &kept, die_at));
        rest = (struct seen){0};
        have = train_all(d, &kept, see, &rest);
        assert_true(rest.calls <= whole.calls - die_at + 4); /* no more than the steps since the last state again */
        assert_memory_equal(have.data, want.data, want.length);
        buf_done(&have);
    }
    buf_done(&want);
    files_remove(folder);
    dataset_free(d);
}

static void test_killed_training_goes_on(void **state)
{
    (void)state;
    check_architecture(ARCHITECTURE_SHARED);
    check_architecture(ARCHITECTURE_MMOE);
}

static enum status try_train(const struct dataset *d, const struct train_options *options, struct err *err)
{
    struct model *model = NULL;
    const enum status s = train(d, options, NULL, NULL, &model, err);
    model_free(model);
    return s;
}

static void test_other_checkpoints_are_refused(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(ROWS, SEED), *other = toy_dataset(ROWS, SEED + 1);
    char path[4096], *folder = files_folder();
    struct buf file = BUF_INIT;
    files_path(folder, "checkpoint", path, sizeof path);
    const struct train_options options = small_options(path);
    struct train_options changed = options;
    assert_true(train_in_child(d, &options, 20));
    changed.trainer.seed++;
    assert_refused(try_train(d, &changed, &err), STATUS_CONFLICT, &err, "is of a training with other options or data");
    changed = options;
    changed.hidden2++;
    assert_refused(try_train(d, &changed, &err), STATUS_CONFLICT, &err, "checkpoint");
    changed = options;
    changed.keep[changed.n_keep++] = (struct train_keep){NULL, 0.5};
    assert_refused(try_train(d, &changed, &err), STATUS_CONFLICT, &err, "checkpoint");
    changed = options;
    changed.pooled[changed.n_pooled++] = "view";
    assert_refused(try_train(d, &changed, &err), STATUS_CONFLICT, &err, "checkpoint");
    changed = options;
    changed.calibration = CALIBRATION_NONE;
    assert_refused(try_train(d, &changed, &err), STATUS_CONFLICT, &err, "checkpoint");
    assert_refused(try_train(other, &options, &err), STATUS_CONFLICT, &err, "checkpoint");
    assert_ok(file_read(path, 1 << 28, &file, &err), &err);
    for (size_t i = 0; i < 9; i++) {
        const size_t at = i * (file.length - 1) / 8;
        file.data[at] = (char)(file.data[at] ^ 0x20);
        files_write(folder, "checkpoint", file.data, file.length);
        assert_refused(try_train(d, &options, &err), STATUS_CORRUPT, &err, "checkpoint");
        file.data[at] = (char)(file.data[at] ^ 0x20);
        files_write(folder, "checkpoint", file.data, file.length - 1 - at);
        if (file.length - 1 - at > 0)
            assert_refused(try_train(d, &options, &err), STATUS_CORRUPT, &err, "checkpoint");
    }
    changed = options;
    changed.threads = 1; /* makes no difference to the result */
    files_write(folder, "checkpoint", file.data, file.length);
    assert_ok(try_train(d, &changed, &err), &err);
    changed.checkpoint = "/nowhere/checkpoint";
    assert_refused(try_train(d, &changed, &err), STATUS_NOT_FOUND, &err, "/nowhere/checkpoint");
    buf_done(&file);
    files_remove(folder);
    dataset_free(d);
    dataset_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_training_goes_on),
        cmocka_unit_test(test_other_checkpoints_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
