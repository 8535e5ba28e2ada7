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

/* Every size is a multiple of KERNEL_ALIGN but heads, which comes last. */
static void place(struct packed *p)
{
    const size_t towers = p->heads * p->tower;
    const size_t misaligned = (uintptr_t)p->block % LINE;
    p->w1 = p->block + (misaligned == 0 ? 0 : (LINE - misaligned) / sizeof *p->block);
    p->b1 = p->w1 + p->width * p->hidden1;
    p->w2 = p->b1 + p->hidden1;
    p->b2 = p->w2 + p->hidden1 * p->hidden2;
    p->w3 = p->b2 + p->hidden2;
    p->b3 = p->w3 + p->hidden2 * towers;
    p->w4 = p->b3 + towers;
    p->b4 = p->w4 + towers;
}

/* Copies w [k * m] into a zeroed matrix of rows of m_padded. */
static void pad(const float *w, size_t k, size_t m, size_t m_padded, float *to)
{
    for (size_t i = 0; i < k; i++)
        memcpy(to + i * m_padded, w + i * m, m * sizeof *to);
}

/* Each tower's outputs are padded on their own: w [k * heads * tower]. */
static void pad_towers(const struct network_shape *s, const float *w, size_t k, size_t tower, float *to)
{
    for (size_t i = 0; i < k; i++)
        pad(w + i * s->heads * s->tower, s->heads, s->tower, tower, to + i * s->heads * tower);
}

/* staged: zeroed, large enough for either matrix. */
static void fill(struct packed *p, const struct network_shape *s, const float *theta, float *staged)
{
    const struct network_layout l = network_layout(s);
    const size_t towers = p->heads * p->tower;
    pad(theta + l.w1, s->width, s->hidden1, p->hidden1, p->w1);
    pad(theta + l.b1, 1, s->hidden1, p->hidden1, p->b1);
    pad(theta + l.b2, 1, s->hidden2, p->hidden2, p->b2);
    pad_towers(s, theta + l.b3, 1, p->tower, p->b3);
    pad_towers(s, theta + l.w4, 1, p->tower, p->w4);
    pad(theta + l.b4, 1, s->heads, p->heads, p->b4);
    pad(theta + l.w2, s->hidden1, s->hidden2, p->hidden2, staged);
    kernel_pack(p->hidden1, p->hidden2, staged, p->w2);
    memset(staged, 0, p->hidden1 * p->hidden2 * sizeof *staged);
    pad_towers(s, theta + l.w3, s->hidden2, p->tower, staged);
    kernel_pack(p->hidden2, towers, staged, p->w3);
}

enum status packed_new(const struct network_shape *s, const float *theta, struct packed *ret, struct err *err)
{
    struct packed p = {.width = s->width,
                       .heads = s->heads,
                       .hidden1 = kernel_pad(s->hidden1),
                       .hidden2 = kernel_pad(s->hidden2),
                       .tower = kernel_pad(s->tower)};
    const size_t towers = p.heads * p.tower, n2 = p.hidden1 * p.hidden2, n3 = p.hidden2 * towers;
    float *staged = mem_alloc(n2 > n3 ? n2 : n3, sizeof *staged);
    p.block = mem_alloc((p.width + 1) * p.hidden1 + n2 + p.hidden2 + n3 + 2 * towers + p.heads + LINE / sizeof *p.block,
                        sizeof *p.block);
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

size_t packed_scratch(const struct packed *p)
{
    return KERNEL_ROWS * (p->hidden2 + p->heads * p->tower);
}

void packed_logits(const struct packed *p, const struct kernel *kernel, size_t n, const float *h1, float *scratch,
                   float *z)
{
    const size_t towers = p->heads * p->tower;
    float *h2 = scratch, *t = scratch + n * p->hidden2;
    kernel->layer(n, p->hidden1, p->hidden2, h1, p->w2, p->b2, h2);
    kernel->layer(n, p->hidden2, towers, h2, p->w3, p->b3, t);
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < p->heads; h++)
            z[i * p->heads + h] = kernel->dot(p->tower, t + i * towers + h * p->tower, p->w4 + h * p->tower) + p->b4[h];
    }
}
