/* samples.h - rows of a log as network inputs: the encoded sides and which row of each belongs to a sample.
 *
 * Training gathers shuffled batches from it, prediction consecutive ones.  Thread: immutable once made. */
#ifndef TRIMTAB_RANKER_SAMPLES_H
#define TRIMTAB_RANKER_SAMPLES_H

#include "ranker/architecture.h"
#include "ranker/effects.h"
#include "ranker/inputs.h"
#include "ranker/network.h"
#include "ranker/workers.h"

struct samples {
    const struct features *features; /* borrowed, like the next two */
    const struct dataset *dataset;
    const uint32_t *rows; /* [n] rows of the log */
    size_t n;
    struct inputs sides[N_SIDES];
    size_t n_codes;   /* over all sides */
    uint32_t *labels; /* [n] of the heads of the model */
    float *weights;   /* [n * heads] in training; NULL: all 1 */
};

/* What training finds; borrowed. */
struct learnt {
    const float *theta, *embeddings;
    const struct effects *effects;
};

MUST_CHECK enum status samples_new(const struct features *features, const struct dataset *dataset,
                                   const struct targets *targets, const uint32_t *rows, size_t n, struct samples *ret,
                                   struct err *err);
void samples_done(struct samples *samples);
/* One input row x [width] and its codes [n_codes]; hide may be NULL. */
void samples_fill(const struct samples *samples, size_t i, const float *embeddings, struct inputs_hide *hide, float *x,
                  uint32_t *codes);
/* What samples_fill() of sample i will read is on its way to the cache: a shuffled batch jumps about in all sides. */
void samples_prefetch(const struct samples *samples, size_t i);
/* The codes of its user and item, 0 for one that is not in the vocabulary. */
void samples_ids(const struct samples *samples, size_t i, uint32_t ret[EFFECTS_SIDES]);
/* Logits of every sample: z [n * heads]. */
MUST_CHECK enum status samples_predict(const struct samples *samples, const struct network_shape *shape,
                                       const struct learnt *learnt, struct workers *workers, float *z, struct err *err);

#endif
