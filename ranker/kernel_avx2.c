/* The kernel for AVX2 and FMA: each function is compiled for them, whatever the rest of the program is built for. */
#include "ranker/kernel.h"

#ifdef __x86_64__

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define TILE TARGET __attribute__((always_inline)) static inline

enum { LANES = 8, ROWS = 6, CHAINS = 2 * ROWS };

/* One tile: `rows` (a constant where this is called, like a.transposed) rows by one panel, from the bias through relu
 * or, without one, on top of what y holds.  The 2 * rows sums, two registers of weights and one of input fit the 16
 * registers; 6 rows need 8 loads for 12 products a step, so the products are what limits. */
TILE void tile(const size_t rows, size_t k, struct operand a, const float *w, const float *b, float *y, size_t m)
{
    __m256 sum[ROWS][2];
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = _mm256_loadu_ps(b != NULL ? b : y + r * m);
        sum[r][1] = _mm256_loadu_ps(b != NULL ? b + LANES : y + r * m + LANES);
    }
    for (size_t p = 0; p < k; p++) {
        const __m256 low = _mm256_loadu_ps(w + p * KERNEL_PANEL), high = _mm256_loadu_ps(w + p * KERNEL_PANEL + LANES);
#pragma GCC unroll 6
        for (size_t r = 0; r < rows; r++) {
            const __m256 v = _mm256_broadcast_ss(a.at + (a.transposed ? p * a.stride + r : r * a.stride + p));
            sum[r][0] = _mm256_fmadd_ps(v, low, sum[r][0]);
            sum[r][1] = _mm256_fmadd_ps(v, high, sum[r][1]);
        }
    }
    const __m256 zero = _mm256_setzero_ps();
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) { /* of a NaN and zero, max gives its second argument */
        _mm256_storeu_ps(y + r * m, b != NULL ? _mm256_max_ps(sum[r][0], zero) : sum[r][0]);
        _mm256_storeu_ps(y + r * m + LANES, b != NULL ? _mm256_max_ps(sum[r][1], zero) : sum[r][1]);
    }
}

TILE void one_panel(size_t n, size_t k, struct operand a, const float *w, const float *b, float *y, size_t m)
{
    const size_t step = a.transposed ? 1 : a.stride;
    for (; n >= ROWS; n -= ROWS, a.at += ROWS * step, y += ROWS * m)
        tile(ROWS, k, a, w, b, y, m);
    for (; n >= 4; n -= 4, a.at += 4 * step, y += 4 * m)
        tile(4, k, a, w, b, y, m);
    for (; n >= 2; n -= 2, a.at += 2 * step, y += 2 * m)
        tile(2, k, a, w, b, y, m);
    if (n > 0)
        tile(1, k, a, w, b, y, m);
}

TARGET static void layer(size_t n, size_t k, size_t m, const float *x, const float *panels, const float *b, float *y)
{
    for (size_t j = 0; j < m; j += KERNEL_PANEL)
        one_panel(n, k, (struct operand){x, k, false}, panels + j * k, b + j, y + j, m);
}

TARGET static void block(size_t n, size_t k, struct operand a, const float *panels, float *c, size_t stride)
{
    for (size_t j = 0; j < KERNEL_ALIGN; j += KERNEL_PANEL) {
        if (a.transposed)
            one_panel(n, k, (struct operand){a.at, a.stride, true}, panels + j * k, NULL, c + j, stride);
        else
            one_panel(n, k, (struct operand){a.at, a.stride, false}, panels + j * k, NULL, c + j, stride);
    }
}

TARGET static float dot(size_t n, const float *x, const float *y)
{
    __m256 a = _mm256_setzero_ps(), b = a;
    for (size_t i = 0; i < n; i += 2 * LANES) {
        a = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), a);
        b = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + LANES), _mm256_loadu_ps(y + i + LANES), b);
    }
    a = _mm256_add_ps(a, b);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

TARGET static void add(size_t m, float v, const float *w, float *to)
{
    const __m256 scale = _mm256_set1_ps(v);
    for (size_t j = 0; j < m; j += LANES)
        _mm256_storeu_ps(to + j, _mm256_fmadd_ps(scale, _mm256_loadu_ps(w + j), _mm256_loadu_ps(to + j)));
}

TARGET static void join(size_t m, const float *a, const float *b, float *y)
{
    const __m256 zero = _mm256_setzero_ps();
    for (size_t j = 0; j < m; j += LANES) {
        const __m256 sum = _mm256_add_ps(_mm256_loadu_ps(a + j), _mm256_loadu_ps(b + j));
        _mm256_storeu_ps(y + j, _mm256_max_ps(sum, zero));
    }
}

TARGET static float spin(size_t steps)
{
    __m256 sum[CHAINS];
    float all[CHAINS * LANES];
    const __m256 half = _mm256_set1_ps(0.5f);
#pragma GCC unroll 12
    for (size_t c = 0; c < CHAINS; c++)
        sum[c] = _mm256_set1_ps((float)c);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t c = 0; c < CHAINS; c++)
            sum[c] = _mm256_fmadd_ps(sum[c], half, half);
    }
#pragma GCC unroll 12
    for (size_t c = 0; c < CHAINS; c++)
        _mm256_storeu_ps(all + c * LANES, sum[c]);
    return dot(CHAINS * LANES, all, all);
}

static bool available(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct kernel KERNEL_AVX2 = {
    .name = "avx2",
    .available = available,
    .layer = layer,
    .block = block,
    .dot = dot,
    .add = add,
    .join = join,
    .spin = spin,
    .spin_flops = 2 * CHAINS * LANES,
};

#endif
