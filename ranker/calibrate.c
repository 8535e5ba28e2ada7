#include "ranker/calibrate.h"

#include <math.h>

#include "ranker/network.h"

static const double SLOPE_SD = 0.25, INTERCEPT_SD = 0.5;

/* The largest float below 1 is 1 - 2^-24: beyond this logit a probability would round to 1. */
static const double MAX_LOGIT = 16.0, MIN_LOGIT = -80.0;

float platt_probability(const struct platt *platt, double z)
{
    double logit = platt->slope * z + platt->intercept;
    logit = logit > MAX_LOGIT ? MAX_LOGIT : logit < MIN_LOGIT ? MIN_LOGIT : logit;
    return (float)network_sigmoid(logit);
}

/* Gradient (g) and negative Hessian (h: aa, ab, bb) of the log posterior. */
struct derivatives {
    double ga, gb, haa, hab, hbb;
};

static struct derivatives derive(const struct platt *p, const float *z, size_t stride, const uint32_t *labels,
                                 size_t head, size_t n)
{
    const double wa = 1.0 / (SLOPE_SD * SLOPE_SD), wb = 1.0 / (INTERCEPT_SD * INTERCEPT_SD);
    struct derivatives d = {-wa * (p->slope - 1.0), -wb * p->intercept, wa, 0.0, wb};
    for (size_t i = 0; i < n; i++) {
        const double x = (double)z[i * stride], q = network_sigmoid(p->slope * x + p->intercept);
        const double e = (double)(labels[i] >> head & 1u) - q, w = q * (1.0 - q);
        d.ga += e * x;
        d.gb += e;
        d.haa += w * x * x;
        d.hab += w * x;
        d.hbb += w;
    }
    return d;
}

struct platt platt_fit(const float *z, size_t stride, const uint32_t *labels, size_t head, size_t n)
{
    struct platt p = {1.0, 0.0};
    for (int iteration = 0; iteration < 50; iteration++) {
        const struct derivatives d = derive(&p, z, stride, labels, head, n);
        const double det = d.haa * d.hbb - d.hab * d.hab;
        double da = (d.hbb * d.ga - d.hab * d.gb) / det, db = (d.haa * d.gb - d.hab * d.ga) / det;
        const double size = fmax(fabs(da), fabs(db));
        if (size > 0.5) { /* far from the optimum the quadratic overshoots */
            da *= 0.5 / size;
            db *= 0.5 / size;
        }
        p.slope += da;
        p.intercept += db;
        if (size < 1e-10)
            break;
    }
    return p;
}
