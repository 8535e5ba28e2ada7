#include "ranker/packed.h"

#include <stdint.h>
#include <string.h>

#include "base/core/mem.h"

enum { LINE = 64 }; /* bytes of a cache line: a panel's row should lie in one */

void packed_done(struct packed *packed)
{
    mem_free(packed->block);
    *packed = (struct packed){0};
}

/* Floats that the place of a matrix of n numbers takes; n is even. */
static size_t matrix_size(const struct packed *p, size_t n)
{
    return p->half != NULL ? n / 2 : n;
}

/* Floats of all parts. */
static size_t block_size(const struct packed *p)
{
    const size_t gates = p->heads * p->experts;
    return (p->width + 1) * p->hidden1 + matrix_size(p, p->second.k * p->second.m) + p->second.m +
           matrix_size(p, p->towers.k * p->towers.m) + 2 * p->towers.m + gates * p->hidden1 + p->heads + gates;
}

/* Every size is a multiple of KERNEL_ALIGN but those of b4 and bg, which come last. */
static void place(struct packed *p)
{
    const size_t misaligned = (uintptr_t)p->block % LINE;
    p->w1 = p->block + (misaligned == 0 ? 0 : (LINE - misaligned) / sizeof *p->block);
    p->b1 = p->w1 + p->width * p->hidden1;
    float *second = p->b1 + p->hidden1;
    p->second.panels = second;
    p->second.b = second + matrix_size(p, p->second.k * p->second.m);
    float *towers = p->second.b + p->second.m;
    p->towers.panels = towers;
    p->towers.b = towers + matrix_size(p, p->towers.k * p->towers.m);
    p->w4 = p->towers.b + p->towers.m;
    p->wg = p->w4 + p->towers.m;
    p->b4 = p->wg + p->heads * p->experts * p->hidden1;
    p->bg = p->b4 + p->heads;
}

/* Copies w [k * m] into a zeroed matrix of rows of m_padded. */
static void pad(const float *w, size_t k, size_t m, size_t m_padded, float *to)
{
    for (size_t i = 0; i < k; i++)
        memcpy(to + i * m_padded, w + i * m, m * sizeof *to);
}

/* w [k * parts * m]: the outputs of each part, a tower or an expert, are padded on their own. */
static void pad_parts(const float *w, size_t k, size_t parts, size_t m, size_t m_padded, float *to)
{
    for (size_t i = 0; i < k; i++)
        pad(w + i * parts * m, parts, m, m_padded, to + i * parts * m_padded);
}

/* One row for each gate. */
static void fill_gates(struct packed *p, const struct network_shape *s, const float *theta)
{
    const struct network_layout l = network_layout(s);
    const size_t gates = s->heads * s->experts;
    for (size_t g = 0; g < gates; g++) {
        p->bg[g] = theta[l.bg + g];
        for (size_t i = 0; i < s->hidden1; i++)
            p->wg[g * p->hidden1 + i] = theta[l.wg + i * gates + g];
    }
}

static void fill_wide(struct packed *p, const struct network_shape *s, const float *theta)
{
    const float *v = theta + network_layout(s).v;
    for (size_t i = 0; i < s->width && p->wide > 0; i++) {
        float *to = p->w1 + i * p->hidden1 + p->wide;
        for (size_t h = 0; h < s->heads; h++) {
            to[h] = v[i * s->heads + h];
            to[s->heads + h] = -v[i * s->heads + h];
        }
    }
}

static void pack(const struct packed *p, const struct packed_layer *layer, const float *w)
{
    if (p->half != NULL)
        half_pack(layer->k, layer->m, w, layer->panels);
    else
        kernel_pack(layer->k, layer->m, w, layer->panels);
}

/* staged: zeroed, large enough for either matrix. */
static void fill(struct packed *p, const struct network_shape *s, const float *theta, float *staged)
{
    const struct network_layout l = network_layout(s);
    const size_t experts = s->experts > 0 ? s->experts : 1;
    pad(theta + l.w1, s->width, s->hidden1, p->hidden1, p->w1);
    fill_wide(p, s, theta);
    pad(theta + l.b1, 1, s->hidden1, p->hidden1, p->b1);
    pad_parts(theta + l.b2, 1, experts, s->hidden2, p->hidden2, p->second.b);
    pad_parts(theta + l.b3, 1, s->heads, s->tower, p->tower, p->towers.b);
    pad_parts(theta + l.w4, 1, s->heads, s->tower, p->tower, p->w4);
    pad(theta + l.b4, 1, s->heads, p->heads, p->b4);
    fill_gates(p, s, theta);
    pad_parts(theta + l.w2, s->hidden1, experts, s->hidden2, p->hidden2, staged);
    pack(p, &p->second, staged);
    memset(staged, 0, p->second.k * p->second.m * sizeof *staged);
    pad_parts(theta + l.w3, s->hidden2, s->heads, s->tower, p->tower, staged);
    pack(p, &p->towers, staged);
}

enum status packed_new(const struct network_shape *s, const float *theta, const struct half_kernel *half,
                       struct packed *ret, struct err *err)
{
    struct packed p = {.half = half,
                       .width = s->width,
                       .heads = s->heads,
                       .experts = s->experts,
                       .wide = s->wide ? s->hidden1 : 0,
                       .hidden1 = kernel_pad(s->hidden1 + (s->wide ? 2 * s->heads : 0)),
                       .hidden2 = kernel_pad(s->hidden2),
                       .tower = kernel_pad(s->tower)};
    p.second = (struct packed_layer){.k = p.hidden1, .m = p.hidden2 * (s->experts > 0 ? s->experts : 1)};
    p.towers = (struct packed_layer){.k = p.hidden2, .m = p.heads * p.tower};
    const size_t n2 = p.second.k * p.second.m, n3 = p.towers.k * p.towers.m;
    float *staged = mem_alloc(n2 > n3 ? n2 : n3, sizeof *staged);
    p.block = mem_alloc(block_size(&p) + LINE / sizeof *p.block, sizeof *p.block);
    if (p.block == NULL || staged == NULL) {
        mem_free(staged);
        packed_done(&p);
        return err_no_memory(err);
    }
    place(&p);
    fill(&p, s, theta, staged);
    mem_free(staged);
    *ret = p;
    return STATUS_OK;
}

/* What takes n candidates through the layers. */
struct pass {
    const struct packed *packed;
    const struct kernel *kernel;
    size_t n;
    uint32_t *pairs; /* the inputs of a layer in half precision */
};

/* Numbers of a row in pairs. */
static size_t pairs_size(const struct packed *p)
{
    const size_t larger = p->hidden1 > p->hidden2 ? p->hidden1 : p->hidden2;
    return p->half != NULL ? larger : 0;
}

/* Of a shared bottom: the second layer and all towers; of experts: theirs, and the input and output of one tower. */
size_t packed_scratch(const struct packed *p)
{
    return KERNEL_ROWS * (pairs_size(p) + p->second.m + (p->experts > 0 ? p->hidden2 + p->tower : p->towers.m));
}

/* y [n * m] = m outputs of a layer from `first` on, whole panels. */
static void run_layer(const struct pass *pass, const struct packed_layer *layer, size_t first, size_t m, const float *x,
                      float *y)
{
    const struct half_kernel *half = pass->packed->half;
    if (half == NULL) {
        pass->kernel->layer(pass->n, layer->k, m, x, (const float *)layer->panels + first * layer->k, layer->b + first,
                            y);
        return;
    }
    half->pairs(pass->n * layer->k, x, pass->pairs);
    half->layer(pass->n, layer->k, m, pass->pairs, (const uint16_t *)layer->panels + first * layer->k, layer->b + first,
                y);
}

/* The logit of head h from its tower's output t, rows with a stride. */
static void logits(const struct packed *p, const struct kernel *kernel, size_t n, size_t h, const float *t,
                   size_t stride, float *z)
{
    for (size_t i = 0; i < n; i++)
        z[i * p->heads + h] = kernel->dot(p->tower, t + i * stride, p->w4 + h * p->tower) + p->b4[h];
}

/* Adds what is wide to the logits. */
static void add_wide(const struct packed *p, size_t n, const float *h1, float *z)
{
    for (size_t i = 0; i < n && p->wide > 0; i++) {
        const float *v = h1 + i * p->hidden1 + p->wide;
        for (size_t h = 0; h < p->heads; h++)
            z[i * p->heads + h] += v[h] - v[p->heads + h];
    }
}

/* mixed [hidden2] = the experts f [second] by the gate of head h. */
static void mix(const struct packed *p, const struct kernel *kernel, size_t h, const float *h1, const float *f,
                float *mixed)
{
    float gate[NETWORK_MAX_EXPERTS];
    for (size_t e = 0; e < p->experts; e++) {
        const size_t g = h * p->experts + e;
        gate[e] = kernel->dot(p->hidden1, h1, p->wg + g * p->hidden1) + p->bg[g];
    }
    network_softmax(p->experts, gate);
    memset(mixed, 0, p->hidden2 * sizeof *mixed);
    for (size_t e = 0; e < p->experts; e++)
        kernel->add(p->hidden2, gate[e], f + e * p->hidden2, mixed);
}

void packed_logits(const struct packed *p, const struct kernel *kernel, size_t n, const float *h1, float *scratch,
                   float *z)
{
    const size_t towers = p->towers.m, width2 = p->second.m;
    const struct pass pass = {p, kernel, n, (uint32_t *)(void *)scratch};
    float *h2 = scratch + n * pairs_size(p), *mixed = h2 + n * width2;
    run_layer(&pass, &p->second, 0, width2, h1, h2);
    if (p->experts == 0) {
        float *t = mixed;
        run_layer(&pass, &p->towers, 0, towers, h2, t);
        for (size_t h = 0; h < p->heads; h++)
            logits(p, kernel, n, h, t + h * p->tower, towers, z);
        add_wide(p, n, h1, z);
        return;
    }
    float *t = mixed + n * p->hidden2;
    for (size_t h = 0; h < p->heads; h++) { /* a tower is a whole number of panels */
        for (size_t i = 0; i < n; i++)
            mix(p, kernel, h, h1 + i * p->hidden1, h2 + i * width2, mixed + i * p->hidden2);
        run_layer(&pass, &p->towers, h * p->tower, p->tower, mixed, t);
        logits(p, kernel, n, h, t, p->tower, z);
    }
    add_wide(p, n, h1, z);
}
