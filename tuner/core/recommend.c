#include "tuner/core/recommend.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/draws.h"
#include "tuner/core/normal.h"

static const double PENALTY = 1e3;
static const double MARGIN = 0.985;
enum { MAX_CENTERS = 12 };

enum status recommend_feasible(const struct acquisition_problem *problem, size_t m, const double *x, double *ret,
                               struct err *err)
{
    double *p = mem_alloc(m, sizeof *p);
    if (p == NULL)
        return err_no_memory(err);
    enum status s = STATUS_OK;
    for (size_t i = 0; i < m; i++)
        ret[i] = 1.0;
    for (size_t k = 1; k < problem->n_outcomes && s == STATUS_OK; k++) {
        s = surrogate_below(problem->outcome[k], m, x, problem->thresholds[k - 1], p, err);
        for (size_t i = 0; i < m && s == STATUS_OK; i++)
            ret[i] *= p[i];
    }
    mem_free(p);
    return s;
}

static bool better(double bar, const double *mean, const double *feasible, size_t a, size_t b)
{
    const bool fa = feasible[a] >= bar, fb = feasible[b] >= bar;
    if (fa != fb)
        return fa;
    return fa ? mean[a] > mean[b] : feasible[a] > feasible[b];
}

static enum status among(const struct acquisition_problem *problem, size_t m, const double *x, const bool *skip,
                         double bar, struct recommendation *ret, struct err *err)
{
    double *mean = mem_alloc(3 * m, sizeof *mean);
    if (mean == NULL)
        return err_no_memory(err);
    double *var = mean + m, *feasible = var + m;
    size_t best = SIZE_MAX;
    enum status s = surrogate_predict(problem->outcome[0], m, x, mean, var, NULL, err);
    if (s == STATUS_OK)
        s = recommend_feasible(problem, m, x, feasible, err);
    for (size_t i = 0; i < m && s == STATUS_OK; i++) {
        if ((skip == NULL || !skip[i]) && (best == SIZE_MAX || better(bar, mean, feasible, i, best)))
            best = i;
    }
    if (s == STATUS_OK && best == SIZE_MAX)
        *ret = (struct recommendation){.index = SIZE_MAX};
    else if (s == STATUS_OK)
        *ret = (struct recommendation){mean[best], var[best], feasible[best], best};
    mem_free(mean);
    return s;
}

enum status recommend_among(const struct acquisition_problem *problem, size_t m, const double *x, const bool *skip,
                            struct recommendation *ret, struct err *err)
{
    return among(problem, m, x, skip, RECOMMEND_FEASIBLE, ret, err);
}

/* Every model of every outcome, as the climb reads them. */
struct field {
    const struct acquisition_problem *problem;
    struct draws model[OPTIMIZER_MAX_OUTCOMES][SURROGATE_MAX_MODELS];
};

static double add_mean(struct field *field, const double *x, double *gradient)
{
    const struct surrogate *s = field->problem->outcome[0];
    double sum = 0.0;
    for (size_t i = 0; i < s->n_models; i++) {
        double mean;
        draws_at(&field->model[0][i], x, &mean, NULL);
        draws_gradient(&field->model[0][i], &s->weight[i], 0.0, gradient);
        sum += s->weight[i] * mean;
    }
    return sum;
}

/* ln P of one constraint (a mixture); `by` times its gradient is added. */
static double log_below(struct field *field, size_t k, const double *x, double *gradient)
{
    const struct surrogate *s = field->problem->outcome[k];
    const double threshold = acquisition_threshold(field->problem, k);
    double total = 0.0, part[GP_MAX_DIM] = {0};
    for (size_t i = 0; i < s->n_models; i++) {
        double mean, var, slope;
        draws_at(&field->model[k][i], x, &mean, &var);
        const double sd = sqrt(var), z = (threshold - mean) / sd;
        const double p = fmax(s->weight[i] * exp(log_ndtr(z, &slope)), 1e-280), by_mean = -p * slope / sd;
        total += p;
        draws_gradient(&field->model[k][i], &by_mean, -p * slope * z / (2.0 * var), part);
    }
    for (size_t d = 0; d < field->problem->dim; d++)
        gradient[d] += part[d] / total;
    return log(total);
}

static double field_climb(void *context, const double *x, double *ret_gradient)
{
    struct field *field = context;
    const size_t dim = field->problem->dim;
    double of_chance[GP_MAX_DIM] = {0}, chance = 0.0;
    memset(ret_gradient, 0, dim * sizeof *ret_gradient);
    const double mean = add_mean(field, x, ret_gradient);
    for (size_t k = 1; k < field->problem->n_outcomes; k++)
        chance += log_below(field, k, x, of_chance);
    const double lack = fmax(0.0, log(MARGIN) - chance);
    for (size_t d = 0; d < dim; d++)
        ret_gradient[d] += 2.0 * PENALTY * lack * of_chance[d];
    return mean - PENALTY * lack * lack;
}

static void field_score(void *context, size_t m, const double *x, double *ret_value)
{
    struct field *field = context;
    double gradient[GP_MAX_DIM];
    for (size_t i = 0; i < m; i++)
        ret_value[i] = field_climb(context, x + i * field->problem->dim, gradient);
}

static enum status field_init(struct field *field, struct err *err)
{
    for (size_t k = 0; k < field->problem->n_outcomes; k++) {
        for (size_t i = 0; i < field->problem->outcome[k]->n_models; i++)
            TRY(draws_init(&field->model[k][i], field->problem->outcome[k]->model[i], 1, 0, err));
    }
    return STATUS_OK;
}

static void field_done(struct field *field)
{
    for (size_t k = 0; k < field->problem->n_outcomes; k++) {
        for (size_t i = 0; i < SURROGATE_MAX_MODELS; i++)
            draws_done(&field->model[k][i]);
    }
    mem_free(field);
}

static enum status search_cube(struct field *field, size_t n_centers, const double *centers, double *ret_x,
                               struct err *err)
{
    const struct acquisition_problem *problem = field->problem;
    struct rng rng;
    double step[GP_MAX_DIM], value;
    rng_init(&rng, problem->seed, rng_hash_text("recommend"), 0);
    acquisition_step(problem, step);
    const struct search_target target = {field, field_score, field_climb};
    const struct search search = {.dim = problem->dim,
                                  .levels = problem->levels,
                                  .n_global = 256,
                                  .n_local = n_centers > 0 ? 256 : 0,
                                  .n_centers = n_centers,
                                  .centers = centers,
                                  .step = step,
                                  .n_climbs = 6,
                                  .n_evaluations = 60,
                                  .tolerance = 1e-7};
    return search_maximise(&search, &target, &rng, ret_x, &value, err);
}

enum status recommend_anywhere(const struct acquisition_problem *problem, double *ret_x, struct recommendation *ret,
                               struct err *err)
{
    const size_t dim = problem->dim;
    double *x = mem_alloc((MAX_CENTERS + 1) * dim, sizeof *x);
    struct field *field = mem_alloc(1, sizeof *field);
    size_t n_centers = 0;
    enum status s = STATUS_OK;
    if (x == NULL || field == NULL) {
        mem_free(x);
        mem_free(field);
        return err_no_memory(err);
    }
    field->problem = problem;
    s = acquisition_baseline(problem, MAX_CENTERS, x, &n_centers, err);
    if (s == STATUS_OK)
        s = field_init(field, err);
    if (s == STATUS_OK)
        s = search_cube(field, n_centers, x, x + n_centers * dim, err);
    if (s == STATUS_OK)
        s = among(problem, n_centers + 1, x, NULL, RECOMMEND_ANYWHERE, ret, err);
    if (s == STATUS_OK && ret->feasible < RECOMMEND_ANYWHERE)
        s = among(problem, n_centers + 1, x, NULL, RECOMMEND_FEASIBLE, ret, err);
    if (s == STATUS_OK) {
        memcpy(ret_x, x + ret->index * dim, dim * sizeof *x);
        ret->index = SIZE_MAX;
    }
    field_done(field);
    mem_free(x);
    return s;
}
