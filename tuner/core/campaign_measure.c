#include "tuner/core/campaign_measure.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/stats/effects.h"

struct campaign_results *campaign_results_new(size_t n_arms, size_t n_metrics)
{
    struct campaign_results *results = mem_alloc(1, sizeof *results);
    if (results == NULL)
        return NULL;
    results->n_arms = n_arms;
    results->n_metrics = n_metrics;
    results->mean = mem_alloc(n_arms * n_metrics, sizeof(double));
    results->cov = mem_alloc(n_arms * n_metrics * n_metrics, sizeof(double));
    if (results->mean != NULL && results->cov != NULL)
        return results;
    campaign_results_free(results);
    return NULL;
}

enum status campaign_results_adjust(struct campaign_results *results, struct err *err)
{
    const size_t means = results->n_arms * results->n_metrics, covs = means * results->n_metrics;
    results->adjusted_mean = mem_alloc(means, sizeof(double));
    results->adjusted_cov = mem_alloc(covs, sizeof(double));
    if (results->adjusted_mean == NULL || results->adjusted_cov == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < means; i++)
        results->adjusted_mean[i] = nan("");
    for (size_t i = 0; i < covs; i++)
        results->adjusted_cov[i] = nan("");
    return STATUS_OK;
}

void campaign_results_free(struct campaign_results *results)
{
    if (results == NULL)
        return;
    mem_free(results->mean);
    mem_free(results->cov);
    mem_free(results->adjusted_mean);
    mem_free(results->adjusted_cov);
    mem_free(results);
}

void campaign_measure_free(struct campaign_measure *measure)
{
    if (measure == NULL)
        return;
    double *const owned[] = {measure->mean,     measure->mean_se,      measure->effect, measure->effect_cov,
                             measure->absolute, measure->absolute_cov, measure->y,      measure->cov};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        mem_free(owned[i]);
    mem_free(measure);
}

static struct campaign_measure *allocate(size_t n_arms, size_t n_metrics, size_t n_outcomes, size_t base)
{
    struct campaign_measure *measure = mem_alloc(1, sizeof *measure);
    if (measure == NULL)
        return NULL;
    size_t n = n_arms - 1, e = n * n_metrics;
    measure->n = n;
    measure->n_metrics = n_metrics;
    measure->n_outcomes = n_outcomes;
    measure->base = base;
    struct {
        double **to;
        size_t n;
    } const parts[] = {
        {&measure->mean, n_arms * n_metrics},
        {&measure->mean_se, n_arms * n_metrics},
        {&measure->effect, e},
        {&measure->effect_cov, e * e},
        {&measure->absolute, e},
        {&measure->absolute_cov, e * e},
        {&measure->y, n_outcomes * n},
        {&measure->cov, n_outcomes * n * n},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i].to = mem_alloc(parts[i].n, sizeof(double));
        if (*parts[i].to == NULL) {
            campaign_measure_free(measure);
            return NULL;
        }
    }
    return measure;
}

static enum status find_metrics(const struct campaign_setup *setup, const struct campaign_results *results,
                                size_t *ret_index, struct err *err)
{
    for (size_t i = 0; i < setup->n_metrics; i++) {
        size_t m = 0;
        while (m < results->n_metrics && strcmp(results->metric[m], setup->metric[i]) != 0)
            m++;
        if (m == results->n_metrics)
            return err_set(err, STATUS_CORRUPT, "the results of round %lld lack metric \"%s\"",
                           (long long)results->round, setup->metric[i]);
        ret_index[i] = m;
    }
    return STATUS_OK;
}

/* Whether CUPED's numbers can stand for the plain ones: an arm without one would be compared with adjusted arms. */
static bool adjusted(const struct campaign_setup *setup, const struct campaign_results *results, const size_t *index)
{
    bool all = setup->cuped && results->adjusted_mean != NULL;
    for (size_t a = 0; all && a < results->n_arms; a++) {
        for (size_t i = 0; all && i < setup->n_metrics; i++) {
            const size_t at = a * results->n_metrics + index[i];
            all = isfinite(results->adjusted_mean[at]) || !isfinite(results->mean[at]);
            for (size_t j = 0; all && j < setup->n_metrics; j++) {
                const size_t pair = at * results->n_metrics + index[j];
                all = isfinite(results->adjusted_cov[pair]) || !isfinite(results->cov[pair]);
            }
        }
    }
    return all;
}

/* mean and cov of the campaign's metrics out of those of the server; cov [n_arms * n^2]. */
static void select_metrics(const struct campaign_results *results, bool is_adjusted, size_t n, const size_t *index,
                           double *ret_mean, double *ret_se, double *ret_cov)
{
    const double *mean = is_adjusted ? results->adjusted_mean : results->mean;
    const double *cov = is_adjusted ? results->adjusted_cov : results->cov;
    size_t m = results->n_metrics;
    for (size_t a = 0; a < results->n_arms; a++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++)
                ret_cov[(a * n + i) * n + j] = cov[(a * m + index[i]) * m + index[j]];
            ret_mean[a * n + i] = mean[a * m + index[i]];
            ret_se[a * n + i] = sqrt(ret_cov[(a * n + i) * n + i]);
        }
    }
}

/* Outcome k = 1 + g out of the effects on its metric: y = factor * e, Cov likewise with factor^2. */
static void set_guardrail(const struct campaign_setup *setup, size_t g, struct campaign_measure *measure)
{
    size_t n = measure->n, m = measure->n_metrics, i = setup->guardrail_metric[g];
    double scale = setup->guardrail_scale[g];
    const double *effect = scale > 0 ? measure->absolute : measure->effect;
    const double *cov = scale > 0 ? measure->absolute_cov : measure->effect_cov;
    double factor = setup->guardrail_sense[g] / (scale > 0 ? scale : 1);
    double *y = measure->y + (1 + g) * n, *ret_cov = measure->cov + (1 + g) * n * n;
    for (size_t a = 0; a < n; a++) {
        y[a] = factor * effect[a * m + i];
        for (size_t b = 0; b < n; b++)
            ret_cov[a * n + b] = factor * factor * cov[(a * m + i) * n * m + b * m + i];
    }
}

enum status campaign_measure_new(const struct campaign_setup *setup, const struct campaign_results *results,
                                 size_t base, struct campaign_measure **ret, struct err *err)
{
    assert(base < results->n_arms);
    size_t index[CAMPAIGN_MAX_METRICS], n_arms = results->n_arms, m = setup->n_metrics;
    TRY(find_metrics(setup, results, index, err));
    struct campaign_measure *measure = allocate(n_arms, m, 1 + setup->n_guardrails, base);
    double *cov = mem_alloc(n_arms * m * m, sizeof *cov);
    if (measure == NULL || cov == NULL) {
        campaign_measure_free(measure);
        mem_free(cov);
        return err_no_memory(err);
    }
    measure->adjusted = adjusted(setup, results, index);
    select_metrics(results, measure->adjusted, m, index, measure->mean, measure->mean_se, cov);
    effects_relative(n_arms, m, base, measure->mean, cov, measure->effect, measure->effect_cov);
    effects_absolute(n_arms, m, base, measure->mean, cov, measure->absolute, measure->absolute_cov);
    effects_combine(measure->n, m, measure->effect, measure->effect_cov, setup->omega, measure->y, measure->cov);
    for (size_t g = 0; g < setup->n_guardrails; g++)
        set_guardrail(setup, g, measure);
    mem_free(cov);
    *ret = measure;
    return STATUS_OK;
}

size_t campaign_measure_entry(const struct campaign_measure *measure, size_t arm)
{
    assert(arm != measure->base && arm <= measure->n);
    return arm < measure->base ? arm : arm - 1;
}

void campaign_measure_outcome(const struct campaign_measure *measure, size_t k, size_t arm, double *ret_value,
                              double *ret_se)
{
    *ret_value = *ret_se = 0;
    if (arm == measure->base)
        return;
    size_t n = measure->n, a = campaign_measure_entry(measure, arm);
    *ret_value = measure->y[k * n + a];
    *ret_se = sqrt(measure->cov[(k * n + a) * n + a]);
}

void campaign_measure_effect(const struct campaign_measure *measure, size_t i, size_t arm, double *ret_value,
                             double *ret_se)
{
    *ret_value = *ret_se = 0;
    if (arm == measure->base)
        return;
    size_t e = campaign_measure_entry(measure, arm) * measure->n_metrics + i, n = measure->n * measure->n_metrics;
    *ret_value = measure->effect[e];
    *ret_se = sqrt(measure->effect_cov[e * n + e]);
}

enum status campaign_measure_usable(const struct campaign_setup *setup, const struct campaign_results *results,
                                    struct err *err)
{
    size_t index[CAMPAIGN_MAX_METRICS];
    TRY(find_metrics(setup, results, index, err));
    for (size_t i = 0; i < setup->n_metrics; i++) {
        size_t m = index[i];
        if (setup->omega[i] == 0)
            continue;
        if (!(results->control_events[m] >= CAMPAIGN_MIN_EVENTS))
            return err_set(
                err, STATUS_UNPROCESSABLE,
                "objective metric %s had %.0f events in the control arm of round %lld: at least %d are needed "
                "for an unbiased relative effect; make the rounds larger or drop the metric",
                setup->metric[i], results->control_events[m], (long long)results->round, CAMPAIGN_MIN_EVENTS);
        if (!isfinite(results->mean[m]) || results->mean[m] == 0 || !isfinite(results->cov[m * results->n_metrics + m]))
            return err_set(err, STATUS_UNPROCESSABLE,
                           "objective metric %s has no usable control mean in round %lld: relative effects need one",
                           setup->metric[i], (long long)results->round);
    }
    return STATUS_OK;
}

size_t campaign_measure_rare_guardrail(const struct campaign_setup *setup, const struct campaign_results *results,
                                       double *ret_events)
{
    size_t index[CAMPAIGN_MAX_METRICS], g = 0;
    *ret_events = 0;
    if (find_metrics(setup, results, index, NULL) != STATUS_OK)
        return setup->n_guardrails;
    for (; g < setup->n_guardrails; g++) {
        *ret_events = results->control_events[index[setup->guardrail_metric[g]]];
        if (setup->guardrail_scale[g] == 0 && !(*ret_events >= CAMPAIGN_MIN_EVENTS))
            break;
    }
    return g;
}

double campaign_holds(double value, double se, double threshold)
{
    if (isnan(value) || isnan(se))
        return nan("");
    if (se <= 0)
        return value <= threshold ? 1 : 0;
    return 0.5 * erfc((value - threshold) / (se * sqrt(2)));
}
