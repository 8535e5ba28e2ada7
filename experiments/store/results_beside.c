/* The parts of a round's results that are not about its arms: the holdback and the carry-over. */
#include "experiments/core/comparisons.h"
#include "experiments/store/store_internal.h"

static void effect(struct json_writer *w, const char *key, const char *cov_key, size_t n, const double *x,
                   const double *cov)
{
    json_write_key(w, key);
    json_write_vector(w, n, x);
    json_write_key(w, cov_key);
    json_write_square(w, n, cov);
}

void results_write_holdback(struct json_writer *w, const struct experiment *e, const struct hot_round *round)
{
    const struct tally *t = &round->tally;
    struct holdback_comparison x;
    json_write_key(w, "holdback");
    if (t->n_groups == t->n_arms) {
        json_write_null(w);
        return;
    }
    const struct arm_tally *group = &t->arms[t->n_arms];
    holdback_compare(t, &x);
    json_write_object(w);
    json_write_key_number(w, "share", e->plan.holdback);
    json_write_key_int(w, "units", group->moments.n);
    json_write_key_int(w, "requests", group->requests);
    json_write_key_int(w, "impressions", group->impressions);
    effect(w, "mean", "cov", t->layout.n_metrics, x.mean, x.cov);
    effect(w, "relative", "relative_cov", t->layout.n_metrics, x.relative, x.relative_cov);
    effect(w, "absolute", "absolute_cov", t->layout.n_metrics, x.absolute, x.absolute_cov);
    json_write_object_end(w);
}

void results_write_carry_over(struct json_writer *w, const struct experiment *e, const struct hot_round *round)
{
    struct carry_over x[PLAN_MAX_METRICS];
    json_write_key(w, "carry_over");
    if (round->tally.n_before == 0) {
        json_write_null(w);
        return;
    }
    carry_over_test(&round->tally, x);
    json_write_object(w);
    json_write_key_int(w, "round_before", round->number - 1);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < round->tally.layout.n_metrics; i++) {
        json_write_object(w);
        json_write_key(w, "name");
        json_write_string(w, e->plan.metrics[i].name);
        json_write_key_number(w, "chi2", x[i].chi2);
        json_write_key_int(w, "df", (int64_t)x[i].df);
        json_write_key_number(w, "p", x[i].p);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}
