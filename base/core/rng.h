/* rng.h - seeded random numbers.
 *
 * A stream is a pure function of (seed, a, b): two parts of a program that use different (a, b) never share draws, so
 * adding a draw in one place changes no other.  Not for secrets: those come from rng_secret(). Generator:
 * xoshiro256++ 1.0 (Blackman & Vigna 2021, ACM TOMS 47(4)), seeded by splitmix64 as its authors advise. Thread: a
 * stream belongs to one thread.  What simulations call a hundred times a request is here in the header, inline. */
#ifndef TRIMTAB_BASE_CORE_RNG_H
#define TRIMTAB_BASE_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed, uint64_t a, uint64_t b);

static inline uint64_t rng_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->s;
    const uint64_t result = rng_rotate(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

/* Uniform on [0, 1) with 53 bits; rng_open is on (0, 1). */
static inline double rng_uniform(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double rng_open(struct rng *rng);
/* Uniform on 0 .. n - 1, without modulo bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Standard normal (inverse-free polar method, no state kept between calls). */
double rng_normal(struct rng *rng);
/* Gamma(shape, scale 1): Marsaglia & Tsang 2000; shape > 0. */
double rng_gamma(struct rng *rng, double shape);
/* Fisher-Yates on an index array. */
void rng_shuffle(struct rng *rng, size_t n, uint32_t *index);

/* One round of splitmix64: a good 64-bit mixer for combining ids. */
static inline uint64_t rng_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* FNV-1a of a text, mixed; for names that become seeds. */
uint64_t rng_hash_text(const char *text);
/* Bytes from the kernel (getrandom). */
MUST_CHECK enum status rng_secret(void *bytes, size_t n, struct err *err);

#endif
