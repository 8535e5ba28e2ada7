#include <assert.h>
#include <math.h>

#include "base/stats/chi2.h"
#include "experiments/core/measures.h"
#include "experiments/store/definition.h"
#include "experiments/store/store_internal.h"

static void write_square(struct json_writer *w, const char *key, size_t n, const double *x)
{
    json_write_key(w, key);
    json_write_square(w, n, x);
}

/* Stopped arms no longer grow with the others, so they are left out. */
static void write_sample_ratio(struct json_writer *w, const struct hot_round *round)
{
    int64_t observed[PLAN_MAX_ARMS];
    double share[PLAN_MAX_ARMS];
    for (size_t a = 0; a < round->plan.n_arms; a++) {
        observed[a] = round->tally.arms[a].moments.n;
        share[a] = round->stopped[a] ? 0.0 : round->plan.arms[a].allocation;
    }
    struct sample_ratio ratio = sample_ratio_check(round->plan.n_arms, observed, share);
    json_write_key(w, "sample_ratio");
    json_write_object(w);
    json_write_key_number(w, "chi2", ratio.chi2);
    json_write_key_int(w, "df", (int64_t)ratio.df);
    json_write_key_number(w, "p", ratio.p);
    json_write_object_end(w);
}

/* Those that the round before decided; nothing where an experiment has no such metric. */
static void write_caps(struct json_writer *w, const struct experiment *e, const struct hot_round *round)
{
    bool any = false;
    for (size_t i = 0; i < e->plan.n_metrics; i++)
        any = any || e->plan.metrics[i].cap_quantile > 0.0;
    if (!any)
        return;
    json_write_key(w, "caps");
    json_write_object(w);
    for (size_t i = 0; i < e->plan.n_metrics; i++) {
        if (e->plan.metrics[i].cap_quantile > 0.0)
            json_write_key_number(w, e->plan.metrics[i].name,
                                  round->cap[i] < MOMENTS_LIMIT ? (double)round->cap[i] / MOMENTS_SCALE : nan(""));
    }
    json_write_object_end(w);
}

static void write_models(struct json_writer *w, const struct hot_round *round)
{
    json_write_key_text(w, "model_hash", round->models[0].hash);
    json_write_key(w, "models");
    json_write_array(w);
    for (size_t i = 0; i < round->n_models; i++) {
        json_write_object(w);
        json_write_key_text(w, "model_hash", round->models[i].hash);
        json_write_key_int(w, "from_ms", round->models[i].from_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_round(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                        int64_t as_of_ms, const char *digest)
{
    const struct round_life *life = &round->life;
    bool final = life->state == ROUND_FINAL;
    json_write_key_text(w, "experiment", e->name);
    json_write_key_int(w, "round", round->number);
    json_write_key_text(w, "purpose", round->plan.purpose);
    json_write_key_text(w, "campaign", round->plan.campaign);
    json_write_key_text(w, "state", round_state_name(life->state));
    json_write_key(w, "final");
    json_write_bool(w, final);
    json_write_key_text(w, "end_reason", end_reason_name(life->end_reason));
    json_write_key_int(w, "as_of", as_of_ms);
    /* Before the first event nothing is known beyond the opening. */
    json_write_key_int(w, "watermark", round->tally.watermark_ms > 0 ? round->tally.watermark_ms : life->opened_ms);
    json_write_key_int(w, "opened_ms", life->opened_ms);
    json_write_key(w, "closed_ms");
    if (life->state == ROUND_OPEN)
        json_write_null(w);
    else
        json_write_int(w, life->closed_ms);
    json_write_key_text(w, "digest", digest);
    write_models(w, round);
    json_write_key_int(w, "late", round->tally.late);
    json_write_key_int(w, "orphan", round->orphans);
    json_write_key_int(w, "multi_arm_units", round->strays);
    write_sample_ratio(w, round);
    write_caps(w, e, round);
}

static void write_metric(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                         const struct measures *x, size_t a, size_t i)
{
    const struct arm_tally *arm = &round->tally.arms[a];
    const struct moments_ratio *ratio = &round->tally.layout.ratios[i];
    json_write_object(w);
    json_write_key_text(w, "name", e->plan.metrics[i].name);
    json_write_key_int(w, "n", arm->moments.n);
    json_write_key_number(w, "sum", moments_sum(&arm->moments, ratio->numerator));
    json_write_key_number(w, "denominator_sum", moments_sum(&arm->moments, ratio->denominator));
    json_write_key_int(w, "events", arm->events[ratio->numerator]);
    json_write_key_number(w, "mean", x->plain.mean[a * x->n_metrics + i]);
    json_write_key_number(w, "se", sqrt(x->plain.cov[(a * x->n_metrics + i) * x->n_metrics + i]));
    json_write_object_end(w);
}

static void write_arm(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                      const struct measures *x, const struct json_at *body, size_t a)
{
    const struct arm_tally *arm = &round->tally.arms[a];
    struct json_at params;
    json_write_object(w);
    json_write_key_text(w, "id", round->plan.arms[a].id);
    json_write_key(w, "weights");
    definition_write_weights(w, &e->plan, round->plan.arms[a].weights);
    json_write_key(w, "params");
    if (json_member(body, "params", JSON_OPTIONAL, &params, NULL) == STATUS_OK && params.value)
        json_write_value(w, &params);
    else
        json_write_raw(w, "{}");
    json_write_key_number(w, "allocation", round->plan.arms[a].allocation);
    json_write_key(w, "stopped");
    json_write_bool(w, round->stopped[a]);
    json_write_key_int(w, "units", arm->moments.n);
    json_write_key_int(w, "requests", arm->requests);
    json_write_key_int(w, "impressions", arm->impressions);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < x->n_metrics; i++)
        write_metric(w, e, round, x, a, i);
    json_write_array_end(w);
    write_square(w, "cov", x->n_metrics, x->plain.cov + a * x->n_metrics * x->n_metrics);
    json_write_object_end(w);
}

static enum status write_arms(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                              const struct measures *x, struct err *err)
{
    struct json_at root = json_root(round->body), arms, item = {0};
    TRY(json_member(&root, "arms", JSON_REQUIRED, &arms, err));
    json_write_key(w, "arms");
    json_write_array(w);
    while (json_next(&arms, &item))
        write_arm(w, e, round, x, &item, item.index);
    json_write_array_end(w);
    return STATUS_OK;
}

/* One side of all bounds: null before the burn-in. */
static void write_bounds(struct json_writer *w, const char *key, size_t n, const struct confseq_bounds *bounds,
                         bool upper)
{
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_number(w, upper ? bounds[i].upper : bounds[i].lower);
    json_write_array_end(w);
}

/* The effects in the order of the index. */
static void write_estimates(struct json_writer *w, const struct measures *x, const struct estimates *from)
{
    json_write_key(w, "relative");
    json_write_vector(w, x->n_effects, from->relative);
    write_square(w, "relative_cov", x->n_effects, from->relative_cov);
    json_write_key(w, "absolute");
    json_write_vector(w, x->n_effects, from->absolute);
    write_square(w, "absolute_cov", x->n_effects, from->absolute_cov);
}

static void write_adjusted_arm(struct json_writer *w, const struct round_plan *plan, const struct measures *x, size_t a)
{
    size_t m = x->n_metrics;
    json_write_object(w);
    json_write_key_text(w, "id", plan->arms[a].id);
    json_write_key(w, "mean");
    json_write_vector(w, m, x->adjusted.mean + a * m);
    write_square(w, "cov", m, x->adjusted.cov + a * m * m);
    json_write_object_end(w);
}

static void write_fits(struct json_writer *w, const struct experiment *e, const struct measures *x)
{
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < x->n_metrics; i++) {
        json_write_object(w);
        json_write_key_text(w, "name", e->plan.metrics[i].name);
        json_write_key_number(w, "theta", x->fits[i].theta);
        json_write_key_number(w, "variance_reduction", x->fits[i].reduction);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* Means and effects adjusted by pre-period values; null in a round that has none. */
static void write_cuped(struct json_writer *w, const struct experiment *e, const struct round_plan *plan,
                        const struct measures *x)
{
    json_write_key(w, "cuped");
    if (!x->has_adjusted) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    write_fits(w, e, x);
    json_write_key(w, "arms");
    json_write_array(w);
    for (size_t a = 0; a < x->n_arms; a++)
        write_adjusted_arm(w, plan, x, a);
    json_write_array_end(w);
    write_estimates(w, x, &x->adjusted);
    json_write_object_end(w);
}

static void write_always_valid(struct json_writer *w, const struct measures *x)
{
    json_write_key(w, "always_valid");
    json_write_object(w);
    json_write_key_number(w, "level", 1.0 - MEASURES_ALPHA);
    write_bounds(w, "relative_lower", x->n_effects, x->relative_bounds, false);
    write_bounds(w, "relative_upper", x->n_effects, x->relative_bounds, true);
    write_bounds(w, "absolute_lower", x->n_effects, x->absolute_bounds, false);
    write_bounds(w, "absolute_upper", x->n_effects, x->absolute_bounds, true);
    json_write_object_end(w);
}

static void write_guardrail(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                            const struct measures *x, const struct guardrail_result *g)
{
    bool final = round->life.state == ROUND_FINAL;
    assert(x->n_metrics > 0);
    json_write_object(w);
    json_write_key_text(w, "arm", round->plan.arms[1 + g->effect / x->n_metrics].id);
    json_write_key_text(w, "metric", e->plan.metrics[g->effect % x->n_metrics].name);
    json_write_key_text(w, "effect", g->is_relative ? "relative" : "absolute");
    json_write_key_number(w, g->bound.is_max ? "at_most" : "at_least", g->bound.bound);
    json_write_key_number(w, "estimate", g->value);
    json_write_key_number(w, "se", g->se);
    json_write_key_number(w, "p_holds", g->p.holds);
    json_write_key_number(w, "p_broken", g->p.broken);
    json_write_key_number(w, "p_holds_adjusted", g->adjusted.holds);
    json_write_key_number(w, "p_broken_adjusted", g->adjusted.broken);
    json_write_key_text(w, "answer", final ? noninferiority_name(g->answer) : NULL);
    json_write_key_text(w, "always_valid", noninferiority_name(g->always_valid));
    json_write_object_end(w);
}

static void write_guardrails(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                             const struct measures *x)
{
    json_write_key(w, "guardrails");
    json_write_array(w);
    for (size_t g = 0; g < x->n_guardrails; g++)
        write_guardrail(w, e, round, x, &x->guardrails[g]);
    json_write_array_end(w);
}

static void write_effects(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                          const struct measures *x)
{
    json_write_key(w, "effects");
    json_write_object(w);
    json_write_key_text(w, "control", round->plan.arms[0].id);
    json_write_key(w, "index");
    json_write_array(w);
    for (size_t i = 0; i < x->n_effects; i++) {
        assert(x->n_metrics > 0);
        json_write_object(w);
        json_write_key_text(w, "arm", round->plan.arms[1 + i / x->n_metrics].id);
        json_write_key_text(w, "metric", e->plan.metrics[i % x->n_metrics].name);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    write_estimates(w, x, &x->plain);
    write_always_valid(w, x);
    json_write_key(w, "control_events");
    json_write_object(w);
    for (size_t i = 0; i < x->n_metrics; i++)
        json_write_key_int(w, e->plan.metrics[i].name,
                           round->tally.arms[0].events[round->tally.layout.ratios[i].numerator]);
    json_write_object_end(w);
    json_write_object_end(w);
}

enum status results_write(const struct experiment *e, const struct hot_round *round, int64_t as_of_ms,
                          const char *digest, struct buf *ret, struct err *err)
{
    struct measures x;
    struct json_writer w;
    TRY(measures_make(&e->plan, &round->tally, round->life.state == ROUND_FINAL, &x, err));
    json_writer_init(&w, ret);
    json_write_object(&w);
    write_round(&w, e, round, as_of_ms, digest);
    json_write_key(&w, "metrics");
    json_write_array(&w);
    for (size_t i = 0; i < x.n_metrics; i++)
        json_write_string(&w, e->plan.metrics[i].name);
    json_write_array_end(&w);
    enum status s = write_arms(&w, e, round, &x, err);
    write_effects(&w, e, round, &x);
    write_guardrails(&w, e, round, &x);
    write_cuped(&w, e, &round->plan, &x);
    results_write_holdback(&w, e, round);
    results_write_carry_over(&w, e, round);
    json_write_object_end(&w);
    measures_done(&x);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}
