#include "tuner/core/campaign_cap.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"

static const double ROUNDING = 1e-9; /* of 1 - overlap */

bool campaign_cap_is_set(const struct campaign_config *config)
{
    return config->max_turnover > 0.0;
}

/* 1, 15/16, .. 1/16, then halves of halves. */
static double share(size_t j)
{
    return j < 16 ? 1.0 - (double)j / 16.0 : ldexp(1.0, 11 - (int)j);
}

static bool is_new(const struct campaign_trial *trial)
{
    return trial->origin == ORIGIN_SOBOL || trial->origin == ORIGIN_ACQUISITION;
}

static size_t count_new(const struct campaign *c)
{
    const struct campaign_round *round = campaign_last_round(c);
    size_t n = 0;
    for (size_t a = 0; a < round->n_arms; a++)
        n += is_new(&c->trials[round->first_trial + a]);
    return n;
}

/* Parameters stay: previews do not see them. */
static void part_of_the_way(const struct campaign_setup *setup, const double *x, double part, double *ret)
{
    for (size_t k = 0; k < setup->dim; k++) {
        const bool weight = setup->dim_head[k] < setup->n_heads;
        ret[k] = weight ? setup->control_x[k] + part * (x[k] - setup->control_x[k]) : x[k];
    }
}

enum status campaign_cap_plan(const struct campaign *c, struct campaign_previews **ret, struct err *err)
{
    const struct campaign_setup *setup = &c->setup;
    const struct campaign_round *round = campaign_last_round(c);
    struct campaign_previews *p = campaign_previews_new(count_new(c) * CAMPAIGN_CAP_SHARES, setup->dim, setup->n_heads);
    if (p == NULL)
        return err_no_memory(err);
    double *to = p->x;
    for (size_t a = 0; a < round->n_arms; a++) {
        const struct campaign_trial *trial = &c->trials[round->first_trial + a];
        double x[OPTIMIZER_MAX_DIM];
        if (!is_new(trial))
            continue;
        if (!campaign_setup_encode(setup, &trial->point, x)) {
            campaign_previews_free(p);
            return err_set(err, STATUS_INTERNAL, "trial %lld has no place in the space", (long long)trial->n);
        }
        for (size_t j = 0; j < CAMPAIGN_CAP_SHARES; j++, to += setup->dim)
            part_of_the_way(setup, x, share(j), to);
    }
    *ret = p;
    return STATUS_OK;
}

/* overlap, x: of the arm's shares. */
static enum status move(const struct campaign *c, struct campaign_trial *trial, const double *overlap, const double *x,
                        struct err *err)
{
    const double cap = c->config.max_turnover;
    size_t j = 0;
    while (j < CAMPAIGN_CAP_SHARES && !(1.0 - overlap[j] <= cap + ROUNDING))
        j++;
    if (j == CAMPAIGN_CAP_SHARES)
        return err_set(err, STATUS_UNPROCESSABLE,
                       "max_turnover is %g, which no weights keep: arm %s replaces %.3g of what the control shows even "
                       "at 1/4096 of its distance from it",
                       cap, trial->arm, 1.0 - overlap[CAMPAIGN_CAP_SHARES - 1]);
    trial->turnover = fmax(1.0 - overlap[j], 0.0);
    if (j == 0)
        return STATUS_OK;
    struct campaign_point point;
    campaign_setup_decode(&c->setup, x + j * c->setup.dim, &point);
    memcpy(trial->point.weight, point.weight, sizeof point.weight);
    trial->source = trial->n;
    trial->modelled = false;
    return STATUS_OK;
}

enum status campaign_cap_apply(struct campaign *c, const struct campaign_previews *p, struct err *err)
{
    const struct campaign_round *round = campaign_last_round(c);
    size_t at = 0;
    if (p->n != count_new(c) * CAMPAIGN_CAP_SHARES || p->dim != c->setup.dim)
        return err_set(err, STATUS_CORRUPT, "%zu previews of %zu coordinates: %zu of %zu are expected", p->n, p->dim,
                       count_new(c) * CAMPAIGN_CAP_SHARES, c->setup.dim);
    for (size_t a = 0; a < round->n_arms; a++) {
        struct campaign_trial *trial = &c->trials[round->first_trial + a];
        if (!is_new(trial))
            continue;
        TRY(move(c, trial, p->overlap + at, p->x + at * p->dim, err));
        at += CAMPAIGN_CAP_SHARES;
    }
    return STATUS_OK;
}

/* Of rounds that were told only, so that a restart knows the same. */
static bool is_known(const struct campaign *c, const struct campaign_trial *trial)
{
    return is_new(trial) && trial->source == trial->n && isfinite(trial->turnover) &&
           c->rounds[trial->round].state == ROUND_TOLD;
}

enum status campaign_cap_tell(struct campaign *c, struct err *err)
{
    const struct campaign_previews *p = c->previews;
    const size_t dim = c->setup.dim;
    if (!campaign_cap_is_set(&c->config) || p == NULL)
        return STATUS_OK;
    size_t n = p->n;
    double *x = mem_alloc((p->n + c->n_trials) * (dim + 1), sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    double *turnover = x + (p->n + c->n_trials) * dim;
    memcpy(x, p->x, p->n * dim * sizeof *x);
    for (size_t i = 0; i < p->n; i++)
        turnover[i] = 1.0 - p->overlap[i];
    for (size_t t = 0; t < c->n_trials; t++) {
        if (!is_known(c, &c->trials[t]) || !campaign_setup_encode(&c->setup, &c->trials[t].point, x + n * dim))
            continue;
        turnover[n++] = c->trials[t].turnover;
    }
    const enum status s = optimizer_bound(c->optimizer, n, x, turnover, c->config.max_turnover, err);
    mem_free(x);
    return s;
}
