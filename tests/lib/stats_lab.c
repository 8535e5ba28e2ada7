#include "tests/lib/stats_lab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/stats/chi2.h"
#include "experiments/core/assign.h"
#include "experiments/core/comparisons.h"
#include "experiments/core/measures.h"

enum { ARMS = STATS_LAB_ARMS, M = STATS_LAB_METRICS, E = STATS_LAB_EFFECTS, SHOWN = 5, MOST_VISITS = 400, CAP = 10 };
enum { CLICKS, CAPPED, CLICKED, CTR, SAVES_PER_CLICK };
static const char *const NAME[M] = {"clicks", "clicks_cap_10", "clicked", "clicks_per_impression", "saves_per_click"};
static const double ALLOCATION[ARMS] = {0.4, 0.3, 0.3}, CLICK_LIFT[ARMS] = {1, 1, 1.08}, SAVE_LIFT[ARMS] = {1, 1, 1.05};
static const double Q_LOW = 0.04, Q_HIGH = 0.16, S_LOW = 0.1, S_HIGH = 0.3, LOG_VISITS = 0.3, Z95 = 1.959963984540054;

struct stats_lab {
    uint32_t units;
    double sigma;
    struct experiment_plan plan;
    struct round_plan round;
    struct layout layout;
    double relative[E], absolute[E]; /* the truth */
    double *q, *s;                   /* [units] of clicking, of saving a click */
    uint32_t *visits;                /* [n_visits] of all units, in the order of time */
    size_t n_visits, capacity;
};

const char *stats_lab_metric(size_t i)
{
    return NAME[i];
}

const double *stats_lab_relative(const struct stats_lab *lab)
{
    return lab->relative;
}

const double *stats_lab_absolute(const struct stats_lab *lab)
{
    return lab->absolute;
}

static void set_metric(struct metric *m, const char *event, enum metric_aggregate aggregate,
                       enum metric_denominator denominator, int64_t cap)
{
    *m = (struct metric){.aggregate = aggregate, .denominator = denominator, .attribution_ms = 1, .cap = cap};
    snprintf(m->event, sizeof m->event, "%s", event);
    snprintf(m->denominator_event, sizeof m->denominator_event, "click");
}

static void set_plan(struct stats_lab *lab)
{
    struct metric *m = lab->plan.metrics;
    lab->plan.n_metrics = M;
    set_metric(&m[CLICKS], "click", AGGREGATE_COUNT, PER_UNIT, MOMENTS_LIMIT);
    set_metric(&m[CAPPED], "click", AGGREGATE_COUNT, PER_UNIT, (int64_t)CAP * MOMENTS_SCALE);
    set_metric(&m[CLICKED], "click", AGGREGATE_ANY, PER_UNIT, MOMENTS_LIMIT);
    set_metric(&m[CTR], "click", AGGREGATE_COUNT, PER_IMPRESSION, MOMENTS_LIMIT);
    set_metric(&m[SAVES_PER_CLICK], "save", AGGREGATE_COUNT, PER_EVENT, MOMENTS_LIMIT);
    for (size_t i = 0; i < M; i++)
        m[i].up = true;
    m[CAPPED].guardrail = GUARDRAIL_RELATIVE;
    m[CLICKED].guardrail = GUARDRAIL_ABSOLUTE;
    m[CTR].guardrail = GUARDRAIL_RELATIVE;
    layout_make(&lab->plan, &lab->layout);
    layout_add_covariates(&lab->layout);
    lab->round.n_arms = ARMS;
    for (size_t a = 0; a < ARMS; a++)
        lab->round.arms[a].allocation = ALLOCATION[a];
}

/* P(V >= v), V = 1 + floor(exp(LOG_VISITS + sigma Z)) cut at MOST_VISITS. */
static double at_least(const struct stats_lab *lab, int v)
{
    if (v <= 1)
        return 1.0;
    return v > MOST_VISITS ? 0.0 : 0.5 * erfc((log(v - 1) - LOG_VISITS) / lab->sigma / sqrt(2.0));
}

/* E min(X, cap) for X binomial(n, q):  cap - sum_{k < cap} (cap - k) P(X = k). */
static double capped_mean(int n, double q, int cap)
{
    double mean = cap, p = pow(1.0 - q, n);
    for (int k = 0; k < cap && k <= n; k++) {
        mean -= (cap - k) * p;
        p *= (double)(n - k) / (k + 1) * q / (1.0 - q);
    }
    return mean;
}

/* Mean over the units of min(clicks, cap): five points of Gauss and Legendre over q. */
static double truth_capped(const struct stats_lab *lab, double lift, int cap)
{
    static const double NODE[] = {-0.9061798459386640, -0.5384693101056831, 0, 0.5384693101056831, 0.9061798459386640};
    static const double WEIGHT[] = {0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665,
                                    0.2369268850561891};
    enum { PIECES = 16 };
    double width = (Q_HIGH - Q_LOW) / PIECES, sum = 0.0;
    for (int v = 1; v <= MOST_VISITS; v++) {
        double p = at_least(lab, v) - at_least(lab, v + 1);
        for (int i = 0; i < PIECES * 5; i++) {
            double q = Q_LOW + width * (i / 5 + 0.5 + 0.5 * NODE[i % 5]);
            sum += p * WEIGHT[i % 5] / 2.0 / PIECES * capped_mean(SHOWN * v, q * lift, cap);
        }
    }
    return sum;
}

static void truth_of_arm(const struct stats_lab *lab, size_t arm, double *ret)
{
    double visits = 0.0, q = (Q_LOW + Q_HIGH) / 2 * CLICK_LIFT[arm], s = (S_LOW + S_HIGH) / 2 * SAVE_LIFT[arm];
    for (int v = 1; v <= MOST_VISITS; v++)
        visits += at_least(lab, v);
    ret[CLICKS] = visits * SHOWN * q;
    ret[CAPPED] = truth_capped(lab, CLICK_LIFT[arm], CAP);
    ret[CLICKED] = truth_capped(lab, CLICK_LIFT[arm], 1);
    ret[CTR] = q;
    ret[SAVES_PER_CLICK] = s; /* s and the clicks of a unit are independent */
}

static void set_truth(struct stats_lab *lab)
{
    double mean[ARMS][M];
    for (size_t a = 0; a < ARMS; a++)
        truth_of_arm(lab, a, mean[a]);
    for (size_t e = 0; e < E; e++) {
        lab->absolute[e] = mean[1 + e / M][e % M] - mean[0][e % M];
        lab->relative[e] = mean[1 + e / M][e % M] / mean[0][e % M] - 1.0;
    }
}

enum status stats_lab_new(uint32_t units, double sigma, struct stats_lab **ret, struct err *err)
{
    struct stats_lab *lab = mem_alloc(1, sizeof *lab);
    if (lab) {
        lab->units = units;
        lab->sigma = sigma;
        lab->q = mem_alloc(units, sizeof *lab->q);
        lab->s = mem_alloc(units, sizeof *lab->s);
    }
    if (!lab || !lab->q || !lab->s) {
        stats_lab_free(lab);
        return err_no_memory(err);
    }
    set_plan(lab);
    set_truth(lab);
    *ret = lab;
    return STATUS_OK;
}

void stats_lab_free(struct stats_lab *lab)
{
    if (!lab)
        return;
    mem_free(lab->q);
    mem_free(lab->s);
    mem_free(lab->visits);
    mem_free(lab);
}

static size_t visits_of(const struct stats_lab *lab, double z)
{
    double v = floor(exp(LOG_VISITS + lab->sigma * z));
    return v < MOST_VISITS - 1 ? 1 + (size_t)v : MOST_VISITS;
}

static void set_covariates(const struct stats_lab *lab, uint32_t unit, double z, struct rng *rng, struct tally *t)
{
    size_t shown = SHOWN * visits_of(lab, 0.8 * z + 0.6 * rng_normal(rng));
    int64_t clicks = 0, saves = 0;
    for (size_t i = 0; i < shown; i++) {
        bool click = rng_uniform(rng) < lab->q[unit];
        clicks += click;
        saves += click && rng_uniform(rng) < lab->s[unit];
    }
    double ctr = (Q_LOW + Q_HIGH) / 2, rate = (S_LOW + S_HIGH) / 2;
    int64_t x[M] = {[CLICKS] = clicks * MOMENTS_SCALE,
                    [CAPPED] = (clicks < CAP ? clicks : CAP) * MOMENTS_SCALE,
                    [CLICKED] = (clicks > 0) * MOMENTS_SCALE,
                    [CTR] = llround(((double)clicks - ctr * (double)shown) * MOMENTS_SCALE),
                    [SAVES_PER_CLICK] = llround(((double)saves - rate * (double)clicks) * MOMENTS_SCALE)};
    tally_set_covariates(t, unit, x);
}

static enum status add_visits(struct stats_lab *lab, uint32_t unit, double z, struct err *err)
{
    size_t n = visits_of(lab, z);
    if (lab->n_visits + n > lab->capacity) {
        size_t capacity = 2 * (lab->n_visits + n);
        uint32_t *more = mem_resize(lab->visits, capacity, sizeof *more);
        if (!more)
            return err_no_memory(err);
        lab->visits = more;
        lab->capacity = capacity;
    }
    for (size_t i = 0; i < n; i++)
        lab->visits[lab->n_visits++] = unit;
    return STATUS_OK;
}

/* Everybody is known to the tally from the start, counted from the first visit on. */
static enum status make_units(struct stats_lab *lab, const char *salt, const struct round_plan *before, struct rng *rng,
                              struct tally *t, struct err *err)
{
    lab->n_visits = 0;
    for (uint32_t u = 0; u < lab->units; u++) {
        char name[16];
        uint32_t unit;
        snprintf(name, sizeof name, "u%u", (unsigned)u);
        TRY(tally_add_unit(t, assign_arm(&lab->round, assign_hash(salt, name).u), &unit, err));
        tally_set_before(t, unit, carry_over_group(before, name));
        lab->q[u] = Q_LOW + (Q_HIGH - Q_LOW) * rng_uniform(rng);
        lab->s[u] = S_LOW + (S_HIGH - S_LOW) * rng_uniform(rng);
        double z = rng_normal(rng);
        set_covariates(lab, unit, z, rng, t);
        TRY(add_visits(lab, u, z, err));
    }
    rng_shuffle(rng, lab->n_visits, lab->visits);
    return STATUS_OK;
}

static enum status visit(const struct stats_lab *lab, uint32_t u, struct rng *rng, struct tally *t, struct err *err)
{
    size_t arm = t->arm[u];
    enum event_outcome outcome;
    tally_expose(t, u, 1, SHOWN);
    for (int i = 0; i < SHOWN; i++) {
        if (rng_uniform(rng) >= lab->q[u] * CLICK_LIFT[arm])
            continue;
        TRY(tally_event(t, u, "click", MOMENTS_SCALE, 0, 1, &outcome, err));
        if (rng_uniform(rng) < lab->s[u] * SAVE_LIFT[arm])
            TRY(tally_event(t, u, "save", MOMENTS_SCALE, 0, 1, &outcome, err));
    }
    return STATUS_OK;
}

static void look(const double *effect, const double *cov, const struct confseq_bounds *bounds, const double *truth,
                 struct stats_lab_effects *ret)
{
    for (size_t e = 0; e < E; e++) {
        double se = sqrt(cov[e * E + e]), error = effect[e] - truth[e];
        ret->error[e] = error;
        ret->se[e] = se;
        ret->peeked[e] |= isfinite(bounds[e].lower) && fabs(error) > Z95 * se;
        ret->alarmed[e] |= truth[e] < bounds[e].lower || truth[e] > bounds[e].upper;
        ret->saw[e] |= bounds[e].lower > 0.0 || bounds[e].upper < 0.0;
    }
}

/* At the boundary both nulls are true; where the truth is beyond it, one of them. */
static void judge(const struct stats_lab *lab, const struct measures *x, struct stats_lab_run *ret)
{
    for (size_t i = 0; i < x->n_guardrails; i++) {
        const struct guardrail_result *g = &x->guardrails[i];
        double off = (g->is_relative ? lab->relative : lab->absolute)[g->effect] - g->bound.bound;
        if (g->bound.is_max)
            off = -off;
        ret->wrong_holds |= g->answer == NONINFERIORITY_HOLDS && off <= 0.0;
        ret->wrong_broken |= g->answer == NONINFERIORITY_BROKEN && off >= 0.0;
    }
}

static void adjusted(const struct stats_lab *lab, const struct measures *x, struct stats_lab_run *ret)
{
    const struct estimates *from = &x->adjusted;
    for (size_t e = 0; e < E; e++) {
        ret->adjusted_relative.error[e] = from->relative[e] - lab->relative[e];
        ret->adjusted_relative.se[e] = sqrt(from->relative_cov[e * E + e]);
        ret->adjusted_absolute.error[e] = from->absolute[e] - lab->absolute[e];
        ret->adjusted_absolute.se[e] = sqrt(from->absolute_cov[e * E + e]);
    }
    for (size_t i = 0; i < M; i++)
        ret->reduction[i] = x->fits[i].reduction;
}

static enum status measure(const struct stats_lab *lab, const struct tally *t, bool final, struct stats_lab_run *ret,
                           struct err *err)
{
    struct measures x;
    TRY(measures_make(&lab->plan, t, final, &x, err));
    look(x.plain.relative, x.plain.relative_cov, x.relative_bounds, lab->relative, &ret->relative);
    look(x.plain.absolute, x.plain.absolute_cov, x.absolute_bounds, lab->absolute, &ret->absolute);
    if (final) {
        judge(lab, &x, ret);
        adjusted(lab, &x, ret);
    }
    measures_done(&x);
    return STATUS_OK;
}

static enum status play(struct stats_lab *lab, struct rng *rng, struct tally *t, struct stats_lab_run *ret,
                        struct err *err)
{
    size_t done = 0;
    for (size_t k = 1; k <= STATS_LAB_LOOKS; k++) {
        for (; done < lab->n_visits * k / STATS_LAB_LOOKS; done++)
            TRY(visit(lab, lab->visits[done], rng, t, err));
        TRY(measure(lab, t, k == STATS_LAB_LOOKS, ret, err));
    }
    return STATUS_OK;
}

enum status stats_lab_run(struct stats_lab *lab, uint64_t seed, uint64_t i, struct stats_lab_run *ret, struct err *err)
{
    enum { STREAM = 0x57a7 };
    struct rng rng;
    struct tally t;
    char salt[48];
    *ret = (struct stats_lab_run){.sample_ratio_p = 0};
    rng_init(&rng, seed, i, STREAM);
    snprintf(salt, sizeof salt, "lab-%llu-%llu", (unsigned long long)seed, (unsigned long long)i);
    struct round_plan before = lab->round;
    struct carry_over carried[M];
    snprintf(before.salt, sizeof before.salt, "before-%s", salt);
    TRY(tally_init(&t, &lab->layout, ARMS, err));
    enum status s = tally_extend(&t, false, ARMS + 1, err);
    if (s == STATUS_OK)
        s = make_units(lab, salt, &before, &rng, &t, err);
    if (s == STATUS_OK)
        s = play(lab, &rng, &t, ret, err);
    int64_t observed[ARMS];
    for (size_t a = 0; a < ARMS; a++)
        observed[a] = t.arms[a].moments.n;
    carry_over_test(&t, carried);
    for (size_t m = 0; m < M; m++)
        ret->carry_over_p[m] = carried[m].p;
    ret->sample_ratio_p = sample_ratio_check(ARMS, observed, ALLOCATION).p;
    tally_done(&t);
    return s;
}
