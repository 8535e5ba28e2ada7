/* Every kernel that this machine runs: against sums in double, against the reference, row by row, and on extreme input.
 */
#include "tests/lib/check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/kernel.h"
#include "ranker/packed.h"

struct layer {
    size_t n, k, m;
    float *x, *w, *panels, *b, *y, *other;
};

static void layer_new(struct layer *l, size_t n, size_t k, size_t m, struct rng *rng)
{
    *l = (struct layer){.n = n, .k = k, .m = m};
    l->x = mem_alloc(n * k, sizeof *l->x);
    l->w = mem_alloc(k * m, sizeof *l->w);
    l->panels = mem_alloc(k * m, sizeof *l->panels);
    l->b = mem_alloc(m, sizeof *l->b);
    l->y = mem_alloc(n * m, sizeof *l->y);
    l->other = mem_alloc(n * m, sizeof *l->other);
    assert_true(l->x != NULL && l->w != NULL && l->panels != NULL && l->b != NULL && l->y != NULL && l->other != NULL);
    for (size_t i = 0; i < n * k; i++)
        l->x[i] = (float)(rng_normal(rng) * (rng_below(rng, 50) == 0 ? 1e4 : 1.0));
    for (size_t i = 0; i < k * m; i++)
        l->w[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < m; i++)
        l->b[i] = (float)rng_normal(rng);
    kernel_pack(k, m, l->w, l->panels);
}

static void layer_done(struct layer *l)
{
    mem_free(l->x);
    mem_free(l->w);
    mem_free(l->panels);
    mem_free(l->b);
    mem_free(l->y);
    mem_free(l->other);
}

static void run(const struct kernel *kernel, const struct layer *l, float *y)
{
    for (size_t i = 0; i < l->n * l->m; i++)
        y[i] = -1.0f; /* no relu leaves this behind */
    kernel->layer(l->n, l->k, l->m, l->x, l->panels, l->b, y);
}

/* The error of a sum of k + 1 floats, Higham 2002, eq. 3.5, is below (k + 2) u times the sum of the sizes. */
static void check_sums(const struct layer *l)
{
    const double bound = (double)(l->k + 2) * (double)FLT_EPSILON / 2.0;
    for (size_t i = 0; i < l->n; i++) {
        for (size_t j = 0; j < l->m; j++) {
            double sum = (double)l->b[j], size = fabs(sum);
            for (size_t p = 0; p < l->k; p++) {
                const double product = (double)l->x[i * l->k + p] * (double)l->w[p * l->m + j];
                sum += product;
                size += fabs(product);
            }
            assert_true(fabs((double)l->y[i * l->m + j] - (sum > 0.0 ? sum : 0.0)) <= bound * size);
        }
    }
}

/* The digits of a row are those it has alone. */
static void check_rows(const struct kernel *kernel, const struct layer *l)
{
    for (size_t i = 0; i < l->n; i++)
        kernel->layer(1, l->k, l->m, l->x + i * l->k, l->panels, l->b, l->other + i * l->m);
    assert_memory_equal(l->other, l->y, l->n * l->m * sizeof *l->y);
}

static void check_layer(const struct kernel *kernel, size_t n, size_t k, size_t m, struct rng *rng)
{
    struct layer l;
    layer_new(&l, n, k, m, rng);
    run(kernel, &l, l.y);
    check_sums(&l);
    check_rows(kernel, &l);
    layer_done(&l);
}

typedef void check(const struct kernel *kernel);

static void for_each_available(check *run_check)
{
    size_t n = 0;
    for (const struct kernel *const *kernel = kernel_all(); *kernel != NULL; kernel++) {
        if (!(*kernel)->available())
            continue;
        n++;
        run_check(*kernel);
    }
    assert_true(n > 0);
}

static void check_random(const struct kernel *kernel)
{
    struct rng rng;
    rng_init(&rng, check_seed(), 8, 9);
    for (size_t n = 0; n <= 2 * 12 + 1; n++) { /* around every tile */
        const size_t k = (size_t)rng_below(&rng, 70), m = KERNEL_ALIGN * (1 + (size_t)rng_below(&rng, 4));
        check_layer(kernel, n, k, m, &rng);
    }
    check_layer(kernel, 500, 256, 128, &rng);
    check_layer(kernel, 2000, 17, 32, &rng);
    check_layer(kernel, 7, 1000, 320, &rng);
}

static void test_random(void **state)
{
    (void)state;
    for_each_available(check_random);
}

/* A block of training adds to what is there, for either way that its first factor lies, and touches nothing else. */
static void check_block_sums(const struct kernel *kernel, size_t n, size_t k, bool transposed, struct rng *rng)
{
    enum { MAX = 40, STRIDE = KERNEL_ALIGN + 3 };
    float a[MAX * MAX], w[MAX * KERNEL_ALIGN], panels[MAX * KERNEL_ALIGN], c[MAX * STRIDE], before[MAX * STRIDE];
    assert_true(n < MAX && k < MAX);
    for (size_t i = 0; i < MAX * MAX; i++)
        a[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < MAX * KERNEL_ALIGN; i++)
        w[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < MAX * STRIDE; i++)
        c[i] = before[i] = (float)rng_normal(rng);
    kernel_pack(k, KERNEL_ALIGN, w, panels);
    kernel->block(n, k, (struct operand){a, MAX, transposed}, panels, c, STRIDE);
    for (size_t at = 0; at < MAX * STRIDE; at++) {
        const size_t i = at / STRIDE, j = at % STRIDE;
        double sum = (double)before[at], size = fabs(sum);
        for (size_t p = 0; p < k && i < n && j < KERNEL_ALIGN; p++) {
            const double v = (double)a[transposed ? p * MAX + i : i * MAX + p] * (double)w[p * KERNEL_ALIGN + j];
            sum += v;
            size += fabs(v);
        }
        const bool inside = i < n && j < KERNEL_ALIGN;
        assert_true(fabs((double)c[at] - sum) <= (inside ? (double)(k + 2) * (double)FLT_EPSILON / 2.0 * size : 0.0));
    }
}

static void check_block(const struct kernel *kernel)
{
    struct rng rng;
    rng_init(&rng, check_seed(), 18, 19);
    for (size_t n = 0; n <= 2 * 12 + 1; n++) {
        check_block_sums(kernel, n, (size_t)rng_below(&rng, 40), false, &rng);
        check_block_sums(kernel, n, (size_t)rng_below(&rng, 40), true, &rng);
    }
}

static void test_block(void **state)
{
    (void)state;
    for_each_available(check_block);
}

static void check_dot(const struct kernel *kernel)
{
    struct rng rng;
    rng_init(&rng, check_seed(), 10, 11);
    for (size_t n = 0; n <= 8 * KERNEL_ALIGN; n += KERNEL_ALIGN) {
        float x[8 * KERNEL_ALIGN], y[8 * KERNEL_ALIGN];
        double sum = 0.0, size = 0.0;
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)rng_normal(&rng);
            y[i] = (float)rng_normal(&rng);
            sum += (double)x[i] * (double)y[i];
            size += fabs((double)x[i] * (double)y[i]);
        }
        assert_true(fabs((double)kernel->dot(n, x, y) - sum) <= 1e-6 * size);
    }
}

static void test_dot(void **state)
{
    (void)state;
    for_each_available(check_dot);
}

static void check_add_and_join(const struct kernel *kernel)
{
    struct rng rng;
    rng_init(&rng, check_seed(), 16, 17);
    for (size_t m = 0; m <= 8 * KERNEL_ALIGN; m += KERNEL_ALIGN) {
        float a[8 * KERNEL_ALIGN], b[8 * KERNEL_ALIGN], sum[8 * KERNEL_ALIGN], y[8 * KERNEL_ALIGN];
        for (size_t j = 0; j < m; j++) {
            a[j] = (float)rng_normal(&rng);
            b[j] = sum[j] = (float)rng_normal(&rng);
        }
        kernel->add(m, -1.75f, a, sum);
        kernel->join(m, a, b, y);
        for (size_t j = 0; j < m; j++) {
            assert_close((double)sum[j], (double)b[j] - 1.75 * (double)a[j], 1e-6);
            assert_close((double)y[j], fmax(0.0, (double)a[j] + (double)b[j]), 1e-6);
        }
    }
}

static void test_add_and_join(void **state)
{
    (void)state;
    for_each_available(check_add_and_join);
}

/* The first block of the layer, the first factor either way: a NaN and a zero may have either sign. */
static void check_extreme_block(const struct kernel *kernel, const struct layer *l)
{
    enum { ROWS = 13, DEPTH = 9 };
    float across[DEPTH * ROWS], ours[ROWS * KERNEL_ALIGN], theirs[ROWS * KERNEL_ALIGN];
    assert_true(l->n == ROWS && l->k == DEPTH);
    for (size_t i = 0; i < ROWS * DEPTH; i++)
        across[i % DEPTH * ROWS + i / DEPTH] = l->x[i];
    const struct operand ways[2] = {{l->x, DEPTH, false}, {across, ROWS, true}};
    for (size_t way = 0; way < 2; way++) {
        memset(ours, 0, sizeof ours);
        memset(theirs, 0, sizeof theirs);
        kernel->block(ROWS, DEPTH, ways[way], l->panels, ours, KERNEL_ALIGN);
        KERNEL_REFERENCE.block(ROWS, DEPTH, ways[way], l->panels, theirs, KERNEL_ALIGN);
        for (size_t i = 0; i < ROWS * KERNEL_ALIGN; i++)
            assert_true((isnan(ours[i]) && isnan(theirs[i])) || ours[i] == theirs[i]);
    }
}

/* Values that exact arithmetic gives, whatever the order: every version must agree with the reference in each bit. */
static void check_extreme(const struct kernel *kernel)
{
    static const float VALUES[] = {0.0f,         -0.0f,         FLT_MIN,           -FLT_MIN,
                                   FLT_TRUE_MIN, -FLT_TRUE_MIN, 64 * FLT_TRUE_MIN, FLT_MAX,
                                   -FLT_MAX,     HUGE_VALF,     -HUGE_VALF,        NAN};
    enum { N_VALUES = sizeof VALUES / sizeof *VALUES, ROWS = 13 };
    struct rng rng;
    rng_init(&rng, check_seed(), 12, 13);
    for (size_t place = 0; place < 9; place++) {
        struct layer l;
        layer_new(&l, ROWS, 9, 2 * KERNEL_ALIGN, &rng);
        memset(l.x, 0, l.n * l.k * sizeof *l.x);
        for (size_t i = 0; i < l.n; i++)
            l.x[i * l.k + place] = VALUES[i % N_VALUES];
        for (size_t j = 0; j < l.m; j++) { /* powers of two, and some that are not finite */
            l.b[j] = 0.0f;
            for (size_t p = 0; p < l.k; p++)
                l.w[p * l.m + j] =
                    j % 8 == 7 ? VALUES[(j / 8) % N_VALUES] : ldexpf(j % 2 == 0 ? 1.0f : -1.0f, (int)(j % 5));
        }
        kernel_pack(l.k, l.m, l.w, l.panels);
        run(&KERNEL_REFERENCE, &l, l.other);
        run(kernel, &l, l.y);
        assert_memory_equal(l.y, l.other, l.n * l.m * sizeof *l.y);
        check_rows(kernel, &l);
        check_extreme_block(kernel, &l);
        layer_done(&l);
    }
}

static void test_extreme(void **state)
{
    (void)state;
    for_each_available(check_extreme);
}

/* What the header says about infinities, NaN, overflow and denormals. */
static void check_not_finite(const struct kernel *kernel)
{
    const float x[7] = {1.0f, -1.0f, NAN, HUGE_VALF, FLT_MAX, FLT_TRUE_MIN, 0.0f};
    const float want[7] = {2.0f, 0.0f, 0.0f, HUGE_VALF, HUGE_VALF, 2 * FLT_TRUE_MIN, 0.0f};
    float w[KERNEL_ALIGN], panels[KERNEL_ALIGN], b[KERNEL_ALIGN] = {0.0f}, y[7 * KERNEL_ALIGN];
    for (size_t j = 0; j < KERNEL_ALIGN; j++)
        w[j] = 2.0f;
    kernel_pack(1, KERNEL_ALIGN, w, panels);
    kernel->layer(7, 1, KERNEL_ALIGN, x, panels, b, y);
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < KERNEL_ALIGN; j++)
            assert_memory_equal(&y[i * KERNEL_ALIGN + j], &want[i], sizeof *y);
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    for_each_available(check_not_finite);
}

static void test_choice(void **state)
{
    (void)state;
    assert_true(kernel_best()->available());
    assert_ptr_equal(kernel_find("reference"), &KERNEL_REFERENCE);
    assert_null(kernel_find("abacus"));
#ifdef __x86_64__
    assert_ptr_equal(kernel_find("avx2"), &KERNEL_AVX2);
    if (__builtin_cpu_supports("avx512f"))
        assert_ptr_equal(kernel_best(), &KERNEL_AVX512);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        assert_ptr_equal(kernel_best(), &KERNEL_AVX2);
#endif
}

/* A packed network of sizes that need padding gives the logits of the network that was trained. */
static void check_shape(const struct kernel *kernel, size_t experts, bool wide)
{
    const struct network_shape shape = {
        .width = 5, .hidden1 = 40, .hidden2 = 33, .tower = 7, .heads = 3, .experts = experts, .wide = wide};
    const struct network_layout layout = network_layout(&shape);
    const double b4[3] = {-0.5, 0.25, 2.0};
    struct err err = ERR_INIT;
    struct network_work work;
    struct packed packed;
    struct rng rng;
    float x[KERNEL_ROWS * 5], z[KERNEL_ROWS * 3];
    float *theta = mem_alloc(layout.n, sizeof *theta);
    assert_non_null(theta);
    rng_init(&rng, check_seed(), 14, 15);
    network_init(&shape, &rng, b4, theta);
    for (size_t i = 0; i < layout.n; i++) /* biases too */
        theta[i] += (float)(0.1 * rng_normal(&rng));
    for (size_t i = 0; i < KERNEL_ROWS * 5; i++)
        x[i] = (float)rng_normal(&rng);
    assert_ok(network_work_new(&shape, KERNEL_ROWS, &work, &err), &err);
    assert_ok(packed_new(&shape, theta, NULL, &packed, &err), &err);
    network_forward(&shape, theta, x, KERNEL_ROWS, 0.0, NULL, &work);
    float *h1 = mem_alloc(KERNEL_ROWS * packed.hidden1, sizeof *h1);
    float *scratch = mem_alloc(packed_scratch(&packed), sizeof *scratch);
    assert_true(h1 != NULL && scratch != NULL);
    for (size_t i = 0; i < KERNEL_ROWS; i++) { /* the sum of the inputs' shares, as in serving */
        float *sum = h1 + i * packed.hidden1;
        for (size_t j = 0; j < shape.width; j++)
            kernel->add(packed.hidden1, x[i * shape.width + j], packed.w1 + j * packed.hidden1, sum);
        kernel->join(packed.hidden1, packed.b1, sum, sum);
    }
    packed_logits(&packed, kernel, KERNEL_ROWS, h1, scratch, z);
    for (size_t i = 0; i < KERNEL_ROWS * shape.heads; i++)
        assert_close((double)z[i], (double)work.z[i], 1e-5);
    for (size_t i = 0; i < KERNEL_ROWS; i++) { /* a row's digits do not depend on the others */
        float alone[3];
        packed_logits(&packed, kernel, 1, h1 + i * packed.hidden1, scratch, alone);
        assert_memory_equal(alone, z + i * 3, sizeof alone);
    }
    mem_free(h1);
    mem_free(scratch);
    mem_free(theta);
    packed_done(&packed);
    network_work_done(&work);
}

static void check_packed(const struct kernel *kernel)
{
    check_shape(kernel, 0, false);
    check_shape(kernel, 5, false);
    check_shape(kernel, 0, true);
    check_shape(kernel, 5, true);
}

static void test_packed(void **state)
{
    (void)state;
    for_each_available(check_packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),       cmocka_unit_test(test_block),   cmocka_unit_test(test_dot),
        cmocka_unit_test(test_add_and_join), cmocka_unit_test(test_extreme), cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_choice),       cmocka_unit_test(test_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
