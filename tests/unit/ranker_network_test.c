/* network: against formulas written down independently in double. */
#include "tests/lib/check.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/network.h"
#include "ranker/pooled.h"
#include "tests/golden/network.h"

/* TOWER: two registers of the largest and a remainder. */
enum { ROWS = 9, TOWER = 37, MAX_PARAMETERS = 2048 };

static const struct network_shape SHAPE = {.width = 7, .hidden1 = 6, .hidden2 = 5, .tower = TOWER, .heads = 3},
                                  EXPERTS = {
                                      .width = 7, .hidden1 = 6, .hidden2 = 5, .tower = TOWER, .heads = 3, .experts = 4};

struct problem {
    struct network_shape shape;
    struct network_layout layout;
    float theta[MAX_PARAMETERS], x[ROWS * 7], weights[ROWS * 3];
    uint32_t labels[ROWS];
};

static void make_problem(struct problem *p, const struct network_shape *shape, uint64_t seed)
{
    struct rng rng;
    const double b4[3] = {-0.3, 0.7, -1.9};
    rng_init(&rng, seed, 1, 2);
    p->shape = *shape;
    p->layout = network_layout(shape);
    assert_true(p->layout.n <= MAX_PARAMETERS);
    network_init(shape, &rng, b4, p->theta);
    for (size_t i = 0; i < p->layout.n; i++) /* biases and gates too */
        p->theta[i] += (float)(0.2 * rng_normal(&rng));
    for (size_t i = 0; i < ROWS * shape->width; i++)
        p->x[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < ROWS; i++)
        p->labels[i] = (uint32_t)rng_below(&rng, 8);
    for (size_t i = 0; i < ROWS * 3; i++)
        p->weights[i] = rng_below(&rng, 3) == 0 ? 0.0f : (float)(3.0 * rng_uniform(&rng));
}

/* y = x W + b, relu when asked, in double; W [k * m] with a stride. */
static void layer(const double *x, size_t k, size_t m, const double *w, size_t stride, const double *b, bool relu,
                  double *y)
{
    for (size_t j = 0; j < m; j++) {
        y[j] = b[j];
        for (size_t i = 0; i < k; i++)
            y[j] += x[i] * w[i * stride + j];
        if (relu && y[j] < 0.0)
            y[j] = 0.0;
    }
}

/* The input of the tower of head h, [5]. */
static void tower_input(const struct problem *p, const double *theta, const double *h1, size_t h, double *m)
{
    const struct network_layout *l = &p->layout;
    const size_t experts = p->shape.experts;
    double gate[4], expert[5], sum = 0.0;
    if (experts == 0) {
        layer(h1, 6, 5, theta + l->w2, 5, theta + l->b2, true, m);
        return;
    }
    layer(h1, 6, experts, theta + l->wg + h * experts, 3 * experts, theta + l->bg + h * experts, false, gate);
    for (size_t e = 0; e < experts; e++)
        sum += exp(gate[e]);
    memset(m, 0, 5 * sizeof *m);
    for (size_t e = 0; e < experts; e++) {
        layer(h1, 6, 5, theta + l->w2 + e * 5, experts * 5, theta + l->b2 + e * 5, true, expert);
        for (size_t j = 0; j < 5; j++)
            m[j] += exp(gate[e]) / sum * expert[j];
    }
}

/* The loss of the header's formula. */
static double reference_loss(const struct problem *p, const double *theta, const double *x, bool weighted, double *z)
{
    const struct network_layout *l = &p->layout;
    double loss = 0.0;
    for (size_t i = 0; i < ROWS; i++) {
        double h1[6], m[5], t[TOWER];
        layer(x + i * 7, 7, 6, theta + l->w1, 6, theta + l->b1, true, h1);
        for (size_t h = 0; h < 3; h++) {
            double logit = theta[l->b4 + h];
            for (size_t j = 0; j < 7 && p->shape.wide; j++)
                logit += x[i * 7 + j] * theta[l->v + j * 3 + h];
            tower_input(p, theta, h1, h, m);
            layer(m, 5, TOWER, theta + l->w3 + h * TOWER, 3 * TOWER, theta + l->b3 + h * TOWER, true, t);
            for (size_t j = 0; j < TOWER; j++)
                logit += t[j] * theta[l->w4 + h * TOWER + j];
            z[i * 3 + h] = logit;
            const double q = 1.0 / (1.0 + exp(-logit)), v = weighted ? (double)p->weights[i * 3 + h] : 1.0;
            loss -= v * ((p->labels[i] >> h & 1u) != 0 ? log(q) : log(1.0 - q));
        }
    }
    return loss / ROWS;
}

static double numeric_gradient(const struct problem *p, double *theta, double *x, bool weighted, double *parameter)
{
    double z[ROWS * 3];
    const double old = *parameter, step = 1e-6;
    *parameter = old + step;
    const double up = reference_loss(p, theta, x, weighted, z);
    *parameter = old - step;
    const double down = reference_loss(p, theta, x, weighted, z);
    *parameter = old;
    return (up - down) / (2.0 * step);
}

static void check_gradient(const struct network_shape *shape, bool weighted, uint64_t seed)
{
    struct err err = ERR_INIT;
    struct problem p;
    struct network_work work;
    float gradient[MAX_PARAMETERS], dx[ROWS * 7];
    double theta[MAX_PARAMETERS], x[ROWS * 7], z[ROWS * 3], losses[3];
    make_problem(&p, shape, seed);
    for (size_t i = 0; i < p.layout.n; i++) {
        theta[i] = (double)p.theta[i];
        gradient[i] = nanf(""); /* written, not added */
    }
    for (size_t i = 0; i < ROWS * 7; i++)
        x[i] = (double)p.x[i];
    assert_ok(network_work_new(shape, ROWS, &work, &err), &err);
    network_forward(shape, p.theta, p.x, ROWS, 0.0, NULL, &work);
    network_backward(shape, p.theta, p.x, p.labels, weighted ? p.weights : NULL, ROWS, 1.0f / ROWS, &work, gradient, dx,
                     losses);
    const double loss = reference_loss(&p, theta, x, weighted, z);
    assert_close((losses[0] + losses[1] + losses[2]) / ROWS, loss, 1e-5);
    for (size_t i = 0; i < ROWS * 3; i++)
        assert_close((double)work.z[i], z[i], 1e-5);
    for (size_t i = 0; i < p.layout.n; i++)
        assert_close((double)gradient[i], numeric_gradient(&p, theta, x, weighted, &theta[i]), 1e-5);
    for (size_t i = 0; i < ROWS * 7; i++)
        assert_close((double)dx[i], numeric_gradient(&p, theta, x, weighted, &x[i]), 1e-5);
    network_work_done(&work);
}

enum { POOLED_WIDTH = 3, POOLED_AT = 2, TABLE_ROWS = 6 };

/* The default, an item twice, many, one. */
static size_t list_starts[] = {0, 1, 4, 9, 10};
static uint32_t list_rows[] = {0, 2, 3, 2, 1, 2, 3, 4, 5, 5};
static const struct pooled POOLED = {4, list_starts, list_rows};

/* x with the means of the rows' lists in its inputs from POOLED_AT on. */
static void reference_means(const double *table, double *x)
{
    for (size_t i = 0; i < ROWS; i++) {
        const size_t first = list_starts[i % 4], end = list_starts[i % 4 + 1];
        for (size_t j = 0; j < POOLED_WIDTH; j++) {
            double sum = 0.0;
            for (size_t k = first; k < end; k++)
                sum += table[list_rows[k] * POOLED_WIDTH + j];
            x[i * 7 + POOLED_AT + j] = sum / (double)(end - first);
        }
    }
}

/* Embeddings behind a mean of lists: from the loss to the table. */
static void check_pooled_gradient(const struct network_shape *shape, uint64_t seed)
{
    struct err err = ERR_INIT;
    struct problem p;
    struct network_work work;
    struct rng rng;
    float gradient[MAX_PARAMETERS], dx[ROWS * 7], table[TABLE_ROWS * POOLED_WIDTH],
        have[TABLE_ROWS * POOLED_WIDTH] = {0};
    double theta[MAX_PARAMETERS], x[ROWS * 7], z[ROWS * 3], losses[3], at[TABLE_ROWS * POOLED_WIDTH];
    rng_init(&rng, seed, 3, 4);
    make_problem(&p, shape, seed);
    for (size_t i = 0; i < TABLE_ROWS * POOLED_WIDTH; i++)
        at[i] = (double)(table[i] = (float)rng_normal(&rng));
    for (size_t i = 0; i < p.layout.n; i++)
        theta[i] = (double)p.theta[i];
    for (size_t i = 0; i < ROWS * 7; i++)
        x[i] = (double)p.x[i];
    reference_means(at, x);
    for (uint32_t i = 0; i < ROWS; i++) {
        float *to = p.x + i * 7 + POOLED_AT;
        pooled_mean(&POOLED, i % 4, table, POOLED_WIDTH, to);
        for (size_t j = 0; j < POOLED_WIDTH; j++)
            assert_close((double)to[j], x[i * 7 + POOLED_AT + j], 1e-6);
    }
    assert_ok(network_work_new(shape, ROWS, &work, &err), &err);
    network_forward(shape, p.theta, p.x, ROWS, 0.0, NULL, &work);
    network_backward(shape, p.theta, p.x, p.labels, NULL, ROWS, 1.0f / ROWS, &work, gradient, dx, losses);
    for (uint32_t i = 0; i < ROWS; i++)
        pooled_gradient(&POOLED, i % 4, dx + i * 7 + POOLED_AT, POOLED_WIDTH, have);
    for (size_t i = 0; i < TABLE_ROWS * POOLED_WIDTH; i++) {
        const double old = at[i], step = 1e-6;
        at[i] = old + step;
        reference_means(at, x);
        const double up = reference_loss(&p, theta, x, false, z);
        at[i] = old - step;
        reference_means(at, x);
        const double down = reference_loss(&p, theta, x, false, z);
        at[i] = old;
        assert_close((double)have[i], (up - down) / (2.0 * step), 1e-5);
    }
    network_work_done(&work);
}

static void test_gradient_is_the_difference_quotient(void **state)
{
    (void)state;
    for (uint64_t seed = check_seed(); seed < check_seed() + 10; seed++) {
        check_gradient(&SHAPE, false, seed);
        check_gradient(&SHAPE, true, seed);
        check_gradient(&EXPERTS, false, seed);
        check_gradient(&EXPERTS, true, seed);
        for (int experts = 0; experts < 2; experts++) {
            struct network_shape wide = experts == 0 ? SHAPE : EXPERTS;
            wide.wide = true;
            check_gradient(&wide, true, seed);
        }
        check_pooled_gradient(&SHAPE, seed);
        check_pooled_gradient(&EXPERTS, seed);
    }
}

/* What PyTorch computed from the same parameters, inputs, labels and weights. */
struct golden {
    size_t experts, n;
    const double *theta, *x, *labels, *weights, *logits, *loss, *gradient, *dx;
};

static void check_golden(const struct golden *g)
{
    struct err err = ERR_INIT;
    const struct network_shape shape = {.width = GOLDEN_WIDTH,
                                        .hidden1 = GOLDEN_HIDDEN1,
                                        .hidden2 = GOLDEN_HIDDEN2,
                                        .tower = GOLDEN_TOWER,
                                        .heads = GOLDEN_HEADS,
                                        .experts = g->experts};
    struct network_work work;
    float theta[MAX_PARAMETERS], gradient[MAX_PARAMETERS], x[GOLDEN_ROWS * GOLDEN_WIDTH],
        dx[GOLDEN_ROWS * GOLDEN_WIDTH];
    float weights[GOLDEN_ROWS * GOLDEN_HEADS];
    uint32_t labels[GOLDEN_ROWS] = {0};
    double losses[GOLDEN_HEADS], loss = 0.0;
    assert_int_equal(network_layout(&shape).n, g->n);
    for (size_t i = 0; i < g->n; i++)
        theta[i] = (float)g->theta[i];
    for (size_t i = 0; i < GOLDEN_ROWS * GOLDEN_WIDTH; i++)
        x[i] = (float)g->x[i];
    for (size_t i = 0; i < GOLDEN_ROWS * GOLDEN_HEADS; i++) {
        weights[i] = (float)g->weights[i];
        labels[i / GOLDEN_HEADS] |= (g->labels[i] > 0.5 ? 1u : 0u) << i % GOLDEN_HEADS;
    }
    assert_ok(network_work_new(&shape, GOLDEN_ROWS, &work, &err), &err);
    network_forward(&shape, theta, x, GOLDEN_ROWS, 0.0, NULL, &work);
    network_backward(&shape, theta, x, labels, weights, GOLDEN_ROWS, 1.0f / GOLDEN_ROWS, &work, gradient, dx, losses);
    for (size_t i = 0; i < GOLDEN_ROWS * GOLDEN_HEADS; i++)
        assert_close((double)work.z[i], g->logits[i], 2e-6);
    for (size_t h = 0; h < GOLDEN_HEADS; h++)
        loss += losses[h] / GOLDEN_ROWS;
    assert_close(loss, *g->loss, 2e-6);
    for (size_t i = 0; i < g->n; i++)
        assert_close((double)gradient[i], g->gradient[i], 2e-6);
    for (size_t i = 0; i < GOLDEN_ROWS * GOLDEN_WIDTH; i++)
        assert_close((double)dx[i], g->dx[i], 2e-6);
    network_work_done(&work);
}

static void test_golden(void **state)
{
    (void)state;
    const struct golden shared = {0,
                                  sizeof GOLDEN_SHARED_THETA / sizeof(double),
                                  GOLDEN_SHARED_THETA,
                                  GOLDEN_SHARED_X,
                                  GOLDEN_SHARED_LABELS,
                                  GOLDEN_SHARED_WEIGHTS,
                                  GOLDEN_SHARED_LOGITS,
                                  GOLDEN_SHARED_LOSS,
                                  GOLDEN_SHARED_GRADIENT,
                                  GOLDEN_SHARED_DX},
                        mmoe = {GOLDEN_EXPERTS,       sizeof GOLDEN_MMOE_THETA / sizeof(double),
                                GOLDEN_MMOE_THETA,    GOLDEN_MMOE_X,
                                GOLDEN_MMOE_LABELS,   GOLDEN_MMOE_WEIGHTS,
                                GOLDEN_MMOE_LOGITS,   GOLDEN_MMOE_LOSS,
                                GOLDEN_MMOE_GRADIENT, GOLDEN_MMOE_DX};
    check_golden(&shared);
    check_golden(&mmoe);
}

static void test_shapes(void **state)
{
    (void)state;
    struct network_shape shape = EXPERTS;
    assert_true(network_shape_valid(&shape) && network_shape_valid(&SHAPE));
    shape.experts = 1;
    assert_false(network_shape_valid(&shape));
    shape.experts = NETWORK_MAX_EXPERTS + 1;
    assert_false(network_shape_valid(&shape));
    /* 4 experts of 5 outputs and 12 gates of 6 inputs, 3 mixtures of 4 times 5, towers */
    assert_close(network_flops(&EXPERTS), 2.0 * (6 * (20 + 12) + 3 * 4 * 5 + (5 + 1) * 3 * TOWER), 0.0);
    assert_close(network_flops(&SHAPE), 2.0 * (6 * 5 + (5 + 1) * 3 * TOWER), 0.0);
    float x[3] = {1000.0f, 1000.0f, -1000.0f};
    network_softmax(3, x);
    assert_close((double)x[0], 0.5, 1e-7);
    assert_close((double)x[2], 0.0, 0.0);
}

/* The mean over many draws of dropout is near the output without it for a single linear piece. */
static void test_dropout(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct problem p;
    struct network_work work;
    struct rng rng;
    make_problem(&p, &SHAPE, 5);
    for (size_t i = p.layout.b1; i < p.layout.w2; i++)
        p.theta[i] = 1.5f;
    rng_init(&rng, 1, 1, 1);
    assert_ok(network_work_new(&SHAPE, ROWS, &work, &err), &err);
    size_t zeros = 0;
    double sum = 0.0, plain = 0.0;
    network_forward(&SHAPE, p.theta, p.x, ROWS, 0.0, NULL, &work);
    for (size_t i = 0; i < ROWS * SHAPE.hidden1; i++)
        plain += (double)work.h1[i];
    for (int draw = 0; draw < 2000; draw++) {
        network_forward(&SHAPE, p.theta, p.x, ROWS, 0.25, &rng, &work);
        for (size_t i = 0; i < ROWS * SHAPE.hidden1; i++) {
            sum += (double)work.h1[i];
            zeros += work.h1[i] > 0.0f ? 0 : 1;
        }
    }
    assert_close(sum / 2000.0, plain, 0.01);
    assert_close((double)work.keep_scale, 4.0 / 3.0, 1e-6);
    assert_true(zeros > 2000 * ROWS * SHAPE.hidden1 / 5);
    network_work_done(&work);
}

static void test_log_loss_is_stable(void **state)
{
    (void)state;
    assert_close(network_log_loss(0.3, 1), -log(1.0 / (1.0 + exp(-0.3))), 1e-15);
    assert_close(network_log_loss(0.3, 0), -log(1.0 - 1.0 / (1.0 + exp(-0.3))), 1e-15);
    assert_close(network_log_loss(-800.0, 1), 800.0, 1e-15);
    assert_close(network_log_loss(800.0, 1), 0.0, 0.0);
    assert_close(network_sigmoid(-745.0), 0.0, 1e-300);
    assert_close(network_sigmoid(1.7), 1.0 / (1.0 + exp(-1.7)), 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_is_the_difference_quotient),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_log_loss_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
