#include "base/stats/noninferiority.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

struct noninferiority_p noninferiority_test(double effect, double se, struct noninferiority_bound bound)
{
    if (!(se > 0.0) || !isfinite(effect))
        return (struct noninferiority_p){nan(""), nan("")};
    double z = (bound.is_max ? bound.bound - effect : effect - bound.bound) / se;
    return (struct noninferiority_p){gsl_cdf_ugaussian_Q(z), gsl_cdf_ugaussian_P(z)};
}

enum noninferiority noninferiority_answer(struct noninferiority_p p, double alpha)
{
    if (p.holds <= alpha)
        return NONINFERIORITY_HOLDS;
    return p.broken <= alpha ? NONINFERIORITY_BROKEN : NONINFERIORITY_INCONCLUSIVE;
}

enum noninferiority noninferiority_within(double lower, double upper, struct noninferiority_bound bound)
{
    bool below = upper<bound.bound, above = lower> bound.bound;
    if (bound.is_max ? below : above)
        return NONINFERIORITY_HOLDS;
    return (bound.is_max ? above : below) ? NONINFERIORITY_BROKEN : NONINFERIORITY_INCONCLUSIVE;
}

const char *noninferiority_name(enum noninferiority answer)
{
    static const char *const NAMES[] = {"inconclusive", "holds", "broken"};
    return NAMES[answer];
}
