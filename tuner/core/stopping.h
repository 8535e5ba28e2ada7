/* stopping.h - how much is still to be found.
 *
 * Joint posterior draws of every outcome over a fixed candidate set: the recommended point, the best observed points,
 * scrambled Sobol points of the cube and steps around the recommended point.  In a draw the gain still to be found is
 *     max(0, max over feasible candidates f - f(recommended)).
 * The chance that it exceeds delta is what the rule of DESIGN section 5 compares with 0.05. */
#ifndef TRIMTAB_TUNER_CORE_STOPPING_H
#define TRIMTAB_TUNER_CORE_STOPPING_H

#include "tuner/core/acquisition.h"

/* recommended [dim]; delta in the objective's units.  STATUS_NO_MEMORY, STATUS_NOT_PD. */
MUST_CHECK enum status stopping_gain(const struct acquisition_problem *problem, const double *recommended, double delta,
                                     double *ret_probability, double *ret_expected, struct err *err);

#endif
