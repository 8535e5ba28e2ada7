/* adam.h - Adam with decoupled weight decay on one stretch of parameters.
 *
 *   m = b1 m + (1 - b1) g       v = b2 v + (1 - b2) g^2
 *   theta -= rate * ( m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay theta )
 *
 * Kingma & Ba 2015, algorithm 1; decay as Loshchilov & Hutter 2019, algorithm 2.  Embeddings are updated only in the
 * steps that touch them ("lazy"), with the t of the whole training.  A moment below 1e-30 counts as 0.  Pure. */
#ifndef TRIMTAB_RANKER_ADAM_H
#define TRIMTAB_RANKER_ADAM_H

#include <stddef.h>

struct adam {
    double rate, decay;
    size_t step; /* t, from 1 */
};

/* All arrays [n]. */
void adam_update(const struct adam *adam, size_t n, const float *gradient, float *theta, float *m, float *v);

#endif
