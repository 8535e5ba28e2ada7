/* confseq.h - asymptotic confidence sequences: intervals that hold at every look at once.
 *
 * theta_n is an effect estimated from n units (both arms of a comparison) and se_n its standard error.  A fixed
 * interval theta_n +- 1.96 se_n holds 95 % of the time at ONE n chosen beforehand; whoever looks again and again and
 * stops at the first that excludes 0 is wrong far more often.  With probability 1 - alpha, as the first look moves out,
 *
 *   for all n:  |theta_n - theta| <= se_n sqrt( (1 + 1/(n rho^2)) (log(1 + n rho^2) - 2 log alpha) )
 *
 * Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), "Time-uniform central limit theory and asymptotic
 * confidence sequences", Annals of Statistics 52(6), theorem 2.2 (arXiv:2103.06476), with sigma_n = se_n sqrt(n):
 *   sigma_n sqrt( 2 (n rho^2 + 1) / (n^2 rho^2) log( sqrt(n rho^2 + 1) / alpha ) ).
 * rho only says at which n the interval is tightest; the paper's approximate choice for n* (appendix B, "optimizing
 * Robbins' normal mixture") is rho^2 = (-2 log alpha + log(1 - 2 log alpha)) / n*.  Here n* = CONFSEQ_TUNED_UNITS: the
 * factor of se is 3.03 there (1.96 for one look), 3.85 at a tenth of it and 3.24 at ten times, so little hangs on it.
 *
 * The mean of the theorem is any estimator that is a mean of per-unit influences up to a vanishing rest: by the delta
 * method a ratio of sums, and a relative effect, are (moments.h, effects.h), and se_n is theirs.  The theorem asks for
 * many units before the first look, hence the burn-in.  Pure. */
#ifndef TRIMTAB_BASE_STATS_CONFSEQ_H
#define TRIMTAB_BASE_STATS_CONFSEQ_H

#include <stdbool.h>
#include <stdint.h>

#define CONFSEQ_TUNED_UNITS 10000.0
enum { CONFSEQ_MIN_UNITS = 1000, CONFSEQ_MIN_EVENTS = 100 };

/* What one arm has gathered. */
struct confseq_arm {
    int64_t units, events; /* events: counted into the numerator of the metric */
};

/* Whether both arms are past the burn-in, so that the sequence has begun. */
bool confseq_begun(struct confseq_arm a, struct confseq_arm control);

/* How many standard errors the interval reaches to each side after n units; n > 0, 0 < alpha < 1. */
double confseq_factor(double n, double alpha);

struct confseq_bounds {
    double lower, upper; /* NaN before the burn-in or without a standard error */
};
struct confseq_bounds confseq_bounds(double effect, double se, struct confseq_arm a, struct confseq_arm control,
                                     double alpha);

#endif
