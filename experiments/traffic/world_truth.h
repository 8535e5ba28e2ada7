/* world_truth.h - what weights are worth in a world, by playing everyone under each of them in this process.
 *
 * The value of weights a over weights b is the weighted sum of relative effects on events per unit (a unit: a user who
 * came), from the same people with the same luck:
 *   L(a, b) = sum_h value_h (Y_{a,h} / Y_{b,h} - 1)
 * Its standard error over people is the delta method for ratios of paired sums, with R_h = Y_{a,h} / Y_{b,h}:
 *   se^2 = sum_u d_u^2,   d_u = sum_h value_h (y_{a,uh} - R_h y_{b,uh}) / Y_{b,h}
 * A play seed is a sample of people; the world's seed stays.  Thread: owner only. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_TRUTH_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_TRUTH_H

#include "base/core/buf.h"
#include "experiments/traffic/world_ranked.h"

struct world_truth;

enum { WORLD_TRUTH_WIDTH = WORLD_RUN_HEADS + WORLD_MAX_HEADS };

/* One weight vector's play. */
struct world_play {
    size_t n_units;                 /* users who came */
    double sums[WORLD_TRUTH_WIDTH]; /* requests, impressions, events of every head */
    double *totals;                 /* the same per user, [n_users * (2 + n_heads)]; owned */
};

struct world_effect {
    double lift, se;                    /* L(a, b) */
    double relative[WORLD_TRUTH_WIDTH]; /* effect on requests, impressions, events of every head, per unit */
    double relative_se[WORLD_TRUTH_WIDTH];
};

/* Days first_day .. first_day + n_days - 1 of the people of one play seed. */
struct world_truth_span {
    uint64_t play_seed;
    int first_day, n_days;
};
/* The ranker and the scores are borrowed; scores (world_scores.h) may be NULL. */
MUST_CHECK enum status world_truth_open(const struct world_params *params, const struct ranker *ranker,
                                        const struct world_scores *scores, const struct world_truth_span *span,
                                        struct world_truth **ret, struct err *err);
/* NULL is fine. */
void world_truth_close(struct world_truth *truth);
/* The ranker's mean probabilities, in the world's order of heads. */
void world_truth_means(const struct world_truth *truth, double *ret);

/* weights [n_heads].  ret: a zeroed one, or one of an earlier play, whose memory is used again. */
MUST_CHECK enum status world_truth_play(struct world_truth *truth, const double *weights, struct world_play *ret,
                                        struct err *err);
void world_play_done(struct world_play *play);
/* values [n_heads].  An effect relative to 0 events is NaN. */
void world_truth_effect(const struct world_truth *truth, const double *values, const struct world_play *a,
                        const struct world_play *b, struct world_effect *ret);
/* Standard deviation over units of sum_h value_h y_uh / mean_h: divided by sqrt(n), the relative standard error of an
 * arm with n units. */
double world_truth_unit_sd(const struct world_truth *truth, const double *values, const struct world_play *play);

#endif
