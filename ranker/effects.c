#include "ranker/effects.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/network.h"

void effects_done(struct effects *effects)
{
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        mem_free(effects->mean[side]);
        mem_free(effects->variance[side]);
    }
    *effects = (struct effects){0};
}

enum status effects_new(size_t n_heads, const size_t n[EFFECTS_SIDES], struct effects *ret, struct err *err)
{
    struct effects effects = {.n_heads = n_heads};
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        effects.n[side] = n[side];
        effects.mean[side] = mem_alloc(n[side] * n_heads, sizeof(float));
        effects.variance[side] = mem_alloc(n[side] * n_heads, sizeof(float));
        if (effects.mean[side] == NULL || effects.variance[side] == NULL) {
            effects_done(&effects);
            return err_no_memory(err);
        }
    }
    *ret = effects;
    return STATUS_OK;
}

enum status effects_copy(const struct effects *from, struct effects *ret, struct err *err)
{
    struct effects effects = {.n_heads = from->n_heads};
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        const size_t n = from->n[side] * from->n_heads;
        effects.n[side] = from->n[side];
        effects.mean[side] = mem_alloc(n, sizeof(float));
        if (effects.mean[side] == NULL) {
            effects_done(&effects);
            return err_no_memory(err);
        }
        memcpy(effects.mean[side], from->mean[side], n * sizeof(float));
    }
    *ret = effects;
    return STATUS_OK;
}

void effects_start(struct effects *e, const double variance[EFFECTS_SIDES], const double *rates)
{
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        memset(e->mean[side], 0, e->n[side] * e->n_heads * sizeof(float));
        for (size_t h = 0; h < e->n_heads; h++) {
            const double prior = variance[side] * sqrt(0.25 / (rates[h] * (1.0 - rates[h])));
            for (size_t code = 0; code < e->n[side]; code++)
                e->variance[side][code * e->n_heads + h] = code == 0 ? 0.0f : (float)prior;
        }
    }
}

void effects_add(const struct effects *e, const uint32_t codes[EFFECTS_SIDES], float *z)
{
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        if (codes[side] == 0)
            continue;
        const float *mean = e->mean[side] + codes[side] * e->n_heads;
        for (size_t h = 0; h < e->n_heads; h++)
            z[h] += mean[h];
    }
}

void effects_learn(struct effects *e, size_t head, const uint32_t codes[EFFECTS_SIDES], double z, int y, double weight)
{
    const double p = network_sigmoid(z), w = weight * p * (1.0 - p);
    double sum = 0.0;
    for (size_t side = 0; side < EFFECTS_SIDES; side++)
        sum += codes[side] == 0 ? 0.0 : (double)e->variance[side][codes[side] * e->n_heads + head];
    for (size_t side = 0; side < EFFECTS_SIDES; side++) {
        if (codes[side] == 0)
            continue;
        const size_t at = codes[side] * e->n_heads + head;
        const double variance = (double)e->variance[side][at], gain = variance / (1.0 + w * sum);
        e->mean[side][at] += (float)(gain * weight * ((double)y - p));
        e->variance[side][at] = (float)(variance - gain * variance * w);
    }
}
