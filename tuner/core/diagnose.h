/* diagnose.h - can the model be believed?  Leave one round out.
 *
 * With C the covariance of the observations, W = C^-1 and a = W y, the prediction of round I from all others has
 *     residual  y_I - mean_I = W_II^-1 a_I,       covariance  W_II^-1
 * (Rasmussen & Williams 2006, eq. 5.12, for blocks).  With W_II = L L' the whitened residual is L^-1 a_I: independent
 * standard normals when the model is right.  Hyper-parameters are kept, the heaviest model is judged. */
#ifndef TRIMTAB_TUNER_CORE_DIAGNOSE_H
#define TRIMTAB_TUNER_CORE_DIAGNOSE_H

#include "tuner/core/surrogate.h"

/* residual [n of observations] or NULL, in order of telling, NaN for points that are left out. */
MUST_CHECK enum status diagnose(const struct observations *observations, const struct surrogate *surrogate,
                                double *residual, struct optimizer_diagnostics *ret, struct err *err);

#endif
