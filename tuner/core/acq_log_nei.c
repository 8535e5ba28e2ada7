/* Constrained noisy expected improvement, in logs.
 *
 * For every draw j of the latent values at the baseline (observed points that may be the best), at pending points and
 * at the points of the batch chosen so far, best_j is the largest objective among those that are feasible in the draw;
 * with a known control its value 0 always counts.  Given the draw, objective and constraints at a new x are normal with
 * draw means m_kj and shared variances v_k, so a(x) = ln sum_j w_j  sd_0 h((m_0j - best_j) / sd_0)  prod_k Phi((t_k -
 * m_kj) / sd_k) Sources: Letham, Karrer, Ottoni & Bakshy (2019), Bayesian Analysis 14(2), eq. 8 to 11 (noise,
 * constraints, quasi-random draws, the batch by fantasies of the chosen points); logs: Ament et al. (2023).
 * Conditioning on the baseline only, not on every observed point, integrates the rest out exactly and leaves fewer
 * dimensions to the draws. A draw without a feasible point improves on one standard deviation below its worst baseline
 * value: there the chance to be feasible decides. */
#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"
#include "tuner/core/draws.h"
#include "tuner/core/normal.h"
#include "tuner/core/sobol.h"

enum { MAX_BASELINE = 24, N_DRAWS = 64, N_GLOBAL = 192, N_LOCAL = 160, N_CLIMBS = 6, N_EVALUATIONS = 60, CHUNK = 64 };
enum { CHEAP = 100 }; /* up to so many points twice the candidates are scored */

/* One model of the objective with one of each constraint, and its draws. */
struct slot {
    double log_weight; /* of one draw */
    size_t n_draws;
    struct draws draws[OPTIMIZER_MAX_OUTCOMES];
    double *best;                    /* [n_draws] */
    double *low;                     /* [n_draws] lowest baseline value */
    double *z;                       /* [n_outcomes * n_points * n_draws] */
    double *value;                   /* [n_outcomes * n_draws] scratch of slot_add */
    double *term, *by_mean, *by_var; /* [n_draws], [n_outcomes * n_draws] each: of the last evaluation */
};

struct nei {
    const struct acquisition_problem *problem;
    size_t n_outcomes, n_slots, n_points, used; /* points that can be added, points added */
    double threshold[OPTIMIZER_MAX_OUTCOMES];
    struct slot slot[SURROGATE_MAX_MODELS];
    double *scratch;  /* of draws_at_many and its results */
    size_t per_point; /* of draws_at_many */
};

static void nei_done(struct nei *nei)
{
    for (size_t i = 0; i < nei->n_slots; i++) {
        for (size_t k = 0; k < nei->n_outcomes; k++)
            draws_done(&nei->slot[i].draws[k]);
        mem_free(nei->slot[i].best);
    }
    mem_free(nei->scratch);
}

static enum status slot_init(struct nei *nei, struct slot *slot, struct rng *rng, struct err *err)
{
    const size_t j = slot->n_draws, outcomes = nei->n_outcomes, points = nei->n_points;
    slot->best = mem_alloc(3 * j + outcomes * points * j + 3 * outcomes * j, sizeof *slot->best);
    if (slot->best == NULL)
        return err_no_memory(err);
    slot->low = slot->best + j;
    slot->term = slot->low + j;
    slot->z = slot->term + j;
    slot->value = slot->z + outcomes * points * j;
    slot->by_mean = slot->value + outcomes * j;
    slot->by_var = slot->by_mean + outcomes * j;
    for (size_t k = 0; k < outcomes; k++)
        sobol_normals(rng, points, j, slot->z + k * points * j);
    const struct surrogate *s = nei->problem->outcome[0];
    for (size_t i = 0; i < j; i++) {
        slot->best[i] = nei->problem->control_known ? -s->center / s->scale : -HUGE_VAL;
        slot->low[i] = HUGE_VAL;
    }
    return STATUS_OK;
}

/* The model of a constraint that stands where the slot stands in the order of weights. */
static const struct gp *model_at(const struct surrogate *s, double quantile)
{
    size_t i = 0;
    double sum = s->weight[0];
    while (i + 1 < s->n_models && sum < quantile)
        sum += s->weight[++i];
    return s->model[i];
}

static enum status nei_init(struct nei *nei, struct rng *rng, struct err *err)
{
    const struct acquisition_problem *problem = nei->problem;
    const struct surrogate *objective = problem->outcome[0];
    double before = 0.0;
    for (size_t i = 0; i < objective->n_models; i++) {
        struct slot *slot = &nei->slot[nei->n_slots++];
        slot->n_draws = N_DRAWS / objective->n_models;
        slot->log_weight = log(objective->weight[i] / (double)slot->n_draws);
        for (size_t k = 0; k < nei->n_outcomes; k++) {
            const struct gp *gp =
                k == 0 ? objective->model[i] : model_at(problem->outcome[k], before + 0.5 * objective->weight[i]);
            TRY(draws_init(&slot->draws[k], gp, slot->n_draws, nei->n_points, err));
            const size_t per_point = draws_scratch(&slot->draws[k]);
            nei->per_point = per_point > nei->per_point ? per_point : nei->per_point;
        }
        before += objective->weight[i];
        TRY(slot_init(nei, slot, rng, err));
    }
    nei->scratch = mem_alloc(CHUNK * (nei->per_point + nei->n_outcomes * (N_DRAWS + 1)), sizeof *nei->scratch);
    return nei->scratch != NULL ? STATUS_OK : err_no_memory(err);
}

static void slot_add(struct nei *nei, struct slot *slot, const double *x)
{
    const size_t n = slot->n_draws;
    for (size_t k = 0; k < nei->n_outcomes; k++)
        draws_add(&slot->draws[k], x, slot->z + (k * nei->n_points + nei->used) * n, slot->value + k * n);
    for (size_t j = 0; j < n; j++) {
        bool feasible = true;
        for (size_t k = 1; k < nei->n_outcomes; k++)
            feasible = feasible && slot->value[k * n + j] <= nei->threshold[k];
        if (feasible)
            slot->best[j] = fmax(slot->best[j], slot->value[j]);
        slot->low[j] = fmin(slot->low[j], slot->value[j]);
    }
}

/* A point whose latent values every draw now knows. */
static void nei_add(struct nei *nei, const double *x)
{
    if (nei->used == nei->n_points)
        return;
    for (size_t i = 0; i < nei->n_slots; i++)
        slot_add(nei, &nei->slot[i], x);
    nei->used++;
}

static double best_of(const struct slot *slot, size_t j)
{
    if (slot->best[j] > -HUGE_VAL)
        return slot->best[j];
    return slot->low[j] < HUGE_VAL ? slot->low[j] - 1.0 : -1.0;
}

/* ln of one draw's improvement times its chance to be feasible, and its derivatives. */
static double draw_term(const struct nei *nei, const struct slot *slot, size_t j, const double *mean,
                        size_t mean_stride, const double *sd, double *by_mean, double *by_var)
{
    double slope;
    const double z = (mean[j] - best_of(slot, j)) / sd[0];
    double term = slot->log_weight + log(sd[0]) + log_h(z, &slope);
    if (by_mean != NULL) {
        by_mean[j] = slope / sd[0];
        by_var[j] = (1.0 - z * slope) / (2.0 * sd[0] * sd[0]);
    }
    for (size_t k = 1; k < nei->n_outcomes; k++) {
        const double zk = (nei->threshold[k] - mean[k * mean_stride + j]) / sd[k];
        term += log_ndtr(zk, &slope);
        if (by_mean != NULL) {
            by_mean[k * slot->n_draws + j] = -slope / sd[k];
            by_var[k * slot->n_draws + j] = -slope * zk / (2.0 * sd[k] * sd[k]);
        }
    }
    return term;
}

static double log_sum(double a, double b)
{
    if (!(a > -HUGE_VAL) || !(b > -HUGE_VAL))
        return fmax(a, b);
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

static double log_sum_exp(size_t n, const double *term)
{
    double top = -HUGE_VAL, sum = 0.0;
    for (size_t j = 0; j < n; j++)
        top = fmax(top, term[j]);
    if (!(top > -HUGE_VAL))
        return top;
    for (size_t j = 0; j < n; j++)
        sum += exp(term[j] - top);
    return top + log(sum);
}

static double nei_climb(void *context, const double *x, double *ret_gradient)
{
    struct nei *nei = context;
    const struct acquisition_problem *problem = nei->problem;
    double total = -HUGE_VAL, sd[OPTIMIZER_MAX_OUTCOMES] = {0};
    for (size_t i = 0; i < nei->n_slots; i++) {
        struct slot *slot = &nei->slot[i];
        for (size_t k = 0; k < nei->n_outcomes; k++) {
            draws_at(&slot->draws[k], x, slot->value + k * slot->n_draws, &sd[k]);
            sd[k] = sqrt(sd[k]);
        }
        for (size_t j = 0; j < slot->n_draws; j++)
            slot->term[j] = draw_term(nei, slot, j, slot->value, slot->n_draws, sd, slot->by_mean, slot->by_var);
        total = log_sum(total, log_sum_exp(slot->n_draws, slot->term));
    }
    memset(ret_gradient, 0, problem->dim * sizeof *ret_gradient);
    for (size_t i = 0; i < nei->n_slots; i++) {
        struct slot *slot = &nei->slot[i];
        for (size_t j = 0; j < slot->n_draws; j++)
            slot->term[j] = exp(slot->term[j] - total);
        for (size_t k = 0; k < nei->n_outcomes; k++) {
            double *by_mean = slot->by_mean + k * slot->n_draws, by_var = 0.0;
            for (size_t j = 0; j < slot->n_draws; j++) {
                by_mean[j] *= slot->term[j];
                by_var += slot->term[j] * slot->by_var[k * slot->n_draws + j];
            }
            draws_gradient(&slot->draws[k], by_mean, by_var, ret_gradient);
        }
    }
    return total;
}

/* ln of the sum over draws of a slot, without derivatives: the plain sum, and logarithms only where it underflows. */
static double log_improvement(const struct nei *nei, struct slot *slot, const double *mean, size_t mean_stride,
                              const double *sd)
{
    double sum = 0.0;
    for (size_t j = 0; j < slot->n_draws; j++) {
        double term = normal_h((mean[j] - best_of(slot, j)) / sd[0]);
        for (size_t k = 1; k < nei->n_outcomes && term > 0.0; k++)
            term *= normal_cdf((nei->threshold[k] - mean[k * mean_stride + j]) / sd[k]);
        sum += term;
    }
    if (sum > 1e-12)
        return slot->log_weight + log(sd[0] * sum);
    for (size_t j = 0; j < slot->n_draws; j++)
        slot->term[j] = draw_term(nei, slot, j, mean, mean_stride, sd, NULL, NULL);
    return log_sum_exp(slot->n_draws, slot->term);
}

static void score_chunk(struct nei *nei, size_t m, const double *x, double *ret_value)
{
    double *mean = nei->scratch + CHUNK * nei->per_point, *var = mean + CHUNK * nei->n_outcomes * N_DRAWS;
    double sd[OPTIMIZER_MAX_OUTCOMES] = {0};
    for (size_t p = 0; p < m; p++)
        ret_value[p] = -HUGE_VAL;
    for (size_t i = 0; i < nei->n_slots; i++) {
        struct slot *slot = &nei->slot[i];
        const size_t n = slot->n_draws;
        for (size_t k = 0; k < nei->n_outcomes; k++)
            draws_at_many(&slot->draws[k], m, x, nei->scratch, mean + k * m * n, var + k * m);
        for (size_t p = 0; p < m; p++) {
            for (size_t k = 0; k < nei->n_outcomes; k++)
                sd[k] = sqrt(var[k * m + p]);
            ret_value[p] = log_sum(ret_value[p], log_improvement(nei, slot, mean + p * n, m * n, sd));
        }
    }
}

static void nei_score(void *context, size_t m, const double *x, double *ret_value)
{
    struct nei *nei = context;
    for (size_t at = 0; at < m; at += CHUNK) {
        const size_t size = m - at < CHUNK ? m - at : CHUNK;
        score_chunk(nei, size, x + at * nei->problem->dim, ret_value + at);
    }
}

static enum status choose_batch(struct nei *nei, size_t n_centers, const double *centers, size_t n, struct rng *rng,
                                double *ret_x, struct err *err)
{
    const struct acquisition_problem *problem = nei->problem;
    double step[GP_MAX_DIM], value;
    const size_t more = problem->observed->n <= CHEAP && nei->n_slots == 1 ? 2 : 1;
    acquisition_step(problem, step);
    const struct search_target target = {nei, nei_score, nei_climb};
    for (size_t i = 0; i < n; i++) {
        const struct search search = {.dim = problem->dim,
                                      .levels = problem->levels,
                                      .n_global = more * N_GLOBAL,
                                      .n_local = n_centers > 0 ? more * N_LOCAL : 0,
                                      .n_centers = n_centers,
                                      .centers = centers,
                                      .step = step,
                                      .n_climbs = N_CLIMBS,
                                      .n_evaluations = N_EVALUATIONS,
                                      .tolerance = 1e-3};
        TRY(search_maximise(&search, &target, rng, ret_x + i * problem->dim, &value, err));
        nei_add(nei, ret_x + i * problem->dim);
    }
    return STATUS_OK;
}

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    struct rng rng;
    struct nei nei = {.problem = problem, .n_outcomes = problem->n_outcomes};
    double *baseline = mem_alloc(MAX_BASELINE * problem->dim, sizeof *baseline);
    size_t n_baseline = 0;
    if (baseline == NULL)
        return err_no_memory(err);
    enum status s = acquisition_baseline(problem, MAX_BASELINE, baseline, &n_baseline, err);
    if (s != STATUS_OK)
        goto done;
    rng_init(&rng, problem->seed, rng_hash_text("log-nei"), 0);
    nei.n_points = n_baseline + problem->n_pending + n;
    for (size_t k = 1; k < nei.n_outcomes; k++)
        nei.threshold[k] = acquisition_threshold(problem, k);
    s = nei_init(&nei, &rng, err);
    if (s != STATUS_OK)
        goto done;
    for (size_t i = 0; i < n_baseline; i++)
        nei_add(&nei, baseline + i * problem->dim);
    for (size_t i = 0; i < problem->n_pending; i++)
        nei_add(&nei, problem->pending + i * problem->dim);
    s = choose_batch(&nei, n_baseline < 6 ? n_baseline : 6, baseline, n, &rng, ret_x, err);
done:
    nei_done(&nei);
    mem_free(baseline);
    return s;
}

const struct acquisition ACQ_LOG_NEI = {"log-nei", choose};
