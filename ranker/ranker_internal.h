/* ranker_internal.h - the parts of a ranker, for the folder ranker and its tests only. */
#ifndef TRIMTAB_RANKER_RANKER_INTERNAL_H
#define TRIMTAB_RANKER_RANKER_INTERNAL_H

#include "ranker/inputs.h"
#include "ranker/model.h"
#include "ranker/packed.h"
#include "ranker/ranker.h"

struct ranker {
    struct model *model;
    struct dataset *dataset;
    const struct kernel *kernel;
    struct inputs users;
    struct packed network;
    float *item_part; /* [(items + 1) * hidden1]: b1 and the item's share of the first layer; last: an unknown item */
    float *item_effects; /* [(items + 1) * heads] */
    float *cross_sums;   /* [cross inputs * hidden1] running sums of the rows of w1 within a feature */
};

#endif
