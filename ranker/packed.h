/* packed.h - the network (network.h) in the form that serving reads: sizes padded for the kernels, weights in panels.
 *
 * The first layer's weights stay row by row, because serving adds up the shares of single inputs; what is wide are more
 * outputs of it, two for each head, because x . v = relu(x . v) - relu(x . -v): the second layer's weights of them are
 * 0, the logits add their difference.  Behind it everything is a product of matrices, for which KERNEL_ROWS candidates
 * at a time are taken through all layers.  Experts lie side by side in the second layer, towers in the third; a gate's
 * logit is a dot product.  Padding is zero: it never shows in a logit.  With a half_kernel (kernel_half.h) the matrices
 * behind the first layer, and only they, are halves.  Thread: immutable once made. */
#ifndef TRIMTAB_RANKER_PACKED_H
#define TRIMTAB_RANKER_PACKED_H

#include "ranker/kernel.h"
#include "ranker/kernel_half.h"
#include "ranker/network.h"

struct packed_layer {
    size_t k, m;  /* inputs and outputs, padded */
    void *panels; /* [k * m] float, or uint16_t with a half_kernel */
    float *b;     /* [m] */
};

struct packed {
    const struct half_kernel *half; /* NULL: all is in single precision */
    size_t width, heads, experts;   /* experts 0: a shared bottom */
    size_t hidden1, hidden2, tower; /* padded to KERNEL_ALIGN */
    size_t wide;  /* where, among the outputs of the first layer, x . v_h of all heads begin, then x . -v_h; 0: none */
    float *block; /* what all the others lie in */
    float *w1, *b1;             /* [width * hidden1] row by row, [hidden1] */
    struct packed_layer second; /* hidden1 to hidden2, of every expert */
    struct packed_layer towers; /* hidden2 to heads * tower */
    float *w4;                  /* [heads * tower] */
    float *wg;                  /* [heads * experts][hidden1] */
    float *b4, *bg;             /* [heads], [heads * experts] */
};

/* theta is only read; half may be NULL. */
MUST_CHECK enum status packed_new(const struct network_shape *shape, const float *theta, const struct half_kernel *half,
                                  struct packed *ret, struct err *err);
void packed_done(struct packed *packed);

/* Floats that packed_logits() works in. */
size_t packed_scratch(const struct packed *packed);
/* kernel does what is not a product of matrices too, so also with a half_kernel.
 * From h1 [n * hidden1], relu of the first layer, to logits z [n * heads]; n <= KERNEL_ROWS. */
void packed_logits(const struct packed *packed, const struct kernel *kernel, size_t n, const float *h1, float *scratch,
                   float *z);

#endif
