/* recalibrate.h - a trained model whose heads are calibrated again, on a newer day.
 *
 * Base rates move from day to day, and no calibration of yesterday knows it; a calibration costs a thousandth of a
 * training, so it can be made every day.  The network stays; the calibration of each head (calibrate.h) is fitted on
 * the logits of the whole day, by the network that serves, and so are the mean and the deviation of its probability.  A
 * head that could not be learnt keeps its constant. */
#ifndef TRIMTAB_RANKER_RECALIBRATE_H
#define TRIMTAB_RANKER_RECALIBRATE_H

#include "ranker/model.h"

struct recalibrate_options {
    int32_t day;
    enum calibration_kind kind;
    size_t threads;
};

/* Changes the model, which then needs encoding for its new hash; on failure it is as it was.
 * STATUS_INVALID: the dataset lacks a head or column, or the day holds no rows. */
MUST_CHECK enum status recalibrate(struct model *model, const struct dataset *dataset,
                                   const struct recalibrate_options *options, struct err *err);

/* The calibration of every head that could be learnt, fitted on logits z [n * heads] and labels [n] of the model's
 * heads; ret [heads], owned by the caller: of the other heads it is their constant. */
MUST_CHECK enum status recalibrate_heads(const struct model *model, const float *z, const uint32_t *labels, size_t n,
                                         enum calibration_kind kind, struct calibration *ret, struct err *err);

#endif
