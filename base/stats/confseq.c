#include "base/stats/confseq.h"

#include <math.h>

static bool enough(struct confseq_arm arm)
{
    return arm.units >= CONFSEQ_MIN_UNITS && arm.events >= CONFSEQ_MIN_EVENTS;
}

bool confseq_begun(struct confseq_arm a, struct confseq_arm control)
{
    return enough(a) && enough(control);
}

double confseq_factor(double n, double alpha)
{
    double rho2 = (-2.0 * log(alpha) + log(1.0 - 2.0 * log(alpha))) / CONFSEQ_TUNED_UNITS;
    double x = n * rho2;
    return sqrt((1.0 + 1.0 / x) * (log1p(x) - 2.0 * log(alpha)));
}

struct confseq_bounds confseq_bounds(double effect, double se, struct confseq_arm a, struct confseq_arm control,
                                     double alpha)
{
    if (!confseq_begun(a, control) || !isfinite(effect) || !(se >= 0.0))
        return (struct confseq_bounds){nan(""), nan("")};
    double reach = se * confseq_factor((double)(a.units + control.units), alpha);
    return (struct confseq_bounds){effect - reach, effect + reach};
}
