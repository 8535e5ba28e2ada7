/* The bodies of PUT experiment, round and weights from any bytes: refused with a line, or a plan within its limits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/core/assign.h"
#include "experiments/core/layout.h"
#include "experiments/store/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_weights(size_t n, const double *weights)
{
    bool any = false;
    for (size_t h = 0; h < n; h++) {
        must(isfinite(weights[h]));
        any = any || fpclassify(weights[h]) != FP_ZERO;
    }
    must(any);
}

static void check_experiment(const struct experiment_plan *plan)
{
    struct layout layout;
    must(plan->n_heads >= 1 && plan->n_heads <= PLAN_MAX_HEADS);
    must(plan->n_metrics >= 1 && plan->n_metrics <= PLAN_MAX_METRICS);
    check_weights(plan->n_heads, plan->default_weights);
    layout_make(plan, &layout);
    must(layout.n_columns >= 1 && layout.n_columns <= LAYOUT_MAX_COLUMNS);
    must(plan->layer.from >= 0 && plan->layer.from < plan->layer.to && plan->layer.to <= 1);
    must(plan->holdback >= 0 && plan->holdback <= 0.5 && plan->n_rules <= PLAN_MAX_RULES);
    for (size_t r = 0; r < plan->n_rules; r++) {
        const struct eligibility_rule *rule = &plan->rules[r];
        must(rule->attribute[0] && rule->n_values <= PLAN_MAX_VALUES && (rule->n_values > 0 || rule->min <= rule->max));
    }
    for (size_t i = 0; i < plan->n_metrics; i++) {
        const struct metric *m = &plan->metrics[i];
        must(m->name[0] && m->event[0] && m->cap > 0 && m->cap <= MOMENTS_LIMIT && m->attribution_ms > 0);
        must((m->kind == METRIC_RATIO) == (m->denominator != PER_UNIT));
        must(layout.ratios[i].numerator < layout.n_columns);
        must((layout.ratios[i].denominator == MOMENTS_ONE) == (m->denominator == PER_UNIT));
    }
}

static void check_round(const struct experiment_plan *experiment, const struct round_plan *plan)
{
    double sum = 0;
    must(plan->n_arms >= 2 && plan->n_arms <= PLAN_MAX_ARMS && plan->salt[0]);
    must((plan->n_arms - 1) * experiment->n_metrics <= PLAN_MAX_EFFECTS);
    must(plan->units_per_arm > 0 || plan->end_at_ms > 0);
    for (size_t a = 0; a < plan->n_arms; a++) {
        check_weights(experiment->n_heads, plan->arms[a].weights);
        must(plan->arms[a].allocation >= 1e-6 && plan->arms[a].id[0]);
        sum += plan->arms[a].allocation;
    }
    must(sum <= 1 + 1e-9);
    for (double u = 0; u < 1; u += 0.0625) {
        size_t arm = assign_arm(plan, u);
        must(arm < plan->n_arms || (arm == ARM_NONE && sum < 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct experiment_plan FIXED = {.n_heads = 2, .n_metrics = 9, .heads = {"a", "b"}};
    struct json *json = NULL;
    struct err err = ERR_INIT;
    struct experiment_plan experiment;
    struct round_plan round;
    double weights[PLAN_MAX_HEADS];
    if (json_parse((const char *)data, size, NULL, &json, &err) != STATUS_OK)
        return 0;
    const struct json_at root = json_root(json);
    if (definition_experiment(&root, &experiment, &err) == STATUS_OK)
        check_experiment(&experiment);
    else
        must(err.text[0] && !strchr(err.text, '\n'));
    if (definition_round(&root, &FIXED, &round, &err) == STATUS_OK)
        check_round(&FIXED, &round);
    if (definition_weights(&root, &FIXED, weights, &err) == STATUS_OK)
        check_weights(FIXED.n_heads, weights);
    json_free(json);
    return 0;
}
