/* trainer_internal.h - the parts of a trainer, for trainer.c and trainer_state.c only. */
#ifndef TRIMTAB_RANKER_TRAINER_INTERNAL_H
#define TRIMTAB_RANKER_TRAINER_INTERNAL_H

#include "ranker/trainer.h"

/* One stretch of parameters with its optimizer state. */
struct block {
    size_t n;
    float *theta, *m, *v, *average;
};

struct shard {
    struct network_work work;
    float *gradient; /* [layout.n] */
    double losses[DATASET_MAX_HEADS];
};

/* Embeddings that codes stand for. */
struct embedding_table {
    const struct feature *feature;
    const struct pooled *pooled; /* the lists that codes stand for, NULL when they are rows */
};

struct trainer {
    const struct samples *samples;
    struct network_shape shape;
    struct network_layout layout;
    struct trainer_options options;
    struct workers *workers;
    struct block dense, sparse; /* the network; the embeddings */
    float *sparse_gradient;     /* [embeddings], zero between steps */
    uint32_t *order;            /* [samples] */
    size_t epoch, step;         /* epochs begun, steps done */
    size_t met;                 /* samples of this epoch; 0: the next one begins */
    double loss;                /* of this epoch, summed */
    /* of the current batch */
    const uint32_t *batch;
    size_t n_batch;
    float *x, *dx;    /* [batch * width] */
    uint32_t *codes;  /* [batch * n_codes] */
    uint32_t *labels; /* [batch] */
    float *weights;   /* [batch * heads]; NULL: all 1 */
    struct shard shards[TRAINER_SHARDS];
    struct effects effects;
    double rates[DATASET_MAX_HEADS];
    /* text features in the order of codes */
    size_t n_tables;
    struct embedding_table *tables;
};

#endif
