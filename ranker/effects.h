/* effects.h - how far each user and each item departs from what the network makes of their features, head by head.
 *
 *   logit_h = z_h + a_h[user] + b_h[item],      a_h ~ N(0, A_h),  b_h ~ N(0, B_h)
 *
 * A generalized linear mixed model on top of the network (GLMix: Zhang et al. 2016, KDD).  The embeddings of ids share
 * their inputs among all heads, and the frequent heads decide what they learn; an effect belongs to one head, so that
 * somebody who opens comments is known as such after a few of them, and is shrunk towards zero before.
 *
 * Effects are learnt in one pass over the rows by the extended Kalman filter of logistic regression with a diagonal
 * covariance.  For a row of weight v with prediction p and label y, w = v p (1 - p), S = var a + var b:
 *
 *   mean += var v (y - p) / (1 + w S)          var -= var^2 w / (1 + w S)              (for a and for b)
 *
 * The prior variance is larger for rare heads: A_h = user_variance sqrt(1/4 / (r_h (1 - r_h))), r_h the head's rate.
 *
 * An effect that has seen a row knows its label.  In training every epoch therefore starts from the prior, so that the
 * network only ever meets effects of the rows before in a random order, as it will meet them in serving.
 *
 * Code 0, an unknown id, has no effect.  Thread: heads may be learnt in parallel. */
#ifndef TRIMTAB_RANKER_EFFECTS_H
#define TRIMTAB_RANKER_EFFECTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum effects_side { EFFECTS_USER, EFFECTS_ITEM, EFFECTS_SIDES };

struct effects {
    size_t n_heads;
    size_t n[EFFECTS_SIDES];        /* codes of a side, 0 among them; 0: no effects */
    float *mean[EFFECTS_SIDES];     /* [n * n_heads] */
    float *variance[EFFECTS_SIDES]; /* the same; NULL once training is over */
};

MUST_CHECK enum status effects_new(size_t n_heads, const size_t n[EFFECTS_SIDES], struct effects *ret, struct err *err);
void effects_done(struct effects *effects);
/* A copy without variances: what a model keeps. */
MUST_CHECK enum status effects_copy(const struct effects *from, struct effects *ret, struct err *err);

/* Back to the prior; variance: of a head whose rate is 1/2; rates [n_heads]. */
void effects_start(struct effects *effects, const double variance[EFFECTS_SIDES], const double *rates);
/* z [n_heads] += the effects of a user's and an item's code. */
void effects_add(const struct effects *effects, const uint32_t codes[EFFECTS_SIDES], float *z);
/* One row and head: z is the logit with effects. */
void effects_learn(struct effects *effects, size_t head, const uint32_t codes[EFFECTS_SIDES], double z, int y,
                   double weight);

#endif
