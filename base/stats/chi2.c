#include "base/stats/chi2.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

double chi2_tail(double x, double df)
{
    return x >= 0.0 && df > 0.0 ? gsl_cdf_chisq_Q(x, df) : nan("");
}

struct sample_ratio sample_ratio_check(size_t n_arms, const int64_t *observed, const double *share)
{
    double total = 0.0, shares = 0.0, x2 = 0.0;
    size_t used = 0;
    for (size_t a = 0; a < n_arms; a++) {
        if (share[a] > 0.0) {
            total += (double)observed[a];
            shares += share[a];
            used++;
        }
    }
    if (used < 2 || !(total > 0.0))
        return (struct sample_ratio){nan(""), nan(""), used > 0 ? used - 1 : 0};
    for (size_t a = 0; a < n_arms; a++) {
        if (share[a] > 0.0) {
            double expected = total * share[a] / shares, off = (double)observed[a] - expected;
            x2 += off * off / expected;
        }
    }
    return (struct sample_ratio){x2, chi2_tail(x2, (double)(used - 1)), used - 1};
}
