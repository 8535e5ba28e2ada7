/* preview_estimate.h - what weights show in a sample of requests, pure.
 *
 *   shown_h = 1/R sum_r 1/k_r sum_{i in top_r(w)} p_rih        overlap = 1/R sum_r |top_r(w) & top_r(reference)| / k_r
 *
 * with top_r(w) the k_r candidates of request r that POST /v1/rank puts on top by w: utility_top() of ranker/utility.h,
 * ties by id.  It is what the model expects of them, at the positions and of the users as they are now: no measurement.
 * An estimate from logged candidates, unbiased because candidates do not depend on the arm. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_ESTIMATE_H
#define TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_ESTIMATE_H

#include "experiments/http/preview_sample.h"

enum { PREVIEW_MAX_WEIGHTS = 64 };

/* By head of the experiment. */
struct preview {
    double weights[PLAN_MAX_HEADS];
    double shown[PLAN_MAX_HEADS];
    double overlap; /* with the reference, 0 to 1 */
};

/* Fills shown and overlap; previews [n], of which the first is the reference.  All 0 for an empty sample.
 * O(n (candidates heads + candidates log k)) a request: 0.3 s for 64 weights, 1000 requests, 200 candidates, 3 heads.
 */
void preview_estimate(const struct preview_snapshot *sample, size_t n, struct preview *previews);

#endif
