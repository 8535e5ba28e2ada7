/* checkpoint.h - a training on disk, so that one that was killed goes on where it was and ends in the same model, bit
 * by bit.
 *
 *   payload: text what is trained, u32 pass, u32 epoch, u32 best epoch, f64 best loss, u32 n, f32 logits[n], and the
 *   trainer's state (trainer.h) up to the end
 *
 * in the frame of bytes.h.  Whatever is drawn at random is a function of the seed and the step, so a state between two
 * steps is all there is.  The text names everything that decides the result (options, dataset, days, seed); a
 * checkpoint of another training is refused, not silently overwritten.  Thread: owner only. */
#ifndef TRIMTAB_RANKER_CHECKPOINT_H
#define TRIMTAB_RANKER_CHECKPOINT_H

#include "ranker/trainer.h"

enum checkpoint_pass { CHECKPOINT_CHOOSING, CHECKPOINT_REFIT };

struct checkpoint {
    enum checkpoint_pass pass;
    size_t epoch;      /* of the pass, from 1: the one the trainer is in */
    size_t best_epoch; /* of the first pass so far, 0: none yet */
    double best_loss;
    size_t n_logits; /* of the held-out rows after the best epoch */
    float *logits;   /* borrowed */
};

MUST_CHECK enum status checkpoint_write(const char *path, const char *what, const struct checkpoint *checkpoint,
                                        const struct trainer *trainer, struct err *err);

/* A checkpoint that was read; the trainer's state waits in `reader` until there is a trainer. */
struct checkpoint_file {
    struct buf file;
    struct bytes_reader reader;
    bool found;
};
/* Fills *ret and its logits [n_logits], which the caller has set; without a file nothing but ret_file->found = false.
 * ret_file is to be given to checkpoint_file_done() whatever happens.
 * STATUS_CORRUPT   the file is damaged
 * STATUS_CONFLICT  it is of another training */
MUST_CHECK enum status checkpoint_read(const char *path, const char *what, struct checkpoint *ret,
                                       struct checkpoint_file *ret_file, struct err *err);
void checkpoint_file_done(struct checkpoint_file *file);

#endif
