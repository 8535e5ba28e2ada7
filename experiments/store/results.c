#include <math.h>

#include "base/core/mem.h"
#include "base/stats/chi2.h"
#include "base/stats/effects.h"
#include "experiments/store/definition.h"
#include "experiments/store/store_internal.h"

/* Means and covariances of all arms, and effects: computed once, written below.  n = arms, m = metrics, e = (n - 1) m.
 */
struct numbers {
    size_t n, m, e;
    double *mean, *cov;              /* [n * m], [n * m * m] */
    double *relative, *relative_cov; /* [e], [e * e] */
    double *absolute, *absolute_cov;
};

static void numbers_done(struct numbers *x)
{
    mem_free(x->mean);
    mem_free(x->cov);
    mem_free(x->relative);
    mem_free(x->relative_cov);
    mem_free(x->absolute);
    mem_free(x->absolute_cov);
}

static enum status numbers_init(struct numbers *x, const struct hot_round *round, struct err *err)
{
    size_t n = round->plan.n_arms, m = round->tally.layout.n_metrics, e = (n - 1) * m;
    *x = (struct numbers){.n = n, .m = m, .e = e};
    x->mean = mem_alloc(n * m, sizeof(double));
    x->cov = mem_alloc(n * m * m, sizeof(double));
    x->relative = mem_alloc(e, sizeof(double));
    x->relative_cov = mem_alloc(e * e, sizeof(double));
    x->absolute = mem_alloc(e, sizeof(double));
    x->absolute_cov = mem_alloc(e * e, sizeof(double));
    if (!x->mean || !x->cov || !x->relative || !x->relative_cov || !x->absolute || !x->absolute_cov) {
        numbers_done(x);
        return err_no_memory(err);
    }
    for (size_t a = 0; a < n; a++)
        moments_ratios(&round->tally.arms[a].moments, m, round->tally.layout.ratios, x->mean + a * m,
                       x->cov + a * m * m);
    effects_relative(n, m, 0, x->mean, x->cov, x->relative, x->relative_cov);
    effects_absolute(n, m, 0, x->mean, x->cov, x->absolute, x->absolute_cov);
    return STATUS_OK;
}

static void key_int(struct json_writer *w, const char *key, int64_t x)
{
    json_write_key(w, key);
    json_write_int(w, x);
}

static void key_number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void key_text(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

static void write_vector(struct json_writer *w, size_t n, const double *x)
{
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_number(w, x[i]);
    json_write_array_end(w);
}

static void write_square(struct json_writer *w, const char *key, size_t n, const double *x)
{
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        write_vector(w, n, x + i * n);
    json_write_array_end(w);
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
    key_number(w, "chi2", ratio.chi2);
    key_int(w, "df", (int64_t)ratio.df);
    key_number(w, "p", ratio.p);
    json_write_object_end(w);
}

static void write_round(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                        int64_t as_of_ms, const char *digest)
{
    const struct round_life *life = &round->life;
    bool final = life->state == ROUND_FINAL;
    key_text(w, "experiment", e->name);
    key_int(w, "round", round->number);
    key_text(w, "purpose", round->plan.purpose);
    key_text(w, "campaign", round->plan.campaign);
    key_text(w, "state", round_state_name(life->state));
    json_write_key(w, "final");
    json_write_bool(w, final);
    key_text(w, "end_reason", end_reason_name(life->end_reason));
    key_int(w, "as_of", as_of_ms);
    /* Before the first event nothing is known beyond the opening. */
    key_int(w, "watermark", round->tally.watermark_ms > 0 ? round->tally.watermark_ms : life->opened_ms);
    key_int(w, "opened_ms", life->opened_ms);
    json_write_key(w, "closed_ms");
    if (life->state == ROUND_OPEN)
        json_write_null(w);
    else
        json_write_int(w, life->closed_ms);
    key_text(w, "digest", digest);
    key_text(w, "model_hash", round->model_hash);
    key_int(w, "late", round->tally.late);
    key_int(w, "orphan", round->orphans);
    key_int(w, "multi_arm_units", round->strays);
    write_sample_ratio(w, round);
}

static void write_metric(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                         const struct numbers *x, size_t a, size_t i)
{
    const struct arm_tally *arm = &round->tally.arms[a];
    const struct moments_ratio *ratio = &round->tally.layout.ratios[i];
    json_write_object(w);
    key_text(w, "name", e->plan.metrics[i].name);
    key_int(w, "n", arm->moments.n);
    key_number(w, "sum", moments_sum(&arm->moments, ratio->numerator));
    key_number(w, "denominator_sum", moments_sum(&arm->moments, ratio->denominator));
    key_int(w, "events", arm->events[ratio->numerator]);
    key_number(w, "mean", x->mean[a * x->m + i]);
    key_number(w, "se", sqrt(x->cov[(a * x->m + i) * x->m + i]));
    json_write_object_end(w);
}

static void write_arm(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                      const struct numbers *x, const struct json_at *body, size_t a)
{
    const struct arm_tally *arm = &round->tally.arms[a];
    struct json_at params;
    json_write_object(w);
    key_text(w, "id", round->plan.arms[a].id);
    json_write_key(w, "weights");
    definition_write_weights(w, &e->plan, round->plan.arms[a].weights);
    json_write_key(w, "params");
    if (json_member(body, "params", JSON_OPTIONAL, &params, NULL) == STATUS_OK && params.value)
        json_write_value(w, &params);
    else
        json_write_raw(w, "{}");
    key_number(w, "allocation", round->plan.arms[a].allocation);
    json_write_key(w, "stopped");
    json_write_bool(w, round->stopped[a]);
    key_int(w, "units", arm->moments.n);
    key_int(w, "requests", arm->requests);
    key_int(w, "impressions", arm->impressions);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < x->m; i++)
        write_metric(w, e, round, x, a, i);
    json_write_array_end(w);
    write_square(w, "cov", x->m, x->cov + a * x->m * x->m);
    json_write_object_end(w);
}

static enum status write_arms(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                              const struct numbers *x, struct err *err)
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

static void write_effects(struct json_writer *w, const struct experiment *e, const struct hot_round *round,
                          const struct numbers *x)
{
    json_write_key(w, "effects");
    json_write_object(w);
    key_text(w, "control", round->plan.arms[0].id);
    json_write_key(w, "index");
    json_write_array(w);
    for (size_t i = 0; i < x->e; i++) {
        json_write_object(w);
        key_text(w, "arm", round->plan.arms[1 + i / x->m].id);
        key_text(w, "metric", e->plan.metrics[i % x->m].name);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_key(w, "relative");
    write_vector(w, x->e, x->relative);
    write_square(w, "relative_cov", x->e, x->relative_cov);
    json_write_key(w, "absolute");
    write_vector(w, x->e, x->absolute);
    write_square(w, "absolute_cov", x->e, x->absolute_cov);
    json_write_key(w, "control_events");
    json_write_object(w);
    for (size_t i = 0; i < x->m; i++)
        key_int(w, e->plan.metrics[i].name, round->tally.arms[0].events[round->tally.layout.ratios[i].numerator]);
    json_write_object_end(w);
    json_write_object_end(w);
}

enum status results_write(const struct experiment *e, const struct hot_round *round, int64_t as_of_ms,
                          const char *digest, struct buf *ret, struct err *err)
{
    struct numbers x;
    struct json_writer w;
    TRY(numbers_init(&x, round, err));
    json_writer_init(&w, ret);
    json_write_object(&w);
    write_round(&w, e, round, as_of_ms, digest);
    json_write_key(&w, "metrics");
    json_write_array(&w);
    for (size_t i = 0; i < x.m; i++)
        json_write_string(&w, e->plan.metrics[i].name);
    json_write_array_end(&w);
    enum status s = write_arms(&w, e, round, &x, err);
    write_effects(&w, e, round, &x);
    json_write_object_end(&w);
    numbers_done(&x);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}
