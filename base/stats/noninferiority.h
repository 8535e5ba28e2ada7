/* noninferiority.h - does a guardrail hold?  Three answers, because "not shown to be broken" is not "holds".
 *
 * A guardrail bounds an effect theta: theta >= bound (a metric whose loss is limited) or theta <= bound.  With the
 * estimate e, its standard error se and s = +1 for ">=", -1 for "<=", two one-sided tests share the boundary:
 *
 *   p_holds   of H: theta is on the wrong side or at the bound     = 1 - Phi( s (e - bound) / se)
 *   p_broken  of H: theta is on the right side or at the bound     = 1 - Phi(-s (e - bound) / se) = 1 - p_holds
 *
 *   HOLDS where p_holds <= alpha, BROKEN where p_broken <= alpha, else INCONCLUSIVE: more data may tell.
 *
 * Several guardrails: to ship only when ALL hold, each at alpha is enough (an intersection-union test; Schultzberg,
 * Ankargren & Franberg 2024, "Risk-aware product decisions in A/B tests with multiple metrics", arXiv:2402.11609,
 * section 3).  For statements about each of them, adjust all p_holds of the family, and apart from them all p_broken,
 * by holm.h; then a false HOLDS anywhere has probability alpha at most, and a false BROKEN too.
 *
 * These tests are for one look, the end of a round.  At any look take the bounds of a confidence sequence (confseq.h):
 * noninferiority_within().  Pure. */
#ifndef TRIMTAB_BASE_STATS_NONINFERIORITY_H
#define TRIMTAB_BASE_STATS_NONINFERIORITY_H

#include <stdbool.h>

enum noninferiority { NONINFERIORITY_INCONCLUSIVE, NONINFERIORITY_HOLDS, NONINFERIORITY_BROKEN };

struct noninferiority_bound {
    double bound;
    bool is_max; /* the effect shall be <= bound; otherwise >= */
};
struct noninferiority_p {
    double holds, broken; /* NaN without an estimate or with a standard error that is not positive */
};

struct noninferiority_p noninferiority_test(double effect, double se, struct noninferiority_bound bound);
/* From p-values, adjusted or not; NaN is inconclusive. */
enum noninferiority noninferiority_answer(struct noninferiority_p p, double alpha);
/* From an interval of the effect: all of it on one side of the bound; NaN is inconclusive. */
enum noninferiority noninferiority_within(double lower, double upper, struct noninferiority_bound bound);
/* "holds", "broken", "inconclusive" */
const char *noninferiority_name(enum noninferiority answer);

#endif
