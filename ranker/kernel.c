#include "ranker/kernel.h"

#include <string.h>

static bool always(void)
{
    return true;
}

enum { LANES = 16 };

static void reference_layer(size_t n, size_t k, size_t m, const float *x, const float *w, const float *b, float *y)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t first = 0; first < m; first += LANES) {
            float sum[LANES];
            memcpy(sum, b + first, sizeof sum);
            for (size_t p = 0; p < k; p++) {
                for (size_t j = 0; j < LANES; j++)
                    sum[j] += x[i * k + p] * w[p * m + first + j];
            }
            for (size_t j = 0; j < LANES; j++)
                y[i * m + first + j] = sum[j] > 0.0f ? sum[j] : 0.0f;
        }
    }
}

static float reference_dot(size_t n, const float *x, const float *y)
{
    float lanes[LANES] = {0.0f}, sum = 0.0f;
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += x[i + j] * y[i + j];
    }
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

const struct kernel KERNEL_REFERENCE = {"reference", always, reference_layer, reference_dot};

static const struct kernel *const ALL[] = {&KERNEL_REFERENCE, NULL};

const struct kernel *const *kernel_all(void)
{
    return ALL;
}

const struct kernel *kernel_best(void)
{
    const struct kernel *best = ALL[0];
    for (const struct kernel *const *k = ALL; *k != NULL; k++) {
        if ((*k)->available())
            best = *k;
    }
    return best;
}
