/* article_tune.h - shares of the engagement types that make the smallest gain over the binary ranker as large as can
 * be.
 *
 * An evolution strategy raises the smallest gain in volume over the binary ranker among the types with at least
 * ARTICLE_MIN_EVENTS events a pair; the negative type has no share.
 *
 * In a world it starts at the best of the shares m^t, m a type's mean probability, between the plug-in (t = 0, every
 * type is worth the same) and t = 1, every event is worth the same, because binary rankers stand somewhere there; and
 * it keeps the best it has tried.  On a log, where a part of the users has a hundred events of some types, neither has
 * shown a gain: there it starts at the plug-in and keeps the last centre, which is a mean.
 *
 * On a log, whose users are of two parts, each part is judged with what was tuned on the other, so nobody has a say in
 * the weights that he is judged with.  Thread: owner only. */
#ifndef TRIMTAB_TESTS_LIB_ARTICLE_TUNE_H
#define TRIMTAB_TESTS_LIB_ARTICLE_TUNE_H

#include <stdio.h>

#include "tests/lib/article_stage.h"

enum { ARTICLE_PARTS = 2, ARTICLE_MIN_EVENTS = 100 };

struct article_search {
    int64_t generations;
    uint64_t seed;
    const char *negative; /* "" for none */
    FILE *progress;       /* may be NULL */
};

bool article_is_engagement(const struct article_stage *stage, const char *negative, size_t type);
/* shares [n_types] tuned on the users of a part, or on all where the stage has no parts, with up to n_pairs of models.
 */
MUST_CHECK enum status article_tune(const struct article_stage *stage, const struct article_search *search,
                                    size_t n_pairs, uint8_t part, double *ret_shares, struct err *err);
/* ret_shares[part]: for the users of that part, tuned on those of the other. */
MUST_CHECK enum status article_tune_across(const struct article_stage *stage, const struct article_search *search,
                                           double ret_shares[ARTICLE_PARTS][DATASET_MAX_HEADS], struct err *err);
/* Adds a play of every pair to the empty way, the users of each part under shares[part]; all under shares[0] where the
 * stage has no parts. */
MUST_CHECK enum status article_play_across(const struct article_stage *stage,
                                           double shares[ARTICLE_PARTS][DATASET_MAX_HEADS], struct article_way *way,
                                           struct err *err);

#endif
