/* plan.h - what an operator declares: experiments with their metrics, rounds with their arms.
 *
 * Plain values without pointers: a plan can be copied, and lives as long as its struct.  They are decoded from JSON by
 * experiments/store/definition.h, which upholds the limits written here.  Weights are indexed by the experiment's heads
 * in the order of their declaration; a head that a weights object does not name has weight 0. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_PLAN_H
#define TRIMTAB_EXPERIMENTS_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLAN_MAX_HEADS = 16,
    PLAN_MAX_METRICS = 16,
    PLAN_MAX_ARMS = 64,
    PLAN_MAX_EFFECTS = 320, /* (arms - 1) * metrics: bounds the joint covariance and so the size of the results */
    PLAN_NAME_SIZE = 65,    /* with the NUL */
    PLAN_TEXT_SIZE = 129,
    PLAN_MAX_RULES = 4,
    PLAN_MAX_VALUES = 16,
};

enum metric_kind { METRIC_MEAN, METRIC_PROPORTION, METRIC_RATIO };
enum metric_aggregate { AGGREGATE_COUNT, AGGREGATE_SUM, AGGREGATE_ANY };
enum metric_denominator { PER_UNIT, PER_REQUEST, PER_IMPRESSION, PER_EVENT };
enum metric_guardrail { GUARDRAIL_NONE, GUARDRAIL_RELATIVE, GUARDRAIL_ABSOLUTE };

struct metric {
    char name[PLAN_NAME_SIZE];
    enum metric_kind kind;
    char event[PLAN_NAME_SIZE];
    enum metric_aggregate aggregate;
    enum metric_denominator denominator;
    char denominator_event[PLAN_NAME_SIZE]; /* with PER_EVENT */
    int64_t attribution_ms;                 /* an event counts when its time - exposure time <= this */
    int64_t cap;                            /* of |a unit's numerator|, fixed point; MOMENTS_LIMIT when there is none */
    double cap_quantile;                    /* where the round before decides the cap (caps.h), else 0 */
    bool up;                                /* more is good */
    enum metric_guardrail guardrail;        /* which effect is bounded */
    double margin;                          /* how far it may go in the bad direction, >= 0 */
};

/* The attribute is one of the texts, or without any a number within [min, max]. */
struct eligibility_rule {
    char attribute[PLAN_NAME_SIZE];
    size_t n_values;
    char values[PLAN_MAX_VALUES][PLAN_NAME_SIZE];
    double min, max;
};

struct layer_part {
    char name[PLAN_NAME_SIZE]; /* "": none, every unit */
    double from, to;
};

struct experiment_plan {
    struct layer_part layer;
    size_t n_rules;
    struct eligibility_rule rules[PLAN_MAX_RULES];
    bool hash_units; /* unit_name.h */
    double holdback; /* share of the units that no round gets; 0: none */
    char unit_type[PLAN_NAME_SIZE], timezone[PLAN_NAME_SIZE];
    size_t n_heads, n_metrics;
    char heads[PLAN_MAX_HEADS][PLAN_NAME_SIZE];
    double default_weights[PLAN_MAX_HEADS];
    struct metric metrics[PLAN_MAX_METRICS];
};

struct arm_plan {
    char id[PLAN_NAME_SIZE];
    double weights[PLAN_MAX_HEADS];
    double allocation; /* share of all units, at least 1e-6 */
};

struct round_plan {
    char purpose[PLAN_NAME_SIZE];
    char campaign[PLAN_TEXT_SIZE], salt[PLAN_TEXT_SIZE];
    bool exclude_seen;
    size_t n_arms; /* the first is the control */
    struct arm_plan arms[PLAN_MAX_ARMS];
    int64_t units_per_arm; /* 0: no such end */
    int64_t end_at_ms;     /* 0: no such end */
    int64_t settle_ms, washout_ms;
};

#endif
