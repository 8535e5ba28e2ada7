/* eligibility.h - who may take part in an experiment, and which experiments exclude each other.
 *
 * In this order, for one request of a unit:
 *
 *   eligible      every rule of the experiment holds for the attributes that came with the request; a missing one fails
 *   in the layer  the unit's number on the layer, assign_hash("layer NAME", unit).u, lies in [from, to): experiments of
 *                 one layer have disjoint parts of it, so no unit is in two of them
 *   held back     assign_hash("holdback EXPERIMENT", unit).u < share: for ever, whatever the round
 *
 * Who is not eligible or not in the layer gets the default and is not counted; who is held back gets the experiment's
 * first default weights and is counted apart.  A blank is in no salt of a round, so all three numbers are independent
 * of every assignment to arms.  Attributes must be known before the arm acts on the unit (a country, not a click
 * count), or the arms are no longer alike.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_ELIGIBILITY_H
#define TRIMTAB_EXPERIMENTS_CORE_ELIGIBILITY_H

#include "experiments/core/plan.h"

struct attribute {
    const char *name;
    const char *text; /* NULL: the number */
    double number;
};

bool eligible(size_t n_rules, const struct eligibility_rule *rules, size_t n_attributes,
              const struct attribute *attributes);
bool layer_holds(const struct layer_part *layer, const char *unit);
/* Whether two parts of one layer have units in common. */
bool layer_overlaps(const struct layer_part *a, const struct layer_part *b);
bool held_back(double share, const char *experiment, const char *unit);

#endif
