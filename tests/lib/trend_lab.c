#include "tests/lib/trend_lab.h"

#include <math.h>

#include "base/core/rng.h"
#include "tests/lib/check.h"
#include "tuner/core/design.h"

const double TREND_LAB_CONTROL[TREND_LAB_DIM] = {0.3, 0.5, 0.0};

void trend_lab_shown(const double *x, double *ret)
{
    ret[0] = 0.4 * x[0] - 0.3 * x[1] * x[1] + 0.2 * sin(2.0 * x[2]);
    ret[1] = -0.5 * exp(-x[0] - x[2]) + 0.3 * x[1];
}

struct trend *trend_lab_new(void)
{
    struct err err = ERR_INIT;
    struct trend *trend = NULL;
    struct rng rng;
    double x[TREND_LAB_PREVIEWS * TREND_LAB_DIM], value[TREND_LAB_PREVIEWS * TREND_LAB_WIDTH];
    rng_init(&rng, 5, 0, 0);
    design_sobol(TREND_LAB_PREVIEWS, TREND_LAB_DIM, 0, NULL, &rng, x);
    for (size_t i = 0; i < TREND_LAB_PREVIEWS; i++)
        trend_lab_shown(x + i * TREND_LAB_DIM, value + i * TREND_LAB_WIDTH);
    assert_ok(trend_new(TREND_LAB_DIM, TREND_LAB_WIDTH, TREND_LAB_PREVIEWS, x, value, TREND_LAB_CONTROL, &trend, &err),
              &err);
    return trend;
}
