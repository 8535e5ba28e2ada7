/* thin.h - a part of the observations, evenly chosen: enough to find the neighbourhood of the best hyper-parameters. */
#ifndef TRIMTAB_TUNER_CORE_THIN_H
#define TRIMTAB_TUNER_CORE_THIN_H

#include "tuner/core/gp.h"

struct thin {
    struct gp_data data; /* points into the arrays below; a control is borrowed */
    double *block;
    bool *unknown;
    size_t *start;
};

/* Every s-th of the points, s the smallest step that leaves at most `most`; rounds left without points fall away.
 * ret is to be released by thin_done, also after a failure.  STATUS_NO_MEMORY. */
MUST_CHECK enum status thin_init(struct thin *ret, const struct gp_data *all, size_t most, struct err *err);
void thin_done(struct thin *thin);

#endif
