#include "tuner/core/acquisition.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/normal.h"

static const struct acquisition *const KNOWN[] = {&ACQ_LOG_NEI, &ACQ_KG, &ACQ_MIXED, &ACQ_THOMPSON, &ACQ_UCB, NULL};

enum status acquisition_find(const char *name, const struct acquisition **ret, struct err *err)
{
    for (size_t i = 0; KNOWN[i] != NULL; i++) {
        if (strcmp(name, KNOWN[i]->name) == 0) {
            *ret = KNOWN[i];
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_INVALID, "acquisition \"%s\": known are log-nei, kg, mixed, thompson and ucb", name);
}

double acquisition_threshold(const struct acquisition_problem *problem, size_t outcome)
{
    const struct surrogate *s = problem->outcome[outcome];
    return (problem->thresholds[outcome - 1] - s->center) / s->scale;
}

void acquisition_step(const struct acquisition_problem *problem, double *ret)
{
    const struct surrogate *s = problem->outcome[0];
    for (size_t k = 0; k < problem->dim; k++) {
        double sum = 0.0;
        for (size_t i = 0; i < s->n_models; i++)
            sum += s->weight[i] * s->model[i]->hyper.theta[k];
        ret[k] = exp(sum);
    }
}

static bool in_cube(size_t dim, const double *x)
{
    for (size_t k = 0; k < dim; k++) {
        if (!(x[k] >= 0.0 && x[k] <= 1.0))
            return false;
    }
    return true;
}

/* mean + sd of the objective in its standard deviations, plus ln P(feasible), for every observed point. */
static enum status rank_observed(const struct acquisition_problem *problem, double *mean, double *var,
                                 double *ret_score, struct err *err)
{
    const struct observations *o = problem->observed;
    for (size_t k = 0; k < problem->n_outcomes; k++) {
        const struct surrogate *s = problem->outcome[k];
        TRY(surrogate_predict(s, o->n, o->x, mean, var, NULL, err));
        for (size_t i = 0; i < o->n; i++) {
            const double sd = sqrt(fmax(var[i], 1e-18 * s->scale * s->scale));
            if (k == 0)
                ret_score[i] = (mean[i] + sd) / s->scale;
            else
                ret_score[i] += log_ndtr((problem->thresholds[k - 1] - mean[i]) / sd, NULL);
        }
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->failed[i] || !in_cube(o->dim, o->x + i * o->dim))
            ret_score[i] = -HUGE_VAL;
    }
    return STATUS_OK;
}

static bool repeats(size_t dim, const double *x, size_t n, const double *others)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(x, others + i * dim, dim * sizeof *x) == 0)
            return true;
    }
    return false;
}

enum status acquisition_baseline(const struct acquisition_problem *problem, size_t max, double *ret_x, size_t *ret_n,
                                 struct err *err)
{
    const struct observations *o = problem->observed;
    double *block = mem_alloc(3 * o->n, sizeof *block), *score = block;
    if (block == NULL)
        return err_no_memory(err);
    enum status s = rank_observed(problem, block + o->n, block + 2 * o->n, score, err);
    size_t n = 0;
    while (s == STATUS_OK && n < max) {
        size_t best = 0;
        for (size_t i = 1; i < o->n; i++)
            best = score[i] > score[best] ? i : best;
        if (!(score[best] > -HUGE_VAL))
            break;
        score[best] = -HUGE_VAL;
        if (!repeats(o->dim, o->x + best * o->dim, n, ret_x))
            memcpy(ret_x + n++ * o->dim, o->x + best * o->dim, o->dim * sizeof *ret_x);
    }
    if (s == STATUS_OK)
        *ret_n = n;
    mem_free(block);
    return s;
}
