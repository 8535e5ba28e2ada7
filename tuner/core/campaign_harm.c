#include "tuner/core/campaign_harm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/stats/confseq.h"

static const double ALPHA = 0.05;

/* Whether every objective metric has enough events of the control for a relative effect. */
static bool objective_begun(const struct campaign *campaign)
{
    struct err few = ERR_INIT;
    return campaign_measure_usable(&campaign->setup, campaign->live, &few) == STATUS_OK;
}

/* Bounds of an outcome that hold at every look; events are the control's, as an arm's own are not reported. */
static struct confseq_bounds bounds(const struct campaign_results *results, const struct campaign_measure *measure,
                                    size_t outcome, size_t arm, int64_t events)
{
    double value, se;
    campaign_measure_outcome(measure, outcome, arm, &value, &se);
    const struct confseq_arm of_arm = {results->arm[arm].units, events}, of_control = {results->arm[0].units, events};
    return confseq_bounds(value, se, of_arm, of_control, ALPHA);
}

static int64_t control_events(const struct campaign *campaign, size_t guardrail)
{
    const struct campaign_results *results = campaign->live;
    for (size_t m = 0; m < results->n_metrics; m++) {
        if (strcmp(results->metric[m], campaign->config.guardrail[guardrail].metric) == 0)
            return results->control_events[m] > 0.0 ? (int64_t)results->control_events[m] : 0;
    }
    return 0;
}

static bool harms(const struct campaign *campaign, const struct campaign_measure *measure, size_t arm, char *ret_line)
{
    const char *id = campaign->live->arm[arm].id;
    const enum campaign_origin origin = campaign->trials[campaign_last_round(campaign)->first_trial + arm].origin;
    if (origin == ORIGIN_ANCHOR || origin == ORIGIN_EQUAL)
        return false;
    if (objective_begun(campaign)) {
        const struct confseq_bounds b = bounds(campaign->live, measure, 0, arm, CAMPAIGN_MIN_EVENTS);
        if (b.upper < -campaign->config.harm) {
            (void)snprintf(ret_line, CAMPAIGN_LINE,
                           "arm %s: its objective is %+.1f %% (at most %+.1f %% at any look), below -%g %%", id,
                           50.0 * (b.lower + b.upper), 100.0 * b.upper, 100.0 * campaign->config.harm);
            return true;
        }
    }
    for (size_t g = 0; g < campaign->setup.n_guardrails; g++) {
        const struct confseq_bounds b = bounds(campaign->live, measure, 1 + g, arm, control_events(campaign, g));
        if (b.lower > campaign->setup.threshold[g]) {
            (void)snprintf(ret_line, CAMPAIGN_LINE, "arm %s: it breaks the guardrail on %s at every look", id,
                           campaign->config.guardrail[g].metric);
            return true;
        }
    }
    return false;
}

enum status campaign_find_harm(struct campaign *campaign, struct err *err)
{
    const struct campaign_results *results = campaign->live;
    struct campaign_measure *measure = NULL;
    campaign->harmful_arm = 0;
    if (!(campaign->config.harm > 0.0))
        return STATUS_OK;
    TRY(campaign_measure_new(&campaign->setup, results, 0, &measure, err));
    for (size_t a = 1; a < results->n_arms && campaign->harmful_arm == 0; a++) {
        if (!results->arm[a].stopped && harms(campaign, measure, a, campaign->harm))
            campaign->harmful_arm = a;
    }
    campaign_measure_free(measure);
    return STATUS_OK;
}
