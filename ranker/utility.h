/* utility.h - from probabilities to an order.
 *
 *   U_i = sum_h w_h p_ih         (DESIGN section 1), in double, summed in the order of the heads
 *
 * Candidates are ordered by U descending; equal utilities (including -0 and 0) by candidate id, bytewise, then by
 * index, so the order of the input never matters for distinct ids.  A utility that is not finite sorts behind every
 * finite one.  Only the direction of w matters: w and 2w give the same order.  Pure; safe from any thread. */
#ifndef TRIMTAB_RANKER_UTILITY_H
#define TRIMTAB_RANKER_UTILITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct utility_entry {
    double utility;
    uint32_t index; /* into the candidates as given */
};

/* weights [n_heads]: every one finite and at least one not zero.  names [n_heads] are used in the line. */
MUST_CHECK enum status utility_check_weights(size_t n_heads, const double *weights, const char *const *names,
                                             struct err *err);

/* The utility of one candidate; p [n_heads]. */
double utility_of(size_t n_heads, const double *weights, const float *p);

/* Fills ret[0 .. min(k, n)) with the best candidates in order and returns that number; entries behind it are scratch.
 * p [n * n_heads], ids [n], ret [n] storage of the caller.  O(n n_heads + n log k). */
size_t utility_top(size_t n, size_t n_heads, const double *weights, const float *p, const char *const *ids, size_t k,
                   struct utility_entry *ret);

#endif
