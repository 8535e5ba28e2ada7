/* The products of a layer against sums in double: sizes around panels, blocks and the depth of a product, matrices that
 * are parts of wider ones, and what lies beside them untouched. */
#include "tests/lib/check.h"

#include <float.h>
#include <math.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "ranker/dense.h"

static const float MARK = 1234.5f; /* beside every matrix */

struct part {
    size_t rows, columns;
    struct matrix m;
    float *block;
};

static struct part part_new(size_t rows, size_t columns, struct rng *rng)
{
    const size_t stride = columns + (size_t)rng_below(rng, 3);
    struct part part = {.rows = rows, .columns = columns};
    part.block = mem_alloc(rows * stride + 1, sizeof *part.block);
    assert_non_null(part.block);
    for (size_t i = 0; i <= rows * stride; i++)
        part.block[i] = MARK;
    part.m = (struct matrix){part.block, stride};
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++)
            part.block[i * stride + j] = (float)rng_normal(rng);
    }
    return part;
}

static struct const_matrix view(const struct part *part)
{
    return (struct const_matrix){part->m.at, part->m.stride};
}

static double at(const struct part *part, size_t i, size_t j)
{
    return (double)part->m.at[i * part->m.stride + j];
}

static void part_done(struct part *part)
{
    for (size_t i = 0; i < part->rows; i++) {
        for (size_t j = part->columns; j < part->m.stride; j++)
            assert_true(part->m.at[i * part->m.stride + j] == MARK);
    }
    assert_true(part->block[part->rows * part->m.stride] == MARK);
    mem_free(part->block);
}

/* A sum of n products is off by less than n u times the sum of their sizes (Higham 2002, eq. 3.5). */
struct sum {
    double value, size;
    size_t n;
};

static void add(struct sum *sum, double v)
{
    sum->value += v;
    sum->size += fabs(v);
    sum->n++;
}

static void assert_sum(double value, struct sum sum)
{
    assert_true(fabs(value - sum.value) <= (double)(sum.n + 2) * (double)FLT_EPSILON / 2.0 * sum.size);
}

static void check_forward(size_t n, size_t k, size_t m, struct rng *rng)
{
    struct part x = part_new(n, k, rng), w = part_new(k, m, rng), b = part_new(1, m, rng), y = part_new(n, m, rng);
    dense(n, k, m, view(&x), view(&w), b.m.at, y.m);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            struct sum sum = {0};
            add(&sum, at(&b, 0, j));
            for (size_t p = 0; p < k; p++)
                add(&sum, at(&x, i, p) * at(&w, p, j));
            assert_sum(at(&y, i, j), sum);
        }
    }
    part_done(&x);
    part_done(&w);
    part_done(&b);
    part_done(&y);
}

static void check_backward(size_t n, size_t k, size_t m, struct rng *rng)
{
    struct part x = part_new(n, k, rng), dy = part_new(n, m, rng), dw = part_new(k, m, rng), db = part_new(1, m, rng);
    dense_backward(n, k, m, view(&x), view(&dy), dw.m, db.m.at);
    for (size_t j = 0; j < m; j++) {
        struct sum column = {0};
        for (size_t i = 0; i < n; i++)
            add(&column, at(&dy, i, j));
        assert_sum(at(&db, 0, j), column);
        for (size_t p = 0; p < k; p++) {
            struct sum sum = {0};
            for (size_t i = 0; i < n; i++)
                add(&sum, at(&x, i, p) * at(&dy, i, j));
            assert_sum(at(&dw, p, j), sum);
        }
    }
    part_done(&x);
    part_done(&dy);
    part_done(&dw);
    part_done(&db);
}

static void check_backward_input(size_t n, size_t k, size_t m, bool on_top, struct rng *rng)
{
    struct part w = part_new(k, m, rng), dy = part_new(n, m, rng), dx = part_new(n, k, rng);
    double *before = mem_alloc(n * k + 1, sizeof *before);
    assert_non_null(before);
    for (size_t i = 0; i < n * k; i++)
        before[i] = at(&dx, i / k, i % k);
    if (!on_top && n * k > 0)
        dx.m.at[0] = (float)NAN; /* what is there must not be read */
    dense_backward_input(n, k, m, view(&w), view(&dy), on_top, dx.m);
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < k; p++) {
            struct sum sum = {0};
            add(&sum, on_top ? before[i * k + p] : 0.0);
            for (size_t j = 0; j < m; j++)
                add(&sum, at(&dy, i, j) * at(&w, p, j));
            assert_sum(at(&dx, i, p), sum);
        }
    }
    mem_free(before);
    part_done(&w);
    part_done(&dy);
    part_done(&dx);
}

static void check_all(size_t n, size_t k, size_t m, struct rng *rng)
{
    check_forward(n, k, m, rng);
    check_backward(n, k, m, rng);
    check_backward_input(n, k, m, false, rng);
    check_backward_input(n, k, m, true, rng);
}

static void test_random_sizes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, check_seed(), 20, 1);
    for (size_t round = 0; round < 60; round++)
        check_all((size_t)rng_below(&rng, 60), (size_t)rng_below(&rng, 90), (size_t)rng_below(&rng, 90), &rng);
}

/* Whole and broken panels and blocks, and sums longer than one product takes. */
static void test_edges(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 15, 16, 17, 31, 32, 33, 64, 100};
    struct rng rng;
    rng_init(&rng, check_seed(), 20, 2);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        check_all(13, SIZES[i], 40, &rng);
        check_all(13, 40, SIZES[i], &rng);
        check_all(SIZES[i], 7, 33, &rng);
    }
    check_all(5, DENSE_DEPTH, 34, &rng);
    check_all(5, 2 * DENSE_DEPTH + 3, 34, &rng);
    check_all(2 * DENSE_DEPTH + 3, 5, 34, &rng);
    check_all(5, 34, 2 * DENSE_DEPTH + 3, &rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sizes),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
