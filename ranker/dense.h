/* dense.h - the products of a layer over many rows, forward and backward (sgemm).
 *
 *   y = x w + b        dw = x' dy,   db = column sums of dy,   dx = dy w'
 *
 * A matrix is rows with a stride between them, so that one tower of many that lie side by side is a matrix too.
 * Thread: products of all threads take turns (dense.c says why). */
#ifndef TRIMTAB_RANKER_DENSE_H
#define TRIMTAB_RANKER_DENSE_H

#include <stddef.h>

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
/* dx [n, k] = keep dx + dy w'; keep 0: what dx holds is not read. */
void dense_backward_input(size_t n, size_t k, size_t m, struct const_matrix w, struct const_matrix dy, float keep,
                          struct matrix dx);

#endif
