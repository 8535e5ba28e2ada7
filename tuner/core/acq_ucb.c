/* Upper confidence bound, then pure exploration: GP-UCB-PE (Contal, Buffoni, Robicquet & Vayatis 2013, Algorithm 1).
 *
 * The first point maximises  mean + B sd + ln P(feasible)  (standardised units).  Every further one maximises the
 * standard deviation that is left after the points chosen before it, inside the region that may still hold the best:
 * mean + B sd of the first model >= the highest lower bound  mean - B sd  of an observed point (a smooth edge).
 * Works on the heaviest model of each outcome.  Pending points count as chosen. */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"
#include "tuner/core/draws.h"
#include "tuner/core/normal.h"

enum { MAX_BASELINE = 6 };
static const double B = 2.0;
static const double EDGE = 0.1;

struct ucb {
    const struct acquisition_problem *problem;
    struct draws model[OPTIMIZER_MAX_OUTCOMES];
    struct draws left; /* the objective with the chosen points */
    bool explore;
    double floor; /* highest lower bound */
};

static double ucb_climb(void *context, const double *x, double *ret_gradient)
{
    struct ucb *ucb = context;
    const struct acquisition_problem *problem = ucb->problem;
    double mean, var, slope, value;
    memset(ret_gradient, 0, problem->dim * sizeof *ret_gradient);
    draws_at(&ucb->model[0], x, &mean, &var);
    const double sd = sqrt(var), bound = mean + B * sd;
    if (ucb->explore) {
        value = log_ndtr((bound - ucb->floor) / EDGE, &slope);
        slope /= EDGE;
    } else {
        value = bound;
        slope = 1.0;
    }
    draws_gradient(&ucb->model[0], &slope, slope * B / (2.0 * sd), ret_gradient);
    if (ucb->explore) {
        const double none = 0.0;
        draws_at(&ucb->left, x, &mean, &var);
        value += 0.5 * log(var);
        draws_gradient(&ucb->left, &none, 0.5 / var, ret_gradient);
    }
    for (size_t k = 1; k < problem->n_outcomes; k++) {
        draws_at(&ucb->model[k], x, &mean, &var);
        const double sk = sqrt(var), z = (acquisition_threshold(problem, k) - mean) / sk;
        value += log_ndtr(z, &slope);
        const double by_mean = -slope / sk;
        draws_gradient(&ucb->model[k], &by_mean, -slope * z / (2.0 * var), ret_gradient);
    }
    return value;
}

static void ucb_score(void *context, size_t m, const double *x, double *ret_value)
{
    struct ucb *ucb = context;
    double gradient[GP_MAX_DIM];
    for (size_t i = 0; i < m; i++)
        ret_value[i] = ucb_climb(context, x + i * ucb->problem->dim, gradient);
}

static enum status ucb_init(struct ucb *ucb, size_t n, size_t n_baseline, const double *baseline, struct err *err)
{
    const struct acquisition_problem *problem = ucb->problem;
    const double zero = 0.0;
    double mean, var;
    for (size_t k = 0; k < problem->n_outcomes; k++)
        TRY(draws_init(&ucb->model[k], problem->outcome[k]->model[0], 1, 0, err));
    TRY(draws_init(&ucb->left, problem->outcome[0]->model[0], 1, problem->n_pending + n, err));
    for (size_t i = 0; i < problem->n_pending; i++)
        draws_add(&ucb->left, problem->pending + i * problem->dim, &zero, &mean);
    ucb->explore = problem->n_pending > 0;
    ucb->floor = -HUGE_VAL;
    for (size_t i = 0; i < n_baseline; i++) {
        draws_at(&ucb->model[0], baseline + i * problem->dim, &mean, &var);
        ucb->floor = fmax(ucb->floor, mean - B * sqrt(var));
    }
    if (!(ucb->floor > -HUGE_VAL))
        ucb->floor = -100.0;
    return STATUS_OK;
}

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    struct ucb ucb = {.problem = problem};
    struct rng rng;
    double step[GP_MAX_DIM], value, *baseline = mem_alloc(MAX_BASELINE * problem->dim, sizeof *baseline);
    size_t n_baseline = 0;
    if (baseline == NULL)
        return err_no_memory(err);
    enum status s = acquisition_baseline(problem, MAX_BASELINE, baseline, &n_baseline, err);
    if (s == STATUS_OK)
        s = ucb_init(&ucb, n, n_baseline, baseline, err);
    rng_init(&rng, problem->seed, rng_hash_text("ucb"), 0);
    acquisition_step(problem, step);
    const struct search_target target = {&ucb, ucb_score, ucb_climb};
    const struct search search = {.dim = problem->dim,
                                  .levels = problem->levels,
                                  .n_global = 192,
                                  .n_local = n_baseline > 0 ? 96 : 0,
                                  .n_centers = n_baseline,
                                  .centers = baseline,
                                  .step = step,
                                  .n_climbs = 4,
                                  .n_evaluations = 40,
                                  .tolerance = 1e-4};
    for (size_t i = 0; i < n && s == STATUS_OK; i++) {
        const double zero = 0.0;
        double mean;
        s = search_maximise(&search, &target, &rng, ret_x + i * problem->dim, &value, err);
        if (s != STATUS_OK)
            break;
        draws_add(&ucb.left, ret_x + i * problem->dim, &zero, &mean);
        ucb.explore = true;
    }
    for (size_t k = 0; k < problem->n_outcomes; k++)
        draws_done(&ucb.model[k]);
    draws_done(&ucb.left);
    mem_free(baseline);
    return s;
}

const struct acquisition ACQ_UCB = {"ucb", choose};
