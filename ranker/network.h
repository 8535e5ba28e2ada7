/* network.h - the network: a shared layer, a second that is shared or a mixture of experts, one tower per head, and,
 * when it is wide, a straight line from the inputs to each head.
 *
 *   h1 = relu(x W1 + b1)                              x [width]
 *
 *   shared bottom (experts 0):
 *   m_h = relu(h1 W2 + b2)                            the same for every head
 *
 *   multi-gate mixture of experts (Ma et al. 2018, KDD, eq. 5-7; on top of a shared layer as Zhao et al. 2019, RecSys):
 *   f_e = relu(h1 W2_e + b2_e)                        each expert's second layer
 *   g_h = softmax(h1 Wg_h + bg_h)                     the gate of a head, [experts]
 *   m_h = sum_e g_he f_e
 *
 *   t_h = relu(m_h W3_h + b3_h)                       each tower's layer, [tower]
 *   z_h = t_h . w4_h + b4_h                           one logit per head
 *         + x . v_h                                   wide (Cheng et al. 2016, DLRS, eq. 3): what a rare head has few
 *                                                     positives to learn layers for, it can read off an input
 *
 *   loss = 1/n sum_rows sum_heads  v (log(1 + e^z) - y z)      joint log loss; v the weight of the row for the head
 *
 * All parameters lie in one block in the order of network_layout, matrices row by row (inputs by outputs), those of the
 * experts, towers and gates side by side; layers are products of matrices over many rows (dense.h).  Dropout in
 * training scales what stays by 1/(1 - rate), so nothing changes when serving. Pure; the caller owns all storage. */
#ifndef TRIMTAB_RANKER_NETWORK_H
#define TRIMTAB_RANKER_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "base/core/rng.h"

enum { NETWORK_MAX_EXPERTS = 16 };

struct network_shape {
    size_t width, hidden1, hidden2, tower, heads;
    size_t experts; /* 0: a shared bottom */
    bool wide;
};

/* Where each part starts in the block of parameters; n is its size. */
struct network_layout {
    size_t w1, b1, w2, b2, w3, b3, w4, b4;
    size_t wg, bg; /* of all gates, [hidden1 * heads * experts], [heads * experts]: empty without experts */
    size_t v;      /* [width * heads]; empty unless wide */
    size_t n;
};

/* Each size 1 .. 65536, heads <= 16, experts 0 or 2 .. NETWORK_MAX_EXPERTS. */
bool network_shape_valid(const struct network_shape *shape);
struct network_layout network_layout(const struct network_shape *shape);
/* Outputs of the second layer: hidden2, of every expert. */
size_t network_second(const struct network_shape *shape);
/* Multiplications and additions in the products behind the first layer, for a row. */
double network_flops(const struct network_shape *shape);
/* He et al. 2015 for layers before a relu, 1/sqrt(tower) for w4; gates 0, so that all experts begin with the same
 * share; wide weights and biases 0, b4 [heads] as given. */
void network_init(const struct network_shape *shape, struct rng *rng, const double *b4, float *theta);

/* Storage for up to `rows` rows. */
struct network_work {
    size_t rows;
    float *h1, *h2, *t;    /* activations: first and second layer, towers */
    float *d1, *d2, *dt;   /* gradients with respect to them */
    float *gates, *dgates; /* [rows * heads * experts] */
    float *mixed, *dmixed; /* [heads][rows * hidden2] inputs of the towers; of a shared bottom they are h2 */
    float *z, *dz;         /* [rows * heads] logits, gradients with respect to them */
    float *block;          /* all of it */
    float keep_scale;      /* of the last forward pass: 1/(1 - dropout rate) */
};
MUST_CHECK enum status network_work_new(const struct network_shape *shape, size_t rows, struct network_work *ret,
                                        struct err *err);
void network_work_done(struct network_work *work);

/* Logits of x [n * width] into work->z.  dropout: the chance that an activation of the first two layers is dropped,
 * drawn from rng; rng NULL: none is. */
void network_forward(const struct network_shape *shape, const float *theta, const float *x, size_t n, double dropout,
                     struct rng *rng, struct network_work *work);
/* After a forward pass: labels [n] (bit h: head h), weights [n * heads] or NULL (all 1), scale = 1 / rows of the batch.
 * Writes (not adds) the gradient of the parameters and of x; returns the weighted sum of the log losses, unscaled, per
 * head in ret_losses [heads]. */
void network_backward(const struct network_shape *shape, const float *theta, const float *x, const uint32_t *labels,
                      const float *weights, size_t n, float scale, struct network_work *work, float *gradient,
                      float *dx, double *ret_losses);

/* log(1 + e^z) - y z without overflow. */
double network_log_loss(double z, int y);
double network_sigmoid(double z);
/* x [n] = softmax(x). */
void network_softmax(size_t n, float *x);

#endif
