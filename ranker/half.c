#include "ranker/half.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SIGN = 0x8000, INFINITE = 0x7c00, QUIET = 0x7e00, DROPPED = 42 /* bits of a double's fraction, of 52 */ };

/* The bits of a half, put where a float has them, are its value times 2^-112: the difference of the two biases. */
float half_to_float(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & ~SIGN) << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    if ((half & INFINITE) == INFINITE)
        value = (half & ~SIGN) == INFINITE ? HUGE_VALF : NAN;
    return (half & SIGN) != 0 ? -value : value;
}

/* A float that is a half exactly. */
static uint16_t bits_of(float value)
{
    uint32_t bits;
    const float scaled = fabsf(value) * 0x1p-112f;
    memcpy(&bits, &scaled, sizeof bits);
    return (uint16_t)(bits >> 13 | (signbit(value) ? SIGN : 0));
}

uint16_t half_from_float(float value)
{
    if (isnan(value))
        return (uint16_t)(QUIET | (signbit(value) ? SIGN : 0));
    const float within = fabsf(value) > HALF_MAX ? copysignf(HALF_MAX, value) : value;
    return bits_of(half_round((double)within));
}

void half_from_floats(size_t n, const float *values, uint16_t *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = half_from_float(values[i]);
}

float half_round(double value)
{
    const double size = fabs(value);
    if (isnan(value))
        return NAN;
    if (size >= 65520.0)
        return copysignf(HUGE_VALF, (float)value);
    if (size < 0x1p-14) /* from 2^28 to 2^29 a double's last digit is 2^-24 */
        return (float)copysign((size + 0x1p28) - 0x1p28, value);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const bool odd = (bits >> DROPPED & 1) != 0;
    bits += (UINT64_C(1) << (DROPPED - 1)) - (odd ? 0 : 1);
    bits = bits >> DROPPED << DROPPED;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}
