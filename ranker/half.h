/* half.h - numbers in half precision, binary16 of IEEE 754-2019, in plain C: what the processor's instructions give.
 *
 * A half is kept in a uint16_t: sign, 5 bits of exponent, 10 of fraction.  Rounding is to nearest, ties to even;
 * subnormals (below 2^-14, steps of 2^-24) are numbers like others.  Pure. */
#ifndef TRIMTAB_RANKER_HALF_H
#define TRIMTAB_RANKER_HALF_H

#include <stddef.h>
#include <stdint.h>

#define HALF_MAX 65504.0f

float half_to_float(uint16_t half);
/* The nearest half; what is beyond HALF_MAX, infinities too, becomes HALF_MAX with its sign.  NaN stays NaN. */
uint16_t half_from_float(float value);
void half_from_floats(size_t n, const float *values, uint16_t *to);
/* The nearest half as an arithmetic instruction rounds to it, kept in a float: from 65520 on infinity. */
float half_round(double value);

#endif
