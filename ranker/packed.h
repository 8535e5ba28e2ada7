/* packed.h - the network (network.h) in the form that serving reads: sizes padded for the kernels, weights in panels.
 *
 * The first layer's weights stay row by row, because serving adds up the shares of single inputs; what is wide are more
 * outputs of it, two for each head, because x . v = relu(x . v) - relu(x . -v): the second layer's weights of them are
 * 0, the logits add their difference.  Behind it everything is a product of matrices, for which KERNEL_ROWS candidates
 * at a time are taken through all layers.  Experts lie side by side in the second layer, towers in the third; a gate's
 * logit is a dot product.  Padding is zero: it never shows in a logit.  Thread: immutable once made. */
#ifndef TRIMTAB_RANKER_PACKED_H
#define TRIMTAB_RANKER_PACKED_H

#include "ranker/kernel.h"
#include "ranker/network.h"

struct packed {
    size_t width, heads, experts;   /* experts 0: a shared bottom */
    size_t hidden1, hidden2, tower; /* padded to KERNEL_ALIGN */
    size_t wide;  /* where, among the outputs of the first layer, x . v_h of all heads begin, then x . -v_h; 0: none */
    float *block; /* what all the others lie in */
    float *w1, *b1; /* [width * hidden1] row by row, [hidden1] */
    float *w2, *b2; /* [hidden1 * second] in panels, [second]; second: hidden2, of every expert */
    float *w3, *b3; /* [hidden2 * heads * tower] in panels, [heads * tower] */
    float *w4;      /* [heads * tower] */
    float *wg;      /* [heads * experts][hidden1] */
    float *b4, *bg; /* [heads], [heads * experts] */
};

/* theta is only read. */
MUST_CHECK enum status packed_new(const struct network_shape *shape, const float *theta, struct packed *ret,
                                  struct err *err);
void packed_done(struct packed *packed);

/* Floats that packed_logits() works in. */
size_t packed_scratch(const struct packed *packed);
/* From h1 [n * hidden1], relu of the first layer, to logits z [n * heads]; n <= KERNEL_ROWS. */
void packed_logits(const struct packed *packed, const struct kernel *kernel, size_t n, const float *h1, float *scratch,
                   float *z);

#endif
