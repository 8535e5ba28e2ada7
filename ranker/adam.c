#include "ranker/adam.h"

#include <math.h>

static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;

void adam_update(const struct adam *adam, size_t n, const float *gradient, float *theta, float *m, float *v)
{
    const double t = (double)adam->step;
    const float b1 = (float)BETA1, b2 = (float)BETA2, eps = (float)EPSILON;
    const float rate = (float)(adam->rate / (1.0 - pow(BETA1, t)));
    const float scale = (float)(1.0 / sqrt(1.0 - pow(BETA2, t)));
    const float keep = (float)(1.0 - adam->rate * adam->decay);
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        m[i] = b1 * m[i] + (1.0f - b1) * g;
        v[i] = b2 * v[i] + (1.0f - b2) * g * g;
        theta[i] = keep * theta[i] - rate * m[i] / (sqrtf(v[i]) * scale + eps);
    }
}
