#include "tuner/core/sobol.h"

#include <assert.h>

#include "tuner/core/normal.h"

enum { BITS = 32 };

/* Primitive polynomials (all coefficients as bits, leading one included) and initial direction numbers of dimensions 2
 * to 64: new-joe-kuo-6.21201, S. Joe and F. Y. Kuo (2008), SIAM J. Sci. Comput. 30, 2635-2654; Copyright (c) 2008,
 * Frances Y. Kuo and Stephen Joe, 3-clause BSD licence. */
static const struct {
    uint32_t polynomial;
    uint32_t m[9];
} JOE_KUO[SOBOL_MAX_DIM - 1] = {
    {3, {1}},
    {7, {1, 3}},
    {11, {1, 3, 1}},
    {13, {1, 1, 1}},
    {19, {1, 1, 3, 3}},
    {25, {1, 3, 5, 13}},
    {37, {1, 1, 5, 5, 17}},
    {41, {1, 1, 5, 5, 5}},
    {47, {1, 1, 7, 11, 19}},
    {55, {1, 1, 5, 1, 1}},
    {59, {1, 1, 1, 3, 11}},
    {61, {1, 3, 5, 5, 31}},
    {67, {1, 3, 3, 9, 7, 49}},
    {91, {1, 1, 1, 15, 21, 21}},
    {97, {1, 3, 1, 13, 27, 49}},
    {103, {1, 1, 1, 15, 7, 5}},
    {109, {1, 3, 1, 15, 13, 25}},
    {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}},
    {137, {1, 3, 7, 13, 13, 15, 69}},
    {143, {1, 1, 3, 13, 7, 35, 63}},
    {145, {1, 3, 5, 9, 1, 25, 53}},
    {157, {1, 3, 1, 13, 9, 35, 107}},
    {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}},
    {185, {1, 3, 5, 3, 3, 13, 69}},
    {191, {1, 1, 7, 13, 1, 19, 1}},
    {193, {1, 3, 7, 5, 13, 19, 59}},
    {203, {1, 1, 3, 9, 25, 29, 41}},
    {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}},
    {229, {1, 3, 1, 3, 5, 53, 69}},
    {239, {1, 1, 5, 5, 23, 33, 13}},
    {241, {1, 1, 7, 7, 1, 61, 123}},
    {247, {1, 1, 7, 9, 13, 61, 49}},
    {253, {1, 3, 3, 5, 3, 55, 33}},
    {285, {1, 3, 1, 15, 31, 13, 49, 245}},
    {299, {1, 3, 5, 15, 31, 59, 63, 97}},
    {301, {1, 3, 1, 11, 11, 11, 77, 249}},
    {333, {1, 3, 1, 11, 27, 43, 71, 9}},
    {351, {1, 1, 7, 15, 21, 11, 81, 45}},
    {355, {1, 3, 7, 3, 25, 31, 65, 79}},
    {357, {1, 3, 1, 1, 19, 11, 3, 205}},
    {361, {1, 1, 5, 9, 19, 21, 29, 157}},
    {369, {1, 3, 7, 11, 1, 33, 89, 185}},
    {391, {1, 3, 3, 3, 15, 9, 79, 71}},
    {397, {1, 3, 7, 11, 15, 39, 119, 27}},
    {425, {1, 1, 3, 1, 11, 31, 97, 225}},
    {451, {1, 1, 1, 3, 23, 43, 57, 177}},
    {463, {1, 3, 7, 7, 17, 17, 37, 71}},
    {487, {1, 3, 1, 5, 27, 63, 123, 213}},
    {501, {1, 1, 3, 5, 11, 43, 53, 133}},
    {529, {1, 3, 5, 5, 29, 17, 47, 173, 479}},
    {539, {1, 3, 3, 11, 3, 1, 109, 9, 69}},
    {545, {1, 1, 1, 5, 17, 39, 23, 5, 343}},
    {557, {1, 3, 1, 5, 25, 15, 31, 103, 499}},
    {563, {1, 1, 1, 11, 11, 17, 63, 105, 183}},
    {601, {1, 1, 5, 11, 9, 29, 97, 231, 363}},
    {607, {1, 1, 5, 15, 19, 45, 41, 7, 383}},
    {617, {1, 3, 7, 7, 31, 19, 83, 137, 221}},
    {623, {1, 1, 1, 3, 23, 15, 111, 223, 83}},
    {631, {1, 1, 5, 13, 31, 15, 55, 25, 161}},
    {637, {1, 1, 3, 13, 25, 47, 39, 87, 257}},
};

/* Direction numbers of one dimension, v[k] = m_k 2^(32 - k - 1). */
static void directions(size_t dimension, uint32_t v[BITS])
{
    if (dimension == 0) {
        for (unsigned k = 0; k < BITS; k++)
            v[k] = 1U << (BITS - 1 - k);
        return;
    }
    const uint32_t polynomial = JOE_KUO[dimension - 1].polynomial;
    unsigned degree = 0;
    while (polynomial >> (degree + 1) != 0)
        degree++;
    for (unsigned k = 0; k < BITS; k++) {
        if (k < degree) {
            v[k] = JOE_KUO[dimension - 1].m[k] << (BITS - 1 - k);
            continue;
        }
        v[k] = v[k - degree] ^ (v[k - degree] >> degree);
        for (unsigned i = 1; i < degree; i++) {
            if ((polynomial >> (degree - i) & 1U) != 0)
                v[k] ^= v[k - i];
        }
    }
}

/* Random lower triangular matrix with a unit diagonal, row r seen from the top bit; applied to the columns v. */
static void scramble(struct rng *rng, uint32_t v[BITS])
{
    uint32_t out[BITS] = {0};
    for (unsigned r = 0; r < BITS; r++) {
        const uint32_t above = r == 0 ? 0 : ~0U << (BITS - r); /* the bits above the diagonal */
        const uint32_t row = ((uint32_t)rng_u64(rng) & above) | 1U << (BITS - 1 - r);
        for (unsigned k = 0; k < BITS; k++) {
            if (__builtin_parity(row & v[k]) != 0)
                out[k] |= 1U << (BITS - 1 - r);
        }
    }
    for (unsigned k = 0; k < BITS; k++)
        v[k] = out[k];
}

void sobol_init(struct sobol *sobol, size_t dim, struct rng *rng)
{
    assert(dim >= 1 && dim <= SOBOL_MAX_DIM);
    sobol->dim = dim;
    sobol->index = 0;
    for (size_t i = 0; i < dim; i++) {
        directions(i, sobol->direction[i]);
        scramble(rng, sobol->direction[i]);
        sobol->state[i] = (uint32_t)(rng_u64(rng) >> 32);
    }
}

void sobol_next(struct sobol *sobol, double *ret)
{
    for (size_t i = 0; i < sobol->dim; i++)
        ret[i] = ((double)sobol->state[i] + 0.5) * 0x1p-32;
    /* Gray code: the next point differs by the direction of the lowest zero bit of the index. */
    unsigned bit = 0;
    while ((sobol->index >> bit & 1U) != 0)
        bit++;
    sobol->index++;
    for (size_t i = 0; bit < BITS && i < sobol->dim; i++)
        sobol->state[i] ^= sobol->direction[i][bit];
}

void sobol_next_normal(struct sobol *sobol, double *ret)
{
    sobol_next(sobol, ret);
    for (size_t i = 0; i < sobol->dim; i++)
        ret[i] = normal_quantile(ret[i]);
}

void sobol_normals(struct rng *rng, size_t n_points, size_t n_draws, double *ret)
{
    struct sobol sobol;
    uint32_t order[SOBOL_MAX_DRAWS];
    double point[SOBOL_MAX_DIM] = {0.0};
    const size_t dim = n_points < SOBOL_MAX_DIM ? n_points : SOBOL_MAX_DIM;
    assert(n_draws <= SOBOL_MAX_DRAWS);
    for (uint32_t j = 0; j < n_draws; j++)
        order[j] = j;
    rng_shuffle(rng, n_draws, order);
    sobol_init(&sobol, dim, rng);
    for (size_t j = 0; j < n_draws; j++) {
        sobol_next_normal(&sobol, point);
        for (size_t i = 0; i < dim; i++)
            ret[i * n_draws + order[j]] = point[i];
    }
    for (size_t i = dim * n_draws; i < n_points * n_draws; i++)
        ret[i] = rng_normal(rng);
}
