/* The kernel for AVX-512F: each function is compiled for it, whatever the rest of the program is built for. */
#include "ranker/kernel.h"

#ifdef __x86_64__

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))
#define TILE TARGET __attribute__((always_inline)) static inline

enum { LANES = 16, ROWS = 12, CHAINS = 2 * ROWS };

/* One tile: `rows` (a constant where this is called, like a.transposed) rows by two neighbouring panels, from the bias
 * through relu or, without one, on top of what y holds.  The 2 * rows sums, two registers of weights and one of input
 * fit the 32 registers; 12 rows need 14 loads for 24 products a step. */
TILE void tile(const size_t rows, size_t k, struct operand a, const float *w, const float *b, float *y, size_t m)
{
    const float *left = w, *right = w + k * KERNEL_PANEL;
    __m512 sum[ROWS][2];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = _mm512_loadu_ps(b != NULL ? b : y + r * m);
        sum[r][1] = _mm512_loadu_ps(b != NULL ? b + KERNEL_PANEL : y + r * m + KERNEL_PANEL);
    }
    for (size_t p = 0; p < k; p++) {
        const __m512 wl = _mm512_loadu_ps(left + p * KERNEL_PANEL), wr = _mm512_loadu_ps(right + p * KERNEL_PANEL);
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            const __m512 v = _mm512_set1_ps(a.at[a.transposed ? p * a.stride + r : r * a.stride + p]);
            sum[r][0] = _mm512_fmadd_ps(v, wl, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ps(v, wr, sum[r][1]);
        }
    }
    const __m512 zero = _mm512_setzero_ps();
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) { /* of a NaN and zero, max gives its second argument */
        _mm512_storeu_ps(y + r * m, b != NULL ? _mm512_max_ps(sum[r][0], zero) : sum[r][0]);
        _mm512_storeu_ps(y + r * m + KERNEL_PANEL, b != NULL ? _mm512_max_ps(sum[r][1], zero) : sum[r][1]);
    }
}

TILE void two_panels(size_t n, size_t k, struct operand a, const float *w, const float *b, float *y, size_t m)
{
    const size_t step = a.transposed ? 1 : a.stride;
    for (; n >= ROWS; n -= ROWS, a.at += ROWS * step, y += ROWS * m)
        tile(ROWS, k, a, w, b, y, m);
    for (; n >= 8; n -= 8, a.at += 8 * step, y += 8 * m)
        tile(8, k, a, w, b, y, m);
    for (; n >= 4; n -= 4, a.at += 4 * step, y += 4 * m)
        tile(4, k, a, w, b, y, m);
    for (; n >= 2; n -= 2, a.at += 2 * step, y += 2 * m)
        tile(2, k, a, w, b, y, m);
    if (n > 0)
        tile(1, k, a, w, b, y, m);
}

TARGET static void layer(size_t n, size_t k, size_t m, const float *x, const float *panels, const float *b, float *y)
{
    for (size_t j = 0; j < m; j += KERNEL_ALIGN)
        two_panels(n, k, (struct operand){x, k, false}, panels + j * k, b + j, y + j, m);
}

TARGET static void block(size_t n, size_t k, struct operand a, const float *panels, float *c, size_t stride)
{
    if (a.transposed)
        two_panels(n, k, (struct operand){a.at, a.stride, true}, panels, NULL, c, stride);
    else
        two_panels(n, k, (struct operand){a.at, a.stride, false}, panels, NULL, c, stride);
}

TARGET static float dot(size_t n, const float *x, const float *y)
{
    __m512 a = _mm512_setzero_ps(), b = a;
    for (size_t i = 0; i < n; i += 2 * LANES) {
        a = _mm512_fmadd_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i), a);
        b = _mm512_fmadd_ps(_mm512_loadu_ps(x + i + LANES), _mm512_loadu_ps(y + i + LANES), b);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(a, b));
}

TARGET static void add(size_t m, float v, const float *w, float *to)
{
    const __m512 scale = _mm512_set1_ps(v);
    for (size_t j = 0; j < m; j += LANES)
        _mm512_storeu_ps(to + j, _mm512_fmadd_ps(scale, _mm512_loadu_ps(w + j), _mm512_loadu_ps(to + j)));
}

TARGET static void join(size_t m, const float *a, const float *b, float *y)
{
    const __m512 zero = _mm512_setzero_ps();
    for (size_t j = 0; j < m; j += LANES) {
        const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(a + j), _mm512_loadu_ps(b + j));
        _mm512_storeu_ps(y + j, _mm512_max_ps(sum, zero));
    }
}

TARGET static float spin(size_t steps)
{
    __m512 sum[CHAINS];
    float all[CHAINS * LANES];
    const __m512 half = _mm512_set1_ps(0.5f);
#pragma GCC unroll 24
    for (size_t c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_ps((float)c);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t c = 0; c < CHAINS; c++)
            sum[c] = _mm512_fmadd_ps(sum[c], half, half);
    }
#pragma GCC unroll 24
    for (size_t c = 0; c < CHAINS; c++)
        _mm512_storeu_ps(all + c * LANES, sum[c]);
    return dot(CHAINS * LANES, all, all);
}

static bool available(void)
{
    return __builtin_cpu_supports("avx512f");
}

const struct kernel KERNEL_AVX512 = {
    .name = "avx512",
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
