/* article_stage.h - where the ways of ranking of article.h are played: the slates of a log or the people of a world.
 *
 * A stage holds pairs of models, a multi-task and a binary one that learnt from the same rows with the same seed.
 * Multi-task models rank by  sum_h share_h p_h / m_h,  m_h the model's mean probability; shares of 1 are the plug-in
 * weights of engagement types that are worth the same.  Binary ones rank by their only probability.  Both meet the same
 * candidates and, in a world, the same luck.
 *
 *   log     slates of five, two are shown and get their logged labels (slates.h); part is 0 for tuning users, 1 for
 *           confirmation users: what is tuned on the ones is judged on the others
 *   world   everybody of a play seed, days 16 and 17 as in docs/worlds.md; another seed is other people
 *
 * Thread: owner only. */
#ifndef TRIMTAB_TESTS_LIB_ARTICLE_STAGE_H
#define TRIMTAB_TESTS_LIB_ARTICLE_STAGE_H

#include "ranker/dataset.h"
#include "ranker/ranker.h"
#include "tests/lib/article.h"

enum { ARTICLE_MAX_PAIRS = 16 };

struct article_models {
    size_t n;
    struct ranker *multi[ARTICLE_MAX_PAIRS], *binary[ARTICLE_MAX_PAIRS];
};

/* The files of both, comma-separated lists of the same length.  ret: storage of the caller, to be given to
 * article_models_close() whatever happens. */
MUST_CHECK enum status article_models_open(const char *multi, const char *binary, const char *dataset,
                                           struct article_models *ret, struct err *err);
void article_models_close(struct article_models *models);

struct article_stage {
    const struct article_models *models; /* borrowed */
    size_t n_users, n_types;
    const char *types[DATASET_MAX_HEADS];
    double means[ARTICLE_MAX_PAIRS][DATASET_MAX_HEADS]; /* of the types' probabilities under the multi-task models */
    uint8_t *part;                                      /* [n_users]; NULL: all users are alike */
    void *self;
    enum status (*play)(void *self, size_t pair, const double *weights, double *totals, struct err *err);
    void (*close)(void *self);
};

/* Types are the dataset's heads. */
MUST_CHECK enum status article_log_open(const struct article_models *models, const char *dataset, int first_day,
                                        int last_day, struct article_stage *ret, struct err *err);
/* Types are the world's heads; days from day 16 on. */
MUST_CHECK enum status article_world_open(const struct article_models *models, const char *world, uint64_t play_seed,
                                          int n_days, struct article_stage *ret, struct err *err);
void article_stage_close(struct article_stage *stage);
/* Fills the means of a stage that has models and types. */
MUST_CHECK enum status article_stage_find_means(struct article_stage *stage, struct err *err);

/* Adds a play of every pair, up to n_pairs, to the way.  shares [n_types] of the multi-task models; NULL: the binary
 * ones rank. */
MUST_CHECK enum status article_stage_play(const struct article_stage *stage, size_t n_pairs, const double *shares,
                                          struct article_way *way, struct err *err);

#endif
