/* Whether effects moved between rounds, from the arms that were repeated: the anchor, and incumbents.  The observation
 * that made an arm the incumbent is left out, as it was selected for being high; what it showed afterwards was not. */
#include <math.h>

#include "base/core/mem.h"
#include "tuner/core/campaign_findings.h"
#include "tuner/core/campaign_measure.h"

static bool is_repeat(const struct campaign *campaign, const struct campaign_trial *trial)
{
    return (trial->origin == ORIGIN_ANCHOR || trial->origin == ORIGIN_INCUMBENT) && trial->state == TRIAL_DONE &&
           campaign->rounds[trial->round].state == ROUND_TOLD;
}

/* The points that were repeated, by the number of their first trial: at most one anchor and an incumbent a round. */
struct repeated {
    size_t n_points;
    int64_t source[CAMPAIGN_MAX_ROUNDS + 1];
    double *effect, *cov; /* as drift_test reads them, all rounds */
};

static size_t point_of(struct repeated *r, int64_t source)
{
    size_t p = 0;
    while (p < r->n_points && r->source[p] != source)
        p++;
    if (p == r->n_points)
        r->source[r->n_points++] = source;
    return p;
}

/* Its arms share a control, so their effects are correlated. */
static enum status add_round(const struct campaign *campaign, size_t round, struct repeated *r, struct err *err)
{
    const struct campaign_round *of = &campaign->rounds[round];
    const size_t stride = campaign->n_rounds * r->n_points;
    size_t arm[2], at[2], n = 0;
    for (size_t a = 1; a < of->n_arms && n < 2; a++) {
        const struct campaign_trial *trial = &campaign->trials[of->first_trial + a];
        if (!is_repeat(campaign, trial))
            continue;
        arm[n] = a;
        at[n++] = round * r->n_points + point_of(r, trial->source);
    }
    if (n == 0)
        return STATUS_OK;
    struct campaign_measure *measure = NULL;
    TRY(campaign_measure_new(&campaign->setup, of->results, 0, &measure, err));
    for (size_t i = 0; i < n; i++) {
        const size_t row = campaign_measure_entry(measure, arm[i]);
        r->effect[at[i]] = measure->y[row];
        for (size_t j = 0; j < n; j++)
            r->cov[at[i] * stride + at[j]] = measure->cov[row * measure->n + campaign_measure_entry(measure, arm[j])];
    }
    campaign_measure_free(measure);
    return STATUS_OK;
}

/* Whether a point was seen in two rounds. */
static bool find_points(const struct campaign *campaign, struct repeated *r)
{
    bool twice = false;
    for (size_t t = 0; t < campaign->n_trials; t++) {
        const size_t before = r->n_points;
        if (!is_repeat(campaign, &campaign->trials[t]))
            continue;
        (void)point_of(r, campaign->trials[t].source);
        twice = twice || r->n_points == before;
    }
    return twice;
}

enum status campaign_test_drift(struct campaign *campaign, struct err *err)
{
    struct repeated r = {.n_points = 0};
    campaign->findings.has_drift = find_points(campaign, &r);
    if (!campaign->findings.has_drift)
        return STATUS_OK;
    const size_t n = campaign->n_rounds * r.n_points;
    r.effect = mem_alloc(n + n * n, sizeof *r.effect);
    if (r.effect == NULL)
        return err_no_memory(err);
    r.cov = r.effect + n;
    for (size_t i = 0; i < n; i++)
        r.effect[i] = nan("");
    enum status s = STATUS_OK;
    for (size_t round = 0; round < campaign->n_rounds && s == STATUS_OK; round++)
        s = add_round(campaign, round, &r, err);
    if (s == STATUS_OK)
        s = drift_test(r.n_points, campaign->n_rounds, r.effect, r.cov, &campaign->findings.drift, err);
    if (s == STATUS_OK)
        s = drift_advise(r.n_points, campaign->n_rounds, r.effect, r.cov, &campaign->findings.drift,
                         &campaign->findings.advice, &campaign->findings.odd_round, err);
    mem_free(r.effect);
    return s;
}
