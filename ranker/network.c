#include "ranker/network.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/core/mem.h"

enum { MAX_SIZE = 65536, MAX_HEADS = 16 };

/* Debian's serial OpenBLAS shares one work buffer without locking: two products at once give wrong sums. */
static pthread_mutex_t blas_lock = PTHREAD_MUTEX_INITIALIZER;

static void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, const float *a, size_t lda,
                    const float *b, size_t ldb, float beta, float *c)
{
    pthread_mutex_lock(&blas_lock);
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b, (int)ldb, beta, c, (int)n);
    pthread_mutex_unlock(&blas_lock);
}

bool network_shape_valid(const struct network_shape *s)
{
    return s->width >= 1 && s->width <= MAX_SIZE && s->hidden1 >= 1 && s->hidden1 <= MAX_SIZE && s->hidden2 >= 1 &&
           s->hidden2 <= MAX_SIZE && s->tower >= 1 && s->tower <= MAX_SIZE && s->heads >= 1 && s->heads <= MAX_HEADS;
}

struct network_layout network_layout(const struct network_shape *s)
{
    struct network_layout l;
    l.w1 = 0;
    l.b1 = l.w1 + s->width * s->hidden1;
    l.w2 = l.b1 + s->hidden1;
    l.b2 = l.w2 + s->hidden1 * s->hidden2;
    l.w3 = l.b2 + s->hidden2;
    l.b3 = l.w3 + s->hidden2 * s->heads * s->tower;
    l.w4 = l.b3 + s->heads * s->tower;
    l.b4 = l.w4 + s->heads * s->tower;
    l.n = l.b4 + s->heads;
    return l;
}

static void init_normal(float *to, size_t n, double sd, struct rng *rng)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)(sd * rng_normal(rng));
}

void network_init(const struct network_shape *s, struct rng *rng, const double *b4, float *theta)
{
    const struct network_layout l = network_layout(s);
    memset(theta, 0, l.n * sizeof *theta);
    init_normal(theta + l.w1, s->width * s->hidden1, sqrt(2.0 / (double)s->width), rng);
    init_normal(theta + l.w2, s->hidden1 * s->hidden2, sqrt(2.0 / (double)s->hidden1), rng);
    init_normal(theta + l.w3, s->hidden2 * s->heads * s->tower, sqrt(2.0 / (double)s->hidden2), rng);
    init_normal(theta + l.w4, s->heads * s->tower, sqrt(1.0 / (double)s->tower), rng);
    for (size_t h = 0; h < s->heads; h++)
        theta[l.b4 + h] = (float)b4[h];
}

enum status network_work_new(const struct network_shape *s, size_t rows, struct network_work *ret, struct err *err)
{
    const size_t towers = s->heads * s->tower;
    struct network_work work = {.rows = rows};
    work.block = mem_alloc(rows * (2 * (s->hidden1 + s->hidden2 + towers) + s->heads), sizeof *work.block);
    if (work.block == NULL)
        return err_no_memory(err);
    work.h1 = work.block;
    work.h2 = work.h1 + rows * s->hidden1;
    work.t = work.h2 + rows * s->hidden2;
    work.d1 = work.t + rows * towers;
    work.d2 = work.d1 + rows * s->hidden1;
    work.dt = work.d2 + rows * s->hidden2;
    work.z = work.dt + rows * towers;
    *ret = work;
    return STATUS_OK;
}

void network_work_done(struct network_work *work)
{
    mem_free(work->block);
    *work = (struct network_work){0};
}

/* y [n * m] = x [n * k] w [k * m] + b */
static void linear(size_t n, size_t k, size_t m, const float *x, const float *w, const float *b, float *y)
{
    for (size_t i = 0; i < n; i++)
        memcpy(y + i * m, b, m * sizeof *y);
    product(CblasNoTrans, CblasNoTrans, n, m, k, x, k, w, m, 1.0f, y);
}

/* Backward of linear(): dw = x' dy, db = column sums of dy, dx = dy w'. */
static void linear_backward(size_t n, size_t k, size_t m, const float *x, const float *w, const float *dy, float *dw,
                            float *db, float *dx)
{
    product(CblasTrans, CblasNoTrans, k, m, n, x, k, dy, m, 0.0f, dw);
    memset(db, 0, m * sizeof *db);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++)
            db[j] += dy[i * m + j];
    }
    product(CblasNoTrans, CblasTrans, n, k, m, dy, m, w, m, 0.0f, dx);
}

static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

/* Zeroes the gradient where the activation is zero, and applies the scale of dropout to the rest. */
static void relu_backward(const float *y, float *dy, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = y[i] > 0.0f ? dy[i] * scale : 0.0f;
}

/* Four random 16-bit numbers a draw. */
static void drop(float *x, size_t n, double rate, float scale, struct rng *rng)
{
    const uint64_t threshold = (uint64_t)(rate * 65536.0);
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits = i % 4 == 0 ? rng_u64(rng) : bits >> 16;
        x[i] = (bits & 0xffff) < threshold ? 0.0f : x[i] * scale;
    }
}

void network_forward(const struct network_shape *s, const float *theta, const float *x, size_t n, double dropout,
                     struct rng *rng, struct network_work *work)
{
    work->keep_scale = rng == NULL ? 1.0f : (float)(1.0 / (1.0 - dropout));
    const struct network_layout l = network_layout(s);
    const size_t towers = s->heads * s->tower;
    linear(n, s->width, s->hidden1, x, theta + l.w1, theta + l.b1, work->h1);
    relu(work->h1, n * s->hidden1);
    if (rng != NULL)
        drop(work->h1, n * s->hidden1, dropout, work->keep_scale, rng);
    linear(n, s->hidden1, s->hidden2, work->h1, theta + l.w2, theta + l.b2, work->h2);
    relu(work->h2, n * s->hidden2);
    if (rng != NULL)
        drop(work->h2, n * s->hidden2, dropout, work->keep_scale, rng);
    linear(n, s->hidden2, towers, work->h2, theta + l.w3, theta + l.b3, work->t);
    relu(work->t, n * towers);
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < s->heads; h++) {
            const float *t = work->t + i * towers + h * s->tower, *w = theta + l.w4 + h * s->tower;
            float z = theta[l.b4 + h];
            for (size_t j = 0; j < s->tower; j++)
                z += t[j] * w[j];
            work->z[i * s->heads + h] = z;
        }
    }
}

double network_sigmoid(double z)
{
    return z >= 0.0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

double network_log_loss(double z, int y)
{
    return (z > 0.0 ? z : 0.0) + log1p(exp(-fabs(z))) - (y != 0 ? z : 0.0);
}

/* Gradients of the logits' layer: w4, b4 and dt. */
static void heads_backward(const struct network_shape *s, const float *theta, const uint32_t *labels, size_t n,
                           float scale, struct network_work *work, float *gradient, double *ret_losses)
{
    const struct network_layout l = network_layout(s);
    const size_t towers = s->heads * s->tower;
    memset(gradient + l.w4, 0, (towers + s->heads) * sizeof *gradient);
    for (size_t h = 0; h < s->heads; h++)
        ret_losses[h] = 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < s->heads; h++) {
            const int y = (int)(labels[i] >> h & 1u);
            const double z = (double)work->z[i * s->heads + h];
            const float dz = (float)(network_sigmoid(z) - (double)y) * scale;
            const float *t = work->t + i * towers + h * s->tower, *w = theta + l.w4 + h * s->tower;
            float *dt = work->dt + i * towers + h * s->tower, *dw = gradient + l.w4 + h * s->tower;
            ret_losses[h] += network_log_loss(z, y);
            gradient[l.b4 + h] += dz;
            for (size_t j = 0; j < s->tower; j++) {
                dw[j] += dz * t[j];
                dt[j] = t[j] > 0.0f ? dz * w[j] : 0.0f;
            }
        }
    }
}

void network_backward(const struct network_shape *s, const float *theta, const float *x, const uint32_t *labels,
                      size_t n, float scale, struct network_work *work, float *gradient, float *dx, double *ret_losses)
{
    const struct network_layout l = network_layout(s);
    heads_backward(s, theta, labels, n, scale, work, gradient, ret_losses);
    linear_backward(n, s->hidden2, s->heads * s->tower, work->h2, theta + l.w3, work->dt, gradient + l.w3,
                    gradient + l.b3, work->d2);
    relu_backward(work->h2, work->d2, n * s->hidden2, work->keep_scale);
    linear_backward(n, s->hidden1, s->hidden2, work->h1, theta + l.w2, work->d2, gradient + l.w2, gradient + l.b2,
                    work->d1);
    relu_backward(work->h1, work->d1, n * s->hidden1, work->keep_scale);
    linear_backward(n, s->width, s->hidden1, x, theta + l.w1, work->d1, gradient + l.w1, gradient + l.b1, dx);
}
