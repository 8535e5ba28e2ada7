/* campaign_config.h - what a campaign file says, decoded (docs/campaign.md describes it field by field).
 *
 * A plain value: fixed arrays, no pointers, so it is copied by assignment.  Whether the names in it exist is known only
 * once the experiment API has answered: campaign_setup.h checks that. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_CONFIG_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/core/optimizer.h"
#include "tuner/core/space.h"

enum {
    CAMPAIGN_NAME = 65, /* an id and its NUL */
    CAMPAIGN_TEXT = 129,
    CAMPAIGN_LINE = 512,
    CAMPAIGN_MAX_HEADS = 32,
    CAMPAIGN_MAX_PARAMS = 28, /* heads and parameters together fit OPTIMIZER_MAX_DIM */
    CAMPAIGN_MAX_METRICS = 16,
    CAMPAIGN_MAX_GUARDRAILS = OPTIMIZER_MAX_OUTCOMES - 1,
    CAMPAIGN_MAX_ARMS = 64, /* of one round, with the control */
    CAMPAIGN_MAX_ROUNDS = 50,
    CAMPAIGN_MIN_EVENTS = 100 /* of the control arm, below which a relative effect is biased (DESIGN section 5) */
};

struct campaign_objective {
    char metric[CAMPAIGN_NAME];
    double value; /* omega */
};

/* is_max: effect <= bound (bound >= 0); else effect >= bound (bound <= 0).  The effect is relative to the control or,
 * with scale > 0, the absolute difference divided by scale. */
struct campaign_guardrail {
    char metric[CAMPAIGN_NAME];
    bool is_max;
    double bound, scale;
};

struct campaign_head {
    char head[CAMPAIGN_NAME];
    double sign; /* +1, -1; 0: that of the control weight */
    bool is_switch;
    double lo, hi; /* of u, or 0 and max for a switch */
    bool has_control_weight;
    double control_weight;
};

struct campaign_param {
    char name[CAMPAIGN_NAME];
    enum space_kind kind; /* SPACE_FLOAT, SPACE_LOG, SPACE_INTEGER */
    double lo, hi, control;
};

struct campaign_weight {
    char head[CAMPAIGN_NAME];
    double weight;
};

enum campaign_control { CONTROL_PLUG_IN, CONTROL_DEFAULT, CONTROL_WEIGHTS };

/* 0: this end is not used; at least one is. */
struct campaign_ending {
    int64_t units_per_arm, duration_ms;
};

struct campaign_config {
    char name[CAMPAIGN_NAME], experiment[CAMPAIGN_NAME];
    uint64_t seed;
    size_t n_objective, n_guardrails, n_heads, n_params, n_weights;
    struct campaign_objective objective[CAMPAIGN_MAX_METRICS];
    struct campaign_guardrail guardrail[CAMPAIGN_MAX_GUARDRAILS];
    struct campaign_head head[CAMPAIGN_MAX_HEADS]; /* none: every head with a control weight */
    struct campaign_param param[CAMPAIGN_MAX_PARAMS];
    enum campaign_control control;
    struct campaign_weight weight[CAMPAIGN_MAX_HEADS]; /* with CONTROL_WEIGHTS */
    size_t rounds_max, arms;                           /* arms of an explore round beside the control */
    struct campaign_ending round_end, confirm_end;
    int64_t settle_ms, washout_ms;
    bool anchor_equal, exclude_seen, promote_auto, cuped, warm_start;
    double delta;        /* smallest effect worth shipping */
    double harm;         /* an arm surely worse than the control by more is stopped; 0: none is */
    double max_turnover; /* of what the control shows an arm may replace at most this share; 0: any (campaign_cap.h) */
};

#endif
