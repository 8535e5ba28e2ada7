#include "tuner/core/stopping.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

#include "base/core/mem.h"
#include "tuner/core/design.h"
#include "tuner/core/linalg.h"
#include "tuner/core/sobol.h"

enum { MAX_OBSERVED = 48, N_SOBOL = 128, N_LOCAL = 32, N_DRAWS = 512 };
enum { MAX_CANDIDATES = 1 + MAX_OBSERVED + N_SOBOL + N_LOCAL };

static enum status make_candidates(const struct acquisition_problem *problem, const double *recommended,
                                   struct rng *rng, double *ret_x, size_t *ret_m, struct err *err)
{
    const size_t dim = problem->dim;
    size_t m = 1, observed = 0;
    double step[GP_MAX_DIM];
    memcpy(ret_x, recommended, dim * sizeof *ret_x);
    TRY(acquisition_baseline(problem, MAX_OBSERVED, ret_x + dim, &observed, err));
    m += observed;
    design_sobol(N_SOBOL, dim, 0, NULL, rng, ret_x + m * dim);
    m += N_SOBOL;
    acquisition_step(problem, step);
    for (size_t i = 0; i < N_LOCAL; i++, m++) {
        for (size_t k = 0; k < dim; k++) {
            const double move = 0.2 * fmin(step[k], 0.5) * rng_normal(rng);
            ret_x[m * dim + k] = fmin(fmax(recommended[k] + move, 0.0), 1.0);
        }
    }
    for (size_t i = 1 + observed; i < m; i++)
        design_snap(dim, problem->levels, ret_x + i * dim);
    *ret_m = m;
    return STATUS_OK;
}

/* mean + L z of an outcome: ret [m * N_DRAWS]; cov, scratch [m * m]. */
static enum status sample(const struct surrogate *surrogate, size_t m, const double *x, struct rng *rng, double *mean,
                          double *cov, double *scratch, double *ret, struct err *err)
{
    TRY(surrogate_predict(surrogate, m, x, mean, NULL, cov, err));
    if (psd_factor(m, cov, scratch) != STATUS_OK)
        return err_set(err, STATUS_NOT_PD, "the posterior covariance of %zu candidates is not positive definite", m);
    for (size_t i = 0; i < m * N_DRAWS; i++)
        ret[i] = rng_normal(rng);
    cblas_dtrmm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)m, N_DRAWS, 1.0, cov, (int)m,
                ret, N_DRAWS);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < N_DRAWS; j++)
            ret[i * N_DRAWS + j] += mean[i];
    }
    return STATUS_OK;
}

/* Objective draws with -infinity where a constraint is broken; the recommended point stays. */
static enum status sample_feasible(const struct acquisition_problem *problem, size_t m, const double *x,
                                   struct rng *rng, double *value, struct err *err)
{
    double *mean = mem_alloc(m + 2 * m * m + m * N_DRAWS, sizeof *mean);
    if (mean == NULL)
        return err_no_memory(err);
    double *cov = mean + m, *scratch = cov + m * m, *other = scratch + m * m;
    enum status s = sample(problem->outcome[0], m, x, rng, mean, cov, scratch, value, err);
    for (size_t k = 1; k < problem->n_outcomes && s == STATUS_OK; k++) {
        s = sample(problem->outcome[k], m, x, rng, mean, cov, scratch, other, err);
        for (size_t i = N_DRAWS; i < m * N_DRAWS && s == STATUS_OK; i++) {
            if (other[i] > problem->thresholds[k - 1])
                value[i] = -HUGE_VAL;
        }
    }
    mem_free(mean);
    return s;
}

enum status stopping_gain(const struct acquisition_problem *problem, const double *recommended, double delta,
                          double *ret_probability, double *ret_expected, struct err *err)
{
    const size_t dim = problem->dim;
    struct rng rng;
    double *x = mem_alloc(MAX_CANDIDATES * (dim + N_DRAWS), sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    double *value = x + MAX_CANDIDATES * dim, above = 0.0, sum = 0.0;
    size_t m = 0;
    rng_init(&rng, problem->seed, rng_hash_text("stopping"), 0);
    enum status s = make_candidates(problem, recommended, &rng, x, &m, err);
    if (s == STATUS_OK)
        s = sample_feasible(problem, m, x, &rng, value, err);
    for (size_t j = 0; j < N_DRAWS && s == STATUS_OK; j++) {
        double best = value[j];
        for (size_t i = 1; i < m; i++)
            best = fmax(best, value[i * N_DRAWS + j]);
        above += best - value[j] > delta;
        sum += best - value[j];
    }
    if (s == STATUS_OK) {
        *ret_probability = above / N_DRAWS;
        *ret_expected = sum / N_DRAWS;
    }
    mem_free(x);
    return s;
}
