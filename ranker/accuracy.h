/* accuracy.h - how far probabilities of one way to compute them are from those of another, and what that does to
 * rankings.
 *
 * Candidates are ranked by the sum of their heads' probabilities, each divided by the head's mean, so that every head
 * is worth the same; ties go to the candidate that comes first.  Kendall's tau counts pairs: those in the same order
 * minus those in the opposite one, over all; a tie in one of the two is neither.  Pure. */
#ifndef TRIMTAB_RANKER_ACCURACY_H
#define TRIMTAB_RANKER_ACCURACY_H

#include <stddef.h>

#include "base/core/err.h"

enum { ACCURACY_TOP = 20 };

/* All zero, then requests are added; largest differences so far, and sums over `requests` requests and `n` numbers. */
struct accuracy {
    size_t requests, n;
    double probability, logit; /* largest */
    double logit_squares;
    double overlap; /* share of the first ACCURACY_TOP that are among the other's */
    double first;   /* the first candidate is the same */
    double tau;
};

/* a, b [n * heads]: probabilities in (0, 1); mean [heads] above 0; n at least 2.  O(n^2). */
MUST_CHECK enum status accuracy_add(struct accuracy *accuracy, size_t n, size_t heads, const double *mean,
                                    const float *a, const float *b, struct err *err);

#endif
