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
    uint16_t *item_halves; /* the same in half precision instead of item_part, when the network is packed for that */
    float *item_effects;   /* [(items + 1) * heads] */
    float *cross_sums;     /* [cross inputs * hidden1] running sums of the rows of w1 within a feature */
};

/* to [hidden1] += the share of one side's inputs in the first layer; inputs that are 0 cost nothing. */
void ranker_add_side(const struct ranker *ranker, const float *x, enum feature_side side, float *to);

#endif
