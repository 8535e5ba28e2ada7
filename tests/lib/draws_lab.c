#include "tests/lib/draws_lab.h"

#include <string.h>

#include "tests/lib/check.h"

static const double BY_MEAN[2] = {0.61, -1.27}, BY_VAR = 0.83;

static double value_at(struct draws *draws, const double *x)
{
    double mean[2], var;
    draws_at(draws, x, mean, &var);
    return BY_MEAN[0] * mean[0] + BY_MEAN[1] * mean[1] + BY_VAR * var;
}

void draws_lab_check_gradient(struct draws *draws, size_t dim, const double *x)
{
    const double h = 1e-6;
    double at[GP_MAX_DIM], gradient[GP_MAX_DIM] = {0};
    memcpy(at, x, dim * sizeof *x);
    (void)value_at(draws, at); /* the gradient is that of the last point */
    draws_gradient(draws, BY_MEAN, BY_VAR, gradient);
    for (size_t k = 0; k < dim; k++) {
        at[k] = x[k] + h;
        const double up = value_at(draws, at);
        at[k] = x[k] - h;
        const double down = value_at(draws, at);
        at[k] = x[k];
        assert_close(gradient[k], (up - down) / (2.0 * h), 1e-7);
    }
}
