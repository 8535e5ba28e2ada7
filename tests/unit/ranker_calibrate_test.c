/* Calibration against its definitions, and what training makes of sampled negatives. */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/calibrate.h"
#include "ranker/evaluate.h"
#include "ranker/lesson.h"
#include "tests/lib/toy.h"

enum { N = 400 };

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

/* He et al. 2014: q = p / (p + (1 - p) / w). */
static void test_correction(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct calibration c;
    assert_ok(calibration_fit(CALIBRATION_NONE, 0.04, NULL, 1, NULL, 0, 0, &c, &err), &err);
    for (double z = -3.0; z < 3.0; z += 0.37) {
        const double p = sigmoid(z);
        assert_close((double)calibration_probability(&c, z), p / (p + (1.0 - p) / 0.04), 1e-7);
    }
    calibration_done(&c);
}

/* At the optimum the derivative of the penalized log likelihood vanishes; priors as in the header. */
static void test_platt(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct calibration c;
    struct rng rng;
    float z[2 * N];
    uint32_t labels[N];
    const double keep = 0.5;
    rng_init(&rng, 3, 1, 4);
    for (size_t i = 0; i < N; i++) {
        z[2 * i] = nanf("");
        z[2 * i + 1] = (float)(2.0 * rng_normal(&rng) - 1.0);
        labels[i] = rng_uniform(&rng) < sigmoid(0.6 * ((double)z[2 * i + 1] + log(keep)) + 0.4) ? 2u : 0u;
    }
    assert_ok(calibration_fit(CALIBRATION_PLATT, keep, z + 1, 2, labels, 1, N, &c, &err), &err);
    double ga = -(c.slope - 1.0) / (0.25 * 0.25), gb = -c.intercept / (0.5 * 0.5);
    for (size_t i = 0; i < N; i++) {
        const double l = (double)z[2 * i + 1] + log(keep);
        const double e = (double)(labels[i] >> 1) - sigmoid(c.slope * l + c.intercept);
        ga += e * l;
        gb += e;
    }
    assert_close(ga, 0.0, 1e-7);
    assert_close(gb, 0.0, 1e-7);
    assert_true(c.slope > 0.4 && c.slope < 0.9 && c.intercept > 0.1 && c.intercept < 0.8);
    assert_close((double)calibration_probability(&c, 1.3), sigmoid(c.slope * (1.3 + log(keep)) + c.intercept), 1e-7);
    calibration_done(&c);
}

/* Whatever the logit, a float strictly between 0 and 1. */
static void test_probabilities_are_inside(void **state)
{
    (void)state;
    struct calibration c = calibration_constant(0.3);
    const double odd[] = {nan(""), (double)INFINITY, -(double)INFINITY, 1e30, -1e30, 0.0};
    assert_close((double)calibration_probability(&c, 1.7), 0.3, 1e-7);
    c = (struct calibration){.kind = CALIBRATION_NONE, .keep = 1.0, .slope = 1.0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const float p = calibration_probability(&c, odd[i]);
        assert_true(p > 0.0f && p < 1.0f);
    }
}

/* Nine rows: the ends hold one label only, rows 4 and 5 violate, two logits are equal. */
static void test_isotonic_by_hand(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct calibration c;
    /* by logit:          -3 -2 | -1 0 0 | 1 2 3 4   labels 0 0 | 1 0 1 | 0 1 1 1 */
    const float z[9] = {3, 0, -3, 2, -1, 4, 0, -2, 1};
    const uint32_t labels[9] = {1, 0, 0, 1, 1, 1, 1, 0, 0};
    assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 1.0, z, 1, labels, 0, 9, &c, &err), &err);
    /* pools -3 -2: 0/2; -1 0 0 1: 2/4; 2 3 4: 3/3; the ends join the middle: one pool 5/9 of mean logit 4/9 */
    assert_int_equal(c.n_knots, 1);
    assert_close(c.knots[0].from, 4.0 / 9.0, 1e-12);
    assert_close(c.knots[0].to, log(5.0 / 4.0), 1e-12);
    assert_close((double)calibration_probability(&c, 1.0), sigmoid(log(5.0 / 4.0) + 1.0 - 4.0 / 9.0), 1e-7);
    calibration_done(&c);
    const uint32_t more[9] = {1, 1, 0, 1, 1, 0, 0, 0, 0}; /* 0 0 | 1 1 0 0 | 1 1 0: 1/2, then 2/3 */
    assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 1.0, z, 1, more, 0, 9, &c, &err), &err);
    assert_int_equal(c.n_knots, 2);
    assert_close(c.knots[0].from, (-3.0 - 2.0 - 1.0 + 0.0 + 0.0 + 1.0) / 6.0, 1e-12);
    assert_close(c.knots[0].to, log(2.0 / 4.0), 1e-12);
    assert_close(c.knots[1].from, 3.0, 1e-12);
    assert_close(c.knots[1].to, log(2.0), 1e-12);
    const double middle = (c.knots[0].from + 3.0) / 2.0;
    assert_close((double)calibration_probability(&c, middle), 0.5, 1e-7); /* half way from odds 1/2 to odds 2 */
    assert_close((double)calibration_probability(&c, 5.0), sigmoid(log(2.0) + 2.0), 1e-7);
    assert_close((double)calibration_probability(&c, -5.0), sigmoid(log(0.5) - 5.0 - c.knots[0].from), 1e-7);
    assert_true(calibration_valid(&c));
    calibration_done(&c);
    const float tied[7] = {0, 0, 0, 0, 1, 1, 1}; /* equal logits are one pool, whatever their order */
    const uint32_t steps[7] = {0, 0, 1, 1, 1, 1, 0};
    assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 1.0, tied, 1, steps, 0, 7, &c, &err), &err);
    assert_int_equal(c.n_knots, 2);
    assert_close(c.knots[0].to, 0.0, 1e-12);
    assert_close(c.knots[1].to, log(2.0), 1e-12);
    calibration_done(&c);
    const uint32_t none[9] = {0};
    assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 0.5, z, 1, none, 0, 9, &c, &err), &err);
    assert_int_equal(c.n_knots, 0);
    assert_close((double)calibration_probability(&c, 1.0), sigmoid(1.0 + log(0.5)), 1e-7);
    calibration_done(&c);
}

/* The pools are the isotonic regression by its min-max formula (Robertson, Wright & Dykstra 1988, theorem 1.4.4):
 * g_i = max over a <= i of min over b >= i of the mean of labels a .. b. */
static void test_isotonic_is_the_regression(void **state)
{
    (void)state;
    enum { ROWS = 120 };
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(20, 200); seed++) {
        struct err err = ERR_INIT;
        struct calibration c;
        struct rng rng;
        float z[ROWS];
        uint32_t labels[ROWS];
        rng_init(&rng, seed, 5, 5);
        for (size_t i = 0; i < ROWS; i++) { /* sorted, so the formula is plain */
            z[i] = (float)i / 10.0f - 6.0f;
            labels[i] = rng_uniform(&rng) < sigmoid((double)z[i] / 2.0);
        }
        labels[0] = 1; /* both labels in the end pools */
        labels[ROWS - 1] = 0;
        assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 1.0, z, 1, labels, 0, ROWS, &c, &err), &err);
        assert_true(calibration_valid(&c) && c.n_knots >= 2);
        size_t pool = 0;
        double sum = 0.0, n = 0.0, before = -1.0;
        for (size_t i = 0; i < ROWS; i++) {
            double best = -1.0;
            for (size_t a = 0; a <= i; a++) {
                double smallest = 2.0, positives = 0.0;
                for (size_t b = a; b < ROWS; b++) {
                    positives += labels[b];
                    if (b >= i)
                        smallest = fmin(smallest, positives / (double)(b - a + 1));
                }
                best = fmax(best, smallest);
            }
            if (i > 0 && best > before + 1e-12) { /* the next pool */
                assert_close(c.knots[pool].from, sum / n, 1e-9);
                assert_close(c.knots[pool].to, log(before / (1.0 - before)), 1e-9);
                pool++;
                sum = n = 0.0;
            }
            sum += (double)z[i];
            n += 1.0;
            before = best;
        }
        assert_int_equal(pool + 1, c.n_knots);
        calibration_done(&c);
    }
}

/* Many pools are joined to as many as a model holds; the order stays. */
static void test_isotonic_is_thinned_out(void **state)
{
    (void)state;
    enum { POOLS = 700, EACH = 1500 };
    struct err err = ERR_INIT;
    struct calibration c;
    float *z = mem_alloc(POOLS * EACH, sizeof *z);
    uint32_t *labels = mem_alloc(POOLS * EACH, sizeof *labels);
    assert_true(z != NULL && labels != NULL);
    for (size_t i = 0; i < (size_t)POOLS * EACH; i++) { /* pool k: k + 1 positives */
        z[i] = (float)(i / EACH);
        labels[i] = i % EACH < i / EACH + 1;
    }
    assert_ok(calibration_fit(CALIBRATION_ISOTONIC, 1.0, z, 1, labels, 0, (size_t)POOLS * EACH, &c, &err), &err);
    assert_int_equal(c.n_knots, CALIBRATE_MAX_KNOTS);
    assert_true(calibration_valid(&c));
    for (size_t k = 0; k < POOLS; k += 7)
        assert_close((double)calibration_probability(&c, (double)k), (double)(k + 1) / EACH, 0.003);
    calibration_done(&c);
    mem_free(z);
    mem_free(labels);
}

static void test_what_no_fit_gives(void **state)
{
    (void)state;
    struct calibration_knot knots[2] = {{-1.0, -2.0}, {1.0, 2.0}};
    struct calibration good = {CALIBRATION_ISOTONIC, 0.5, log(0.5), 1.0, 0.0, 2, knots}, c = good;
    enum calibration_kind kind = CALIBRATION_NONE;
    assert_true(calibration_valid(&good));
    c.keep = 0.0;
    assert_false(calibration_valid(&c));
    c.keep = 1.5;
    assert_false(calibration_valid(&c));
    c = good;
    c.slope = (double)INFINITY;
    assert_false(calibration_valid(&c));
    c = good;
    c.kind = CALIBRATION_PLATT;
    assert_false(calibration_valid(&c));
    c = good;
    knots[1].from = -1.0;
    assert_false(calibration_valid(&c));
    knots[1] = (struct calibration_knot){1.0, -3.0};
    assert_false(calibration_valid(&c));
    knots[1].to = nan("");
    assert_false(calibration_valid(&c));
    assert_true(calibration_find("isotonic", &kind) && kind == CALIBRATION_ISOTONIC);
    assert_false(calibration_find("beta", &kind));
}

static struct train_options sampled(double click, double save)
{
    struct train_options options;
    train_options_init(&options);
    options.keep[options.n_keep++] = (struct train_keep){NULL, click};
    options.keep[options.n_keep++] = (struct train_keep){"save", save};
    return options;
}

/* Positives always, negatives as often as asked, per head; whole rows are left out where no head needs them. */
static void test_sampling(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(4000, 7);
    struct lesson plain, lesson;
    const struct train_options all = sampled(1.0, 1.0), some = sampled(0.3, 0.1);
    assert_ok(lesson_make(d, &all, &plain, &err), &err);
    assert_false(plain.targets.weighted);
    assert_int_equal(plain.all.n, 4000);
    assert_ok(lesson_make(d, &some, &lesson, &err), &err);
    assert_int_equal(lesson.held.n, plain.held.n); /* the day that is judged is whole */
    assert_false(lesson.whole_targets.weighted);
    assert_true(lesson.fit.n < plain.fit.n && lesson.all.n > lesson.fit.n);
    for (size_t h = 0; h < 3; h++)
        assert_close(lesson.rates[h], plain.rates[h], 0.0);
    double kept[2] = {0.0, 0.0}, negatives[2] = {0.0, 0.0}, rows = 0.0;
    for (size_t i = 0; i < 4000; i++) {
        const uint32_t labels = d->row_labels[i];
        bool needed = false;
        for (size_t h = 0; h < 2; h++) {
            const double weight = targets_weight(&lesson.targets, i, labels, h);
            if ((labels >> h & 1u) != 0) {
                assert_close(weight, 1.0, 0.0);
            } else {
                negatives[h] += 1.0;
                kept[h] += weight;
            }
            needed = needed || weight > 0.0;
        }
        rows += needed ? 1.0 : 0.0;
    }
    assert_close(kept[0] / negatives[0], 0.3, 0.04);
    assert_close(kept[1] / negatives[1], 0.1, 0.03);
    assert_close((double)lesson.all.n, rows, 0.0); /* head hide follows click */
    struct train_options other = sampled(0.3, 0.1);
    other.keep[1].head = "share";
    lesson_done(&lesson);
    assert_refused(lesson_make(d, &other, &lesson, &err), STATUS_INVALID, &err, "the model has no head share");
    lesson_done(&lesson);
    lesson_done(&plain);
    dataset_free(d);
}

static void keep_best(void *context, const struct train_progress *progress)
{
    double *best = context;
    if (progress->held_out_loss < *best) /* NaN otherwise */
        *best = progress->held_out_loss;
}

/* Trained on a fifth of the negatives and corrected, with nothing fitted on top: as right as with all of them. */
static void check_trained(enum calibration_kind kind, double keep)
{
    struct err err = ERR_INIT;
    struct dataset *d = toy_dataset(6000, 7);
    struct model *model = NULL, *again = NULL;
    struct buf file = BUF_INIT;
    struct metrics m[3];
    struct train_options options = sampled(keep, keep);
    options.max_epochs = 6;
    options.hidden1 = 32;
    options.hidden2 = 16;
    options.tower = 8;
    options.trainer.batch = 64;
    options.trainer.learning_rate = 5e-3;
    options.trainer.average = 0.9;
    options.first_day = TOY_FIRST_DAY;
    options.last_day = TOY_FIRST_DAY + TOY_DAYS - 2;
    options.calibration = kind;
    const int32_t day = TOY_FIRST_DAY + TOY_DAYS - 1;
    double best = HUGE_VAL;
    assert_ok(train(d, &options, keep_best, &best, &model, &err), &err);
    assert_true(best < 0.97); /* epochs are chosen by corrected logits, too: 1.2 without */
    assert_ok(model_encode(model, &file, &err), &err);
    assert_ok(model_decode(file.data, file.length, "x", &again, &err), &err);
    assert_close(again->heads[0].calibration.keep, keep, 0.0);
    assert_int_equal(again->heads[0].calibration.kind, kind);
    assert_int_equal(again->heads[0].calibration.n_knots, model->heads[0].calibration.n_knots);
    assert_ok(evaluate(again, d, &(struct evaluate_options){.first_day = day, .last_day = day}, m, NULL, &err), &err);
    assert_true(m[0].auc > 0.70);
    assert_true(fabs(m[0].expected_over_observed - 1.0) < 0.1); /* uncorrected it would be 1.8 */
    assert_true(fabs(m[1].expected_over_observed - 1.0) < 0.3);
    model_free(model);
    model_free(again);
    buf_done(&file);
    dataset_free(d);
}

static void test_trained_on_sampled_negatives(void **state)
{
    (void)state;
    check_trained(CALIBRATION_NONE, 0.2);
    check_trained(CALIBRATION_PLATT, 0.2);
    check_trained(CALIBRATION_ISOTONIC, 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correction),
        cmocka_unit_test(test_platt),
        cmocka_unit_test(test_probabilities_are_inside),
        cmocka_unit_test(test_isotonic_by_hand),
        cmocka_unit_test(test_isotonic_is_the_regression),
        cmocka_unit_test(test_isotonic_is_thinned_out),
        cmocka_unit_test(test_what_no_fit_gives),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_trained_on_sampled_negatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
