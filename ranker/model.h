/* model.h - everything that scoring needs and a dataset does not hold: features with their vocabularies, the parameters
 * of the network, the embeddings, the effects of ids, the calibration of each head, and where it came from.
 *
 * A model file holds exactly this (docs/formats.md); the same training gives the same bytes, so its hash names it.
 * Thread: immutable once made. */
#ifndef TRIMTAB_RANKER_MODEL_H
#define TRIMTAB_RANKER_MODEL_H

#include "ranker/architecture.h"
#include "ranker/calibrate.h"
#include "ranker/effects.h"
#include "ranker/features.h"
#include "ranker/network.h"

enum { MODEL_MAX_OPTIONS = 4096 };

struct model_head {
    char *name;
    struct calibration calibration;
    double mean, sd; /* of the calibrated probability over the calibration day */
};

struct model {
    struct architecture architecture;
    struct features *features;
    struct network_shape shape; /* shape.heads heads */
    struct model_head heads[DATASET_MAX_HEADS];
    float *theta;           /* [network_layout(shape).n] */
    float *embeddings;      /* [features->n_embeddings] */
    struct effects effects; /* of the ids in the vocabularies, without variances */
    /* Provenance. */
    char data_hash[DIGEST_HEX_SIZE]; /* of the dataset file */
    int32_t first_day, last_day;     /* of training */
    int32_t calibration_day;
    uint64_t seed;
    char *options;              /* JSON: what training was asked for */
    char hash[DIGEST_HEX_SIZE]; /* of the model file; "" before it was encoded */
};

void model_free(struct model *model); /* NULL is fine */

/* The labels of a dataset as the model's heads.  STATUS_INVALID: it lacks one. */
MUST_CHECK enum status model_targets(const struct model *model, const struct dataset *dataset, struct targets *ret,
                                     struct err *err);

/* file is cleared first; sets model->hash. */
MUST_CHECK enum status model_encode(struct model *model, struct buf *file, struct err *err);
/* STATUS_CORRUPT as dataset_decode(). */
MUST_CHECK enum status model_decode(const void *file, size_t n, const char *name, struct model **ret, struct err *err);
MUST_CHECK enum status model_read(const char *path, struct model **ret, struct err *err);
MUST_CHECK enum status model_write(struct model *model, const char *path, struct err *err);

#endif
