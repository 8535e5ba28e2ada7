/* normal.h - tails of the normal distribution that stay accurate in logs.
 *
 * Mills ratio  R(x) = (1 - Phi(x)) / phi(x),  x >= 0.
 * log_ndtr     ln Phi(z).
 * log_h        ln h(z),  h(z) = phi(z) + z Phi(z): expected improvement is  sd h((mean - best) / sd).
 * For negative z the sum in h cancels; there h(z) = phi(z) (1 - |z| R(|z|)), and far out 1 - x R(x) -> 1 / x^2
 * (Ament et al. 2023, Unexpected Improvements to Expected Improvement, section 4.1 and appendix A).
 * Pure. */
#ifndef TRIMTAB_TUNER_CORE_NORMAL_H
#define TRIMTAB_TUNER_CORE_NORMAL_H

double normal_mills(double x);
double normal_cdf(double z);
/* h(z) = phi(z) + z Phi(z), the expected improvement of a standard normal; 0 below -8, where it is less than 1e-16. */
double normal_h(double z);
/* p in (0, 1). Relative error below 1e-9 (Acklam's rational start and one Newton step of Halley's kind). */
double normal_quantile(double p);
/* ret_slope: d/dz, may be NULL. */
double log_ndtr(double z, double *ret_slope);
double log_h(double z, double *ret_slope);

#endif
