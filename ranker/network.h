/* network.h - the shared-bottom network: two shared layers and one tower per head.
 *
 *   h1 = relu(x W1 + b1)              x [width]
 *   h2 = relu(h1 W2 + b2)
 *   t  = relu(h2 W3 + b3)             the first layers of all towers side by side, [heads * tower]
 *   z_h = t_h . w4_h + b4_h           one logit per head, from its own part of t
 *
 *   loss = 1/n sum_rows sum_heads  log(1 + e^z) - y z      (joint log loss, equal weights)
 *
 * All parameters lie in one block in this order, matrices row by row (inputs by outputs); layers are products of
 * matrices over many rows (sgemm).  Dropout in training scales what stays by 1/(1 - rate), so nothing changes when
 * serving. Pure; the caller owns all storage. */
#ifndef TRIMTAB_RANKER_NETWORK_H
#define TRIMTAB_RANKER_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "base/core/rng.h"

struct network_shape {
    size_t width, hidden1, hidden2, tower, heads;
};

/* Where each part starts in the block of parameters; n is its size. */
struct network_layout {
    size_t w1, b1, w2, b2, w3, b3, w4, b4, n;
};

/* Each size 1 .. 65536, heads <= 16. */
bool network_shape_valid(const struct network_shape *shape);
struct network_layout network_layout(const struct network_shape *shape);
/* He et al. 2015 for layers before a relu, 1/sqrt(tower) for w4; biases 0, b4 [heads] as given. */
void network_init(const struct network_shape *shape, struct rng *rng, const double *b4, float *theta);

/* Storage for up to `rows` rows. */
struct network_work {
    size_t rows;
    float *h1, *h2, *t;  /* activations */
    float *d1, *d2, *dt; /* gradients with respect to them */
    float *z;            /* [rows * heads] logits */
    float *block;        /* all of it */
    float keep_scale;    /* of the last forward pass: 1/(1 - dropout rate) */
};
MUST_CHECK enum status network_work_new(const struct network_shape *shape, size_t rows, struct network_work *ret,
                                        struct err *err);
void network_work_done(struct network_work *work);

/* Logits of x [n * width] into work->z.  dropout: the chance that an activation of a shared layer is dropped, drawn
 * from rng; rng NULL: none is. */
void network_forward(const struct network_shape *shape, const float *theta, const float *x, size_t n, double dropout,
                     struct rng *rng, struct network_work *work);
/* After a forward pass: labels [n] (bit h: head h), scale = 1 / rows of the batch.  Writes (not adds) the gradient of
 * the parameters and of x; returns the sum of the log losses, unscaled, per head in ret_losses [heads]. */
void network_backward(const struct network_shape *shape, const float *theta, const float *x, const uint32_t *labels,
                      size_t n, float scale, struct network_work *work, float *gradient, float *dx, double *ret_losses);

/* log(1 + e^z) - y z without overflow. */
double network_log_loss(double z, int y);
double network_sigmoid(double z);

#endif
