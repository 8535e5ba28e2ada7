#include "tuner/core/climb.h"

#include <math.h>
#include <string.h>

#include <nlopt.h>

#include "base/core/mem.h"

static const double VERY_LOW = -1e12;

struct run {
    climb_fn value;
    void *context;
    double best;
    double *best_x, *gradient;
};

static double evaluate(unsigned dim, const double *x, double *gradient, void *context)
{
    struct run *run = context;
    double value = run->value(run->context, x, gradient != NULL ? gradient : run->gradient);
    if (!isfinite(value)) {
        value = VERY_LOW;
        for (unsigned k = 0; gradient != NULL && k < dim; k++)
            gradient[k] = 0.0;
    }
    if (value > run->best) {
        run->best = value;
        memcpy(run->best_x, x, dim * sizeof *x);
    }
    return value;
}

enum status climb(const struct climb_box *box, const struct climb_limits *limits, climb_fn value, void *context,
                  double *x, double *ret_value, struct err *err)
{
    const size_t dim = box->dim;
    enum status s = STATUS_OK;
    double *scratch = mem_alloc(2 * dim, sizeof *scratch);
    nlopt_opt opt = nlopt_create(NLOPT_LD_LBFGS, (unsigned)dim);
    if (scratch == NULL || opt == NULL) {
        s = err_no_memory(err);
        goto done;
    }
    struct run run = {value, context, -HUGE_VAL, scratch, scratch + dim};
    for (size_t k = 0; k < dim; k++)
        x[k] = fmin(fmax(x[k], box->lo[k]), box->hi[k]);
    memcpy(run.best_x, x, dim * sizeof *x);
    if (nlopt_set_lower_bounds(opt, box->lo) < 0 || nlopt_set_upper_bounds(opt, box->hi) < 0 ||
        nlopt_set_max_objective(opt, evaluate, &run) < 0 || nlopt_set_ftol_abs(opt, limits->tolerance) < 0 ||
        nlopt_set_maxeval(opt, (int)limits->evaluations) < 0) {
        s = err_no_memory(err);
        goto done;
    }
    double reached;
    if (nlopt_optimize(opt, x, &reached) == NLOPT_OUT_OF_MEMORY) {
        s = err_no_memory(err);
        goto done;
    }
    memcpy(x, run.best_x, dim * sizeof *x); /* also after NLOPT_FAILURE or roundoff: the best point seen counts */
    *ret_value = run.best;
done:
    nlopt_destroy(opt);
    mem_free(scratch);
    return s;
}
