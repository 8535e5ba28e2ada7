/* kernel.h - the products of the network, in several versions of which the machine's best is chosen at run time: whole
 * layers for serving, and the one block that the products of training (dense.h) are made of.
 *
 * Serving needs digits of a candidate that do not depend on how many others there are, which BLAS does not promise.
 * Every version adds up the products of one output in the order of the inputs, starting from the bias, so each row's
 * digits depend on that row only.  Outputs are padded to KERNEL_ALIGN with zero weights, so no version has ragged
 * edges. Versions may differ from each other in the last digits (fused multiply-add).
 *
 * Weights come in panels of KERNEL_PANEL outputs, which a tile of outputs reads from the first byte to the last:
 *
 *   panels[(j / KERNEL_PANEL * k + p) * KERNEL_PANEL + j % KERNEL_PANEL] = w[p * m + j]        (kernel_pack)
 *
 *   version     file               needs            a tile of outputs
 *   reference   kernel.c           nothing          1 row by 16
 *   avx2        kernel_avx2.c      AVX2, FMA        6 rows by 16, in 12 of 16 registers
 *   avx512      kernel_avx512.c    AVX-512F         12 rows by 32, in 24 of 32 registers
 *
 * What is not a number: infinities go through as in IEEE 754; a NaN sum becomes 0, because relu keeps what is above
 * zero in a layer and stays one in a block.  Denormals are computed with.  Pure. */
#ifndef TRIMTAB_RANKER_KERNEL_H
#define TRIMTAB_RANKER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* KERNEL_ROWS: a good number of rows a call; what passes between the layers then stays in the second-level cache. */
enum { KERNEL_PANEL = 16, KERNEL_ALIGN = 32, KERNEL_ROWS = 48 };

/* A matrix of which only the place is known: `stride` floats from one row to the next, or, transposed, from one column
 * to the next. */
struct operand {
    const float *at;
    size_t stride;
    bool transposed;
};

struct kernel {
    const char *name;
    bool (*available)(void); /* by the processor and by the operating system */
    /* y [n * m] = relu(x [n * k] w [k * m] + b [m]), w in panels; m a multiple of KERNEL_ALIGN; n and k may be 0. */
    void (*layer)(size_t n, size_t k, size_t m, const float *x, const float *panels, const float *b, float *y);
    /* c [n, KERNEL_ALIGN] += a [n, k] w [k, KERNEL_ALIGN], w in panels, the rows of c `stride` apart. */
    void (*block)(size_t n, size_t k, struct operand a, const float *panels, float *c, size_t stride);
    /* sum_j x[j] y[j]; n a multiple of KERNEL_ALIGN. */
    float (*dot)(size_t n, const float *x, const float *y);
    /* to [m] += v w [m], and y [m] = relu(a [m] + b [m]); m a multiple of KERNEL_ALIGN. */
    void (*add)(size_t m, float v, const float *w, float *to);
    void (*join)(size_t m, const float *a, const float *b, float *y);
    /* For benches: `steps` times spin_flops operations on registers alone, as fast as this version can go; returns
     * something that depends on all of them.  NULL in the reference. */
    float (*spin)(size_t steps);
    size_t spin_flops;
};

extern const struct kernel KERNEL_REFERENCE;
#ifdef __x86_64__
extern const struct kernel KERNEL_AVX2, KERNEL_AVX512;
#endif

/* The fastest version that this machine runs. */
const struct kernel *kernel_best(void);
/* NULL when no such version was built. */
const struct kernel *kernel_find(const char *name);
/* Every version that was built, the slowest first, ends with NULL. */
const struct kernel *const *kernel_all(void);

/* w [k * m] row by row -> panels [k * m]; m a multiple of KERNEL_PANEL. */
void kernel_pack(size_t k, size_t m, const float *w, float *panels);

static inline size_t kernel_pad(size_t n)
{
    return (n + KERNEL_ALIGN - 1) / KERNEL_ALIGN * KERNEL_ALIGN;
}

#endif
