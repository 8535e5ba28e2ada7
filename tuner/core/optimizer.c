#include "tuner/core/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/core/acquisition.h"
#include "tuner/core/design.h"
#include "tuner/core/diagnose.h"
#include "tuner/core/gp_hyper.h"
#include "tuner/core/observations.h"
#include "tuner/core/recommend.h"
#include "tuner/core/stopping.h"
#include "tuner/core/surrogate.h"

struct optimizer {
    size_t dim, n_outcomes;
    uint64_t seed;
    bool has_control, control_known, round_variance, has_levels;
    double control[OPTIMIZER_MAX_DIM];
    double thresholds[OPTIMIZER_MAX_OUTCOMES];
    uint32_t levels[OPTIMIZER_MAX_DIM];
    char hyper_prior[32];
    const struct acquisition *acquisition;
    struct trend *trend; /* NULL: none */
    struct observations observations;
    struct surrogate *surrogate[OPTIMIZER_MAX_OUTCOMES]; /* NULL: to be fitted; behind the outcomes the bound, if any */
    bool bounded;
    struct surrogate *panel; /* of the objective, without a known control; NULL: to be fitted */
    const struct surrogate *judges[OPTIMIZER_MAX_OUTCOMES];
};

static enum status check_config(const struct optimizer_config *config, struct err *err)
{
    if (config->dim < 1 || config->dim > OPTIMIZER_MAX_DIM)
        return err_set(err, STATUS_INVALID, "dim is %zu: allowed are 1 to %d", config->dim, OPTIMIZER_MAX_DIM);
    if (config->n_outcomes < 1 || config->n_outcomes > OPTIMIZER_MAX_OUTCOMES)
        return err_set(err, STATUS_INVALID, "n_outcomes is %zu: allowed are 1 to %d", config->n_outcomes,
                       OPTIMIZER_MAX_OUTCOMES);
    if (config->control_known && config->control == NULL)
        return err_set(err, STATUS_INVALID, "control_known without a control: its coordinates are expected");
    for (size_t k = 0; config->control != NULL && k < config->dim; k++) {
        if (!(fabs(config->control[k]) <= 1000.0))
            return err_set(err, STATUS_INVALID, "control[%zu] is %g: allowed are -1000 to 1000", k, config->control[k]);
    }
    for (size_t k = 0; config->thresholds != NULL && k + 1 < config->n_outcomes; k++) {
        if (!isfinite(config->thresholds[k]))
            return err_set(err, STATUS_INVALID, "thresholds[%zu] is %g: a finite number is expected", k,
                           config->thresholds[k]);
    }
    return STATUS_OK;
}

static void copy_config(struct optimizer *o, const struct optimizer_config *config)
{
    o->dim = config->dim;
    o->n_outcomes = config->n_outcomes;
    o->seed = config->seed;
    o->has_control = config->control != NULL;
    o->control_known = config->control_known;
    o->round_variance = config->round_variance;
    o->has_levels = config->levels != NULL;
    for (size_t k = 0; k < o->dim; k++) {
        o->control[k] = config->control != NULL ? config->control[k] : 0.5;
        o->levels[k] = config->levels != NULL ? config->levels[k] : 0;
    }
    for (size_t k = 0; k + 1 < o->n_outcomes; k++)
        o->thresholds[k] = config->thresholds != NULL ? config->thresholds[k] : 0.0;
    observations_init(&o->observations, o->dim, o->n_outcomes);
}

/* The name must be a known one; a prior is made to find out. */
static enum status set_prior(struct optimizer *o, const char *name, struct err *err)
{
    struct hyper_prior prior;
    const struct gp_data nothing = {.dim = 1};
    TRY(hyper_prior_init(&prior, name, &nothing, false, err));
    const char *text = name != NULL ? name : "dimension-scaled";
    memcpy(o->hyper_prior, text, strlen(text) + 1); /* the known names are shorter than the field */
    return STATUS_OK;
}

enum status optimizer_new(const struct optimizer_config *config, struct optimizer **ret_optimizer, struct err *err)
{
    const struct acquisition *acquisition;
    TRY(check_config(config, err));
    const char *fallback = config->control_known ? "log-nei" : "mixed";
    TRY(acquisition_find(config->acquisition != NULL ? config->acquisition : fallback, &acquisition, err));
    struct optimizer *o = mem_alloc(1, sizeof *o);
    if (o == NULL)
        return err_no_memory(err);
    o->acquisition = acquisition;
    const enum status s = set_prior(o, config->hyper_prior, err);
    if (s != STATUS_OK) {
        mem_free(o);
        return s;
    }
    copy_config(o, config);
    *ret_optimizer = o;
    return STATUS_OK;
}

static void forget_models(struct optimizer *o)
{
    surrogate_free(o->panel);
    o->panel = NULL;
    for (size_t k = 0; k < o->n_outcomes; k++) {
        surrogate_free(o->surrogate[k]);
        o->surrogate[k] = NULL;
    }
}

void optimizer_free(struct optimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    forget_models(optimizer);
    if (optimizer->bounded)
        surrogate_free(optimizer->surrogate[optimizer->n_outcomes]);
    trend_free(optimizer->trend);
    observations_done(&optimizer->observations);
    mem_free(optimizer);
}

enum status optimizer_tell(struct optimizer *optimizer, const struct optimizer_round *round, struct err *err)
{
    TRY(observations_add(&optimizer->observations, round, err));
    forget_models(optimizer);
    return STATUS_OK;
}

enum status optimizer_preview(struct optimizer *o, const struct optimizer_previews *previews, struct err *err)
{
    struct trend *trend;
    if (!o->control_known)
        return err_set(err, STATUS_INVALID, "previews without control_known: they are relative to the control");
    TRY(trend_new(o->dim, previews->n_features, previews->n, previews->x, previews->value, o->control, &trend, err));
    forget_models(o);
    trend_free(o->trend);
    o->trend = trend;
    return STATUS_OK;
}

/* One tell without noise, fitted at once. */
static enum status fit_bound(const struct optimizer *o, size_t n, const double *x, const double *value,
                             struct surrogate **ret, struct err *err)
{
    double *cov = mem_alloc(n * n, sizeof *cov);
    if (cov == NULL)
        return err_no_memory(err);
    const struct optimizer_round round = {.n = n, .x = x, .y = value, .cov = cov};
    const struct surrogate_options options = {.hyper_prior = o->hyper_prior, .control = o->control};
    struct observations points;
    observations_init(&points, o->dim, 1);
    enum status s = observations_add(&points, &round, err);
    if (s == STATUS_OK)
        s = surrogate_fit(&points, 0, &options, ret, err);
    observations_done(&points);
    mem_free(cov);
    return s;
}

enum status optimizer_bound(struct optimizer *o, size_t n, const double *x, const double *value, double most,
                            struct err *err)
{
    struct surrogate *bound = NULL;
    if (!o->control_known || o->n_outcomes == OPTIMIZER_MAX_OUTCOMES || !isfinite(most))
        return err_set(err, STATUS_INVALID, "a bound of %g beside %zu outcomes: at most %d with a known control", most,
                       o->n_outcomes, OPTIMIZER_MAX_OUTCOMES - 1);
    const enum status s = fit_bound(o, n, x, value, &bound, err);
    if (s != STATUS_OK)
        return err_wrap(err, s, "fit of the bound");
    if (o->bounded)
        surrogate_free(o->surrogate[o->n_outcomes]);
    o->bounded = true;
    o->surrogate[o->n_outcomes] = bound;
    o->thresholds[o->n_outcomes - 1] = most;
    return STATUS_OK;
}

static struct surrogate_options surrogate_options_of(const struct optimizer *o)
{
    return (struct surrogate_options){.hyper_prior = o->hyper_prior,
                                      .control = o->control_known ? o->control : NULL,
                                      .round_effect = o->round_variance,
                                      .trend = o->trend};
}

/* Models for what was told, kept until the next tell. */
static enum status refresh(struct optimizer *o, struct err *err)
{
    if (!surrogate_possible(&o->observations))
        return err_set(err, STATUS_INVALID, "no result has been told yet: tell at least one");
    struct surrogate_options options = surrogate_options_of(o);
    for (size_t k = 0; k < o->n_outcomes; k++) {
        options.models = k == 0 ? SURROGATE_PAIR : SURROGATE_ONE;
        if (o->surrogate[k] != NULL)
            continue;
        const enum status s = surrogate_fit(&o->observations, k, &options, &o->surrogate[k], err);
        if (s != STATUS_OK)
            return err_wrap(err, s, "fit of outcome %zu", k);
    }
    return STATUS_OK;
}

static struct acquisition_problem problem_of(const struct optimizer *o)
{
    return (struct acquisition_problem){.dim = o->dim,
                                        .n_outcomes = o->n_outcomes,
                                        .outcome = (const struct surrogate *const *)o->surrogate,
                                        .thresholds = o->thresholds,
                                        .levels = o->has_levels ? o->levels : NULL,
                                        .control_known = o->control_known,
                                        .observed = &o->observations,
                                        .seed = rng_mix(o->seed ^ rng_mix(o->observations.n_rounds))};
}

/* With the bound as one more constraint. */
static struct acquisition_problem bounded_problem_of(const struct optimizer *o)
{
    struct acquisition_problem problem = problem_of(o);
    problem.n_outcomes += o->bounded;
    return problem;
}

/* As refresh, and what judges which point is best: the panel where it is used (surrogate.h). */
static enum status refresh_judges(struct optimizer *o, struct acquisition_problem *ret_problem, struct err *err)
{
    TRY(refresh(o, err));
    *ret_problem = problem_of(o);
    if (o->control_known)
        return STATUS_OK;
    struct surrogate_options options = surrogate_options_of(o);
    options.models = SURROGATE_PANEL;
    if (o->panel == NULL) {
        const enum status s = surrogate_fit(&o->observations, 0, &options, &o->panel, err);
        if (s != STATUS_OK)
            return err_wrap(err, s, "fit of the panel");
    }
    for (size_t k = 0; k < o->n_outcomes; k++)
        o->judges[k] = k == 0 ? o->panel : o->surrogate[k];
    ret_problem->outcome = o->judges;
    return STATUS_OK;
}

/* Before there is a model: points skip .. skip + n - 1 of [control unless it is known, Sobol ...]. */
static void ask_design(const struct optimizer *o, size_t n, size_t skip, double *ret_x)
{
    struct rng rng;
    const size_t dim = o->dim, lead = o->control_known ? 0 : 1;
    const size_t first = skip < lead ? 1 : 0; /* the control is among the n */
    rng_init(&rng, o->seed, rng_hash_text("design"), 0);
    if (first == 1)
        memcpy(ret_x, o->control, dim * sizeof *ret_x);
    design_sobol(n - first, dim, skip + first - lead, o->control, &rng, ret_x + first * dim);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < dim; k++)
            ret_x[i * dim + k] = fmin(fmax(ret_x[i * dim + k], 0.0), 1.0);
        design_snap(dim, o->has_levels ? o->levels : NULL, ret_x + i * dim);
    }
}

enum status optimizer_ask(struct optimizer *optimizer, size_t n, size_t n_pending, const double *pending, double *ret_x,
                          struct err *err)
{
    if (n < 1 || n > OPTIMIZER_MAX_ASK)
        return err_set(err, STATUS_INVALID, "%zu points asked for: allowed are 1 to %d", n, OPTIMIZER_MAX_ASK);
    for (size_t i = 0; i < n_pending * optimizer->dim; i++) {
        if (!(fabs(pending[i]) <= 1000.0))
            return err_set(err, STATUS_INVALID, "pending point %zu: coordinate %zu is %g: allowed are -1000 to 1000",
                           i / optimizer->dim, i % optimizer->dim, pending[i]);
    }
    if (!surrogate_possible(&optimizer->observations)) {
        ask_design(optimizer, n, optimizer->observations.n + n_pending, ret_x);
        return STATUS_OK;
    }
    TRY(refresh(optimizer, err));
    struct acquisition_problem problem = bounded_problem_of(optimizer);
    problem.n_pending = n_pending;
    problem.pending = pending;
    return optimizer->acquisition->choose(&problem, n, ret_x, err);
}

static enum status check_points(const struct optimizer *o, size_t n, const double *x, struct err *err)
{
    for (size_t i = 0; i < n * o->dim; i++) {
        if (!(fabs(x[i]) <= 1000.0))
            return err_set(err, STATUS_INVALID, "point %zu: coordinate %zu is %g: allowed are -1000 to 1000",
                           i / o->dim, i % o->dim, x[i]);
    }
    return STATUS_OK;
}

enum status optimizer_posterior(struct optimizer *optimizer, size_t n, const double *x,
                                const struct optimizer_posterior *ret, struct err *err)
{
    TRY(check_points(optimizer, n, x, err));
    TRY(refresh(optimizer, err));
    const struct acquisition_problem problem = problem_of(optimizer);
    for (size_t k = 0; k < optimizer->n_outcomes; k++) {
        double *mean = ret->mean != NULL ? ret->mean + k * n : NULL, *var = ret->sd != NULL ? ret->sd + k * n : NULL;
        double *cov = ret->cov != NULL ? ret->cov + k * n * n : NULL;
        TRY(surrogate_predict(optimizer->surrogate[k], n, x, mean, var, cov, err));
        for (size_t i = 0; var != NULL && i < n; i++)
            var[i] = sqrt(var[i]);
    }
    return ret->feasible != NULL ? recommend_feasible(&problem, n, x, ret->feasible, err) : STATUS_OK;
}

static bool outside(const struct optimizer *o, const double *x)
{
    for (size_t k = 0; k < o->dim; k++) {
        if (!(x[k] >= 0.0 && x[k] <= 1.0))
            return true;
    }
    return false;
}

static enum status recommend_observed(struct optimizer *o, const struct acquisition_problem *problem,
                                      struct recommendation *ret, struct err *err)
{
    const struct observations *seen = &o->observations;
    bool *skip = mem_alloc(seen->n, sizeof *skip);
    if (skip == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < seen->n; i++)
        skip[i] = seen->failed[i] || outside(o, seen->x + i * o->dim);
    const enum status s = recommend_among(problem, seen->n, seen->x, skip, ret, err);
    mem_free(skip);
    return s;
}

/* The control where nothing better is known (optimizer.h). */
static void choose_control(const struct optimizer *o, struct optimizer_choice *ret)
{
    *ret = (struct optimizer_choice){.feasible = 1.0, .candidate = SIZE_MAX, .is_control = true};
    memcpy(ret->x, o->control, o->dim * sizeof *ret->x);
    for (size_t k = 0; k + 1 < o->n_outcomes; k++)
        ret->feasible = o->thresholds[k] >= 0.0 ? ret->feasible : 0.0;
}

static bool falls_back(const struct optimizer *o, const struct recommendation *r)
{
    return o->control_known && (r->index == SIZE_MAX || r->feasible < RECOMMEND_FEASIBLE || !(r->mean > 0.0));
}

static void fill_choice(const struct optimizer *o, const struct recommendation *r, const double *x, size_t candidate,
                        struct optimizer_choice *ret)
{
    *ret =
        (struct optimizer_choice){.mean = r->mean, .sd = sqrt(r->var), .feasible = r->feasible, .candidate = candidate};
    memcpy(ret->x, x, o->dim * sizeof *x);
}

enum status optimizer_recommend(struct optimizer *optimizer, size_t n_candidates, const double *x,
                                struct optimizer_choice *ret, struct err *err)
{
    struct recommendation r = {.index = SIZE_MAX};
    const double *from = x != NULL ? x : optimizer->observations.x;
    if (optimizer->control_known && !surrogate_possible(&optimizer->observations)) {
        choose_control(optimizer, ret);
        return STATUS_OK;
    }
    if (x != NULL)
        TRY(check_points(optimizer, n_candidates, x, err));
    struct acquisition_problem problem;
    TRY(refresh_judges(optimizer, &problem, err));
    if (x != NULL)
        TRY(recommend_among(&problem, n_candidates, x, NULL, &r, err));
    else
        TRY(recommend_observed(optimizer, &problem, &r, err));
    if (falls_back(optimizer, &r)) {
        choose_control(optimizer, ret);
        return STATUS_OK;
    }
    if (r.index == SIZE_MAX)
        return err_set(err, STATUS_INVALID, "no candidate to recommend: every told point failed or lies outside");
    fill_choice(optimizer, &r, from + r.index * optimizer->dim,
                x != NULL ? r.index : optimizer->observations.told[r.index], ret);
    return STATUS_OK;
}

enum status optimizer_best(struct optimizer *optimizer, struct optimizer_choice *ret, struct err *err)
{
    struct recommendation r = {.index = SIZE_MAX};
    double x[OPTIMIZER_MAX_DIM];
    const size_t dim = optimizer->dim;
    const struct observations *seen = &optimizer->observations;
    if (optimizer->control_known && !surrogate_possible(seen)) {
        choose_control(optimizer, ret);
        return STATUS_OK;
    }
    struct acquisition_problem problem;
    TRY(refresh_judges(optimizer, &problem, err));
    TRY(recommend_anywhere(&problem, x, &r, err));
    r.index = 0;
    if (falls_back(optimizer, &r)) {
        choose_control(optimizer, ret);
        return STATUS_OK;
    }
    fill_choice(optimizer, &r, x, SIZE_MAX, ret);
    for (size_t i = 0; i < seen->n && ret->candidate == SIZE_MAX; i++) {
        if (memcmp(seen->x + i * dim, x, dim * sizeof *x) == 0)
            ret->candidate = seen->told[i];
    }
    return STATUS_OK;
}

enum status optimizer_stop_test(struct optimizer *optimizer, double delta, const double *recommended,
                                struct optimizer_stop *ret, struct err *err)
{
    if (!(delta >= 0.0 && isfinite(delta)))
        return err_set(err, STATUS_INVALID, "delta is %g: a finite number of at least 0 is expected", delta);
    TRY(check_points(optimizer, 1, recommended, err));
    TRY(refresh(optimizer, err));
    const struct acquisition_problem problem = bounded_problem_of(optimizer);
    double probability, expected;
    TRY(stopping_gain(&problem, recommended, delta, &probability, &expected, err));
    const size_t rounds = optimizer->observations.n_rounds;
    *ret = (struct optimizer_stop){probability, expected, rounds, rounds >= 3 && probability < 0.05};
    return STATUS_OK;
}

enum status optimizer_diagnose(struct optimizer *optimizer, size_t outcome, double *residual,
                               struct optimizer_diagnostics *ret, struct err *err)
{
    if (outcome >= optimizer->n_outcomes)
        return err_set(err, STATUS_INVALID, "outcome is %zu: allowed are 0 to %zu", outcome, optimizer->n_outcomes - 1);
    TRY(refresh(optimizer, err));
    return diagnose(&optimizer->observations, optimizer->surrogate[outcome], residual, ret, err);
}

enum status optimizer_preview_worth(struct optimizer *optimizer, size_t outcome, double *ret_mean, double *ret_sd,
                                    struct err *err)
{
    if (outcome >= optimizer->n_outcomes || optimizer->trend == NULL)
        return err_set(err, STATUS_INVALID, "outcome %zu of %zu with%s previews", outcome, optimizer->n_outcomes,
                       optimizer->trend == NULL ? "out" : "");
    TRY(refresh(optimizer, err));
    const struct surrogate *s = optimizer->surrogate[outcome];
    gp_coefficients(s->model[0], ret_mean, ret_sd);
    for (size_t h = 0; h < s->model[0]->n_features; h++) {
        ret_mean[h] *= s->scale;
        ret_sd[h] *= s->scale;
    }
    return STATUS_OK;
}

size_t optimizer_n_points(const struct optimizer *optimizer)
{
    return optimizer->observations.n;
}

size_t optimizer_n_rounds(const struct optimizer *optimizer)
{
    return optimizer->observations.n_rounds;
}

enum status optimizer_hyper(struct optimizer *optimizer, size_t outcome, struct optimizer_hyper *ret, struct err *err)
{
    if (outcome >= optimizer->n_outcomes)
        return err_set(err, STATUS_INVALID, "outcome is %zu: allowed are 0 to %zu", outcome, optimizer->n_outcomes - 1);
    TRY(refresh(optimizer, err));
    const struct surrogate *s = optimizer->surrogate[outcome];
    const struct gp_hyper *hyper = &s->model[0]->hyper;
    const double *extra = hyper->theta + optimizer->dim;
    bool unknown = false;
    for (size_t i = 0; i < s->data.n; i++)
        unknown = unknown || s->data.unknown[i];
    *ret = (struct optimizer_hyper){.outputscale = s->scale * exp(extra[GP_SCALE]),
                                    .misfit = s->scale * exp(extra[GP_MISFIT]),
                                    .noise = unknown ? s->scale * exp(extra[GP_NOISE]) : 0.0,
                                    .log_evidence = s->model[0]->log_evidence};
    if (hyper->round_effect)
        ret->round_sd = ret->outputscale * exp(0.5 * extra[GP_ROUND]);
    for (size_t k = 0; k < optimizer->dim; k++)
        ret->lengthscale[k] = exp(hyper->theta[k]);
    return STATUS_OK;
}
