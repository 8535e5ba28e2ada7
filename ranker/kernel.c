#include "ranker/kernel.h"

#include <string.h>

static bool always(void)
{
    return true;
}

static void reference_layer(size_t n, size_t k, size_t m, const float *x, const float *panels, const float *b, float *y)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t first = 0; first < m; first += KERNEL_PANEL) {
            const float *w = panels + first * k;
            float sum[KERNEL_PANEL];
            memcpy(sum, b + first, sizeof sum);
            for (size_t p = 0; p < k; p++) {
                for (size_t j = 0; j < KERNEL_PANEL; j++)
                    sum[j] += x[i * k + p] * w[p * KERNEL_PANEL + j];
            }
            for (size_t j = 0; j < KERNEL_PANEL; j++)
                y[i * m + first + j] = sum[j] > 0.0f ? sum[j] : 0.0f;
        }
    }
}

static void reference_block(size_t n, size_t k, struct operand a, const float *panels, float *c, size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t first = 0; first < KERNEL_ALIGN; first += KERNEL_PANEL) {
            const float *w = panels + first * k;
            float *sum = c + i * stride + first;
            for (size_t p = 0; p < k; p++) {
                const float v = a.at[a.transposed ? p * a.stride + i : i * a.stride + p];
                for (size_t j = 0; j < KERNEL_PANEL; j++)
                    sum[j] += v * w[p * KERNEL_PANEL + j];
            }
        }
    }
}

static float reference_dot(size_t n, const float *x, const float *y)
{
    enum { LANES = 16 };
    float lanes[LANES] = {0.0f}, sum = 0.0f;
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += x[i + j] * y[i + j];
    }
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

static void reference_add(size_t m, float v, const float *w, float *to)
{
    for (size_t j = 0; j < m; j++)
        to[j] += v * w[j];
}

static void reference_join(size_t m, const float *a, const float *b, float *y)
{
    for (size_t j = 0; j < m; j++) {
        const float sum = a[j] + b[j];
        y[j] = sum > 0.0f ? sum : 0.0f;
    }
}

const struct kernel KERNEL_REFERENCE = {
    .name = "reference",
    .available = always,
    .layer = reference_layer,
    .block = reference_block,
    .dot = reference_dot,
    .add = reference_add,
    .join = reference_join,
};

static const struct kernel *const ALL[] = {
    &KERNEL_REFERENCE,
#ifdef __x86_64__
    &KERNEL_AVX2,
    &KERNEL_AVX512,
#endif
    NULL,
};

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

const struct kernel *kernel_find(const char *name)
{
    const struct kernel *const *k = ALL;
    while (*k != NULL && strcmp((*k)->name, name) != 0)
        k++;
    return *k;
}

void kernel_pack(size_t k, size_t m, const float *w, float *panels)
{
    for (size_t first = 0; first < m; first += KERNEL_PANEL) {
        for (size_t p = 0; p < k; p++)
            memcpy(panels + first * k + p * KERNEL_PANEL, w + p * m + first, KERNEL_PANEL * sizeof *w);
    }
}
