/* article.h - the seed article's comparison: what people do under one way of ranking against another, for every
 * engagement type.
 *
 *   volume      events per request
 *   per user    events per user who came: volume times requests
 *   propensity  share of the users who came that did it at least once
 *
 * Both ways rank for the same people.  With several trained models of a kind, each is played and what is compared is
 * their mean, so that the luck of a training is averaged out.  Intervals: users are resampled with everything they did
 * under both ways (paired, user-clustered bootstrap; percentiles: Efron & Tibshirani 1993, section 13.3).  They say how
 * far other people would move the figures of these models.
 *
 * Totals of a play are those of world_run.h: for every user requests, impressions, events of every type.  Pure. */
#ifndef TRIMTAB_TESTS_LIB_ARTICLE_H
#define TRIMTAB_TESTS_LIB_ARTICLE_H

#include <stdint.h>

#include "experiments/world/world_run.h"
#include "ranker/dataset.h"

/* Sums over plays; [n_users * n_types] and [n_users]. */
struct article_way {
    size_t n_users, n_types;
    double *events, *active; /* active: the number of plays in which the user did it at least once */
    double *requests, *came; /* came: the number of plays in which the user came */
};

MUST_CHECK enum status article_way_new(size_t n_users, size_t n_types, struct article_way *ret, struct err *err);
void article_way_done(struct article_way *way);
/* totals [n_users * (WORLD_RUN_HEADS + n_types)] of a play. */
void article_way_add(struct article_way *way, const double *totals);

struct article_effect {
    double a, b;          /* the figure under either way */
    double value, lo, hi; /* a / b - 1 and its 95 % interval; NaN where b is 0 */
};

struct article_comparison {
    size_t n_users;                 /* who came under either way */
    struct article_effect requests; /* per user who came */
    struct article_effect volume[DATASET_MAX_HEADS], per_user[DATASET_MAX_HEADS], propensity[DATASET_MAX_HEADS];
};

/* Way a over way b, of the same people.  O(replicates n_users n_types). */
MUST_CHECK enum status article_compare(const struct article_way *a, const struct article_way *b, size_t replicates,
                                       uint64_t seed, struct article_comparison *ret, struct err *err);
/* Volume of a over b, no intervals, of the users with part[user] == which; part NULL: all. */
void article_volumes(const struct article_way *a, const struct article_way *b, const uint8_t *part, uint8_t which,
                     double *ret_effects);

#endif
