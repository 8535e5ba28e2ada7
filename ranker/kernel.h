/* kernel.h - the layers of the network for serving, in several versions of which the machine's best is chosen at run
 * time.
 *
 * Training uses BLAS; serving needs digits of a candidate that do not depend on how many others there are, which BLAS
 * does not promise.  Every version adds up the products of one output in the order of the inputs, so each row's digits
 * depend on that row only.  Outputs are padded to KERNEL_ALIGN with zero weights, so no version has ragged edges.
 * Versions may differ from each other in the last digits (fused multiply-add).  Pure. */
#ifndef TRIMTAB_RANKER_KERNEL_H
#define TRIMTAB_RANKER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

enum { KERNEL_ALIGN = 32 };

struct kernel {
    const char *name;
    bool (*available)(void);
    /* y [n * m] = relu(x [n * k] w [k * m] + b [m]); m a multiple of KERNEL_ALIGN. */
    void (*layer)(size_t n, size_t k, size_t m, const float *x, const float *w, const float *b, float *y);
    /* sum_j x[j] y[j]; n a multiple of KERNEL_ALIGN. */
    float (*dot)(size_t n, const float *x, const float *y);
};

extern const struct kernel KERNEL_REFERENCE;

/* The fastest version that this machine runs. */
const struct kernel *kernel_best(void);
/* Every version that was built, the slowest first, ends with NULL: for tests and benches. */
const struct kernel *const *kernel_all(void);

static inline size_t kernel_pad(size_t n)
{
    return (n + KERNEL_ALIGN - 1) / KERNEL_ALIGN * KERNEL_ALIGN;
}

#endif
