/* Which epoch a training keeps: the one with the smallest loss on the held-out day, not the last one it tried. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ranker/train.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_best_epoch_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
