#include "experiments/core/eligibility.h"

#include <stdio.h>
#include <string.h>

#include "experiments/core/assign.h"

static bool holds(const struct eligibility_rule *rule, const struct attribute *x)
{
    if (rule->n_values == 0)
        return !x->text && x->number >= rule->min && x->number <= rule->max;
    for (size_t i = 0; i < rule->n_values && x->text; i++) {
        if (strcmp(rule->values[i], x->text) == 0)
            return true;
    }
    return false;
}

bool eligible(size_t n_rules, const struct eligibility_rule *rules, size_t n_attributes,
              const struct attribute *attributes)
{
    for (size_t r = 0; r < n_rules; r++) {
        size_t i = 0;
        while (i < n_attributes && strcmp(attributes[i].name, rules[r].attribute) != 0)
            i++;
        if (i == n_attributes || !holds(&rules[r], &attributes[i]))
            return false;
    }
    return true;
}

static double number_of(const char *what, const char *name, const char *unit)
{
    char salt[PLAN_TEXT_SIZE];
    snprintf(salt, sizeof salt, "%s %s", what, name);
    return assign_hash(salt, unit).u;
}

bool layer_holds(const struct layer_part *layer, const char *unit)
{
    if (layer->name[0] == '\0')
        return true;
    const double u = number_of("layer", layer->name, unit);
    return u >= layer->from && u < layer->to;
}

bool layer_overlaps(const struct layer_part *a, const struct layer_part *b)
{
    return a->name[0] != '\0' && strcmp(a->name, b->name) == 0 && a->from < b->to && b->from < a->to;
}

bool held_back(double share, const char *experiment, const char *unit)
{
    return share > 0 && number_of("holdback", experiment, unit) < share;
}
