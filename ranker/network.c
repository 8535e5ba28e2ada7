#include "ranker/network.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/clones.h"
#include "ranker/dense.h"

enum { MAX_SIZE = 65536, MAX_HEADS = 16 };

static bool size_valid(size_t size)
{
    return size >= 1 && size <= MAX_SIZE;
}

bool network_shape_valid(const struct network_shape *s)
{
    return size_valid(s->width) && size_valid(s->hidden1) && size_valid(s->hidden2) && size_valid(s->tower) &&
           s->heads >= 1 && s->heads <= MAX_HEADS && s->experts != 1 && s->experts <= NETWORK_MAX_EXPERTS;
}

size_t network_second(const struct network_shape *s)
{
    return s->hidden2 * (s->experts > 0 ? s->experts : 1);
}

struct network_layout network_layout(const struct network_shape *s)
{
    const size_t second = network_second(s), gates = s->heads * s->experts;
    struct network_layout l;
    l.w1 = 0;
    l.b1 = l.w1 + s->width * s->hidden1;
    l.w2 = l.b1 + s->hidden1;
    l.b2 = l.w2 + s->hidden1 * second;
    l.w3 = l.b2 + second;
    l.b3 = l.w3 + s->hidden2 * s->heads * s->tower;
    l.w4 = l.b3 + s->heads * s->tower;
    l.b4 = l.w4 + s->heads * s->tower;
    l.wg = l.b4 + s->heads;
    l.bg = l.wg + s->hidden1 * gates;
    l.v = l.bg + gates;
    l.n = l.v + (s->wide ? s->width * s->heads : 0);
    return l;
}

double network_flops(const struct network_shape *s)
{
    const size_t gates = s->heads * s->experts, mixing = gates * s->hidden2;
    return 2.0 * (double)(s->hidden1 * (network_second(s) + gates) + mixing + (s->hidden2 + 1) * s->heads * s->tower);
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
    init_normal(theta + l.w1, l.b1 - l.w1, sqrt(2.0 / (double)s->width), rng);
    init_normal(theta + l.w2, l.b2 - l.w2, sqrt(2.0 / (double)s->hidden1), rng);
    init_normal(theta + l.w3, l.b3 - l.w3, sqrt(2.0 / (double)s->hidden2), rng);
    init_normal(theta + l.w4, l.b4 - l.w4, sqrt(1.0 / (double)s->tower), rng);
    for (size_t h = 0; h < s->heads; h++)
        theta[l.b4 + h] = (float)b4[h];
}

enum status network_work_new(const struct network_shape *s, size_t rows, struct network_work *ret, struct err *err)
{
    const size_t towers = s->heads * s->tower, second = network_second(s), gates = s->heads * s->experts;
    const size_t mixed = s->experts > 0 ? s->heads * s->hidden2 : 0;
    struct network_work work = {.rows = rows};
    work.block = mem_alloc(rows * (2 * (s->hidden1 + second + towers + gates + mixed + s->heads)), sizeof *work.block);
    if (work.block == NULL)
        return err_no_memory(err);
    float *at = work.block;
    const struct {
        float **part;
        size_t size;
    } PARTS[] = {{&work.h1, s->hidden1}, {&work.h2, second},    {&work.t, towers},    {&work.d1, s->hidden1},
                 {&work.d2, second},     {&work.dt, towers},    {&work.gates, gates}, {&work.dgates, gates},
                 {&work.mixed, mixed},   {&work.dmixed, mixed}, {&work.z, s->heads},  {&work.dz, s->heads}};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        *PARTS[i].part = at;
        at += rows * PARTS[i].size;
    }
    *ret = work;
    return STATUS_OK;
}

void network_work_done(struct network_work *work)
{
    mem_free(work->block);
    *work = (struct network_work){0};
}

CLONED static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

/* Zeroes the gradient where the activation is zero, and applies the scale of dropout to the rest. */
CLONED static void relu_backward(const float *restrict y, float *restrict dy, size_t n, float scale)
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

void network_softmax(size_t n, float *x)
{
    float largest = x[0], sum = 0.0f;
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - largest);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}

/* Gates, and each head's mixture of the experts. */
static void mix(const struct network_shape *s, const float *theta, size_t n, struct network_work *work)
{
    const struct network_layout l = network_layout(s);
    const size_t gates = s->heads * s->experts, second = network_second(s);
    dense(n, s->hidden1, gates, (struct const_matrix){work->h1, s->hidden1}, (struct const_matrix){theta + l.wg, gates},
          theta + l.bg, (struct matrix){work->gates, gates});
    memset(work->mixed, 0, n * s->heads * s->hidden2 * sizeof *work->mixed);
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < s->heads; h++) {
            float *gate = work->gates + i * gates + h * s->experts, *to = work->mixed + (h * n + i) * s->hidden2;
            network_softmax(s->experts, gate);
            for (size_t e = 0; e < s->experts; e++) {
                const float *from = work->h2 + i * second + e * s->hidden2;
                for (size_t j = 0; j < s->hidden2; j++)
                    to[j] += gate[e] * from[j];
            }
        }
    }
}

/* Inputs of head h's tower. */
static struct const_matrix tower_input(const struct network_shape *s, const struct network_work *work, size_t n,
                                       size_t h)
{
    return (struct const_matrix){s->experts > 0 ? work->mixed + h * n * s->hidden2 : work->h2, s->hidden2};
}

/* First layers of the towers: of a shared bottom one product, else one for each head. */
static void towers_forward(const struct network_shape *s, const float *theta, size_t n, struct network_work *work)
{
    const struct network_layout l = network_layout(s);
    const size_t towers = s->heads * s->tower, parts = s->experts > 0 ? s->heads : 1, size = towers / parts;
    if (s->experts > 0)
        mix(s, theta, n, work);
    for (size_t p = 0; p < parts; p++)
        dense(n, s->hidden2, size, tower_input(s, work, n, p), (struct const_matrix){theta + l.w3 + p * size, towers},
              theta + l.b3 + p * size, (struct matrix){work->t + p * size, towers});
    relu(work->t, n * towers);
}

/* Logits before the towers: b4, and what is wide. */
static void begin_heads(const struct network_shape *s, const float *theta, const float *x, size_t n,
                        struct network_work *work)
{
    const struct network_layout l = network_layout(s);
    if (s->wide)
        dense(n, s->width, s->heads, (struct const_matrix){x, s->width}, (struct const_matrix){theta + l.v, s->heads},
              theta + l.b4, (struct matrix){work->z, s->heads});
    for (size_t i = 0; i < n && !s->wide; i++)
        memcpy(work->z + i * s->heads, theta + l.b4, s->heads * sizeof *work->z);
}

/* z_h += t_h . w4_h, summed up in as many parts as a register may have. */
CLONED static void heads_forward(const struct network_shape *s, const float *theta, size_t n, struct network_work *work)
{
    enum { LANES = 16 };
    const struct network_layout l = network_layout(s);
    const size_t tower = s->tower, whole = tower / LANES * LANES;
    for (size_t i = 0; i < n * s->heads; i++) {
        const float *t = work->t + i * tower, *w = theta + l.w4 + i % s->heads * tower;
        float lanes[LANES] = {0.0f}, z = work->z[i];
        for (size_t j = 0; j < whole; j += LANES) {
            for (size_t lane = 0; lane < LANES; lane++)
                lanes[lane] += t[j + lane] * w[j + lane];
        }
        for (size_t j = whole; j < tower; j++)
            z += t[j] * w[j];
        for (size_t lane = 0; lane < LANES; lane++)
            z += lanes[lane];
        work->z[i] = z;
    }
}

void network_forward(const struct network_shape *s, const float *theta, const float *x, size_t n, double dropout,
                     struct rng *rng, struct network_work *work)
{
    const struct network_layout l = network_layout(s);
    const size_t second = network_second(s);
    work->keep_scale = rng == NULL ? 1.0f : (float)(1.0 / (1.0 - dropout));
    dense(n, s->width, s->hidden1, (struct const_matrix){x, s->width}, (struct const_matrix){theta + l.w1, s->hidden1},
          theta + l.b1, (struct matrix){work->h1, s->hidden1});
    relu(work->h1, n * s->hidden1);
    if (rng != NULL)
        drop(work->h1, n * s->hidden1, dropout, work->keep_scale, rng);
    dense(n, s->hidden1, second, (struct const_matrix){work->h1, s->hidden1},
          (struct const_matrix){theta + l.w2, second}, theta + l.b2, (struct matrix){work->h2, second});
    relu(work->h2, n * second);
    if (rng != NULL)
        drop(work->h2, n * second, dropout, work->keep_scale, rng);
    towers_forward(s, theta, n, work);
    begin_heads(s, theta, x, n, work);
    heads_forward(s, theta, n, work);
}

double network_sigmoid(double z)
{
    return z >= 0.0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

double network_log_loss(double z, int y)
{
    return (z > 0.0 ? z : 0.0) + log1p(exp(-fabs(z))) - (y != 0 ? z : 0.0);
}

/* dw += dz t, and dt, the gradient behind the relu of t. */
CLONED static void head_backward(size_t n, float dz, const float *restrict t, const float *restrict w,
                                 float *restrict dw, float *restrict dt)
{
    for (size_t j = 0; j < n; j++) {
        dw[j] += dz * t[j];
        dt[j] = t[j] > 0.0f ? dz * w[j] : 0.0f;
    }
}

/* Gradients of the logits' layer: dz, w4, b4 and dt. */
static void heads_backward(const struct network_shape *s, const float *theta, const uint32_t *labels,
                           const float *weights, size_t n, float scale, struct network_work *work, float *gradient,
                           double *ret_losses)
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
            const float weight = weights == NULL ? 1.0f : weights[i * s->heads + h];
            const float dz = (float)(network_sigmoid(z) - (double)y) * scale * weight;
            const float *t = work->t + i * towers + h * s->tower, *w = theta + l.w4 + h * s->tower;
            ret_losses[h] += (double)weight * network_log_loss(z, y);
            gradient[l.b4 + h] += dz;
            work->dz[i * s->heads + h] = dz;
            head_backward(s->tower, dz, t, w, gradient + l.w4 + h * s->tower, work->dt + i * towers + h * s->tower);
        }
    }
}

/* The gradient of what is wide; to dx it adds its share. */
static void wide_backward(const struct network_shape *s, const float *theta, const float *x, size_t n,
                          struct network_work *work, float *gradient, float *dx)
{
    const struct network_layout l = network_layout(s);
    const struct const_matrix dz = {work->dz, s->heads};
    float db4[MAX_HEADS]; /* as heads_backward() has it */
    if (!s->wide)
        return;
    dense_backward(n, s->width, s->heads, (struct const_matrix){x, s->width}, dz,
                   (struct matrix){gradient + l.v, s->heads}, db4);
    dense_backward_input(n, s->width, s->heads, (struct const_matrix){theta + l.v, s->heads}, dz, true,
                         (struct matrix){dx, s->width});
}

/* From the mixtures back to the experts (d2) and, through the softmax, to the gates' layer (dgates). */
static void unmix(const struct network_shape *s, size_t n, struct network_work *work)
{
    const size_t gates = s->heads * s->experts, second = network_second(s);
    memset(work->d2, 0, n * second * sizeof *work->d2);
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < s->heads; h++) {
            const float *gate = work->gates + i * gates + h * s->experts;
            const float *dm = work->dmixed + (h * n + i) * s->hidden2;
            float *dgate = work->dgates + i * gates + h * s->experts, mean = 0.0f;
            for (size_t e = 0; e < s->experts; e++) {
                const float *expert = work->h2 + i * second + e * s->hidden2;
                float *to = work->d2 + i * second + e * s->hidden2, dot = 0.0f;
                for (size_t j = 0; j < s->hidden2; j++) {
                    dot += dm[j] * expert[j];
                    to[j] += gate[e] * dm[j];
                }
                dgate[e] = dot;
                mean += gate[e] * dot;
            }
            for (size_t e = 0; e < s->experts; e++)
                dgate[e] = gate[e] * (dgate[e] - mean);
        }
    }
}

/* From dt to d2, and with experts to d1 as far as the gates reach. */
static void towers_backward(const struct network_shape *s, const float *theta, size_t n, struct network_work *work,
                            float *gradient)
{
    const struct network_layout l = network_layout(s);
    const size_t towers = s->heads * s->tower, parts = s->experts > 0 ? s->heads : 1, size = towers / parts;
    const size_t gates = s->heads * s->experts;
    for (size_t p = 0; p < parts; p++) {
        const struct const_matrix dt = {work->dt + p * size, towers};
        float *to = s->experts > 0 ? work->dmixed + p * n * s->hidden2 : work->d2;
        dense_backward(n, s->hidden2, size, tower_input(s, work, n, p), dt,
                       (struct matrix){gradient + l.w3 + p * size, towers}, gradient + l.b3 + p * size);
        dense_backward_input(n, s->hidden2, size, (struct const_matrix){theta + l.w3 + p * size, towers}, dt, false,
                             (struct matrix){to, s->hidden2});
    }
    if (s->experts == 0)
        return;
    unmix(s, n, work);
    const struct const_matrix dgates = {work->dgates, gates};
    dense_backward(n, s->hidden1, gates, (struct const_matrix){work->h1, s->hidden1}, dgates,
                   (struct matrix){gradient + l.wg, gates}, gradient + l.bg);
    dense_backward_input(n, s->hidden1, gates, (struct const_matrix){theta + l.wg, gates}, dgates, false,
                         (struct matrix){work->d1, s->hidden1});
}

void network_backward(const struct network_shape *s, const float *theta, const float *x, const uint32_t *labels,
                      const float *weights, size_t n, float scale, struct network_work *work, float *gradient,
                      float *dx, double *ret_losses)
{
    const struct network_layout l = network_layout(s);
    const size_t second = network_second(s);
    const struct const_matrix d1 = {work->d1, s->hidden1}, d2 = {work->d2, second};
    heads_backward(s, theta, labels, weights, n, scale, work, gradient, ret_losses);
    towers_backward(s, theta, n, work, gradient);
    relu_backward(work->h2, work->d2, n * second, work->keep_scale);
    dense_backward(n, s->hidden1, second, (struct const_matrix){work->h1, s->hidden1}, d2,
                   (struct matrix){gradient + l.w2, second}, gradient + l.b2);
    dense_backward_input(n, s->hidden1, second, (struct const_matrix){theta + l.w2, second}, d2, s->experts > 0,
                         (struct matrix){work->d1, s->hidden1});
    relu_backward(work->h1, work->d1, n * s->hidden1, work->keep_scale);
    dense_backward(n, s->width, s->hidden1, (struct const_matrix){x, s->width}, d1,
                   (struct matrix){gradient + l.w1, s->hidden1}, gradient + l.b1);
    dense_backward_input(n, s->width, s->hidden1, (struct const_matrix){theta + l.w1, s->hidden1}, d1, false,
                         (struct matrix){dx, s->width});
    wide_backward(s, theta, x, n, work, gradient, dx);
}
