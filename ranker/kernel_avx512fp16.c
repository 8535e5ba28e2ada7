/* The kernel for AVX512-FP16.  The whole file is compiled for it (CMakeLists.txt), so nothing here may run before
 * half_kernel_find() has found it. */
#include "ranker/kernel_half.h"

#ifdef __AVX512FP16__

#include <immintrin.h>

#include "ranker/half.h"

#define TILE __attribute__((always_inline)) static inline

enum { SINGLES = 16, ROWS = 12, CHAINS = 2 * ROWS };

/* to [HALF_PANEL] += sum */
TILE void add_block(__m512h sum, float *to)
{
    const __m256h low = _mm512_castph512_ph256(sum);
    const __m256h high = _mm256_castpd_ph(_mm512_extractf64x4_pd(_mm512_castph_pd(sum), 1));
    _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), _mm512_cvtxph_ps(low)));
    _mm512_storeu_ps(to + SINGLES, _mm512_add_ps(_mm512_loadu_ps(to + SINGLES), _mm512_cvtxph_ps(high)));
}

/* y, `rows` by `panels` (both constants where this is called), += the products of `n` inputs.  Of the sums, `panels`
 * registers of weights and one of input fit the 32 registers; 12 rows need 14 loads for 24 products a step. */
TILE void block(const size_t rows, const size_t panels, size_t n, size_t k, const uint32_t *x, const uint16_t *w,
                float *y, size_t m)
{
    __m512h sum[ROWS][2];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = _mm512_setzero_ph();
        sum[r][1] = _mm512_setzero_ph();
    }
    for (size_t p = 0; p < n; p++) {
        const __m512h left = _mm512_loadu_ph(w + p * HALF_PANEL);
        const __m512h right = panels == 2 ? _mm512_loadu_ph(w + (k + p) * HALF_PANEL) : left;
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            const __m512h v = _mm512_castsi512_ph(_mm512_set1_epi32((int)x[r * k + p]));
            sum[r][0] = _mm512_fmadd_ph(v, left, sum[r][0]);
            if (panels == 2)
                sum[r][1] = _mm512_fmadd_ph(v, right, sum[r][1]);
        }
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        add_block(sum[r][0], y + r * m);
        if (panels == 2)
            add_block(sum[r][1], y + r * m + HALF_PANEL);
    }
}

TILE void tile(const size_t rows, const size_t panels, size_t k, const uint32_t *x, const uint16_t *w, const float *b,
               float *y, size_t m)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < panels * HALF_PANEL; j += SINGLES)
            _mm512_storeu_ps(y + r * m + j, _mm512_loadu_ps(b + j));
    }
    size_t p = 0;
    for (; p + HALF_BLOCK <= k; p += HALF_BLOCK)
        block(rows, panels, HALF_BLOCK, k, x + p, w + p * HALF_PANEL, y, m);
    if (p < k)
        block(rows, panels, k - p, k, x + p, w + p * HALF_PANEL, y, m);
    const __m512 zero = _mm512_setzero_ps(), most = _mm512_set1_ps(HALF_MAX);
    for (size_t r = 0; r < rows; r++) { /* of a NaN and zero, max gives its second argument */
        for (size_t j = 0; j < panels * HALF_PANEL; j += SINGLES) {
            const __m512 sum = _mm512_loadu_ps(y + r * m + j);
            _mm512_storeu_ps(y + r * m + j, _mm512_min_ps(_mm512_max_ps(sum, zero), most));
        }
    }
}

TILE void all_rows(const size_t panels, size_t n, size_t k, const uint32_t *x, const uint16_t *w, const float *b,
                   float *y, size_t m)
{
    for (; n >= ROWS; n -= ROWS, x += ROWS * k, y += ROWS * m)
        tile(ROWS, panels, k, x, w, b, y, m);
    for (; n >= 4; n -= 4, x += 4 * k, y += 4 * m)
        tile(4, panels, k, x, w, b, y, m);
    for (; n > 0; n--, x += k, y += m)
        tile(1, panels, k, x, w, b, y, m);
}

static void layer(size_t n, size_t k, size_t m, const uint32_t *x, const uint16_t *panels, const float *b, float *y)
{
    size_t j = 0;
    for (; j + 2 * HALF_PANEL <= m; j += 2 * HALF_PANEL)
        all_rows(2, n, k, x, panels + j * k, b + j, y + j, m);
    if (j < m)
        all_rows(1, n, k, x, panels + j * k, b + j, y + j, m);
}

static void pairs(size_t n, const float *x, uint32_t *to)
{
    const __m512 least = _mm512_set1_ps(-HALF_MAX), most = _mm512_set1_ps(HALF_MAX);
    for (size_t i = 0; i < n; i += SINGLES) { /* min and max give their second argument when one is NaN */
        const __mmask16 mask = n - i < SINGLES ? (__mmask16)((1U << (n - i)) - 1U) : (__mmask16)0xffff;
        const __m512 value = _mm512_maskz_loadu_ps(mask, x + i);
        const __m256h halves = _mm512_cvtxps_ph(_mm512_max_ps(least, _mm512_min_ps(most, value)));
        const __m512i low = _mm512_cvtepu16_epi32(_mm256_castph_si256(halves));
        _mm512_mask_storeu_epi32(to + i, mask, _mm512_or_si512(low, _mm512_slli_epi32(low, 16)));
    }
}

static void join(size_t m, const uint16_t *a, const float *b, float *y)
{
    const __m512 zero = _mm512_setzero_ps();
    for (size_t j = 0; j < m; j += SINGLES) {
        const __m512 part = _mm512_cvtxph_ps(_mm256_loadu_ph(a + j));
        _mm512_storeu_ps(y + j, _mm512_max_ps(_mm512_add_ps(part, _mm512_loadu_ps(b + j)), zero));
    }
}

static float spin(size_t steps)
{
    __m512h sum[CHAINS];
    const __m512h half = _mm512_castsi512_ph(_mm512_set1_epi16(0x3800)); /* 0.5 */
#pragma GCC unroll 24
    for (size_t c = 0; c < CHAINS; c++)
        sum[c] = _mm512_castsi512_ph(_mm512_set1_epi16((short)(0x3c00 + c)));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t c = 0; c < CHAINS; c++)
            sum[c] = _mm512_fmadd_ph(sum[c], half, half);
    }
    float all[HALF_PANEL] = {0.0f}, total = 0.0f;
#pragma GCC unroll 24
    for (size_t c = 0; c < CHAINS; c++)
        add_block(sum[c], all);
    for (size_t j = 0; j < HALF_PANEL; j++)
        total += all[j];
    return total;
}

static const struct half_kernel KERNEL = {
    .name = "avx512fp16",
    .pairs = pairs,
    .layer = layer,
    .join = join,
    .spin = spin,
    .spin_flops = 2 * CHAINS * HALF_PANEL,
};
const struct half_kernel *const HALF_AVX512FP16 = &KERNEL;

#else

const struct half_kernel *const HALF_AVX512FP16 = NULL;

#endif
