#include "tuner/core/design.h"

#include <math.h>

#include "tuner/core/sobol.h"

static double bend(double u, double control)
{
    const double c = fmin(fmax(control, 0.25), 0.75);
    return u < 0.5 ? 2.0 * u * c : c + (2.0 * u - 1.0) * (1.0 - c);
}

void design_sobol(size_t n, size_t dim, size_t skip, const double *control, struct rng *rng, double *ret)
{
    struct sobol sobol;
    double u[SOBOL_MAX_DIM];
    sobol_init(&sobol, dim, rng);
    for (size_t i = 0; i < skip; i++)
        sobol_next(&sobol, u);
    for (size_t i = 0; i < n; i++) {
        sobol_next(&sobol, u);
        for (size_t k = 0; k < dim; k++)
            ret[i * dim + k] = bend(u[k], control != NULL ? control[k] : 0.5);
    }
}

void design_snap(size_t dim, const uint32_t *levels, double *x)
{
    for (size_t k = 0; levels != NULL && k < dim; k++) {
        if (levels[k] == 1)
            x[k] = 0.5;
        else if (levels[k] > 1)
            x[k] = round(x[k] * (double)(levels[k] - 1)) / (double)(levels[k] - 1);
    }
}
