/* ranker_internal.h - the parts of a ranker, for the folder ranker and its tests only. */
#ifndef TRIMTAB_RANKER_RANKER_INTERNAL_H
#define TRIMTAB_RANKER_RANKER_INTERNAL_H

#include "ranker/inputs.h"
#include "ranker/kernel.h"
#include "ranker/model.h"
#include "ranker/ranker.h"

struct ranker {
    struct model *model;
    struct dataset *dataset;
    const struct kernel *kernel;
    struct inputs users;
    size_t hidden1, hidden2, tower; /* padded */
    float *parameters;              /* the block that the next seven lie in */
    float *w1, *b1, *w2, *b2, *w3, *b3, *w4;
    float *item_part; /* [(items + 1) * hidden1]: b1 and the item's share of the first layer; last: an unknown item */
};

#endif
