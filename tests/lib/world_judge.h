/* world_judge.h - the true gain of weights over the control in a world: the mean of world_truth.h over several play
 * seeds, which are independent samples of people, each played under both weights with the same luck.  Answers are kept,
 * because campaigns recommend the same weights again and again.  Thread: owner only. */
#ifndef TRIMTAB_TESTS_LIB_WORLD_JUDGE_H
#define TRIMTAB_TESTS_LIB_WORLD_JUDGE_H

#include "experiments/traffic/world_truth.h"

struct world_judge;

struct world_judge_options {
    const struct world_params *params;
    const struct ranker *ranker;
    const struct world_scores *scores; /* NULL: none */
    const double *values, *control;    /* [n_heads] */
    struct world_truth_span span;      /* play_seed is the first of n_seeds */
    size_t n_seeds;
};

/* Everything but the arrays is borrowed. */
MUST_CHECK enum status world_judge_open(const struct world_judge_options *options, struct world_judge **ret,
                                        struct err *err);
/* NULL is fine. */
void world_judge_close(struct world_judge *judge);
/* The mean effect and its standard error. */
MUST_CHECK enum status world_judge_weigh(struct world_judge *judge, const double *weights, struct world_effect *ret,
                                         struct err *err);
/* world_truth_unit_sd() of the control, first seed. */
double world_judge_unit_sd(const struct world_judge *judge);
/* The control's play of the first seed, borrowed. */
const struct world_play *world_judge_control(const struct world_judge *judge);

#endif
