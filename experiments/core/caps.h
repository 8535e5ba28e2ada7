/* caps.h - caps of metrics that the round before decides.
 *
 * Where few units have most of a sum (seconds watched), their luck is most of its variance: capping what a unit may
 * count for trades a small change of what is measured for a much shorter interval (Kohavi, Tang & Xu 2020,
 * "Trustworthy online controlled experiments", chapter 22).  A cap must not look at what it caps: a metric with
 * "cap":{"quantile":q} takes it from the round before, the q-quantile of |numerator| over the counted units of all
 * arms, uncapped, when that round becomes final.  The first round has none; a round with fewer than CAPS_LEAST_UNITS
 * says nothing, and its own cap stays; a quantile of 0 caps nothing.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_CAPS_H
#define TRIMTAB_EXPERIMENTS_CORE_CAPS_H

#include "experiments/core/tally.h"

enum { CAPS_LEAST_UNITS = 1000 };

/* The cap after this round of a metric that had `cap` in it.  O(units). */
MUST_CHECK enum status caps_after(const struct tally *tally, size_t metric, double quantile, int64_t cap, int64_t *ret,
                                  struct err *err);

#endif
