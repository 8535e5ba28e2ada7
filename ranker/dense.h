/* dense.h - the products of a layer over many rows, forward and backward, with the machine's best kernel (kernel.h).
 *
 *   y = x w + b        dw = x' dy,   db = column sums of dy,   dx = dy w'
 *
 * A matrix is rows with a stride between them, so that one tower of many that lie side by side is a matrix too.  A
 * product takes KERNEL_ALIGN columns and DENSE_DEPTH products of each sum at a time, whose second factor is first
 * copied to where it has no gaps, transposed on the way where need be.  Pure: any number of threads at once; the digits
 * depend on the machine only through the kernel. */
#ifndef TRIMTAB_RANKER_DENSE_H
#define TRIMTAB_RANKER_DENSE_H

#include <stdbool.h>
#include <stddef.h>

enum { DENSE_DEPTH = 256 };

struct matrix {
    float *at;
    size_t stride; /* floats from one row to the next */
};
struct const_matrix {
    const float *at;
    size_t stride;
};

/* y [n, m] = x [n, k] w [k, m] + b [m] */
void dense(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix w, const float *b, struct matrix y);
/* dw [k, m] and db [m] from x and dy [n, m]. */
void dense_backward(size_t n, size_t k, size_t m, struct const_matrix x, struct const_matrix dy, struct matrix dw,
                    float *db);
/* dx [n, k] = dy w', or, to add, dx + dy w'. */
void dense_backward_input(size_t n, size_t k, size_t m, struct const_matrix w, struct const_matrix dy, bool add,
                          struct matrix dx);

#endif
