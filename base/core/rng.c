#include "base/core/rng.h"

#include <assert.h>
#include <math.h>
#include <sys/random.h>

#include "base/core/int128.h"

uint64_t rng_hash_text(const char *text)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        h = (h ^ *c) * 0x100000001b3U;
    return rng_mix(h);
}

void rng_init(struct rng *rng, uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t x = rng_mix(rng_mix(rng_mix(seed) ^ a) ^ b);
    for (int i = 0; i < 4; i++) {
        x += 0x9e3779b97f4a7c15U;
        rng->s[i] = rng_mix(x);
    }
}

double rng_open(struct rng *rng)
{
    return ((double)(rng_u64(rng) >> 12) + 0.5) * 0x1p-52;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    assert(n > 0);
    /* Lemire 2019: reject the few low products that would favour small results. */
    uint128 m = (uint128)rng_u64(rng) * n;
    if ((uint64_t)m < n) {
        const uint64_t threshold = (0 - n) % n;
        while ((uint64_t)m < threshold)
            m = (uint128)rng_u64(rng) * n;
    }
    return (uint64_t)(m >> 64);
}

double rng_normal(struct rng *rng)
{
    double u, v, s;
    do {
        u = 2.0 * rng_uniform(rng) - 1.0;
        v = 2.0 * rng_uniform(rng) - 1.0;
        s = u * u + v * v;
    } while (s >= 1.0 || s <= 0.0);
    return u * sqrt(-2.0 * log(s) / s);
}

double rng_gamma(struct rng *rng, double shape)
{
    assert(shape > 0.0);
    if (shape < 1.0)
        return rng_gamma(rng, shape + 1.0) * pow(rng_open(rng), 1.0 / shape);
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = rng_normal(rng);
        const double v = 1.0 + c * x;
        if (v <= 0.0)
            continue;
        const double v3 = v * v * v;
        if (log(rng_open(rng)) < 0.5 * x * x + d - d * v3 + d * log(v3))
            return d * v3;
    }
}

void rng_shuffle(struct rng *rng, size_t n, uint32_t *index)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)rng_below(rng, i);
        const uint32_t swap = index[i - 1];
        index[i - 1] = index[j];
        index[j] = swap;
    }
}

enum status rng_secret(void *bytes, size_t n, struct err *err)
{
    if (getrandom(bytes, n, 0) != (ssize_t)n)
        return err_errno(err, "read %zu random bytes from the kernel", n);
    return STATUS_OK;
}
