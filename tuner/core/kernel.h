/* kernel.h - stationary correlations of the scaled distance
 *     r^2 = sum_k ((a_k - b_k) / l_k)^2,    g(0) = 1.
 *   KERNEL_MATERN52  g = (1 + q + q^2 / 3) exp(-q),  q = sqrt(5) r     Rasmussen & Williams (2006), eq. 4.17
 *   KERNEL_SE        g = exp(-r^2 / 2)                                 eq. 4.9
 * Only g and its slope dg/d(r^2) are needed: with D_k = a_k - b_k
 *     dg / d a_k     =  2 slope D_k / l_k^2,         dg / d ln l_k = -2 slope D_k^2 / l_k^2. */
#ifndef TRIMTAB_TUNER_CORE_KERNEL_H
#define TRIMTAB_TUNER_CORE_KERNEL_H

#include <stddef.h>

enum kernel_kind { KERNEL_MATERN52, KERNEL_SE };

/* r2 [n] -> g [n] and, unless NULL, dg/d(r^2) [n].  ret_value may be r2 itself. */
void kernel_shape(enum kernel_kind kind, size_t n, const double *r2, double *ret_value, double *ret_slope);

/* Scaled coordinates: ret [n * dim] = x_ik / l_k; ret_norm [n] = sum of squares. */
void kernel_scale(size_t n, size_t dim, const double *x, const double *inv_lengthscale, double *ret, double *ret_norm);
/* Squared distances of a [n * dim] and b [m * dim], both scaled, into ret [n * m] (row stride ld). */
void kernel_distances(size_t n, size_t m, size_t dim, const double *a, const double *a_norm, const double *b,
                      const double *b_norm, double *ret);

#endif
