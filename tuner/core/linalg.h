/* linalg.h - dense symmetric matrices over GSL's Cholesky and BLAS.
 *
 * Everything is row-major and works in the caller's storage.  A symmetric matrix is given by its lower triangle; what
 * stands above the diagonal is never read.  A factor L (A = L L') is the lower triangle that chol_factor() leaves;
 * above the diagonal it leaves rubbish. GSL's default error handler aborts: every main() calls
 * gsl_set_error_handler_off() first. Thread: no state. */
#ifndef TRIMTAB_TUNER_CORE_LINALG_H
#define TRIMTAB_TUNER_CORE_LINALG_H

#include <stddef.h>

#include "base/core/status.h"

/* a [n * n] -> L.  n^3 / 3.  STATUS_NOT_PD, also for what is not finite. */
MUST_CHECK enum status chol_factor(size_t n, double *a);
/* b [n * m] -> L^-1 b;   b -> L^-T b;   b -> A^-1 b.  n^2 m each, the last twice. */
void chol_forward(size_t n, const double *l, size_t m, double *b);
void chol_backward(size_t n, const double *l, size_t m, double *b);
void chol_solve(size_t n, const double *l, size_t m, double *b);
/* a [n * n]: L -> A^-1, both triangles.  2 n^3 / 3. */
void chol_invert(size_t n, double *a);
/* ln det A. */
double chol_log_det(size_t n, const double *l);
/* Copy the lower triangle to the upper. */
void mirror_lower(size_t n, double *a);

double dot(size_t n, const double *a, const double *b);

/* Whether a symmetric a [n * n] is positive semidefinite up to rounding: A + 1e-9 max(diag) I has a factor.  scratch
 * [n * n] of the caller. */
MUST_CHECK enum status psd_check(size_t n, const double *a, double *scratch);
/* A factor of a positive semidefinite a [n * n], in place: a growing jitter of 1e-12 .. 1e-4 times the mean diagonal is
 * added until there is one.  scratch [n * n].  STATUS_NOT_PD. */
MUST_CHECK enum status psd_factor(size_t n, double *a, double *scratch);

#endif
