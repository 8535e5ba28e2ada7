/* kernel_half.h - the products of serving in half precision (half.h), for processors that multiply 32 halves at once.
 *
 * Weights, inputs of a layer and the shares of items that are stored are halves.  Products are summed in half precision
 * over HALF_BLOCK inputs at a time and the blocks in single precision, starting from the bias:
 *
 *   y = relu(b + sum over blocks of (h1 (+) .. h_HALF_BLOCK)),  each (+) one fused multiply-add rounded to a half
 *
 * so the error of a sum does not grow with the layer.  The reference does the same in plain C and gives the same digits
 * on any machine, slowly.
 *
 * What is too large: inputs saturate at HALF_MAX, a sum that leaves the range of halves within a block becomes infinite
 * as in IEEE 754, and outputs saturate at HALF_MAX; a NaN sum, of infinities of both signs too, becomes 0 as in
 * kernel.h.  So no output is infinite or NaN.
 *
 * Weights come in panels of HALF_PANEL outputs (half_pack).  An input comes as the same half twice in 32 bits, because
 * reading 32 bits into all lanes costs the processor nothing beside the load, and reading 16 bits a shuffle.
 *
 *   version      file                    needs          a tile of outputs
 *   reference    kernel_half.c           nothing        1 row by 32
 *   avx512fp16   kernel_avx512fp16.c     AVX512-FP16    12 rows by 64, in 24 of 32 registers
 *
 * A compiler that does not know AVX512-FP16 leaves that version out.  Pure. */
#ifndef TRIMTAB_RANKER_KERNEL_HALF_H
#define TRIMTAB_RANKER_KERNEL_HALF_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum { HALF_PANEL = 32, HALF_BLOCK = 32 };

struct half_kernel {
    const char *name;
    /* to [n] = the halves nearest to x [n], saturated, each twice. */
    void (*pairs)(size_t n, const float *x, uint32_t *to);
    /* y [n * m] as above from x [n * k] in pairs, w [k * m] in panels and b [m]; m a multiple of HALF_PANEL; n and k
     * may be 0. */
    void (*layer)(size_t n, size_t k, size_t m, const uint32_t *x, const uint16_t *panels, const float *b, float *y);
    /* y [m] = relu(a [m] + b [m]) in single precision; m a multiple of HALF_PANEL. */
    void (*join)(size_t m, const uint16_t *a, const float *b, float *y);
    /* As in kernel.h; NULL in the reference. */
    float (*spin)(size_t steps);
    size_t spin_flops;
};

extern const struct half_kernel HALF_REFERENCE;
/* NULL where the compiler or the architecture has no such version; for half_kernel_find(). */
extern const struct half_kernel *const HALF_AVX512FP16;

/* The version that the processor and the operating system run at full speed.
 * STATUS_INVALID  there is none; the line says what it takes */
MUST_CHECK enum status half_kernel_find(const struct half_kernel **ret, struct err *err);

/* w [k * m] row by row -> panels [k * m] of halves; m a multiple of HALF_PANEL. */
void half_pack(size_t k, size_t m, const float *w, uint16_t *panels);

#endif
