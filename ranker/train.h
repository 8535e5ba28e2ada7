/* train.h - from a dataset to a model.
 *
 * The last day of training is held out first: epochs are tried until the joint log loss on it stops falling, and each
 * head's calibration is fitted on it.  Then the same number of epochs is run on all days, with vocabularies and scales
 * of all days, and that network is kept with the calibration of the first.  With a single day its last fifth is held
 * out.
 *
 * With options.keep only a share of a head's negatives is trained on, drawn once by (seed, row); rows that no head
 * keeps are left out, of vocabularies and scales too.  The held-out day is always whole.  Probabilities are corrected
 * (calibrate.h).
 *
 * With options.checkpoint the state is kept in a file every so many steps and at the end of each epoch; a training
 * that finds the file goes on from there and ends in the same model (checkpoint.h).  The file stays: whoever has
 * stored the model removes it.
 *
 * Users of options.left_out are as if they had no rows (left_out.h).
 *
 * A head without positives, or without negatives, in the days of training cannot be learnt: its probability is the
 * constant (positives + 1/2) / (rows + 1). */
#ifndef TRIMTAB_RANKER_TRAIN_H
#define TRIMTAB_RANKER_TRAIN_H

#include "ranker/left_out.h"
#include "ranker/model.h"
#include "ranker/trainer.h"

/* Share of the negatives of a head that training sees. */
struct train_keep {
    const char *head; /* NULL: every head */
    double share;     /* above 0, up to 1 */
};

struct train_options {
    int32_t first_day, last_day; /* both 0: every day of the dataset */
    size_t threads;
    size_t max_epochs;
    size_t hidden1, hidden2, tower, experts; /* experts: of ARCHITECTURE_MMOE */
    bool wide;                               /* a straight line from the inputs to each head (network.h) */
    struct architecture architecture;        /* borrowed */
    enum calibration_kind calibration;
    const char *checkpoint; /* a file, or NULL */
    size_t checkpoint_steps;
    size_t n_keep;
    struct train_keep keep[DATASET_MAX_HEADS]; /* in this order */
    struct left_out left_out;                  /* of this dataset; borrowed */
    size_t n_pooled;
    const char *pooled[DATASET_MAX_HISTORIES]; /* kinds of history that become pooled embeddings (pooled.h); borrowed */
    struct trainer_options trainer;
};

void train_options_init(struct train_options *options);
/* What a model records of them, with the number of epochs that was chosen: JSON, appended. */
void train_options_write(const struct train_options *options, size_t epochs, struct buf *text);
/* Everything that decides what comes of a training on this dataset: JSON, appended. */
void train_options_identify(const struct train_options *options, const char *data_hash, struct buf *text);

/* What a person watching wants to know; called on the caller's thread. */
struct train_progress {
    bool refit; /* false: the first pass, choosing the number of epochs */
    size_t epoch, n_epochs, step, n_steps;
    double loss;          /* of this epoch so far */
    double held_out_loss; /* after the last step of an epoch of the first pass, else NaN */
    /* Steps since this call began; steps to come, if no later epoch of the first pass is better than the best so far.
     */
    size_t steps_done, steps_left;
};
typedef void train_watch(void *context, const struct train_progress *progress);

/* watch may be NULL.  *ret is owned by the caller.
 * STATUS_CORRUPT, STATUS_CONFLICT   the checkpoint is damaged, or of another training
 * STATUS_INVALID   no rows in the days, nothing to learn from, or a head or history in the options that is not there */
MUST_CHECK enum status train(const struct dataset *dataset, const struct train_options *options, train_watch *watch,
                             void *context, struct model **ret, struct err *err);

#endif
