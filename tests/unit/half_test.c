/* Half precision: conversions over all halves, the kernel of half precision in plain C against sums in double, the
 * machine's kernel against it digit by digit, and the packed network and the ranker that are made of them. */
#include "tests/lib/check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/accuracy.h"
#include "ranker/half.h"
#include "ranker/kernel_half.h"
#include "ranker/packed.h"

enum { N_HALVES = 65536, FRACTION = 0x3ff, INFINITE = 0x7c00, SIGN = 0x8000 };

static bool is_nan(uint16_t half)
{
    return (half & INFINITE) == INFINITE && (half & FRACTION) != 0;
}

/* The value from the standard's definition: sign, exponent with bias 15, fraction of 10 bits. */
static double defined_value(uint16_t half)
{
    const int exponent = (half & INFINITE) >> 10, fraction = half & FRACTION;
    const double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    const double value = exponent == 31 ? HUGE_VAL : size;
    return (half & SIGN) != 0 ? -value : value;
}

static void test_all_halves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N_HALVES; i++) {
        const uint16_t half = (uint16_t)i;
        const float value = half_to_float(half);
        if (is_nan(half)) {
            assert_true(isnan(value) && is_nan(half_from_float(value)));
            continue;
        }
        const float want = (float)defined_value(half);
        assert_memory_equal(&value, &want, sizeof value);
        assert_true(isinf(value) ? half_from_float(value) == half - 1 : half_from_float(value) == half);
        const float rounded = half_round((double)value);
        assert_memory_equal(&rounded, &value, sizeof value);
    }
}

/* Between each two neighbours: the middle goes to the even one, what is beside the middle to the nearer. */
static void test_rounding(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < INFINITE - 1; half++) {
        const double low = defined_value(half), high = defined_value((uint16_t)(half + 1));
        const double middle = (low + high) / 2.0;
        const uint16_t even = (uint16_t)(half + (half & 1));
        assert_int_equal(half_from_float((float)middle), even);
        assert_int_equal(half_from_float(nextafterf((float)middle, 0.0f)), half);
        assert_int_equal(half_from_float(nextafterf((float)middle, HUGE_VALF)), half + 1);
        assert_int_equal(half_from_float(-(float)middle), even | SIGN);
        assert_true((double)half_round(nextafter(middle, 0.0)) == low);
        assert_true((double)half_round(nextafter(-middle, -HUGE_VAL)) == -high);
    }
}

static void test_out_of_range(void **state)
{
    (void)state;
    static const float LARGE[] = {65504.0f, 65519.0f, 65520.0f, 1e6f, FLT_MAX, HUGE_VALF};
    for (size_t i = 0; i < sizeof LARGE / sizeof *LARGE; i++) {
        assert_true(half_to_float(half_from_float(LARGE[i])) == HALF_MAX);
        assert_true(half_to_float(half_from_float(-LARGE[i])) == -HALF_MAX);
        assert_true(half_round((double)LARGE[i]) == (i < 2 ? HALF_MAX : HUGE_VALF));
        assert_true(half_round(-(double)LARGE[i]) == (i < 2 ? -HALF_MAX : -HUGE_VALF));
    }
    assert_true(is_nan(half_from_float(NAN)) && isnan(half_round((double)NAN)));
    assert_int_equal(half_from_float(FLT_TRUE_MIN), 0);
    assert_int_equal(half_from_float(-FLT_TRUE_MIN), SIGN);
    assert_int_equal(half_from_float(0x1p-24f), 1);
    assert_int_equal(half_from_float(0x1p-25f), 0);
    assert_int_equal(half_from_float(0x1.8p-24f), 2);
}

struct layer {
    size_t n, k, m;
    float *x, *w, *b, *y, *other;
    uint32_t *pairs;
    uint16_t *panels;
};

static void layer_new(struct layer *l, size_t n, size_t k, size_t m, struct rng *rng)
{
    *l = (struct layer){.n = n, .k = k, .m = m};
    l->x = mem_alloc(n * k, sizeof *l->x);
    l->w = mem_alloc(k * m, sizeof *l->w);
    l->b = mem_alloc(m, sizeof *l->b);
    l->y = mem_alloc(n * m, sizeof *l->y);
    l->other = mem_alloc(n * m, sizeof *l->other);
    l->pairs = mem_alloc(n * k, sizeof *l->pairs);
    l->panels = mem_alloc(k * m, sizeof *l->panels);
    assert_true(l->x != NULL && l->w != NULL && l->b != NULL && l->y != NULL && l->other != NULL);
    assert_true(l->pairs != NULL && l->panels != NULL);
    for (size_t i = 0; i < n * k; i++)
        l->x[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < k * m; i++)
        l->w[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < m; i++)
        l->b[i] = (float)rng_normal(rng);
    half_pack(k, m, l->w, l->panels);
}

static void layer_done(struct layer *l)
{
    mem_free(l->x);
    mem_free(l->w);
    mem_free(l->b);
    mem_free(l->y);
    mem_free(l->other);
    mem_free(l->pairs);
    mem_free(l->panels);
}

static void run(const struct half_kernel *kernel, const struct layer *l, float *y)
{
    for (size_t i = 0; i < l->n * l->m; i++)
        y[i] = -1.0f; /* no relu leaves this behind */
    kernel->pairs(l->n * l->k, l->x, l->pairs);
    kernel->layer(l->n, l->k, l->m, l->pairs, l->panels, l->b, y);
}

/* The rounding of both factors (2^-11 each of a product, half of the last digit) and that of sums over HALF_BLOCK
 * products, each at most 2^-11 of what has been summed: Higham 2002, eq. 3.5, per block; singles are below that. */
static void check_sums(const struct layer *l)
{
    const double bound = ldexp(HALF_BLOCK + 3, -11);
    for (size_t i = 0; i < l->n; i++) {
        for (size_t j = 0; j < l->m; j++) {
            double sum = (double)l->b[j], size = 0.0;
            for (size_t p = 0; p < l->k; p++) {
                const double product = (double)l->x[i * l->k + p] * (double)l->w[p * l->m + j];
                sum += product;
                size += fabs(product);
            }
            const double error = (double)l->y[i * l->m + j] - fmax(sum, 0.0);
            assert_true(fabs(error) <= bound * size + 1e-6 * fabs((double)l->b[j]));
        }
    }
}

/* The reference's digits; a row's are those it has alone. */
static void check_same(const struct half_kernel *kernel, const struct layer *l)
{
    run(kernel, l, l->other);
    assert_memory_equal(l->other, l->y, l->n * l->m * sizeof *l->y);
    for (size_t i = 0; i < l->n; i++)
        kernel->layer(1, l->k, l->m, l->pairs + i * l->k, l->panels, l->b, l->other + i * l->m);
    assert_memory_equal(l->other, l->y, l->n * l->m * sizeof *l->y);
}

/* The machine's, or NULL: then only the comparisons with it are left out. */
static const struct half_kernel *machine(void)
{
    const struct half_kernel *found = NULL;
    struct err err = ERR_INIT;
    if (half_kernel_find(&found, &err) != STATUS_OK)
        assert_non_null(strstr(err.text, "half precision needs"));
    return found;
}

static void test_random(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, check_seed(), 20, 21);
    for (size_t n = 0; n <= 2 * 12 + 4; n++) { /* around every tile */
        struct layer l;
        layer_new(&l, n, (size_t)rng_below(&rng, 100), HALF_PANEL * (1 + (size_t)rng_below(&rng, 5)), &rng);
        run(&HALF_REFERENCE, &l, l.y);
        check_sums(&l);
        check_same(&HALF_REFERENCE, &l);
        if (machine() != NULL)
            check_same(machine(), &l);
        layer_done(&l);
    }
}

/* How many candidates requests have, in passes of KERNEL_ROWS as serving takes them. */
static void test_requests(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 50, 500, 2000};
    struct rng rng;
    rng_init(&rng, check_seed(), 22, 23);
    for (size_t s = 0; s < 4; s++) {
        struct layer l;
        layer_new(&l, SIZES[s], 33, HALF_PANEL, &rng);
        run(&HALF_REFERENCE, &l, l.y);
        for (size_t first = 0; first < l.n && machine() != NULL; first += KERNEL_ROWS) {
            const size_t rows = l.n - first < KERNEL_ROWS ? l.n - first : KERNEL_ROWS;
            machine()->pairs(rows * l.k, l.x + first * l.k, l.pairs);
            machine()->layer(rows, l.k, l.m, l.pairs, l.panels, l.b, l.other + first * l.m);
        }
        if (machine() != NULL)
            assert_memory_equal(l.other, l.y, l.n * l.m * sizeof *l.y);
        layer_done(&l);
    }
}

/* Inputs, weights and biases drawn from what is near the ends of every range. */
static void test_extreme(void **state)
{
    (void)state;
    static const float VALUES[] = {0.0f,     -0.0f,     0x1p-24f, -0x1p-24f, 0x1.ff8p-15f, -0x1.8p-20f, 0x1p-14f,
                                   65504.0f, -65504.0f, 65519.0f, -65520.0f, 1e9f,         HUGE_VALF,   -HUGE_VALF,
                                   FLT_MAX,  FLT_MIN,   1.0f,     -1.0f,     0x1.ffcp0f,   3e-5f,       NAN};
    enum { N_VALUES = sizeof VALUES / sizeof *VALUES };
    struct rng rng;
    rng_init(&rng, check_seed(), 24, 25);
    for (size_t round = 0; round < 40; round++) {
        struct layer l;
        layer_new(&l, 13, 1 + (size_t)rng_below(&rng, 70), 3 * HALF_PANEL, &rng);
        const bool tame = round % 2 == 0; /* mostly subnormals, so that sums end near them */
        for (size_t i = 0; i < l.n * l.k; i++)
            l.x[i] = tame ? VALUES[rng_below(&rng, 7)] : VALUES[rng_below(&rng, N_VALUES)];
        for (size_t i = 0; i < l.k * l.m; i++)
            l.w[i] = tame ? l.w[i] : VALUES[rng_below(&rng, N_VALUES - 1)];
        for (size_t j = 0; j < l.m; j++)
            l.b[j] = tame ? 0.0f : VALUES[rng_below(&rng, N_VALUES)];
        half_pack(l.k, l.m, l.w, l.panels);
        run(&HALF_REFERENCE, &l, l.y);
        for (size_t i = 0; i < l.n * l.m; i++)
            assert_true(l.y[i] >= 0.0f && l.y[i] <= HALF_MAX);
        if (machine() != NULL)
            check_same(machine(), &l);
        layer_done(&l);
    }
}

/* One input, weight and bias, and what comes out. */
static void check_one(const struct half_kernel *kernel)
{
    static const struct {
        float x, w, b, want;
    } CASES[] = {
        {3.0f, 0.5f, 0.25f, 1.75f},
        {3.0f, -0.5f, 0.25f, 0.0f},
        {1e9f, 0.5f, 0.0f, 32752.0f},               /* the input saturates */
        {HUGE_VALF, 1.0f, 0.0f, HALF_MAX},          /* also from infinity */
        {300.0f, 300.0f, 0.0f, HALF_MAX},           /* the sum leaves the range */
        {-300.0f, 300.0f, 1e30f, 0.0f},             /* and wins over any bias */
        {0.0f, 1.0f, HUGE_VALF, HALF_MAX},          /* the output saturates */
        {-300.0f, 300.0f, HUGE_VALF, 0.0f},         /* both infinities: NaN */
        {NAN, 1.0f, 1.0f, 0.0f},                    /* as in single precision */
        {0x1p-24f, 1.0f, 0.0f, 0x1p-24f},           /* a subnormal */
        {0x1p-24f, 0x1.8p-1f, 0.0f, 0x1p-24f},      /* rounded among them */
        {1.0f + 0x1p-11f, 1.0f, 0.0f, 1.0f},        /* a tie of the input goes to even */
        {0x1.004p0f, 0x1.004p0f, 0.0f, 0x1.008p0f}, /* the product is rounded to a half */
        {1.0f, 1.0f, 0x1p-20f, 1.0f + 0x1p-20f},    /* the sum with the bias is not */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        float w[HALF_PANEL], b[HALF_PANEL], y[HALF_PANEL];
        uint16_t panels[HALF_PANEL];
        uint32_t pair;
        for (size_t j = 0; j < HALF_PANEL; j++) {
            w[j] = CASES[i].w;
            b[j] = CASES[i].b;
        }
        half_pack(1, HALF_PANEL, w, panels);
        kernel->pairs(1, &CASES[i].x, &pair);
        kernel->layer(1, 1, HALF_PANEL, &pair, panels, b, y);
        for (size_t j = 0; j < HALF_PANEL; j++)
            assert_true(y[j] == CASES[i].want);
    }
}

static void test_one(void **state)
{
    (void)state;
    check_one(&HALF_REFERENCE);
    if (machine() != NULL)
        check_one(machine());
}

/* Blocks are summed in single precision: 1 + 2^-11 is lost within a block and kept between two. */
static void test_blocks(void **state)
{
    (void)state;
    struct rng rng;
    struct layer l;
    rng_init(&rng, check_seed(), 26, 27);
    layer_new(&l, 2, HALF_BLOCK + 1, HALF_PANEL, &rng);
    for (size_t i = 0; i < l.k * l.m; i++)
        l.w[i] = 1.0f;
    memset(l.b, 0, l.m * sizeof *l.b);
    memset(l.x, 0, l.n * l.k * sizeof *l.x);
    l.x[0] = l.x[l.k] = 1.0f;
    l.x[1] = l.x[l.k + HALF_BLOCK] = 0x1p-11f;
    half_pack(l.k, l.m, l.w, l.panels);
    run(&HALF_REFERENCE, &l, l.y);
    for (size_t j = 0; j < l.m; j++)
        assert_true(l.y[j] == 1.0f && l.y[l.m + j] == 1.0f + 0x1p-11f);
    layer_done(&l);
}

static void test_pairs_and_join(void **state)
{
    (void)state;
    enum { N = 3 * HALF_PANEL };
    struct rng rng;
    float x[N], b[N], ours[N], theirs[N];
    uint16_t a[N];
    uint32_t one[N], other[N];
    rng_init(&rng, check_seed(), 28, 29);
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(rng_normal(&rng) * pow(10.0, (double)(i % 13) - 8.0));
        b[i] = i == 5 ? NAN : (float)rng_normal(&rng);
    }
    half_from_floats(N, x, a);
    HALF_REFERENCE.join(N, a, b, theirs);
    for (size_t i = 0; i < N; i++)
        assert_true(i == 5 ? theirs[i] == 0.0f : theirs[i] == fmaxf(half_to_float(a[i]) + b[i], 0.0f));
    if (machine() == NULL)
        return;
    machine()->join(N, a, b, ours);
    assert_memory_equal(ours, theirs, sizeof ours);
    for (size_t n = 0; n <= N; n++) { /* nothing behind the last is touched */
        memset(one, 0x5a, sizeof one);
        memset(other, 0x5a, sizeof other);
        HALF_REFERENCE.pairs(n, x, one);
        machine()->pairs(n, x, other);
        assert_memory_equal(one, other, sizeof one);
    }
}

/* Logits of a packed network: near those of single precision with every kernel, and the same digits with both. */
static void check_network(size_t experts, bool wide)
{
    enum { N = KERNEL_ROWS, HEADS = 3 };
    const struct network_shape shape = {
        .width = 5, .hidden1 = 40, .hidden2 = 33, .tower = 7, .heads = HEADS, .experts = experts, .wide = wide};
    const double b4[HEADS] = {-0.5, 0.25, 2.0};
    const size_t n_theta = network_layout(&shape).n;
    const struct half_kernel *const halves[3] = {NULL, &HALF_REFERENCE, machine()};
    struct err err = ERR_INIT;
    struct rng rng;
    float z[3][N * HEADS], alone[HEADS], h1[N * 64];
    float *theta = mem_alloc(n_theta, sizeof *theta);
    assert_non_null(theta);
    rng_init(&rng, check_seed(), 30, 31);
    network_init(&shape, &rng, b4, theta);
    for (size_t i = 0; i < n_theta; i++)
        theta[i] += (float)(0.1 * rng_normal(&rng));
    for (size_t i = 0; i < N * 64; i++)
        h1[i] = i % 64 < (wide ? 40 + 2 * HEADS : 40) ? (float)rng_uniform(&rng) : 0.0f;
    for (size_t way = 0; way < (machine() != NULL ? 3 : 2); way++) {
        struct packed packed;
        assert_ok(packed_new(&shape, theta, halves[way], &packed, &err), &err);
        assert_int_equal(packed.hidden1, 64);
        float *scratch = mem_alloc(packed_scratch(&packed), sizeof *scratch);
        assert_non_null(scratch);
        packed_logits(&packed, kernel_best(), N, h1, scratch, z[way]);
        packed_logits(&packed, kernel_best(), 1, h1 + 7 * 64, scratch, alone);
        assert_memory_equal(alone, z[way] + 7 * HEADS, sizeof alone);
        mem_free(scratch);
        packed_done(&packed);
    }
    for (size_t i = 0; i < N * HEADS; i++)
        assert_true(fabs((double)z[1][i] - (double)z[0][i]) < 5e-3);
    assert_true(memcmp(z[0], z[1], sizeof z[0]) != 0);
    if (machine() != NULL)
        assert_memory_equal(z[1], z[2], sizeof z[1]);
    mem_free(theta);
}

static void test_network(void **state)
{
    (void)state;
    check_network(0, false);
    check_network(0, true);
    check_network(4, true);
}

/* Two heads with means 0.5 and 0.25; the middle two of four candidates change places. */
static void test_accuracy(void **state)
{
    (void)state;
    const double mean[2] = {0.5, 0.25};
    const float a[8] = {0.9f, 0.5f, 0.5f, 0.25f, 0.4f, 0.25f, 0.1f, 0.125f};
    const float b[8] = {0.9f, 0.5f, 0.375f, 0.25f, 0.4f, 0.25f, 0.1f, 0.125f};
    struct err err = ERR_INIT;
    struct accuracy got = {0};
    assert_ok(accuracy_add(&got, 4, 2, mean, a, b, &err), &err);
    assert_ok(accuracy_add(&got, 4, 2, mean, a, a, &err), &err);
    assert_int_equal(got.requests, 2);
    assert_int_equal(got.n, 16);
    assert_close(got.probability, 0.125, 1e-15);
    assert_close(got.logit, log(0.625 / 0.375), 1e-12);
    assert_close(got.logit_squares, pow(log(0.625 / 0.375), 2.0), 1e-12);
    assert_close(got.tau, 4.0 / 6.0 + 1.0, 1e-12);
    assert_close(got.first, 2.0, 0.0);
    assert_close(got.overlap, 2.0, 0.0);
}

/* Of 40 candidates in opposite orders, the first 20 of one are the last of the other. */
static void test_opposite(void **state)
{
    (void)state;
    const double mean = 1.0;
    float a[40], b[40];
    struct err err = ERR_INIT;
    struct accuracy got = {0};
    for (size_t i = 0; i < 40; i++) {
        a[i] = (float)(i + 1) / 64.0f;
        b[i] = (float)(40 - i) / 64.0f;
    }
    assert_ok(accuracy_add(&got, 40, 1, &mean, a, b, &err), &err);
    assert_close(got.tau, -1.0, 1e-12);
    assert_close(got.overlap, 0.0, 0.0);
    assert_close(got.first, 0.0, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_halves), cmocka_unit_test(test_rounding), cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_random),     cmocka_unit_test(test_requests), cmocka_unit_test(test_extreme),
        cmocka_unit_test(test_one),        cmocka_unit_test(test_blocks),   cmocka_unit_test(test_pairs_and_join),
        cmocka_unit_test(test_network),    cmocka_unit_test(test_accuracy), cmocka_unit_test(test_opposite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
