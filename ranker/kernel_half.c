#include "ranker/kernel_half.h"

#include <stdbool.h>

#include "ranker/half.h"
#include "ranker/kernel.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

_Static_assert((int)KERNEL_ALIGN % (int)HALF_PANEL == 0, "sizes that are padded for kernel.h are whole panels");

/* With the sets that the compiler's flag stands for, which tell of the operating system too. */
static bool machine_has_it(void)
{
#ifdef __x86_64__
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & bit_AVX512FP16) != 0;
#else
    return false;
#endif
}

static void reference_pairs(size_t n, const float *x, uint32_t *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = half_from_float(x[i]) * UINT32_C(0x10001);
}

/* An output; NaN is not above zero. */
static float saturated_relu(float sum)
{
    const float positive = sum > 0.0f ? sum : 0.0f;
    return positive < HALF_MAX ? positive : HALF_MAX;
}

/* The products of `n` inputs with one output's weights, HALF_PANEL apart.  A product of halves is exact in a double,
 * and so is its sum with a half wherever the digits beyond could move the nearest half. */
static float block_sum(size_t n, const uint32_t *x, const uint16_t *w)
{
    float sum = 0.0f;
    for (size_t p = 0; p < n; p++) {
        const double v = (double)half_to_float((uint16_t)x[p]), u = (double)half_to_float(w[p * HALF_PANEL]);
        sum = half_round(v * u + (double)sum);
    }
    return sum;
}

static void reference_layer(size_t n, size_t k, size_t m, const uint32_t *x, const uint16_t *panels, const float *b,
                            float *y)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            const uint16_t *w = panels + j / HALF_PANEL * HALF_PANEL * k + j % HALF_PANEL;
            float sum = b[j];
            for (size_t p = 0; p < k; p += HALF_BLOCK)
                sum += block_sum(k - p < HALF_BLOCK ? k - p : HALF_BLOCK, x + i * k + p, w + p * HALF_PANEL);
            y[i * m + j] = saturated_relu(sum);
        }
    }
}

static void reference_join(size_t m, const uint16_t *a, const float *b, float *y)
{
    for (size_t j = 0; j < m; j++) {
        const float sum = half_to_float(a[j]) + b[j];
        y[j] = sum > 0.0f ? sum : 0.0f;
    }
}

const struct half_kernel HALF_REFERENCE = {
    .name = "reference",
    .pairs = reference_pairs,
    .layer = reference_layer,
    .join = reference_join,
};

enum status half_kernel_find(const struct half_kernel **ret, struct err *err)
{
    if (HALF_AVX512FP16 == NULL)
        return err_set(err, STATUS_INVALID,
                       "half precision needs a build for x86-64 by a compiler with -mavx512fp16 (gcc 12, clang 14)");
    if (!machine_has_it())
        return err_set(err, STATUS_INVALID,
                       "half precision needs a processor and a system with AVX512-FP16 (Xeon from the fourth "
                       "generation on)");
    *ret = HALF_AVX512FP16;
    return STATUS_OK;
}

void half_pack(size_t k, size_t m, const float *w, uint16_t *panels)
{
    for (size_t first = 0; first < m; first += HALF_PANEL) {
        for (size_t p = 0; p < k; p++)
            half_from_floats(HALF_PANEL, w + p * m + first, panels + first * k + p * HALF_PANEL);
    }
}
