/* The sample of ranking requests and what is estimated from it: against a brute force that keeps the ids, ties
 * included; which requests are taken and with what chance; the limits; forgetting. */
#include "experiments/http/preview_estimate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "experiments/http/rank_request.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_scorer.h"

enum { HEADS = 3, MODEL_HEADS = 4, MAX_N = 40, REQUESTS = 30, WEIGHTS = 5 };

/* The model has the heads in another order, and one more between them. */
static struct fake_model MODEL = {.hash = "m", .heads = {"hide", "more", "save", "click"}};
static const size_t IN_MODEL[HEADS] = {3, 2, 0};
static const struct view VIEW = {.name = "feed", .n_heads = HEADS, .heads = {"click", "save", "hide"}};

/* A request with its ids. */
struct whole {
    size_t n, k;
    char names[MAX_N][12];
    const char *ids[MAX_N];
    float p[MAX_N * MODEL_HEADS];
};

struct fixture {
    struct preview_samples samples;
    struct scorer *scorer;
    struct preview_snapshot snapshot;
};

static void fixture_init(struct fixture *f)
{
    preview_samples_init(&f->samples);
    f->scorer = fake_scorer(&MODEL);
    f->snapshot.n = 0;
}

static void fixture_done(struct fixture *f)
{
    preview_snapshot_done(&f->snapshot);
    preview_samples_done(&f->samples);
    scorer_release(f->scorer);
}

static void offer_at(struct fixture *f, uint64_t era, const struct view *view, size_t n, size_t k, const char **ids,
                     float *p)
{
    struct rank_request in = {.n = n, .k = k, .items = ids};
    struct rank_scores scores = {.p = p, .n_heads = MODEL_HEADS};
    preview_offer(&f->samples, era, view, f->scorer, &in, &scores);
}

static void offer(struct fixture *f, size_t n, size_t k, const char **ids, float *p)
{
    offer_at(f, preview_era(&f->samples), &VIEW, n, k, ids, p);
}

static size_t taken(struct fixture *f, const struct view *view)
{
    preview_snapshot_done(&f->snapshot);
    preview_snapshot_take(&f->samples, view, &f->snapshot);
    return f->snapshot.n;
}

static void make_whole(struct rng *rng, struct whole *ret)
{
    uint32_t order[MAX_N];
    const bool coarse = rng_below(rng, 2) == 0; /* few values: many ties */
    ret->n = 2 + rng_below(rng, MAX_N - 1);
    ret->k = 1 + rng_below(rng, ret->n - 1);
    for (uint32_t i = 0; i < MAX_N; i++)
        order[i] = i;
    rng_shuffle(rng, MAX_N, order);
    for (size_t i = 0; i < ret->n; i++) {
        snprintf(ret->names[i], sizeof ret->names[i], "i%u", (unsigned)order[i] * 7 % 101);
        ret->ids[i] = ret->names[i];
    }
    for (size_t i = 0; i < ret->n * MODEL_HEADS; i++)
        ret->p[i] = coarse ? (float)rng_below(rng, 3) / 4.0f : (float)rng_uniform(rng);
}

/* Whether a goes before b: written apart from the ranker's. */
static bool before(const struct whole *r, const double *utility, size_t a, size_t b)
{
    if (utility[a] > utility[b] || utility[a] < utility[b])
        return utility[a] > utility[b];
    return strcmp(r->ids[a], r->ids[b]) < 0;
}

/* A candidate is in the top k when fewer than k go before it. */
static void brute_top(const struct whole *r, const double *weights, bool ret[MAX_N])
{
    double utility[MAX_N];
    for (size_t i = 0; i < r->n; i++) {
        utility[i] = 0; /* in the order of the model: hide, save, click */
        for (size_t h = HEADS; h-- > 0;)
            utility[i] += weights[h] * (double)r->p[i * MODEL_HEADS + IN_MODEL[h]];
    }
    for (size_t i = 0; i < r->n; i++) {
        size_t ahead = 0;
        for (size_t j = 0; j < r->n; j++)
            ahead += j != i && before(r, utility, j, i);
        ret[i] = ahead < r->k;
    }
}

static void brute_force(const struct whole *requests, const double *reference, const struct preview *got)
{
    double shown[HEADS] = {0}, overlap = 0;
    for (size_t r = 0; r < REQUESTS; r++) {
        const struct whole *request = &requests[r];
        bool top[MAX_N], top_reference[MAX_N];
        brute_top(request, got->weights, top);
        brute_top(request, reference, top_reference);
        for (size_t i = 0; i < request->n; i++) {
            for (size_t h = 0; h < HEADS && top[i]; h++)
                shown[h] += (double)request->p[i * MODEL_HEADS + IN_MODEL[h]] / (double)request->k / REQUESTS;
            overlap += (top[i] && top_reference[i]) / (double)request->k / REQUESTS;
        }
    }
    for (size_t h = 0; h < HEADS; h++)
        assert_close(got->shown[h], shown[h], 1e-12);
    assert_close(got->overlap, overlap, 1e-12);
}

static void check_estimate(uint64_t seed)
{
    static struct whole requests[REQUESTS];
    struct fixture f;
    struct rng rng;
    struct preview previews[WEIGHTS] = {0};
    rng_init(&rng, seed, 1, 2);
    fixture_init(&f);
    for (size_t r = 0; r < REQUESTS; r++) {
        make_whole(&rng, &requests[r]);
        offer(&f, requests[r].n, requests[r].k, requests[r].ids, requests[r].p);
    }
    for (size_t w = 0; w < WEIGHTS; w++) {
        for (size_t h = 0; h < HEADS; h++)
            previews[w].weights[h] = w == 1 ? 3 * previews[0].weights[h] : (double)rng_below(&rng, 5) - 1.75;
    }
    assert_int_equal(taken(&f, &VIEW), REQUESTS);
    preview_estimate(&f.snapshot, WEIGHTS, previews);
    for (size_t w = 0; w < WEIGHTS; w++)
        brute_force(requests, previews[0].weights, &previews[w]);
    assert_close(previews[0].overlap, 1, 1e-15);
    assert_true(previews[1].overlap > 0.999);
    fixture_done(&f);
}

static void estimates_are_those_of_the_brute_force(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(100, 2000); seed++)
        check_estimate(seed);
}

/* Three that are equal to every weight: k of them by id, wherever they lay. */
static void ties_go_to_the_first_id(void **state)
{
    (void)state;
    const char *ids[] = {"i9", "i10", "i1"};
    float p[] = {0.5f, 0, 0.25f, 0.125f, 0.5f, 0, 0.25f, 0.125f, 0.5f, 0, 0.25f, 0.125f};
    struct preview preview = {.weights = {1, 1, 1}};
    struct fixture f;
    p[0] = 0.5625f; /* i9: more hide ... */
    p[2] = 0.1875f; /* ... and less save, for the same sum */
    fixture_init(&f);
    offer(&f, 3, 2, ids, p);
    assert_int_equal(taken(&f, &VIEW), 1);
    preview_estimate(&f.snapshot, 1, &preview);
    assert_close(preview.shown[2], 0.5, 0);
    assert_close(preview.shown[1], 0.25, 0);
    assert_close(preview.shown[0], 0.125, 0);
    fixture_done(&f);
}

/* As POST /v1/rank does: hide and save cancel before click comes, and the smaller part of it counts. */
static void utilities_are_summed_in_the_order_of_the_model(void **state)
{
    (void)state;
    const char *ids[] = {"a", "b"};
    float p[] = {0.5f, 0, 0.5f, 0.50000f, 0.5f, 0, 0.5f, 0.50001f};
    struct preview preview = {.weights = {1, -1e12, 1e12}};
    struct fixture f;
    fixture_init(&f);
    offer(&f, 2, 1, ids, p);
    assert_int_equal(taken(&f, &VIEW), 1);
    preview_estimate(&f.snapshot, 1, &preview);
    assert_close(preview.shown[0], (double)0.50001f, 0);
    fixture_done(&f);
}

static void what_says_nothing_is_not_taken(void **state)
{
    (void)state;
    const char *ids[] = {"a", "b", "c"};
    float p[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 0.1f, 0.2f, 0.3f};
    struct preview preview = {.weights = {1}, .shown = {5}, .overlap = 5};
    struct fixture f;
    fixture_init(&f);
    offer(&f, 1, 1, ids, p);
    offer(&f, 3, 3, ids, p);
    offer(&f, 3, 10, ids, p);
    p[6] = nanf("");
    offer(&f, 3, 2, ids, p);
    assert_int_equal(taken(&f, &VIEW), 0);
    preview_estimate(&f.snapshot, 1, &preview);
    assert_close(preview.shown[0] + preview.overlap, 0, 0);
    p[6] = 0.7f;
    p[5] = INFINITY; /* of a head that the experiment does not have */
    offer(&f, 3, 2, ids, p);
    assert_int_equal(taken(&f, &VIEW), 1);
    fixture_done(&f);
}

/* Request t has the probability t / 2^24. */
static void offer_numbered(struct fixture *f, size_t from, size_t to)
{
    const char *ids[] = {"a", "b"};
    float p[2 * MODEL_HEADS] = {0};
    for (size_t t = from; t < to; t++) {
        p[IN_MODEL[0]] = (float)t * 0x1p-24f;
        offer(f, 2, 1, ids, p);
    }
}

static size_t number_of(const struct fixture *f, size_t i)
{
    return (size_t)(f->snapshot.requests[i]->p[f->snapshot.column[0]] * 0x1p24f);
}

/* The i-th that was kept is one of the i-th block. */
static void assert_one_a_block(const struct fixture *f, size_t stride, size_t first_block)
{
    double sum = 0;
    for (size_t i = 0; i < f->snapshot.n; i++) {
        const size_t t = number_of(f, i);
        assert_int_equal(t / stride, first_block + i);
        sum += (double)(t % stride) + 0.5;
    }
    /* Its place in the block is uniform: standard error of the mean stride / sqrt(12 n). */
    const double mean = sum / (double)f->snapshot.n / (double)stride;
    assert_true(fabs(mean - 0.5) < 4 / sqrt(12.0 * (double)f->snapshot.n));
}

static void the_sample_is_uniform(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    offer_numbered(&f, 0, 999);
    assert_int_equal(taken(&f, &VIEW), 999);
    for (size_t i = 0; i < 999; i++)
        assert_int_equal(number_of(&f, i), i);
    size_t t = 999;
    for (size_t stride = 2; stride <= PREVIEW_MAX_STRIDE; stride *= 2) { /* every request so far, with 1 / stride */
        offer_numbered(&f, t, 500 * stride);
        assert_int_equal(taken(&f, &VIEW), 500);
        assert_one_a_block(&f, stride, 0);
        t = 950 * stride;
        offer_numbered(&f, 500 * stride, t);
        assert_int_equal(taken(&f, &VIEW), 950);
        assert_one_a_block(&f, stride, 0);
    }
    offer_numbered(&f, t, 1100 * PREVIEW_MAX_STRIDE); /* from now on the oldest leave */
    assert_int_equal(taken(&f, &VIEW), 1000);
    assert_one_a_block(&f, PREVIEW_MAX_STRIDE, 100);
    fixture_done(&f);
}

static void probabilities_are_bounded(void **state)
{
    (void)state;
    enum { N = RANK_MAX_CANDIDATES };
    static char names[N][8];
    static const char *ids[N];
    static float p[N * MODEL_HEADS];
    struct fixture f;
    const size_t fit = PREVIEW_MAX_BYTES / (N * HEADS * sizeof(float));
    fixture_init(&f);
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        ids[i] = names[i];
    }
    for (size_t t = 0; t <= fit; t++) {
        assert_int_equal(taken(&f, &VIEW), t);
        offer(&f, N, 10, ids, p);
    }
    assert_in_range(taken(&f, &VIEW), fit / 2, fit / 2 + 1); /* the last one was too much */
    for (size_t t = 0; t < 2 * fit; t++) {
        offer(&f, N, 10, ids, p);
        assert_in_range(taken(&f, &VIEW), fit / 2, fit);
    }
    fixture_done(&f);
}

static void another_model_empties_the_samples(void **state)
{
    (void)state;
    const char *ids[] = {"a", "b"};
    float p[2 * MODEL_HEADS] = {0};
    struct view other = {.name = "other", .n_heads = 1, .heads = {"save"}};
    struct fixture f;
    fixture_init(&f);
    const uint64_t era = preview_era(&f.samples);
    offer_numbered(&f, 0, 5000);
    offer_at(&f, era, &other, 2, 1, ids, p);
    assert_true(taken(&f, &VIEW) > 1);
    assert_int_equal(taken(&f, &other), 1);
    preview_forget(&f.samples);
    assert_int_equal(taken(&f, &VIEW), 0);
    assert_int_equal(taken(&f, &other), 0);
    offer_at(&f, era, &VIEW, 2, 1, ids, p); /* ranked by the model before */
    assert_int_equal(taken(&f, &VIEW), 0);
    offer_numbered(&f, 0, 2); /* every one again */
    assert_int_equal(taken(&f, &VIEW), 2);
    fixture_done(&f);
}

static void other_heads_empty_the_sample(void **state)
{
    (void)state;
    const char *ids[] = {"a", "b"};
    float p[2 * MODEL_HEADS] = {0.5f, 0.25f, 0.125f, 0.0625f};
    struct view again = {.name = "feed", .n_heads = 2, .heads = {"click", "hide"}};
    struct preview preview = {.weights = {1, 1}};
    struct fixture f;
    fixture_init(&f);
    offer_numbered(&f, 0, 7);
    assert_int_equal(taken(&f, &again), 0);
    offer_at(&f, preview_era(&f.samples), &again, 2, 1, ids, p);
    assert_int_equal(taken(&f, &VIEW), 0);
    assert_int_equal(taken(&f, &again), 1);
    preview_estimate(&f.snapshot, 1, &preview);
    assert_close(preview.shown[0], 0.0625, 0);
    assert_close(preview.shown[1], 0.5, 0);
    fixture_done(&f);
}

/* Without memory a request is not taken, and nothing stays. */
static void without_memory_nothing_is_taken(void **state)
{
    (void)state;
    const char *ids[] = {"a", "b"};
    float p[2 * MODEL_HEADS] = {0};
    const int64_t outstanding = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct fixture f;
        fixture_init(&f);
        mem_fault_after(n);
        offer(&f, 2, 1, ids, p);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(taken(&f, &VIEW), tripped ? 0 : 1);
        fixture_done(&f);
        assert_int_equal(mem_outstanding(), outstanding);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_those_of_the_brute_force),
        cmocka_unit_test(ties_go_to_the_first_id),
        cmocka_unit_test(utilities_are_summed_in_the_order_of_the_model),
        cmocka_unit_test(what_says_nothing_is_not_taken),
        cmocka_unit_test(the_sample_is_uniform),
        cmocka_unit_test(probabilities_are_bounded),
        cmocka_unit_test(another_model_empties_the_samples),
        cmocka_unit_test(other_heads_empty_the_sample),
        cmocka_unit_test(without_memory_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
