#include "experiments/core/measures.h"

#include <math.h>

#include "base/core/mem.h"
#include "base/stats/effects.h"
#include "base/stats/holm.h"

static size_t count_guardrails(const struct experiment_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_metrics; i++)
        n += plan->metrics[i].guardrail != GUARDRAIL_NONE;
    return n;
}

static double *slice(double **rest, size_t n)
{
    double *at = *rest;
    *rest += n;
    return at;
}

static void place(struct estimates *to, const struct measures *x, double **rest)
{
    size_t n = x->n_arms, m = x->n_metrics, e = x->n_effects;
    to->mean = slice(rest, n * m);
    to->cov = slice(rest, n * m * m);
    to->relative = slice(rest, e);
    to->relative_cov = slice(rest, e * e);
    to->absolute = slice(rest, e);
    to->absolute_cov = slice(rest, e * e);
}

static enum status allocate(const struct experiment_plan *plan, const struct tally *tally, struct measures *x,
                            struct err *err)
{
    size_t n = tally->n_arms, m = tally->layout.n_metrics, e = (n - 1) * m;
    size_t estimates = n * m + n * m * m + 2 * (e + e * e);
    *x = (struct measures){.n_arms = n, .n_metrics = m, .n_effects = e};
    x->n_guardrails = (n - 1) * count_guardrails(plan);
    x->has_adjusted = layout_has_covariates(&tally->layout);
    double *rest = x->numbers = mem_alloc(estimates * (x->has_adjusted ? 2 : 1), sizeof *x->numbers);
    x->relative_bounds = mem_alloc(2 * e, sizeof *x->relative_bounds);
    x->guardrails = mem_alloc(x->n_guardrails, sizeof *x->guardrails);
    x->fits = x->has_adjusted ? mem_alloc(m, sizeof *x->fits) : NULL;
    if (!x->numbers || !x->relative_bounds || !x->guardrails || (x->has_adjusted && !x->fits)) {
        measures_done(x);
        return err_no_memory(err);
    }
    place(&x->plain, x, &rest);
    if (x->has_adjusted)
        place(&x->adjusted, x, &rest);
    x->absolute_bounds = x->relative_bounds + e;
    return STATUS_OK;
}

void measures_done(struct measures *x)
{
    mem_free(x->numbers);
    mem_free(x->relative_bounds);
    mem_free(x->guardrails);
    mem_free(x->fits);
    *x = (struct measures){0};
}

static void set_effects(const struct measures *x, const struct estimates *to)
{
    effects_relative(x->n_arms, x->n_metrics, 0, to->mean, to->cov, to->relative, to->relative_cov);
    effects_absolute(x->n_arms, x->n_metrics, 0, to->mean, to->cov, to->absolute, to->absolute_cov);
}

static void set_plain(const struct tally *tally, struct measures *x)
{
    size_t m = x->n_metrics;
    for (size_t a = 0; a < x->n_arms; a++)
        moments_ratios(&tally->arms[a].moments, m, tally->layout.ratios, x->plain.mean + a * m,
                       x->plain.cov + a * m * m);
    set_effects(x, &x->plain);
}

static void set_adjusted(const struct tally *tally, struct measures *x)
{
    struct cuped_metric metrics[PLAN_MAX_METRICS];
    const struct moments *arms[PLAN_MAX_ARMS];
    for (size_t i = 0; i < x->n_metrics; i++)
        metrics[i] = (struct cuped_metric){tally->layout.ratios[i], tally->layout.first_covariate + i};
    for (size_t a = 0; a < x->n_arms; a++)
        arms[a] = &tally->arms[a].moments;
    cuped_adjust(x->n_arms, arms, x->n_metrics, metrics, x->plain.mean, x->plain.cov, x->fits, x->adjusted.mean,
                 x->adjusted.cov);
    set_effects(x, &x->adjusted);
}

static struct confseq_arm gathered(const struct tally *tally, size_t arm, size_t metric)
{
    const struct arm_tally *a = &tally->arms[arm];
    return (struct confseq_arm){a->moments.n, a->events[tally->layout.ratios[metric].numerator]};
}

static void set_bounds(const struct tally *tally, struct measures *x)
{
    for (size_t e = 0; e < x->n_effects; e++) {
        size_t metric = e % x->n_metrics, diagonal = e * x->n_effects + e;
        struct confseq_arm arm = gathered(tally, 1 + e / x->n_metrics, metric), control = gathered(tally, 0, metric);
        x->relative_bounds[e] =
            confseq_bounds(x->plain.relative[e], sqrt(x->plain.relative_cov[diagonal]), arm, control, MEASURES_ALPHA);
        x->absolute_bounds[e] =
            confseq_bounds(x->plain.absolute[e], sqrt(x->plain.absolute_cov[diagonal]), arm, control, MEASURES_ALPHA);
    }
}

static struct guardrail_result guardrail(const struct metric *metric, const struct tally *tally, bool final,
                                         const struct measures *x, size_t e)
{
    bool is_relative = metric->guardrail == GUARDRAIL_RELATIVE;
    const double *value = is_relative ? x->plain.relative : x->plain.absolute;
    const double *cov = is_relative ? x->plain.relative_cov : x->plain.absolute_cov;
    struct guardrail_result g = {.effect = e, .is_relative = is_relative, .value = value[e]};
    g.se = sqrt(cov[e * x->n_effects + e]);
    g.bound = (struct noninferiority_bound){metric->up ? -metric->margin : metric->margin, !metric->up};
    const struct confseq_bounds *b = is_relative ? &x->relative_bounds[e] : &x->absolute_bounds[e];
    g.always_valid = noninferiority_within(b->lower, b->upper, g.bound);
    bool usable = !is_relative || gathered(tally, 0, e % x->n_metrics).events >= MEASURES_MIN_EVENTS;
    g.p = noninferiority_test(g.value, final && usable ? g.se : nan(""), g.bound);
    return g;
}

/* One side of the tests of all guardrails, adjusted. */
static void adjust(struct measures *x, bool holds)
{
    double p[PLAN_MAX_EFFECTS];
    size_t order[PLAN_MAX_EFFECTS];
    for (size_t g = 0; g < x->n_guardrails; g++)
        p[g] = holds ? x->guardrails[g].p.holds : x->guardrails[g].p.broken;
    holm_adjust(x->n_guardrails, p, order, p);
    for (size_t g = 0; g < x->n_guardrails; g++)
        *(holds ? &x->guardrails[g].adjusted.holds : &x->guardrails[g].adjusted.broken) = p[g];
}

static void set_guardrails(const struct experiment_plan *plan, const struct tally *tally, bool final,
                           struct measures *x)
{
    size_t n = 0;
    for (size_t e = 0; e < x->n_effects; e++) {
        const struct metric *metric = &plan->metrics[e % x->n_metrics];
        if (metric->guardrail != GUARDRAIL_NONE)
            x->guardrails[n++] = guardrail(metric, tally, final, x, e);
    }
    adjust(x, true);
    adjust(x, false);
    for (size_t g = 0; g < n; g++)
        x->guardrails[g].answer = noninferiority_answer(x->guardrails[g].adjusted, MEASURES_ALPHA);
}

enum status measures_make(const struct experiment_plan *plan, const struct tally *tally, bool final,
                          struct measures *ret, struct err *err)
{
    struct measures x;
    TRY(allocate(plan, tally, &x, err));
    set_plain(tally, &x);
    if (x.has_adjusted)
        set_adjusted(tally, &x);
    set_bounds(tally, &x);
    set_guardrails(plan, tally, final, &x);
    *ret = x;
    return STATUS_OK;
}
