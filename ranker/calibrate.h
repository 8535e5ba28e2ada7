/* calibrate.h - Platt's calibration of a head on impressions that training did not see.
 *
 *   p = 1 / (1 + exp(-(slope z + intercept)))
 *
 * Platt 1999.  Slope and intercept maximize the log likelihood plus the log of the priors slope ~ N(1, 0.25^2),
 * intercept ~ N(0, 0.5^2), so that a head with a handful of positives stays close to the uncalibrated one.  Newton's
 * method; the objective is strictly concave. Pure. */
#ifndef TRIMTAB_RANKER_CALIBRATE_H
#define TRIMTAB_RANKER_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

struct platt {
    double slope, intercept;
};

/* z [n * stride]: the head's logit of row i is z[i * stride]; labels [n], bit `head`. */
struct platt platt_fit(const float *z, size_t stride, const uint32_t *labels, size_t head, size_t n);
/* Strictly inside (0, 1), also as a float. */
float platt_probability(const struct platt *platt, double z);

#endif
