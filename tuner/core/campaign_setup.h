/* campaign_setup.h - a campaign file joined with its experiment: control and equal weights, the reference head, the
 * search space, and which metric plays which part.
 *
 * Control weights.  plug-in:  w_h = omega_h / m_h  for heads whose event is counted by an objective metric, m_h the
 * head's mean calibrated probability (DESIGN section 5); others 0 or the file's control_weight.  Ranking by w and by
 * 2 w is the same, so one head, the reference, keeps its control weight for the whole campaign.
 * Equal weights: w_h = sign_h over the same heads.  In the search space they appear scaled so that the reference head
 * agrees; where a head that is not tuned stands in the way they have no place in it (equal_in_space false).
 *
 * Outcomes, in the optimizer's order:  0 the objective sum_i omega_i r_i;  1 + g guardrail g as "<= threshold", a
 * min_relative bound with its sign turned.  Pure; a plain value. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_SETUP_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_SETUP_H

#include "tuner/core/campaign_facts.h"

/* Natural values of one arm: weights in the order of the experiment's heads, parameters in that of the file. */
struct campaign_point {
    double weight[CAMPAIGN_MAX_HEADS], param[CAMPAIGN_MAX_PARAMS];
};

struct campaign_setup {
    size_t n_heads, n_params, n_metrics, n_guardrails, dim;
    char head[CAMPAIGN_MAX_HEADS][CAMPAIGN_NAME];
    double share[CAMPAIGN_MAX_HEADS]; /* of the control's utility */
    size_t reference;                 /* head kept fixed */
    bool cuped;                       /* adjusted means are taken where the results have them */
    struct campaign_point control, equal;
    bool equal_in_space;
    struct space_param space[OPTIMIZER_MAX_DIM]; /* names are NULL: see dim_head and the file */
    size_t dim_head[OPTIMIZER_MAX_DIM];          /* head of the coordinate, or n_heads + index of the parameter */
    double control_x[OPTIMIZER_MAX_DIM];
    uint32_t levels[OPTIMIZER_MAX_DIM];
    char metric[CAMPAIGN_MAX_METRICS][CAMPAIGN_NAME]; /* those the campaign uses */
    double omega[CAMPAIGN_MAX_METRICS];               /* 0: only a guardrail */
    size_t guardrail_metric[CAMPAIGN_MAX_GUARDRAILS];
    double guardrail_sense[CAMPAIGN_MAX_GUARDRAILS]; /* +1 max, -1 min */
    double guardrail_scale[CAMPAIGN_MAX_GUARDRAILS]; /* 0: relative effect */
    double threshold[CAMPAIGN_MAX_GUARDRAILS];
};

/* STATUS_UNPROCESSABLE names the field of the file, its value and what the experiment has. */
MUST_CHECK enum status campaign_setup_make(const struct campaign_config *config,
                                           const struct campaign_experiment *experiment, struct campaign_setup *ret,
                                           struct err *err);

/* The same numbers; what the setup does not use is not looked at. */
bool campaign_setup_same(const struct campaign_setup *setup, const struct campaign_point *a,
                         const struct campaign_point *b);
/* Cube point [dim] -> weights and parameters; what is not tuned has its control value. */
void campaign_setup_decode(const struct campaign_setup *setup, const double *cube, struct campaign_point *ret);
/* The other way; false when the point has no place in the space. */
bool campaign_setup_encode(const struct campaign_setup *setup, const struct campaign_point *point, double *ret_cube);

#endif
