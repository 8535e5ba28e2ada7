/* effects.h - effects of the arms of one round against their shared control, with the whole covariance.
 *
 * An arm a measures M metrics; m_ai is its mean of metric i and V_a the M x M covariance of those MEANS (delta method
 * over units).  Arms are independent samples, but every effect has the same control c in it:
 *
 *   relative  r_ai = m_ai / m_ci - 1, to second order without bias:  m_ai / m_ci (1 - V_c,ii / m_ci^2) - 1
 *     Cov(r_ai, r_bj) = [a = b] V_a,ij / (m_ci m_cj) + (m_ai / m_ci)(m_bj / m_cj) V_c,ij / (m_ci m_cj)
 *   absolute  d_ai = m_ai - m_ci
 *     Cov(d_ai, d_bj) = [a = b] V_a,ij + V_c,ij
 *
 * Source: delta method for a ratio of independent means (Deng, Knoblich & Lu 2018, KDD, section 3; Franz 2007 for the
 * second-order term).  Effects are arm-major over all arms but the control, in the order of the arms: entry
 * e = a' * M + i, a' counting arms without the control; E = (n_arms - 1) * M.  Pure. */
#ifndef TRIMTAB_BASE_STATS_EFFECTS_H
#define TRIMTAB_BASE_STATS_EFFECTS_H

#include <stddef.h>

/* mean [n_arms * n_metrics], cov [n_arms * n_metrics^2] of the means.  ret_effect [E], ret_cov [E * E], storage of the
 * caller.  A relative effect whose control mean is 0, or an effect built from a mean or a variance that is not finite,
 * is NaN with NaN rows and columns. O(E^2). */
void effects_relative(size_t n_arms, size_t n_metrics, size_t control, const double *mean, const double *cov,
                      double *ret_effect, double *ret_cov);
void effects_absolute(size_t n_arms, size_t n_metrics, size_t control, const double *mean, const double *cov,
                      double *ret_effect, double *ret_cov);

/* A weighted sum of the metrics per arm: ret_value [n], n = n_arms - 1, ret_cov [n * n]; weight [n_metrics];
 * v_a = sum_i weight_i e_ai,  Cov(v_a, v_b) = sum_ij weight_i weight_j Cov(e_ai, e_bj).  A metric of weight 0 is left
 * out, so its NaN does no harm. */
void effects_combine(size_t n, size_t n_metrics, const double *effect, const double *cov, const double *weight,
                     double *ret_value, double *ret_cov);

#endif
