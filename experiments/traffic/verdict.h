/* verdict.h - does the tuned weight vector win on people who took no part in the tuning?
 *
 * Every slate of the confirmation users is scored once by the ranker and ordered three times: by the candidate's, the
 * control's (plug-in) and equal weights.  The two best of each are "shown" and get their logged labels.  With Y_{a,h}
 * the events of head h under weights a, summed over users, the lift of a over b is DESIGN's weighted sum of relative
 * effects
 *   L(a, b) = sum_h value_h (Y_{a,h} / Y_{b,h} - 1)
 * Users are resampled with replacement, whole users with all their slates, the same users for all three orders (a
 * paired, user-clustered bootstrap: Efron & Tibshirani 1993, ch. 13 for the percentile interval).  se is the standard
 * deviation over replicates; the smallest lift that a test of level 0.05 finds with probability 0.8 is
 *   detectable = (z_0.975 + z_0.8) se = 2.8016 se
 * A replicate in which a valued head has no event under b is left out and counted.
 * volume = events per user; propensity = share of users with at least one.
 * Everything is conditional on this log: the labels of what the product chose to show, in another order. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_VERDICT_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_VERDICT_H

#include "base/core/buf.h"
#include "experiments/traffic/slates.h"
#include "ranker/ranker.h"

enum verdict_weights { VERDICT_CANDIDATE, VERDICT_CONTROL, VERDICT_EQUAL, VERDICT_WEIGHTS };

/* The comparisons, each of two of the above. */
enum verdict_pair { VERDICT_VS_CONTROL, VERDICT_VS_EQUAL, VERDICT_CONTROL_VS_EQUAL, VERDICT_PAIRS };

struct verdict_question {
    double weights[VERDICT_WEIGHTS][DATASET_MAX_HEADS];
    double values[DATASET_MAX_HEADS];
};

struct verdict_lift {
    double lift, se, lo, hi; /* 95 % percentile interval; NaN when it cannot be computed */
    double detectable;
    size_t replicates; /* that could be used */
};

struct verdict {
    size_t n_users, n_slates, n_heads, n_replicates;
    double events[VERDICT_WEIGHTS][DATASET_MAX_HEADS];
    double active_users[VERDICT_WEIGHTS][DATASET_MAX_HEADS]; /* users with at least one */
    struct verdict_lift total[VERDICT_PAIRS];
    struct verdict_lift volume[VERDICT_PAIRS][DATASET_MAX_HEADS]; /* relative effect on the events of a head */
    struct verdict_lift propensity[VERDICT_PAIRS][DATASET_MAX_HEADS];
};

/* {"candidate":{"is_click":1.0,..},"control":{..},"equal":{..},"values":{"is_click":1.0,..}}; absent heads are 0.
 * heads [n_heads] are the known ones, in the order of the arrays.  STATUS_INVALID: form or numbers;
 * STATUS_UNPROCESSABLE: another head. */
MUST_CHECK enum status verdict_question_decode(const char *bytes, size_t n, const char *const *heads, size_t n_heads,
                                               struct verdict_question *ret, struct err *err);

/* Calibrated probabilities of every candidate of the confirmation slates, in the order of slates->confirmation and of
 * the dataset's heads: *ret [n * SLATE_SIZE * n_heads], n their number of slates; freed by the caller with mem_free.
 * STATUS_UNPROCESSABLE: the ranker lacks a head of the log. */
MUST_CHECK enum status verdict_score(const struct slates *slates, const struct ranker *ranker, float **ret,
                                     struct err *err);

/* p as verdict_score gives it.  O(replicates * users * heads). */
MUST_CHECK enum status verdict_compute(const struct slates *slates, const float *p,
                                       const struct verdict_question *question, size_t n_replicates, uint64_t seed,
                                       struct verdict *ret, struct err *err);

const char *verdict_pair_name(enum verdict_pair pair);
/* The two weight vectors of a pair: first over second. */
const enum verdict_weights *verdict_pair_weights(enum verdict_pair pair);

/* docs/traffic.md describes the members. */
void verdict_write_json(const struct verdict *verdict, const struct verdict_question *question,
                        const struct dataset *dataset, struct buf *buf);
void verdict_write_text(const struct verdict *verdict, const struct verdict_question *question,
                        const struct dataset *dataset, struct buf *buf);

#endif
