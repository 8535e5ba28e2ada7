/* climb.h - go up a smooth function inside a box, with gradients: NLopt's L-BFGS (Nocedal 1980; Luksan's code).
 *
 * The best point ever evaluated is kept, so an early stop of the line search costs nothing.  The method draws no random
 * numbers: same start, same end. */
#ifndef TRIMTAB_TUNER_CORE_CLIMB_H
#define TRIMTAB_TUNER_CORE_CLIMB_H

#include <stddef.h>

#include "base/core/err.h"

/* Value at x [dim] and its gradient [dim]; what is not finite is taken for a very low place. */
typedef double (*climb_fn)(void *context, const double *x, double *ret_gradient);

struct climb_box {
    size_t dim;
    const double *lo, *hi; /* [dim]; lo == hi keeps a coordinate */
};
struct climb_limits {
    size_t evaluations;
    double tolerance; /* stop when a step changes the value by less */
};

/* x [dim] is start and result; *ret_value the value there.  STATUS_NO_MEMORY. */
MUST_CHECK enum status climb(const struct climb_box *box, const struct climb_limits *limits, climb_fn value,
                             void *context, double *x, double *ret_value, struct err *err);

#endif
