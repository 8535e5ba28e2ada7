/* chi2.h - the chi-square tail and the sample-ratio check built on it.  Pure. */
#ifndef TRIMTAB_BASE_STATS_CHI2_H
#define TRIMTAB_BASE_STATS_CHI2_H

#include <stddef.h>
#include <stdint.h>

/* P(X > x) for X chi-square with df degrees of freedom; NaN unless x >= 0 and df > 0. */
double chi2_tail(double x, double df);

struct sample_ratio {
    double chi2, p; /* NaN when there is nothing to compare */
    size_t df;
};
/* Pearson's test of the observed units against their planned shares: X^2 = sum (o - e)^2 / e, e = N share / sum(share),
 * df = arms - 1.  Arms of share 0 are left out.  A tiny p says that assignment or logging is broken, and that no effect
 * of the round should be believed (Fabijan et al. 2019, "Diagnosing Sample Ratio Mismatch", KDD). */
struct sample_ratio sample_ratio_check(size_t n_arms, const int64_t *observed, const double *share);

#endif
