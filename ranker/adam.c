#include "ranker/adam.h"

#include <math.h>

#include "ranker/clones.h"

/* Moments below it count as 0, far from where a step would show it: those of weights without a gradient would else end
 * as denormals, of which an operation takes a hundred times as long. */
static const float TINY = 1e-30f;
static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;

struct step {
    float rate, scale, keep; /* rate / (1 - b1^t), 1 / sqrt(1 - b2^t), 1 - rate decay */
};

CLONED static void update(struct step step, size_t n, const float *restrict gradient, float *restrict theta,
                          float *restrict m, float *restrict v)
{
    const float b1 = (float)BETA1, b2 = (float)BETA2, eps = (float)EPSILON;
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        const float first = b1 * m[i] + (1.0f - b1) * g, second = b2 * v[i] + (1.0f - b2) * g * g;
        m[i] = fabsf(first) < TINY ? 0.0f : first;
        v[i] = second < TINY ? 0.0f : second;
        theta[i] = step.keep * theta[i] - step.rate * m[i] / (sqrtf(v[i]) * step.scale + eps);
    }
}

void adam_update(const struct adam *adam, size_t n, const float *gradient, float *theta, float *m, float *v)
{
    const double t = (double)adam->step;
    const struct step step = {.rate = (float)(adam->rate / (1.0 - pow(BETA1, t))),
                              .scale = (float)(1.0 / sqrt(1.0 - pow(BETA2, t))),
                              .keep = (float)(1.0 - adam->rate * adam->decay)};
    update(step, n, gradient, theta, m, v);
}
