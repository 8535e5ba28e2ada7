/* trainer.h - mini-batch Adam on the joint log loss of all heads, one epoch at a time.
 *
 *   trainer_new -> trainer_epoch, trainer_epoch, ..  (trainer_learnt after any of them) -> trainer_free
 *
 * A batch is cut into TRAINER_SHARDS shards whose gradients are added in their order, each embedding table is updated
 * by one task in the order of the rows, and every random draw belongs to (seed, step, shard): the result does not
 * depend on the number of threads, to the last digit.
 *
 * Between two steps the whole state can be saved and restored in a trainer of the same samples, shape and options,
 * which then goes on to the same digits (checkpoint.h).
 *
 * Effects of users and items (effects.h) are learnt beside the network, from the prior in every epoch.
 *
 * What is kept is an exponential average of the parameters over the last steps (Polyak averaging), which needs no
 * schedule of the learning rate and so lets the number of epochs be chosen after the fact. */
#ifndef TRIMTAB_RANKER_TRAINER_H
#define TRIMTAB_RANKER_TRAINER_H

#include "ranker/bytes.h"
#include "ranker/samples.h"

enum { TRAINER_SHARDS = 4 };

struct trainer_options {
    uint64_t seed;
    size_t batch;                 /* rows a step */
    double learning_rate;         /* of Adam */
    double decay;                 /* of the weights of layers, as in adam.h */
    double embedding_decay;       /* of embeddings */
    double hide_ids, hide_others; /* chance that a value is hidden */
    double dropout;
    double variance[EFFECTS_SIDES]; /* of the effects, as in effects.h */
    double average;                 /* share of the old average kept in a step, below 1 */
};

/* After every batch, on the caller's thread; training ends with what is not STATUS_OK. */
typedef enum status trainer_progress(void *context, size_t step, size_t n_steps, double loss, struct err *err);

struct trainer;

/* Everything is borrowed.  rates [heads]: the share of positives, which the first biases are made of; keep [heads]: the
 * share of negatives among the samples (calibrate.h). */
MUST_CHECK enum status trainer_new(const struct samples *samples, const struct network_shape *shape,
                                   const double *rates, const double *keep, const struct trainer_options *options,
                                   struct workers *workers, struct trainer **ret, struct err *err);
void trainer_free(struct trainer *trainer); /* NULL is fine */
/* One pass over the samples in a new order, or the rest of one that was restored.  *ret_loss: mean log loss of a row,
 * summed over heads, as met in training. STATUS_INTERNAL when it is no longer finite. */
MUST_CHECK enum status trainer_epoch(struct trainer *trainer, trainer_progress *progress, void *context,
                                     double *ret_loss, struct err *err);
/* The averaged parameters so far, and the effects of the last epoch; borrowed until the next. */
struct learnt trainer_learnt(const struct trainer *trainer);

/* The state between two steps, appended: u64 epochs begun, steps, samples of this epoch met; f64 loss of this epoch so
 * far; u32 order[samples]; of the network, then of the embeddings: f32 parameters, first and second moments, averages;
 * f32 means and variances of the effects of users, of items. */
void trainer_save(const struct trainer *trainer, struct buf *file);
/* Reads it up to the end.  STATUS_CORRUPT, without a name in the line: the trainer is not to be used then. */
MUST_CHECK enum status trainer_restore(struct trainer *trainer, struct bytes_reader *r, struct err *err);

#endif
