#include "tuner/core/campaign_setup.h"

#include <math.h>
#include <string.h>

static size_t find_head(const struct campaign_experiment *experiment, const char *name)
{
    size_t h = 0;
    while (h < experiment->n_heads && strcmp(experiment->head[h], name) != 0)
        h++;
    return h;
}

static size_t find_metric(const struct campaign_experiment *experiment, const char *name)
{
    size_t m = 0;
    while (m < experiment->n_metrics && strcmp(experiment->metric[m].name, name) != 0)
        m++;
    return m;
}

static void list_names(char *ret, size_t size, size_t n, const char *first, size_t stride)
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++) {
        const char *name = first + i * stride;
        size_t length = strlen(name);
        if (used + length + 3 > size)
            return;
        if (i > 0) {
            memcpy(ret + used, ", ", 2);
            used += 2;
        }
        memcpy(ret + used, name, length + 1);
        used += length;
    }
}

static enum status unknown_head(const struct campaign_experiment *experiment, struct err *err, const char *field,
                                size_t index, const char *name)
{
    char known[300];
    list_names(known, sizeof known, experiment->n_heads, experiment->head[0], sizeof experiment->head[0]);
    return err_set(err, STATUS_UNPROCESSABLE, "%s[%zu].head is \"%s\": the heads of experiment %s are %s", field, index,
                   name, experiment->name, known);
}

static enum status unknown_metric(const struct campaign_experiment *experiment, struct err *err, const char *field,
                                  size_t index, const char *name)
{
    char known[300];
    list_names(known, sizeof known, experiment->n_metrics, experiment->metric[0].name, sizeof experiment->metric[0]);
    return err_set(err, STATUS_UNPROCESSABLE, "%s[%zu].metric is \"%s\": the metrics of experiment %s are %s", field,
                   index, name, experiment->name, known);
}

/* Index of a metric among those the campaign uses, added when new. */
static size_t use_metric(struct campaign_setup *setup, const char *name)
{
    size_t i = 0;
    while (i < setup->n_metrics && strcmp(setup->metric[i], name) != 0)
        i++;
    if (i == setup->n_metrics) {
        memcpy(setup->metric[i], name, strlen(name) + 1);
        setup->n_metrics++;
    }
    return i;
}

static enum status set_outcomes(const struct campaign_config *config, const struct campaign_experiment *experiment,
                                struct campaign_setup *setup, struct err *err)
{
    for (size_t i = 0; i < config->n_objective; i++) {
        const char *name = config->objective[i].metric;
        if (find_metric(experiment, name) == experiment->n_metrics)
            return unknown_metric(experiment, err, "objective", i, name);
        setup->omega[use_metric(setup, name)] = config->objective[i].value;
    }
    setup->n_guardrails = config->n_guardrails;
    for (size_t g = 0; g < config->n_guardrails; g++) {
        const struct campaign_guardrail *guardrail = &config->guardrail[g];
        if (find_metric(experiment, guardrail->metric) == experiment->n_metrics)
            return unknown_metric(experiment, err, "guardrails", g, guardrail->metric);
        setup->guardrail_metric[g] = use_metric(setup, guardrail->metric);
        setup->guardrail_sense[g] = guardrail->is_max ? 1 : -1;
        setup->guardrail_scale[g] = guardrail->scale;
        setup->threshold[g] = setup->guardrail_sense[g] * guardrail->bound;
    }
    return STATUS_OK;
}

/* w_h = omega_h / m_h; several metrics that count the same event add up. */
static enum status plug_in(const struct campaign_config *config, const struct campaign_experiment *experiment,
                           double *weight, struct err *err)
{
    for (size_t i = 0; i < config->n_objective; i++) {
        size_t m = find_metric(experiment, config->objective[i].metric);
        size_t h = find_head(experiment, experiment->metric[m].event);
        if (h == experiment->n_heads || config->objective[i].value == 0)
            continue;
        if (!(experiment->head_mean[h] > 0))
            return err_set(err, STATUS_UNPROCESSABLE,
                           "control is \"plug-in\", but the mean probability of head %s is %g: it must be above 0",
                           experiment->head[h], experiment->head_mean[h]);
        weight[h] += config->objective[i].value / experiment->head_mean[h];
    }
    return STATUS_OK;
}

static enum status set_control(const struct campaign_config *config, const struct campaign_experiment *experiment,
                               double *weight, struct err *err)
{
    if (config->control == CONTROL_PLUG_IN)
        TRY(plug_in(config, experiment, weight, err));
    if (config->control == CONTROL_DEFAULT)
        memcpy(weight, experiment->default_weight, experiment->n_heads * sizeof *weight);
    for (size_t i = 0; i < config->n_weights; i++) {
        size_t h = find_head(experiment, config->weight[i].head);
        if (h == experiment->n_heads)
            return unknown_head(experiment, err, "control.weights", i, config->weight[i].head);
        weight[h] = config->weight[i].weight;
    }
    for (size_t i = 0; i < config->n_heads; i++) {
        size_t h = find_head(experiment, config->head[i].head);
        if (h == experiment->n_heads)
            return unknown_head(experiment, err, "heads", i, config->head[i].head);
        if (config->head[i].has_control_weight)
            weight[h] = config->head[i].control_weight;
    }
    for (size_t h = 0; h < experiment->n_heads; h++)
        if (weight[h] != 0)
            return STATUS_OK;
    return err_set(err, STATUS_UNPROCESSABLE,
                   config->control == CONTROL_PLUG_IN
                       ? "control is \"plug-in\", but no objective metric counts an event that is a head of the "
                         "experiment: give control weights"
                       : "control: every control weight is 0");
}

static double sign_of(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* One listed head: its sign and scale, checked against the control weight. */
static enum status head_space(const struct campaign_head *head, size_t index,
                              const struct campaign_experiment *experiment, double weight, size_t h,
                              struct space_param *ret, struct err *err)
{
    double sign = head->sign != 0 ? head->sign : sign_of(weight);
    if (weight == 0 && !head->is_switch)
        return err_set(err, STATUS_UNPROCESSABLE,
                       "heads[%zu]: the control weight of %s is 0, which no u reaches: give a control_weight or "
                       "\"switch\":true",
                       index, head->head);
    if (sign == 0)
        return err_set(err, STATUS_UNPROCESSABLE,
                       "heads[%zu].sign is missing: the control weight of %s is 0, so say 1 or -1", index, head->head);
    if (weight * sign < 0)
        return err_set(err, STATUS_UNPROCESSABLE, "heads[%zu].sign is %g, but the control weight of %s is %g", index,
                       sign, head->head, weight);
    *ret = (struct space_param){NULL, head->is_switch ? SPACE_SWITCH : SPACE_HEAD, sign, 1, head->lo, head->hi};
    enum status s = space_head_scale(weight, experiment->head_mean[h], &ret->scale, err);
    if (s != STATUS_OK)
        return err_wrap(err, STATUS_UNPROCESSABLE, "heads[%zu] %s", index, head->head);
    if (head->is_switch && weight != 0 && head->hi < 1)
        return err_set(err, STATUS_UNPROCESSABLE, "heads[%zu].max is %g: allowed is 1 (the control) or more", index,
                       head->hi);
    return STATUS_OK;
}

static void add_dimension(struct campaign_setup *setup, const struct space_param *param, size_t source)
{
    setup->space[setup->dim] = *param;
    setup->dim_head[setup->dim] = source;
    setup->dim++;
}

/* The file's heads, or every head with a control weight; the reference head gets no coordinate. */
static enum status set_heads(const struct campaign_config *config, const struct campaign_experiment *experiment,
                             struct campaign_setup *setup, struct err *err)
{
    double *equal = setup->equal.weight;
    for (size_t h = 0; h < setup->n_heads; h++)
        equal[h] = sign_of(setup->control.weight[h]);
    size_t n = config->n_heads > 0 ? config->n_heads : setup->n_heads;
    for (size_t i = 0; i < n; i++) {
        struct campaign_head whole = {.lo = -1.5, .hi = 1.5};
        const struct campaign_head *head = config->n_heads > 0 ? &config->head[i] : &whole;
        if (head == &whole)
            memcpy(whole.head, experiment->head[i], sizeof whole.head);
        size_t h = find_head(experiment, head->head);
        if (head == &whole && setup->control.weight[h] == 0)
            continue;
        struct space_param param = {.sign = 0};
        TRY(head_space(head, i, experiment, setup->control.weight[h], h, &param, err));
        equal[h] = param.sign;
        if (h != setup->reference)
            add_dimension(setup, &param, h);
    }
    return STATUS_OK;
}

static enum status set_space(const struct campaign_config *config, const struct campaign_experiment *experiment,
                             struct campaign_setup *setup, struct err *err)
{
    enum status s = space_reference(setup->n_heads, setup->control.weight, experiment->head_sd, &setup->reference, err);
    if (s != STATUS_OK)
        return err_wrap(err, STATUS_UNPROCESSABLE, "control");
    TRY(set_heads(config, experiment, setup, err));
    for (size_t p = 0; p < config->n_params; p++) {
        const struct campaign_param *param = &config->param[p];
        setup->control.param[p] = setup->equal.param[p] = param->control;
        add_dimension(setup, &(struct space_param){NULL, param->kind, 1, 1, param->lo, param->hi}, setup->n_heads + p);
    }
    if (setup->dim == 0)
        return err_set(err, STATUS_UNPROCESSABLE,
                       "heads: nothing is left to tune; %s is the reference head and keeps its weight",
                       setup->head[setup->reference]);
    space_levels(setup->dim, setup->space, setup->levels);
    return space_check(setup->dim, setup->space, err);
}

enum status campaign_setup_make(const struct campaign_config *config, const struct campaign_experiment *experiment,
                                struct campaign_setup *ret, struct err *err)
{
    struct campaign_setup setup = {
        .n_heads = experiment->n_heads, .n_params = config->n_params, .cuped = config->cuped};
    memcpy(setup.head, experiment->head, sizeof setup.head);
    TRY(set_outcomes(config, experiment, &setup, err));
    TRY(set_control(config, experiment, setup.control.weight, err));
    TRY(set_space(config, experiment, &setup, err));
    space_shares(setup.n_heads, setup.control.weight, experiment->head_mean, setup.share);
    if (!campaign_setup_encode(&setup, &setup.control, setup.control_x))
        return err_set(err, STATUS_UNPROCESSABLE, "control: its weights lie outside the search space");
    double x[OPTIMIZER_MAX_DIM];
    setup.equal_in_space = campaign_setup_encode(&setup, &setup.equal, x);
    *ret = setup;
    return STATUS_OK;
}

bool campaign_setup_same(const struct campaign_setup *setup, const struct campaign_point *a,
                         const struct campaign_point *b)
{
    for (size_t h = 0; h < setup->n_heads; h++)
        if (a->weight[h] != b->weight[h])
            return false;
    for (size_t p = 0; p < setup->n_params; p++)
        if (a->param[p] != b->param[p])
            return false;
    return true;
}

void campaign_setup_decode(const struct campaign_setup *setup, const double *cube, struct campaign_point *ret)
{
    double value[OPTIMIZER_MAX_DIM];
    space_decode(setup->dim, setup->space, cube, value);
    *ret = setup->control;
    for (size_t j = 0; j < setup->dim; j++) {
        size_t source = setup->dim_head[j];
        if (source < setup->n_heads)
            ret->weight[source] = value[j];
        else
            ret->param[source - setup->n_heads] = value[j];
    }
}

bool campaign_setup_encode(const struct campaign_setup *setup, const struct campaign_point *point, double *ret_cube)
{
    size_t reference = setup->reference;
    double factor = setup->control.weight[reference] / point->weight[reference];
    if (!(factor > 0) || !isfinite(factor))
        return false;
    double value[OPTIMIZER_MAX_DIM];
    bool tuned[CAMPAIGN_MAX_HEADS] = {false};
    for (size_t j = 0; j < setup->dim; j++) {
        size_t source = setup->dim_head[j];
        if (source < setup->n_heads)
            tuned[source] = true;
        value[j] = source < setup->n_heads ? factor * point->weight[source] : point->param[source - setup->n_heads];
    }
    for (size_t h = 0; h < setup->n_heads; h++) {
        double gap = fabs(factor * point->weight[h] - setup->control.weight[h]);
        if (!tuned[h] && h != reference && gap > 1e-9 * fabs(setup->control.weight[h]))
            return false;
    }
    return space_encode(setup->dim, setup->space, value, ret_cube, NULL) == STATUS_OK;
}
